"""The field's eight figures for an equity curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aura_lib.backtest.statistics.sample import earned
from aura_lib.risk.measures import Paths, chosen, evaluate

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "years")


def statistics(equity: pd.Series, periods: float = 252) -> dict[str, float]:
    """Return, risk and their ratios of an equity curve (time-indexed, no NaN), the risk-free rate at zero.

    With returns r of n periods and P periods a year: total_return; annual_return (1 + total)^(P/n) − 1; volatility
    std(r, n−1)·√P; sharpe mean(r)/std(r)·√P (Sharpe 1994); sortino mean(r)·P / (√mean(min(r, 0)²)·√P)
    (Sortino & Price 1994); max_drawdown, the lowest of equity over its running maximum − 1, so zero or below;
    calmar annual_return/|max_drawdown| (Young 1991); years n/P. A ratio that divides by zero, and a figure that
    needs more returns than there are, is NaN. A curve that reaches zero is bankrupt there: its last return is −1, so
    are total_return, annual_return and max_drawdown, and nothing later counts, a debt included. `describe` has all
    the other figures. An empty curve, NaN, or one that opens at zero or below raises DataError.
    """
    returns = earned(equity).to_numpy()
    if not len(returns):
        return dict.fromkeys(NAMES, math.nan) | {"total_return": 0.0, "max_drawdown": 0.0, "years": 0.0}
    figures = evaluate(Paths(returns[None], periods), chosen(NAMES[:-1]))
    return {name: float(figures[name][0]) for name in NAMES[:-1]} | {"years": len(returns) / periods}
