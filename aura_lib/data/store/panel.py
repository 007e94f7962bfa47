"""From rows of symbols to a panel of Bars and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from aura_lib.core import Bars, Instrument
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.identity import Rows, Times
from aura_lib.data.store.port import Series

__all__ = ["empty_times", "laid", "panel", "rows_of"]


def rows_of(bars: Bars) -> Iterator[tuple[str, Rows]]:
    """Each symbol's rows, sorted by symbol, without those that say nothing."""
    times = bars.times.asi8
    columns = {name: np.ascontiguousarray(bars.fields[name].to_numpy().T) for name in FIELDS if name in bars.fields}
    places = {symbol: position for position, symbol in enumerate(bars.symbols)}
    for symbol in sorted(places):
        yield symbol, Rows(times, {name: values[places[symbol]] for name, values in columns.items()}).known()


def empty_times(bars: Bars) -> Times:
    """The moments at which no symbol has a row."""
    silent = np.ones(len(bars), bool)
    for frame in bars.fields.values():
        silent &= np.isnan(frame.to_numpy()).all(axis=1)
    return bars.times.asi8[silent]


def laid(old: Rows, new: Rows) -> Rows:
    """Old rows and new ones over them: a row of the same time is replaced whole."""
    if not len(old) or not len(new):
        return new if len(new) else old
    names = [name for name in FIELDS if name in old.fields or name in new.fields]
    if new.times[0] > old.times[-1]:
        return Rows(np.concatenate([old.times, new.times]), {n: _joined(old, new, n) for n in names})
    kept = old.take(~np.isin(old.times, new.times))
    order = np.argsort(np.concatenate([kept.times, new.times]), kind="stable")
    times = np.concatenate([kept.times, new.times])[order]
    return Rows(times, {name: _joined(kept, new, name)[order] for name in names})


def _joined(old: Rows, new: Rows, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.concatenate([r.fields[name] if name in r.fields else np.full(len(r), np.nan) for r in (old, new)])


def panel(
    series: Series,
    fields: Sequence[str],
    rows: Sequence[Rows],
    instruments: Mapping[str, Instrument],
    *,
    empty: Times,
    snapshot: str = "",
) -> Bars:
    """Bars of symbols' rows, in the order of `instruments`, with the moments at which nothing traded.

    They are not checked again: what the store holds was checked when it was put.
    """
    times = _union([held.times for held in rows], empty)
    index = pd.DatetimeIndex(times.view("M8[us]")).tz_localize("UTC")
    columns = pd.Index(list(instruments), dtype="str")
    places = [None if _same(held.times, times) else np.searchsorted(times, held.times) for held in rows]
    frames = {}
    for name in fields:
        values = np.empty((len(rows), len(times)))
        for line, held, place in zip(values, rows, places, strict=True):
            if place is None:
                line[:] = held.fields.get(name, np.nan)
            else:
                line[:] = np.nan
                line[place] = held.fields.get(name, np.nan)
        frames[name] = pd.DataFrame(values.T, index, columns, copy=False)
    words = {name: getattr(series, name) for name in ("source", "frequency", "calendar", "adjustment")}
    bars = object.__new__(Bars)
    bars.__dict__.update(
        words, fields=MappingProxyType(frames), snapshot=snapshot, instruments=MappingProxyType(dict(instruments))
    )
    return bars


def _same(left: Times, right: Times) -> bool:
    return left is right or (len(left) == len(right) and bool((left == right).all()))


def _union(every: Sequence[Times], empty: Times) -> Times:
    """All moments, ascending; symbols that share their moments cost one comparison each."""
    longest = max(every, key=len, default=empty)
    others = [times for times in [*every, empty] if len(times) and not _within(times, longest)]
    return np.unique(np.concatenate([longest, *others])) if others else longest


def _within(times: Times, whole: Times) -> bool:
    if _same(times, whole):
        return True
    if not len(whole) or times[-1] > whole[-1]:
        return False
    return bool((whole[np.searchsorted(whole, times)] == times).all())
