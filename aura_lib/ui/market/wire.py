"""Wire: one source on the page, its symbols, its prices so far and those that come in. It fails alone."""

from __future__ import annotations

import importlib
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from aura_lib import data
from aura_lib.core import FREQUENCIES, AuraError, Bar, Bars, Calendar, Settings, Tick, utc
from aura_lib.core.frequency import INTRADAY
from aura_lib.data import sources, stream
from aura_lib.data.quality import Quality
from aura_lib.ui.market.board import Board
from aura_lib.ui.market.listing import Listing, listed

PASSED = 0.6  # of its first session when a replay of bars within a day begins
PATIENCE = 20.0  # seconds for what came before in it
RECENT = 3000  # bars or trades of a symbol that are kept: two sessions of minutes, around the clock
WAITING = 20_000  # events that may wait for the page to look
SESSIONS = {True: 10, False: 250}  # how far before its end a replay starts: of bars within a day, of days
BOARD = 260  # sessions before that the board knows
WARMING = {"1m": 4, "5m": 6, "15m": 16, "1h": 40}  # days of bars within a day that a chart may need
MOMENT = timedelta(microseconds=1)
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
        if self.replayed and self._feed.state == "live":
            return "running", self._feed.detail
        return self._feed.state, self._feed.detail

    # in a thread ----------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Ask the source for its symbols and prices, and listen to what comes. What goes wrong is its problem."""
        try:
            adapter = sources.get(self.source)
            self.frequencies = tuple(getattr(adapter, "frequencies", ("1d",)))
            if self.synthetic: self.frequencies = ("1m", "5m", "15m", "1h", "1d")  # TEMPORARY
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
        """The close after which a replay begins."""
        intraday = len(self.frequencies) > 1
        return utc(bars.times[max(len(bars) - 1 - SESSIONS[intraday], min(1, len(bars) - 1))])

    def _listen(self, symbols: tuple[str, ...], start: datetime | None) -> None:
        self.close()
        if start is None:
            self._feed = self._opened(symbols).start()
            return
        finest = next((f for f in FREQUENCIES if f in self.frequencies), "1d")
        words: dict[str, Any] = {"frequency": finest}
        if finest in INTRADAY:  # in the middle of a session: what came before in it comes at once
            opened = utc(self.calendar.opens[self.calendar.opens.searchsorted(start)])
            noon = opened + PASSED * (self.calendar.next_close(opened) - opened)
            self._opened(symbols, start=start + MOMENT, end=noon, speed="max", **words).start().wait(PATIENCE)
            start = noon
        self._feed = self._opened(symbols, start=start + MOMENT, speed=self._pace, **words).start()

    def _opened(self, symbols: tuple[str, ...], **words: Any) -> stream.Feed:
        calendar = self.calendar.name
        feed = stream.open(symbols, self._stream(), calendar=calendar, paused=True, settings=self._settings, **words)
        feed.listen(self._came.append)
        return feed

    def _stream(self) -> str:
        """What its prices come from: a replay, the vendor's own stream, or quotes that are asked for."""
        if self.replayed:
            return f"replay:{self.source}"
        module = importlib.import_module(f"{sources.__name__}.{self.source.partition(':')[0]}")
        return self.source if hasattr(module, "Stream") else f"poll:{self.source}"

    @property
    def over(self) -> bool:
        """Whether its replay has come to its end: it may begin anew."""
        return self.replayed and not self._came and self._feed is not None and self._feed.state == "ended"

    def begin_anew(self) -> None:
        """Replay it once more, from where it began."""
        try:
            self._begin()
        except AuraError as error:
            self.problem = str(error)

    def history(self, symbol: str, frequency: str) -> pd.DataFrame:
        """The bars of a symbol up to now: open, high, low, close, volume, what there is of them.

        Raises InputError or DataError where `data.load` does.
        """
        until = self.clock if self.replayed else None
        start = None
        if frequency in INTRADAY and until is not None:
            start = max(until - timedelta(days=WARMING[frequency]), self._first())
        bars = data.load(
            [symbol], source=self.source, frequency=frequency, start=start, end=until, settings=self._settings
        )
        frame = pd.DataFrame({name: values[symbol] for name, values in bars.fields.items()})
        return frame[frame["close"].notna()]

    def _first(self) -> datetime:
        """The first close: bars within a day may begin with the session before it, and none is asked for."""
        assert self.bars is not None
        return self.bars.start

    def check(self, symbol: str) -> Quality | None:
        """What is odd about the daily bars of a symbol."""
        if self.bars is None or symbol not in self.bars.symbols:
            return None
        return data.check(self.bars.select([symbol]))

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
