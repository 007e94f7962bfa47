"""Fills as columns: what figures, curves and vectorbt are made from, without an object a trade."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.curve import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars, Fill

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

KINDS = ("spread", "slippage", "impact")  # what is hidden in the price; the fee stands beside it


@dataclass(frozen=True, eq=False, slots=True)
class Trades:
    """Executions in their order: row of the bars, place of the symbol, signed units, price, and what they cost.

    `value` is price × units × multiplier without its sign; `fee`, `spread`, `slippage` and `impact` are amounts. All
    money is in the instrument's currency.
    """

    row: Rows
    symbol: Rows
    units: Floats
    price: Floats
    value: Floats
    fee: Floats
    spread: Floats
    slippage: Floats
    impact: Floats

    def __len__(self) -> int:
        return len(self.row)

    @staticmethod
    def of(fills: Sequence[Fill], bars: Bars, symbols: Sequence[str]) -> Trades:
        """The columns of fills. One that lies behind the last bar raises DataError."""
        row = rows_of({fill.time for fill in fills}, bars)
        place = {symbol: n for n, symbol in enumerate(symbols)}
        units = _floats(fill.quantity * fill.side.sign for fill in fills)
        price = _floats(fill.price for fill in fills)
        scale = _floats(fill.instrument.multiplier for fill in fills)
        return Trades(
            np.array([row[fill.time] for fill in fills], dtype=np.int64),
            np.array([place[fill.symbol] for fill in fills], dtype=np.int64),
            units,
            price,
            np.abs(units) * price * scale,
            _floats(fill.fee for fill in fills),
            *(_floats(getattr(fill, kind) for fill in fills) for kind in KINDS),
        )


def _floats(numbers: Iterable[Decimal]) -> Floats:
    return np.fromiter(map(float, numbers), dtype=np.float64)
