"""How a book moves with a benchmark."""

from __future__ import annotations

import math

import numpy as np

from aura_lib.risk.measures.catalogue import statistic
from aura_lib.risk.measures.paths import Array, Paths, over


@statistic("relative", "fraction a year", needs="benchmark")
def alpha(p: Paths) -> Array:
    """(mean(r) − β·mean(b))·P (Jensen, Journal of Finance 1968), risk-free rate 0."""
    return (p.mean - beta(p) * p.other.mean) * p.periods


@statistic("relative", "number", needs="benchmark")
def beta(p: Paths) -> Array:
    """cov(r, b) / var(b), sample moments."""
    return p.covariance / p.other.spread**2


@statistic("relative", "number", needs="benchmark")
def correlation(p: Paths) -> Array:
    """Pearson's, of the returns with the benchmark's."""
    return p.covariance / (p.spread * p.other.spread)


@statistic("relative", "fraction a year", needs="benchmark")
def tracking_error(p: Paths) -> Array:
    """std(r − b)·√P."""
    return p.active.deviation * math.sqrt(p.periods)


@statistic("relative", "ratio", needs="benchmark")
def information_ratio(p: Paths) -> Array:
    """mean(r − b)·P / tracking error (Grinold & Kahn, Active Portfolio Management, 2nd ed. 2000)."""
    return p.active.mean / p.active.spread * math.sqrt(p.periods)


@statistic("relative", "fraction a year", needs="benchmark")
def treynor(p: Paths) -> Array:
    """mean(r)·P / β (Treynor, Harvard Business Review 1965), risk-free rate 0."""
    return over(p.mean * p.periods, beta(p))


@statistic("relative", "share", needs="benchmark")
def up_capture(p: Paths) -> Array:
    """Geometric mean of the months in which the benchmark rose, over the benchmark's own (Morningstar 2011).

    Of bars where there is no calendar. 1 is all of the rise.
    """
    return _capture(p, 1)


@statistic("relative", "share", needs="benchmark")
def down_capture(p: Paths) -> Array:
    """Geometric mean of the months in which the benchmark fell, over the benchmark's own (Morningstar 2011).

    Of bars where there is no calendar. Below zero it made money while the benchmark lost.
    """
    return _capture(p, -1)


def _capture(p: Paths, sign: int) -> Array:
    own, index = (p.returns, p.other.returns) if p.months is None else (p.by_month, p.other.by_month)
    there = index * sign > 0
    number = np.float64(there.sum(axis=-1))
    means = [np.exp(np.where(there, np.log1p(side), 0.0).sum(axis=-1) / number) - 1 for side in (own, index)]
    return over(*means)
