"""Which bar a moment belongs to: the calendar's grid.

Bars within a day are counted from the open of their session, and the last one ends with it, however short it is.
A day's bar ends with its session, a week's with the last one of its ISO week. A
trade at the very moment that a bar begins is in it; one at the close of the session is in the last bar.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aura_lib.core import Calendar, InputError, step

__all__ = ["Grid"]

MOMENT = timedelta(microseconds=1)
WEEK = timedelta(days=8)


class Grid:
    """The ends of bars of one frequency on one calendar. Moments outside of sessions have none."""

    def __init__(self, frequency: str, calendar: str) -> None:
        if Calendar.of(calendar).has_breaks:
            raise InputError(f"bars are not made of the sessions of {calendar} yet: they have a lunch break")
        self.frequency = frequency
        self.calendar = calendar
        self.step = step(frequency)
        self._opens: list[datetime] = []
        self._closes: list[datetime] = []
        self._last: tuple[datetime, datetime] | None = None  # the bar found last: (start, end]

    def end(self, time: datetime, instant: bool) -> datetime | None:
        """The end of the bar that holds a trade at a moment (`instant`), or a finer bar that ended at it."""
        if instant and not self._is_close(time):
            time = time + MOMENT  # [start, end) of trades is (start, end] a microsecond later
        if self._last is None or not self._last[0] < time <= self._last[1]:
            self._last = self._bar(time)
        return self._last and self._last[1]

    def open_at(self, time: datetime) -> bool:
        """Whether a session runs at a moment."""
        return self._session(time) is not None

    def _is_close(self, time: datetime) -> bool:
        if self._last is not None and self._last[0] < time < self._last[1]:
            return False
        found = self._session(time)
        return found is not None and found[1] == time

    def _bar(self, time: datetime) -> tuple[datetime, datetime] | None:
        session = self._session(time)
        if session is None:
            return None
        begin, end = session
        if self.frequency == "1w":
            return self._week(begin, end)
        if self.frequency == "1d":
            return begin, end
        count = -((begin - time) // self.step)  # rounded up
        return begin + (count - 1) * self.step, min(begin + count * self.step, end)

    def _week(self, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
        zone = _zone(self.calendar)
        week = (end - MOMENT).astimezone(zone).isocalendar()[:2]
        last = end
        for close in self._closes[self._closes.index(end) + 1 :]:
            if (close - MOMENT).astimezone(zone).isocalendar()[:2] != week:
                break
            last = close
        return begin, last

    def _session(self, time: datetime) -> tuple[datetime, datetime] | None:
        if not self._closes or not self._opens[0] < time <= self._closes[-1] - WEEK:
            self._look_up(time)
        place = bisect_left(self._closes, time)
        if place == len(self._closes) or time <= self._opens[place]:
            return None
        return self._opens[place], self._closes[place]

    def _look_up(self, time: datetime) -> None:
        """The sessions around a moment: a long-lived feed looks again when it leaves them."""
        calendar = Calendar.of(self.calendar)
        first = max(int(calendar.closes.searchsorted(time - timedelta(days=10))), 0)
        last = int(calendar.closes.searchsorted(time + timedelta(days=40)))
        cut = slice(first, last + 1)
        self._opens = [moment.to_pydatetime().astimezone(UTC) for moment in calendar.opens[cut]]
        self._closes = [moment.to_pydatetime().astimezone(UTC) for moment in calendar.closes[cut]]


def _zone(calendar: str) -> ZoneInfo:
    return ZoneInfo(Calendar.of(calendar).zone)
