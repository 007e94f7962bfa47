"""Wire: one source on the page, its symbols, its prices so far and those that come in. It fails alone."""

from __future__ import annotations

import importlib
from collections import defaultdict, deque
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd

from aura_lib import data
from aura_lib.core import FREQUENCIES, AuraError, Bar, Bars, Calendar, InputError, Quote, Quoter, Settings, Tick, utc
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
WARMING = {"1m": 4, "5m": 6, "15m": 16, "1h": 40}  # days of bars within a day that a chart may need
MOMENT = timedelta(microseconds=1)
STATES = ("live", "ended", "stale", "reconnecting", "failed")  # from good to bad
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
        self.bars: dict[str, Bars] = {}  # daily, of each symbol
        self.note = ""  # what of it is not to be had
        self.frequencies: tuple[str, ...] = ("1d",)
        self.recent: defaultdict[str, deque[Bar | Tick]] = defaultdict(lambda: deque(maxlen=RECENT))
        self.starts = 0  # how often its prices began anew
        self._settings, self._pace = settings, pace
        self._asked = symbols
        self._vendor = self._prepared = False
        self._feeds: list[stream.Feed] = []
        self._came: deque[Bar | Tick | Quote] = deque(maxlen=WAITING)

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
    def calendars(self) -> list[Calendar]:
        """Whose sessions its symbols follow."""
        return [Calendar.of(name) for name in dict.fromkeys(bars.calendar for bars in self.bars.values())]

    def calendar(self, symbol: str) -> Calendar:
        """Whose sessions a symbol follows."""
        return Calendar.of(self.bars[symbol].calendar if symbol in self.bars else "XNYS")

    @property
    def _finest(self) -> str:
        return next((f for f in FREQUENCIES if f in self.frequencies), "1d")

    @property
    def clock(self) -> datetime | None:
        """The moment its prices have come to."""
        rows = self.board or ()
        return max((row.time for row in rows), default=None)

    @property
    def state(self) -> tuple[str, str]:
        """How it is, in a word and in words: the worst of its feeds."""
        if self.problem:
            return "failed", self.problem
        if not self._feeds:
            return ("idle", "nothing of it is watched") if self._prepared else ("starting", f"{self.source} is asked")
        worst = max(self._feeds, key=lambda feed: STATES.index(feed.state))
        return "running" if self.replayed and worst.state == "live" else worst.state, worst.detail

    # in a thread ----------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Ask the source for its symbols and prices, and listen to what comes. What goes wrong is its problem."""
        try:
            adapter = sources.get(self.source)
            self._vendor = isinstance(adapter, sources.Vendor)
            self.frequencies = tuple(getattr(adapter, "frequencies", ("1d",)))
            self.listings = listed(self.source)
            self._begin()
            self.problem, self._prepared = "", True
        except AuraError as error:
            self.problem = str(error)

    def _begin(self) -> None:
        """The board as it stood when the replay begins, or stands now; and the feeds from then on."""
        symbols = [*self._asked] if self._vendor else [*self.listings]
        self.close()
        board, self.bars = Board(), {}
        self._came.clear()
        self.recent.clear()
        for bars in self._groups(symbols) if symbols else ():
            start = self._start(bars) if self.replayed else None
            board.start(bars if start is None else bars.until(start))
            for symbol, what in bars.instruments.items():
                one = self.listings.get(symbol) or Listing(symbol, self.source, exchange=what.venue)
                self.listings[symbol] = replace(one, currency=what.currency, asset_class=str(what.asset_class))
                self.bars[symbol] = bars
            self._feeds += self._listen(bars, start)
        self.board = board
        self.starts += 1
        self.requote()

    def _groups(self, symbols: list[str]) -> list[Bars]:
        """Daily bars, those of one calendar together. One symbol that a vendor has not got costs only itself."""
        try:
            return [self._load(symbols, "1d")]
        except InputError:
            if not self._vendor or len(symbols) == 1:
                raise
        found: dict[str, list[str]] = {}
        for symbol in symbols:
            try:
                found.setdefault(self._load([symbol], "1d").calendar, []).append(symbol)
            except InputError as error:
                self.note = str(error)
        if not found:
            raise InputError(self.note)
        load = partial(data.load, source=self.source, frequency="1d", settings=self._settings)
        return [load(together) for together in found.values()]

    def _load(self, symbols: list[str], frequency: str, **span: Any) -> Bars:
        """Bars from the store; a vendor is asked first for what is new."""
        if self._vendor:
            data.fetch(self.source, symbols=symbols, frequency=frequency, settings=self._settings)
        return data.load(symbols, source=self.source, frequency=frequency, settings=self._settings, **span)

    def requote(self) -> None:
        """Ask a vendor that has quotes what its symbols are worth, with bid and ask."""
        if self._vendor and self.bars and isinstance(adapter := sources.get(self.source), Quoter):
            for quote in adapter.quotes(list(self.bars)):
                self._came.append(quote)

    def follow(self, symbol: str) -> None:
        """Have a symbol of a vendor on the board that was not asked for up to now."""
        if self._vendor and symbol not in self._asked:
            self._asked = (*self._asked, symbol)
            self._begin()

    def _start(self, bars: Bars) -> datetime:
        """The close after which a replay begins."""
        intraday = len(self.frequencies) > 1
        return utc(bars.times[max(len(bars) - 1 - SESSIONS[intraday], min(1, len(bars) - 1))])

    def _listen(self, bars: Bars, start: datetime | None) -> list[stream.Feed]:
        """The feed of symbols of one calendar, and of a replay what came before it in its first session."""
        if start is None:
            return [self._opened(bars).start()]
        words: dict[str, Any] = {"frequency": self._finest}
        if self._finest in INTRADAY:  # in the middle of a session: what came before in it comes at once
            calendar = Calendar.of(bars.calendar)
            opened = utc(calendar.opens[int(calendar.opens.searchsorted(start))])
            noon = opened + PASSED * (calendar.next_close(opened) - opened)
            self._opened(bars, start=start + MOMENT, end=noon, speed="max", **words).start().wait(PATIENCE)
            start = noon
        return [self._opened(bars, start=start + MOMENT, speed=self._pace, **words).start()]

    def _opened(self, bars: Bars, **words: Any) -> stream.Feed:
        feed = stream.open(
            bars.symbols, self._stream(), calendar=bars.calendar, paused=True, settings=self._settings, **words
        )
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
        return self.replayed and not self._came and any(feed.state == "ended" for feed in self._feeds)

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
        known = self.bars[symbol]
        if until is not None and not known.until(until).close[symbol].notna().any():
            return pd.DataFrame(columns=list(known.fields), index=known.times[:0], dtype="float64")  # not listed yet
        start = None
        if frequency in INTRADAY and until is not None:
            start = max(until - timedelta(days=WARMING[frequency]), known.start)
        asked = self._finest if self.replayed and frequency in INTRADAY else frequency  # what is stored already
        bars = self._load([symbol], asked, start=start, end=until)
        bars = data.resample(bars, frequency) if asked != frequency else bars
        frame = pd.DataFrame({name: values[symbol] for name, values in bars.fields.items()})
        return frame[frame["close"].notna()]

    def check(self, symbol: str) -> Quality | None:
        """What is odd about the daily bars of a symbol."""
        return data.check(self.bars[symbol].select([symbol])) if symbol in self.bars else None

    # on the page's loop ---------------------------------------------------------------------------------------------
    def drain(self) -> list[Bar | Tick]:
        """What came in since the last look, in order; the board has it already."""
        events = []
        while self._came:
            event = self._came.popleft()
            if self.board is not None and self.board.add(event) and not isinstance(event, Quote):
                self.recent[event.symbol].append(event)
                events.append(event)
        return events

    def close(self) -> None:
        """Listen no more."""
        for feed in self._feeds:
            feed.close()
        self._feeds = []
