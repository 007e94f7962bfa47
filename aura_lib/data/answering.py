"""Which of the versions that a store keeps answers a question: the newest, the one known then, the one that held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from aura_lib.core import Calendar, InputError, utc
from aura_lib.data.store.port import Series, Version
from aura_lib.data.window import When, reach

__all__ = ["answering", "asked", "held_now", "newest"]

ASKED = "asked"  # note of a version: symbol → up to when its vendor has told everything


def newest(versions: Iterable[Version]) -> dict[Series, Version]:
    """The newest version of each series."""
    return {version.series: version for version in versions}


def held_now(versions: Iterable[Version]) -> dict[str, Version]:
    """Every symbol that is kept, with the newest version that holds it."""
    return {symbol: version for version in versions for symbol in version.held}


def asked(version: Version, symbols: Iterable[str]) -> datetime:
    """Up to when a version knows all there was of all these symbols.

    Of a vendor that is when it was last asked for them: a symbol that came later than the others must not look as if
    it had stopped trading.
    """
    told: Mapping[str, str] = version.notes.get(ASKED, {})
    if not told:
        return version.end
    return min(utc(datetime.fromisoformat(told[s])) if s in told else version.held[s].last for s in symbols)


def answering(
    versions: Sequence[Version], symbols: Sequence[str], as_of: When | None = None, known: When | None = None
) -> Version | None:
    """The version that answers, None when nothing that is kept does.

    - Asked for nothing more, the newest that holds all the symbols.
    - `known`: the newest that had been recorded by then.
    - `as_of`: what a run at that moment got: the newest version recorded by then if it reached it, or else the first
      that did. Later revisions do not change the answer.

    Raises InputError when nothing had been recorded by `known`.
    """
    holding = (version for version in reversed(versions) if _holds(version, symbols))
    if as_of is None and known is None:
        return next(holding, None)
    newest_of_all = next(holding, None)  # looked at one by one: what a version holds may have to be read
    if newest_of_all is None:
        return None
    by = versions if known is None else _known(versions, symbols, _moment(newest_of_all, known, "known"), known)
    if as_of is None:
        return by[-1]
    moment = _moment(newest_of_all, as_of, "as_of")
    before = next((v for v in reversed(by) if v.recorded <= moment and _holds(v, symbols)), None)
    if before is not None and _reaches(before, symbols, moment):
        return before
    after = (v for v in by if v.recorded > moment and _holds(v, symbols) and _reaches(v, symbols, moment))
    return next(after, None) or next(v for v in reversed(by) if _holds(v, symbols))


def _known(versions: Sequence[Version], symbols: Sequence[str], moment: datetime, told: When) -> Sequence[Version]:
    """The versions up to the last one with these symbols that had been recorded by a moment."""
    for place in range(len(versions), 0, -1):
        if versions[place - 1].recorded <= moment and _holds(versions[place - 1], symbols):
            return versions[:place]
    first = next(version for version in versions if _holds(version, symbols))
    raise InputError(
        f"known={told}: nothing of {first.series.source} was recorded by then; the first version is of "
        f"{first.recorded.isoformat(timespec='seconds')}"
    )


def _holds(version: Version, symbols: Sequence[str]) -> bool:
    return all(symbol in version.held for symbol in symbols)


def _reaches(version: Version, symbols: Sequence[str], moment: datetime) -> bool:
    calendar = Calendar.of(version.series.calendar)
    return asked(version, symbols or version.held) >= reach(calendar, moment, version.series.frequency)


def _moment(version: Version, when: When, name: str) -> datetime:
    return Calendar.of(version.series.calendar).moment(when, name)
