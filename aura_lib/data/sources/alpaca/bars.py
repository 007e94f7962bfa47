"""Alpaca's rows as bars: dated by their close, within the sessions of their calendar, joined to hours and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import Calendar, DataError, step
from aura_lib.core.market_data import FIELDS

LETTERS = ("o", "h", "l", "c", "v")
JOINED = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}

# What Alpaca is asked for. Its hours are those of the clock, 9:00 to 10:00 too, and a crypto day has begun at
# Chicago's midnight until 2025: bars of a session are joined from smaller ones here, as its support advises.
MADE_FROM = {
    "XNYS": {"1m": "1Min", "5m": "5Min", "15m": "15Min", "1h": "30Min", "1d": "1Day"},
    "24/7": {"1m": "1Min", "5m": "5Min", "15m": "15Min", "1h": "1Hour", "1d": "1Hour"},
}
A_DAY = {"1Min": 1440, "5Min": 288, "15Min": 96, "30Min": 48, "1Hour": 24, "1Day": 1}  # rows at most


@dataclass
class Tally:
    """What was left out or mended, of all symbols together."""

    outside: int = 0
    unknown_days: int = 0
    twice: int = 0
    not_positive: int = 0
    spoilt: list[pd.DataFrame] = field(default_factory=list)  # rows as they came, by the moment each began

    def remarks(self, calendar: str) -> list[str]:
        """A line each."""
        told = [
            (self.outside, "bar(s) outside regular hours: left out (hours=extended keeps them)"),
            (self.unknown_days, f"day(s) without a session of {calendar}: left out"),
            (self.twice, "bar(s) that came twice: the last one counts"),
            (self.not_positive, "price(s) that are not positive: taken as missing"),
        ]
        return [f"{count:,} {words}" for count, words in told if count]


def frame(rows: Sequence[Mapping[str, Any]], tally: Tally) -> pd.DataFrame:
    """Rows as they came (t, o, h, l, c, v) → columns open … volume by the moment each began, UTC, as they came.

    Raises:
        DataError: a row lacks a price, or has something else in its place.
    """
    try:
        stamps = [row["t"] for row in rows]
        if not all(t.endswith("Z") for t in stamps):
            raise ValueError("a time that is not UTC")
        times = np.array(stamps, dtype="U19").astype("datetime64[us]")
        values = np.array([[row[letter] for row in rows] for letter in LETTERS], dtype="float64")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(f"alpaca: a bar that cannot be read ({what}). Try again later") from None
    index = pd.DatetimeIndex(times).tz_localize("UTC")
    wrong = values[:4] <= 0
    if wrong.any():
        tally.not_positive += int(wrong.sum())
        bad = np.flatnonzero(wrong.any(axis=0))
        tally.spoilt.append(pd.DataFrame(values.T[bad], index=index[bad], columns=list(FIELDS)))
        values[:4][wrong] = np.nan
    return pd.DataFrame(values.T, index=index, columns=list(FIELDS))


def whole(parts: Sequence[pd.DataFrame], tally: Tally) -> pd.DataFrame:
    """The parts as one, ascending; of two bars of one time the last one that came."""
    table = pd.concat(parts or [frame((), tally)]).sort_index(kind="stable")
    again = table.index.duplicated(keep="last")
    tally.twice += int(again.sum())
    return table[~again]


def closed(table: pd.DataFrame, calendar: Calendar, frequency: str, extended: bool, tally: Tally) -> pd.DataFrame:
    """Bars by their close. A bar that a session ends in closes with the session."""
    if not len(table):
        return table
    if frequency == "1d" and calendar.name != "24/7":
        stamps = _of_days(table.index, calendar, tally)
    elif extended:
        stamps = pd.DatetimeIndex(table.index) + pd.Timedelta(step(frequency))
    else:
        stamps = _of_sessions(table.index, calendar, step(frequency), tally)
    return _join(table, stamps)


def _of_days(starts: pd.Index, calendar: Calendar, tally: Tally) -> pd.DatetimeIndex:
    """The close of the session that each daily bar is of; NaT where there is none. They begin at the local midnight."""
    days = pd.DatetimeIndex(starts).tz_convert(calendar.zone).tz_localize(None).normalize().as_unit("us")
    places = calendar.sessions.get_indexer(pd.Index(days))
    tally.unknown_days += int((places < 0).sum())
    return pd.DatetimeIndex(calendar.closes[places].where(places >= 0))


def _of_sessions(starts: pd.Index, calendar: Calendar, span: timedelta, tally: Tally) -> pd.DatetimeIndex:
    """The end of the span, counted from the open, that each bar is in; at most the close; NaT outside the session."""
    opens, closes = (pd.DatetimeIndex(edge).asi8 for edge in (calendar.opens, calendar.closes))
    began = pd.DatetimeIndex(starts).as_unit("us").asi8
    places = np.searchsorted(opens, began, side="right") - 1
    inside = (places >= 0) & (began < closes[places])
    tally.outside += int((~inside).sum())
    microseconds = span // timedelta(microseconds=1)
    ends = opens[places] + ((began - opens[places]) // microseconds + 1) * microseconds
    stamps = pd.DatetimeIndex(np.minimum(ends, closes[places]).view("datetime64[us]")).tz_localize("UTC")
    return pd.DatetimeIndex(stamps.where(inside))


def _join(table: pd.DataFrame, stamps: pd.DatetimeIndex) -> pd.DataFrame:
    """The bars of one stamp as one; those without are left out."""
    known = stamps.notna()
    kept = table[known].set_axis(stamps[known], axis=0)
    if kept.index.is_unique:
        return kept
    joined = kept.groupby(level=0).agg(JOINED)
    return joined[list(FIELDS)]


def panel(frames: Mapping[str, pd.DataFrame], calendar: Calendar, frequency: str) -> dict[str, pd.DataFrame]:
    """Field → frame, time × symbol; NaN where a symbol has no bar. Daily bars are on every session between the ends."""
    times = pd.DatetimeIndex([], tz="UTC").as_unit("us")
    for table in frames.values():
        times = times.union(pd.DatetimeIndex(table.index))
    if frequency == "1d" and len(times):
        times = calendar.closes_between(times[0], times[-1])
    return {field: pd.DataFrame({s: t[field].reindex(times) for s, t in frames.items()}) for field in FIELDS}
