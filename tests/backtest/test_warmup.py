"""The shortest history that decides as all of it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aura_lib.backtest import warmup
from aura_lib.backtest.warmup import Warmup
from aura_lib.core import Account, Bars, InputError, Mandate, Market, TargetWeights
from tests.backtest.causality.world import made_bars

NAMES = list("ABCDEF")


def needed(decide: Callable[..., Any], bars: Bars | None = None, **params: Any) -> Warmup:
    mandate = Mandate(tuple(NAMES), max_weight=1.0)
    return warmup.shortest(
        decide, bars or made_bars(300), mandate, params=params, schedule="XNYS week-end close", warmup=120, slots=4
    )


def spread(scores: Any, market: Market) -> TargetWeights:
    return TargetWeights(dict(scores / scores.sum() * 0.9), market.as_of)


def average(market: Market, account: Account, mandate: Mandate, *, n: int) -> TargetWeights:
    return spread(market.close[NAMES].iloc[-n:].mean(), market)


def growth(market: Market, account: Account, mandate: Mandate, *, n: int) -> TargetWeights:
    return spread(market.close[NAMES].pct_change(n).iloc[-1].abs() + 1, market)


@pytest.mark.parametrize("n", [1, 7, 64, 100])
def test_a_mean_of_n_bars_needs_n_bars(n: int) -> None:
    assert (needed(average, n=n).bars, needed(average, n=n).settled) == (n, True)


@pytest.mark.parametrize("n", [1, 21, 63])
def test_a_change_over_n_bars_needs_one_more(n: int) -> None:
    assert needed(growth, n=n).bars == n + 1


def test_a_recursive_mean_converges_and_it_is_said() -> None:
    def smoothed(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return spread(market.close[NAMES].ewm(span=8).mean().iloc[-1], market)

    found = needed(smoothed)
    assert found.settled and found.recursive and "converges" in str(found) and 20 < found.bars < 120
    curve = found.curve.set_index("bars")["difference"]
    assert curve.loc[found.bars] < 1e-3 < curve.iloc[0]


def test_a_mean_of_everything_never_settles() -> None:
    def everything(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return spread(market.close[NAMES].mean(), market)

    found = needed(everything)
    assert not found.settled and "no window shorter" in str(found)


def test_a_short_history_that_agrees_by_chance_is_not_taken() -> None:
    """Of 3 to 40 bars it disagrees, of 2 it agrees: agreement is not monotone."""

    def treacherous(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights({"A": 0.5 if 2 < len(market.bars) < 41 else 0.2}, market.as_of)

    assert needed(treacherous).bars == 41


def test_captured_data_are_shortened_too() -> None:
    whole = made_bars(300).close[NAMES]

    def captured(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return spread(whole.loc[: market.as_of].iloc[-30:].mean(), market)

    assert needed(captured).bars == 30


def test_a_strategy_that_answers_nowhere_is_refused() -> None:
    def broken(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        raise ValueError("no")

    with pytest.raises(InputError, match="answered at none"):
        needed(broken)
