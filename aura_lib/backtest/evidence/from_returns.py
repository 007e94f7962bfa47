"""Evidence of returns: the statistical part alone, for a sweep, or for paths that came from anywhere."""

from __future__ import annotations

import math
from statistics import NormalDist
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest import folds
from aura_lib.backtest.case import sharpe
from aura_lib.backtest.evidence import statistical
from aura_lib.backtest.evidence.judging import Measure, judged, verdict
from aura_lib.backtest.evidence.policy import Policy
from aura_lib.backtest.evidence.statistical import Search
from aura_lib.backtest.robustness.stress import best_days
from aura_lib.core import Examination, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray


def evidence_of_returns(
    chosen: int | ArrayLike,
    paths: ArrayLike,
    *,
    trials: int | None = None,
    sharpe_variance: float = math.nan,
    periods: int = 252,
    gap: int = 0,
    policy: Policy | str | Path | None = None,
    seed: int = 0,
) -> Examination:
    """Judge the chosen one of many return paths, by all that returns alone can tell.

    Walk-forward and cross-validation choose on the training rows of each fold among all paths, and stitch the test
    rows of what was chosen; switching costs nothing here. What needs the strategy itself (causality, neighbours,
    costs, placebo …) is not among the findings, so that no promotion can rest on this alone.

    Args:
        chosen: its column, or its returns (T).
        paths: simple returns of the trials, T × N, no NaN.
        trials: how many there were, when the paths are a sample of them; else N.
        sharpe_variance: of all trials, per period, when the paths are a sample of them.
        periods: returns a year.
        gap: rows left out between training and test: as many as a decision is held.
        policy: thresholds; the project's, or the shipped ones, when not given.
        seed: of the bootstrap.

    Raises:
        InputError: shapes that do not fit, numbers that are none, fewer trials than paths.
    """
    began = perf_counter()
    matrix, returns = _checked(chosen, paths)
    count = matrix.shape[1] if trials is None else trials
    if isinstance(count, bool) or not isinstance(count, int) or count < matrix.shape[1]:
        raise InputError(f"trials={count!r} must be a whole number, at least the {matrix.shape[1]} paths given")
    search = Search(count, sharpe_variance, matrix)
    measures, figures = _measures(returns, search, periods, gap, seed)
    rules = policy if isinstance(policy, Policy) else Policy.load(policy)
    findings = judged(measures, rules)
    line = verdict(findings, count, rules.loosened)
    return Examination(findings, line, count, rules.id, rules.loosened, figures, perf_counter() - began)


def _checked(chosen: int | ArrayLike, paths: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        matrix = np.asarray(paths, dtype=np.float64)
        given = np.asarray(chosen if np.ndim(chosen) else 0, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"returns must be numbers: {error}") from None
    if matrix.ndim != 2 or not matrix.size:
        raise InputError(f"paths must be a matrix, bars × trials, not an array of shape {matrix.shape}")
    if np.ndim(chosen) == 0:
        if not isinstance(chosen, int | np.integer) or not 0 <= chosen < matrix.shape[1]:
            raise InputError(f"chosen={chosen!r} is no column of {matrix.shape[1]} paths, nor their returns")
        given = matrix[:, int(chosen)]
    if given.shape != matrix.shape[:1]:
        raise InputError(f"chosen has {given.shape} returns, the paths have {len(matrix)} rows")
    if not (np.isfinite(matrix).all() and np.isfinite(given).all()):
        raise InputError("returns hold NaN or infinity: drop those rows, of all paths together")
    among = np.ndim(chosen) == 0 or np.isclose(matrix, given[:, None], rtol=1e-4, atol=1e-8).all(axis=0).any()
    return (matrix if among else np.column_stack([matrix, given])), given


def _measures(
    returns: NDArray[np.float64], search: Search, periods: int, gap: int, seed: int
) -> tuple[list[Measure], dict[str, Any]]:
    found, data = statistical.luck(returns, search, periods)
    chosen, logits = statistical.selection(search, seed)
    days = best_days(returns, periods)
    dropped = days.data["dropped"][1]
    found = [*found, *chosen, Measure("best_days", days.value, f"A year, had the best {dropped} days earned nothing.")]
    figures: dict[str, Any] = {"trials": data, "pbo": logits, "robustness": {"best_days": dict(days.data)}}
    if len(returns) < statistical.FEWEST:
        return found, figures
    stitched, in_sample = sliced_walk(search.paths, statistical.walk_folds(len(returns), gap), periods)
    ratios = sliced_cross(search.paths, gap, periods)
    figures["cpcv"] = {"sharpes": [float(r) for r in ratios]}
    figures["walk_forward"] = {"sharpe": sharpe(stitched) * periods**0.5, "in_sample": in_sample}
    return [*found, *statistical.walked(stitched, in_sample, periods), statistical.crossed(ratios)], figures


def sliced_walk(paths: NDArray[np.float64], cut: list[folds.Fold], periods: int) -> tuple[NDArray[np.float64], float]:
    """The test rows of what was best on the training rows of each fold, and the mean annual Sharpe ratio there."""
    best = [statistical.best_on(paths, fold) for fold in cut]
    pieces = [paths[fold.test, column] for fold, (column, _) in zip(cut, best, strict=True)]
    return np.concatenate(pieces), float(np.mean([ratio for _, ratio in best])) * periods**0.5


def sliced_cross(paths: NDArray[np.float64], gap: int, periods: int) -> NDArray[np.float64]:
    """Annual Sharpe ratios of the φ paths of the cross-validation."""
    rows = len(paths)
    best = [statistical.best_on(paths, fold)[0] for fold in statistical.cross_folds(rows, gap)]
    edges = folds.group_edges(rows, statistical.GROUPS)
    ratios = []
    for path in folds.paths(statistical.GROUPS, statistical.TEST_GROUPS):
        pieces = [paths[edges[g] : edges[g + 1], best[fold]] for g, fold in enumerate(path)]
        ratios.append(sharpe(np.concatenate(pieces)) * periods**0.5)
    return np.array(ratios)


def powered_sharpe(rows: int, trials: int, *, power: float = 0.9, level: float = 0.95, periods: int = 252) -> float:
    """The true annual Sharpe ratio that a search of this size can establish: adequately powered means at least it.

    The deflated Sharpe ratio passes `level` when the estimate is above the expected best of `trials` worthless ones,
    E[max], by Φ⁻¹(level) standard errors; a true ratio s is estimated with the standard error √((1 + s²/2)/(T − 1))
    of normal returns (Lo, 2002). So s = E[max] + (Φ⁻¹(level) + Φ⁻¹(power)) · error, solved for s by iteration. The
    variance behind E[max] is that of N independent trials of which one is true: 1/T, and s² (N − 1)/N² for the true
    one, which stretches what luck is given credit for.
    """
    from aura_lib.backtest.overfitting import expected_maximum_sharpe

    if rows < 3 or not (0 < power < 1 and 0 < level < 1):
        raise InputError(f"rows={rows}, power={power}, level={level}: at least 3 returns, and probabilities")
    normal, found = NormalDist(), 0.0
    for _ in range(50):
        error = math.sqrt((1 + found**2 / 2) / (rows - 1))
        spread = 1 / rows + found**2 * (trials - 1) / trials**2
        found = expected_maximum_sharpe(trials, spread) + (normal.inv_cdf(level) + normal.inv_cdf(power)) * error
    return float(found * periods**0.5)
