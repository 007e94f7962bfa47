"""Measures of returns by their textbook formulas, with lists and loops; nothing of ours imported."""

from __future__ import annotations

import math
from datetime import date


def quantile(values: list[float], q: float) -> float:
    """Type 7 of Hyndman & Fan: position q·(n − 1) between the sorted values."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def tail(returns: list[float]) -> dict[str, float]:
    n = len(returns)
    mean = sum(returns) / n
    m2, m3, m4 = (sum((r - mean) ** k for r in returns) / n for k in (2, 3, 4))
    var = quantile(returns, 0.05)
    beyond = [r for r in returns if r <= var]
    moved = [r for r in returns if r != 0]
    return {
        "var": var,
        "cvar": sum(beyond) / len(beyond),
        "worst": min(returns),
        "best": max(returns),
        "win_rate": sum(r > 0 for r in moved) / len(moved),
        "omega_ratio": sum(r for r in returns if r > 0) / -sum(r for r in returns if r < 0),
        "skewness": math.sqrt(n * (n - 1)) / (n - 2) * m3 / m2**1.5,
        "excess_kurtosis": (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * (m4 / m2**2 - 3) + 6),
    }


def relative(returns: list[float], index: list[float], periods: int) -> dict[str, float]:
    n = len(returns)
    mr, mb = sum(returns) / n, sum(index) / n
    cov = sum((r - mr) * (b - mb) for r, b in zip(returns, index, strict=True)) / (n - 1)
    vr = sum((r - mr) ** 2 for r in returns) / (n - 1)
    vb = sum((b - mb) ** 2 for b in index) / (n - 1)
    active = [r - b for r, b in zip(returns, index, strict=True)]
    ma = sum(active) / n
    error = math.sqrt(sum((a - ma) ** 2 for a in active) / (n - 1)) * math.sqrt(periods)
    return {
        "alpha": (mr - cov / vb * mb) * periods,
        "beta": cov / vb,
        "correlation": cov / math.sqrt(vr * vb),
        "tracking_error": error,
        "information_ratio": ma * periods / error,
    }


def geometric(returns: list[float]) -> float:
    product = 1.0
    for r in returns:
        product *= 1 + r
    return product ** (1 / len(returns)) - 1


def capture(returns: list[float], index: list[float]) -> dict[str, float]:
    pairs = list(zip(returns, index, strict=True))
    up, down = [p for p in pairs if p[1] > 0], [p for p in pairs if p[1] < 0]
    return {
        "up_capture": geometric([r for r, _ in up]) / geometric([b for _, b in up]),
        "down_capture": geometric([r for r, _ in down]) / geometric([b for _, b in down]),
    }


def drawdowns(days: list[date], equity: list[float]) -> list[tuple[date, date, date | None, float, int]]:
    """Peak, trough, recovery, depth, days; one walk along the curve, deepest first."""
    found: list[tuple[date, date, date | None, float, int]] = []
    peak = 0
    trough: int | None = None
    for i in range(1, len(equity)):
        if equity[i] >= equity[peak]:
            if trough is not None:
                depth = equity[trough] / equity[peak] - 1
                found.append((days[peak], days[trough], days[i], depth, (days[i] - days[peak]).days))
            peak, trough = i, None
        elif trough is None or equity[i] < equity[trough]:
            trough = i
    if trough is not None:
        depth = equity[trough] / equity[peak] - 1
        found.append((days[peak], days[trough], None, depth, (days[-1] - days[peak]).days))
    return sorted(found, key=lambda fall: (fall[3], fall[0]))
