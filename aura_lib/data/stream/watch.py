"""How a feed is: when it was heard last, and whether silence is a cause for worry.

A sign of life (an empty batch) shows that there is a connection; it does not make old prices new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock

from aura_lib.data.stream.grid import Grid

__all__ = ["Watch"]

QUIET = 5.0  # seconds: a connection that lasts as long without a word is one


class Watch:
    """The state of a feed, told by the thread that hears and asked for by any. "ended" and "failed" stay."""

    def __init__(self, calendar: str, stale_after: float | None, now: Callable[[], datetime]) -> None:
        self.heard: datetime | None = None
        self._event: datetime | None = None
        self._since: datetime | None = None
        self._now = now
        self._calendar = calendar
        self._stale_after = stale_after
        self._sessions = Grid("1d", calendar) if stale_after is not None else None
        self._lock = Lock()
        self._state = "reconnecting"
        self._why = "connecting"

    def connecting(self, why: str) -> None:
        """There is no connection."""
        self._since = None
        self._say("reconnecting", why)

    def hear(self, event: bool) -> None:
        """Something came: an event, or a sign of life."""
        self.heard = self._now()
        if event:
            self._event = self.heard
        if self._state == "reconnecting":
            self._say("live", "")

    def connected(self) -> None:
        """The stream is asked; it may have nothing to say yet."""
        self._since = self._now()

    def end(self, why: str) -> None:
        """It is over."""
        self._say("ended", why)

    def fail(self, why: str) -> None:
        """It is over, and should not be."""
        self._say("failed", why)

    def _say(self, state: str, why: str) -> None:
        with self._lock:
            if self._state not in ("ended", "failed"):
                self._state, self._why = state, why

    @property
    def state(self) -> str:
        """live, stale, reconnecting, ended or failed."""
        state = "live" if self._quiet() else self._state
        return "stale" if state == "live" and self._silence() is not None else state

    @property
    def detail(self) -> str:
        """The state in words."""
        if self._state != "live" and not self._quiet():
            return self._why
        silence = self._silence()
        if silence is not None:
            return f"no price for {silence:.0f} s while {self._calendar} is open"
        if self._sessions is not None and not self._sessions.open_at(self._now()):
            return f"connected; {self._calendar} is closed"
        return "live" if self._stale_after is not None else "running"

    def _silence(self) -> float | None:
        """Seconds of silence, when they are too many."""
        since = self._event or self._since
        if self._stale_after is None or self._sessions is None or since is None:
            return None
        now = self._now()
        silence = (now - since).total_seconds()
        return silence if silence > self._stale_after and self._sessions.open_at(now) else None

    def _quiet(self) -> bool:
        """Whether there seems to be a connection on which nothing came yet."""
        since = self._since
        return self._state == "reconnecting" and since is not None and (self._now() - since).total_seconds() > QUIET
