"""Seeded markets and strategies for the tests of plan, exchange and backtest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import (
    Account,
    Bars,
    Calendar,
    Instrument,
    Intent,
    Mandate,
    Market,
    Order,
    Side,
    TargetWeights,
    TimeInForce,
)

SLOT = datetime(2021, 12, 31, 21, tzinfo=UTC)


def order(
    name: str,
    side: Side,
    quantity: str | int,
    *,
    time_in_force: TimeInForce = TimeInForce.DAY,
    instrument: Instrument | None = None,
    client_id: str = "",
) -> Order:
    """A market order of book `b` on account `a`."""
    intent = Intent(instrument or Instrument(name), side, Decimal(quantity), time_in_force=time_in_force)
    return Order(client_id or f"{side.value}-{name}", "a", "b", "basket", 0, 1, intent, SLOT)


def times(sessions: int, start: str = "2015-01-02") -> pd.DatetimeIndex:
    """Closes of New York sessions."""
    closes = Calendar.of("XNYS").closes
    first = closes.searchsorted(pd.Timestamp(start, tz="UTC"))
    return closes[first : first + sessions]


def market_of(
    rng: np.random.Generator,
    sessions: int = 60,
    symbols: int = 5,
    *,
    missing: float = 0.0,
    volatility: float = 0.02,
    lot: str = "1",
    multiplier: str = "1",
) -> Bars:
    """Random walks from prices between 5 and 500; a fraction `missing` of the cells is NaN (no trade)."""
    names = [f"S{n:02d}" for n in range(symbols)]
    steps = rng.normal(0.0003, volatility, (sessions, symbols)).cumsum(axis=0)
    prices = rng.uniform(5, 500, symbols) * np.exp(steps)
    prices[rng.random(prices.shape) < missing] = np.nan
    instruments = {n: Instrument(n, lot=Decimal(lot), multiplier=Decimal(multiplier)) for n in names}
    close = pd.DataFrame(prices, index=times(sessions), columns=names)
    return Bars({"close": close}, source="random", instruments=instruments)


def random_targets(seed: int, *, gross: float = 1.0) -> Callable[..., TargetWeights]:
    """A strategy that holds a random few of what trades at the slot; the same at the same slot, whatever came before.

    It leaves alone (sells) what it holds and does not choose, and skips the slot when a holding has no price.
    """

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights | list[Intent]:
        rng = np.random.default_rng([seed, int(market.as_of.timestamp())])
        trades = [s for s in mandate.universe if market.prices[s] == market.prices[s]]
        if not trades or set(account.holdings) - set(trades):
            return []
        chosen = rng.choice(trades, size=int(rng.integers(0, len(trades) + 1)), replace=False)
        raw = rng.dirichlet(np.ones(len(chosen))) * gross if len(chosen) else []
        return TargetWeights({str(s): float(w) for s, w in zip(chosen, raw, strict=True)}, market.as_of)

    return decide


def random_intents(seed: int) -> Callable[..., list[Intent]]:
    """A strategy of explicit orders, some of which wait for a price (good till cancelled) and meet later ones."""

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        rng = np.random.default_rng([seed, int(market.as_of.timestamp())])
        intents: list[Intent] = []
        for symbol in mandate.universe:
            if market.prices[symbol] != market.prices[symbol] or rng.random() < 0.3:
                continue
            instrument, held = market.bars.instruments[symbol], account.quantity(symbol)
            lots = Decimal(int(rng.integers(1, 40)))
            quantity = lots * instrument.lot
            side = Side.SELL if held >= quantity and rng.random() < 0.5 else Side.BUY
            intents.append(Intent(instrument, side, quantity, time_in_force=TimeInForce.GTC))
        return intents

    return decide


def hold(weights: dict[str, float]) -> Callable[..., TargetWeights]:
    """A strategy that always wants the same weights."""

    def decide(market: Market, account: Account, mandate: Mandate, **params: Any) -> TargetWeights:
        return TargetWeights(weights, market.as_of)

    return decide
