"""Five US stocks as they traded, daily, 2000-03-01 to 2013-03-01: a split halves the price. To see what that does."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aura_lib.data import shipped


class Source(shipped.Shipped):
    """AAPL, FB, GOOG, IBM, MSFT from `bokeh_sampledata`, adjusted for nothing. Nothing is downloaded."""

    name = "sample_unadjusted"
    equities = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    adjustment = ""

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        return shipped.stocks(adjusted=False)
