"""sweep: a rule over a whole parameter grid, at the speed of hand-written code"""

from __future__ import annotations

from aura_lib.backtest.sweep import rules
from aura_lib.backtest.sweep.chunk import Job, Path, evaluate
from aura_lib.backtest.sweep.grid import Grid
from aura_lib.backtest.sweep.kept import Kept
from aura_lib.backtest.sweep.replayed import Replayed
from aura_lib.backtest.sweep.result import Sweep
from aura_lib.backtest.sweep.rule import Rule, rule
from aura_lib.backtest.sweep.run import sweep
from aura_lib.backtest.sweep.walk import WalkForward

__all__ = [
    "Grid",
    "Job",
    "Kept",
    "Path",
    "Replayed",
    "Rule",
    "Sweep",
    "WalkForward",
    "evaluate",
    "rule",
    "rules",
    "sweep",
]
