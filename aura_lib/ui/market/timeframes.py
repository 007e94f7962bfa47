"""Timeframes: how much of a history is shown, and of how long each of its bars is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from aura_lib.core import Calendar
from aura_lib.core.frequency import INTRADAY
from aura_lib.reports import market

WARM = 220  # bars before those that are shown, for studies to begin with
WORDS = MappingProxyType({"1m": "1-minute", "5m": "5-minute", "15m": "15-minute", "1h": "1-hour", "1d": "daily"})


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A span that ends now. `sessions` is how many it has, 0 for `span`, and None for all there is."""

    name: str
    words: str
    finest: tuple[str, ...] = ("1d",)  # the frequency it is drawn with: the first that the source has
    sessions: int | None = 0
    span: pd.DateOffset | None = None

    def frequency(self, known: Sequence[str]) -> str | None:
        """Which of a source's frequencies it is drawn with; None: it has none that is fine enough."""
        return next((frequency for frequency in self.finest if frequency in known), None)

    def why_not(self, source: str, known: Sequence[str]) -> str:
        """Why a source's prices cannot be shown so; empty when they can."""
        if self.frequency(known):
            return ""
        return f"{source} has {' and '.join(known)} bars only: {self.words} needs bars within a day"

    def first(self, times: pd.DatetimeIndex, calendar: Calendar) -> pd.Timestamp:
        """The first of the bars that are shown."""
        if self.sessions is None or not len(times):
            return times[0] if len(times) else pd.Timestamp(0, tz="UTC")
        if self.sessions:
            close = int(calendar.closes.searchsorted(times[-1]))
            opened = calendar.opens[max(close - self.sessions + 1, 0)]
            return times[min(int(times.searchsorted(opened, side="right")), len(times) - 1)]
        assert self.span is not None
        return times[int(times.searchsorted(times[-1] - self.span, side="right"))]


TIMEFRAMES: Mapping[str, Timeframe] = MappingProxyType(
    {
        t.name: t
        for t in (
            Timeframe("1D", "1 day", ("5m", "1m", "15m", "1h"), sessions=1),
            Timeframe("1W", "1 week", ("15m", "1h", "5m", "1d"), sessions=5),
            Timeframe("1M", "1 month", span=pd.DateOffset(months=1)),
            Timeframe("3M", "3 months", span=pd.DateOffset(months=3)),
            Timeframe("1Y", "1 year", span=pd.DateOffset(years=1)),
            Timeframe("5Y", "5 years", span=pd.DateOffset(years=5)),
            Timeframe("Max", "all there is", sessions=None),
        )
    }
)


@dataclass(frozen=True, slots=True)
class View:
    """What a chart shows: bars with some before them for studies, the first that is shown, and what each is."""

    frame: pd.DataFrame
    first: pd.Timestamp
    what: str

    @property
    def within_day(self) -> bool:
        """Whether its bars are shorter than a session."""
        return self.what[0].isdigit()


def view(frame: pd.DataFrame, frequency: str, timeframe: Timeframe, calendar: Calendar) -> View:
    """The bars of a timeframe: of long spans fewer and longer ones, so that each can be seen."""
    times = pd.DatetimeIndex(frame.index)
    first = timeframe.first(times, calendar)
    start = max(int(times.searchsorted(first)), 0)
    if frequency in INTRADAY or len(times) - start <= market.MOST:
        return View(frame.iloc[max(start - WARM, 0) :], first, WORDS[frequency])
    shown, what = market.fewer(frame.iloc[start:], calendar.zone)
    period = next(key for key, word in market.PERIODS.items() if word == what)
    whole = market.gathered(frame, period, calendar.zone)
    return View(
        whole.iloc[max(len(whole) - len(shown) - WARM, 0) :], pd.Timestamp(whole.index[len(whole) - len(shown)]), what
    )
