"""Hears a stream: connects again when it is cut, fills what was missed, lets nothing through twice.

After a cut the stream is asked for what it missed twice: before it is heard again (so that a quiet market is up to
date), and with the first event after (so that nothing falls between the two).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event as Flag
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.core import Bar, DataError, InputError, step
from aura_lib.core.ports import Stream
from aura_lib.data.stream.buffer import Buffer, Parcel
from aura_lib.data.stream.events import Batch, Event, Gap
from aura_lib.data.stream.guard import Guard
from aura_lib.data.stream.watch import Watch

if TYPE_CHECKING:
    from aura_lib.data.stream.feed import Feed

__all__ = ["Hearing"]

OVERLAP = timedelta(seconds=10)  # trades may be told out of order by as much; what comes again is dropped
HEALTHY = 30.0  # seconds: after a connection that lasted as long the next wait is a first one


class Hearing:
    """The loop of a feed's first thread."""

    def __init__(
        self,
        feed: Feed,
        stream: Stream,
        buffer: Buffer,
        watch: Watch,
        stopped: Flag,
        loop: bool,
        waits: tuple[float, float],
        rng: np.random.Generator | None,
    ) -> None:
        self.guard = Guard()
        self._feed, self._stream, self._buffer, self._watch = feed, stream, buffer, watch
        self._stopped, self._loop, self._waits = stopped, loop, waits
        self._rng = rng if rng is not None else np.random.default_rng()
        self._cut: datetime | None = None  # what came until then is known; None: nothing was missed
        self._filled = 0
        self._overlap = OVERLAP

    def run(self) -> None:
        """Hear the stream until it ends, fails for good, or is not wanted any more."""
        attempt, traits = 0, self._feed.traits
        while not self._stopped.is_set():
            began, before = time.monotonic(), self.guard.time
            try:
                if traits.live and not traits.resumes and self._cut is None:
                    self._cut = self.guard.time
                self._catch_up()
                self._watch.connected()
                self._stream.run(self._feed.symbols, self._deliver, self._stopped)
                if not self._loop or self._stopped.is_set():
                    break
                self.guard = Guard()
                self._buffer.put(Parcel(kind="again"))
                attempt = 0
            except DataError as error:
                healthy = time.monotonic() - began > HEALTHY or self.guard.time != before
                attempt = 1 if healthy else attempt + 1
                self._wait(attempt, error)
            except InputError as error:
                self._fail(str(error), error)
            except Exception as error:  # noqa: BLE001 - a vendor's client may raise anything: seen, not lost
                self._fail(f"{type(error).__name__}: {error}", error)
        self._buffer.put(Parcel(kind="end"))

    def _fail(self, why: str, error: Exception) -> None:
        if not self._stopped.is_set():
            self._feed.trouble(self._feed.source, why, error)
            self._watch.fail(why)
            self._buffer.put(Parcel(kind="end"))
            self._stopped.wait()  # until all that came before is told

    def _wait(self, attempt: int, error: DataError) -> None:
        """Wait before connecting again: drawn from [½, 1] × first × 2ⁿ⁻¹ seconds, at most the longest."""
        if self._stopped.is_set():
            return
        first, longest = self._waits
        wait = min(first * 2.0 ** min(attempt - 1, 30), longest) * (1 + self._rng.random()) / 2
        self._feed.trouble(self._feed.source, str(error), error)
        self._watch.connecting(f"attempt {attempt + 1} in {wait:.1f} s: {error}")
        self._stopped.wait(wait)

    # what the stream delivers ---------------------------------------------------------------------------------------
    def _deliver(self, batch: Batch) -> None:
        self._watch.hear(bool(batch))
        if not batch:
            return  # a sign of life
        if self._cut is not None:
            self._close_gap(batch[0])
        self._pass(self._whole(batch) if self._feed.traits.consecutive else self.guard.admit(batch))

    def _pass(self, events: Sequence[Event]) -> None:
        if events:
            if isinstance(events[-1], Bar):
                self._overlap = step(events[-1].frequency)
            self._buffer.put(Parcel(events), settle=self._feed.traits.settles)

    # what it did not deliver ----------------------------------------------------------------------------------------
    def _catch_up(self) -> None:
        """Before connecting again: what came since the cut, as far as the stream knows it already."""
        if self._cut is not None and self.guard.time is not None:
            known, _ = self._missed(self._feed.symbols, self.guard.time, self._feed.clock())
            found = self.guard.admit(known)
            self._filled += len(found)
            self._pass(found)

    def _close_gap(self, first: Event) -> None:
        """With the first event after a cut: what came between the last that is known and this one."""
        cut, self._cut = self._cut, None
        assert cut is not None and self.guard.time is not None
        known, reason = self._missed(self._feed.symbols, self.guard.time, first.time)
        found = self.guard.admit(known)
        filled, self._filled = self._filled + len(found), 0
        self._feed.gaps.append(Gap(self._feed.symbols, cut, first.time, filled, None if reason else 0, reason))
        self._pass(found)

    def _missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> tuple[Sequence[Event], str]:
        """What the stream knows of a gap and somewhat before, and why it knows nothing."""
        try:
            return self._stream.missed(symbols, after - self._overlap, until), ""
        except DataError as error:
            self._feed.trouble(self._feed.source, f"what came from {after} to {until} cannot be had: {error}", error)
            return (), str(error)

    def _whole(self, batch: Batch) -> list[Event]:
        """A batch of consecutive sequences, its holes filled as far as the stream can."""
        whole: list[Event] = []
        for event in batch:
            hole = self.guard.hole(event)
            if hole is not None:
                whole.extend(self._fill(event, *hole))
            whole.extend(self.guard.admit([event]))
        return whole

    def _fill(self, event: Event, before: datetime, lacking: int) -> list[Event]:
        known, reason = self._missed([event.symbol], before, event.time)
        number = getattr(event, "sequence", 0)
        found = self.guard.admit([e for e in known if e.symbol == event.symbol and getattr(e, "sequence", 0) < number])
        lost = max(lacking - len(found), 0)
        self._feed.gaps.append(Gap((event.symbol,), before, event.time, len(found), lost, reason))
        return found
