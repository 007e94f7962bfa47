"""Prices for a desk and its simulated venue: bars seen only up to the clock, taken anew when the clock passes them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pandas as pd

from aura_lib import plan
from aura_lib.core import Bars, Market, utc
from aura_lib.risk.pretrade import Price


@dataclass(frozen=True, slots=True)
class Action:
    """A dividend a share, or a split into `split` new units for each old one, from its moment on."""

    time: datetime
    symbol: str
    dividend: Decimal | None = None
    split: Decimal | None = None


class Feed:
    """Bars as a sequence of moments with prices. `newer`, if given, is asked for bars beyond the last one.

    `actions` tells the splits and dividends (columns time, symbol, dividend, split) of bars that are as they traded.
    """

    _told: Callable[[Bars], pd.DataFrame | None] | None = None
    _acted: tuple[Action, ...] | None = None

    def __init__(
        self,
        bars: Bars,
        newer: Callable[[], Bars] | None = None,
        actions: Callable[[Bars], pd.DataFrame | None] | None = None,
    ) -> None:
        self.bars, self._newer, self._told = bars, newer, actions
        self._cache: dict[datetime, Mapping[str, Decimal]] = {}
        self._stamped: dict[datetime, Mapping[str, Price]] = {}

    def reach(self, moment: datetime) -> None:
        """Take newer bars, if those here end before a moment and there are any."""
        if self._newer is not None and self.bars.end < utc(moment):
            self.bars = self._newer()
            self._acted = None
            self._cache.clear()
            self._stamped.clear()

    def moments(self, after: datetime, until: datetime) -> list[datetime]:
        """The bars that closed in (after, until]."""
        times = self.bars.times
        first, last = (int(times.searchsorted(pd.Timestamp(t), side="right")) for t in (after, until))
        return [utc(t) for t in times[first:last]]

    def prices(self, at: datetime) -> Mapping[str, Decimal]:
        """Symbol → close of the last bar at `at`; symbols that did not trade in it are missing."""
        if at not in self._cache:
            self._cache[at] = plan.prices_at(Market.at(self.bars, at))
        return self._cache[at]

    def stamped(self, at: datetime) -> Mapping[str, Price]:
        """The prices at a moment, each with the time of the bar that it closes."""
        if at not in self._stamped:
            prices, last = self.prices(at), int(self.bars.times.searchsorted(pd.Timestamp(at), side="right")) - 1
            time = utc(self.bars.times[last])
            self._stamped[at] = {symbol: Price(price, time) for symbol, price in prices.items()}
        return self._stamped[at]

    def actions(self, after: datetime, until: datetime) -> list[Action]:
        """Splits and dividends whose bar closed in (after, until], in order; none where prices are adjusted."""
        if self._acted is None:
            table = self._told(self.bars) if self._told is not None else None
            self._acted = () if table is None else tuple(_actions(table, self.bars))
        first, last = (bisect_right(self._acted, at, key=lambda action: action.time) for at in (after, until))
        return list(self._acted[first:last])


def _actions(table: pd.DataFrame, bars: Bars) -> Iterator[Action]:
    """Each at the first bar that has it, in order."""
    rows = bars.times.searchsorted(pd.DatetimeIndex(table["time"]).tz_convert("UTC").as_unit("us"), side="left")
    found = zip(rows, table["symbol"], table["dividend"], table["split"], strict=True)
    for row, symbol, dividend, split in sorted(found, key=lambda told: (told[0], told[1])):
        if row < len(bars.times) and symbol in bars.instruments:
            paid, ratio = (None if pd.isna(value) else plan.decimal_price(value) for value in (dividend, split))
            yield Action(utc(bars.times[int(row)]), str(symbol), paid, ratio)
