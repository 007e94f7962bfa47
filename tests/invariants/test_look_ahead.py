"""No value at t moves when what comes after t is cut off or changed. Every indicator and strategy, by discovery."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import indicators, strategies
from aura_lib.backtest import causality
from aura_lib.core import Account, Bars, Mandate, Market, TargetWeights

Indicator = Callable[..., pd.DataFrame]
Decide = Callable[..., Any]

ROWS, CUTS, WINDOW = 700, 12, 21
MADE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "high": lambda close: close * 1.01,
    "low": lambda close: close * 0.98,
    "close": lambda close: close,
    "volume": lambda close: 1e6 / close,
}


def every_indicator() -> dict[str, Indicator]:
    found = inspect.getmembers(indicators, inspect.isfunction)
    return {name: f for name, f in found if not name.startswith("_") and f.__module__.startswith(indicators.__name__)}


def every_strategy() -> dict[str, Decide]:
    names = [module.name for module in pkgutil.iter_modules(strategies.__path__)]
    modules = {name: importlib.import_module(f"{strategies.__name__}.{name}") for name in names}
    return {name: module.decide for name, module in modules.items() if hasattr(module, "decide")}


def required(indicator: Indicator) -> dict[str, int]:
    """A value for every parameter without a default but the prices."""
    parameters = list(inspect.signature(indicator).parameters.values())[1:]
    return {p.name: WINDOW for p in parameters if p.default is p.empty and p.name not in MADE}


def lines(indicator: Indicator, close: pd.DataFrame) -> list[pd.DataFrame]:
    """All that an indicator gives of some closes, and of what else it takes, made of them."""
    prices = [p for p in inspect.signature(indicator).parameters if p in MADE] or ["close"]
    found = indicator(*(MADE[name](close) for name in prices), **required(indicator))
    return list(found) if isinstance(found, tuple) else [found]


def looks_ahead(indicator: Indicator, close: pd.DataFrame) -> str:
    """What the public check finds: exactly the same rows, whatever comes after them; empty when nothing."""
    found = causality.check_indicator(lambda prices: tuple(lines(indicator, prices)), close, cuts=CUTS, tolerance=0.0)
    return "; ".join(map(str, found.findings))


def decides_ahead(decide: Decide, bars: Bars) -> str:
    """What the public check finds of a strategy; empty when nothing."""
    mandate = Mandate(bars.symbols, max_weight=0.35, short=True)
    found = causality.check(decide, bars, mandate, schedule="XNYS month-end close", warmup=300, cuts=CUTS)
    return "; ".join(map(str, found.findings))


@pytest.fixture(scope="session")
def bars(sample_bars: Bars) -> Bars:
    return sample_bars.select(sample_bars.symbols[:8]).until(sample_bars.times[ROWS - 1])


@pytest.mark.parametrize("name", every_indicator())
def test_an_indicator_knows_nothing_of_the_future(name: str, bars: Bars) -> None:
    assert looks_ahead(every_indicator()[name], bars.close) == ""


@pytest.mark.parametrize("name", every_strategy())
def test_a_strategy_knows_nothing_of_the_future(name: str, bars: Bars) -> None:
    assert decides_ahead(every_strategy()[name], bars) == ""


def test_discovery_finds_all_there_is() -> None:
    assert set(every_indicator()) == set(indicators.__all__)
    assert "momentum" in every_strategy()


LEAKS: dict[str, Indicator] = {
    "the next bar": lambda prices: prices.shift(-1),
    "a centred window": lambda prices: prices.rolling(5, center=True).mean(),
    "a mean of all rows": lambda prices: prices / prices.mean(),
    "a gap filled from behind": lambda prices: prices.mask(prices > prices.shift(1)).bfill(),
    "the last row": lambda prices: prices - prices.iloc[-1],
    "a rank over time": lambda prices: prices.rank(),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_the_check_catches_an_indicator_that_leaks(leak: str, bars: Bars) -> None:
    assert "move, from" in looks_ahead(LEAKS[leak], bars.close)


def peek_behind_the_view(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
    """A slice is a view: numpy shows the whole array behind it."""
    whole = market.close.to_numpy()
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    return TargetWeights({mandate.universe[0]: float(whole.ravel()[-1]) % 1 / 4}, market.as_of)


def last_price(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
    return TargetWeights({mandate.universe[0]: float(market.prices.iloc[0]) % 1 / 4}, market.as_of)


def test_the_check_catches_a_strategy_that_peeks_behind_its_market(bars: Bars) -> None:
    assert "move" in decides_ahead(peek_behind_the_view, bars)


def test_a_strategy_that_looks_at_the_last_price_of_its_market_is_left_alone(bars: Bars) -> None:
    assert decides_ahead(last_price, bars) == ""


def test_a_market_made_by_hand_of_later_bars_ends_at_its_moment_too(bars: Bars) -> None:
    moment = bars.times[400]
    for market in (Market(bars, moment), Market.at(bars, moment)):
        assert market.close.index[-1] == moment
        pd.testing.assert_series_equal(market.prices, bars.close.loc[moment], check_names=False)
