"""replay, sweep, walk-forward, overfitting statistics, causality and parity checks"""

from __future__ import annotations

from aura_lib.backtest import folds
from aura_lib.backtest.folds import Fold
from aura_lib.backtest.parity import Difference, Parity, SlotRecord, parity
from aura_lib.backtest.replay import Replay, SlotResult, replay
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.run import run
from aura_lib.backtest.search import Between, Search, search
from aura_lib.backtest.statistics import statistics
from aura_lib.backtest.sweep import Rule, Sweep, rule, rules, sweep

__all__ = [
    "Backtest",
    "Between",
    "Difference",
    "Fold",
    "Parity",
    "Replay",
    "Rule",
    "Search",
    "SlotRecord",
    "SlotResult",
    "Sweep",
    "folds",
    "parity",
    "replay",
    "rule",
    "rules",
    "run",
    "search",
    "statistics",
    "sweep",
]
