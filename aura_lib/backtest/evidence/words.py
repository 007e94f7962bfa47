"""Sentences for the tests of robustness."""

from __future__ import annotations

import math

from aura_lib.backtest.evidence.judging import Measure, number
from aura_lib.backtest.robustness.stress import Stress


def robust(stress: Stress, periods: int) -> Measure:
    """The measure of a stress; one without a number says why."""
    if math.isnan(stress.value):
        return Measure(stress.name, math.nan, _sentence(stress.note or "it could not be measured"))
    said = _SAID.get(stress.name, _kept)(stress)
    return Measure(stress.name, stress.value, said + _left_out(stress))


def _left_out(stress: Stress) -> str:
    """How many variants could not be replayed; which, and why, is among the data of the figure."""
    count = len(stress.data.get("left_out", ()))
    if count:
        return f" Left out: {count} that could not be replayed."
    return f" Left out: {stress.note}."[:200] if stress.note else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _kept(stress: Stress) -> str:
    ratios = [value for value in stress.data["sharpes"].values() if math.isfinite(value)]
    low, high = number(min(ratios)), number(max(ratios))
    one = low if len(ratios) == 1 else f"{low} to {high} in {len(ratios)} variants"
    return f"Sharpe {one}, {number(stress.data['own'])} as it is."


def _costs(stress: Stress) -> str:
    times = stress.data["break_even"]
    took = f"{times:.1f} times the costs would take all of it" if math.isfinite(times) else "no costs take all of it"
    return f"{stress.value:.1%} a year instead of {stress.data['annual_returns'][2]:.1%}; {took}."


def _days(stress: Stress) -> str:
    found, dropped = stress.data["annual_returns"], stress.data["dropped"]
    days = "day" if dropped[1] == 1 else f"{dropped[1]} days"
    return f"{found[1]:.1%} a year instead of {found[0]:.1%}, had the best {days} earned nothing."


def _placebo(stress: Stress) -> str:
    others = stress.data["placebos"]
    middle = sorted(others)[len(others) // 2]
    return (
        f"{stress.value:.1%} of {len(others)} placebos did as well: Sharpe {stress.data['own']:.2f} before costs, "
        f"theirs {middle:.2f} at the median."
    )


_SAID = {"cost_doubling": _costs, "best_days": _days, "placebo": _placebo}
