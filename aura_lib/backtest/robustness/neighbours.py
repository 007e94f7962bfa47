"""Neighbours: the parameters next to the chosen ones; a true edge is a hill, not a needle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FRACTIONS = (-0.2, -0.1, 0.1, 0.2)


def neighbours(params: Mapping[str, Any], grid: Mapping[str, Sequence[Any]] | None = None) -> list[dict[str, Any]]:
    """The parameter sets that differ from `params` in one number: a step on the grid, or 10 and 20 % up and down.

    A parameter that the grid names steps to its neighbours there; any other number is scaled, whole numbers to
    the nearest whole number that is another. Words, truth values and zeros stay.
    """
    steps = grid or {}
    found: list[dict[str, Any]] = []
    for name, value in params.items():
        near = _on_grid(value, steps[name]) if len(steps.get(name, ())) > 1 else _scaled(value)
        found += [{**params, name: other} for other in near if {**params, name: other} not in found]
    return found


def _on_grid(value: Any, values: Sequence[Any]) -> list[Any]:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (value, *values))
    if not numbers:
        return [other for other in values if other != value]
    below = [other for other in values if other < value]
    above = [other for other in values if other > value]
    return [*([max(below)] if below else []), *([min(above)] if above else [])]


def _scaled(value: Any) -> list[Any]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return []
    if isinstance(value, float):
        return [value * (1 + fraction) for fraction in FRACTIONS]
    moved = [_whole(value, fraction) for fraction in FRACTIONS]
    return list(dict.fromkeys(other for other in moved if other != value and other * value > 0))


def _whole(value: int, fraction: float) -> int:
    """The nearest whole number to value·(1 + fraction); at least one away."""
    other = round(value * (1 + fraction))
    return other if other != value else value + (1 if fraction * value > 0 else -1)
