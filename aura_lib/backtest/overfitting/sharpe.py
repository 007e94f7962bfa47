"""Sharpe ratios with their doubt: probabilistic, deflated by the search, and how long a record must be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.overfitting import checks
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EULER = 0.5772156649015329
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class ProbabilisticSharpe:
    """How probable it is that the true Sharpe ratio is above a benchmark.

    `sharpe`, `benchmark` and `error` (the standard error) are per period; `kurtosis` of normal returns is 3.
    """

    probability: float
    sharpe: float
    benchmark: float
    error: float
    observations: int
    skewness: float
    kurtosis: float

    def __float__(self) -> float:
        return self.probability

    def __str__(self) -> str:
        return (
            f"the true Sharpe ratio is above {self.benchmark:.4f} a period with probability {self.probability:.1%} "
            f"({self.sharpe:.4f} over {self.observations:,} periods)"
        )


@dataclass(frozen=True, slots=True)
class DeflatedSharpe(ProbabilisticSharpe):
    """How probable it is that the true Sharpe ratio is above what the best of so many trials shows by luck.

    `benchmark` is that expected maximum, `trials` the number it was made from, `sharpe_variance` the variance of
    the trials' Sharpe ratios.
    """

    trials: float
    sharpe_variance: float

    def __str__(self) -> str:
        return (
            f"Sharpe {self.sharpe:.4f} a period against {self.benchmark:.4f}, which the best of {self.trials:,.0f} "
            f"trials without skill is expected to show: a true one with probability {self.probability:.1%}"
        )


def probabilistic_sharpe(
    returns: ArrayLike | float,
    benchmark: float = 0.0,
    *,
    observations: int | None = None,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> ProbabilisticSharpe:
    """The probability that the true Sharpe ratio is above a benchmark (Bailey & López de Prado 2012).

    Φ((SR − SR*) √(T − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²)), with skewness γ₃ and kurtosis γ₄ of the returns.

    Args:
        returns: a path of simple returns, one a period; or its Sharpe ratio, and then `observations` is needed.
        benchmark: Sharpe ratio per period.
        observations: number of returns behind a Sharpe ratio that is given.
        skewness: of the returns behind a Sharpe ratio that is given.
        kurtosis: of the same; 3 for normal returns.

    Raises:
        InputError: NaN, fewer than three returns, or returns that never vary.

    """
    sharpe, count, skew, kurt = _moments(returns, observations, skewness, kurtosis)
    error = _spread(sharpe, skew, kurt) / math.sqrt(count - 1)
    level = checks.number("benchmark", benchmark)
    return ProbabilisticSharpe(_NORMAL.cdf((sharpe - level) / error), sharpe, level, error, count, skew, kurt)


def deflated_sharpe(
    returns: ArrayLike | float,
    *,
    trials: float,
    sharpe_variance: float,
    observations: int | None = None,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> DeflatedSharpe:
    """The probabilistic Sharpe ratio against the expected maximum of the trials (Bailey & López de Prado 2014).

    Args:
        returns: as for `probabilistic_sharpe`; of the trial that was chosen.
        trials: how many independent trials led to it (`effective_trials`), one at least; the full count is too
            hard on a search whose trials resemble each other.
        sharpe_variance: variance of the trials' Sharpe ratios per period.
        observations: as for `probabilistic_sharpe`.
        skewness: as for `probabilistic_sharpe`.
        kurtosis: as for `probabilistic_sharpe`.

    Raises:
        InputError: as `probabilistic_sharpe`; fewer trials than one, a negative variance.

    """
    level = expected_maximum_sharpe(trials, sharpe_variance)
    plain = probabilistic_sharpe(returns, level, observations=observations, skewness=skewness, kurtosis=kurtosis)
    return DeflatedSharpe(
        plain.probability, plain.sharpe, level, plain.error, plain.observations, plain.skewness, plain.kurtosis,
        float(trials), float(sharpe_variance),
    )  # fmt: skip


def expected_maximum_sharpe(trials: float, sharpe_variance: float) -> float:
    """The highest Sharpe ratio to expect of so many independent trials without skill (the False Strategy theorem).

    √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))), with Euler's γ (Bailey & López de Prado 2014); zero for one trial.
    The unit is that of the variance V: per period when it is.
    """
    count = checks.number("trials", trials, 1.0)
    variance = checks.number("sharpe_variance", sharpe_variance, 0.0)
    return math.sqrt(variance) * standard_maximum(count)


def standard_maximum(count: float) -> float:
    """Expected maximum of so many independent standard normal numbers, by the same approximation."""
    if count <= 1:
        return 0.0
    # Φ⁻¹(1 − x) is −Φ⁻¹(x), and for a small x only the latter is exact
    return max(0.0, -(1 - EULER) * _NORMAL.inv_cdf(1 / count) - EULER * _NORMAL.inv_cdf(1 / (count * math.e)))


def minimum_track_record(
    returns: ArrayLike | float,
    benchmark: float = 0.0,
    *,
    confidence: float = 0.95,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Number of periods after which such a Sharpe ratio is above the benchmark with this confidence.

    1 + (1 − γ₃ SR + (γ₄ − 1)/4 SR²) (Φ⁻¹(confidence) / (SR − SR*))² (Bailey & López de Prado 2012); infinite for one
    that is not above the benchmark. Arguments as for `probabilistic_sharpe`.
    """
    given = None if np.ndim(returns) else 3  # the length of the record is what is asked for
    sharpe, _, skew, kurt = _moments(returns, given, skewness, kurtosis)
    level, quantile = checks.number("benchmark", benchmark), _NORMAL.inv_cdf(checks.fraction("confidence", confidence))
    if sharpe <= level:
        return math.inf
    return 1 + (_spread(sharpe, skew, kurt) * quantile / (sharpe - level)) ** 2


def minimum_backtest_length(trials: float, annual_sharpe: float = 1.0) -> float:
    """Years a backtest must have for the best of so many trials without skill not to reach an annual Sharpe ratio.

    The square of the expected maximum of standard normal numbers over it (Bailey, Borwein, López de Prado & Zhu 2014).
    """
    target = checks.number("annual_sharpe", annual_sharpe)
    if target <= 0:
        raise InputError(f"annual_sharpe={annual_sharpe!r} must be above zero")
    return (standard_maximum(checks.number("trials", trials, 1.0)) / target) ** 2


def _moments(
    returns: ArrayLike | float, observations: int | None, skewness: float, kurtosis: float
) -> tuple[float, int, float, float]:
    """Sharpe ratio (n − 1), number, skewness and kurtosis (of the sample, n) of returns, or as they were given."""
    if np.ndim(returns) == 0:
        if observations is None:
            raise InputError("a Sharpe ratio alone says nothing: give observations=, the number of returns behind it")
        sharpe = checks.number("sharpe", np.asarray(returns).item())
        count = checks.whole("observations", observations, 2)
        return sharpe, count, checks.number("skewness", skewness), checks.number("kurtosis", kurtosis, 1.0)
    values = checks.path(returns)
    off = values - values.mean()
    spread = math.sqrt(float((off**2).mean()))
    shape = off / spread
    deviation = spread * math.sqrt(len(values) / (len(values) - 1))
    return float(values.mean()) / deviation, len(values), float((shape**3).mean()), float((shape**4).mean())


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    """√(1 − γ₃ SR + (γ₄ − 1)/4 SR²), the standard deviation of an estimated Sharpe ratio times √(T − 1)."""
    square = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if square <= 0:
        raise InputError(f"skewness={skewness:g} and kurtosis={kurtosis:g} cannot be of one distribution")
    return math.sqrt(square)
