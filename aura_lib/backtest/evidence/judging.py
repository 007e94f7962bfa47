"""Judging: measured values and a policy → findings and a verdict in one line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aura_lib.core import Finding, Mode

if TYPE_CHECKING:
    from aura_lib.backtest.evidence.policy import Policy, Threshold

LABELS = {
    "causality": "Causality",
    "warm_up": "Warm-up",
    "probabilistic_sharpe": "Probabilistic Sharpe",
    "deflated_sharpe": "Deflated Sharpe",
    "track_record": "Track record",
    "haircut_sharpe": "Haircut Sharpe, p",
    "superior_predictive_ability": "Superior predictive ability, p",
    "pbo": "Probability of overfitting",
    "loss_probability": "Probability of loss",
    "walk_forward": "Walk-forward",
    "walk_forward_efficiency": "Walk-forward efficiency",
    "cpcv": "Cross-validation, paths that lose",
    "neighbourhood": "Neighbouring parameters",
    "cost_doubling": "Costs doubled",
    "delay": "A bar later",
    "best_days": "Without the best days",
    "price_noise": "Noise on prices",
    "other_universe": "Other universes",
    "placebo": "Placebo, p",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A value before it is judged, NaN when there is none, and one sentence of what it means here."""

    name: str
    value: float
    meaning: str


def judged(measures: Iterable[Measure], policy: Policy) -> tuple[Finding, ...]:
    """The findings, in the order of the policy; an excuse that passed excuses."""
    known = {measure.name: measure for measure in measures}
    found = {name: _judge(known[name], line) for name, line in policy.thresholds.items() if name in known}
    return tuple(_excused(finding, policy.thresholds[name], found) for name, finding in found.items())


def _judge(measure: Measure, line: Threshold) -> Finding:
    value: float | None = measure.value
    if math.isnan(measure.value):
        value = None
    elif math.isinf(measure.value):
        value = math.copysign(1e9, measure.value)
    passed = None if value is None else line.passes(value)
    return Finding(measure.name, value, line.bound, line.at_least, passed, measure.meaning, line.required_for)


def _excused(finding: Finding, line: Threshold, found: dict[str, Finding]) -> Finding:
    other = found.get(line.excused_by)
    if finding.passed is not False or other is None or other.passed is not True:
        return finding
    said = f"{finding.meaning} Excused: {LABELS[other.name].lower()} is {number(other.value)}."
    return replace(finding, passed=True, meaning=said)


def verdict(findings: Sequence[Finding], trials: int, loosened: Sequence[str] = ()) -> str:
    """One line: what it is enough for, and what stands in the way: whatever is required and did not pass."""
    paper = [f for f in findings if Mode.PAPER in f.required_for and f.passed is not True]
    live = [f for f in findings if Mode.LIVE in f.required_for and f.passed is not True]
    tried = f"after {trials:,} trial{'s' if trials != 1 else ''}"
    needed = sum(Mode.LIVE in f.required_for for f in findings)
    of_paper = any(Mode.PAPER in f.required_for for f in findings)
    softer = f" Thresholds loosened by the project: {', '.join(loosened)}." if loosened else ""
    if paper:
        return f"Not enough for paper: {_told(paper)} ({tried}).{softer}"
    if live:
        start = "Enough for paper, not for live" if of_paper else "Not enough for live"
        return f"{start}: {_told(live)} ({tried}).{softer}"
    kind = "Enough for live" if of_paper else "Enough for live as far as returns can tell"
    return f"{kind}: all {needed} required findings passed, {tried}.{softer}"


def _told(missing: Sequence[Finding]) -> str:
    failed, unknown = ([f for f in missing if f.passed is state] for state in (False, None))
    parts = [f"{LABELS[f.name].lower()} {number(f.value)}, {side(f)}" for f in failed[:4]]
    if len(failed) > 4:
        parts.append(f"and {len(failed) - 4} more")
    if unknown:
        parts.append(f"not judged: {', '.join(LABELS[f.name].lower() for f in unknown)}")
    return "; ".join(parts)


def side(finding: Finding) -> str:
    """The threshold in words."""
    return f"{'at least' if finding.at_least else 'at most'} {number(finding.threshold)}"


def number(value: float | None) -> str:
    """A value as people read it."""
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 1e6:
        return "without end" if value > 0 else "−without end"
    digits = 0 if value == int(value) else 3 if abs(value) < 0.1 else 2
    return f"{value:.{digits}f}".replace("-", "−")
