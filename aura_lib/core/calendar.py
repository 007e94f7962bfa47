"""Trading sessions of an exchange, and schedules made of them ("XNYS month-end close")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from aura_lib.core.errors import InputError
from aura_lib.core.times import day_or_moment, utc

if TYPE_CHECKING:
    import pandas as pd

FIRST = date(1970, 1, 1)
HORIZON_DAYS = 370  # built this far ahead of today; `Calendar.of` rebuilds when half of it is used up


def _build(name: str, start: date, end: date) -> Any:
    import exchange_calendars as xc

    if name not in xc.get_calendar_names():
        raise InputError(f"unknown exchange calendar {name!r}: use a market identifier code such as XNYS, XLON or XBOM")
    factory = xc.calendar_utils.global_calendar_dispatcher._calendar_factories.get(name)
    if factory is not None:  # some calendars know their holidays only between two dates
        low, high = factory.bound_min(), factory.bound_max()
        start = max(start, low.date()) if low is not None else start
        end = min(end, high.date()) if high is not None else end
    return xc.get_calendar(name, start=start.isoformat(), end=end.isoformat())


class Calendar:
    """The sessions of one exchange. Sessions are dates; opens and closes are UTC moments.

    Example:
        >>> nyse = Calendar.of("XNYS")
        >>> nyse.close(date(2022, 11, 25)).isoformat()  # the day after Thanksgiving closes at 13:00 New York
        '2022-11-25T18:00:00+00:00'
    """

    def __init__(self, name: str, start: date, end: date) -> None:
        self.name = name
        self._calendar = _build(name, start, end)

    @staticmethod
    def of(name: str) -> Calendar:
        """The calendar of an exchange by its market identifier code; cached, rebuilt as time goes by."""
        today = date.today()
        half_year = date(today.year, 1 if today.month <= 6 else 7, 1)
        return _cached(name, half_year + timedelta(days=HORIZON_DAYS + 184))

    @cached_property
    def closes(self) -> pd.DatetimeIndex:
        """Close of every session, UTC, ascending."""
        import pandas as pd

        return pd.DatetimeIndex(self._calendar.closes.array).as_unit("us")

    @cached_property
    def opens(self) -> pd.DatetimeIndex:
        """Open of every session, UTC, ascending."""
        import pandas as pd

        return pd.DatetimeIndex(self._calendar.opens.array).as_unit("us")

    @cached_property
    def has_breaks(self) -> bool:
        """Whether sessions have a lunch break."""
        return bool(self._calendar.schedule["break_start"].notna().any())

    @cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """Every session as a naive midnight, ascending."""
        import pandas as pd

        return pd.DatetimeIndex(self._calendar.sessions).as_unit("us")

    @property
    def zone(self) -> str:
        """IANA time zone of the exchange."""
        return str(self._calendar.tz)

    def _bounded(self, day: date) -> None:
        first, last = self.sessions[0].date(), self.sessions[-1].date()
        if not first <= day <= last:
            raise InputError(f"{day} is outside the {self.name} calendar, which runs from {first} to {last}")

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this date."""
        import pandas as pd

        self._bounded(day)
        return pd.Timestamp(day) in self.sessions

    def close(self, session: date) -> datetime:
        """When this session closes; a date without a session raises InputError that names its neighbours."""
        import pandas as pd

        self._bounded(session)
        position = int(self.sessions.searchsorted(pd.Timestamp(session)))
        if self.sessions[position].date() != session:
            before, after = self.sessions[position - 1].date(), self.sessions[position].date()
            raise InputError(
                f"{session} is no {self.name} session: the one before is {before}, the one after is {after}"
            )
        return utc(self.closes[position])

    def next_close(self, moment: datetime) -> datetime:
        """The first close strictly after a moment."""
        position = int(self.closes.searchsorted(_stamp(moment), side="right"))
        if position == len(self.closes):
            raise InputError(f"the {self.name} calendar ends at {self.closes[-1]}: nothing follows {moment}")
        return utc(self.closes[position])

    def last_close(self, moment: datetime) -> datetime:
        """The last close at or before a moment."""
        position = int(self.closes.searchsorted(_stamp(moment), side="right"))
        if position == 0:
            raise InputError(f"the {self.name} calendar starts at {self.closes[0]}: nothing precedes {moment}")
        return utc(self.closes[position - 1])

    def closes_between(self, start: datetime, end: datetime) -> pd.DatetimeIndex:
        """Closes in [start, end]."""
        left = self.closes.searchsorted(_stamp(start), side="left")
        right = self.closes.searchsorted(_stamp(end), side="right")
        return self.closes[left:right]

    def moment(self, when: str | date | datetime, name: str = "as_of") -> datetime:
        """A session date (its close is meant) or a moment with a zone, as UTC."""
        known = day_or_moment(when, name)
        if isinstance(known, datetime):
            return known
        try:
            return self.close(known)
        except InputError as error:
            raise InputError(f"{name}={when}: {error}") from None


def _stamp(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(utc(moment))


@cache
def _cached(name: str, end: date) -> Calendar:
    return Calendar(name, FIRST, end)


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
