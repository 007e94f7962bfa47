"""evidence: all a backtest must show, gathered, judged by a policy that the analyst can read, and told in one line"""

from __future__ import annotations

from aura_lib.backtest.evidence.examine import evidence
from aura_lib.backtest.evidence.from_returns import evidence_of_returns, powered_sharpe
from aura_lib.backtest.evidence.gate import objections
from aura_lib.backtest.evidence.of_sweep import evidence_of_sweep
from aura_lib.backtest.evidence.policy import Policy, Threshold

__all__ = [
    "Policy",
    "Threshold",
    "evidence",
    "evidence_of_returns",
    "evidence_of_sweep",
    "objections",
    "powered_sharpe",
]
