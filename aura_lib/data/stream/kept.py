"""What a feed remembers for whoever looks at it: the newest event and the last bars of each symbol."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from aura_lib.core import Bar, Tick
from aura_lib.data.stream.bins import Bins
from aura_lib.data.stream.events import Batch, Event

if TYPE_CHECKING:
    from aura_lib.data.stream.feed import Feed

__all__ = ["KEPT", "Kept"]

KEPT = 500  # bars of a symbol


class Kept:
    """The last step of a feed. Ticks, where no frequency was asked for, are kept as bars of a minute."""

    def __init__(self, feed: Feed) -> None:
        self.time: datetime | None = None
        self._feed = feed
        self._lock = Lock()
        self._latest: dict[str, Event] = {}
        self._bars: dict[str, deque[Bar]] = {}
        self._minutes: Bins | None = None

    def see(self, batch: Batch) -> None:
        """Events as they were heard."""
        latest, newest = self._latest, self.time
        with self._lock:
            for event in batch:
                time = event.time
                held = latest.get(event.symbol)
                if held is None or time >= held.time:
                    latest[event.symbol] = event
                if newest is None or time > newest:
                    newest = time
            self.time = newest

    def take(self, batch: Batch) -> None:
        """Bars as they were made, or ticks."""
        ticks = [event for event in batch if isinstance(event, Tick)]
        with self._lock:
            for event in batch:
                if isinstance(event, Bar):
                    self._append(event)
        if ticks:
            if self._minutes is None:
                self._minutes = Bins(self._feed, "1m")
                self._minutes.map(self._minute)
            self._minutes.take(ticks)

    def _minute(self, bar: Bar) -> None:
        with self._lock:
            self._append(bar)

    def _append(self, bar: Bar) -> None:
        held = self._bars.get(bar.symbol)
        if held is None:
            held = self._bars[bar.symbol] = deque(maxlen=KEPT)
        held.append(bar)

    def latest(self) -> dict[str, Event]:
        """The newest event of each symbol."""
        with self._lock:
            return dict(self._latest)

    def bars(self, symbol: str) -> list[Bar]:
        """The last bars of a symbol."""
        with self._lock:
            return list(self._bars.get(symbol, ()))

    def reset(self) -> None:
        """History starts over."""
        with self._lock:
            self._latest.clear()
            self._bars.clear()
            self.time = None
        if self._minutes is not None:
            self._minutes.forget()

    def clock(self, now: datetime) -> None:
        """Time goes by though nothing came."""
        if self._minutes is not None:
            self._minutes.clock(now)

    def settle(self) -> None:
        """Nothing to send on."""

    def finish(self, patience: float) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """What was kept stays."""

    def state(self) -> dict[str, Any]:
        """What is only looked at is not kept over a restart."""
        return {"kind": "Kept"}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""
