"""Figures of doubt: what became of the best out of sample, and what the best of so many trials shows by luck.

Each takes what a measure of `backtest.overfitting` found. Sharpe ratios are shown a year, of `periods` periods.
"""

from __future__ import annotations

from aura_lib.reports.figures.overfitting.luck import deflated_sharpe
from aura_lib.reports.figures.overfitting.splits import degradation, logits

__all__ = ["deflated_sharpe", "degradation", "logits"]
