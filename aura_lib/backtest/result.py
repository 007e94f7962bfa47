"""Backtest: what a strategy did over history, with its curve, its trades, its figures and its assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.arrays import Arrays
from aura_lib.backtest.replay import Replay
from aura_lib.backtest.statistics import periods_per_year, statistics
from aura_lib.core import Bars, Fill, InputError, Intent, Mandate


@dataclass(frozen=True, eq=False)
class Backtest:
    """A replay over a window of bars, and what it was worth.

    `bars` are those of the window. `timing` holds seconds: "decide" in the strategy, "vectorbt" in vectorbt (its
    import included), "calendar" in finding the slots (the calendar's first use included), "loop" in all the rest.
    """

    replay: Replay
    bars: Bars
    mandate: Mandate
    schedule: str
    arrays: Arrays
    params: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        s = self.stats
        return (
            f"<Backtest {self.bars.start:%Y-%m-%d} to {self.bars.end:%Y-%m-%d}, '{self.schedule}', "
            f"{len(self.replay.slots)} slots, {len(self.replay.fills)} fills: {s['annual_return']:.2%} a year, "
            f"volatility {s['volatility']:.2%}, Sharpe {s['sharpe']:.2f}, max drawdown {s['max_drawdown']:.1%}>"
        )

    @property
    def portfolio(self) -> Any:
        """The `vectorbt.Portfolio` of the fills. Its own figures take 365 days a year unless told `year_freq`."""
        return self.arrays.portfolio

    @property
    def equity(self) -> pd.Series:
        """Cash plus holdings at the last known close, at every bar (UTC), in the mandate's currency."""
        return self.arrays.equity

    @property
    def cash(self) -> pd.Series:
        """Cash at every bar."""
        return self.arrays.cash

    @property
    def positions(self) -> pd.DataFrame:
        """Units held at every bar, time × symbol."""
        return self.arrays.positions

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Value of each holding over equity at every bar, time × symbol; what they leave is cash."""
        multipliers = [float(self.bars.instruments[s].multiplier) for s in self.positions.columns]
        close = self.bars.close[list(self.positions.columns)].ffill()
        return (self.positions * multipliers * close).fillna(0.0).div(self.equity, axis=0)

    @cached_property
    def returns(self) -> pd.Series:
        """Simple return of each bar on the one before; the first bar has none."""
        return self.equity.pct_change().iloc[1:].rename("returns")

    @cached_property
    def stats(self) -> dict[str, float]:
        """The figures of `statistics`, and those of trading.

        final_equity; turnover (half the traded value a year, over mean equity); exposure (mean invested fraction);
        fees, slippage (against the close of the fill's bar) and costs, their sum, in currency; n_slots, n_orders,
        n_fills, n_rejected (legs a limit refused), n_unfilled (cancelled or expired before they were whole),
        n_open (still open at the end of the data).
        """
        equity, fills = self.equity, self.replay.fills
        figures = statistics(equity, periods_per_year(self.bars.frequency))
        fees = float(sum(fill.fee for fill in fills))
        slippage = float(self._slippage(fills).sum())
        traded = float(sum(fill.value for fill in fills))
        years = figures["years"]
        return figures | {
            "final_equity": float(equity.iloc[-1]),
            "turnover": traded / 2 / float(equity.mean()) / years if years else np.nan,
            "exposure": float(1 - (self.cash / equity).mean()),
            "fees": fees,
            "slippage": slippage,
            "costs": fees + slippage,
            **self._counts(),
        }

    def _counts(self) -> dict[str, float]:
        orders, slots, still_open = self.replay.orders, self.replay.slots, self.replay.open_orders
        counts = {
            "n_slots": len(slots),
            "n_orders": len(orders),
            "n_fills": len(self.replay.fills),
            "n_rejected": sum(not decision.approved for slot in slots for decision in slot.decisions),
            "n_unfilled": sum(order.remaining > 0 for order in orders) - len(still_open),
            "n_open": len(still_open),
        }
        return {name: float(count) for name, count in counts.items()}

    def _slippage(self, fills: Sequence[Fill]) -> pd.Series:
        """What each fill lost against the close of its bar, in currency."""
        rows = self.bars.times.get_indexer(pd.DatetimeIndex([f.time for f in fills], tz="UTC").as_unit("us"))
        columns = self.bars.close.columns.get_indexer(pd.Index([f.symbol for f in fills]))
        closes = self.bars.close.to_numpy()[rows, columns]
        units = np.array([float(f.quantity * f.instrument.multiplier) * f.side.sign for f in fills])
        return pd.Series((np.array([float(f.price) for f in fills]) - closes) * units, dtype="float64")

    def benchmark(self, prices: pd.Series) -> dict[str, float]:
        """The figures of `statistics` for buying and holding something over the same window, without costs.

        `prices` is indexed by time (UTC), at least from the first bar of the window to the last; a bar without a
        price takes the last one before it. Prices that do not reach over the window raise InputError.
        """
        index = getattr(prices, "index", None)
        if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
            raise InputError("a benchmark is a Series of prices indexed by times with a zone")
        known = prices.dropna().sort_index()
        first, last = self.bars.times[0], self.bars.times[-1]
        if not len(known) or known.index[0] > first or known.index[-1] < last:
            span = f"{known.index[0]} to {known.index[-1]}" if len(known) else "nothing"
            raise InputError(f"the benchmark has prices for {span}; the backtest runs from {first} to {last}")
        return statistics(known.reindex(self.bars.times, method="ffill"), periods_per_year(self.bars.frequency))

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Round trips: a row for each part of a position that was closed, or is still open at the end."""
        trades = self.portfolio.trades
        records, times = trades.values, self.portfolio.wrapper.index
        symbols = self.positions.columns[records["col"]]
        multipliers = np.array([float(self.bars.instruments[s].multiplier) for s in symbols])
        return pd.DataFrame(
            {
                "symbol": symbols,
                "quantity": records["size"] / multipliers,
                "entry time": times[records["entry_idx"]],
                "entry price": records["entry_price"],
                "exit time": times[records["exit_idx"]],
                "exit price": records["exit_price"],
                "fees": records["entry_fees"] + records["exit_fees"],
                "profit": records["pnl"],
                "return": records["return"],
                "open": records["status"] == 0,
            }
        )

    def orders_table(self) -> pd.DataFrame:
        """Every order sent, one a row; quantities as floats."""
        columns = ["slot", "symbol", "side", "quantity", "filled", "status", "reason", "wish", "client id"]
        rows = [
            (o.time, *_wish(o.intent), float(o.filled), o.status.value, o.reason, o.intent.reason, o.client_id)
            for o in self.replay.orders
        ]
        return pd.DataFrame(rows, columns=columns)

    def fills_table(self) -> pd.DataFrame:
        """Every fill, one a row; amounts as floats in currency, `slippage` against the close of its bar."""
        columns = ["time", "symbol", "side", "quantity", "price", "value", "fee", "client id"]
        fills = self.replay.fills
        rows = [(f.time, *_wish(f), *map(float, (f.price, f.value, f.fee)), f.client_id) for f in fills]
        table = pd.DataFrame(rows, columns=columns)
        table.insert(7, "slippage", self._slippage(fills))
        return table

    def decisions_table(self) -> pd.DataFrame:
        """Every leg that was proposed and the verdict on it, one a row."""
        columns = ["slot", "symbol", "side", "quantity", "approved", "rule", "value", "limit"]
        rows = [
            (slot.slot, *_wish(intent), decision.approved, decision.rule, decision.value, decision.limit)
            for slot in self.replay.slots
            for intent, decision in zip(slot.intents, slot.decisions, strict=True)
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def assumptions(self) -> dict[str, str]:
        """What was taken for granted, in words."""
        costs, currency = self.replay.costs, self.mandate.currency
        last = self.bars.close[list(self.mandate.universe)].iloc[-1].notna()
        still_open = len(self.replay.open_orders)
        return {
            "decision": f"at the slots of '{self.schedule}', on bars closed by then",
            "fills": "market orders fill whole at the next bar's close; a symbol without a price in it expires",
            "sizes": "fixed at the moment of decision from that moment's prices, rounded down to lots; "
            f"{self.mandate.cash_buffer:.2%} of equity kept as a buffer",
            "costs": f"commission {costs.commission_bps} bps of value, at least {costs.min_commission} {currency}; "
            f"slippage {costs.slippage_bps} bps of price; no market impact, no taxes",
            "cash": "earns nothing; proceeds of sells pay for buys at once",
            "marking": "holdings are valued at their last known close",
            "prices": f"{self.bars.source}, {self.bars.frequency}, adjusted for {self.bars.adjustment or 'nothing'}; "
            f"snapshot {self.bars.snapshot or 'none (from memory)'}",
            "universe": f"{len(last)} symbols named by the mandate, of which {int(last.sum())} still trade at the end: "
            "a list made with hindsight holds survivors and flatters",
            "end": f"{still_open} orders had no bar after them and stay open; holdings are not sold at the end",
        }


def _wish(leg: Intent | Fill) -> tuple[str, str, float]:
    return leg.symbol, leg.side.value, float(leg.quantity)
