"""Signal + covariance + Mandate → TargetWeights

Long-only, fully invested mean-variance portfolios from prices, with the covariance shrunk after Ledoit and Wolf:
the highest Sharpe ratio by PyPortfolioOpt, the least variance by the solver behind it. The same prices give the same
weights, to the last digit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import DataError, InputError, ModelError

if TYPE_CHECKING:
    from pypfopt import EfficientFrontier

__all__ = ["max_sharpe", "min_volatility"]

PERIODS_PER_YEAR = 252  # prices are daily closes
FEWEST = 3  # rows of prices: two returns are what a covariance needs at the very least
GRAIN = 1_000_000  # weights are whole millionths
# An interior-point solver without timers or threads: the same problem takes the same steps on every machine.
SOLVED = ("Solved", "AlmostSolved")  # `_clean` checks what it says
SOLVER, OPTIONS = "CLARABEL", {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}

Array = npt.NDArray[np.float64]


def min_volatility(prices: pd.DataFrame, *, max_weight: float = 1.0) -> dict[str, float]:
    """The fully invested long-only portfolio of least variance: min wᵀΣw with Σw = 1, 0 ≤ w ≤ max_weight.

    Σ is the Ledoit–Wolf estimate from the simple returns of `prices`.

    Args:
        prices: daily closes, time × symbol, positive, no NaN, at least 3 rows.
        max_weight: cap of one weight, a fraction up to 1.

    Returns:
        Symbol → weight in column order, whole millionths rounded down, so their sum is at most 1.

    Raises:
        InputError: prices are no frame with unique symbols, or max_weight is no fraction.
        DataError: NaN or non-positive prices, too few rows, or a price that never moves.
        ModelError: `max_weight` × number of symbols < 1, or the solver found no solution.

    Source: Markowitz, Portfolio Selection, Journal of Finance 7(1), 1952; Ledoit and Wolf, A well-conditioned
    estimator for large-dimensional covariance matrices, Journal of Multivariate Analysis 88(2), 2004.
    """
    returns = _returns(prices)
    cap = _cap(max_weight, returns)
    covariance = _covariance(returns)
    return _clean(returns, _least_variance(returns, covariance, cap), cap)


def max_sharpe(prices: pd.DataFrame, *, max_weight: float = 1.0, risk_free_rate: float = 0.0) -> dict[str, float]:
    """The fully invested long-only portfolio of highest Sharpe ratio: max (wᵀμ − r) / √(wᵀΣw), 0 ≤ w ≤ max_weight.

    μ is each symbol's compound annual return over `prices` (past returns forecast poorly; the answer is as good as
    they are), Σ the annualised Ledoit–Wolf estimate.

    Args:
        prices: daily closes, time × symbol, positive, no NaN, at least 3 rows.
        max_weight: cap of one weight, a fraction up to 1.
        risk_free_rate: annualised decimal.

    Returns:
        Symbol → weight in column order, whole millionths rounded down, so their sum is at most 1.

    Raises:
        InputError: prices are no frame with unique symbols, max_weight is no fraction, or the rate is not finite.
        DataError: NaN or non-positive prices, too few rows, or a price that never moves.
        ModelError: no portfolio beats `risk_free_rate`, `max_weight` × symbols < 1, or the solver found no solution.

    Source: Sharpe, Mutual Fund Performance, Journal of Business 39(1), 1966; solved as a quadratic programme after
    Cornuejols and Tütüncü, Optimization Methods in Finance, 2006, section 8.2.
    """
    _between("risk_free_rate", risk_free_rate, -1.0, 1.0)
    returns = _returns(prices)
    cap = _cap(max_weight, returns)
    excess = _annual_return(returns) - risk_free_rate
    best = _highest(excess, cap)
    if best <= 0:
        raise ModelError(
            f"no allowed portfolio of {list(returns.columns)} beats risk_free_rate={risk_free_rate}: the best one made "
            f"{best + risk_free_rate:.4f} a year. Lower the rate, or use min_volatility, which needs no return forecast"
        )
    covariance = _covariance(returns)
    return _solve(returns, cap, excess / best, covariance, lambda frontier: frontier.max_sharpe(0.0))


def _between(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def _values(prices: Any) -> Array:
    """Prices as numbers, after what makes a frame no frame of prices."""
    if not isinstance(prices, pd.DataFrame):
        raise InputError(f"prices must be a DataFrame (time × symbol), not {type(prices).__name__}")
    if not prices.shape[1]:
        raise InputError("prices have no column: name at least one symbol")
    twice = sorted(set(prices.columns[prices.columns.duplicated()]))
    if twice:
        raise InputError(f"symbols must be unique; given twice: {twice}")
    try:
        return prices.to_numpy(dtype="float64")
    except (TypeError, ValueError) as error:
        raise InputError(f"prices hold something that is no number: {error}") from None


def _returns(prices: pd.DataFrame) -> pd.DataFrame:
    """Simple returns of prices that a covariance can be made of."""
    values = _values(prices)
    if len(values) < FEWEST:
        raise DataError(f"a covariance needs at least {FEWEST} rows of prices, given {len(values)}")
    _refuse(prices, ~np.isfinite(values).all(axis=0), "have NaN or infinite prices in the window: leave them out")
    _refuse(prices, (values <= 0).any(axis=0), "have prices that are not positive")
    _refuse(prices, (values == values[0]).all(axis=0), f"did not move in {len(values)} rows: halted, or stale data?")
    return pd.DataFrame(values[1:] / values[:-1] - 1.0, columns=prices.columns)


def _refuse(prices: pd.DataFrame, wrong: Any, why: str) -> None:
    if np.any(wrong):
        raise DataError(f"{list(prices.columns[wrong])} {why}")


def _cap(max_weight: float, returns: pd.DataFrame) -> float:
    _between("max_weight", max_weight, 1e-6, 1.0)
    n = returns.shape[1]
    if max_weight * n < 1 - 1e-9:
        raise ModelError(
            f"infeasible: {n} symbol(s) {list(returns.columns)} at max_weight={max_weight} reach {max_weight * n:.4g} "
            f"of equity, a full portfolio needs 1: allow each {1 / n:.4f} or more, or offer "
            f"{int(np.ceil(1 / max_weight))} symbols"
        )
    return float(max_weight)


def _covariance(returns: pd.DataFrame) -> Array:
    """Ledoit–Wolf covariance, scaled to a mean variance of 1: scale moves no weight, but would move the tolerances."""
    from sklearn.covariance import ledoit_wolf

    with _quiet():
        estimate, _ = ledoit_wolf(returns.to_numpy())
    variance = float(np.trace(estimate)) / len(estimate)
    if not variance > 1e-18:
        raise ModelError(f"the returns of {list(returns.columns)} do not vary: no portfolio has less risk than another")
    scaled: Array = estimate / variance
    return scaled


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' warnings ("may be inaccurate"): `_clean` checks the answer, and tells in numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _annual_return(returns: pd.DataFrame) -> Array:
    from pypfopt.expected_returns import mean_historical_return

    annual: Array = mean_historical_return(returns, returns_data=True, frequency=PERIODS_PER_YEAR).to_numpy()
    return annual


def _highest(excess: Array, cap: float) -> float:
    """The highest excess return that a portfolio under the cap can have: fill the best names first."""
    room = np.clip(1.0 - cap * np.arange(len(excess)), 0.0, cap)
    return float(np.sort(excess)[::-1] @ room)


def _least_variance(returns: pd.DataFrame, covariance: Array, cap: float) -> Array:
    """Min ½ wᵀΣw with Σw = 1, 0 ≤ w ≤ cap, by the solver itself: a tenth of the time of a modelling language.

    A strategy asks this at every slot, and evidence replays it dozens of times.
    """
    n = len(covariance)
    if cap * n <= 1 + 1e-9:  # one portfolio is allowed, and an interior-point solver needs an interior
        return np.full(n, 1.0 / n)
    import clarabel
    from scipy import sparse

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    for name, value in OPTIONS.items():
        setattr(settings, name, value)
    bounds = sparse.csc_matrix(np.vstack([np.ones(n), -np.eye(n), np.eye(n)]))
    limits = np.concatenate([[1.0], np.zeros(n), np.full(n, cap)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(2 * n)]
    quadratic = sparse.triu(sparse.csc_matrix(covariance), format="csc")
    found = clarabel.DefaultSolver(quadratic, np.zeros(n), bounds, limits, cones, settings).solve()
    if str(found.status) not in SOLVED:
        raise ModelError(f"no solution for {list(returns.columns)} at max_weight={cap}: {found.status}")
    return np.asarray(found.x)


def _solve(
    returns: pd.DataFrame,
    cap: float,
    excess: Array | None,
    covariance: Array,
    objective: Callable[[EfficientFrontier], Any],
) -> dict[str, float]:
    n = returns.shape[1]
    if cap * n <= 1 + 1e-9:  # one portfolio is allowed, and an interior-point solver needs an interior
        return _clean(returns, np.full(n, 1.0 / n), cap)
    from cvxpy.error import SolverError
    from pypfopt import EfficientFrontier
    from pypfopt.exceptions import OptimizationError

    frontier = EfficientFrontier(excess, covariance, weight_bounds=(0.0, cap), solver=SOLVER, solver_options=OPTIONS)
    try:
        with _quiet():
            objective(frontier)
    except (OptimizationError, SolverError) as error:
        raise ModelError(f"no solution for {list(returns.columns)} at max_weight={cap}: {error}") from error
    return _clean(returns, frontier.weights, cap)


def _clean(returns: pd.DataFrame, weights: Array, cap: float) -> dict[str, float]:
    """Weights in whole millionths, rounded down after the solver's own noise (a thousandth of one) is forgiven."""
    total = float(weights.sum())
    if not abs(total - 1) < 1e-6 or weights.min() < -1e-6 or weights.max() > cap + 1e-6:
        raise ModelError(
            f"the solver stopped at weights that break their bounds (sum {total:.6f}, from {weights.min():.6f} to "
            f"{weights.max():.6f}, cap {cap}): use more rows, or fewer symbols that move alike"
        )
    grains = np.floor(np.clip(weights, 0.0, cap) * GRAIN + 1e-3)
    return {str(s): float(min(g / GRAIN, cap)) for s, g in zip(returns.columns, grains, strict=True)}
