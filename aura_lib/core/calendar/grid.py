"""Where an exchange trades without a pause, and the bars that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core.calendar.hours import Hours
from aura_lib.core.calendar.status import Status
from aura_lib.core.frequency import INTRADAY, step
from aura_lib.core.times import utc

Moments = npt.NDArray[np.int64]  # microseconds since 1970, UTC


@dataclass(frozen=True, eq=False)
class Stretches:
    """Trading without a pause, ascending: a session is one, or two with a break between.

    `first` is the stretch with which each run begins; stretches that touch (midnight of crypto) are one run.
    """

    begins: Moments
    ends: Moments
    session: npt.NDArray[np.int64]  # its place in the calendar
    first: npt.NDArray[np.int64]


def stretches(hours: Hours) -> Stretches:
    """The stretches of a calendar."""
    opens, closes = micro(hours.opens), micro(hours.closes)
    broken = np.asarray(hours.break_starts.notna())
    place = np.repeat(np.arange(len(opens)), 1 + broken)
    later = np.r_[False, place[1:] == place[:-1]]  # second stretches
    sooner = np.r_[later[1:], False]
    begins, ends = opens[place], closes[place]
    begins[later], ends[sooner] = micro(hours.break_ends[broken]), micro(hours.break_starts[broken])
    apart = np.r_[True, begins[1:] > ends[:-1]]
    return Stretches(begins, ends, place, np.flatnonzero(apart))


def micro(times: pd.DatetimeIndex) -> Moments:
    """Times as microseconds since 1970."""
    return np.array(times.as_unit("us").asi8, dtype=np.int64)


def bar_closes(
    hours: Hours, known: Stretches, frequency: str, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DatetimeIndex:
    """The closes of the bars of a frequency in [start, end]."""
    length = step(frequency)
    if frequency in INTRADAY:
        found = _intraday(known, length // _MICROSECOND, _micro(start), _micro(end))
    else:
        found = micro(hours.closes if frequency == "1d" else hours.closes[weeks_end(hours.sessions)])
    left, right = found.searchsorted(_micro(start), "left"), found.searchsorted(_micro(end), "right")
    return pd.DatetimeIndex(found[left:right].astype("datetime64[us]"), tz="UTC")


_MICROSECOND = pd.Timedelta(microseconds=1).to_pytimedelta()


def _micro(stamp: pd.Timestamp) -> int:
    return int(stamp.value) // 1000  # nanoseconds, whatever its unit


def _intraday(known: Stretches, length: int, start: int, end: int) -> Moments:
    """Closes of the bars of all stretches that touch [start, end]."""
    near = slice(int(known.ends.searchsorted(start, "left")), int(known.begins.searchsorted(end, "right")))
    begins, ends = known.begins[near], known.ends[near]
    counts = -(-(ends - begins) // length)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.minimum(np.repeat(begins, counts) + (number + 1) * length, np.repeat(ends, counts)))


def weeks_end(sessions: pd.DatetimeIndex) -> npt.NDArray[np.intp]:
    """Places of the last session of each week; the last week counts only when its Sunday is a session."""
    days = sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    week = (days + 3) // 7  # 1970-01-01 was a Thursday; a week begins on Monday
    last = np.r_[week[1:] != week[:-1], (days[-1] + 3) % 7 == 6]
    return np.flatnonzero(last)


def status(name: str, hours: Hours, known: Stretches, moment: pd.Timestamp) -> Status:
    """What state an exchange is in, at a moment from its first open to before its last close."""
    at = _micro(moment)
    place = int(known.begins.searchsorted(at, "right")) - 1
    run = int(known.first.searchsorted(place, "right")) - 1
    begin, stop = int(known.first[run]), int(np.r_[known.first, len(known.begins)][run + 1])  # its stretches
    if at < known.ends[place]:
        since = _moment(known.begins[begin]) if run else None
        until = _moment(known.ends[stop - 1]) if stop < len(known.begins) else None
        return Status(name, "open", since, until, _session(hours, known, place), hours.zone)
    same = known.session[place] == known.session[place + 1]
    state = "break" if same else "closed"
    since, until = _moment(known.ends[place]), _moment(known.begins[place + 1])
    return Status(name, state, since, until, _session(hours, known, place + 1), hours.zone)


def _moment(microseconds: np.int64) -> datetime:
    return utc(pd.Timestamp(int(microseconds), unit="us", tz="UTC"))


def _session(hours: Hours, known: Stretches, place: int) -> date:
    stamp: pd.Timestamp = hours.sessions[int(known.session[place])]
    return stamp.date()
