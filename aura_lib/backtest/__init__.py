"""replay, sweep, walk-forward, overfitting statistics, causality and parity checks"""

from __future__ import annotations

from aura_lib.backtest.bootstrap import intervals
from aura_lib.backtest.comparison import Comparison, compare
from aura_lib.backtest.describe import describe
from aura_lib.backtest.doors import from_orders, from_weights
from aura_lib.backtest.keeping import load
from aura_lib.backtest.parity import Difference, Parity, SlotRecord, parity
from aura_lib.backtest.replay import Replay, SlotResult, replay
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.run import run
from aura_lib.backtest.statistics import statistics

__all__ = [
    "Backtest",
    "Comparison",
    "Difference",
    "Parity",
    "Replay",
    "SlotRecord",
    "SlotResult",
    "compare",
    "describe",
    "from_orders",
    "from_weights",
    "intervals",
    "load",
    "parity",
    "replay",
    "run",
    "statistics",
]
