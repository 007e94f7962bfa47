"""How a version comes out of the one before: what is new or different, and what that does to its leaves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np

from aura_lib.core import Bars, Instrument
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.blobs import Blobs
from aura_lib.data.store.identity import Leaf, Rows, block_start, extend, leaf
from aura_lib.data.store.manifest import Entry, Manifest
from aura_lib.data.store.panel import empty_times, laid, rows_of
from aura_lib.data.store.port import Series
from aura_lib.data.store.runs import BATCH, NOTHING
from aura_lib.data.store.runs import rows as rows_in

__all__ = ["described", "different", "over"]


def described(bars: Bars, actions: str) -> Manifest:
    """The version that is exactly these bars; its runs are still to be made."""
    series = Series.of(bars)
    with ThreadPoolExecutor(2) as pool:  # hashing lets other threads run
        found = pool.map(lambda pair: (pair[0], _entry(series, bars.instruments[pair[0]], pair[1])), rows_of(bars))
        return Manifest(series, _fields(bars), (), dict(found), empty_times(bars), actions)


def over(blobs: Blobs, base: Manifest | None, bars: Bars, actions: str) -> tuple[Manifest, dict[str, Rows]]:
    """A version with bars over it (its runs are still to be made), and the rows that are new or different."""
    series = Series.of(bars)
    symbols = dict(base.symbols) if base else {}
    changed: dict[str, Rows] = {}
    for batch in _batches(rows_of(bars)):
        before = _ends(blobs, base, batch)
        for symbol, rows in batch.items():
            stem, old = before.get(symbol, ("", NOTHING))
            new = _changed(old, rows)
            entry = symbols.get(symbol) or Entry(bars.instruments[symbol], 0, 0, 0, Leaf("", ""))
            symbols[symbol] = replace(entry, instrument=bars.instruments[symbol])
            if len(new):
                changed[symbol] = new
                symbols[symbol] = _extended(series.frequency, symbols[symbol], stem, old, laid(old, new))
    ordered = {symbol: symbols[symbol] for symbol in sorted(symbols)}
    fields = {*(base.fields if base else ()), *_fields(bars)}
    names = tuple(name for name in FIELDS if name in fields)
    empty = base.empty if base else NOTHING.times
    for rows in changed.values() if len(empty) else ():
        empty = empty[~np.isin(empty, rows.times)]
    return Manifest(series, names, (), ordered, empty, actions), changed


def different(blobs: Blobs, base: Manifest, wanted: Manifest, bars: Bars) -> dict[str, Rows] | None:
    """Rows that a version has over another; None when a row has gone, or half of all are different."""
    if not base.symbols.keys() <= wanted.symbols.keys():
        return None
    found: dict[str, Rows] = {}
    moved = (pair for pair in rows_of(bars) if not _equal(base.symbols.get(pair[0]), wanted.symbols[pair[0]]))
    for batch in _batches(moved):
        old = rows_in(blobs, base.runs, list(batch))
        for symbol, rows in batch.items():
            before = old.get(symbol, NOTHING)
            if not np.isin(before.times, rows.times).all():
                return None
            found[symbol] = _changed(before, rows)
    many = 2 * sum(map(len, found.values())) > sum(entry.rows for entry in wanted.symbols.values())
    return None if many else found


def _ends(blobs: Blobs, base: Manifest | None, batch: Mapping[str, Rows]) -> dict[str, tuple[str, Rows]]:
    """Of each symbol the rows from the last block on and their stem; all of them if something earlier is added."""
    found: dict[str, tuple[str, Rows]] = {}
    if base is None:
        return found
    whole, lows = [], {}
    for symbol, rows in batch.items():
        entry = base.symbols.get(symbol)
        if entry is not None and entry.rows and len(rows):
            low = block_start(base.series.frequency, entry.last)
            if rows.times[0] >= low:
                lows[symbol] = low
            else:
                whole.append(symbol)
    for symbol, rows in rows_in(blobs, base.runs, whole).items():
        found[symbol] = ("", rows)
    for symbol, rows in rows_in(blobs, base.runs, list(lows), low=min(lows.values(), default=None)).items():
        found[symbol] = (base.symbols[symbol].leaf.stem, rows.take(rows.times >= lows[symbol]))
    return found


def _fields(bars: Bars) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name in bars.fields)


def _entry(series: Series, instrument: Instrument, rows: Rows) -> Entry:
    if not len(rows):
        return Entry(instrument, 0, 0, 0, Leaf("", ""))
    return Entry(instrument, len(rows), int(rows.times[0]), int(rows.times[-1]), leaf(series.frequency, rows))


def _extended(frequency: str, entry: Entry, stem: str, old: Rows, rows: Rows) -> Entry:
    """An entry whose last blocks, or all of them, were `old` and are now `rows`."""
    count = entry.rows - len(old) + len(rows)
    first = int(rows.times[0]) if not entry.rows else min(entry.first, int(rows.times[0]))
    last = int(rows.times[-1]) if not entry.rows else max(entry.last, int(rows.times[-1]))
    return replace(entry, rows=count, first=first, last=last, leaf=extend(frequency, stem, rows))


def _equal(old: Entry | None, new: Entry) -> bool:
    return old is not None and (old.rows, old.leaf) == (new.rows, new.leaf)


def _changed(old: Rows, new: Rows) -> Rows:
    """The new rows that are not among the old ones."""
    if not len(old):
        return new
    places = np.minimum(np.searchsorted(old.times, new.times), len(old) - 1)
    same = (old.matrix()[places] == new.matrix()).all(axis=1)
    return new.take(~same)


def _batches(pairs: Iterable[tuple[str, Rows]]) -> Iterator[dict[str, Rows]]:
    rest = iter(pairs)
    while batch := dict(islice(rest, BATCH)):
        yield batch
