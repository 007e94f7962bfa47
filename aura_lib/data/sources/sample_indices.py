"""S&P 500 and NASDAQ Composite with open, high, low and volume, daily, 1999-01-04 to 2018-12-31. For trying only."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aura_lib.data import shipped


class Source(shipped.Shipped):
    """The two indices from `arch.data`. Nothing is downloaded."""

    name = "sample_indices"
    indices = ("SP500", "NASDAQ")

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        return shipped.indices(self.indices)
