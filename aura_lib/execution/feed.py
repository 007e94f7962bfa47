"""Prices for a desk and its simulated venue: bars seen only up to the clock, taken anew when the clock passes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

import pandas as pd

from aura_lib import plan
from aura_lib.core import Bars, Market, utc
from aura_lib.risk.pretrade import Price


class Feed:
    """Bars as a sequence of moments with prices. `newer`, if given, is asked for bars beyond the last one."""

    def __init__(self, bars: Bars, newer: Callable[[], Bars] | None = None) -> None:
        self.bars, self._newer = bars, newer
        self._cache: dict[datetime, Mapping[str, Decimal]] = {}
        self._stamped: dict[datetime, Mapping[str, Price]] = {}

    def reach(self, moment: datetime) -> None:
        """Take newer bars, if those here end before a moment and there are any."""
        if self._newer is not None and self.bars.end < utc(moment):
            self.bars = self._newer()
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
