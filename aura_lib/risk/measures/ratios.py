"""What was earned for what was risked; the risk-free rate is zero."""

from __future__ import annotations

import math

import numpy as np

from aura_lib.risk.measures.catalogue import statistic
from aura_lib.risk.measures.losses import max_drawdown, pain_index, ulcer_index
from aura_lib.risk.measures.paths import Array, Paths, over


@statistic("ratio", "ratio")
def sharpe(p: Paths) -> Array:
    """mean(r) / std(r)·√P (Sharpe, Journal of Portfolio Management 1994)."""
    return p.mean / p.spread * math.sqrt(p.periods)


@statistic("ratio", "ratio", "none")
def sharpe_error(p: Paths) -> Array:
    """Standard error of the Sharpe ratio, a year: √((1 + S²/2 − g1·S + (k − 3)/4·S²) / n)·√P, S a period.

    Mertens, Comments on variance of the IID estimator in Lo (2002), 2002; with g1 = 0 and k = 3 that of Lo,
    Financial Analysts Journal 2002, for normal returns. Both for returns that do not depend on each other.
    """
    ratio = p.mean / p.spread
    skew, kurtosis = p.moments
    variance = 1 + ratio**2 / 2 - skew * ratio + (kurtosis - 3) / 4 * ratio**2
    return np.sqrt(variance / p.count * p.periods)


@statistic("ratio", "ratio")
def sortino(p: Paths) -> Array:
    """mean(r)·P / downside deviation (Sortino & Price, Journal of Investing 1994), target 0."""
    return p.mean / p.shortfall * math.sqrt(p.periods)


@statistic("ratio", "ratio")
def omega_ratio(p: Paths) -> Array:
    """Sum of gains over sum of losses, threshold 0 (Keating & Shadwick, A Universal Performance Measure, 2002)."""
    return over(np.maximum(p.returns, 0.0).sum(axis=-1), p.losses)


@statistic("ratio", "ratio", needs="months")
def gain_to_pain(p: Paths) -> Array:
    """Sum of the monthly returns over the sum of the losing ones (Schwager, Hedge Fund Market Wizards, 2012)."""
    months = p.by_month
    return over(months.sum(axis=-1), -np.minimum(months, 0.0).sum(axis=-1))


@statistic("ratio", "ratio")
def tail_ratio(p: Paths) -> Array:
    """|95 % quantile| / |5 % quantile| of the returns (as in empyrical)."""
    return over(np.abs(p.quantile(0.95)), np.abs(p.quantile(0.05)))


@statistic("ratio", "ratio", "percentile")
def calmar(p: Paths) -> Array:
    """Annual return / |maximum drawdown| over the whole window (Young, Futures 1991, there over 36 months)."""
    return over(p.annual, -max_drawdown(p))


@statistic("ratio", "ratio", "percentile")
def martin(p: Paths) -> Array:
    """Ulcer performance index: annual return / ulcer index (Martin & McCann 1989), risk-free rate 0."""
    return over(p.annual, ulcer_index(p))


@statistic("ratio", "ratio", "percentile")
def pain_ratio(p: Paths) -> Array:
    """Annual return / pain index (Becker 2006), risk-free rate 0."""
    return over(p.annual, pain_index(p))
