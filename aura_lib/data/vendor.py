"""What a vendor gives: prices as they traded, splits and dividends, and what had to be left out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from aura_lib.core import Bars
from aura_lib.data import adjust
from aura_lib.data.quality import Quarantine

__all__ = ["History"]


@dataclass(frozen=True, eq=False)
class History:
    """All that one download holds.

    `raw` are the bars as they traded (`adjustment` is ""). `actions` has a row a day and symbol: time (close of the
    first session with it, UTC), symbol, dividend (per share, as paid on that day, in the symbol's currency, not
    corrected for later splits; 0: none), split (new shares for an old one; 0: none). `remarks` says what was left out,
    `aside` are the rows among it that had values.
    """

    raw: Bars
    actions: pd.DataFrame
    remarks: tuple[str, ...] = ()
    aside: Quarantine = field(default_factory=Quarantine)

    @cached_property
    def adjusted(self) -> Bars:
        """The same bars, adjusted for splits and dividends."""
        return adjust.adjusted(self.raw, self.actions)

    def given(self, adjusted: bool) -> Bars:
        """The bars, adjusted or as they traded; what was left out is a warning of who asked the source for them."""
        if self.remarks:
            warnings.warn("\n  ".join([f"{self.raw.source}:", *self.remarks]), stacklevel=3)
        return self.adjusted if adjusted else self.raw
