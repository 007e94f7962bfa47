"""robustness: does the result survive other parameters, costs, delays, prices, universes, and a signal that is none"""

from __future__ import annotations

from aura_lib.backtest.robustness.check import check
from aura_lib.backtest.robustness.neighbours import neighbours
from aura_lib.backtest.robustness.placebo import placebo
from aura_lib.backtest.robustness.stress import Stress, best_days, break_even, cost_doubling

__all__ = ["Stress", "best_days", "break_even", "check", "cost_doubling", "neighbours", "placebo"]
