"""Measures of overfitting, recomputed plainly and slowly from their papers' definitions; imports nothing of ours."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy import stats


def sharpe(returns: Any) -> float:
    deviation = np.std(returns, ddof=1)
    return 0.0 if deviation == 0 else float(np.mean(returns) / deviation)


def probabilistic(returns: Any, benchmark: float) -> float:
    own = sharpe(returns)
    skew, kurt = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    error = math.sqrt((1 - skew * own + (kurt - 1) / 4 * own**2) / (len(returns) - 1))
    return float(stats.norm.cdf((own - benchmark) / error))


def expected_maximum(count: int) -> float:
    """Of so many independent standard normal numbers: ∫ x d(Φ(x)^N), by quadrature."""
    x = np.linspace(-12, 12, 400_001)
    density = count * stats.norm.pdf(x) * stats.norm.cdf(x) ** (count - 1)
    return float(np.trapezoid(x * density, x))


def cscv(matrix: Any, blocks: int) -> dict[str, Any]:
    """Splits in any order; blocks of equal length, so that the rows must be a multiple of them."""
    parts = np.split(np.asarray(matrix), blocks)
    logits, chosen, out, every = [], [], [], []
    for picked in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in picked])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in picked])
        first = [sharpe(column) for column in inside.T]
        second = [sharpe(column) for column in outside.T]
        best = int(np.argmax(first))
        rank = stats.rankdata(second)[best] / (len(second) + 1)
        logits.append(math.log(rank / (1 - rank)))
        chosen.append(first[best])
        out.append(second[best])
        every += second
    line = stats.linregress(chosen, out)
    return {
        "probability": float(np.mean(np.array(logits) <= 0)), "logits": sorted(logits), "slope": line.slope,
        "intercept": line.intercept, "r_squared": line.rvalue**2, "loss": float(np.mean(np.array(out) < 0)),
        "out": out, "every": every,
    }  # fmt: skip


def kernel_variance(values: Any, block: float) -> float:
    """Variance of √T times the mean under the stationary bootstrap (Hansen 2005, section 3)."""
    rows, q = len(values), 1 / block
    off = values - values.mean()
    total = float(off @ off) / rows
    for lag in range(1, rows):
        kappa = (rows - lag) / rows * (1 - q) ** lag + lag / rows * (1 - q) ** (rows - lag)
        total += 2 * kappa * float(off[:-lag] @ off[lag:]) / rows
    return total


def superior(over: Any, indices: list[Any], block: float) -> tuple[float, float, float]:
    """Hansen's lower, consistent and upper p-values for given bootstrap indices, draw by draw."""
    rows, trials = over.shape
    mean = [over[:, k].mean() for k in range(trials)]
    omega = [math.sqrt(kernel_variance(over[:, k], block)) for k in range(trials)]
    statistic = max(0.0, *(math.sqrt(rows) * mean[k] / omega[k] for k in range(trials)))
    bar = [-omega[k] / math.sqrt(rows) * math.sqrt(2 * math.log(math.log(rows))) for k in range(trials)]
    centres = (
        [max(0.0, m) for m in mean], [m if m >= b else 0.0 for m, b in zip(mean, bar, strict=True)], mean,
    )  # fmt: skip
    counts = [0, 0, 0]
    for drawn in indices:
        sample = over[drawn].mean(axis=0)
        for which, centre in enumerate(centres):
            luck = max(0.0, *(math.sqrt(rows) * (sample[k] - centre[k]) / omega[k] for k in range(trials)))
            counts[which] += luck > statistic
    lower, consistent, upper = (count / len(indices) for count in counts)
    return lower, consistent, upper
