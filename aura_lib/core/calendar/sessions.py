"""The sessions of one exchange: their opens, closes and breaks, and what state it is in at a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from aura_lib.core.calendar.status import Status
from aura_lib.core.errors import InputError
from aura_lib.core.times import day_or_moment, utc

if TYPE_CHECKING:
    import pandas as pd

    from aura_lib.core.calendar.grid import Stretches
    from aura_lib.core.ports import Clock

FIRST = date(1970, 1, 1)
HORIZON_DAYS = 370  # built this far ahead of today; `Calendar.of` rebuilds when half of it is used up

_built: dict[str, tuple[date, Calendar]] = {}  # by name: how far it was asked to reach, and the calendar
_building = Lock()


class Calendar:
    """The sessions of one exchange. Sessions are dates; opens and closes are UTC moments.

    Example:
        >>> nyse = Calendar.of("XNYS")
        >>> nyse.close(date(2022, 11, 25)).isoformat()  # the day after Thanksgiving closes at 13:00 New York
        '2022-11-25T18:00:00+00:00'
    """

    def __init__(self, name: str, start: date, end: date) -> None:
        from aura_lib.core.calendar.hours import hours

        self.name = name
        self._hours = hours(name, start, end)

    @staticmethod
    def of(name: str, clock: Clock | None = None) -> Calendar:
        """The calendar of an exchange by its market identifier code; "24/7" never closes, "24/5" is foreign exchange.

        It is kept, and built anew as time goes by: in a process that lives for years it always reaches a good half
        year ahead, unless the exchange has not announced its holidays yet. `clock` is asked for the day; the wall
        clock when not given. An unknown name raises InputError.
        """
        today = (clock.now() if clock else datetime.now(UTC)).date()
        half_year = date(today.year, 1 if today.month <= 6 else 7, 1)
        end = half_year + timedelta(days=HORIZON_DAYS + 184)
        held = _built.get(name)
        if held is None or held[0] < end:
            with _building:  # once, however many threads ask
                held = _built.get(name)
                if held is None or held[0] < end:
                    held = _built[name] = (end, Calendar(name, FIRST, end))
        return held[1]

    @property
    def closes(self) -> pd.DatetimeIndex:
        """Close of every session, UTC, ascending."""
        return self._hours.closes

    @property
    def opens(self) -> pd.DatetimeIndex:
        """Open of every session, UTC, ascending."""
        return self._hours.opens

    @property
    def break_starts(self) -> pd.DatetimeIndex:
        """Where each session pauses, UTC; NaT where it does not."""
        return self._hours.break_starts

    @property
    def break_ends(self) -> pd.DatetimeIndex:
        """Where each session goes on after its break, UTC; NaT where it has none."""
        return self._hours.break_ends

    @cached_property
    def has_breaks(self) -> bool:
        """Whether sessions have a lunch break. Two Saturdays in Bombay with two short sessions each are none."""
        return len(self.break_starts.dropna()) > len(self.sessions) // 10

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Every session as a naive midnight, ascending."""
        return self._hours.sessions

    @property
    def zone(self) -> str:
        """IANA time zone of the exchange."""
        return self._hours.zone

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this date."""
        import pandas as pd

        self._bounded(day)
        return pd.Timestamp(day) in self.sessions

    def open(self, session: date) -> datetime:
        """When this session opens; a date without a session raises InputError that names its neighbours."""
        return utc(self.opens[self._place(session)])

    def close(self, session: date) -> datetime:
        """When this session closes; a date without a session raises InputError that names its neighbours."""
        return utc(self.closes[self._place(session)])

    def next_close(self, moment: datetime) -> datetime:
        """The first close strictly after a moment."""
        position = int(self.closes.searchsorted(_stamp(moment), side="right"))
        if position == len(self.closes):
            raise InputError(self._too_late(moment))
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

    def bar_closes(self, frequency: str, start: datetime, end: datetime) -> pd.DatetimeIndex:
        """When every bar of a frequency (1m 5m 15m 1h 1d 1w) closes, in [start, end], UTC.

        Intraday bars are counted from the open of their session, and anew after its break; the last one before a break
        or a close ends there, however short it is. A day's bar closes with its session, a week's with the last session
        of its week (Monday to Sunday); a week that the calendar does not know to its end has none.
        """
        from aura_lib.core.calendar.grid import bar_closes

        first, last = _stamp(start), _stamp(end)
        return bar_closes(self._hours, self._stretches, frequency, first, last)

    def status(self, moment: datetime) -> Status:
        """Whether the exchange is open at a moment, since when and until when; at its close it is closed.

        A moment that the calendar does not reach raises InputError. Holidays that nobody has announced yet leave
        `until` and `session` empty.
        """
        from aura_lib.core.calendar.grid import status

        at = _stamp(moment)
        if at < self.opens[0]:
            raise InputError(f"the {self.name} calendar starts at {self.opens[0]}: nothing is known of {moment}")
        if at >= self.closes[-1]:
            raise InputError(self._too_late(moment))
        return status(self.name, self._hours, self._stretches, at)

    def moment(self, when: str | date | datetime, name: str = "as_of") -> datetime:
        """A session date (its close is meant) or a moment with a zone, as UTC."""
        known = day_or_moment(when, name)
        if isinstance(known, datetime):
            return known
        try:
            return self.close(known)
        except InputError as error:
            raise InputError(f"{name}={when}: {error}") from None

    @cached_property
    def _stretches(self) -> Stretches:
        from aura_lib.core.calendar.grid import stretches

        return stretches(self._hours)

    def _place(self, session: date) -> int:
        import pandas as pd

        self._bounded(session)
        position = int(self.sessions.searchsorted(pd.Timestamp(session)))
        if self.sessions[position].date() != session:
            before, after = self.sessions[position - 1].date(), self.sessions[position].date()
            raise InputError(
                f"{session} is no {self.name} session: the one before is {before}, the one after is {after}"
            )
        return position

    def _bounded(self, day: date) -> None:
        first, last = self.sessions[0].date(), self.sessions[-1].date()
        if not first <= day <= last:
            why = f". {self._ends}" if day > last and self._ends else ""
            raise InputError(f"{day} is outside the {self.name} calendar, which runs from {first} to {last}{why}")

    def _too_late(self, moment: datetime) -> str:
        why = f". {self._ends}" if self._ends else ""
        return f"the {self.name} calendar ends at {self.closes[-1]}: nothing follows {moment}{why}"

    @property
    def _ends(self) -> str:
        return self._hours.ends


def _stamp(moment: datetime) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(utc(moment))
