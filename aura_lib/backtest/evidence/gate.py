"""The gate: what of the evidence stands between a notebook and a class of account; what was not judged did not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aura_lib.backtest.evidence.policy import ALWAYS
from aura_lib.core import Mode

if TYPE_CHECKING:
    from aura_lib.backtest.evidence.policy import Policy
    from aura_lib.core import Evidence, Examination


def objections(evidence: Evidence, account_class: Mode, policy: Policy) -> tuple[str, ...]:
    """Why a class of account is refused, a sentence each; empty when nothing stands in the way.

    The policy names the findings that the class requires. Each must be there, must have been judged by the thresholds
    of now, and must have passed: what is absent, and what nobody could judge, did not pass.
    """
    examination = evidence.examination
    if examination is None or not examination.findings:
        return (evidence.verdict,)  # it says why nothing was examined
    if examination.policy != policy.id:
        return (f"it was judged by other thresholds than {policy.source} has now: run `aura backtest` again",)
    lacking = tuple(filter(None, (_lacking(name, examination, policy) for name in policy.required(account_class))))
    return (examination.verdict, *lacking) if lacking and account_class is Mode.LIVE else lacking


def _lacking(name: str, examination: Examination, policy: Policy) -> str:
    """Why a required finding does not count as passed; empty when it does. What is always required has no excuse, and
    the threshold it was shipped with.
    """  # noqa: D205
    finding = examination.finding(name)
    if finding is None:
        return f"{name}: required, and the evidence does not have it"
    if finding.passed is None:
        return f"{name}: not judged: {finding.meaning}"
    strict = name not in ALWAYS or policy.shipped().thresholds[name].passes(finding.value or 0.0)
    return "" if finding.passed and strict else f"{name}: {finding.meaning}"
