"""Columns: the features that combinations ask for, each computed once for all that ask for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.sweep.rule import PRICES
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.rule import Rule

    Numbers = NDArray[np.float64]
    Key = tuple[Any, tuple[str, ...], tuple[float, ...]]  # a function, the prices it reads, its numbers

SIZE = 64 << 20  # bytes of columns held at once
LEAST = 64  # combinations that are never parted
BATCH = 64  # columns computed at once


class Columns:
    """A table of features, number × symbol × bar, that grows with what is asked, up to SIZE.

    What was handed out stays as it is: a full table is left to its readers, and another begun.
    """

    def __init__(self, prices: Numbers) -> None:
        self.prices = prices
        _, self.bars, self.symbols = prices.shape
        self.most = max(SIZE // (8 * self.bars * self.symbols), 4 * LEAST)
        self._lock = Lock()
        self._begin(0)

    def _begin(self, columns: int) -> None:
        self._places: dict[Key, int] = {}
        self._table = np.empty((columns, self.symbols, self.bars))

    def _make_room(self, keys: list[Key]) -> None:
        """A table that holds these columns too: the one there is, a larger one, or one for them alone."""
        needed, there = len({*self._places, *keys}), self._table
        if needed > self.most:
            self._begin(self.most)
        elif needed > len(there):  # no larger than it must be: fresh memory is slow to touch
            self._table = np.empty((min(max(needed, 2 * len(there)), self.most), self.symbols, self.bars))
            self._table[: len(self._places)] = there[: len(self._places)]

    def parts(self, rule: Rule, given: Numbers) -> Iterator[tuple[int, int, Numbers, NDArray[np.uint32]]]:
        """Combinations in parts whose features fit the table: first, last, table, columns (features × part)."""
        first = 0
        while first < len(given):
            last = len(given)
            asked = _asked(rule, given[first:last])
            while sum(len(numbers) for _, numbers, _ in asked) > self.most and last - first > LEAST:
                last = first + max((last - first) // 2, LEAST)
                asked = _asked(rule, given[first:last])
            yield first, last, *self._filled(asked, last - first)
            first = last

    def _filled(self, asked: Any, count: int) -> tuple[Numbers, NDArray[np.uint32]]:
        columns = np.zeros((max(len(asked), 1), count), dtype=np.uint32)
        keys = [(f.function, f.prices, each) for f, numbers, _ in asked for each in numbers]
        with self._lock:
            self._make_room(keys)
            self._compute([key for key in dict.fromkeys(keys) if key not in self._places])
            for row, (feature, numbers, inverse) in zip(columns, asked, strict=False):
                places = [self._places[feature.function, feature.prices, each] for each in numbers]
                row[:] = np.array(places, dtype=np.uint32)[inverse]
            return self._table, columns

    def _compute(self, keys: list[Key]) -> None:
        for (function, fields), group in groupby(keys, key=lambda key: key[:2]):
            numbers = [key[2] for key in group]
            for at in range(0, len(numbers), BATCH):
                batch, first = numbers[at : at + BATCH], len(self._places)
                for symbol in range(self.symbols):
                    self._fill(function, fields, batch, symbol, self._table[first : first + len(batch), symbol])
                self._places |= {(function, fields, each): first + i for i, each in enumerate(batch)}

    def _fill(self, function: Any, fields: tuple[str, ...], numbers: list[Any], symbol: int, out: Numbers) -> None:
        """A feature for several numbers, a row each."""
        prices = [np.ascontiguousarray(self.prices[PRICES.index(name), :, symbol]) for name in fields]
        if many := getattr(function, "table", None):
            many(*prices, numbers, out)
            return
        for row, each in zip(out, numbers, strict=True):
            made = np.asarray(function(*prices, *each), np.float64)
            if made.shape != row.shape:
                name = getattr(function, "__name__", repr(function))
                raise InputError(f"feature {name}{each} does not give one number for each of the {self.bars} bars")
            row[:] = made


def _asked(rule: Rule, given: Numbers) -> list[tuple[Any, list[tuple[float, ...]], NDArray[np.int64]]]:
    """For each feature the distinct numbers it is asked for, and which of them each combination takes."""
    found: list[tuple[Any, list[tuple[float, ...]], NDArray[np.int64]]] = []
    for feature in rule.features:
        at = [rule.parameters.index(p) for p in feature.parameters]
        rows, inverse = np.unique(given[:, at[0]] if len(at) == 1 else given[:, at], axis=0, return_inverse=True)
        numbers = [tuple(map(float, row)) for row in rows.reshape(len(rows), len(at))]
        found.append((feature, numbers, inverse.reshape(-1).astype(np.int64)))
    return found
