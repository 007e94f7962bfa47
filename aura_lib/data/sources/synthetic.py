"""A market that never was: correlated prices with regimes, fat tails and minutes, from a seed. For trying and testing.

Named `synthetic`, or with options: `synthetic:seed=7,symbols=50,years=20` (`data.synthesis.Options` has them all).
An Indian one is `synthetic:calendar=XBOM,currency=INR`, one of coins `synthetic:calendar=24-7,kind=crypto`.
The same name gives the same bars, and so the same snapshot; every figure shows it as the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pandas as pd

from aura_lib.core import AssetClass, Bars, InputError, Instrument
from aura_lib.data import quality, synthesis
from aura_lib.data.synthesis.panel import name_of

TICK, CRUMB = Decimal("0.01"), Decimal("1E-8")  # of a price; of a coin


class Source:
    """Synthetic bars of 1m, 5m, 15m, 1h and 1d. Nothing is downloaded."""

    frequencies = ("1m", "5m", "15m", "1h", "1d")

    def __init__(self, options: str | synthesis.Options = "") -> None:
        self.options = synthesis.Options.parse(options) if isinstance(options, str) else options
        self.name = str(self.options)

    def symbols(self) -> tuple[str, ...]:
        """SYN0001, SYN0002 …"""
        return tuple(name_of(number) for number in range(self.options.symbols))

    def universe(self) -> tuple[str, ...]:
        """All symbols."""
        return self.symbols()

    def listings(self) -> pd.DataFrame:
        """What is made up of each symbol: a name that says so, its sector, the calendar it follows."""
        numbers = range(self.options.symbols)
        table = {
            "symbol": self.symbols(),
            "name": [f"Synthetic {number + 1:04d}" for number in numbers],
            "sector": [f"Sector {number % self.options.sectors + 1}" for number in numbers],
        }
        same = {"exchange": self.options.calendar, "asset_class": self.options.kind, "currency": self.options.currency}
        return pd.DataFrame(table).assign(**same)

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with their close.

        Unknown symbols or frequencies raise InputError; bad rows that were asked for raise DataError that names them
        (`data.synthesis.frames` gives them as they are).
        """
        places = {symbol: number for number, symbol in enumerate(self.symbols())}
        unknown = [s for s in symbols if s not in places]
        if unknown or not symbols:
            raise InputError(
                f"{self.name} has no {unknown or 'empty list of symbols'}; it has SYN0001 to {name_of(len(places) - 1)}"
            )
        calendar = self.options.calendar
        fields = synthesis.frames(self.options, [places[s] for s in symbols], frequency)
        if self.options.bad:
            report = quality.examine(fields, source=self.name, frequency=frequency, calendar=calendar)
            report.raise_if_bad("They were asked for by `bad`: leave it out for bars that are fit for use")
        kind, currency = AssetClass(self.options.kind), self.options.currency
        lot = CRUMB if kind is AssetClass.CRYPTO else Decimal(1)
        known = {s: Instrument(s, kind, currency, calendar, lot=lot, tick=TICK) for s in symbols}
        adjusted = self.options.adjustment
        return Bars(fields, self.name, frequency, calendar=calendar, adjustment=adjusted, instruments=known)
