"""No event twice, none out of order unnoticed: what a feed lets through, per symbol.

The rules:
- a bar (or reading) that is no newer than the last one of its symbol and frequency is a repeat: dropped;
- a tick that was seen (same time and sequence; without a sequence: same time, price and size) is a repeat: dropped;
- a tick that is older than what is remembered of its symbol cannot be told from a repeat: dropped;
- a tick that comes late and was not seen is let through, late;
- in a stream of consecutive sequences a number that was skipped is a hole, and is filled before what comes after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aura_lib.core import Bar, Tick, iso, utc
from aura_lib.data.stream.events import Batch, Event, Reading, identity

__all__ = ["Guard"]

REMEMBERED = 1_024  # ticks of a symbol
WRITTEN = 64  # ... that outlast a restart: what was read once more is older, and dropped as too old to tell


class _Seen:
    """The ticks of one symbol that were let through lately."""

    __slots__ = ("floor", "keys", "latest", "order", "sequence")

    def __init__(self) -> None:
        self.latest: datetime | None = None
        self.floor: datetime | None = None  # what is not newer than this was forgotten
        self.sequence: int | None = None
        self.order: deque[tuple[Any, ...]] = deque()
        self.keys: set[tuple[Any, ...]] = set()

    def admits(self, tick: Tick) -> bool:
        key = identity(tick)
        if key in self.keys or (self.floor is not None and tick.time <= self.floor):
            return False
        self.order.append(key)
        self.keys.add(key)
        if self.latest is None or tick.time > self.latest:
            self.latest = tick.time
        self.forget(REMEMBERED)
        return True

    def forget(self, most: int) -> None:
        """Keep that many; more, where they are all of the newest moment (a thousand trades may have one stamp)."""
        while len(self.order) > most and self.order[0][0] != self.latest:
            old = self.order.popleft()
            self.keys.discard(old)
            self.floor = old[0] if self.floor is None else max(old[0], self.floor)


class Guard:
    """Lets every event through once. `dropped` counts what it did not; `time` is the newest event's."""

    def __init__(self) -> None:
        self.dropped = 0
        self.time: datetime | None = None
        self._bars: dict[tuple[str, str], datetime] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._ticks: dict[str, _Seen] = {}

    def admit(self, batch: Batch) -> list[Event]:
        """The events of a batch that were not let through before."""
        passed = [event for event in batch if self._admits(event)]
        self.dropped += len(batch) - len(passed)
        if passed:
            newest = max(event.time for event in passed)
            if self.time is None or newest > self.time:
                self.time = newest
        return passed

    def hole(self, event: Event) -> tuple[datetime, int] | None:
        """Where sequences are consecutive: the time before the hole that this event leaves, and how many it lacks."""
        if isinstance(event, Reading) or event.sequence is None:
            return None
        if isinstance(event, Tick):
            seen = self._ticks.get(event.symbol)
            last, before = (seen.sequence, seen.latest) if seen else (None, None)
        else:
            key = (event.symbol, event.frequency)
            last, before = self._numbers.get(key), self._bars.get(key)
        if last is None or before is None or event.sequence <= last + 1:
            return None
        return before, event.sequence - last - 1

    def _admits(self, event: Event) -> bool:
        if isinstance(event, Tick):
            return self._admits_tick(event)
        key = (event.symbol, event.frequency if isinstance(event, Bar) else "")
        last = self._bars.get(key)
        if last is not None and event.time <= last:
            return False
        self._bars[key] = event.time
        if isinstance(event, Bar) and event.sequence is not None:
            self._numbers[key] = event.sequence
        return True

    def _admits_tick(self, tick: Tick) -> bool:
        seen = self._ticks.get(tick.symbol)
        if seen is None:
            seen = self._ticks[tick.symbol] = _Seen()
        if not seen.admits(tick):
            return False
        if tick.sequence is not None:
            seen.sequence = max(tick.sequence, tick.sequence if seen.sequence is None else seen.sequence)
        return True

    def state(self) -> dict[str, Any]:
        """What must be known to go on after a restart; JSON can hold it."""
        return {
            "bars": [[symbol, frequency, iso(time)] for (symbol, frequency), time in self._bars.items()],
            "numbers": [[symbol, frequency, number] for (symbol, frequency), number in self._numbers.items()],
            "ticks": {symbol: _written(seen) for symbol, seen in self._ticks.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that was written before."""
        self._bars = {(symbol, frequency): utc(time) for symbol, frequency, time in state["bars"]}
        self._numbers = {(symbol, frequency): number for symbol, frequency, number in state["numbers"]}
        self._ticks = {symbol: _read(seen) for symbol, seen in state["ticks"].items()}
        times = [*self._bars.values(), *(seen.latest for seen in self._ticks.values() if seen.latest)]
        self.time = max(times, default=None)


def _written(seen: _Seen) -> dict[str, Any]:
    assert seen.latest is not None
    short = _Seen()
    short.order, short.floor, short.latest = seen.order.copy(), seen.floor, seen.latest
    short.forget(WRITTEN)
    keys = [[iso(key[0]), *key[1:]] for key in short.order]
    return {
        "latest": iso(seen.latest),
        "floor": short.floor and iso(short.floor),
        "sequence": seen.sequence,
        "keys": keys,
    }


def _read(state: Mapping[str, Any]) -> _Seen:
    seen = _Seen()
    seen.latest, seen.sequence = utc(state["latest"]), state["sequence"]
    seen.floor = utc(state["floor"]) if state["floor"] else None
    seen.order = deque((utc(key[0]), *key[1:]) for key in state["keys"])
    seen.keys = set(seen.order)
    return seen
