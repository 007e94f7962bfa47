"""Every statistic of the catalogue by its textbook formula, with lists and loops; nothing of ours imported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from itertools import groupby

from tests.oracle.oracle_measures import capture, quantile, relative, tail


def figures(
    returns: Sequence[float], days: Sequence[date], periods: float, index: Sequence[float] | None = None
) -> dict[str, float]:
    """The names of the catalogue; `days` are the dates of the returns, for months and years."""
    r = list(returns)
    n = len(r)
    mean = sum(r) / n
    std = math.sqrt(sum((x - mean) ** 2 for x in r) / (n - 1))
    down = math.sqrt(sum(min(x, 0.0) ** 2 for x in r) / n)
    months, years = _compounded(r, days, lambda d: (d.year, d.month)), _compounded(r, days, lambda d: d.year)
    curve, below = [1.0], [0.0]
    for x in r:
        curve.append(curve[-1] * (1 + x))
        below.append(curve[-1] / max(curve) - 1)
    annual = curve[-1] ** (periods / n) - 1
    ulcer, pain = math.sqrt(sum(b * b for b in below) / n), -sum(below) / n
    skew, kurtosis = (sum((x - mean) ** k for x in r) / n / (std**2 * (n - 1) / n) ** (k / 2) for k in (3, 4))
    ratio = mean / std
    moved = [m for m in months if m != 0]
    spells = _spells(below)
    found = {
        **tail(r),
        "total_return": curve[-1] - 1,
        "annual_return": annual,
        "mean_return": mean * periods,
        "best_month": max(months),
        "worst_month": min(months),
        "best_year": max(years),
        "worst_year": min(years),
        "monthly_win_rate": sum(m > 0 for m in moved) / len(moved),
        "yearly_win_rate": sum(y > 0 for y in years) / len(years),
        "volatility": std * math.sqrt(periods),
        "downside_deviation": down * math.sqrt(periods),
        "max_drawdown": min(below),
        "average_drawdown": sum(depth for depth, _ in spells) / len(spells) if spells else 0.0,
        "drawdown_duration": max((bars for _, bars in spells), default=0) / periods,
        "time_under_water": sum(b < 0 for b in below) / n,
        "ulcer_index": ulcer,
        "pain_index": pain,
        "sharpe": ratio * math.sqrt(periods),
        "sharpe_error": math.sqrt((1 + ratio**2 / 2 - skew * ratio + (kurtosis - 3) / 4 * ratio**2) / n * periods),
        "sortino": mean * periods / (down * math.sqrt(periods)),
        "calmar": annual / -min(below),
        "martin": annual / ulcer,
        "pain_ratio": annual / pain,
        "gain_to_pain": sum(months) / -sum(m for m in months if m < 0),
        "tail_ratio": abs(quantile(r, 0.95)) / abs(quantile(r, 0.05)),
        "autocorrelation": sum((a - mean) * (b - mean) for a, b in zip(r[1:], r[:-1], strict=True))
        / (std**2 * (n - 1)),
        "jarque_bera": n / 6 * (skew**2 + (kurtosis - 3) ** 2 / 4),
    }
    found["jarque_bera_p"] = math.exp(-found["jarque_bera"] / 2)
    if index is not None:
        both = _compounded(list(index), days, lambda d: (d.year, d.month))
        found |= relative(r, list(index), periods) | capture(months, both)  # type: ignore[arg-type]
        found["treynor"] = mean * periods / found["beta"]
    return found


def _compounded(returns: list[float], days: Sequence[date], key: object) -> list[float]:
    out = []
    for _, rows in groupby(zip(days, returns, strict=True), key=lambda row: key(row[0])):  # type: ignore[operator]
        growth = 1.0
        for _, x in rows:
            growth *= 1 + x
        out.append(growth - 1)
    return out


def _spells(below: list[float]) -> list[tuple[float, int]]:
    """Depth and length of each fall: bars from the high to the recovery, or to the end."""
    spells, start, depth = [], 0, 0.0
    for bar, value in enumerate(below):
        if value < 0:
            depth = min(depth, value)
        else:
            if depth < 0:
                spells.append((depth, bar - start))
            start, depth = bar, 0.0
    if depth < 0:
        spells.append((depth, len(below) - 1 - start))
    return spells


def block_length(values: Sequence[float]) -> float:
    """Politis & White (2004) with the correction of 2009, as the paper writes it."""
    n = len(values)
    mean = sum(values) / n
    c = [v - mean for v in values]
    streak = max(5, int(math.log10(n)))
    lags = min(math.ceil(math.sqrt(n)) + streak, n - 1)
    R = [sum(c[t] * c[t - k] for t in range(k, n)) / n for k in range(lags + 1)]
    bound = 2 * math.sqrt(math.log10(n) / n)
    quiet = [abs(R[k] / R[0]) < bound for k in range(lags + 1)]
    m = next((m for m in range(1, lags - streak + 1) if all(quiet[m + 1 : m + streak + 1])), None)
    if m is None:
        m = max((k for k in range(1, lags + 1) if not quiet[k]), default=1)
    M = min(2 * m, lags)

    def window(k: int) -> float:
        t = k / M
        return 1.0 if t <= 0.5 else 2 * (1 - t)

    G = 2 * sum(window(k) * k * R[k] for k in range(1, M + 1))
    g0 = R[0] + 2 * sum(window(k) * R[k] for k in range(1, M + 1))
    b = (2 * G**2 / (2 * g0**2)) ** (1 / 3) * n ** (1 / 3)
    return min(max(b, 1.0), math.ceil(min(3 * math.sqrt(n), n / 3)))
