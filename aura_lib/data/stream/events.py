"""What flows through a feed, and what is told of it: a reading, a trouble, a gap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from aura_lib.core import Bar, Tick

__all__ = ["Batch", "Event", "Gap", "Measure", "Reading", "Traits", "Trouble", "identity"]


@dataclass(slots=True)
class Reading:
    """What was measured on a bar or tick: its values by name. NaN: not known yet."""

    symbol: str
    time: datetime
    values: Mapping[str, float]
    bar: Bar | Tick | None = None  # None once it has been through Kafka: it travels without

    def __getitem__(self, name: str) -> float:
        return self.values[name]


Event: TypeAlias = Tick | Bar | Reading
Batch: TypeAlias = Sequence[Event]


class Measure(Protocol):
    """Something that is told of one bar after the other and gives a value each time, such as a rolling indicator."""

    def update(self, bar: Any) -> float:
        """The value with this bar; NaN as long as it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Traits:
    """What a feed must know of its stream; a stream tells it in an attribute `traits`, or these hold.

    Args:
        consecutive: sequences rise by exactly one a symbol, so that a hole in them is a loss.
        resumes: after a cut it goes on where it was; nothing has to be filled.
        settles: `deliver` returns only when all listeners have had the events (Kafka commits after it).
        live: its times are of now; False: history, which cannot be stale.
    """

    consecutive: bool = False
    resumes: bool = False
    settles: bool = False
    live: bool = True


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong and the feed went on (or says in its state that it did not)."""

    time: datetime
    who: str  # the listener, or the stream
    what: str
    error: BaseException | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in (after, until] of a stream: how many events were filled in, and whether any are known to be missing."""

    symbols: tuple[str, ...]
    after: datetime
    until: datetime
    filled: int
    lost: int | None = 0  # None: nobody knows how many
    reason: str = ""


def identity(event: Event) -> tuple[Any, ...]:
    """What makes an event the same as another one of its symbol: a bar its end, a tick its number or all it says."""
    if not isinstance(event, Tick):
        return (event.time,)
    if event.sequence is not None:
        return (event.time, event.sequence)
    return (event.time, event.price, event.size if event.size == event.size else None)


Deliver: TypeAlias = Callable[[Sequence[Tick | Bar]], None]
