"""The days of a synthetic market: regimes, factors with fat tails and clustered volatility, gaps, ranges, volumes.

The log return of symbol i on day t is

    r = (drift(s) + sigma · scale(s) · (√c · M + √(k − c) · S + √(1 − k) · E) / √252) with s the regime of the day,

c the correlation between sectors, k that within one. The regime is a Markov chain (Hamilton, 1989, Econometrica 57).
M (market), S (sector) and E (the symbol's own) each are a GARCH(1, 1) of unit variance with Student t shocks
(Bollerslev, 1986, J. of Econometrics 31; 1987, Rev. of Economics and Statistics 69):

    x(t) = h(t) · z(t),   h²(t + 1) = (1 − α − β) + α · x²(t) + β · h²(t).

The overnight part of a return is its Brownian bridge; the high and the low each have the law of the extreme of a
Brownian bridge from open to close (their dependence on each other is left out). Volume is lognormal around a level that
rises with |r| (Karpoff, 1987, J. of Financial and Quantitative Analysis 22).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Calendar, InputError
from aura_lib.data.synthesis.chance import Values, stream
from aura_lib.data.synthesis.options import Options

YEAR = 252  # sessions, whatever the calendar
REGIMES = ("calm", "bull", "bear")
DRIFT = np.array([0.06, 0.18, -0.30])  # of the log price, a year
SCALE = np.array([0.7, 1.0, 2.0])  # times the volatility of a symbol
MOVES = np.array([[0.990, 0.006, 0.004], [0.007, 0.990, 0.003], [0.015, 0.010, 0.975]])  # a day, from row to column
ALPHA, BETA = 0.07, 0.90  # GARCH: weight of the last shock, of the last variance
VOLATILITY = (0.18, 0.40)  # of a symbol, a year: from, to
PRICE = (20.0, 200.0)  # its first, from, to
SHARES = (2e5, 5e6)  # its volume on an ordinary day: from, to
ACTIVITY, NOISE = 0.5, 0.3  # log volume: per standard deviation of |r|, and noise (standard deviation)
CAP = 6.0  # standard deviations of |r| after which volume rises no more
CENTS = 2  # decimals of the tick


@dataclass(frozen=True)
class Days:
    """The days of some symbols. Arrays are symbol × session; `spread`: standard deviation within a session (log)."""

    sessions: pd.DatetimeIndex
    opens: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    fields: dict[str, Values]
    spread: Values


def sessions(options: Options) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex, pd.DatetimeIndex]:
    """Sessions, their opens and their closes. Raises InputError when they are not all on the calendar."""
    calendar = Calendar.of(options.calendar)
    begin = pd.Timestamp(options.first)
    end = begin + pd.DateOffset(years=options.years)
    known = calendar.sessions
    if begin < known[0] - pd.Timedelta(days=7) or end > known[-1]:
        raise InputError(
            f"synthetic: start={options.start} and years={options.years} reach beyond the {options.calendar} calendar, "
            f"which runs from {known[0].date()} to {known[-1].date()}"
        )
    life = slice(int(known.searchsorted(begin)), int(known.searchsorted(end)))
    return known[life], calendar.opens[life], calendar.closes[life]


def regimes(options: Options) -> pd.Series:
    """The regime of each session (naive midnight): calm, bull or bear."""
    days = sessions(options)[0]
    return pd.Series(np.array(REGIMES)[_chain(options.seed, len(days))], index=days, name="regime")


def _chain(seed: int, length: int) -> npt.NDArray[np.int64]:
    draws, edges = stream(seed, "regime").random(length), MOVES.cumsum(axis=1)[:, :-1]
    states = np.zeros(length, np.int64)
    for day in range(1, length):
        states[day] = (draws[day] >= edges[states[day - 1]]).sum()
    return states


def _garch(shocks: Values) -> tuple[Values, Values]:
    """Shocks (series × day, unit variance) with clustered volatility, and their conditional variance."""
    clustered, variance = np.empty_like(shocks.T), np.empty_like(shocks.T)
    current = np.ones(len(shocks))
    for day, shock in enumerate(np.ascontiguousarray(shocks.T)):
        clustered[day], variance[day] = np.sqrt(current) * shock, current
        current = (1 - ALPHA - BETA) + (ALPHA * shock * shock + BETA) * current
    return np.ascontiguousarray(clustered.T), np.ascontiguousarray(variance.T)


def _factors(options: Options, purpose: str, numbers: Sequence[int], length: int) -> tuple[Values, Values]:
    unit = np.sqrt((options.tail - 2) / options.tail)
    draws = [stream(options.seed, purpose, number).standard_t(options.tail, length) for number in numbers]
    return _garch(np.array(draws) * unit)


def days(options: Options, numbers: Sequence[int]) -> Days:
    """The days of symbols by their numbers (from 0). A symbol's days do not depend on which others are asked for."""
    known, opens, closes = sessions(options)
    size, seed = len(known), options.seed

    def normal(purpose: str) -> Values:
        return np.array([stream(seed, purpose, n).standard_normal(size) for n in numbers])

    def uniform(purpose: str) -> Values:
        return np.array([stream(seed, purpose, n).random(size) for n in numbers])

    volatility, price, shares = _characters(seed, numbers)
    states = _chain(seed, size)
    shock, variance = _mixed(options, numbers, size)
    daily = volatility * SCALE[states] / np.sqrt(YEAR)
    total, deviation = DRIFT[states] / YEAR + daily * shock, daily * np.sqrt(variance)
    night = options.gaps * total + np.sqrt(options.gaps * (1 - options.gaps)) * deviation * normal("overnight")
    factor = 0.5 ** np.cumsum(uniform("split") < options.splits / YEAR, axis=1)
    last = np.log(price) + np.cumsum(total, axis=1)
    first = last - total + night
    spread = np.sqrt(1 - options.gaps) * deviation
    top, bottom = reach(first, last, spread, uniform("high"), 1), reach(first, last, spread, uniform("low"), -1)
    fields = consistent(*(tidy(np.exp(log) * factor) for log in (first, top, bottom, last)))
    moved = np.minimum(np.abs(total) / (volatility / np.sqrt(YEAR)), CAP)
    fields["volume"] = np.rint(shares * np.exp(ACTIVITY * moved + NOISE * normal("volume")) / factor)
    return Days(known, opens, closes, fields, spread)


def _characters(seed: int, numbers: Sequence[int]) -> tuple[Values, Values, Values]:
    """Volatility a year, first price and ordinary volume of each symbol, as columns."""
    draws = np.array([stream(seed, "character", n).random(3) for n in numbers])
    ranges = np.array([VOLATILITY, PRICE, SHARES])
    found = ranges[:, 0] + draws * (ranges[:, 1] - ranges[:, 0])
    return found[:, :1], found[:, 1:2], found[:, 2:]


def _mixed(options: Options, numbers: Sequence[int], size: int) -> tuple[Values, Values]:
    """Shocks of unit variance, correlated as asked, and their conditional variance."""
    between, within = options.correlation, options.sector_correlation
    sector = np.array([number % options.sectors for number in numbers])
    needed, place = np.unique(sector, return_inverse=True)
    market, sectors, own = (
        _factors(options, purpose, which, size)
        for purpose, which in (("market", [0]), ("sector", needed.tolist()), ("own", numbers))
    )
    parts = [(between, *market), (within - between, sectors[0][place], sectors[1][place]), (1 - within, *own)]
    shock = sum((np.sqrt(weight) * value for weight, value, _ in parts), np.zeros(1))
    return shock, sum((weight * variance for weight, _, variance in parts), np.zeros(1))


def reach(first: Values, last: Values, spread: Values, draws: Values, sign: int) -> Values:
    """The highest (sign 1) or lowest (sign −1) point of Brownian bridges, from uniform draws in [0, 1)."""
    width = np.sqrt((last - first) ** 2 - 2 * spread**2 * np.log1p(-draws))
    return np.asarray((first + last + sign * width) / 2, dtype=np.float64)


def tidy(prices: Values) -> Values:
    """Prices rounded to the tick, at least one tick."""
    least: float = 10.0**-CENTS
    return np.maximum(np.round(prices, CENTS), least)


def consistent(first: Values, top: Values, bottom: Values, last: Values) -> dict[str, Values]:
    """The four prices with open and close inside high and low."""
    high, low = np.maximum(top, np.maximum(first, last)), np.minimum(bottom, np.minimum(first, last))
    return {"open": first, "high": high, "low": low, "close": last}
