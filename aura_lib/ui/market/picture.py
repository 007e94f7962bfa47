"""Picture: the chart of one symbol, drawn once and then brought up to date with what changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from aura_lib.core import Bar, Calendar, Tick
from aura_lib.reports import About, figures, market, market_chart
from aura_lib.ui.market.growing import Growing
from aura_lib.ui.market.listing import Listing
from aura_lib.ui.market.timeframes import TIMEFRAMES, View, view
from aura_lib.ui.widgets import Chart

ADDED = 40  # bars that may be added before the whole figure is drawn anew, so that its window moves on


@dataclass(frozen=True, slots=True)
class Wish:
    """What a chart is to show."""

    listing: Listing
    timeframe: str = "3M"
    studies: tuple[str, ...] = ()
    log: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The bars of a wish as they were when they were asked for."""

    wish: Wish
    frame: pd.DataFrame
    frequency: str
    calendar: Calendar
    told: str  # what its source line says


class Picture:
    """A Chart and the bars behind it. `show` draws a history, `add` takes what came since, `update` shows that."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.history: History | None = None
        self.wants: Wish | None = None  # what is on its way
        self._growing: Growing | None = None
        self._first: pd.Timestamp | None = None
        self._what = ""
        self._drawn = 0
        self._changed = False

    @property
    def shows(self) -> Wish | None:
        """What it shows."""
        return self.history.wish if self.history else None

    def show(self, history: History, since: Iterable[Bar | Tick] = ()) -> None:
        """Draw a history, and what has come in after it."""
        self.history = history
        self._growing = Growing(history.frame, history.frequency, history.calendar.name)
        for event in since:
            self._growing.add(event)
        self._draw()

    def fail(self, why: str) -> None:
        """Say why there is no picture."""
        self.history = self._growing = None
        self.chart.fail(why)

    def add(self, event: Bar | Tick) -> None:
        """Take what came in, of whatever symbol."""
        if self.history is not None and self._growing is not None and event.symbol == self.history.wish.listing.symbol:
            self._changed |= self._growing.add(event)

    def update(self) -> None:
        """Show what has changed: the end of the chart, or all of it when its window has to move."""
        if not self._changed or self.history is None:
            return
        self._changed = False
        shown = self._view()
        seen, studies = self._parts(shown)
        if not self._drawn or shown.first != self._first or shown.what != self._what or len(seen) > self._drawn + ADDED:
            self._draw()
            return
        about, log = self._about(), self.history.wish.log
        plot = market_chart.plot(seen, studies, about=about, intraday=shown.within_day, log=log)
        self.chart.grow(market_chart.tail(plot, self._drawn - 1, about.line(pd.DatetimeIndex(seen.index))))

    # ----------------------------------------------------------------------------------------------------------------
    def _draw(self) -> None:
        assert self.history is not None
        wish = self.history.wish
        shown = self._view(anew=True)
        seen, studies = self._parts(shown)
        self._first, self._what, self._drawn, self._changed = shown.first, shown.what, len(seen), False
        words = TIMEFRAMES[wish.timeframe].words
        self.chart.show(
            figures.candles(seen, studies=studies, about=self._about(), span=words, what=shown.what, log=wish.log)
        )

    def _view(self, anew: bool = False) -> View:
        """The bars there are; from the one on that the figure began with, until it is drawn anew."""
        assert self.history is not None and self._growing is not None
        timeframe = TIMEFRAMES[self.history.wish.timeframe]
        frame = self._growing.frame()
        made = view(frame, self.history.frequency, timeframe, self.history.calendar)
        first = self._first
        if anew or first is None or timeframe.sessions == 1 or made.what != self._what:
            return made
        return replace(made, first=first) if first in made.frame.index else made

    def _parts(self, shown: View) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        """The bars that are seen, and the studies of them."""
        assert self.history is not None
        studies = market.studied(shown.frame, self.history.wish.studies)
        seen = shown.frame.index >= shown.first
        return shown.frame[seen], {name: lines[seen] for name, lines in studies.items()}

    def _about(self) -> About:
        assert self.history is not None
        listing, zone = self.history.wish.listing, self.history.calendar.zone
        seen = self._growing.seen if self._growing is not None else None
        return About(listing.symbol, "", self.history.told, seen, listing.money or "points", zone)
