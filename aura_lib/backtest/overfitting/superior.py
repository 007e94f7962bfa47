"""Does the best of many trials beat a benchmark, the search taken into account? Reality check, SPA, stepwise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.overfitting import checks
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CELLS = 4_000_000  # draws × periods at a time: 32 MB


@dataclass(frozen=True, slots=True, eq=False)
class Superiority:
    """A test of "no trial has a higher mean return than the benchmark".

    `p_value` is the one to go by; `lower` and `upper` are the bounds Hansen gives for it (liberal: trials that are
    worse than the benchmark do not count; conservative: all count as if they were just as good). `best` is the
    column of the highest `statistic`; `drawn` holds what luck alone gave, one a draw.
    """

    p_value: float
    lower: float
    upper: float
    statistic: float
    best: int
    trials: int
    periods: int
    block: float
    test: str
    drawn: NDArray[np.float64] = field(repr=False)

    def __float__(self) -> float:
        return self.p_value

    def __str__(self) -> str:
        return (
            f"{self.test}: were none of {self.trials:,} trials better than the benchmark, luck alone would look as "
            f"good with probability {self.p_value:.3f}"
        )


def reality_check(
    matrix: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    draws: int = 1_000,
    block: float | None = None,
    seed: int = 0,
) -> Superiority:
    """White's reality check for data snooping (2000): the largest mean, not studentised, with all trials recentred.

    Args:
        matrix: simple returns, T periods × N trials; all that were tried, no NaN.
        benchmark: returns of what is to be beaten, T periods; nothing, that is cash, when not given.
        draws: of the stationary bootstrap (Politis & Romano 1994).
        block: mean length of its blocks, in periods; √T when not given.
        seed: of the draws.

    Raises:
        InputError: NaN, or shapes that do not fit.

    """
    over, length, counts = _prepared(matrix, benchmark, draws, block, seed)
    return _reality_check(over, counts, length)


def superior_predictive_ability(
    matrix: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    draws: int = 1_000,
    block: float | None = None,
    seed: int = 0,
) -> Superiority:
    """Hansen's test of superior predictive ability (2005): studentised, and poor trials do not weigh it down.

    `p_value` is the consistent one. Arguments and errors as for `reality_check`.
    """
    over, length, counts = _prepared(matrix, benchmark, draws, block, seed)
    return _superior(over, counts, length)


def stepwise(
    matrix: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    level: float = 0.05,
    draws: int = 1_000,
    block: float | None = None,
    seed: int = 0,
) -> tuple[int, ...]:
    """The columns that beat the benchmark, wrong about any of them with probability `level` (Romano & Wolf 2005).

    Studentised; after each step the trials that were found are left out, and the bar falls. Other arguments as for
    `reality_check`.
    """
    over, length, counts = _prepared(matrix, benchmark, draws, block, seed)
    checks.fraction("level", level)
    mean, spread = over.mean(axis=0), _deviation(over, length)
    observed = mean / spread
    drawn = (_means(over, counts) - mean) / spread
    found = np.zeros(len(mean), bool)
    while not found.all():
        bar = np.quantile(drawn[:, ~found].max(axis=1), 1 - level)
        fresh = ~found & (observed > bar)
        if not fresh.any():
            break
        found |= fresh
    return tuple(np.flatnonzero(found).tolist())


# ---- the two tests -------------------------------------------------------------------------------------------------
def _reality_check(over: NDArray[np.float64], counts: list[NDArray[np.float64]], block: float) -> Superiority:
    rows, mean = len(over), over.mean(axis=0)
    best, root = int(mean.argmax()), math.sqrt(rows)
    means = _means(over, counts)
    drawn = (means - mean).max(axis=1)
    lower = float(((means - np.maximum(mean, 0)).max(axis=1) > mean[best]).mean())
    p_value = float((drawn > mean[best]).mean())
    return Superiority(
        p_value,
        lower,
        p_value,
        root * float(mean[best]),
        best,
        over.shape[1],
        rows,
        block,
        "Reality check",
        root * drawn,
    )


def _superior(over: NDArray[np.float64], counts: list[NDArray[np.float64]], block: float) -> Superiority:
    rows, mean, spread = len(over), over.mean(axis=0), _deviation(over, block)
    observed = math.sqrt(rows) * mean / spread
    best = int(observed.argmax())
    statistic = max(0.0, float(observed[best]))
    means = _means(over, counts)
    near = mean >= -spread * math.sqrt(2 * math.log(math.log(rows)) / rows)
    drawn = {
        name: np.maximum(0.0, (math.sqrt(rows) * (means - centre) / spread).max(axis=1))
        for name, centre in (
            ("lower", np.maximum(mean, 0.0)), ("consistent", np.where(near, mean, 0.0)), ("upper", mean),
        )
    }  # fmt: skip
    p = {name: float((values > statistic).mean()) if statistic > 0 else 1.0 for name, values in drawn.items()}
    return Superiority(
        p["consistent"], p["lower"], p["upper"], statistic, best, over.shape[1], rows, block,
        "Superior predictive ability", drawn["consistent"],
    )  # fmt: skip


# ---- what they share -----------------------------------------------------------------------------------------------
def _prepared(
    matrix: ArrayLike, benchmark: ArrayLike | None, draws: int, block: float | None, seed: int
) -> tuple[NDArray[np.float64], float, list[NDArray[np.float64]]]:
    """Returns over the benchmark, the mean block, and how often each draw takes each period."""
    returns = checks.matrix(matrix, rows=10)
    if benchmark is not None:
        against = np.asarray(benchmark, "float64")
        if against.shape != (len(returns),) or not np.isfinite(against).all():
            raise InputError(f"the benchmark must be {len(returns)} returns without gaps, not {against.shape}")
        returns = returns - against[:, None]
    moving = returns[:, returns.max(axis=0) > returns.min(axis=0)]
    if not moving.shape[1]:
        raise InputError("no trial's return over the benchmark ever varies: nothing to test")
    length = math.sqrt(len(returns)) if block is None else checks.number("block", block, 1.0)
    if length > len(returns):
        raise InputError(f"block={length:g} is longer than the {len(returns)} periods there are")
    times = checks.whole("draws", draws, 10)
    rng = np.random.default_rng(checks.whole("seed", seed, 0))
    return returns, length, list(_taken(len(returns), times, length, rng))


def _taken(rows: int, draws: int, block: float, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """How often each draw of the stationary bootstrap takes each period, draws × periods, in chunks."""
    chunk = max(1, CELLS // rows)
    for begin in range(0, draws, chunk):
        yield _counts(rows, min(chunk, draws - begin), block, rng)


def _counts(rows: int, draws: int, block: float, rng: np.random.Generator) -> NDArray[np.float64]:
    fresh = rng.random((draws, rows)) < 1 / block
    fresh[:, 0] = True
    places = np.flatnonzero(fresh)
    offset = rng.integers(0, rows, len(places)) - places
    at = (np.repeat(offset, np.diff(places, append=draws * rows)) + np.arange(draws * rows)) % rows
    at += np.repeat(np.arange(draws) * rows, rows)
    return np.bincount(at, minlength=draws * rows).reshape(draws, rows).astype("float64")


def _means(over: NDArray[np.float64], counts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean of each trial in each draw, draws × trials: one matrix product, no resampled copy of the returns."""
    return np.concatenate([taken @ over for taken in counts]) / len(over)


def _deviation(over: NDArray[np.float64], block: float) -> NDArray[np.float64]:
    """Standard deviation of √T times each mean under the stationary bootstrap (Politis & Romano 1994), by FFT.

    γ₀ + 2 Σ κᵢ γᵢ with κᵢ = (1 − i/T)(1 − q)^i + (i/T)(1 − q)^(T − i), q = 1/block. Never zero: a trial that equals
    the benchmark counts as one that is infinitely far from beating it.
    """
    rows, q = len(over), 1 / block
    lag = np.arange(1, rows)
    kappa = (1 - lag / rows) * (1 - q) ** lag + lag / rows * (1 - q) ** (rows - lag)
    weights = np.r_[1.0, 2 * kappa]
    found = np.empty(over.shape[1])
    for first in range(0, over.shape[1], 64):
        part = over[:, first : first + 64]
        off = part - part.mean(axis=0)
        spectrum = np.fft.rfft(off, 2 * rows, axis=0)
        autocovariance = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=0)[:rows] / rows
        found[first : first + 64] = weights @ autocovariance
    flat = over.max(axis=0) == over.min(axis=0)
    return np.where(flat, 1.0, np.sqrt(np.maximum(found, 1e-300)))
