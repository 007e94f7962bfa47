"""replay, sweep, walk-forward, overfitting statistics, causality and parity checks"""

from __future__ import annotations

from aura_lib.backtest import causality, folds, robustness, validation, warmup
from aura_lib.backtest.bootstrap import intervals
from aura_lib.backtest.comparison import Comparison, compare
from aura_lib.backtest.counting import family_of, trials
from aura_lib.backtest.describe import describe
from aura_lib.backtest.determinism import deterministic
from aura_lib.backtest.doors import from_orders, from_signals, from_weights
from aura_lib.backtest.evidence import Policy, evidence, evidence_of_returns, evidence_of_sweep, powered_sharpe
from aura_lib.backtest.folds import Fold
from aura_lib.backtest.keeping import load
from aura_lib.backtest.overfitting import (
    PBO,
    DeflatedSharpe,
    EffectiveTrials,
    Haircut,
    ProbabilisticSharpe,
    Superiority,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    haircut_sharpe,
    minimum_backtest_length,
    minimum_track_record,
    pbo,
    probabilistic_sharpe,
    reality_check,
    stepwise,
    superior_predictive_ability,
)
from aura_lib.backtest.parity import Difference, Parity, SlotRecord, parity
from aura_lib.backtest.replay import Replay, SlotResult, replay
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.run import run
from aura_lib.backtest.search import Between, Search, search
from aura_lib.backtest.statistics import statistics
from aura_lib.backtest.sweep import Rule, Sweep, rule, rules, sweep

__all__ = [
    "PBO",
    "Backtest",
    "Between",
    "Comparison",
    "DeflatedSharpe",
    "Difference",
    "EffectiveTrials",
    "Fold",
    "Haircut",
    "Parity",
    "Policy",
    "ProbabilisticSharpe",
    "Replay",
    "Rule",
    "Search",
    "SlotRecord",
    "SlotResult",
    "Superiority",
    "Sweep",
    "causality",
    "compare",
    "deflated_sharpe",
    "describe",
    "deterministic",
    "effective_trials",
    "evidence",
    "evidence_of_returns",
    "evidence_of_sweep",
    "expected_maximum_sharpe",
    "family_of",
    "folds",
    "from_orders",
    "from_signals",
    "from_weights",
    "haircut_sharpe",
    "intervals",
    "load",
    "minimum_backtest_length",
    "minimum_track_record",
    "parity",
    "pbo",
    "powered_sharpe",
    "probabilistic_sharpe",
    "reality_check",
    "replay",
    "robustness",
    "rule",
    "rules",
    "run",
    "search",
    "statistics",
    "stepwise",
    "superior_predictive_ability",
    "sweep",
    "trials",
    "validation",
    "warmup",
]
