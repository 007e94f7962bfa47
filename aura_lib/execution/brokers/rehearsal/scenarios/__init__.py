"""The catalogue of scenarios, and when they begin: at once, with an order, after a time, or by a seeded chance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from aura_lib.core import InputError
from aura_lib.execution.brokers.rehearsal.scenarios import changes, days, fills, submits, views
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import SCENARIOS, Scenario
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import Weather

__all__ = ["SCENARIOS", "Scenario", "begin", "entries", "named", "schedule"]
ROOMS = (submits, fills, changes, views, days)
WHOLE = 1 << 64
UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def named(name: str) -> Scenario:
    """The scenario of this name; an unknown one raises InputError that names those there are."""
    if name not in SCENARIOS:
        raise InputError(f"there is no scenario {name!r}; there are: {', '.join(sorted(SCENARIOS))}")
    return SCENARIOS[name]


def begin(name: str, weather: Weather, venue: Venue) -> None:
    """Let a scenario begin now."""
    with venue.lock:
        named(name).plot(weather, venue)


def entries(told: str) -> list[str]:
    """A schedule in one line, NAME,NAME@3,NAME@90s, as its entries; InputError for a name or a time that is none."""
    found = [entry.strip() for entry in told.split(",") if entry.strip()]
    for entry in found:
        _parsed(entry)
    return found


def schedule(entries: Sequence[str], weather: Weather, venue: Venue, *, seed: int = 0, chance: float = 0.0) -> None:
    """Let scenarios begin: `NAME` at once, `NAME@3` with the third order, `NAME@90s` (or `5m`, `2h`) after that time.

    The time is the market's, from now on. `chance` is that of any of the catalogue to begin with an order, the same
    ones under the same seed.
    """
    if not 0 <= chance <= 1:
        raise InputError(f"chance must be between 0 and 1, not {chance}")
    later: dict[int, list[str]] = {}
    timed: list[tuple[datetime, str]] = []
    for name, order, after in map(_parsed, entries):
        if order:
            later.setdefault(order, []).append(name)
        elif after:
            timed.append((venue.market.now + after, name))
        else:
            begin(name, weather, venue)

    def ask(weather: Weather, venue: Venue, order: int) -> None:
        for due, name in [one for one in timed if one[0] <= venue.market.now]:
            timed.remove((due, name))
            begin(name, weather, venue)
        for name in later.pop(order, []):
            begin(name, weather, venue)
        if order and chance and (drawn := _drawn(seed, order, chance)) is not None:
            begin(drawn, weather, venue)

    weather.begin = ask


def _parsed(entry: str) -> tuple[str, int, timedelta]:
    """The name of an entry, with which order it begins, and after what time; zeros for at once."""
    name, at, when = entry.partition("@")
    named(name)
    if not at:
        return name, 0, timedelta(0)
    number, unit = (when[:-1], when[-1]) if when[-1:] in UNITS else (when, "")
    if not number.isdecimal() or int(number) < 1:
        known = "at once (NAME), with an order (NAME@3) or after a time (NAME@90s, NAME@5m, NAME@2h)"
        raise InputError(f"a scenario begins {known}, not {entry!r}")
    return (name, 0, int(number) * UNITS[unit]) if unit else (name, int(number), timedelta(0))


def _drawn(seed: int, order: int, chance: float) -> str | None:
    """The scenario that begins with an order, if one does: a function of the seed and the order's number."""
    told = hashlib.sha256(f"{seed}:{order}".encode()).digest()
    if int.from_bytes(told[:8], "big") / WHOLE >= chance:
        return None
    names = sorted(SCENARIOS)
    return names[int.from_bytes(told[8:16], "big") % len(names)]
