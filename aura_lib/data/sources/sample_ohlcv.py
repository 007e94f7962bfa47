"""The sample with open, high, low and volume: five US stocks and two indices, daily, 2000-03-01 to 2013-03-01.

For trying things only. Adjusted for splits and dividends; `sample_unadjusted` has the same stocks as they traded.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aura_lib.data import shipped


class Source(shipped.Shipped):
    """AAPL, FB, GOOG, IBM, MSFT from `bokeh_sampledata`; S&P 500 and NASDAQ from `arch.data`. Nothing is downloaded."""

    name = "sample_ohlcv"
    equities = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    indices = ("SP500", "NASDAQ")

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        stocks, indices = shipped.stocks(adjusted=True), shipped.indices(self.indices)
        return {field: frame.join(indices[field]) for field, frame in stocks.items()}
