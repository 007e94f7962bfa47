"""Who listens: one that hears all and is waited for, or one that hears the newest of each symbol and is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Condition, Thread
from typing import Any

from aura_lib.data.stream.events import Batch, Event

__all__ = ["ERRORS", "EssentialFailed", "Latest", "Listener"]

ERRORS = 5  # in a row, then a listener is dropped
Tell = Callable[[str, str, BaseException | None], None]


class EssentialFailed(Exception):
    """A listener without which the feed must not go on has failed."""


class Listener:
    """Calls a function with each event, on the feed's thread."""

    def __init__(self, callback: Callable[[Any], object], tell: Tell, essential: bool = False) -> None:
        self.name = getattr(callback, "__qualname__", None) or type(callback).__name__
        self.closed = False
        self.heard = 0
        self.skipped = 0
        self.essential = essential
        self._callback = callback
        self._settle: Callable[[], object] | None = getattr(callback, "settle", None)
        self._end: Callable[[], object] | None = getattr(callback, "finish", None)
        self._tell = tell
        self._errors = 0

    def take(self, batch: Batch) -> None:
        """Hear a batch."""
        for event in batch:
            if self.closed:
                return
            self._call(event)

    def _call(self, event: Event) -> None:
        self.heard += 1
        try:
            self._callback(event)
            self._errors = 0
        except Exception as error:  # noqa: BLE001 - a listener is someone else's code: told, never fatal to the feed
            self._failed(f"{event.symbol} at {event.time}: {error!r}", error)

    def _failed(self, what: str, error: Exception) -> None:
        self._errors += 1
        dropped = self._errors >= ERRORS and not self.essential
        self._tell(self.name, f"{what}; dropped after {ERRORS} errors in a row" if dropped else what, error)
        if dropped:
            self.close()
        if self.essential:
            raise EssentialFailed(f"{self.name}: {what}") from error

    def settle(self) -> None:
        """A batch is through."""
        if self._settle is None or self.closed:
            return
        try:
            self._settle()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(repr(error), error)

    def clock(self, now: datetime) -> None:
        """Nothing: a listener hears events only."""

    def reset(self) -> None:
        """Nothing: what a listener has heard, it has heard."""

    def finish(self, patience: float) -> None:
        """Nothing waits: what was taken was told."""

    def close(self) -> None:
        """Hear no more. One that keeps something back has a method `finish`, and is told so."""
        if self.closed:
            return
        self.closed = True
        if self._end is not None:
            try:
                self._end()
            except Exception as error:  # noqa: BLE001 - as above
                self._tell(self.name, repr(error), error)

    def state(self) -> dict[str, Any]:
        """A listener keeps nothing."""
        return {"kind": type(self).__name__}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to go on from."""


class Latest(Listener):
    """Calls a function with the newest event of each symbol, on a thread of its own. At most one waits a symbol."""

    def __init__(self, callback: Callable[[Any], object], tell: Tell, every: float = 0.0) -> None:
        super().__init__(callback, tell)
        self._every = every
        self._waiting: dict[str, Event] = {}
        self._busy = False
        self._changed = Condition()
        self.thread = Thread(target=self._run, name=f"aura-listener-{self.name}", daemon=True)
        self.thread.start()

    def take(self, batch: Batch) -> None:
        """Keep the newest."""
        with self._changed:
            for event in batch:
                if self._waiting.pop(event.symbol, None) is not None:
                    self.skipped += 1
                self._waiting[event.symbol] = event
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self.closed:
                    self._changed.wait()
                if self.closed:
                    return
                newest, self._waiting, self._busy = self._waiting, {}, True
            began = time.monotonic()
            for event in newest.values():
                self._call(event)
            self._busy = False
            rest = self._every - (time.monotonic() - began)
            if rest > 0:
                with self._changed:
                    self._changed.wait_for(lambda: self.closed, rest)

    def settle(self) -> None:
        """Nothing: the feed does not wait for this one."""

    def finish(self, patience: float) -> None:
        """Let what waits be heard, as long as patience lasts."""
        until = time.monotonic() + patience
        while (self._waiting or self._busy) and time.monotonic() < until:
            time.sleep(0.005)

    def close(self) -> None:
        """Hear no more; the thread ends with the call that it is in."""
        with self._changed:
            self.closed = True
            self._changed.notify()
