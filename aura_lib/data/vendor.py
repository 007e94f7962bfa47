"""What a vendor gives: prices as traded and adjusted, splits and dividends, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from aura_lib.core import Bars

__all__ = ["History"]


@dataclass(frozen=True, eq=False)
class History:
    """All that one download holds.

    `adjusted` and `raw` are the same bars, adjusted for splits and dividends and as they traded. `actions` has a row a
    day and symbol: time (close of the first session with it, UTC), symbol, dividend (in the symbol's currency, per
    share of today; 0: none), split (new shares for an old one; 0: none). `remarks` says what was left out.
    """

    adjusted: Bars
    raw: Bars
    actions: pd.DataFrame
    remarks: tuple[str, ...] = ()
