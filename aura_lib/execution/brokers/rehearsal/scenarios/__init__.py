"""The catalogue of scenarios, and when they begin: at once, at an order's number, or by a seeded chance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from aura_lib.core import InputError
from aura_lib.execution.brokers.rehearsal.scenarios import changes, days, fills, submits, views
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import SCENARIOS, Scenario
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import Weather

__all__ = ["SCENARIOS", "Scenario", "begin", "named", "schedule"]
ROOMS = (submits, fills, changes, views, days)
WHOLE = 1 << 64


def named(name: str) -> Scenario:
    """The scenario of this name; an unknown one raises InputError that names those there are."""
    if name not in SCENARIOS:
        raise InputError(f"there is no scenario {name!r}; there are: {', '.join(sorted(SCENARIOS))}")
    return SCENARIOS[name]


def begin(name: str, weather: Weather, venue: Venue) -> None:
    """Let a scenario begin now."""
    with venue.lock:
        named(name).plot(weather, venue)


def schedule(entries: Sequence[str], weather: Weather, venue: Venue, *, seed: int = 0, chance: float = 0.0) -> None:
    """Let scenarios begin: `NAME` at once, `NAME@3` with the third order.

    `chance` is that of any of the catalogue to begin with an order, the same ones under the same seed.
    """
    if not 0 <= chance <= 1:
        raise InputError(f"chance must be between 0 and 1, not {chance}")
    later: dict[int, list[str]] = {}
    for entry in entries:
        name, at, number = entry.partition("@")
        named(name)
        if not at:
            begin(name, weather, venue)
        elif number.isdecimal() and int(number) > 0:
            later.setdefault(int(number), []).append(name)
        else:
            raise InputError(f"a scenario begins at once (NAME) or with an order (NAME@3), not {entry!r}")

    def ask(weather: Weather, venue: Venue, order: int) -> None:
        for name in later.get(order, []):
            begin(name, weather, venue)
        if chance and (drawn := _drawn(seed, order, chance)) is not None:
            begin(drawn, weather, venue)

    weather.begin = ask


def _drawn(seed: int, order: int, chance: float) -> str | None:
    """The scenario that begins with an order, if one does: a function of the seed and the order's number."""
    told = hashlib.sha256(f"{seed}:{order}".encode()).digest()
    if int.from_bytes(told[:8], "big") / WHOLE >= chance:
        return None
    names = sorted(SCENARIOS)
    return names[int.from_bytes(told[8:16], "big") % len(names)]
