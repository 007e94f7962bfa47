"""The shape of the distribution of returns, and whether they remember."""

from __future__ import annotations

import numpy as np

from aura_lib.risk.measures.catalogue import statistic
from aura_lib.risk.measures.paths import Array, Paths, dot


@statistic("shape", "number", "percentile")
def skewness(p: Paths) -> Array:
    """G1, unbiased under normality, where it is 0 (Joanes & Gill, The Statistician 1998)."""
    n = p.count
    return np.asarray(p.moments[0] * (np.sqrt(n * (n - 1)) / (n - 2)))


@statistic("shape", "number", "percentile")
def excess_kurtosis(p: Paths) -> Array:
    """G2, unbiased under normality, where it is 0 (Joanes & Gill, The Statistician 1998)."""
    n = p.count
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (p.moments[1] - 3) + 6)


@statistic("shape", "number", "none")
def autocorrelation(p: Paths) -> Array:
    """Of returns with those a bar before: Σ(r_t − m)(r_{t−1} − m) / Σ(r_t − m)² (Box & Jenkins 1976).

    Resampled blocks break it at their joints, so it has no interval; under independence its standard error is 1/√n.
    """
    c = p.centred
    whole = p.spread**2 * (p.count - 1)
    return dot(c[:, 1:], c[:, :-1]) / whole


@statistic("shape", "number", "none")
def jarque_bera(p: Paths) -> Array:
    """n/6·(g1² + g2²/4), the statistic of Jarque & Bera, International Statistical Review 1987."""
    skew, kurtosis = p.moments
    return p.count / 6 * (skew**2 + (kurtosis - 3) ** 2 / 4)


@statistic("shape", "probability", "none")
def jarque_bera_p(p: Paths) -> Array:
    """p-value of Jarque & Bera's test, null hypothesis: the returns are normal. exp(−JB/2), that of χ² with 2."""
    return np.exp(-jarque_bera(p) / 2)
