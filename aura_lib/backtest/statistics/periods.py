"""How many bars make a year, by frequency and calendar."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd

from aura_lib.core import Calendar, InputError

WEEKS = 52
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
KNOWN = {"XNYS": (252, 390), "24/7": (365, 1440)}  # sessions a year, minutes a session; others are counted
DECADE = (pd.Timestamp("2015-01-01"), pd.Timestamp("2024-12-31"))
DAY = 86_400.0  # seconds


def periods_per_year(frequency: str, calendar: str = "XNYS") -> int:
    """Bars a year of a frequency (1m 5m 15m 1h 1d 1w) on a calendar.

    Days are the calendar's sessions a year: 252 in New York, 365 around the clock, elsewhere the mean of the ten
    years 2015–2024. Bars within a day are those of its usual session; the last one may be short. Another frequency,
    or an unknown calendar, raises InputError.
    """
    if frequency == "1w":
        return WEEKS
    if frequency != "1d" and frequency not in MINUTES:
        known = ", ".join([*MINUTES, "1d", "1w"])
        raise InputError(f"no figures for {frequency} bars: give `statistics` a curve of {known}, or its own periods")
    days, minutes = KNOWN.get(calendar) or _counted(calendar)
    return days if frequency == "1d" else days * math.ceil(minutes / MINUTES[frequency])


@cache
def _counted(name: str) -> tuple[int, int]:
    """Mean number of sessions a year, and the minutes of the usual one, its break left out."""
    calendar = Calendar.of(name)
    chosen = (calendar.sessions >= DECADE[0]) & (calendar.sessions <= DECADE[1])
    length = (calendar.closes[chosen] - calendar.opens[chosen]).total_seconds().to_numpy()
    pause = (calendar.break_ends[chosen] - calendar.break_starts[chosen]).total_seconds().to_numpy()
    return round(int(chosen.sum()) / 10), round(float(np.median(length - np.nan_to_num(pause))) / 60)


def observed_periods(times: pd.DatetimeIndex) -> float:
    """Returns a year, read from their times: 12, 52, 252 or 365 where they are usual, else as many as there were.

    Daily returns of which some fall on a weekend are of a market that never closes. Fewer than two say 252.
    """
    if len(times) < 2:
        return 252.0
    seconds = times.as_unit("s").asi8
    usual = float(np.median(np.diff(seconds))) / DAY
    if 25 <= usual <= 35:
        return 12.0
    if 6 <= usual <= 8:
        return float(WEEKS)
    if 0.9 <= usual <= 1.5:
        return 365.0 if bool((times.day_of_week >= 5).any()) else 252.0
    return (len(times) - 1) / float(seconds[-1] - seconds[0]) * DAY * 365.25
