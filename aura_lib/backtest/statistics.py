"""The field's figures for an equity curve, computed by vectorbt's compiled (Rust) engine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import DataError, InputError

if TYPE_CHECKING:
    import pandas as pd

PERIODS = {"1d": 252, "1w": 52}  # returns a year, by frequency of the bars


def periods_per_year(frequency: str) -> int:
    """Returns a year for bars of a frequency; one that has no agreed figure raises InputError."""
    if frequency not in PERIODS:
        known = " and ".join(PERIODS)
        raise InputError(f"no figures for {frequency} bars: give `statistics` a curve resampled to {known}")
    return PERIODS[frequency]


def statistics(equity: pd.Series, periods: int = 252) -> dict[str, float]:
    """Return, risk and their ratios of an equity curve (time-indexed, positive, no NaN), the risk-free rate at zero.

    With returns r of n periods and P periods a year: total_return; annual_return (1 + total)^(P/n) − 1; volatility
    std(r, n−1)·√P; sharpe mean(r)/std(r)·√P (Sharpe 1994); sortino mean(r)·P / (√mean(min(r, 0)²)·√P)
    (Sortino & Price 1994); max_drawdown, the lowest of equity over its running maximum − 1, so zero or below;
    calmar annual_return/|max_drawdown| (Young 1991); years n/P. A ratio that divides by zero, and a figure that
    needs more returns than there are, is NaN.
    """
    values = equity.to_numpy(dtype="float64")
    if not len(values) or not (values > 0).all():
        raise DataError("statistics need an equity curve of positive numbers without gaps")
    returns = equity.pct_change().iloc[1:]
    if not len(returns):
        return dict.fromkeys(NAMES, math.nan) | {"total_return": 0.0, "max_drawdown": 0.0, "years": 0.0}
    import vectorbt  # noqa: F401  (registers the accessor)

    accessor: Any = returns
    of = accessor.vbt.returns(freq="1D", year_freq=f"{periods} days", engine="rust")
    worst = float((values / np.maximum.accumulate(values) - 1).min())  # vectorbt's forgets the opening value
    figures = {
        "total_return": of.total(),
        "annual_return": of.annualized(),
        "volatility": of.annualized_volatility(),
        "sharpe": of.sharpe_ratio(),
        "sortino": of.sortino_ratio(),
        "calmar": of.annualized() / -worst if worst else math.nan,
        "max_drawdown": worst,
        "years": len(returns) / periods,
    }
    return {name: float(value) if math.isfinite(value) else math.nan for name, value in figures.items()}


NAMES = ("total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "years")
