"""How many independent trials a search was: many that resemble each other find less by luck than as many different."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.overfitting import checks
from aura_lib.backtest.overfitting.sharpe import standard_maximum
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DRAWS = 2_000
RIDGE = 1e-6  # for trials that are the same
FEW = 20  # rows two paths must share for a correlation
SAME = 1e-6


@dataclass(frozen=True, slots=True)
class EffectiveTrials:
    """How many independent trials so many correlated ones are worth. `count` is what the deflated Sharpe ratio takes.

    `trials` were made, `sampled` of them left their returns. `growth` is the power with which the number grows with
    the trials (1: all are different, 0: more of the same), by which it goes from the sample to all. Beside it two
    older answers, of the sample: `by_average` ρ̄ + (1 − ρ̄) N (Bailey & López de Prado 2014) and `by_participation`,
    (Σλ)² / Σλ² of the correlation's eigenvalues.
    """

    count: float
    trials: int
    sampled: int
    average_correlation: float
    growth: float
    by_average: float
    by_participation: float

    def __float__(self) -> float:
        return self.count

    def __str__(self) -> str:
        return (
            f"{self.trials:,} trials with an average correlation of {self.average_correlation:.2f} are worth "
            f"{self.count:,.1f} independent ones"
        )


def effective_trials(paths: ArrayLike, *, trials: int | None = None, seed: int = 0) -> EffectiveTrials:
    """The number of independent trials whose best shows by luck as much as the best of these.

    Numbers without skill are drawn with the correlation of the paths; their expected maximum, in units of the spread
    they have around each other (which is what the variance of the trials' Sharpe ratios measures), is that of so many
    independent ones. Average correlation and participation answer other questions: what trials have in common adds to
    neither the spread nor the maximum, and clusters of trials count as one each.

    Args:
        paths: returns, T periods × n trials; NaN where a trial has none (pairs are correlated where both have).
        trials: how many were made, when the paths are only a sample of them.
        seed: of the draws.

    Raises:
        InputError: fewer than three rows, or fewer trials than paths.

    """
    values = np.asarray(paths, "float64")
    if values.ndim != 2 or len(values) < 3 or not values.shape[1]:
        raise InputError(f"paths must be periods × trials, at least 3 × 1, not of shape {values.shape}")
    total = values.shape[1] if trials is None else checks.whole("trials", trials)
    if total < values.shape[1]:
        raise InputError(f"trials={total} are fewer than the {values.shape[1]} paths")
    correlation = _correlation(values)
    sampled = len(correlation)
    if sampled < 2:
        return EffectiveTrials(1.0 if total == values.shape[1] else float(total), total, sampled, 1.0, 1.0, 1.0, 1.0)
    average = float((correlation.sum() - sampled) / (sampled * (sampled - 1)))
    whole, half = _maxima(correlation, np.random.default_rng(seed))
    own = 1 - average
    count = _independent(whole / math.sqrt(own), sampled) if own > SAME else 1.0
    part = _independent(half / math.sqrt(own), sampled // 2) if own > SAME else 1.0
    growth = min(max(math.log(count / part) / math.log(sampled / (sampled // 2)), 0.0), 1.0)
    scaled = min(max(count * (total / values.shape[1]) ** growth, 1.0), float(total))
    return EffectiveTrials(
        scaled, total, sampled, average, growth, average + own * sampled,
        float(sampled**2 / (correlation**2).sum()),
    )  # fmt: skip


def _correlation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the paths that vary, pair by pair over the rows that both have; too few rows are none."""
    there = np.isfinite(values)
    if there.all():
        off = values - values.mean(axis=0)
        norm = np.sqrt((off**2).sum(axis=0))
        kept = norm > 1e-12 * np.sqrt(len(values)) * np.maximum(np.abs(values).max(axis=0), 1e-300)
        scaled = off[:, kept] / norm[kept]
        found = np.asarray(scaled.T @ scaled, "float64")
    else:
        found = _pairwise(np.where(there, values, 0.0), there.astype("float64"))
    np.clip(found, -1, 1, out=found)
    np.fill_diagonal(found, 1.0)
    return found


def _pairwise(values: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    count, sums, squares = there.T @ there, values.T @ there, (values**2).T @ there
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (values.T @ values) / count - sums * sums.T / count**2
        variance = squares / count - (sums / count) ** 2  # of one where both are
        found = covariance / np.sqrt(variance * variance.T)
    found[(count < FEW) | ~np.isfinite(found)] = 0.0
    kept = np.diag(variance) > 0
    return np.asarray(found[np.ix_(kept, kept)], "float64")


def _maxima(correlation: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Expected maximum of normal numbers with this correlation: of all, and of a random half of them."""
    n = len(correlation)
    root = _root(correlation)[rng.permutation(n)]
    drawn = rng.standard_normal((DRAWS, n)) @ root.T
    halves = (drawn[:, : n // 2], drawn[:, n - n // 2 :], drawn[:, : 2 * (n // 2) : 2], drawn[:, 1 : 2 * (n // 2) : 2])
    return float(drawn.max(axis=1).mean()), float(np.mean([half.max(axis=1).mean() for half in halves]))


def _root(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix that makes independent numbers correlated, each of variance one."""
    try:
        root = np.linalg.cholesky(correlation + RIDGE * np.eye(len(correlation)))
    except np.linalg.LinAlgError:  # correlations of pairs may not be of one matrix
        values, vectors = np.linalg.eigh(correlation)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(root / np.sqrt((root**2).sum(axis=1, keepdims=True)), "float64")


def _independent(maximum: float, most: int) -> float:
    """So many independent standard normal numbers have this expected maximum; at most `most`."""
    low, high = 1.0, float(max(most, 1))
    if standard_maximum(high) <= maximum:
        return high
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if standard_maximum(middle) < maximum else (low, middle)
    return low
