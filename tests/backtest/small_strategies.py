"""Small strategies and a market in which one of them is right, for the tests of evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Account, Bars, Mandate, Market, TargetWeights
from tests.backtest.scenarios import times

WEEKLY = "XNYS week-end close"


def trending(seed: int, sessions: int = 600, symbols: int = 6, strength: float = 0.0015) -> Bars:
    """Prices of which half drift up and half down, and swap every 120 sessions: momentum over weeks is right."""
    random = np.random.default_rng(seed)
    phase = (np.arange(sessions) // 120) % 2
    sign = np.where(np.arange(symbols) % 2 == 0, 1.0, -1.0)
    drift = strength * sign * np.where(phase == 0, 1.0, -1.0)[:, None]
    steps = random.normal(drift, 0.01)
    close = pd.DataFrame(
        50 * np.exp(steps.cumsum(axis=0)), index=times(sessions), columns=[f"S{n:02d}" for n in range(symbols)]
    )
    return Bars({"close": close}, source="trending")


def strongest(market: Market, account: Account, mandate: Mandate, *, lookback: int = 20, top: int = 2) -> TargetWeights:
    """Equal weights of the names that rose most over the lookback."""
    close = market.close[list(mandate.universe)]
    rise = (close.iloc[-1] / close.iloc[max(-lookback - 1, -len(close))]).sort_values(ascending=False)
    return TargetWeights(dict.fromkeys(rise.index[:top], 0.98 / top), market.as_of)


def careful(market: Market, account: Account, mandate: Mandate, **params: Any) -> TargetWeights:
    """The same, but it looks at its account first."""
    assert account.cash is not None
    return strongest(market, account, mandate, **params)


def leaking(bars: Bars) -> Any:
    """A strategy that reads the prices of the next week."""

    def decide(market: Market, account: Account, mandate: Mandate, *, top: int = 2) -> TargetWeights:
        later = bars.close.loc[market.as_of :].iloc[:6]
        rise = (later.iloc[-1] / later.iloc[0]).sort_values(ascending=False)
        return TargetWeights(dict.fromkeys(rise.index[:top], 0.98 / top), market.as_of)

    return decide
