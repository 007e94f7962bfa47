"""replay, sweep, walk-forward, overfitting statistics, causality and parity checks"""

from __future__ import annotations

from aura_lib.backtest.doors import from_orders, from_signals, from_weights
from aura_lib.backtest.keeping import load
from aura_lib.backtest.parity import Difference, Parity, SlotRecord, parity
from aura_lib.backtest.replay import Replay, SlotResult, replay
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.run import run
from aura_lib.backtest.statistics import statistics

__all__ = [
    "Backtest",
    "Difference",
    "Parity",
    "Replay",
    "SlotRecord",
    "SlotResult",
    "from_orders",
    "from_signals",
    "from_weights",
    "load",
    "parity",
    "replay",
    "run",
    "statistics",
]
