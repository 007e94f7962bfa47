"""get, check and keep market data: `sources/` `store` `quality` `universe` `stream`"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd

from aura_lib.core import Bars, Calendar, DataError, InputError, Settings, day_or_moment, utc
from aura_lib.data import quality, sources, store
from aura_lib.data.store import Store

__all__ = ["fetch", "load", "quality", "sources", "store", "universe"]

When = str | date | datetime


def universe(source: str = "sample") -> tuple[str, ...]:
    """The symbols of a source that can be traded (an index is loaded by name, and is not among them)."""
    return sources.get(source).universe()


def fetch(source: str = "sample", *, frequency: str = "1d", settings: Settings | None = None) -> str:
    """Get all bars of a source, check them, keep them; the id of the snapshot that they became.

    Raises DataError when the bars are unfit for use, InputError when AURA_HOME cannot be written.
    """
    adapter = sources.get(source)
    kept = Store((settings or Settings.load()).ensure_home())
    bars = adapter.fetch(adapter.symbols(), frequency)
    quality.check(bars).raise_if_bad()
    return kept.put(bars).snapshot


def load(
    symbols: Sequence[str] | None = None,
    *,
    source: str = "sample",
    start: When | None = None,
    end: When | None = None,
    as_of: When | None = None,
    snapshot: str | None = None,
    frequency: str = "1d",
    settings: Settings | None = None,
) -> Bars:
    """Bars from the store; the first time they are fetched from their source into it.

    Args:
        symbols: which, in this order; None means the source's universe.
        source: name of the data source.
        start: first day (any date; the first session from then on) or moment with a time zone.
        end: last day or moment, included.
        as_of: what was known then: a session (its close is meant) or a moment with a time zone. Nothing later is in
            the bars.
        snapshot: id of a stored version; the latest one when not given.
        frequency: "1d".
        settings: where AURA_HOME is; from the environment when not given.

    Returns:
        Bars whose `snapshot` names the stored version they were cut from. NaN: the symbol did not trade.

    Raises:
        InputError: unknown symbols, source, frequency or snapshot; `as_of` is no session; `start` after `end`.
        DataError: the data do not reach to `start`, `end` or `as_of` (stale data are refused, never returned short),
            a stored file is damaged, or the source's bars are unfit for use.
    """
    adapter = sources.get(source)
    wanted = _wanted(symbols, adapter)
    settings = settings or Settings.load()
    kept = Store(settings.home)
    version = snapshot or kept.latest(source, frequency) or fetch(source, frequency=frequency, settings=settings)
    bars = kept.get(version, wanted)
    if (bars.source, bars.frequency) != (source, frequency):
        raise InputError(f"snapshot {version} holds {bars.source} {bars.frequency}, not {source} {frequency}")
    return _cut(bars, start, end, as_of)


def _wanted(symbols: Sequence[str] | None, adapter: sources.Adapter) -> list[str]:
    if symbols is None:
        return list(adapter.universe())
    if isinstance(symbols, str) or not all(isinstance(s, str) for s in symbols):
        raise InputError(f"symbols must be a list of texts, such as ['AAPL', 'MSFT'], not {symbols!r}")
    if not len(symbols):
        raise InputError("an empty list of symbols: name at least one, or leave it out for the whole universe")
    twice = sorted({s for s in symbols if list(symbols).count(s) > 1})
    if twice:
        raise InputError(f"symbols names {twice} more than once")
    known = adapter.symbols()
    unknown = [s for s in symbols if s not in known]
    if unknown:
        near = sorted({n for s in unknown for n in difflib.get_close_matches(s.upper(), known, cutoff=0.5)})
        hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known)}"
        raise InputError(f"{adapter.name} has no {unknown}: {hint}")
    return list(symbols)


def _cut(bars: Bars, start: When | None, end: When | None, as_of: When | None) -> Bars:
    calendar = Calendar.of(bars.calendar)
    known = None if as_of is None else calendar.moment(as_of)
    first = None if start is None else _edge(start, "start", calendar)
    last = None if end is None else _edge(end, "end", calendar)
    if first is not None:
        for name, limit, given in (("end", last, end), ("as_of", known, as_of)):
            if limit is not None and first > limit:
                raise InputError(f"start={start} is after {name}={given}")
        _covered(bars, calendar.closes_between(first, bars.start), f"start={start}")
    for limit, name in ((last, f"end={end}"), (known, f"as_of={as_of}")):
        if limit is not None:
            _covered(bars, calendar.closes_between(bars.end, limit), name)
    cut = bars.between(first or bars.start, min(m for m in (last, known, bars.end) if m is not None))
    if not len(cut):
        raise DataError(f"no bar between start={start} and end={end}, as_of={as_of}: {_range(bars)}")
    return cut


def _edge(when: When, name: str, calendar: Calendar) -> datetime:
    """Start or end of a range as a moment: a day begins, or ends, at midnight of the exchange."""
    day = day_or_moment(when, name)
    if isinstance(day, datetime):
        return day
    midnight = pd.Timestamp(day) + pd.Timedelta(days=1 if name == "end" else 0)
    return utc(midnight.tz_localize(calendar.zone)) - pd.Timedelta(microseconds=1 if name == "end" else 0)


def _covered(bars: Bars, sessions: pd.DatetimeIndex, asked: str) -> None:
    """Refuse a request for sessions that the data do not have."""
    missing = sessions[(sessions < bars.times[0]) | (sessions > bars.times[-1])]
    if len(missing):
        raise DataError(
            f"{asked} asks for {len(missing)} session(s) that are not there ({missing[0]} to {missing[-1]}): "
            f"{_range(bars)}. Ask for less, or fetch newer data"
        )


def _range(bars: Bars) -> str:
    return f"{bars.source} has bars from {bars.start.date()} to {bars.end.date()} (snapshot {bars.snapshot})"
