"""Portfolios, slowly: Ledoit–Wolf from its formula; least variance by trying every set of bounds; Sharpe by SLSQP."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize


def simple_returns(prices: Sequence[Sequence[float]]) -> list[list[float]]:
    """Rows of returns from rows of prices."""
    return [[new / old - 1 for old, new in zip(a, b, strict=True)] for a, b in itertools.pairwise(prices)]


def ledoit_wolf(returns: Sequence[Sequence[float]]) -> np.ndarray:
    """Ledoit and Wolf (2004), section 3.3: Σ* = (b²/d²) m I + (a²/d²) S, with S of divisor n."""
    n, p = len(returns), len(returns[0])
    means = [sum(row[i] for row in returns) / n for i in range(p)]
    x = [[row[i] - means[i] for i in range(p)] for row in returns]
    s = [[sum(row[i] * row[j] for row in x) / n for j in range(p)] for i in range(p)]
    m = sum(s[i][i] for i in range(p)) / p
    d2 = sum((s[i][j] - (m if i == j else 0.0)) ** 2 for i in range(p) for j in range(p)) / p
    spread = sum((row[i] * row[j] - s[i][j]) ** 2 for row in x for i in range(p) for j in range(p))
    b2 = min(spread / (n * n * p), d2)
    shrink = b2 / d2 if d2 else 0.0
    return np.array([[shrink * (m if i == j else 0.0) + (1 - shrink) * s[i][j] for j in range(p)] for i in range(p)])


def min_volatility(covariance: np.ndarray, cap: float) -> np.ndarray:
    """Exact: each asset is at 0, at the cap or free; the free ones solve a linear system; the best feasible wins."""
    n = len(covariance)
    best: tuple[float, np.ndarray] | None = None
    for state in itertools.product((0, 1, 2), repeat=n):
        free = [i for i in range(n) if state[i] == 2]
        w = np.array([cap if k == 1 else 0.0 for k in state])
        left = 1.0 - w.sum()
        if free:
            k = len(free)
            system = np.ones((k + 1, k + 1))
            system[:k, :k] = covariance[np.ix_(free, free)]
            system[k, k] = 0.0
            fixed = covariance[free] @ w
            w[free] = np.linalg.solve(system, np.r_[-fixed, left])[:k]
        elif abs(left) > 1e-12:
            continue
        if w.min() < -1e-12 or w.max() > cap + 1e-12:
            continue
        variance = float(w @ covariance @ w)
        if best is None or variance < best[0]:
            best = variance, w
    assert best is not None
    return best[1]


def annual_growth(prices: Sequence[Sequence[float]]) -> np.ndarray:
    """Compound annual return of each column, 252 rows a year."""
    return (np.array(prices[-1]) / np.array(prices[0])) ** (252 / (len(prices) - 1)) - 1


def sharpe(weights: np.ndarray, excess: np.ndarray, covariance: np.ndarray) -> float:
    return float(weights @ excess / np.sqrt(weights @ covariance @ weights))


def max_sharpe(excess: np.ndarray, covariance: np.ndarray, cap: float) -> np.ndarray:
    """The best of several SLSQP runs, each from another corner."""
    n = len(covariance)
    starts = [np.full(n, 1 / n)] + [np.where(np.arange(n) == i, 0.9, 0.1 / max(n - 1, 1)) for i in range(n)]
    runs = [
        minimize(
            lambda w: -sharpe(w, excess, covariance),
            np.minimum(start, cap),
            bounds=[(0, cap)] * n,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-15, "maxiter": 1000},
        )
        for start in starts
    ]
    feasible = [r.x for r in runs if abs(r.x.sum() - 1) < 1e-9]
    return max(feasible, key=lambda w: sharpe(w, excess, covariance))
