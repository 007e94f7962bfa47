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
    - `as_of`: what a run at that moment got: the newest version recorded by then which reached it, or else the first
      that did. Later revisions do not change the answer.

    Raises InputError when nothing had been recorded by `known`.
    """
    holding = [version for version in versions if all(symbol in version.held for symbol in symbols)]
    if known is not None and holding:
        by = [version for version in holding if version.recorded <= _moment(version, known, "known")]
        if not by:
            raise InputError(
                f"known={known}: nothing of {holding[0].series.source} was recorded by then; the first version is of "
                f"{holding[0].recorded.isoformat(timespec='seconds')}"
            )
        holding = by
    if as_of is None or not holding:
        return holding[-1] if holding else None
    moment = _moment(holding[-1], as_of, "as_of")
    reaching = [version for version in holding if _reaches(version, symbols, moment)]
    in_time = [version for version in reaching if version.recorded <= moment]
    return (in_time[-1:] or reaching[:1] or holding[-1:])[0]


def _reaches(version: Version, symbols: Sequence[str], moment: datetime) -> bool:
    calendar = Calendar.of(version.series.calendar)
    return asked(version, symbols or version.held) >= reach(calendar, moment, version.series.frequency)


def _moment(version: Version, when: When, name: str) -> datetime:
    return Calendar.of(version.series.calendar).moment(when, name)
