"""Bars and rules that the tests of the sweep share. Rules are module level: each is compiled once a process."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from aura_lib.backtest.sweep import features, rule
from aura_lib.backtest.sweep.metrics import METRICS
from aura_lib.core import Bars
from aura_lib.exchange import Costs

ALL = tuple(METRICS)
FEES = Costs(commission_bps=Decimal(10), slippage_bps=Decimal(0))
COSTLY = Costs(commission_bps=Decimal(10), slippage_bps=Decimal(5))


def random_bars(rng: np.random.Generator, bars: int = 400, symbols: int = 1, *, holes: float = 0.0) -> Bars:
    """Random walks; `holes` is the share of bars without a price."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (bars, symbols)), axis=0))
    opened = close * np.exp(rng.normal(0, 0.005, (bars, symbols)))
    if holes:
        gone = rng.random((bars, symbols)) < holes
        close[gone], opened[gone] = np.nan, np.nan
    index = pd.bdate_range("2010-01-04", periods=bars, tz="UTC")
    names = [f"S{i}" for i in range(symbols)]
    frames = {name: pd.DataFrame(values, index, names) for name, values in (("close", close), ("open", opened))}
    return Bars(frames, source="random")


def _long_short(close, mean, size):
    return size if close > mean else -size


def _trailing(close, peak, distance):
    top = max(peak, close)
    return close >= top * (1.0 - distance), top


def asserting(close, floor):  # here, where pytest rewrites no assert
    assert close <= floor, "above"
    return close > 1.0


long_short = rule(_long_short, features={"mean": (features.sma, "window")}, limit=3.0, name="long_short")
trailing = rule(_trailing, state={"peak": 0.0}, name="trailing")
