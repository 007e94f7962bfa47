"""Decisions over whole tables of targets, in floats; where a lot or a cent could hang on the arithmetic it gives up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.trades import Trades
from aura_lib.exchange import Costs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars, Mandate
    from aura_lib.risk import Limits

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

# What a table holds. Of some weights, and of entries, NaN means: leave it; and so does an entry into what is held.
WEIGHTS, SOME_WEIGHTS, UNITS, ENTRIES = 0, 1, 2, 3
TRADED = frozenset({"equity", "etf", "crypto"})


def plain(bars: Bars, mandate: Mandate, costs: Costs) -> bool:
    """Whether a run is of the kind that is played here: a cash account, long only, one currency, simple costs."""
    instruments = [bars.instruments[s] for s in mandate.universe]
    ordinary = all(i.currency == mandate.currency and i.asset_class in TRADED for i in instruments)
    simple = costs == Costs(costs.commission_bps, costs.min_commission, costs.slippage_bps)
    return ordinary and simple and not mandate.short and mandate.max_gross <= 1


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """What a table of decisions led to: executions as columns, and counts."""

    symbols: tuple[str, ...]
    multiplier: Floats
    row: Rows
    symbol: Rows
    units: Floats
    price: Floats
    fee: Floats
    reference: Floats
    counts: Mapping[str, int]

    @property
    def touched(self) -> frozenset[str]:
        """The symbols that were traded."""
        return frozenset(self.symbols[place] for place in np.unique(self.symbol).tolist())

    def trades(self, symbols: tuple[str, ...]) -> Trades:
        """The executions, over the symbols of a backtest."""
        places = {symbol: n for n, symbol in enumerate(symbols)}
        place = np.array([places.get(s, -1) for s in self.symbols], dtype=np.int64)
        scale = self.multiplier[self.symbol]
        free = np.zeros(len(self.row))
        slipped = (self.price - self.reference) * self.units * scale
        value = np.abs(self.units) * self.price * scale
        return Trades(self.row, place[self.symbol], self.units, self.price, value, self.fee, free, slipped, free)


def play(
    kind: int, rows: Rows, table: Floats, columns: list[str], bars: Bars, mandate: Mandate, costs: Costs, limits: Limits
) -> Batch | None:
    """Decide on each row of a table at its bar and fill at the next; None where floats cannot be trusted with it.

    `rows` are places of bars, ascending; `table` holds a number for each of `columns`. None as well where the plan, a
    limit or the cash would change what is wished: the event loop knows how.
    """
    from aura_lib.backtest.batch_kernel import fill_all

    symbols = tuple(sorted(mandate.universe))
    instruments = [bars.instruments[s] for s in symbols]
    wishes = np.full((len(rows), len(symbols)), np.nan if kind in (SOME_WEIGHTS, ENTRIES) else 0.0)
    wishes[:, [symbols.index(s) for s in columns]] = table
    places = bars.close.columns.get_indexer(pd.Index(symbols))
    multiplier = np.array([float(i.multiplier) for i in instruments])
    banned = np.isin(symbols, [*mandate.restricted, *limits.restricted])
    most = int(np.count_nonzero(~np.isnan(wishes))) if kind != WEIGHTS else wishes.size
    out = np.empty((6, most + 1))
    settings = np.array(
        [
            float(mandate.capital), mandate.cash_buffer, float(mandate.min_trade), mandate.max_weight,
            float(costs.commission_bps) / 1e4, float(costs.min_commission), float(costs.slippage_bps) / 1e4,
            limits.max_orders, limits.max_order_weight, limits.max_position_weight, min(limits.max_gross, 1.0),
        ]
    )  # fmt: skip
    lot = np.array([float(i.lot) for i in instruments])
    close = np.ascontiguousarray(bars.close.to_numpy())
    done, orders, still_open, expired = fill_all(
        kind, rows, wishes, close, places.astype(np.int64), multiplier, lot, banned, settings, out
    )
    if done < 0:
        return None
    counts = {"n_slots": len(rows), "n_orders": orders, "n_fills": done, "n_rejected": 0}
    row, symbol = (out[n, :done].astype(np.int64) for n in (0, 1))
    units, price, fee, reference = (part[:done].copy() for part in out[2:])
    counts |= {"n_unfilled": expired, "n_open": still_open}
    return Batch(symbols, multiplier, row, symbol, units, price, fee, reference, counts)
