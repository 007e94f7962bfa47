"""Get bars from where they come from, check them, keep them; of a vendor only what is missing."""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Calendar, InputError, Progress, Settings, WallClock, iso, utc, watched
from aura_lib.data import files, quality, sources, store
from aura_lib.data.answering import ASKED, held_now, newest
from aura_lib.data.store import Held, Keeper, Series, Version
from aura_lib.data.store.diff import diff
from aura_lib.data.vendor import History
from aura_lib.data.window import reach

__all__ = ["fetch", "fetch_file", "fetch_from", "keep", "kept", "named", "tell"]

OVERLAP = 5  # sessions asked for again: vendors correct the last days
TOLD = 10  # lines of a warning
QUALITY = "quality"  # note of a version: what the checks said of it, in numbers
Source = sources.Name


def fetch(
    source: Source = "sample",
    *,
    symbols: Sequence[str] | None = None,
    frequency: str | None = None,
    full: bool = False,
    settings: Settings | None = None,
    progress: Progress | None = None,
    **reading: Any,
) -> str:
    """Get bars of a source, check them, keep them; the id of the snapshot that they became.

    A vendor on the network is asked for `symbols`, or for all that it gave before; of those that are kept only for
    what came since, and the last five sessions again: what it has changed there is a warning, and a new version beside
    the old one. `full` asks for the whole history again, which also finds older changes. Any other source is fetched
    whole. `progress` is told how many symbols of how many are done; without one a bar shows where somebody watches.

    Raises DataError when the bars are unfit for use, InputError when AURA_HOME cannot be written.
    """
    adapter = sources.get(source, **reading)
    wanted = None if symbols is None else named(symbols)
    return fetch_from(
        adapter, settings or Settings.load(), symbols=wanted, frequency=frequency, full=full, progress=progress
    )


def fetch_from(
    adapter: sources.Adapter,
    settings: Settings,
    *,
    symbols: list[str] | None = None,
    frequency: str | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> str:
    """`fetch` of a source that is there already."""
    settings.ensure_home()
    if isinstance(adapter, sources.Vendor):
        with watched(progress, f"fetch {adapter.name}", "symbols") as told:
            return _fetch_vendor(adapter, symbols, frequency or "1d", full, settings, told)
    if symbols is not None:
        raise InputError(f"{adapter.name} is fetched whole: leave out symbols={symbols!r}")
    if isinstance(adapter, files.FileSource):
        return fetch_file(adapter, settings)
    found = _fit(adapter.fetch(adapter.symbols(), frequency or "1d"), None, settings)
    return kept(settings).put(found.bars, notes={QUALITY: found.report.summary()}).snapshot


def _fit(
    bars: Bars, actions: pd.DataFrame | None, settings: Settings, aside: quality.Quarantine | None = None
) -> quality.Admitted:
    """Bars that may be used: bad rows are set aside, kept and told. Raises DataError when all of it is unfit."""
    found = quality.admit(bars, actions=actions, aside=aside)
    quality.tell(found, settings.home, stacklevel=_outside())
    tell(bars.source, [str(finding) for finding in found.report.errors])
    return found


def keep(bars: Bars, *, settings: Settings | None = None) -> Bars:
    """Bars in the store; they come back with their snapshot id."""
    settings = settings or Settings.load()
    settings.ensure_home()
    return kept(settings).put(bars)


def kept(settings: Settings) -> Keeper:
    """The store of these settings."""
    return store.at(settings)


def fetch_file(adapter: files.FileSource, settings: Settings) -> str:
    """Read a file, check it, keep it; its oddities are warnings of whoever asked for it."""
    settings.ensure_home()
    keeper = kept(settings)
    try:
        found = adapter.reading
    except InputError as error:
        held = () if adapter.path.exists() else keeper.versions(adapter.name)
        if held:
            raise InputError(f"{error}. The store has kept it: snapshot={held[-1].snapshot!r}") from None
        raise
    tell(adapter.name, [*found.remarks, *map(str, found.quality.findings)])
    return keeper.put(found.bars, notes={QUALITY: found.quality.summary()}).snapshot


# ---- vendors -------------------------------------------------------------------------------------------------------
def _fetch_vendor(
    adapter: sources.Vendor,
    symbols: list[str] | None,
    frequency: str,
    full: bool,
    settings: Settings,
    progress: Progress,
) -> str:
    """Ask a vendor for what is missing, check what it gives, keep it as it traded; what is odd is a warning."""
    keeper = kept(settings)
    held = held_now(newest(keeper.versions(adapter.name, frequency)).values())
    symbols = symbols or list(held)
    if not symbols:
        raise InputError(f"{adapter.name} lists no symbols, and none were fetched yet: name some, such as ['AAPL']")
    given: list[History] = []
    for (start, _), group in _due(symbols, held, frequency, full):
        told = _onward(progress, sum(len(history.raw.symbols) for history in given), len(symbols))
        given.append(adapter.history(group, frequency, told, start=start))
    given = [history for history in given if len(history.raw)]  # none is no news
    snapshots = [_add(keeper, history, _freshest(given, history.raw.calendar), settings) for history in given]
    return snapshots[-1] if snapshots else held[symbols[-1]].snapshot


def _due(
    symbols: Sequence[str], held: Mapping[str, Version], frequency: str, full: bool
) -> Iterable[tuple[tuple[datetime | None, str], list[str]]]:
    """What to ask for: symbols of one exchange, and from when on their bars are wanted; None: all there are."""
    groups: dict[tuple[datetime | None, str], list[str]] = defaultdict(list)
    now = WallClock().now()
    for symbol in symbols:
        if symbol not in held:
            groups[None, ""].append(symbol)
            continue
        version = held[symbol]
        calendar, last = Calendar.of(version.series.calendar), version.held[symbol].last
        if full or last < reach(calendar, now, frequency):
            groups[None if full else _overlapping(calendar, version.held[symbol]), calendar.name].append(symbol)
    return groups.items()


def _overlapping(calendar: Calendar, held: Held) -> datetime | None:
    """A few sessions before the last bar."""
    earlier = calendar.closes_between(held.first, held.last)
    return utc(earlier[-min(OVERLAP, len(earlier))]) if len(earlier) else None


def _freshest(given: Iterable[History], calendar: str) -> str:
    """The last bar that a vendor gave of an exchange: of a symbol without it there is none."""
    return iso(max(history.raw.end for history in given if history.raw.calendar == calendar))


def _add(keeper: Keeper, history: History, upto: str, settings: Settings) -> str:
    """Lay what a vendor gave over what is kept; the snapshot that this makes."""
    found = _fit(history.raw, history.actions, settings, history.aside)
    bars = found.bars
    before = newest(keeper.versions(bars.source, bars.frequency)).get(Series.of(bars))
    told = {**(before.notes.get(ASKED, {}) if before else {}), **dict.fromkeys(bars.symbols, upto)}
    noted = {} if before else {QUALITY: found.report.summary()}  # of a part nothing can be said of the whole
    after = keeper.add(bars, history.actions, {ASKED: told, **noted})
    tell(bars.source, [*history.remarks, *(_changed(keeper, before, after) if before else [])])
    return after.snapshot


def _changed(keeper: Keeper, before: Version, after: Version) -> list[str]:
    """What a vendor told otherwise before, or late."""
    found = diff(keeper, before.snapshot, after.snapshot)
    values = len(found.revised)
    late = int(((found.actions["what"] != "added") | (found.actions["time"] <= before.end)).sum())
    what = f"it has changed {values} value(s) of bars and {late} split(s) or dividend(s) since it was asked last"
    return [f"{what}: aura data diff {before.snapshot} {after.snapshot}"] if values or late else []


def _onward(progress: Progress, done: int, total: int) -> Progress:
    """Progress over one part of all symbols."""
    return lambda part, _: progress(done + part, total)


# ---- said to whoever asked -----------------------------------------------------------------------------------------
def named(symbols: Sequence[str]) -> list[str]:
    """Symbols that were asked for, as a list of different texts. Raises InputError for anything else."""
    if isinstance(symbols, str) or not all(isinstance(s, str) for s in symbols):
        raise InputError(f"symbols must be a list of texts, such as ['AAPL', 'MSFT'], not {symbols!r}")
    if not len(symbols):
        raise InputError("an empty list of symbols: name at least one, or leave it out for the whole universe")
    twice = sorted({s for s in symbols if list(symbols).count(s) > 1})
    if twice:
        raise InputError(f"symbols names {twice} more than once")
    return list(symbols)


def tell(name: str, odd: Sequence[str]) -> None:
    """Warn whoever asked of what was odd."""
    if odd:
        more = f"\n  and {len(odd) - TOLD} more: aura.data.check(bars)" if len(odd) > TOLD else ""
        warnings.warn("\n  ".join([f"{name}:", *odd[:TOLD]]) + more, stacklevel=_outside())


def _outside() -> int:
    """How many frames up the caller of this package is: a warning names the line that asked."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("aura_lib."):
        frame, level = frame.f_back, level + 1
    return level
