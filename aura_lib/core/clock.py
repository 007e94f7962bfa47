"""What time it is: the wall clock, or the one simulated clock of a replay."""

from __future__ import annotations

from datetime import UTC, datetime

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc


class WallClock:
    """The real time."""

    def now(self) -> datetime:
        """This moment, UTC."""
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands still until it is moved, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = utc(start, "start")

    def now(self) -> datetime:
        """The moment it was last moved to."""
        return self._now

    def advance(self, to: datetime) -> None:
        """Move to a later moment; the same one is allowed, an earlier one raises InputError."""
        moment = utc(to, "to")
        if moment < self._now:
            raise InputError(f"a clock does not go back: it is {self._now.isoformat()}, asked for {moment.isoformat()}")
        self._now = moment
