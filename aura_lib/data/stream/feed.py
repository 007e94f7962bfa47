"""Feed: an open stream. Hears it on one thread, tells it on another, and says how it is.

Threads do not survive a fork: a feed belongs to the process that opened it, and a child opens its own.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag
from threading import Thread, current_thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from aura_lib.core import AuraError, Bar, InputError, Tick
from aura_lib.core.ports import Stream
from aura_lib.data.stream import position
from aura_lib.data.stream.buffer import Buffer, Parcel
from aura_lib.data.stream.events import Batch, Event, Gap, Measure, Traits, Trouble
from aura_lib.data.stream.flow import Flow
from aura_lib.data.stream.hearing import Hearing
from aura_lib.data.stream.kept import KEPT, Kept
from aura_lib.data.stream.listening import EssentialFailed, Listener
from aura_lib.data.stream.watch import Watch

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Feed"]

PAUSE = 0.2  # seconds between two looks at the clock when nothing comes


class Feed:
    """Live, polled or replayed prices of some symbols. A context manager; `close` ends it.

    Args:
        stream: where they come from.
        symbols: whose.
        frequency: bars of this frequency are made of what comes; None: what comes.
        calendar: whose sessions bars are counted in, and when silence is no cause for worry.
        stale_after: seconds without an event, while the market is open, after which it is stale; None: never.
        capacity: events that may wait for the listeners; when so many do, the stream is heard more slowly.
        loop: start again when the stream ends (a replay).
        place: a file that keeps, for a stream that `settles`, how far it came; read at `start`.
        rng: where the jitter of waits comes from.
        now: the clock.
        waits: the longest first wait before connecting again, and the longest of all, seconds.
    """

    def __init__(
        self,
        stream: Stream,
        symbols: Sequence[str],
        *,
        frequency: str | None = None,
        calendar: str = "XNYS",
        stale_after: float | None = None,
        capacity: int = 10_000,
        loop: bool = False,
        place: Path | None = None,
        rng: np.random.Generator | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        waits: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self.source = stream.name
        self.symbols = tuple(symbols)
        self.calendar = calendar
        self.frequency = frequency
        self.traits: Traits = getattr(stream, "traits", Traits())
        self.troubles: deque[Trouble] = deque(maxlen=KEPT)
        self.gaps: deque[Gap] = deque(maxlen=KEPT)
        self.lags: deque[float] = deque(maxlen=KEPT)  # seconds from hearing a batch to its listeners being done
        self.events = 0
        self._place = place
        self._now = now
        self._pid = os.getpid()
        self._stopped, self._over = Flag(), Flag()
        self._buffer = Buffer(capacity)
        self._watch = Watch(calendar, stale_after if self.traits.live else None, now)
        self._hearing = Hearing(self, stream, self._buffer, self._watch, self._stopped, loop, waits, rng)
        self._root = Flow(self)
        self._main = self._root.every(frequency) if frequency else self._root
        self._kept = self._main.attach(Kept(self))
        name = f"aura-feed-{self.source}"
        self._threads = (
            Thread(target=self._hearing.run, name=f"{name}-hears", daemon=True),
            Thread(target=self._tell, name=f"{name}-tells", daemon=True),
        )
        self._listeners: list[Thread] = []

    # what flows -----------------------------------------------------------------------------------------------------
    def start(self) -> Self:
        """Begin. `open` does it, unless it was asked to wait for the listeners (`paused=True`)."""
        if self._threads[0].ident is None and not self._stopped.is_set():
            if self._place is not None:
                self._recall(self._place)
            for thread in self._threads:
                thread.start()
        return self

    def listen(
        self, callback: Callable[[Any], object], keep: str = "all", every: float = 0.0, essential: bool = False
    ) -> Listener:
        """Call `callback(event)` with each event from now on; see `Flow.listen`."""
        return self._main.listen(callback, keep, every, essential)

    def every(self, frequency: str) -> Flow:
        """Bars of a frequency, made of what comes: `feed.every("5m").listen(show)`."""
        return self._main.every(frequency)

    def through(self, measures: Mapping[str, Measure | Callable[[Any], float]]) -> Flow:
        """Readings: what rolling indicators make of each event; see `Flow.through`."""
        return self._main.through(measures)

    def map(self, change: Callable[[Any], Event | None]) -> Flow:
        """What a function makes of each event; None: nothing."""
        return self._main.map(change)

    # what is known --------------------------------------------------------------------------------------------------
    def latest(self) -> dict[str, Bar | Tick]:
        """The newest event of each symbol that was heard."""
        return cast("dict[str, Bar | Tick]", self._kept.latest())

    def bars(self, symbol: str) -> list[Bar]:
        """The last bars of a symbol, at most 500; of ticks, when no frequency was asked for, bars of a minute."""
        if self.symbols and symbol not in self.symbols:
            raise InputError(f"this feed has no {symbol!r}; it has {', '.join(self.symbols[:20])}")
        return self._kept.bars(symbol)

    @property
    def time(self) -> datetime | None:
        """The time that the newest event tells: of a replay, the moment that is replayed."""
        return self._kept.time

    @property
    def heard(self) -> datetime | None:
        """When anything was heard last (an event, a sign of life), by the clock on the wall."""
        return self._watch.heard

    @property
    def repeats(self) -> int:
        """How many events came again, or too late to tell, and were left out."""
        return self._hearing.guard.dropped

    @property
    def state(self) -> str:
        """How it is: live, stale, reconnecting, ended or failed."""
        return "ended" if self._pid != os.getpid() else self._watch.state

    @property
    def detail(self) -> str:
        """The state in words, with its reason."""
        if self._pid != os.getpid():
            return "opened in another process: open one here"
        at = f", at {self.time:%Y-%m-%d %H:%M} UTC" if self.time and not self.traits.live else ""
        return f"{self.source}: {self._watch.detail}{at}"

    def __repr__(self) -> str:
        return f"<Feed {self.source} of {len(self.symbols)} symbol(s): {self.state}>"

    # the end --------------------------------------------------------------------------------------------------------
    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended or failed and all listeners were told; False when it takes longer (seconds)."""
        return self._over.wait(timeout)

    def close(self) -> None:
        """End it: within a second no thread of it is left. What waits is not told any more. Twice does no harm."""
        if self._pid != os.getpid():
            return
        self._stopped.set()
        self._buffer.close()
        self._watch.end("closed")
        until = time.monotonic() + 0.9
        self._join(self._threads, until)
        self._root.close()
        self._join(self._listeners, until)
        self._over.set()

    def joins(self, thread: Thread) -> None:
        """A listener has a thread of its own: `close` waits for it too."""
        self._listeners = [*(known for known in self._listeners if known.is_alive()), thread]

    def _join(self, threads: Sequence[Thread], until: float) -> None:
        for thread in threads:
            if thread.ident is not None and thread is not current_thread():
                thread.join(max(until - time.monotonic(), 0.01))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def clock(self) -> datetime:
        """This moment, by the feed's clock."""
        return self._now()

    # its own thread -------------------------------------------------------------------------------------------------
    def trouble(self, who: str, what: str, error: BaseException | None = None) -> None:
        """Keep what went wrong."""
        self.troubles.append(Trouble(self._now(), who, what, error))

    def _tell(self) -> None:
        try:
            while not self._stopped.is_set():
                parcel = self._buffer.get(PAUSE)
                if parcel is None:
                    if self.traits.live:
                        self._root.clock(self._now())
                        self._root.settle()
                elif parcel.kind == "end":
                    self._root.finish(0.5)
                    self._root.settle()
                    break
                else:
                    self._handle(parcel)
        except (EssentialFailed, AuraError) as error:
            self._watch.fail(str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours must be seen in the state, not die with its thread
            self.trouble("feed", repr(error), error)
            self._watch.fail(repr(error))
        finally:
            self._finish()

    def _handle(self, parcel: Parcel) -> None:
        try:
            if parcel.kind == "again":
                self._kept.reset()
                self._root.reset()
            else:
                self._hand_on(parcel.batch)
        except BaseException:
            self._buffer.settled(parcel, failed=True)
            raise
        self.lags.append(time.perf_counter() - parcel.since)
        self._buffer.settled(parcel)

    def _hand_on(self, batch: Batch) -> None:
        self.events += len(batch)
        self._kept.see(batch)
        self._root.take(batch)
        self._root.settle()
        if self._place is not None:
            position.write(self._place, {"guard": self._hearing.guard.state(), "steps": self._root.state()})

    def _recall(self, place: Path) -> None:
        kept = position.read(place)
        if kept is not None:
            self._hearing.guard.restore(kept["guard"])
            self._root.restore(kept["steps"])

    def _finish(self) -> None:
        self._stopped.set()
        self._buffer.close()
        self._root.close()
        self._watch.end("the stream is over")
        self._over.set()
