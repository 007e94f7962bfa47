"""Prices for a desk and its simulated venue: bars seen only up to the clock, taken anew when the clock passes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

import pandas as pd

from aura_lib import plan
from aura_lib.core import Bars, Market, utc


class Feed:
    """Bars as a sequence of moments with prices. `newer`, if given, is asked for bars beyond the last one."""

    def __init__(self, bars: Bars, newer: Callable[[], Bars] | None = None) -> None:
        self.bars, self._newer = bars, newer
        self._cache: dict[datetime, Mapping[str, Decimal]] = {}

    def reach(self, moment: datetime) -> None:
        """Take newer bars, if those here end before a moment and there are any."""
        if self._newer is not None and self.bars.end < utc(moment):
            self.bars = self._newer()
            self._cache.clear()

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
