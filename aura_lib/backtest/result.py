"""Backtest: what a strategy did over history, with its curve, its trades, its figures and its assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest import accounts, tables
from aura_lib.backtest.curve import Curve, exchange_rate
from aura_lib.backtest.replay import Replay
from aura_lib.backtest.statistics import periods_per_year, statistics
from aura_lib.backtest.tape import Tape
from aura_lib.backtest.trades import Trades
from aura_lib.core import Bars, Mandate

if TYPE_CHECKING:
    from aura_lib.backtest.arrays import Arrays

NOTHING_LEFT = 1e-9  # of the opening equity: what a curve that fell to zero or below is measured at


@dataclass(frozen=True, eq=False)
class Backtest:
    """A replay over a window of bars, and what it was worth.

    Everything is made when it is asked for. `bars` are those of the window. `timing` holds seconds: "decide" in the
    strategy, "calendar" in finding the slots (the calendar's first use included), "loop" in all the rest. `repeats`
    tells what differed when the strategy was asked again at a few of its slots; empty: nothing did.
    """

    source: Replay | Tape
    bars: Bars
    mandate: Mandate
    schedule: str
    params: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
    repeats: tuple[str, ...] = ()

    def __repr__(self) -> str:
        s = self.stats
        return (
            f"<Backtest {self.bars.start:%Y-%m-%d} to {self.bars.end:%Y-%m-%d}, '{self.schedule}', "
            f"{s['n_slots']:.0f} slots, {s['n_fills']:.0f} fills: {s['annual_return']:.2%} a year, "
            f"volatility {s['volatility']:.2%}, Sharpe {s['sharpe']:.2f}, max drawdown {s['max_drawdown']:.1%}"
            f"{accounts.notes(self)}>"
        )

    # ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def replay(self) -> Replay:
        """Slots, orders and fills as nouns. Of a run over arrays they are made when they are first asked for."""
        return self.source if isinstance(self.source, Replay) else self.source.replay()

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The mandate's universe and whatever else was held, in the order of the bars."""
        touched = self.source.touched() | set(self.mandate.universe)
        return tuple(s for s in self.bars.symbols if s in touched)

    @cached_property
    def executions(self) -> Trades:
        """The fills as columns."""
        return self.source.trades(self.bars, self.symbols)

    @cached_property
    def curve(self) -> Curve:
        """What was booked, laid out over the bars."""
        return Curve(self.bars, self.source.opening, self.source.changes(self.bars, self.symbols))

    @cached_property
    def arrays(self) -> Arrays:
        """The same fills, played by vectorbt as amounts: its portfolio, equity, cash and positions.

        vectorbt holds trades in the account's currency, from cash, as long as cash stays above zero. Bookings
        (dividends, splits, interest) and several currencies raise InputError, what it books otherwise DataError.
        """
        from aura_lib.backtest.arrays import simulate

        accounts.expressible(self)
        return simulate(self.replay.fills, self.bars, self.symbols, self.source.opening.cash)

    @property
    def portfolio(self) -> Any:
        """The `vectorbt.Portfolio` of the fills. Its own figures take 365 days a year unless told `year_freq`."""
        return self.arrays.portfolio

    # ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def equity(self) -> pd.Series:
        """Cash plus holdings at the last known close, at every bar (UTC), in the mandate's currency."""
        return self.curve.equity

    @property
    def cash(self) -> pd.Series:
        """Cash at every bar, all currencies together in the mandate's."""
        return self.curve.cash

    @property
    def balances(self) -> dict[str, pd.Series]:
        """Currency → cash in it at every bar."""
        return self.curve.balances

    @property
    def positions(self) -> pd.DataFrame:
        """Units held at every bar, time × symbol."""
        return self.curve.positions

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Value of each holding over equity at every bar, time × symbol; what they leave is cash."""
        return self.curve.values.div(self.equity, axis=0)

    @cached_property
    def returns(self) -> pd.Series:
        """Simple return of each bar on the one before; the first bar has none."""
        return self.equity.pct_change().iloc[1:].rename("returns")

    @cached_property
    def exposures(self) -> pd.DataFrame:
        """Fractions of equity at every bar: `gross` (long − short), `net` (long + short), `long`, `short` (≤ 0)."""
        weights = self.weights.to_numpy()
        long, short = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
        columns = {"gross": long - short, "net": long + short, "long": long, "short": short}
        return pd.DataFrame(columns, index=self.bars.times)

    @cached_property
    def turnover(self) -> pd.Series:
        """Half the value traded in each bar over the equity at its end."""
        traded = np.zeros(len(self.bars))
        np.add.at(traded, self.executions.row, self._in_own_currency("value"))
        return pd.Series(traded / 2 / self.equity.to_numpy(), self.bars.times, name="turnover")

    # ── what it cost, and where the profit came from ─────────────────────────────────────────────────────────────────

    @cached_property
    def costs(self) -> pd.Series:
        """What trading and holding cost, by kind, in the mandate's currency.

        `commission` is what was paid beside the price, `spread`, `slippage` and `impact` what was in it; `borrow` is
        for what was sold short. Interest paid on borrowed cash is in `attribution()`, under "cash".
        """
        kinds = {"commission": "fee", "spread": "spread", "slippage": "slippage", "impact": "impact"}
        paid = {kind: float(self._in_own_currency(column).sum()) for kind, column in kinds.items()}
        return pd.Series(paid | {"borrow": accounts.borrow(self)}, name="costs")

    def attribution(self, by: str = "") -> pd.DataFrame | pd.Series:
        """Profit by source, costs included; the whole sums to the change of equity.

        The sources are the symbols, "cash" for interest, and each currency for what holding it gained. `by` is a
        period ("day", "week", "month", "quarter", "year"): then a row a period. Another word raises InputError.
        """
        return accounts.attribution(self.curve.profit, by)

    def _in_own_currency(self, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        trades, own = self.executions, self.mandate.currency
        amounts: np.ndarray[Any, np.dtype[np.float64]] = getattr(trades, column)
        currencies = [self.bars.instruments[s].currency for s in self.symbols]
        if all(c == own for c in currencies):
            return amounts
        rates = np.column_stack([exchange_rate(self.bars, c, own) for c in currencies])
        return amounts * rates[trades.row, trades.symbol]

    # ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def stats(self) -> dict[str, float]:
        """The figures of `statistics`, and those of trading.

        final_equity; turnover (half the traded value a year, over mean equity); exposure (mean invested fraction);
        fees, slippage (all that the price had in it: spread, slippage and impact) and costs, their sum, in currency;
        n_slots, n_orders, n_fills, n_rejected (legs a limit refused), n_unfilled (cancelled or expired before they
        were whole), n_open (still open at the end of the data).

        An equity that fell to zero or below is measured as if a billionth of the opening one had been left.
        """
        equity = self.equity
        if self.source.bankrupt is not None:
            equity = equity.clip(lower=NOTHING_LEFT * float(equity.iloc[0]))
        figures = statistics(equity, periods_per_year(self.bars.frequency, self.bars.calendar))
        fees, costs = float(self.costs["commission"]), float(self.costs.drop("borrow").sum())
        traded, years = float(self._in_own_currency("value").sum()), figures["years"]
        return figures | {
            "final_equity": float(self.equity.iloc[-1]),
            "turnover": traded / 2 / float(equity.mean()) / years if years else np.nan,
            "exposure": float(1 - (self.cash / equity).mean()),
            "fees": fees,
            "slippage": costs - fees,
            "costs": costs,
            **{name: float(count) for name, count in self.source.counts().items()},
        }

    def benchmark(self, prices: pd.Series) -> dict[str, float]:
        """The figures of `statistics` for buying and holding something over the same window, without costs.

        `prices` is indexed by time (UTC), at least from the first bar of the window to the last; a bar without a
        price takes the last one before it. Prices that do not reach over the window raise InputError.
        """
        held = accounts.over_the_window(prices, self.bars)
        return statistics(held, periods_per_year(self.bars.frequency, self.bars.calendar))

    # ── for people ──────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Round trips: a row for each part of a position that was closed, or is still open at the end."""
        return tables.round_trips(self)

    def orders_table(self) -> pd.DataFrame:
        """Every order sent, one a row; quantities as floats."""
        return tables.orders(self)

    def fills_table(self) -> pd.DataFrame:
        """Every fill, one a row; amounts as floats in its currency, `slippage` being all that its price had in it."""
        return tables.fills(self)

    def decisions_table(self) -> pd.DataFrame:
        """Every leg that was proposed and the verdict on it, one a row."""
        return tables.decisions(self)

    def bookings_table(self) -> pd.DataFrame:
        """Everything else that was booked (dividends, splits, interest, expiries …), one a row."""
        return tables.bookings(self)

    @property
    def assumptions(self) -> dict[str, str]:
        """What was taken for granted, in words."""
        return tables.assumptions(self)

    def save(self, folder: str | Path) -> Path:
        """Write it to a folder of Parquet files that `backtest.load` reads back; an existing one is replaced."""
        from aura_lib.backtest.keeping import save

        return save(self, Path(folder))
