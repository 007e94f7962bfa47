"""Round trips: fills matched into what was opened and closed, at average cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.curve import rows_of

if TYPE_CHECKING:
    from aura_lib.backtest.result import Backtest

SPLITS = ("split", "cash_in_lieu")  # bookings that change the number of units held, not what they cost
DUST = 1e-9  # units that sums of small lots leave over
COLUMNS = (
    "symbol", "side", "quantity", "entry time", "entry price", "exit time", "exit price", "fees", "profit", "return",
    "open",
)  # fmt: skip


@dataclass(slots=True)
class _Position:
    """What is held of a symbol: signed units, what they cost without fees, the fees paid, the row it began at."""

    units: float = 0.0
    cost: float = 0.0
    fees: float = 0.0
    row: int = 0

    def add(self, units: float, price: float, fee: float, row: int) -> None:
        if not self.units:
            self.row = row
        self.units, self.cost, self.fees = self.units + units, self.cost + abs(units) * price, self.fees + fee

    def take(self, closed: float) -> tuple[float, float, int]:
        """Take units out: their mean price, their part of the fees, the row they came in."""
        share, price = closed / abs(self.units), self.cost / abs(self.units)
        fees, row = self.fees * share, self.row
        left = self.units * (1 - share)
        kept = 0.0 if abs(left) < DUST else 1 - share
        self.units, self.cost, self.fees = (left if kept else 0.0), self.cost * kept, self.fees * kept
        return price, fees, row


def round_trips(result: Backtest) -> pd.DataFrame:
    """A row for each part of a position that was closed, at its average cost, or is open at the end (marked there).

    Columns as in `Backtest.trades`; amounts in the instrument's currency, fees of both sides inside the profit. Needs
    no vectorbt, and knows splits; what expires or is exercised stays with the row of its entry.
    """
    bars = result.bars
    held = [_Position() for _ in result.symbols]
    scale = [float(bars.instruments[symbol].multiplier) for symbol in result.symbols]
    rows: list[tuple[object, ...]] = []
    for row, symbol, units, price, fee in _events(result):
        position = held[symbol]
        if price is None:
            position.units += units
            continue
        before = position.units
        closed = min(abs(units), abs(before)) if before * units < 0 else 0.0
        if closed:
            part = fee * closed / abs(units)
            entry, fees, first = position.take(closed)
            rows.append(_trip(symbol, before, closed, first, entry, row, price, fees + part, scale[symbol], False))
            units, fee = units - np.sign(units) * closed, fee - part
        if abs(units) > DUST:
            position.add(units, price, fee, row)
    last, close = len(bars) - 1, bars.close[list(result.symbols)].ffill().iloc[-1].to_numpy()
    for symbol, position in enumerate(held):
        if position.units:
            before = position.units
            entry, fees, first = position.take(abs(before))
            mark = float(close[symbol])
            rows.append(_trip(symbol, before, abs(before), first, entry, last, mark, fees, scale[symbol], True))
    return _table(rows, result)


def _events(result: Backtest) -> list[tuple[int, int, float, float | None, float]]:
    """Splits (without a price) and fills by bar; a split comes before the fills of its bar."""
    fills = result.executions
    events: list[tuple[int, int, float, float | None, float]] = [
        (int(row), int(symbol), float(units), float(price), float(fee))
        for row, symbol, units, price, fee in zip(
            fills.row, fills.symbol, fills.units, fills.price, fills.fee, strict=True
        )
    ]
    split = [booking for booking in result.source.bookings if booking.kind in SPLITS and booking.quantity]
    if not split:
        return events
    place, row_of = {s: n for n, s in enumerate(result.symbols)}, rows_of({b.time for b in split}, result.bars)
    splits = [(row_of[b.time], place[b.symbol], float(b.quantity), None, 0.0) for b in split]
    return sorted([*splits, *events], key=lambda event: event[0])


def _trip(
    symbol: int, held: float, size: float, first: int, entry: float, last: int, exit_: float, fees: float,
    scale: float, still_open: bool,
) -> tuple[object, ...]:  # fmt: skip
    profit = size * scale * (exit_ - entry) * np.sign(held) - fees
    worth = size * scale * entry
    side = "long" if held > 0 else "short"
    return symbol, side, size, first, entry, last, exit_, fees, profit, profit / worth if worth else np.nan, still_open


def _table(rows: list[tuple[object, ...]], result: Backtest) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["symbol"] = np.asarray(result.symbols, dtype=object)[table["symbol"].to_numpy(dtype="int64")]
    for name in ("entry time", "exit time"):
        table[name] = result.bars.times[table[name].to_numpy(dtype="int64")]
    return table.astype({"profit": "float64", "open": "bool"})
