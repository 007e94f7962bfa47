"""Decisions over whole rows of arrays, in floats; where a lot or a cent could hang on the arithmetic it gives up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.trades import Trades
from aura_lib.exchange import Costs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars, Mandate
    from aura_lib.risk import Limits

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

NEAR, OF_ITSELF = 1e-8, 1e-13  # two numbers this near are told apart in Decimal only
CENT = 1e-6  # and amounts of money
PRICE_DIGITS, FEE_DIGITS = 6, 4  # as the exchange rounds


class NotPlain(Exception):
    """A decision that floats cannot be trusted with, or that the plan, a limit or the exchange would change."""


def plain(bars: Bars, mandate: Mandate, costs: Costs) -> bool:
    """Whether a run is of the kind that is played here: a cash account, long only, one currency, simple costs."""
    instruments = [bars.instruments[s] for s in mandate.universe]
    ordinary = all(i.currency == mandate.currency and i.asset_class in ("equity", "etf", "crypto") for i in instruments)
    return ordinary and not mandate.short and mandate.max_gross <= 1 and _simple(costs)


def _simple(costs: Costs) -> bool:
    return type(costs) is Costs and costs == Costs(costs.commission_bps, costs.min_commission, costs.slippage_bps)


@dataclass(eq=False)
class Batch:
    """An account as arrays, one place a symbol (in the order of their names), and the trades it has made."""

    bars: Bars
    mandate: Mandate
    costs: Costs
    limits: Limits
    cash: float = 0.0
    n_orders: int = 0
    n_open: int = 0
    n_unfilled: int = 0
    traded: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.symbols = sorted(self.mandate.universe)
        instruments = [self.bars.instruments[s] for s in self.symbols]
        self.places = np.asarray(self.bars.close.columns.get_indexer(pd.Index(self.symbols)))
        self.multiplier = np.array([float(i.multiplier) for i in instruments])
        self.lot = np.array([float(i.lot) for i in instruments])
        banned = set(self.mandate.restricted) | set(self.limits.restricted)
        self.banned = np.array([s in banned for s in self.symbols])
        self.units = np.zeros(len(self.symbols))
        self.close = self.bars.close.to_numpy()
        self.cash = float(self.mandate.capital)
        self.commission, self.slippage = float(self.costs.commission_bps) / 1e4, float(self.costs.slippage_bps) / 1e4
        self.minimum = float(self.costs.min_commission)

    def weigh(self, row: int, weights: Floats) -> None:
        """Decide for target weights at a bar, and fill at the next. NotPlain: nothing was done."""
        price = self.close[row, self.places]
        unit = price * self.multiplier
        active = (weights > 0) | (self.units > 0)
        if not np.isfinite(unit[active]).all():
            raise NotPlain
        digits = weights * 1e8
        if (np.abs(digits - np.floor(digits) - 0.5) < 1e-4).any():
            raise NotPlain
        unit = np.where(active, unit, 1.0)
        equity = self.cash + float(self.units @ unit)
        lots = np.rint(digits) / 1e8 * equity * (1 - self.mandate.cash_buffer) / unit / self.lot
        if ((np.abs(lots - np.rint(lots)) < NEAR + OF_ITSELF * lots) & (weights > 0)).any():
            raise NotPlain
        wanted = np.floor(lots) * self.lot
        change = self._whole_lots(wanted - self.units)
        value = np.abs(change) * unit
        least = float(self.mandate.min_trade)
        if (np.abs(value - least) < CENT).any() or (weights > self.mandate.max_weight).any() or weights.sum() > 1:
            raise NotPlain
        change[(value < least) & (wanted > 0)] = 0.0
        change[(change > 0) & self.banned] = 0.0
        self._afford(change, price, self.cash)
        self.trade(row, change, unit, equity)

    def _whole_lots(self, change: Floats) -> Floats:
        whole: Floats = np.rint(change / self.lot) * self.lot
        return whole

    def _afford(self, change: Floats, price: Floats, cash: float) -> None:
        """The plan scales buys down that cash and sells would not pay for: that is not done here."""
        at, fee = self._terms(change, price)
        spent = float(np.where(change != 0, change * at * self.multiplier + fee, 0.0).sum())
        if spent > cash - CENT:
            raise NotPlain

    def _terms(self, change: Floats, price: Floats) -> tuple[Floats, Floats]:
        """Price and fee of a change of units at a reference price, rounded as the exchange does."""
        at = np.round(price * (1 + np.sign(change) * self.slippage), PRICE_DIGITS)
        value = np.abs(change) * at * self.multiplier
        return at, np.round(np.maximum(self.minimum, value * self.commission), FEE_DIGITS)

    def trade(self, row: int, change: Floats, unit: Floats, equity: float) -> None:
        """Send a change of units at a bar, and fill it at the next."""
        legs = np.flatnonzero(change)
        if not len(legs):
            return
        self._allowed(change, unit, equity, len(legs))
        if row + 1 < len(self.close):
            self.n_unfilled += len(legs) - self._fill(row + 1, change)
        else:
            self.n_open += len(legs)
        self.n_orders += len(legs)

    def _allowed(self, change: Floats, unit: Floats, equity: float, legs: int) -> None:
        """Whether no limit would refuse a leg."""
        limits, bought = self.limits, change > 0
        value, after = change * unit, (self.units + change) * unit
        room = (1 - 1e-9) * equity
        fits = (
            legs <= limits.max_orders
            and equity > 0
            and not (bought & self.banned).any()
            and (self.units + change >= 0).all()
            and float(value.sum()) <= self.cash - CENT
            and float(value.max(initial=0.0)) <= limits.max_order_weight * room
            and (not bought.any() or float(after[bought].max()) <= limits.max_position_weight * room)
            and float(after.sum()) <= limits.max_gross * room
        )
        if not fits:
            raise NotPlain

    def _fill(self, row: int, change: Floats) -> int:
        """Trade at the prices of a bar; how many orders were filled."""
        price = self.close[row, self.places]
        change = np.where(price == price, change, 0.0)  # without a price in its session an order expires
        at, fee = self._terms(change, price)
        at, reference = np.where(change != 0, at, 0.0), np.where(change != 0, price, 0.0)
        paid = change * at * self.multiplier + np.where(change != 0, fee, 0.0)
        if float(paid.sum()) > self.cash - CENT:
            raise NotPlain
        order = np.concatenate([np.flatnonzero(change < 0), np.flatnonzero(change > 0)])  # sells, then buys
        self.traded.append((row, order, change[order], at[order], fee[order], reference[order]))
        self.cash -= float(paid.sum())
        self.units = self.units + change
        return len(order)

    def send(self, row: int, change: Floats) -> None:
        """Send signed units at a bar as they are. NotPlain: nothing was done."""
        unit = self.close[row, self.places] * self.multiplier
        active = (change != 0) | (self.units > 0)
        if not np.isfinite(unit[active]).all():
            raise NotPlain
        unit = np.where(active, unit, 1.0)
        self.trade(row, change, unit, self.cash + float(self.units @ unit))

    def touched(self) -> frozenset[str]:
        """The symbols that were traded."""
        places = {place for part in self.traded for place in part[1].tolist()}
        return frozenset(self.symbols[place] for place in places)

    def counts(self, slots: int) -> dict[str, int]:
        """As `Replay.counts`."""
        fills = sum(len(part[1]) for part in self.traded)
        counted = {"n_slots": slots, "n_orders": self.n_orders, "n_fills": fills, "n_rejected": 0}
        return counted | {"n_unfilled": self.n_unfilled, "n_open": self.n_open}

    def trades(self, symbols: tuple[str, ...]) -> Trades:
        """What was traded, over the symbols of a backtest."""
        places = {symbol: n for n, symbol in enumerate(symbols)}
        place = np.array([places.get(s, -1) for s in self.symbols], dtype=np.int64)
        if not self.traded:
            nothing = np.array([], dtype=np.int64)
            return Trades(nothing, nothing, *(np.array([]) for _ in range(7)))
        columns = [np.concatenate([part[n] for part in self.traded]) for n in range(1, 6)]
        own, units, price, fee, reference = columns
        row = np.repeat([part[0] for part in self.traded], [len(part[1]) for part in self.traded])
        scale = self.multiplier[own]
        free = np.zeros(len(own))
        slipped = (price - reference) * units * scale
        return Trades(row, place[own], units, price, np.abs(units) * price * scale, fee, free, slipped, free)
