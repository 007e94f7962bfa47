"""A scenario: a way in which a real platform and its broker came apart, played back on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import Weather

Plot = Callable[[Weather, Venue], None]
SCENARIOS: dict[str, Scenario] = {}


@dataclass(frozen=True)
class Scenario:
    """`wire` is what happens there, `issue` where it was seen (repository#number), `rule` what a correct desk does."""

    name: str
    wire: str
    issue: str
    rule: str
    plot: Plot


def scenario(name: str, wire: str, issue: str, rule: str) -> Callable[[Plot], Plot]:
    """Enter a plot in the catalogue."""

    def enter(plot: Plot) -> Plot:
        if name in SCENARIOS:
            raise ValueError(f"there are two scenarios {name}")
        SCENARIOS[name] = Scenario(name, wire, issue, rule, plot)
        return plot

    return enter
