"""What could be lost: spread, tail, drawdowns."""

from __future__ import annotations

import math

import numpy as np

from aura_lib.risk.measures.catalogue import statistic
from aura_lib.risk.measures.paths import Array, Paths, dot, least, total

LEVEL = 0.95  # of VaR and CVaR


@statistic("risk", "fraction a year")
def volatility(p: Paths) -> Array:
    """std(r)·√P, the sample standard deviation (n − 1)."""
    return p.deviation * math.sqrt(p.periods)


@statistic("risk", "fraction a year")
def downside_deviation(p: Paths) -> Array:
    """√(mean(min(r, 0)²)·P), over all returns (Sortino & Price, Journal of Investing 1994)."""
    below = np.minimum(p.returns, 0.0)
    return np.sqrt(dot(below, below) / p.count * p.periods)


@statistic("risk", "fraction")
def var(p: Paths) -> Array:
    """Historical value at risk of a bar at 95 %: the 5 % quantile of the returns; a loss is negative (Jorion 2007)."""
    return p.quantile(1 - LEVEL)


@statistic("risk", "fraction")
def cvar(p: Paths) -> Array:
    """Mean of the returns at or below the historical VaR (Rockafellar & Uryasev, Journal of Risk 2000)."""
    return shortfall(p, LEVEL)


def shortfall(p: Paths, level: float) -> Array:
    """Historical expected shortfall at a level."""
    beyond = p.returns <= p.quantile(1 - level)[:, None]
    return np.asarray(total(p.returns * beyond) / beyond.sum(axis=-1))


@statistic("risk", "fraction", "percentile")
def max_drawdown(p: Paths) -> Array:
    """Lowest of growth over its running maximum, less one; the opening value counts as a high."""
    return least(p.below)


@statistic("risk", "fraction", "percentile")
def average_drawdown(p: Paths) -> Array:
    """Mean depth of all drawdowns, each from a high to its recovery or to the end; 0 without one."""
    below = p.below
    flat = below.ravel()
    highs = np.flatnonzero(flat == 0)  # every path opens at one
    depths = np.minimum.reduceat(flat, highs)
    row = highs // below.shape[1]
    fell = depths < 0
    number = np.bincount(row[fell], minlength=len(below))
    return np.bincount(row[fell], weights=depths[fell], minlength=len(below)) / np.maximum(number, 1)


@statistic("risk", "years", "percentile")
def drawdown_duration(p: Paths) -> Array:
    """Longest time from a high until it was reached again, or to the end: bars / P."""
    bars = np.arange(p.below.shape[1], dtype=np.int32)
    since = bars - np.maximum.accumulate(np.where(p.below == 0, bars, np.int32(0)), axis=1)
    recovered = since[:, :-1].max(axis=-1)  # and one bar more, in which it recovered or fell on
    return np.asarray(np.maximum(recovered + (recovered > 0), since[:, -1]) / p.periods)


@statistic("risk", "share of bars", "percentile")
def time_under_water(p: Paths) -> Array:
    """Bars that end below an earlier high, over all."""
    return np.asarray((p.below < 0).sum(axis=-1) / p.count)


@statistic("risk", "fraction", "percentile")
def ulcer_index(p: Paths) -> Array:
    """Root mean square of the drawdown at every bar, as a positive fraction (Martin & McCann 1989)."""
    return np.sqrt(dot(p.below, p.below) / p.count)


@statistic("risk", "fraction", "percentile")
def pain_index(p: Paths) -> Array:
    """Mean of the drawdown at every bar, as a positive fraction (Becker, Zephyr Associates 2006)."""
    return -total(p.below) / p.count
