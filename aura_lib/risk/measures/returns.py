"""What was earned: total, a year, by month and year, how often."""

from __future__ import annotations

import numpy as np

from aura_lib.risk.measures.catalogue import statistic
from aura_lib.risk.measures.paths import Array, Paths, least


@statistic("return", "fraction")
def total_return(p: Paths) -> Array:
    """∏(1 + r) − 1."""
    return p.growth[:, -1] - 1


@statistic("return", "fraction a year")
def annual_return(p: Paths) -> Array:
    """Compound annual growth rate: ∏(1 + r)^(P/n) − 1; −1 where nothing is left."""
    return p.annual


@statistic("return", "fraction a year")
def mean_return(p: Paths) -> Array:
    """Arithmetic mean a year: mean(r)·P."""
    return p.mean * p.periods


@statistic("return", "fraction", "none")
def best(p: Paths) -> Array:
    """Highest return of a bar."""
    return -least(-p.returns)


@statistic("return", "fraction", "none")
def worst(p: Paths) -> Array:
    """Lowest return of a bar."""
    return least(p.returns)


@statistic("return", "fraction", "none", "months")
def best_month(p: Paths) -> Array:
    """Highest return of a calendar month, compounded."""
    return -least(-p.by_month)


@statistic("return", "fraction", "none", "months")
def worst_month(p: Paths) -> Array:
    """Lowest return of a calendar month, compounded."""
    return least(p.by_month)


@statistic("return", "fraction", "none", "years")
def best_year(p: Paths) -> Array:
    """Highest return of a calendar year, compounded; the first and the last as long as the data."""
    return -least(-p.by_year)


@statistic("return", "fraction", "none", "years")
def worst_year(p: Paths) -> Array:
    """Lowest return of a calendar year, compounded; the first and the last as long as the data."""
    return least(p.by_year)


@statistic("return", "share of bars")
def win_rate(p: Paths) -> Array:
    """Bars that gained, over all that moved."""
    return _wins(p.returns)


@statistic("return", "share of months", needs="months")
def monthly_win_rate(p: Paths) -> Array:
    """Calendar months that gained, over all that moved."""
    return _wins(p.by_month)


@statistic("return", "share of years", "none", "years")
def yearly_win_rate(p: Paths) -> Array:
    """Calendar years that gained, over all that moved; too few for an interval."""
    return _wins(p.by_year)


def _wins(returns: Array) -> Array:
    moved = np.where(np.isnan(returns).any(axis=-1), np.nan, (returns != 0).sum(axis=-1))
    return np.asarray((returns > 0).sum(axis=-1) / moved)
