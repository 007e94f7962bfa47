"""Prices for a desk and its simulated venue: one snapshot of bars, seen only up to the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import pandas as pd

from aura_lib import plan
from aura_lib.core import Bars, Market, utc


class Feed:
    """Bars as a sequence of moments with prices."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars
        self._cache: dict[datetime, Mapping[str, Decimal]] = {}

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
