"""Words of the evidence: what a finding is called, its value and its threshold as people read them."""

from __future__ import annotations

from aura_lib.core import Finding, Mode

LABELS = {
    "causality": "Causality: leaks",
    "warm_up": "Warm-up: needed / there",
    "probabilistic_sharpe": "Probabilistic Sharpe ratio",
    "deflated_sharpe": "Deflated Sharpe ratio",
    "track_record": "Track record: there / needed",
    "haircut_sharpe": "Haircut Sharpe ratio: p",
    "superior_predictive_ability": "Superior predictive ability: p",
    "pbo": "Probability of overfitting",
    "loss_probability": "Probability of loss",
    "walk_forward": "Walk-forward: true Sharpe > 0",
    "walk_forward_efficiency": "Walk-forward efficiency",
    "cpcv": "Cross-validation: paths that lose",
    "neighbourhood": "Neighbours: Sharpe kept",
    "cost_doubling": "Costs doubled: annual return",
    "delay": "A bar later: Sharpe kept",
    "best_days": "Without best days: annual return",
    "price_noise": "Noise on prices: Sharpe kept",
    "other_universe": "Other universes: Sharpe kept",
    "placebo": "Placebo: p",
}


def number(value: float | None) -> str:
    """A value in three digits, or that it is nearly nothing; a dash for none."""
    if value is None or value != value:
        return "–"
    if 0 < abs(value) < 5e-4:
        return "< 0.001" if value > 0 else "> −0.001"
    if abs(value) >= 1e6:
        return "∞" if value > 0 else "−∞"
    return (f"{value:.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.3g}").replace("-", "−")


def threshold(finding: Finding) -> str:
    """The side and the bound."""
    return f"{'≥' if finding.at_least else '≤'} {number(finding.threshold)}"


def required(finding: Finding) -> str:
    """Who needs it passed."""
    if Mode.PAPER in finding.required_for:
        return "paper and live"
    return "live" if finding.required_for else "advice"


def excused(finding: Finding) -> bool:
    """Whether it passed although its value is on the wrong side: another finding excused it."""
    if not finding.passed or finding.value is None:
        return False
    return finding.value < finding.threshold if finding.at_least else finding.value > finding.threshold
