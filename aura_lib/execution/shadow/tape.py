"""The tape: what came after a decision, as the exchange is told of it, and the prices to value things by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from aura_lib.core import Bars, Calendar, utc
from aura_lib.exchange import PriceBar
from aura_lib.plan import decimal_price

NAN = Decimal("NaN")
BY_SESSION = ("1d", "1w")  # frequencies whose every bar ends a session


class Close(NamedTuple):
    """A price, and the bar that it closes."""

    price: Decimal
    time: datetime


class Tape:
    """Bars up to a moment; nothing later is looked at. `whole`: the exchange is told more of a bar than its close."""

    def __init__(self, bars: Bars, until: datetime, *, whole: bool) -> None:
        self._bars, self.until = bars.until(until), utc(until)
        self._times = self._bars.times
        self._places = {symbol: n for n, symbol in enumerate(bars.symbols)}
        self._close = self._bars.close.to_numpy()
        self._fields = {name: frame.to_numpy() for name, frame in self._bars.fields.items() if name != "close"}
        self._whole = whole and bool(self._fields)
        self._calendar = Calendar.of(bars.calendar)

    @property
    def frequency(self) -> str:
        """How long a bar is."""
        return self._bars.frequency

    @property
    def calendar(self) -> Calendar:
        """The sessions that the bars follow."""
        return self._calendar

    def knows(self, symbol: str) -> bool:
        """Whether there are prices of a symbol at all."""
        return symbol in self._places

    def rows(self, after: datetime) -> range:
        """The bars that closed after a moment."""
        return range(int(self._times.searchsorted(pd.Timestamp(utc(after)), side="right")), len(self._times))

    def time(self, row: int) -> datetime:
        """When a bar closed."""
        return utc(self._times[row])

    def closes_session(self, row: int) -> bool:
        """Whether a bar is the last of its session."""
        if self.frequency in BY_SESSION:
            return True
        time = self.time(row)
        return self._calendar.last_close(time) == time

    def prices(self, row: int, symbols: Iterable[str]) -> Mapping[str, Decimal | PriceBar]:
        """What the exchange is told of some symbols in a bar; what did not trade in it is missing."""
        return {symbol: self._told(row, self._places[symbol]) for symbol in symbols if self._traded(row, symbol)}

    def _traded(self, row: int, symbol: str) -> bool:
        place = self._places.get(symbol)
        return place is not None and self._close[row, place] == self._close[row, place]

    def _told(self, row: int, place: int) -> Decimal | PriceBar:
        close = decimal_price(float(self._close[row, place]))
        if not self._whole:
            return close
        first, high, low, volume = (self._field(name, row, place) for name in ("open", "high", "low", "volume"))
        return PriceBar(first, high, low, close, None if volume.is_nan() else volume)

    def _field(self, name: str, row: int, place: int) -> Decimal:
        value = float(self._fields[name][row, place]) if name in self._fields else math.nan
        return NAN if math.isnan(value) else decimal_price(value)

    def at(self, symbol: str, moment: datetime, after: datetime | None = None) -> Close | None:
        """The last price of a symbol at a moment, made after another one if that is given; None where there is none."""
        place = self._places.get(symbol)
        end = int(self._times.searchsorted(pd.Timestamp(utc(moment)), side="right"))
        for row in range(end - 1, -1, -1) if place is not None else ():
            if after is not None and self.time(row) <= after:
                return None
            if self._close[row, place] == self._close[row, place]:
                return Close(decimal_price(float(self._close[row, place])), self.time(row))
        return None
