"""What was read of files that do not change, kept for the next reader in this process; the oldest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")

__all__ = ["Cache"]


class Cache(Generic[T]):
    """At most `room` of something, weighed by `weigh`, each with the stamp of the file it was read from."""

    def __init__(self, room: float, weigh: Callable[[T], float]) -> None:
        self._room, self._weigh = room, weigh
        self._held: OrderedDict[Hashable, tuple[object, T]] = OrderedDict()
        self._weight = 0.0
        self._lock = Lock()

    def get(self, key: Hashable, stamp: object, read: Callable[[], T]) -> T:
        """What is kept under a key when its stamp is this one, else what `read` gives."""
        with self._lock:
            found = self._held.get(key)
            if found is not None and found[0] == stamp:
                self._held.move_to_end(key)
                return found[1]
        value = read()
        with self._lock:
            self._drop(key)
            self._held[key] = (stamp, value)
            self._weight += self._weigh(value)
            while self._weight > self._room and len(self._held) > 1:
                self._drop(next(iter(self._held)))
        return value

    def _drop(self, key: Hashable) -> None:
        gone = self._held.pop(key, None)
        if gone is not None:
            self._weight -= self._weigh(gone[1])
