"""Alpaca as a data source: history and quotes of stocks, options and crypto pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import Bars, Calendar, Clock, DataError, InputError, Quote, WallClock, step
from aura_lib.core.times import utc
from aura_lib.data.polite import Polite
from aura_lib.data.quality import Quarantine
from aura_lib.data.sources.alpaca import bars, quotes
from aura_lib.data.sources.alpaca.actions import actions as actions_of
from aura_lib.data.sources.alpaca.door import TIMEOUT, Access, Door
from aura_lib.data.sources.alpaca.options import Options
from aura_lib.data.sources.alpaca.symbols import Kind, assets, by_kind, calendar_of, instrument, kind_of, listings
from aura_lib.data.store.port import no_actions
from aura_lib.data.vendor import History

if TYPE_CHECKING:
    from alpaca.data.timeframe import TimeFrame

FIRST = {  # how far back Alpaca goes
    Kind.STOCK: datetime(2016, 1, 1, tzinfo=UTC),
    Kind.OPTION: datetime(2024, 1, 1, tzinfo=UTC),
    Kind.CRYPTO: datetime(2021, 1, 1, tzinfo=UTC),
}
MANY = 100  # symbols a request
AT_ONCE = 250_000  # rows that alpaca-py may pile up before they become arrays: some 150 MB

# 200 requests a minute are free, 10,000 are paid for; all of one process share them.
FREE, PAID = Polite("alpaca", per_second=3.0), Polite("alpaca", per_second=100.0)


class Source:
    """Bars and quotes of stocks (`AAPL`), options (`AAPL240119C00190000`) and crypto pairs (`BTC/USD`).

    Args:
        options: as in the source's name after the colon, or an `Options`.
        adjusted: for splits and dividends; False: as they traded.
        polite: how fast and how often Alpaca is asked.
        clock: a bar is there when it closed by this clock.
        timeout: seconds that one page may take.
        url: another host than Alpaca's, for a proxy or a test; also `ALPACA_DATA_URL`.
    """

    frequencies = ("1m", "5m", "15m", "1h", "1d")  # weeks are made of adjusted days, where bars are loaded

    def __init__(
        self,
        options: str | Options = "",
        adjusted: bool = True,
        *,
        polite: Polite | None = None,
        clock: Clock | None = None,
        timeout: float = TIMEOUT,
        url: str | None = None,
    ) -> None:
        self.options = Options.parse(options) if isinstance(options, str) else options
        self.name = str(self.options)
        self.adjusted = adjusted
        self._polite = polite or pace(self.options)
        self._clock = clock or WallClock()
        self._timeout = timeout
        self._url = url

    def symbols(self) -> tuple[str, ...]:
        """None: there are too many, and most are wanted by nobody; `listings` has them."""
        return ()

    def universe(self) -> tuple[str, ...]:
        """None are listed."""
        return ()

    def listings(self) -> pd.DataFrame:
        """What is traded now: symbol, name, exchange (MIC), sector (""), asset_class, currency."""
        with self._door() as door:
            return listings(door)

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols; what was left out is a warning. Raises what `history` raises."""
        return self.history(symbols, frequency).given(self.adjusted)

    def history(
        self,
        symbols: Sequence[str],
        frequency: str = "1d",
        progress: Callable[[int, int], None] | None = None,
        *,
        start: datetime | None = None,
    ) -> History:
        """Bars as they traded, dated by their close, with splits and dividends, and what was left out.

        Hours are counted from the open of a session (9:30 to 10:30 New York … 15:30 to 16:00), crypto days are those
        of UTC. A symbol without a bar since `start` is a column of NaN.

        Args:
            symbols: stocks and options, or crypto pairs; not both in one call.
            frequency: one of `frequencies`.
            progress: told how many symbols of how many are done.
            start: bars that closed at or after it; None: all there are (stocks from 2016, crypto 2021, options 2024).

        Raises:
            InputError: keys are missing or wrong, the feed needs a subscription, a symbol is unknown, or symbols
                follow different calendars.
            DataError: alpaca-py is not installed, Alpaca cannot be reached or answers nonsense, or it has no bar at
                all of a symbol.
        """
        calendar = Calendar.of(calendar_of(symbols))
        if frequency not in self.frequencies:
            raise InputError(f"{self.name} has bars of {', '.join(self.frequencies)}, not {frequency!r}")
        if len(set(symbols)) < len(symbols):
            raise InputError(f"{self.name}: a symbol is named twice in {', '.join(symbols)}")
        since = None if start is None else utc(start, "start")
        with self._door() as door:
            call = Call(self.options, door, calendar, frequency, utc(self._clock.now()))
            return call.history(list(symbols), since, progress)

    def quotes(self, symbols: Sequence[str]) -> tuple[Quote, ...]:
        """A quote of each symbol that has one, in the order asked for; stocks and crypto may be mixed.

        Raises what `history` raises.
        """
        if not symbols:
            raise InputError(f"{self.name}: an empty list of symbols; name at least one, such as AAPL or BTC/USD")
        found: dict[str, Quote] = {}
        with self._door() as door:
            for kind, some in by_kind(symbols).items():
                for page in pages(some, MANY):
                    told = quotes.quotes(door, kind, page, self.options, self.name)
                    found.update({quote.symbol: quote for quote in told})
        return tuple(found[s] for s in symbols if s in found)

    def _door(self) -> Door:
        return Door(Access.from_environment(self._url), self._polite, self._timeout)


class Call:
    """One call of `history`: what is asked for, and what becomes of it."""

    def __init__(self, options: Options, door: Door, calendar: Calendar, frequency: str, now: datetime) -> None:
        self.options, self.door, self.calendar, self.frequency, self.now = options, door, calendar, frequency, now
        self.until = now if calendar.name == "24/7" else now - options.withheld
        self.extended = options.hours == "extended" and calendar.name != "24/7" and frequency != "1d"
        self.made_from = bars.MADE_FROM[calendar.name][frequency]
        if self.extended and frequency == "1h":
            self.made_from = "1Hour"  # the clock's hours: there is no open to count from before it
        self.tally, self.aside = bars.Tally(), Quarantine()

    def history(
        self, symbols: list[str], start: datetime | None, progress: Callable[[int, int], None] | None
    ) -> History:
        """Bars, actions and remarks."""
        parts = self._parts(symbols, start, progress)
        known, told = assets(self.door, symbols)
        self._missing(symbols, parts, known, told, start)
        actions, remarks = self._actions(symbols, start)
        frames = {s: self._closed(parts.get(s, []), start) for s in symbols}
        self._none_closed(frames, start)
        if not told:
            remarks.append("venues and lots are not known: these keys may not ask for assets")
        return History(
            raw=Bars(
                bars.panel(frames, self.calendar, self.frequency), str(self.options), self.frequency,
                self.calendar.name, adjustment="",
                instruments={s: instrument(s, known.get(s)) for s in symbols},
            ),
            actions=actions,
            remarks=(*self.tally.remarks(self.calendar.name), *self._withheld(), *remarks),
            aside=self.aside,
        )  # fmt: skip

    def _set_aside(self, symbol: str) -> None:
        """Keep the rows of a symbol that cannot be, as they came."""
        words = {"source": str(self.options), "frequency": self.frequency, "symbol": symbol, "check": "not positive"}
        for table in self.tally.spoilt:
            detail = f"a price of the bar that began then ({self.made_from}) is not positive"
            self.aside += Quarantine.from_table(table, table.index, detail=detail, **words)
        self.tally.spoilt.clear()

    def frames(self, symbols: list[str], start: datetime) -> dict[str, pd.DataFrame]:
        """The bars of each symbol that closed at or after `start`, and nothing else."""
        parts = self._parts(symbols, start, None)
        return {s: self._closed(parts.get(s, []), start) for s in symbols}

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _parts(
        self, symbols: list[str], start: datetime | None, progress: Callable[[int, int], None] | None
    ) -> dict[str, list[pd.DataFrame]]:
        """The rows of each symbol that has any, as tables: as dicts they would be ten times as large."""
        parts: dict[str, list[pd.DataFrame]] = {}
        done = 0
        for kind, some in by_kind(symbols).items():
            begin = FIRST[kind] if start is None else max(FIRST[kind], start - step(self.frequency))
            many, windows = _questions(begin, self.until, bars.A_DAY[self.made_from])
            for page in pages(some, many):
                for first, last in windows:
                    for symbol, rows in self._asked(kind, page, first, last).items():
                        parts.setdefault(symbol, []).append(bars.frame(rows, self.tally))
                        self._set_aside(symbol)
                done += len(page)
                if progress:
                    progress(done, len(symbols))
        return parts

    def _asked(self, kind: Kind, symbols: list[str], start: datetime, end: datetime) -> dict[str, list[Any]]:
        """All rows of [start, end]; pages are turned by the client."""
        from alpaca.data.enums import Adjustment, DataFeed
        from alpaca.data.requests import CryptoBarsRequest, OptionBarsRequest, StockBarsRequest

        door, what = self.door, f"bars of {', '.join(symbols[:5])}"
        words: dict[str, Any] = {"symbol_or_symbols": symbols, "start": start, "end": end}
        words["timeframe"] = _timeframe(self.made_from)
        if kind is Kind.STOCK:
            stocks = StockBarsRequest(**words, adjustment=Adjustment.RAW, feed=DataFeed(self.options.tape))
            answer: Any = door.ask(what, lambda: door.stocks.get_stock_bars(stocks))
        elif kind is Kind.CRYPTO:
            answer = door.ask(what, lambda: door.crypto.get_crypto_bars(CryptoBarsRequest(**words)))
        else:
            answer = door.ask(what, lambda: door.options.get_option_bars(OptionBarsRequest(**words)))
        return {s: some for s, some in answer.items() if s in symbols and some}

    def _actions(self, symbols: list[str], start: datetime | None) -> tuple[pd.DataFrame, list[str]]:
        stocks = [s for s in symbols if kind_of(s) is Kind.STOCK]
        if not stocks:
            return no_actions(), []
        return actions_of(self.door, stocks, self.calendar, start or FIRST[Kind.STOCK], self.until)

    # ── making bars ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _closed(self, parts: list[pd.DataFrame], start: datetime | None) -> pd.DataFrame:
        table = bars.whole(parts, self.tally)
        table = bars.closed(table, self.calendar, self.frequency, self.extended, self.tally)
        table = table[table.index <= pd.Timestamp(self.until)]
        return table if start is None else table[table.index >= pd.Timestamp(start)]

    # ── what is not there ───────────────────────────────────────────────────────────────────────────────────────────

    def _missing(
        self,
        symbols: list[str],
        parts: Mapping[str, Any],
        known: Mapping[str, Any],
        told: bool,
        start: datetime | None,
    ) -> None:
        empty = [s for s in symbols if s not in parts]
        unknown = [s for s in empty if told and s not in known and kind_of(s) is not Kind.OPTION]
        if unknown or (empty and start is None and not told):
            raise InputError(f"{self.options}: Alpaca has no {', '.join(unknown or empty)}: look up how it writes them")

    def _none_closed(self, frames: dict[str, pd.DataFrame], start: datetime | None) -> None:
        empty = [s for s, table in frames.items() if not len(table)]
        if empty and start is None:
            raise DataError(
                f"{self.options}: Alpaca gave no prices of {', '.join(empty)} in a session of {self.calendar.name} "
                "that have closed: leave them out, or ask for another frequency"
            )

    def _withheld(self) -> Iterator[str]:
        """A remark, when a bar has closed in the minutes that a free key does not get."""
        calendar, frequency = self.calendar, self.frequency
        before, now = pd.Timestamp(self.until), pd.Timestamp(self.now)
        place = int(calendar.opens.searchsorted(now)) - 1
        open_ = place >= 0 and before < calendar.closes[place]
        if before < now and open_ and (frequency != "1d" or calendar.closes[place] <= now):
            yield "the last 16 minutes are left out: feed=iex or feed=sip have them"


def pace(options: Options) -> Polite:
    """How fast these options may ask."""
    return PAID if options.feed == "sip" else FREE


def pages(symbols: Sequence[str], many: int) -> Iterator[list[str]]:
    """The symbols, so many at a time."""
    for place in range(0, len(symbols), many):
        yield list(symbols[place : place + many])


def _questions(start: datetime, end: datetime, rows_a_day: int) -> tuple[int, list[tuple[datetime, datetime]]]:
    """How many symbols to ask for at once, and the stretches of time, so that AT_ONCE rows come at most."""
    days = max((end - start) / timedelta(days=1), 1.0)
    many = int(min(max(AT_ONCE / (rows_a_day * days), 1), MANY))
    span = timedelta(days=max(AT_ONCE / (rows_a_day * many), 1.0))
    stretches, first = [], start
    while first <= end:
        last = min(first + span, end)
        stretches.append((first, last))
        first = last + timedelta(microseconds=1)
    return many, stretches


def _timeframe(text: str) -> TimeFrame:
    from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

    amount = text.rstrip("MinHourDay")
    return TimeFrame(int(amount), TimeFrameUnit(text[len(amount) :]))
