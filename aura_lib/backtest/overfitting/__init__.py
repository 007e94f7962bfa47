"""Overfitting: what a Sharpe ratio is worth after the search that found it.

Arrays in, frozen results out; each has a sentence (`str`) and holds what its figure needs. Sharpe ratios are per
period (of a day, for daily returns), not annualised, unless a name says `annual`.
"""

from __future__ import annotations

from aura_lib.backtest.overfitting.effective import EffectiveTrials, effective_trials
from aura_lib.backtest.overfitting.haircut import Haircut, haircut_sharpe
from aura_lib.backtest.overfitting.pbo import PBO, pbo
from aura_lib.backtest.overfitting.sharpe import (
    DeflatedSharpe,
    ProbabilisticSharpe,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record,
    probabilistic_sharpe,
)
from aura_lib.backtest.overfitting.superior import (
    Superiority,
    reality_check,
    stepwise,
    superior_predictive_ability,
)

__all__ = [
    "PBO",
    "DeflatedSharpe",
    "EffectiveTrials",
    "Haircut",
    "ProbabilisticSharpe",
    "Superiority",
    "deflated_sharpe",
    "effective_trials",
    "expected_maximum_sharpe",
    "haircut_sharpe",
    "minimum_backtest_length",
    "minimum_track_record",
    "pbo",
    "probabilistic_sharpe",
    "reality_check",
    "stepwise",
    "superior_predictive_ability",
]
