"""When a strategy decides: a rule over the sessions of a calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aura_lib.core.calendar.sessions import Calendar, _stamp
from aura_lib.core.errors import InputError
from aura_lib.core.times import utc

if TYPE_CHECKING:
    import pandas as pd

_RULES = {"daily": "D", "week-end": "W", "month-end": "M", "quarter-end": "Q", "year-end": "Y"}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a strategy decides: a rule over the sessions of a calendar, at their close.

    The rules are daily, week-end, month-end, quarter-end and year-end; all but daily mean the last
    session of the period.

    Example:
        >>> Schedule.parse("XNYS month-end close").rule
        'month-end'
    """

    calendar: str
    rule: str

    @staticmethod
    def parse(text: str) -> Schedule:
        """A schedule from its text, `"<calendar> <rule> close"`."""
        words = text.split() if isinstance(text, str) else []
        if len(words) != 3 or words[1] not in _RULES or words[2] != "close":
            rules = ", ".join(_RULES)
            raise InputError(f"{text!r} is no schedule: write '<calendar> <rule> close' with a rule out of {rules}")
        Calendar.of(words[0])
        return Schedule(words[0], words[1])

    def __str__(self) -> str:
        return f"{self.calendar} {self.rule} close"

    def slots(self, start: datetime, end: datetime) -> pd.DatetimeIndex:
        """The slots in [start, end], UTC closes. A slot is known only when its whole period is on the calendar."""
        calendar = Calendar.of(self.calendar)
        closes = calendar.closes
        if self.rule != "daily":
            periods = calendar.sessions.to_period(_RULES[self.rule])
            last = periods[:-1] != periods[1:]
            closes = closes[:-1][last]
        left, right = closes.searchsorted(_stamp(start), side="left"), closes.searchsorted(_stamp(end), side="right")
        return closes[left:right]

    def check(self, slot: datetime) -> datetime:
        """`slot` if it is one of this schedule; else InputError naming the nearest ones."""
        moment = utc(slot, "slot")
        near = self.slots(moment - timedelta(days=370), moment + timedelta(days=370))
        if _stamp(moment) in near:
            return moment
        position = near.searchsorted(_stamp(moment))
        around = " and ".join(str(s) for s in near[max(position - 1, 0) : position + 1])
        raise InputError(f"{moment.isoformat()} is no slot of '{self}': the nearest are {around}")
