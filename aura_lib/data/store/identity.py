"""What a snapshot is called: a hash of its content that every kind of store computes alike.

A symbol's leaf is a chain of hashes over its rows in blocks of time, so that rows added at the end need the last block
and what stood before it (the stem), not the whole history. The id of a version is a hash over its words, its symbols
in order of name with their instruments and leaves, its empty moments and its corporate actions. Row order, layout on
disk and the way a version came about are no part of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Instrument, digest, encode
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.port import Series

__all__ = [
    "ID_DIGITS",
    "Leaf",
    "Rows",
    "Times",
    "Values",
    "actions_leaf",
    "extend",
    "leaf",
    "snapshot_id",
    "times_leaf",
]

SCHEMA = 2
ID_DIGITS = 24  # short enough to read out, long enough never to meet by accident
LEAF_BYTES = 16
DAY = 86_400_000_000  # microseconds
LONG, SHORT = 365 * DAY, 28 * DAY  # width of a block of daily and weekly bars, of intraday bars

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Bars of one symbol: times (int64 microseconds UTC, ascending) and float64 values by field, NaN where unknown."""

    times: Times
    fields: Mapping[str, Values]

    def __len__(self) -> int:
        return len(self.times)

    def take(self, which: slice | npt.NDArray[Any]) -> Rows:
        """Some of the rows."""
        return Rows(self.times[which], {name: values[which] for name, values in self.fields.items()})

    def known(self) -> Rows:
        """Without the rows that are NaN in every field: they say nothing."""
        silent: Any = True
        for values in self.fields.values():
            silent = silent & np.isnan(values)
            if not silent.any():  # mostly so after the first field
                return self
        return self.take(~silent)

    def between(self, low: int | None, high: int | None) -> Rows:
        """The rows between two moments, included; None is no limit."""
        begin = 0 if low is None else int(np.searchsorted(self.times, low, "left"))
        end = len(self) if high is None else int(np.searchsorted(self.times, high, "right"))
        return self if (begin, end) == (0, len(self)) else self.take(slice(begin, end))

    def matrix(self) -> npt.NDArray[np.int64]:
        """Row by row the time and the bits of every field in the order of FIELDS; every NaN is the same one."""
        bits = np.empty((len(self), 1 + len(FIELDS)), "<i8")
        bits[:, 0] = self.times
        floats = bits.view("<f8")[:, 1:]
        for position, name in enumerate(FIELDS):
            floats[:, position] = self.fields.get(name, np.nan)
        unknown = np.isnan(floats)
        if unknown.any():
            floats[unknown] = np.nan
        return bits


@dataclass(frozen=True, slots=True)
class Leaf:
    """Hash of one symbol's rows, and the hash of those before its last block. Of no rows both are empty."""

    stem: str
    hash: str


def span(frequency: str) -> int:
    """Width of a block of time, microseconds."""
    return SHORT if frequency.endswith(("m", "h")) else LONG


def block_start(frequency: str, time: int) -> int:
    """Where the block of a moment begins."""
    return time - time % span(frequency)


def leaf(frequency: str, rows: Rows) -> Leaf:
    """The leaf of all rows of a symbol (none of them NaN in every field)."""
    return extend(frequency, "", rows)


def extend(frequency: str, stem: str, rows: Rows) -> Leaf:
    """The leaf of rows that begin a block and follow others whose leaf is `stem`."""
    if not len(rows):
        return Leaf("", stem)
    bits = rows.matrix()
    blocks = rows.times // span(frequency)
    borders = [0, *(np.flatnonzero(blocks[1:] != blocks[:-1]) + 1).tolist(), len(rows)]
    before = after = bytes.fromhex(stem)
    for first, last in pairwise(borders):
        before = after
        link = hashlib.blake2b(before, digest_size=LEAF_BYTES)
        link.update(bits[first:last].data)
        after = link.digest()
    return Leaf(before.hex(), after.hex())


def times_leaf(times: Times) -> str:
    """Hash of moments; of none it is empty."""
    return hashlib.blake2b(times.astype("<i8").tobytes(), digest_size=LEAF_BYTES).hexdigest() if len(times) else ""


def actions_leaf(actions: pd.DataFrame) -> str:
    """Hash of a table of corporate actions, by time then symbol; of an empty one it is empty."""
    if not len(actions):
        return ""
    link = hashlib.blake2b(
        pd.DatetimeIndex(actions["time"]).as_unit("us").asi8.astype("<i8").tobytes(), digest_size=LEAF_BYTES
    )
    link.update("\0".join(actions["symbol"]).encode())
    for name in ("dividend", "split"):
        values = actions[name].to_numpy("<f8")
        link.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return link.hexdigest()


@lru_cache(20_000)
def told(instrument: Instrument) -> dict[str, Any]:
    """An instrument as plain JSON values, the same for equal instruments (0.10 is 0.1); not to be changed."""
    words: dict[str, Any] = encode(instrument)
    numbers = {name: value for name in words if isinstance(value := getattr(instrument, name), Decimal)}
    return words | {name: f"{value.normalize():f}" for name, value in numbers.items()}


def snapshot_id(
    series: Series,
    fields: tuple[str, ...],
    symbols: Mapping[str, tuple[Instrument, str]],
    empty: Times,
    actions: str,
) -> str:
    """The name of a version.

    Args:
        series: what it is a version of.
        fields: its fields, also those that are NaN everywhere.
        symbols: by name their instrument and the hash of their leaf, in any order.
        empty: the moments of its panel at which no symbol has a row.
        actions: the leaf of its corporate actions.
    """
    content = {
        "schema": SCHEMA,
        "series": [series.source, series.frequency, series.calendar, series.adjustment],
        "fields": [name for name in FIELDS if name in fields],
        "symbols": [[told(symbols[name][0]), symbols[name][1]] for name in sorted(symbols)],
        "empty": times_leaf(empty),
        "actions": actions,
    }
    return digest(content)[:ID_DIGITS]
