"""The sample: real prices that ship inside other packages, for trying things only. Nothing is downloaded.

    sample              20 US large caps and the S&P 500, adjusted closes, 1990-01-02 to 2022-12-28 (skfolio)
    sample:ohlcv        five US stocks and two indices with open, high, low and volume, 2000-03-01 to 2013-03-01
    sample:unadjusted   the same stocks as they traded
    sample:indices      the two indices, 1999-01-04 to 2018-12-31

The names are survivors: they were chosen knowing that they lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import pandas as pd

from aura_lib.core import AssetClass, Bars, Calendar, DataError, InputError, Instrument
from aura_lib.data import shipped
from aura_lib.data.listed import LISTED

EQUITIES = (
    *("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO"),
    *("LLY", "MRK", "MSFT", "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM"),
)
INDEX = "SP500"
NASDAQ = frozenset({"AAPL", "AMD", "MSFT", "PEP"})  # where they were listed when the sample ends
CALENDAR = "XNYS"
TICK = Decimal("0.0001")  # adjusted prices are no multiples of a cent


class Closes:
    """Adjusted daily closes from `skfolio.datasets`."""

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


PARTS: Mapping[str, Callable[[], shipped.Shipped]] = {
    "ohlcv": shipped.Ohlcv,
    "unadjusted": shipped.Unadjusted,
    "indices": shipped.Indices,
}


class Source:
    """One of the data sets, by what follows `sample:`; the closes when nothing does."""

    def __init__(self, options: str = "") -> None:
        if options and options not in PARTS:
            known = ", ".join(f"sample:{part}" for part in PARTS)
            raise InputError(f"the sample has no {options!r}; there are sample, {known}")
        self._set = PARTS[options]() if options else Closes()
        self.name = self._set.name

    def symbols(self) -> tuple[str, ...]:
        """The stocks and the indices."""
        return self._set.symbols()

    def universe(self) -> tuple[str, ...]:
        """What can be traded; of a set that has nothing but indices, those."""
        return self._set.universe()

    def listings(self) -> pd.DataFrame:
        """Names and sectors as of the end of each data set; an index has no exchange."""
        venue = shipped.NASDAQ_LISTED if self._set.name != Closes.name else NASDAQ
        rows = []
        for symbol in self.symbols():
            name, sector = LISTED[symbol]
            exchange = "XNAS" if symbol in venue else CALENDAR
            rows.append((symbol, name, exchange, sector, "equity") if sector else (symbol, name, "", "", "index"))
        return pd.DataFrame(rows, columns=["symbol", "name", "exchange", "sector", "asset_class"]).assign(
            currency="USD"
        )

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with the close of their session.

        Unknown symbols or another frequency than 1d raise InputError, a changed or missing data set DataError.
        """
        return self._set.fetch(symbols, frequency)


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
