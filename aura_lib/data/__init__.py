"""get, check and keep market data: `sources/` `store` `quality` `universe` `stream`"""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

import pandas as pd

from aura_lib.core import (
    AssetClass,
    Bars,
    Calendar,
    DataError,
    InputError,
    Instrument,
    Settings,
    day_or_moment,
    utc,
)
from aura_lib.data import files, quality, sources, store, synthesis
from aura_lib.data.files import read
from aura_lib.data.quality import check
from aura_lib.data.quoting import quotes
from aura_lib.data.store import Store

__all__ = [
    "check",
    "fetch",
    "files",
    "keep",
    "load",
    "quality",
    "quotes",
    "read",
    "sources",
    "store",
    "symbols",
    "synthesis",
    "universe",
]

TOLD = 10  # lines of a warning
When = str | date | datetime
Source = str | os.PathLike[str]


def symbols(source: Source = "sample", **reading: Any) -> tuple[str, ...]:
    """Every symbol of a source, indices too; of a vendor on the network those that it gave last."""
    adapter = sources.get(source, **reading)
    return tuple(_given_last(adapter)) if isinstance(adapter, sources.Vendor) else adapter.symbols()


def universe(source: Source = "sample", **reading: Any) -> tuple[str, ...]:
    """The symbols of a source that can be traded (an index is loaded by name, and is not among them)."""
    adapter = sources.get(source, **reading)
    if not isinstance(adapter, sources.Vendor):
        return adapter.universe()
    return tuple(s for s, what in _given_last(adapter).items() if what.asset_class is not AssetClass.INDEX)


def fetch(
    source: Source = "sample",
    *,
    symbols: Sequence[str] | None = None,
    frequency: str | None = None,
    settings: Settings | None = None,
    progress: Callable[[int, int], None] | None = None,
    **reading: Any,
) -> str:
    """Get all bars of a source, check them, keep them; the id of the snapshot that they became.

    A vendor on the network is asked for `symbols`; when not given, for those of its newest snapshot again. What it
    gives is kept as it traded and adjusted. `progress` is told how many symbols of how many are done.

    Raises DataError when the bars are unfit for use, InputError when AURA_HOME cannot be written.
    """
    settings = settings or Settings.load()
    adapter = sources.get(source, **reading)
    if isinstance(adapter, sources.Vendor):
        return _fetch_vendor(adapter, None if symbols is None else _named(symbols), frequency, settings, progress)
    if symbols is not None:
        raise InputError(f"{adapter.name} is fetched whole: leave out symbols={symbols!r}")
    return _fetch(adapter, frequency, settings)


def keep(bars: Bars, *, settings: Settings | None = None) -> Bars:
    """Bars in the store; they come back with their snapshot id."""
    return Store((settings or Settings.load()).ensure_home()).put(bars)


def load(
    symbols: Sequence[str] | Source | None = None,
    *,
    source: Source = "sample",
    start: When | None = None,
    end: When | None = None,
    as_of: When | None = None,
    snapshot: str | None = None,
    frequency: str | None = None,
    settings: Settings | None = None,
    **reading: Any,
) -> Bars:
    """Bars of a source or of a file, checked, from the store; what is not there yet is fetched into it.

    A vendor on the network is asked once for symbols that come together; from then on the store answers, until `fetch`
    asks again.

    A file is read each time, and each content of it is kept: `snapshot` brings back what was read once, also when the
    file has changed or gone. What its reader might not expect is a warning.

    Args:
        symbols: which, in this order; None means the source's universe, of a vendor all that it gave last. A file may
            stand here alone: `load("prices.csv")`.
        source: name of the data source, with its options if it has any (`synthetic:seed=7`), or the path of a
            CSV, Parquet or Excel file.
        start: first day (any date; the first session from then on) or moment with a time zone.
        end: last day or moment, included.
        as_of: what was known then: a session (its close is meant) or a moment with a time zone. Nothing later is in
            the bars.
        snapshot: id of a stored version; the latest one when not given.
        frequency: "1d"; of a file what it holds, when not given.
        settings: where AURA_HOME is; from the environment when not given.
        reading: how to read a file, see `data.files.Dialect`: columns, symbol, decimal, dayfirst, tz, calendar …; of a
            vendor `adjusted=False` for prices as they traded.

    Returns:
        Bars whose `snapshot` names the stored version they were cut from. NaN: the symbol did not trade.

    Raises:
        InputError: unknown symbols, source, frequency or snapshot; `as_of` is no session; `start` after `end`; a file
            that is not there or can be read in two ways.
        DataError: the data do not reach to `start`, `end` or `as_of` (stale data are refused, never returned short),
            a file or a stored file is damaged, or the bars are unfit for use.
    """
    if files.is_file(symbols):
        symbols, source = None, cast(Source, symbols)
    named = None if symbols is None else _named(cast(Sequence[str], symbols))
    settings = settings or Settings.load()
    adapter = sources.get(source, **({"frequency": frequency or "", **reading} if files.is_file(source) else reading))
    kept = Store(settings.home)
    if isinstance(adapter, files.FileSource):
        version, wanted = snapshot or _fetch_file(adapter, settings, kept), named
        if snapshot is None and named is not None:
            wanted = _wanted(named, adapter)
    elif isinstance(adapter, sources.Vendor):
        frequency, wanted = frequency or "1d", named
        version = (
            snapshot
            or kept.newest(adapter.name, frequency, named or (), _adjustment(adapter))
            or _fetch_vendor(adapter, named, frequency, settings)
        )
    else:
        frequency, wanted = frequency or "1d", _wanted(named, adapter)
        version = snapshot or kept.latest(adapter.name, frequency) or _fetch(adapter, frequency, settings)
    bars = kept.get(version, wanted)
    if bars.source != adapter.name or bars.frequency != (frequency or bars.frequency):
        raise InputError(
            f"snapshot {version} holds {bars.source} {bars.frequency}, not {adapter.name} {frequency or ''}".rstrip()
        )
    return _cut(bars, start, end, as_of)


def _fetch(adapter: sources.Adapter, frequency: str | None, settings: Settings) -> str:
    if isinstance(adapter, files.FileSource):
        return _fetch_file(adapter, settings, Store(settings.ensure_home()))
    kept = Store(settings.ensure_home())
    bars = adapter.fetch(adapter.symbols(), frequency or "1d")
    quality.check(bars).raise_if_bad()
    return kept.put(bars).snapshot


def _fetch_vendor(
    adapter: sources.Vendor,
    symbols: list[str] | None,
    frequency: str | None,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Ask a vendor, check what it gives, keep it raw and adjusted; what was left out is a warning."""
    kept = Store(settings.ensure_home())
    symbols = symbols or list(_given_last(adapter, settings))
    if not symbols:
        raise InputError(f"{adapter.name} lists no symbols, and none were fetched yet: name some, such as ['AAPL']")
    history = adapter.history(symbols, frequency or "1d", progress)
    quality.check(history.adjusted).raise_if_bad()
    _tell(adapter.name, history.remarks)
    raw, adjusted = kept.put(history.raw), kept.put(history.adjusted)
    return (adjusted if adapter.adjusted else raw).snapshot


def _given_last(adapter: sources.Vendor, settings: Settings | None = None) -> Mapping[str, Instrument]:
    """What the newest snapshot of a vendor holds; nothing when there is none."""
    kept = Store((settings or Settings.load()).home)
    held = kept.newest(adapter.name, "1d", (), _adjustment(adapter))
    return {} if held is None else kept.get(held).instruments


def _adjustment(adapter: sources.Vendor) -> str:
    return "splits and dividends" if adapter.adjusted else ""


def _fetch_file(adapter: files.FileSource, settings: Settings, kept: Store) -> str:
    """Read a file, check it, keep it; its oddities are warnings of whoever asked for it."""
    settings.ensure_home()
    try:
        found = adapter.reading
    except InputError as error:
        held = [] if adapter.path.exists() else kept.of(adapter.name)
        if held:
            raise InputError(f"{error}. The store has kept it: snapshot={held[-1]!r}") from None
        raise
    bars = found.bars
    _tell(adapter.name, [*found.remarks, *map(str, found.quality.findings)])
    return kept.put(bars).snapshot


def _tell(name: str, odd: Sequence[str]) -> None:
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


def _named(symbols: Sequence[str]) -> list[str]:
    if isinstance(symbols, str) or not all(isinstance(s, str) for s in symbols):
        raise InputError(f"symbols must be a list of texts, such as ['AAPL', 'MSFT'], not {symbols!r}")
    if not len(symbols):
        raise InputError("an empty list of symbols: name at least one, or leave it out for the whole universe")
    twice = sorted({s for s in symbols if list(symbols).count(s) > 1})
    if twice:
        raise InputError(f"symbols names {twice} more than once")
    return list(symbols)


def _wanted(symbols: list[str] | None, adapter: sources.Adapter) -> list[str]:
    if symbols is None:
        return list(adapter.universe())
    known = adapter.symbols()
    unknown = [s for s in symbols if s not in known]
    if unknown:
        near = sorted({n for s in unknown for n in difflib.get_close_matches(s.upper(), known, cutoff=0.5)})
        hint = f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(known[: TOLD * 4])}"
        raise InputError(f"{adapter.name} has no {unknown}: {hint}")
    return symbols


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
