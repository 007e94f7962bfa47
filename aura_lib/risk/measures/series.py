"""Measures of one series of returns: its tail, its drawdowns, its months, and how it moves with a benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from aura_lib.core import InputError
from aura_lib.risk.measures import losses, ratios
from aura_lib.risk.measures.catalogue import chosen, evaluate
from aura_lib.risk.measures.paths import Paths

Period = Literal["month", "year"]
DRAWDOWN_COLUMNS = ("peak", "trough", "recovery", "depth", "days")


def value_at_risk(returns: pd.Series, level: float = 0.95) -> float:
    """Historical VaR: the return that all but the worst `1 − level` of the periods exceeded; negative is a loss.

    The empirical quantile at `1 − level`, linear between two observations (Hyndman & Fan 1996, type 7); nothing
    is fitted (Jorion, Value at Risk, 3rd ed. 2007, ch. 10).

    Example:
        >>> round(value_at_risk(pd.Series([-0.05, -0.01, 0.0, 0.01, 0.02]), 0.75), 4)
        -0.01
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level={level!r}: give a fraction from 0.5 to below 1, such as 0.95")
    path = _path(returns)
    return float(path.quantile(1 - level)[0]) if path.count else math.nan


def expected_shortfall(returns: pd.Series, level: float = 0.95) -> float:
    """Historical CVaR: the mean of the returns at or below the historical VaR of that level.

    Rockafellar & Uryasev, Optimization of Conditional Value-at-Risk, Journal of Risk 2000.
    """
    value_at_risk(returns.iloc[:0], level)  # refuses a level that is none
    path = _path(returns)
    return float(losses.shortfall(path, level)[0]) if path.count else math.nan


def omega_ratio(returns: pd.Series, threshold: float = 0.0) -> float:
    """Sum of what returns exceed a threshold by, over the sum of what they fall short of it by.

    Keating & Shadwick, A Universal Performance Measure, 2002. `threshold` is a return a period.
    """
    return float(ratios.omega_ratio(_path(returns - threshold))[0])


def tail(returns: pd.Series, level: float = 0.95) -> dict[str, float]:
    """The shape of a distribution of returns, and its ends.

    var and cvar at `level`, historical; skewness (adjusted Fisher–Pearson G1) and excess kurtosis (G2), unbiased
    under normality (Joanes & Gill, The Statistician 1998), so a normal distribution has zero of both; best and
    worst return; win_rate, gains over all periods that moved; omega_ratio with a threshold of zero.
    """
    names = ("worst", "best", "win_rate", "omega_ratio", "skewness", "excess_kurtosis")
    found = {"var": value_at_risk(returns, level), "cvar": expected_shortfall(returns, level)}
    return found | _figures(_path(returns), names)


def relative(returns: pd.Series, benchmark: pd.Series, periods: float = 252) -> dict[str, float]:
    """How returns move with those of a benchmark, over the times that both have; `periods` a year.

    beta cov(r, b)/var(b); alpha (mean(r) − beta·mean(b))·P a year (Jensen, Journal of Finance 1968); correlation
    (Pearson); tracking_error std(r − b)·√P; information_ratio mean(r − b)·P / tracking_error (Grinold & Kahn,
    Active Portfolio Management, 2nd ed. 2000). Sample standard deviations and covariances.
    """
    names = ("alpha", "beta", "correlation", "tracking_error", "information_ratio")
    return _figures(_pair(returns, benchmark, periods), names)


def capture(returns: pd.Series, benchmark: pd.Series) -> dict[str, float]:
    """up_capture and down_capture: what part of a benchmark's rises and falls was taken along.

    The geometric mean return over the periods in which the benchmark rose (fell), over the benchmark's own
    (Morningstar, Upside/Downside Capture Ratio methodology, 2011, there on monthly returns: give months). 1 is all
    of it; a down capture below zero made money while the benchmark lost.
    """
    return _figures(_pair(returns, benchmark), ("up_capture", "down_capture"))


def drawdowns(equity: pd.Series) -> pd.DataFrame:
    """Every fall of a curve from a high to its recovery, deepest first.

    `equity` is positive and indexed by time. Columns: peak (time of the last high before the fall), trough (time of
    the lowest value), recovery (first time at or above the high again; NaT while below), depth (fraction ≤ 0),
    days (calendar days from peak to recovery, or to the end of the curve).
    """
    known = equity.dropna()
    values, times = known.to_numpy(dtype="float64"), pd.DatetimeIndex(known.index)
    top = np.maximum.accumulate(values)
    below = np.flatnonzero(values < top)
    if not len(below):
        return pd.DataFrame(columns=list(DRAWDOWN_COLUMNS))
    rows = []
    for spell in np.split(below, np.flatnonzero(np.diff(below) > 1) + 1):
        first, last = spell[0], spell[-1]
        trough = first + int((values[spell] / top[spell]).argmin())
        ended = last + 1 < len(values)
        recovery = times[last + 1] if ended else pd.NaT
        days = (times[min(last + 1, len(values) - 1)].normalize() - times[first - 1].normalize()).days
        rows.append((times[first - 1], times[trough], recovery, values[trough] / top[trough] - 1, days))
    table = pd.DataFrame(rows, columns=list(DRAWDOWN_COLUMNS))
    return table.sort_values(["depth", "peak"], ignore_index=True)


def ended(times: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    """The local moments at which periods that are stamped with their ends were last under way.

    A return stamped at midnight is of the day that ended then: the last day of a month belongs to that month.
    """
    return (times - pd.Timedelta(1, "us")).tz_convert(zone)


def compounded(returns: pd.Series, by: Period, zone: str = "America/New_York") -> pd.Series:
    """Simple returns compounded within each calendar month or year of a time zone, at its last moment with a return.

    `returns` are indexed by aware times; so is the result, in the same zone as they are.

    Example:
        >>> times = pd.to_datetime(["2022-01-03 21:00Z", "2022-01-04 21:00Z", "2022-02-01 21:00Z"])
        >>> compounded(pd.Series([0.1, 0.1, -0.05], index=times), "month").round(4).tolist()
        [0.21, -0.05]
    """
    if by not in ("month", "year"):
        raise InputError(f"by={by!r}: give 'month' or 'year'")
    known = returns.dropna().sort_index()
    times = pd.DatetimeIndex(known.index)
    local = ended(times, zone)
    key = np.asarray(local.year * 12 + (local.month if by == "month" else 0))
    last = np.flatnonzero(np.diff(key, append=-1))
    with np.errstate(over="ignore"):  # to infinity and nothing else
        return (1 + known).groupby(key).prod().sub(1).set_axis(times[last], axis=0)


def _path(returns: pd.Series) -> Paths:
    return Paths(returns.dropna().to_numpy(dtype="float64")[None])


def _pair(returns: pd.Series, benchmark: pd.Series, periods: float = 252) -> Paths:
    both = pd.DataFrame({"r": returns, "b": benchmark}).dropna()
    r, b = (both[name].to_numpy(dtype="float64")[None] for name in both)
    return Paths(r, periods, b)


def _figures(path: Paths, names: Sequence[str]) -> dict[str, float]:
    found = evaluate(path, chosen(names, benchmark=path.benchmark is not None))
    return {name: float(values[0]) for name, values in found.items()}
