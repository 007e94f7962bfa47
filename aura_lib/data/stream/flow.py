"""What is done with the events of a feed, step after step: coarser bars, measures, a function, a listener.

    feed.every("5m").through({"average": rolling.Sma(20)}).listen(show)

Each step gives a new Flow, and any number of steps may follow one. All of them run on the feed's own thread, in the
order in which they were added, so that a slow listener slows the feed (unless it asks for the latest only).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aura_lib.core import InputError
from aura_lib.data.stream.events import Batch, Event, Measure, Reading
from aura_lib.data.stream.listening import Latest, Listener

if TYPE_CHECKING:
    from aura_lib.data.stream.feed import Feed

Added = TypeVar("Added", bound="Node")

__all__ = ["Flow"]


class Node(Protocol):
    """A step, or the end of one: what a batch, the clock and a restart are passed on to."""

    def take(self, batch: Batch) -> None:
        """Do with a batch what is to be done with it."""

    def settle(self) -> None:
        """The batch is through everywhere: make sure that what was sent on has arrived."""

    def clock(self, now: datetime) -> None:
        """Time goes by though nothing came."""

    def reset(self) -> None:
        """History starts over."""

    def finish(self, patience: float) -> None:
        """The stream is over: what waits may be told, for so many seconds."""

    def close(self) -> None:
        """The feed is over."""

    def state(self) -> dict[str, Any]:
        """What must be known to go on after a restart."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""


class Flow:
    """A place that events pass: listen to it, or make something of it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._next: tuple[Node, ...] = ()

    # what users call ------------------------------------------------------------------------------------------------
    def listen(
        self, callback: Callable[[Any], object], keep: str = "all", every: float = 0.0, essential: bool = False
    ) -> Listener:
        """Call `callback(event)` with each event from now on.

        A callback that raises is told of in `feed.troubles` and called again with the next event; after five errors in
        a row it is dropped. One that has a method `settle()` is asked to settle after each batch.

        Args:
            callback: called on the feed's thread, one event at a time: a Bar, a Tick, or a Reading after `through`.
            keep: "all": every event, and the feed waits for the callback. "latest": only the newest of each symbol,
                on a thread of the listener's own; whatever came in between is skipped, and the feed does not wait.
            every: with "latest" the least time between two calls for the same symbol, seconds.
            essential: the feed fails when this callback raises: for a stage that must not lose anything.

        Returns:
            The listener: `.close()` ends it, `.skipped` counts what "latest" left out.

        Raises:
            InputError: `keep` is another word, or "latest" is to be essential.
        """
        if keep not in ("all", "latest"):
            raise InputError(f"keep={keep!r}: say 'all', or 'latest' for the newest event of each symbol only")
        if keep == "latest" and essential:
            raise InputError("an essential listener hears all: leave out keep='latest'")
        if keep == "all":
            return self.attach(Listener(callback, self._feed.trouble, essential=essential))
        latest = Latest(callback, self._feed.trouble, every=every)
        self._feed.joins(latest.thread)
        return self.attach(latest)

    def every(self, frequency: str) -> Flow:
        """Bars of a frequency, made of the ticks or finer bars that pass here (see `Bins`)."""
        from aura_lib.data.stream.bins import Bins

        return self.attach(Bins(self._feed, frequency))

    def through(self, measures: Mapping[str, Measure | Callable[[Any], float]]) -> Flow:
        """Readings: each event with what the measures make of it.

        Args:
            measures: name → something with `update(bar) -> float`, of which each symbol gets a copy of its own; or a
                function of a bar.
        """
        return self.attach(Through(self._feed, measures))

    def map(self, change: Callable[[Any], Event | None]) -> Flow:
        """What a function makes of each event; None: nothing."""
        return self.attach(Mapped(self._feed, change))

    # what the feed calls --------------------------------------------------------------------------------------------
    def attach(self, node: Added) -> Added:
        """Let a step follow this one; those that were closed are forgotten."""
        self._next = (*(known for known in self._next if not getattr(known, "closed", False)), node)
        return node

    def take(self, batch: Batch) -> None:
        """Pass a batch on."""
        self.give(batch)

    def give(self, batch: Batch) -> None:
        """Tell those that come after."""
        if batch:
            for node in self._next:
                node.take(batch)

    def settle(self) -> None:
        """A batch is through: listeners that send something on make sure that it arrived."""
        for node in self._next:
            node.settle()

    def clock(self, now: datetime) -> None:
        """Time goes by though nothing came."""
        for node in self._next:
            node.clock(now)

    def reset(self) -> None:
        """History starts over: forget what was measured."""
        self.forget()
        for node in self._next:
            node.reset()

    def forget(self) -> None:
        """Forget what this step has measured."""

    def finish(self, patience: float) -> None:
        """The stream is over: what still waits may be told, for so many seconds."""
        for node in self._next:
            node.finish(patience)

    def close(self) -> None:
        """The feed is over."""
        for node in self._next:
            node.close()

    def state(self) -> dict[str, Any]:
        """What must be known to go on after a restart; JSON can hold it."""
        return {"kind": type(self).__name__, "own": self._own(), "next": [node.state() for node in self._next]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state. InputError when it was written by other steps than these."""
        told = [part["kind"] for part in state["next"]]
        ours = [type(node).__name__ for node in self._next]
        if told != ours or state["kind"] != type(self).__name__:
            raise InputError(f"the steps have changed: {told} were kept, these are {ours}. Use another `position`")
        self._restore_own(state["own"])
        for node, part in zip(self._next, state["next"], strict=True):
            node.restore(part)

    def _own(self) -> Any:
        return None

    def _restore_own(self, own: Any) -> None:
        pass


class Mapped(Flow):
    """What a function makes of each event. Errors are told, and the event is left out."""

    def __init__(self, feed: Feed, change: Callable[[Any], Event | None]) -> None:
        super().__init__(feed)
        self._change = change

    def take(self, batch: Batch) -> None:
        """Change each event."""
        changed = []
        for event in batch:
            try:
                made = self._change(event)
            except Exception as error:  # noqa: BLE001 - someone else's function: told, never fatal
                self._feed.trouble(_name(self._change), f"{event.symbol} at {event.time}: {error!r}", error)
                continue
            if made is not None:
                changed.append(made)
        self.give(changed)


class Through(Flow):
    """Measures each event. A measure that raises gives NaN for that event, and is told of."""

    def __init__(self, feed: Feed, measures: Mapping[str, Any]) -> None:
        super().__init__(feed)
        odd = [name for name, m in measures.items() if not (callable(m) or hasattr(m, "update"))]
        if odd or not measures:
            raise InputError(f"a measure has update(bar), or is a function of a bar: {odd or 'none was given'}")
        self._measures = {name: copy.deepcopy(m) if hasattr(m, "update") else m for name, m in measures.items()}
        self._names = tuple(self._measures)
        self._of: dict[str, tuple[Callable[[Any], float], ...]] = {}
        self._held: dict[str, dict[str, Any]] = {}

    def _begin(self, symbol: str) -> tuple[Callable[[Any], float], ...]:
        own = {name: copy.deepcopy(m) for name, m in self._measures.items() if hasattr(m, "update")}
        self._held[symbol] = own
        updates = tuple(own[name].update if name in own else self._measures[name] for name in self._names)
        self._of[symbol] = updates
        return updates

    def take(self, batch: Batch) -> None:
        """Measure each event."""
        readings, names, of = [], self._names, self._of
        for event in batch:
            updates = of.get(event.symbol) or self._begin(event.symbol)
            bar = event.bar if isinstance(event, Reading) else event
            before = event.values if isinstance(event, Reading) else {}
            try:
                values = {name: update(bar) for name, update in zip(names, updates, strict=True)}
            except Exception as error:  # noqa: BLE001 - someone else's measure: told, never fatal
                values = self._anew(event, error)
            readings.append(Reading(event.symbol, event.time, {**before, **values} if before else values, bar))
        self.give(readings)

    def _anew(self, event: Event, error: Exception) -> dict[str, float]:
        """Measures before the broken one have had the event: all begin anew, rather than count it twice."""
        self._of.pop(event.symbol, None)
        what = f"{event.symbol} at {event.time}: {error!r}; {event.symbol} is measured anew"
        self._feed.trouble(f"through({', '.join(self._names)})", what, error)
        return dict.fromkeys(self._names, float("nan"))

    def forget(self) -> None:
        """Measure anew."""
        self._of.clear()
        self._held.clear()

    def _own(self) -> Any:
        return {symbol: {name: m.state() for name, m in held.items()} for symbol, held in self._held.items()}

    def _restore_own(self, own: Any) -> None:
        for symbol, held in own.items():
            self._begin(symbol)
            for name, state in held.items():
                self._held[symbol][name].restore(state)


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", None) or type(function).__name__
