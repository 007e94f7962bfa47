"""Measures of returns: about 45 statistics of one path or of many at once, and the drawdowns of a curve.

Returns are simple, decimal, one a period; NaN is no return and left out. Losses are negative numbers, as drawdowns
are. The risk-free rate is zero. A figure that divides by zero, or needs more returns than there are, is NaN.
"""

from __future__ import annotations

from aura_lib.risk.measures import losses, ratios, relations, returns, shape  # noqa: F401  (enter the catalogue)
from aura_lib.risk.measures.catalogue import CATALOGUE, Statistic, chosen, evaluate
from aura_lib.risk.measures.paths import TINY, Paths
from aura_lib.risk.measures.series import (
    DRAWDOWN_COLUMNS,
    capture,
    compounded,
    drawdowns,
    ended,
    expected_shortfall,
    omega_ratio,
    relative,
    tail,
    value_at_risk,
)

__all__ = [
    "CATALOGUE",
    "DRAWDOWN_COLUMNS",
    "TINY",
    "Paths",
    "Statistic",
    "capture",
    "chosen",
    "compounded",
    "drawdowns",
    "ended",
    "evaluate",
    "expected_shortfall",
    "omega_ratio",
    "relative",
    "tail",
    "value_at_risk",
]
