"""The part of bars that was asked for: from a day, to a day, as it stood at a moment. Never less than asked."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pandas as pd

from aura_lib.core import Bars, Calendar, DataError, InputError, day_or_moment, utc

__all__ = ["When", "cut", "edge", "reach", "whole"]

When = str | date | datetime
MICROSECOND = timedelta(microseconds=1)


def reach(calendar: Calendar, moment: datetime, frequency: str = "1d") -> datetime:
    """The close of the last bar that is known at a moment: of a session, or of a bar inside one."""
    closed = calendar.last_close(moment)
    if frequency in ("1d", "1w"):
        return closed
    inside = calendar.bar_closes(frequency, closed, moment)
    return utc(inside[-1]) if len(inside) else closed


def cut(bars: Bars, start: When | None, end: When | None, as_of: When | None) -> Bars:
    """The bars in [start, end] that were known at `as_of`.

    Raises InputError for times that make no sense, DataError when the bars do not reach as far as asked.
    """
    calendar = Calendar.of(bars.calendar)
    known = None if as_of is None else calendar.moment(as_of)
    first = None if start is None else edge(start, "start", bars.calendar)
    last = None if end is None else edge(end, "end", bars.calendar)
    if not len(bars):
        raise DataError(f"no bar between start={start} and end={end}, as_of={as_of} (snapshot {bars.snapshot})")
    if first is not None:
        for name, limit, given in (("end", last, end), ("as_of", known, as_of)):
            if limit is not None and first > limit:
                raise InputError(f"start={start} is after {name}={given}")
        _covered(bars, _closes(bars, first, bars.start), f"start={start}")
    for limit, name in ((last, f"end={end}"), (known, f"as_of={as_of}")):
        if limit is not None:
            _covered(bars, _closes(bars, bars.end, limit), name)
    wanted = bars.between(first or bars.start, min(m for m in (last, known, bars.end) if m is not None))
    if not len(wanted):
        raise DataError(f"no bar between start={start} and end={end}, as_of={as_of}: {_range(bars)}")
    return wanted


def _closes(bars: Bars, start: datetime, end: datetime) -> pd.DatetimeIndex:
    """When bars close in [start, end]: of minutes only whole sessions are missed."""
    frequency = "1w" if bars.frequency == "1w" else "1d"
    return Calendar.of(bars.calendar).bar_closes(frequency, start, end)


def whole(calendar: str, first: datetime, frequency: str) -> datetime:
    """From where finer bars are needed, so that the first longer bar from `first` on is whole."""
    before = Calendar.of(calendar).bar_closes(frequency, first - timedelta(days=14), first - MICROSECOND)
    return utc(before[-1]) + MICROSECOND if len(before) else first


def edge(when: When, name: str, calendar: str) -> datetime:
    """Start or end of a range as a moment.

    A day is from after midnight of the exchange to midnight: where trading never stops, the bar that closes at midnight
    belongs to the day that ends.
    """
    day = day_or_moment(when, name)
    if isinstance(day, datetime):
        return day
    midnight = pd.Timestamp(day) + pd.Timedelta(days=1 if name == "end" else 0)
    moment = utc(midnight.tz_localize(Calendar.of(calendar).zone))
    return moment if name == "end" else moment + MICROSECOND


def _covered(bars: Bars, sessions: pd.DatetimeIndex, asked: str) -> None:
    """Refuse a request for sessions that the data do not have."""
    missing = sessions[(sessions < bars.times[0]) | (sessions > bars.times[-1])]
    if len(missing):
        raise DataError(
            f"{asked} asks for {len(missing)} session(s) that are not there ({missing[0]} to {missing[-1]}): "
            f"{_range(bars)}. Ask for less, or fetch newer data"
        )


def _range(bars: Bars) -> str:
    return f"{bars.source} has bars from {bars.start.date()} to {bars.end.date()} (snapshot {bars.snapshot})"
