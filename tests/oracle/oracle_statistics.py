"""Figures of an equity curve by their textbook formulas, one loop each; nothing of ours imported."""

from __future__ import annotations

import math
from itertools import pairwise


def figures(equity: list[float], periods: int = 252) -> dict[str, float]:
    """The same names as ours; sample standard deviation, risk-free rate zero."""
    returns = [after / before - 1 for before, after in pairwise(equity)]
    n = len(returns)
    mean = sum(returns) / n
    deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / (n - 1))
    downside = math.sqrt(sum(min(r, 0.0) ** 2 for r in returns) / n)
    annual = (equity[-1] / equity[0]) ** (periods / n) - 1
    peak, worst = equity[0], 0.0
    for value in equity:
        peak = max(peak, value)
        worst = min(worst, value / peak - 1)
    return {
        "total_return": equity[-1] / equity[0] - 1,
        "annual_return": annual,
        "volatility": deviation * math.sqrt(periods),
        "sharpe": mean / deviation * math.sqrt(periods),
        "sortino": mean * periods / (downside * math.sqrt(periods)),
        "calmar": annual / abs(worst),
        "max_drawdown": worst,
        "years": n / periods,
    }
