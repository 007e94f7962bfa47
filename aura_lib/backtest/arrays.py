"""The crossing to vectorbt: filled amounts in, a `vectorbt.Portfolio` and per-bar arrays out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, DataError, Fill

if TYPE_CHECKING:
    from numpy.typing import NDArray

RELATIVE = 1e-9  # two floats for one Decimal may differ by this


@dataclass(frozen=True, eq=False, slots=True)
class Arrays:
    """What vectorbt made of the fills, a row a bar: `equity` and `cash` (Series), `positions` (frame, in units)."""

    portfolio: Any
    equity: pd.Series
    cash: pd.Series
    positions: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where a fill goes: a row of the expanded table, and a column."""

    row: int
    column: int
    fill: Fill


def simulate(fills: Sequence[Fill], bars: Bars, symbols: Sequence[str], cash: Decimal) -> Arrays:
    """Hand fills to `vectorbt.Portfolio.from_orders` as amounts, at their own prices and fees, in their own order.

    A row a bar; a bar in which a symbol trades twice gets a second row with the same time, and the arrays keep
    the last. Holdings are marked at the last known close: a NaN close is carried forward. The Rust engine is
    used throughout: nothing is compiled on the way.

    Raises DataError when vectorbt booked anything else than the fills.
    """
    from vectorbt.portfolio.base import Portfolio

    columns = {symbol: column for column, symbol in enumerate(symbols)}
    source, cells = _rows(fills, bars.times, columns)
    close = bars.close[list(symbols)].ffill().iloc[source]
    size, price, fee = (np.full(close.shape, empty) for empty in (np.nan, np.nan, 0.0))
    for cell in cells:
        fill, at = cell.fill, (cell.row, cell.column)
        size[at] = float(fill.quantity * fill.instrument.multiplier) * fill.side.sign
        price[at], fee[at] = float(fill.price), float(fill.fee)
    with _nothing_compiled():
        portfolio = Portfolio.from_orders(
            close,
            size=size,
            size_type="amount",
            direction="both",
            price=price,
            fees=0.0,
            fixed_fees=fee,
            slippage=0.0,
            min_size=0.0,
            init_cash=float(cash),
            cash_sharing=True,
            group_by=True,
            call_seq=_sequence(cells, close.shape),
            max_orders=max(len(cells), 1),
            freq="1D",
            engine="rust",
        )
        _same(portfolio, cells)
        equity, cash_left, units = portfolio.value(), portfolio.cash(), portfolio.assets()
    last = np.append(np.diff(source) > 0, True)  # of the rows that share a time
    multipliers = [float(bars.instruments[symbol].multiplier) for symbol in symbols]
    return Arrays(portfolio, equity[last].rename("equity"), cash_left[last].rename("cash"), units[last] / multipliers)


@contextmanager
def _nothing_compiled() -> Iterator[None]:
    """Let vectorbt count the columns of a group in plain Python.

    This one helper is numba's whatever the engine: 1.2 s to load from its cache and more to compile, for a loop
    over the columns.
    """
    from vectorbt.base import column_grouper

    compiled = column_grouper.get_group_lens_nb
    column_grouper.get_group_lens_nb = getattr(compiled, "py_func", compiled)
    try:
        yield
    finally:
        column_grouper.get_group_lens_nb = compiled


def _rows(
    fills: Sequence[Fill], times: pd.DatetimeIndex, columns: dict[str, int]
) -> tuple[NDArray[np.int64], list[_Cell]]:
    """The bar behind each row of the expanded table, and the cell of each fill."""
    bar_of = times.get_indexer(pd.DatetimeIndex([fill.time for fill in fills], tz="UTC").as_unit("us"))
    extra: list[int] = []  # bars that need one more row, ascending
    cells: list[_Cell] = []
    taken: set[int] = set()
    for fill, bar in zip(fills, bar_of.tolist(), strict=True):
        if bar < 0:
            raise DataError(f"fill {fill.execution_id} at {fill.time} falls on none of the {len(times)} bars")
        row, column = bar + len(extra), columns[fill.symbol]
        if not cells or cells[-1].row != row:
            taken = set()
        elif column in taken:
            extra.append(bar)
            row, taken = row + 1, set()
        taken.add(column)
        cells.append(_Cell(row, column, fill))
    source = np.sort(np.concatenate([np.arange(len(times)), np.asarray(extra, dtype=np.int64)]))
    return source, cells


def _sequence(cells: Sequence[_Cell], shape: tuple[int, int]) -> NDArray[np.int64]:
    """For every row, the columns in the order their fills happened, then the rest."""
    sequence = np.tile(np.arange(shape[1]), (shape[0], 1))
    filled: dict[int, list[int]] = {}
    for cell in cells:
        filled.setdefault(cell.row, []).append(cell.column)
    for row, first in filled.items():
        sequence[row] = first + [column for column in range(shape[1]) if column not in first]
    return sequence


def _same(portfolio: Any, cells: Sequence[_Cell]) -> None:
    """Refuse a portfolio that rejected, cut or moved a fill."""
    booked = np.sort(portfolio.orders.values, order=["idx", "col"])
    given = sorted(cells, key=lambda cell: (cell.row, cell.column))
    wanted = np.array(
        [(float(c.fill.quantity * c.fill.instrument.multiplier), float(c.fill.price), float(c.fill.fee)) for c in given]
    ).reshape(-1, 3)
    taken = np.column_stack([booked["size"], booked["price"], booked["fees"]])
    if taken.shape != wanted.shape or not np.allclose(taken, wanted, rtol=RELATIVE, atol=0):
        raise DataError(f"vectorbt booked {len(taken)} orders where the exchange made {len(wanted)} fills, or others")
