"""Which bar a moment belongs to: the calendar's grid, one moment after the other and fast.

Bars within a day are counted from the open of their session, and anew after its lunch break; the last one before a
break or a close ends there, however short it is. A day's bar ends with its session, a week's with the last one of its
week. A trade at the very moment that a bar begins is in it; one at the close is
in the last bar, unless another session begins at that moment.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pandas as pd

from aura_lib.core import Calendar, step

__all__ = ["Grid"]

MOMENT = timedelta(microseconds=1)
BEFORE, AFTER = timedelta(days=10), timedelta(days=40)  # what is looked up at once
WEEK = timedelta(days=8)


class _Stretch(NamedTuple):
    """A session, or a part of it before or after a break: (begin, end] and the close of the session."""

    begin: datetime
    end: datetime
    close: datetime


class Grid:
    """The ends of bars of one frequency on one calendar. Moments outside of sessions have none."""

    def __init__(self, frequency: str, calendar: str) -> None:
        self.frequency = frequency
        self.calendar = calendar
        self.step = step(frequency)
        self._stretches: list[_Stretch] = []
        self._ends: list[datetime] = []
        self._known: tuple[datetime, datetime] | None = None  # between which all is looked up
        self._weeks: list[datetime] = []
        self._last: tuple[datetime, datetime, datetime | None] | None = None  # (start, end] of what was found, its bar

    def end(self, time: datetime, instant: bool) -> datetime | None:
        """The end of the bar that holds a trade at a moment (`instant`), or a finer bar that ended at it."""
        if instant and not self._is_close(time):
            time = time + MOMENT  # [start, end) of trades is (start, end] a microsecond later
        last = self._last
        if last is None or not last[0] < time <= last[1]:
            last = self._last = self._bar(time)
        return last and last[2]

    def open_at(self, time: datetime) -> bool:
        """Whether a session runs at a moment."""
        return self._stretch(time) is not None

    def _is_close(self, time: datetime) -> bool:
        if self._last is not None and self._last[0] < time < self._last[1]:
            return False
        found = self._stretch(time)
        return found is not None and found.end == time and self._stretch(time + MOMENT) is None

    def _bar(self, time: datetime) -> tuple[datetime, datetime, datetime | None] | None:
        found = self._stretch(time)
        if found is None:
            return None
        if self.frequency == "1w":
            place = bisect_left(self._weeks, found.close)
            return found.begin, found.end, self._weeks[place] if place < len(self._weeks) else None
        if self.frequency == "1d":
            return found.begin, found.end, found.close
        count = -((found.begin - time) // self.step)  # rounded up
        end = min(found.begin + count * self.step, found.end)
        return found.begin + (count - 1) * self.step, end, end

    def _stretch(self, time: datetime) -> _Stretch | None:
        if self._known is None or not self._known[0] <= time <= self._known[1]:
            self._look_up(time)
        place = bisect_left(self._ends, time)
        if place == len(self._ends) or time <= self._stretches[place].begin:
            return None
        return self._stretches[place]

    def _look_up(self, time: datetime) -> None:
        """The sessions around a moment: a long-lived feed looks again when it leaves them."""
        calendar = Calendar.of(self.calendar)
        self._known = (time - BEFORE, time + AFTER - WEEK)
        first = int(calendar.closes.searchsorted(pd.Timestamp(time - BEFORE)))
        last = int(calendar.closes.searchsorted(pd.Timestamp(time + AFTER)))
        columns = (calendar.opens, calendar.closes, calendar.break_starts, calendar.break_ends)
        self._stretches = []
        for opened, closed, lunch, after in zip(*(column[first : last + 1] for column in columns), strict=True):
            begin, close = _plain(opened), _plain(closed)
            if pd.isna(lunch):
                self._stretches.append(_Stretch(begin, close, close))
            else:
                self._stretches.append(_Stretch(begin, _plain(lunch), close))
                self._stretches.append(_Stretch(_plain(after), close, close))
        self._ends = [stretch.end for stretch in self._stretches]
        if self.frequency == "1w":
            self._weeks = [_plain(moment) for moment in calendar.bar_closes("1w", time - BEFORE, time + AFTER)]


def _plain(moment: pd.Timestamp) -> datetime:
    return moment.to_pydatetime().astimezone(UTC)
