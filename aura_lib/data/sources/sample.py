"""The sample: real prices that ship inside skfolio. 20 US large caps and the S&P 500, daily, 1990-01-02 to 2022-12-28.

For trying things only. The names are survivors: they were chosen knowing that they lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import pandas as pd

from aura_lib.core import AssetClass, Bars, Calendar, DataError, InputError, Instrument

EQUITIES = (
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
    *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
)
INDEX = "SP500"
NASDAQ = frozenset({"AAPL", "AMD", "MSFT", "PEP"})  # where they were listed when the sample ends
CALENDAR = "XNYS"
TICK = Decimal("0.0001")  # adjusted prices are no multiples of a cent


class Source:
    """Adjusted daily closes from `skfolio.datasets`. Nothing is downloaded."""

    name = "sample"

    def symbols(self) -> tuple[str, ...]:
        """The 20 names and the index."""
        return (*EQUITIES, INDEX)

    def universe(self) -> tuple[str, ...]:
        """The 20 names."""
        return EQUITIES

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with the close of their session.

        Unknown symbols or another frequency than 1d raise InputError, a changed or missing dataset DataError.
        """
        unknown = [s for s in symbols if s not in self.symbols()]
        if unknown or not symbols:
            raise InputError(f"sample has no {unknown or 'empty list of symbols'}; it has {', '.join(self.symbols())}")
        if frequency != "1d":
            raise InputError(f"sample has daily bars only: frequency='1d', not {frequency!r}")
        prices = _prices()
        lost = [s for s in symbols if s not in prices.columns]
        if lost:
            raise DataError(f"skfolio's dataset no longer has {lost}: install the version named in requirements.lock")
        close = prices[list(symbols)].set_axis(_closes(prices.index), axis=0)
        return Bars({"close": close}, source=self.name, instruments={s: _instrument(s) for s in symbols})


def _loaders() -> tuple[Callable[[], pd.DataFrame], ...]:
    try:
        from skfolio.datasets import load_sp500_dataset, load_sp500_index
    except ImportError as error:
        raise DataError(
            f"the sample prices come with skfolio, which cannot be imported ({error}): pip install skfolio"
        ) from error
    return load_sp500_dataset, load_sp500_index


def _prices() -> pd.DataFrame:
    stocks, index = (load() for load in _loaders())
    return stocks.join(index, how="outer")


def _closes(days: pd.Index) -> pd.DatetimeIndex:
    """The close of each day's session."""
    calendar = Calendar.of(CALENDAR)
    where = calendar.sessions.get_indexer(days)
    if (where < 0).any():
        raise DataError(f"the sample has a price on {days[where < 0][0].date()}, which is no {CALENDAR} session")
    return calendar.closes[where]


def _instrument(symbol: str) -> Instrument:
    if symbol == INDEX:
        return Instrument(symbol, AssetClass.INDEX, venue=CALENDAR, tick=TICK)
    return Instrument(symbol, venue="XNAS" if symbol in NASDAQ else CALENDAR, tick=TICK)
