"""Board: the last price of each symbol, and the session it belongs to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from aura_lib.core import Bar, Bars, Quote, Tick, utc
from aura_lib.data.stream import Grid

SPARK = 60  # closes of the small line beside a symbol
YEAR = 252  # sessions whose highest and lowest price are shown
KNOWN = 260  # sessions that a board begins with
NAN = float("nan")


@dataclass(slots=True)
class Row:
    """A symbol's session so far. `end` is when the session closes; NaN: nobody has told."""

    symbol: str
    time: datetime
    price: float
    end: datetime
    open: float = NAN
    high: float = NAN
    low: float = NAN
    volume: float = NAN
    previous: float = NAN
    top: float = NAN
    bottom: float = NAN
    bid: float = NAN
    ask: float = NAN
    closes: deque[float] = field(default_factory=lambda: deque(maxlen=SPARK))

    @property
    def change(self) -> float:
        """What the price gained since the close of the session before, a fraction."""
        return self.price / self.previous - 1 if self.previous > 0 else NAN

    @property
    def spark(self) -> list[float]:
        """The closes of the sessions before, and the price."""
        return [*self.closes, self.price]

    def add(self, event: Bar | Tick | Quote, end: datetime) -> None:
        """Take what has come in; it belongs to the session that ends at `end`."""
        if event.time < self.time:
            return  # late: it is history by now
        if isinstance(event, Quote):
            if end > self.end:
                self._begin(end)
            self._quoted(event)
            return
        price, opened, high, low, volume = _prices(event)
        if end != self.end:
            self._begin(end)
        elif isinstance(event, Bar) and event.time == self.time:
            self.price = price
            return  # the bar that the row was made of
        self.time, self.price = event.time, price
        self.open = opened if self.open != self.open else self.open
        self.high, self.low = _most(self.high, high), _least(self.low, low)
        self.top, self.bottom = _most(self.top, high), _least(self.bottom, low)
        self.volume = volume if self.volume != self.volume else self.volume + (volume if volume == volume else 0.0)

    def _begin(self, end: datetime) -> None:
        """Another session."""
        if self.price == self.price:
            self.closes.append(self.price)
        self.previous, self.end = self.price, end
        self.open = self.high = self.low = self.volume = NAN

    def _quoted(self, quote: Quote) -> None:
        for name in ("time", "price", "open", "high", "low", "volume", "previous", "bid", "ask"):
            value = getattr(quote, name)
            if value == value:
                setattr(self, name, value)


def _prices(event: Bar | Tick) -> tuple[float, float, float, float, float]:
    if isinstance(event, Tick):
        return event.price, event.price, event.price, event.price, event.size
    known = (event.open, event.high, event.low)
    opened, high, low = (event.close if value != value else value for value in known)
    return event.close, opened, high, low, event.volume


def _most(known: float, new: float) -> float:
    return new if known != known else max(known, new)


def _least(known: float, new: float) -> float:
    return new if known != known else min(known, new)


class Board:
    """Rows of symbols, from daily bars and what comes in after them."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}
        self._rows: dict[str, Row] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._rows

    def __getitem__(self, symbol: str) -> Row:
        return self._rows[symbol]

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def start(self, bars: Bars) -> None:
        """Begin, or begin anew, with daily bars. A symbol without a close has no row."""
        grid = Grid("1d", bars.calendar)
        bars = bars.between(utc(bars.times[-min(KNOWN, len(bars))]), bars.end)
        for symbol in bars.symbols:
            self._grids[symbol] = grid
            made = _row(bars, symbol)
            if made is not None:
                self._rows[symbol] = made

    def add(self, event: Bar | Tick | Quote) -> bool:
        """Take what has come in; whether a row of it is here."""
        grid, row = self._grids.get(event.symbol), self._rows.get(event.symbol)
        if grid is None:
            return False
        end = grid.end(event.time, not isinstance(event, Bar))
        if row is None:  # its first day
            row = self._rows[event.symbol] = Row(event.symbol, event.time, NAN, event.time - timedelta(days=1))
        row.add(event, end or row.end)
        return True

    def changes(self) -> pd.Series:
        """Symbol → change since the close of the session before."""
        return pd.Series({row.symbol: row.change for row in self}, dtype="float64")


def _row(bars: Bars, symbol: str) -> Row | None:
    closes = bars.close[symbol].dropna()
    if closes.empty:
        return None
    fields = {name: frame[symbol].loc[closes.index] for name, frame in bars.fields.items()}
    last = {name: float(values.iloc[-1]) for name, values in fields.items()}
    high, low = (fields.get(name, closes).iloc[-YEAR:] for name in ("high", "low"))
    time = utc(closes.index[-1])
    row = Row(
        symbol, time, last["close"], time, last.get("open", NAN), last.get("high", NAN), last.get("low", NAN),
        last.get("volume", NAN), previous=float(closes.iloc[-2]) if len(closes) > 1 else NAN,
        top=float(high.max()), bottom=float(low.min()),
    )  # fmt: skip
    row.closes.extend(closes.iloc[-SPARK - 1 : -1].tolist())
    return row
