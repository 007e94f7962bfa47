"""Paths: returns of one book, or of many histories it might have had, and what its statistics share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

TINY = 1e-15  # a spread of returns below this is rounding


@dataclass(frozen=True, eq=False)
class Paths:
    """Returns, paths × periods, and what is computed from them once for all the statistics that need it.

    `returns` are simple, decimal, float64, without NaN; `periods` of them make a year. `benchmark` has the same
    shape. `months` and `years` are the rows at which each calendar month and year begins, None where there is no
    calendar. A statistic of k paths is an array of k numbers; what divides by zero is NaN.
    """

    returns: Array
    periods: float = 252
    benchmark: Array | None = None
    months: Rows | None = None
    years: Rows | None = None

    @property
    def count(self) -> np.float64:
        """Number of returns of a path; numpy's, so that a division by it minus one is NaN, not an error."""
        return np.float64(self.returns.shape[-1])

    @property
    def length(self) -> np.float64:
        """Years that a path lasts."""
        return np.float64(self.count / self.periods)

    @cached_property
    def mean(self) -> Array:
        """Arithmetic mean of the returns."""
        return total(self.returns) / self.count

    @cached_property
    def centred(self) -> Array:
        """Returns less their mean."""
        return self.returns - self.mean[:, None]

    @cached_property
    def deviation(self) -> Array:
        """Sample standard deviation (n − 1)."""
        return np.sqrt(dot(self.centred, self.centred) / (self.count - 1))

    @cached_property
    def spread(self) -> Array:
        """The deviation to divide by: NaN where nothing but rounding moved."""
        return np.where(self.deviation > TINY, self.deviation, np.nan)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Third and fourth standardised population moments: skewness g1 and kurtosis g2 + 3."""
        unit = self.spread * np.sqrt((self.count - 1) / self.count)
        square = self.centred * self.centred
        return dot(square, self.centred) / self.count / unit**3, dot(square, square) / self.count / unit**4

    @cached_property
    def losses(self) -> Array:
        """The sum of the returns below zero, as a positive number."""
        return -total(np.minimum(self.returns, 0.0))

    @cached_property
    def shortfall(self) -> Array:
        """Root mean square of the returns below zero, over all returns; NaN where there is none."""
        below = np.minimum(self.returns, 0.0)
        root = np.sqrt(dot(below, below) / self.count)
        return np.where(root > TINY, root, np.nan)

    @cached_property
    def ordered(self) -> Array:
        """The returns of each path, ascending."""
        return np.sort(self.returns, axis=-1)

    def quantile(self, share: float) -> Array:
        """Empirical quantile, linear between two observations (Hyndman & Fan 1996, type 7)."""
        place = share * (self.returns.shape[-1] - 1)
        low = int(place)
        high = min(low + 1, self.returns.shape[-1] - 1)
        below, above = self.ordered[:, low], self.ordered[:, high]
        return np.asarray(below + (above - below) * (place - low))

    @cached_property
    def growth(self) -> Array:
        """What one unit has become, the opening one first: one column more than returns."""
        opening = np.ones((len(self.returns), 1))
        return np.cumprod(np.concatenate([opening, 1 + self.returns], axis=1), axis=1)

    @cached_property
    def below(self) -> Array:
        """Growth over its highest value so far, less one: zero at a high, the opening included."""
        return self.growth / np.maximum.accumulate(self.growth, axis=1) - 1

    @cached_property
    def annual(self) -> Array:
        """Compound return a year; a book that lost all has −1."""
        last = self.growth[:, -1]
        return np.where(last > 0, np.abs(last) ** (1 / self.length) - 1, -1.0)

    def by(self, starts: Rows | None, returns: Array | None = None) -> Array:
        """Returns compounded within the stretches that begin at these rows, NaN where there is no calendar."""
        values = self.returns if returns is None else returns
        if starts is None or not values.shape[1]:
            return np.full((len(values), 1), np.nan)
        with np.errstate(over="ignore"):  # to infinity and nothing else
            return np.multiply.reduceat(1 + values, starts, axis=1) - 1

    @cached_property
    def by_month(self) -> Array:
        """The return of each calendar month."""
        return self.by(self.months)

    @cached_property
    def by_year(self) -> Array:
        """The return of each calendar year."""
        return self.by(self.years)

    @cached_property
    def other(self) -> Paths:
        """The benchmark as paths of its own."""
        assert self.benchmark is not None
        return Paths(self.benchmark, self.periods, None, self.months, self.years)

    @cached_property
    def covariance(self) -> Array:
        """Sample covariance with the benchmark."""
        return dot(self.centred, self.other.centred) / (self.count - 1)

    @cached_property
    def active(self) -> Paths:
        """Returns less those of the benchmark."""
        assert self.benchmark is not None
        return Paths(self.returns - self.benchmark, self.periods)


def total(values: Array) -> Array:
    """Sum along each path."""
    sums: Array = values.sum(axis=-1)
    return sums


def least(values: Array) -> Array:
    """Lowest value of each path."""
    lowest: Array = values.min(axis=-1)
    return lowest


def dot(a: Array, b: Array) -> Array:
    """Sum of products along each path."""
    products: Array = np.einsum("ij,ij->i", a, b)
    return products


def over(a: Array, b: Array) -> Array:
    """A ratio; NaN where it would divide by zero."""
    return np.where(np.abs(b) > TINY, a / np.where(b == 0, np.nan, b), np.nan)
