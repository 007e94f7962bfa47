"""What state an exchange is in at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

_NEXT = {"open": "closes", "closed": "opens", "break": "resumes"}


@dataclass(frozen=True, slots=True)
class Status:
    """Whether an exchange is open, since when, and until when. Its text is in the time of the exchange.

    `state` is open, closed or break (lunch); `since` and `until` are UTC, None where it has always been so, or where
    nobody knows yet what follows. `session` is the one that is on; when closed, the one that comes.

    Example:
        >>> from aura_lib.core import Calendar, utc
        >>> print(Calendar.of("XNYS").status(utc("2026-11-21T12:00:00Z")))
        XNYS closed, opens Mon 23 Nov 09:30 EST
    """

    calendar: str
    state: str
    since: datetime | None
    until: datetime | None
    session: date | None
    zone: str

    @property
    def is_open(self) -> bool:
        """Whether one can trade now."""
        return self.state == "open"

    def __str__(self) -> str:
        if self.until is None:
            return f"{self.calendar} {self.state}"
        local = self.until.astimezone(ZoneInfo(self.zone))
        return f"{self.calendar} {self.state}, {_NEXT[self.state]} {local:%a %d %b %H:%M %Z}"
