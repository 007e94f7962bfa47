"""Wire: one source on the page, its symbols, its prices so far and those that come in. It fails alone."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from aura_lib import data
from aura_lib.core import AuraError, Bar, Bars, Calendar, InputError, Settings, Tick, step, utc
from aura_lib.data import sources, stream
from aura_lib.ui.market.board import Board
from aura_lib.ui.market.listing import Listing, listed

RECENT = 3000  # bars or trades of a symbol that are kept: two sessions of minutes, around the clock
WAITING = 20_000  # events that may wait for the page to look
SESSIONS = {True: 10, False: 250}  # how far before its end a replay starts: of bars within a day, of days
BOARD = 260  # sessions before that the board knows
WARMING = {"1m": 4, "5m": 6, "15m": 16, "1h": 40}  # days of bars within a day that a chart may need
OFFLINE = ("sample", "synthetic")  # these have no live prices: they are replayed


class Wire:
    """One source. `prepare` asks it (call it from a thread); `drain` takes what came in since the last look.

    Args:
        source: the name of a data source.
        symbols: those of a vendor that lists none; all of them are asked for together.
        pace: bars a second of a replay.
    """

    def __init__(self, source: str, symbols: tuple[str, ...], pace: float, settings: Settings) -> None:
        self.source = source
        self.problem = ""
        self.listings: dict[str, Listing] = {}
        self.board: Board | None = None
        self.bars: Bars | None = None
        self.frequencies: tuple[str, ...] = ("1d",)
        self.recent: defaultdict[str, deque[Bar | Tick]] = defaultdict(lambda: deque(maxlen=RECENT))
        self.starts = 0  # how often its prices began anew
        self._settings, self._pace = settings, pace
        self._asked = symbols
        self._feed: stream.Feed | None = None
        self._came: deque[Bar | Tick] = deque(maxlen=WAITING)

    # what it is -----------------------------------------------------------------------------------------------------
    @property
    def replayed(self) -> bool:
        """Whether its prices are history that is told once more."""
        return self.source.partition(":")[0] in OFFLINE or data.files.is_file(self.source)

    @property
    def synthetic(self) -> bool:
        """Whether its market never was."""
        return self.source.partition(":")[0] == "synthetic"

    @property
    def calendar(self) -> Calendar:
        """Whose sessions it has."""
        return Calendar.of(self.bars.calendar if self.bars is not None else "XNYS")

    @property
    def clock(self) -> datetime | None:
        """The moment its prices have come to."""
        rows = self.board or ()
        return max((row.time for row in rows), default=None)

    @property
    def state(self) -> tuple[str, str]:
        """How it is, in a word and in words."""
        if self.problem:
            return "failed", self.problem
        if self._feed is None:
            return "starting", f"{self.source} is being asked"
        return self._feed.state, self._feed.detail

    # in a thread ----------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Ask the source for its symbols and prices, and listen to what comes. What goes wrong is its problem."""
        try:
            adapter = sources.get(self.source)
            self.frequencies = tuple(getattr(adapter, "frequencies", ("1d",)))
            self.listings = listed(self.source)
            self._begin()
            self.problem = ""
        except AuraError as error:
            self.problem = str(error)

    def _begin(self) -> None:
        """The board as it stood when the replay begins, or stands now; and the feed from then on."""
        symbols = list(self.listings or self._asked)
        bars = data.load(symbols or None, source=self.source, frequency="1d", settings=self._settings)
        self.bars = bars
        start = self._start(bars) if self.replayed else None
        known = bars if start is None else bars.until(start)
        board = Board(bars.calendar)
        board.start(known._rows(max(len(known) - BOARD, 0), len(known)))
        self.board = board
        self.recent.clear()
        self._came.clear()
        self.starts += 1
        self._listen(tuple(bars.symbols), start)

    def _start(self, bars: Bars) -> datetime:
        intraday = len(self.frequencies) > 1
        return utc(bars.times[max(len(bars) - 1 - SESSIONS[intraday], min(1, len(bars) - 1))])

    def _listen(self, symbols: tuple[str, ...], start: datetime | None) -> None:
        raise NotImplementedError

    # on the page's loop ---------------------------------------------------------------------------------------------
    def drain(self) -> list[Bar | Tick]:
        """What came in since the last look, in order; the board has it already."""
        events = []
        while self._came:
            event = self._came.popleft()
            if self.board is not None and self.board.add(event):
                self.recent[event.symbol].append(event)
                events.append(event)
        return events

    def close(self) -> None:
        """Listen no more."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None
