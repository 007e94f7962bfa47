"""Stresses that need only what is known: what costs took, and which days made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import sharpe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.case import Outcome

MOST_COSTS = 1e4  # times what was charged: beyond it costs play no part


@dataclass(frozen=True, slots=True)
class Stress:
    """One test of robustness: its number, NaN when there is none and `note` says why, and the data of its figure."""

    name: str
    value: float
    data: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def charged_again(outcome: Outcome, times: float) -> NDArray[np.float64]:
    """The returns had every cost been so many times what it was; the amounts traded stay."""
    return outcome.returns - (times - 1.0) * outcome.charged


def annual(returns: NDArray[np.float64], periods: int) -> float:
    """Compound annual return; −1 once everything is lost."""
    growth = float(np.sum(np.log1p(np.maximum(returns, -1 + 1e-12))))
    return float(np.expm1(growth * periods / len(returns)))


def break_even(outcome: Outcome, periods: int) -> float:
    """How many times the costs charged would take the whole return, by bisection; NaN when nothing was charged.

    Below 1 the strategy lost money as it was; infinite when no multiple within reason takes all of it.
    """
    if not outcome.charged.any():
        return float("nan")
    low, high = 0.0, 1.0
    if annual(charged_again(outcome, low), periods) <= 0:
        return 0.0
    while annual(charged_again(outcome, high), periods) > 0:
        high *= 2
        if high > MOST_COSTS:
            return float("inf")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if annual(charged_again(outcome, middle), periods) > 0 else (low, middle)
    return low


def cost_doubling(outcome: Outcome, periods: int) -> Stress:
    """Annual return at twice the costs; data: the returns from none to four times."""
    if not outcome.charged.any():
        return Stress("cost_doubling", float("nan"), note="the backtest charged no costs: there is nothing to double")
    multiples = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
    returns = [annual(charged_again(outcome, times), periods) for times in multiples]
    data = {"multiples": multiples, "annual_returns": returns, "break_even": break_even(outcome, periods)}
    return Stress("cost_doubling", annual(charged_again(outcome, 2.0), periods), data)


def best_days(returns: NDArray[np.float64], periods: int) -> Stress:
    """Annual return without the best days, one for each year of history (the days stay, and earn nothing).

    Source of the idea: Estrada, Black Swans and Market Timing, Journal of Investing 17(3), 2008.
    """
    years = max(round(len(returns) / periods), 1)
    order = np.argsort(returns)[::-1]
    dropped = [0, years, 2 * years, 5 * years]
    found = []
    for count in dropped:
        left = returns.copy()
        left[order[:count]] = 0.0
        found.append(annual(left, periods))
    return Stress("best_days", found[1], {"dropped": dropped, "annual_returns": found})


def retained(name: str, base: NDArray[np.float64], variants: Mapping[str, NDArray[np.float64]], periods: int) -> Stress:
    """The median Sharpe ratio of variants over that of the strategy as it is; data: the annual ratio of each."""
    ratios = {label: sharpe(one) * periods**0.5 for label, one in variants.items()}
    own, known = sharpe(base) * periods**0.5, [ratio for ratio in ratios.values() if np.isfinite(ratio)]
    data = {"sharpes": ratios, "own": own}
    if not known:
        return Stress(name, float("nan"), data, "no variant could be replayed")
    if not own > 0:
        return Stress(name, float("nan"), data, "the strategy itself earned nothing that could be kept")
    return Stress(name, float(np.median(known)) / own, data)
