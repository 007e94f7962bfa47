"""The one place where events wait: between the thread that hears them and the thread that tells them. It is bounded."""

from __future__ import annotations

import time
from collections import deque
from threading import Condition

from aura_lib.core import DataError
from aura_lib.data.stream.events import Batch

__all__ = ["Buffer", "Parcel"]


class Parcel:
    """A batch on its way. `kind` is "events", "again" (a replay starts over) or "end"."""

    __slots__ = ("batch", "failed", "handled", "kind", "since")

    def __init__(self, batch: Batch = (), kind: str = "events") -> None:
        self.batch = batch
        self.kind = kind
        self.since = time.perf_counter()
        self.handled = False
        self.failed = False


class Buffer:
    """Holds at most `capacity` events (always one batch, however large). Full: whoever puts waits.

    This is the back-pressure: a slow listener fills it, and the stream is heard no faster than it is listened to.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.most = 0  # the most that ever waited
        self._parcels: deque[Parcel] = deque()
        self._size = 0
        self._closed = False
        self._changed = Condition()

    def put(self, parcel: Parcel, settle: bool = False) -> None:
        """Wait for room and leave a parcel; with `settle` also until it was handled. Nothing happens once closed.

        With `settle` a parcel that was not handled (closed before, or an essential listener failed) raises DataError.
        """
        with self._changed:
            while not self._closed and self._size and self._size + len(parcel.batch) > self.capacity:
                self._changed.wait()
            if not self._closed:
                self._parcels.append(parcel)
                self._size += len(parcel.batch)
                self.most = max(self.most, self._size)
                self._changed.notify_all()
            while settle and not (parcel.handled or parcel.failed or self._closed):
                self._changed.wait()
            if settle and not parcel.handled:
                raise DataError("events were not handled: the feed was closed, or an essential listener failed")

    def get(self, timeout: float) -> Parcel | None:
        """The next parcel; None when none came in time, or the buffer is closed."""
        with self._changed:
            if not self._parcels and not self._closed:
                self._changed.wait(timeout)
            if self._closed or not self._parcels:
                return None
            parcel = self._parcels.popleft()
            self._size -= len(parcel.batch)
            self._changed.notify_all()
            return parcel

    def settled(self, parcel: Parcel, failed: bool = False) -> None:
        """Say that a parcel was handled, or cannot be."""
        with self._changed:
            parcel.handled, parcel.failed = not failed, failed
            self._changed.notify_all()

    def close(self) -> None:
        """Wake everybody; what still waits is given up."""
        with self._changed:
            self._closed = True
            self._parcels.clear()
            self._size = 0
            self._changed.notify_all()
