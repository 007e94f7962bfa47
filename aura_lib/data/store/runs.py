"""Runs of parts: read as one, grown by what is new, merged so that there are never many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from aura_lib.data.store import part
from aura_lib.data.store.blobs import Blobs
from aura_lib.data.store.identity import Leaf, Rows, block_start
from aura_lib.data.store.manifest import Run
from aura_lib.data.store.panel import laid

__all__ = ["BATCH", "NOTHING", "grown", "rows", "written"]

GROWTH = 4  # a run is merged with the one before it unless that one has this many times its rows
LONG = 4  # times as many rows before the last block as in it: a history whose end is kept apart
BATCH = 64  # symbols that are worked on at once
NOTHING = Rows(np.empty(0, "i8"), {})


def rows(
    blobs: Blobs,
    runs: Sequence[Run],
    symbols: Sequence[str],
    fields: Sequence[str] | None = None,
    low: int | None = None,
    high: int | None = None,
) -> dict[str, Rows]:
    """Rows of symbols, those of later runs over those of earlier ones."""
    found: dict[str, Rows] = {}
    for run in runs:
        for ref in run:
            named = [symbol for symbol in symbols if ref.low <= symbol <= ref.high]
            for symbol, rows in part.read(blobs, ref, named, fields, low, high).items() if named else ():
                found[symbol] = laid(found[symbol], rows) if symbol in found else rows
    return found


def grown(
    blobs: Blobs, frequency: str, fields: Sequence[str], runs: Sequence[Run], changed: Mapping[str, Rows]
) -> tuple[Run, ...]:
    """Runs with changed rows behind them; runs that are small beside what follows are merged with it."""
    total = sum(map(len, changed.values()))
    if not total:
        return tuple(runs)
    keep, merged = list(runs), list[Run]()
    while keep and _count(keep[-1:]) < GROWTH * total:
        merged.insert(0, keep.pop())
        total += _count(merged[:1])
    return (*keep, *written(blobs, frequency, fields, _merged(blobs, merged, changed)))


def written(
    blobs: Blobs, frequency: str, fields: Sequence[str], rows: Iterable[tuple[str, Rows, Leaf | None]]
) -> tuple[Run, ...]:
    """Rows of symbols (ascending) as runs: one of most rows, one of the ends of long histories.

    What is added goes behind an end and needs its last block again: so it is found without reading what is before it.
    """
    ends: list[tuple[str, Rows, None]] = []

    def beginnings() -> Iterator[tuple[str, Rows, Leaf | None]]:
        for symbol, held, known in rows:
            begin = int(np.searchsorted(held.times, block_start(frequency, int(held.times[-1])))) if len(held) else 0
            if begin < LONG * (len(held) - begin):
                yield symbol, held, known
                continue
            ends.append((symbol, held.take(slice(begin, None)), None))
            yield symbol, held.take(slice(begin)), Leaf("", known.stem) if known else None

    runs = [part.write(blobs, frequency, fields, beginnings()), part.write(blobs, frequency, fields, ends)]
    return tuple(run for run in runs if run)


def _merged(blobs: Blobs, runs: Sequence[Run], changed: Mapping[str, Rows]) -> Iterator[tuple[str, Rows, None]]:
    symbols = {s for run in runs for ref in run for s in part.opened(blobs, ref).index} | set(changed)
    ordered = iter(sorted(symbols))
    while batch := list(islice(ordered, BATCH)):
        old = rows(blobs, runs, batch)
        for symbol in batch:
            yield symbol, laid(old.get(symbol, NOTHING), changed.get(symbol, NOTHING)), None


def _count(runs: Sequence[Run]) -> int:
    """Rows of runs, counted as they lie."""
    return sum(part.rows for run in runs for part in run)
