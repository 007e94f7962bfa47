"""Real prices that ship inside other packages: found without importing them, read like any file, for trying only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from aura_lib.core import AssetClass, Bars, DataError, InputError, Instrument
from aura_lib.data.files import read

NASDAQ_LISTED = frozenset({"AAPL", "FB", "GOOG", "MSFT"})
STOCKS = ("bokeh_sampledata", "_data/stocks.csv.gz")  # Quandl's WIKI prices, in the public domain
INDICES = {"SP500": ("arch", "data/sp500/sp500.csv.gz"), "NASDAQ": ("arch", "data/nasdaq/nasdaq.csv.gz")}
TICK = Decimal("0.0001")  # what is scaled is no multiple of a cent


class Shipped(ABC):
    """A data set made of what `bars` returns. A class of a kind names itself and its symbols."""

    name: str
    equities: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    adjustment: str = "splits and dividends"

    def symbols(self) -> tuple[str, ...]:
        """The stocks and the indices."""
        return (*self.equities, *self.indices)

    def universe(self) -> tuple[str, ...]:
        """What can be traded; of a source that has nothing but indices, those."""
        return self.equities or self.indices

    @abstractmethod
    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with the close of their session.

        Unknown symbols or another frequency than 1d raise InputError, a changed or missing data set DataError.
        """
        unknown = [s for s in symbols if s not in self.symbols()]
        if unknown or not symbols:
            raise InputError(
                f"{self.name} has no {unknown or 'empty list of symbols'}; it has {', '.join(self.symbols())}"
            )
        if frequency != "1d":
            raise InputError(f"{self.name} has daily bars only: frequency='1d', not {frequency!r}")
        fields = {field: frame[list(symbols)] for field, frame in self.bars().items()}
        instruments = {s: _instrument(s) for s in symbols}
        return Bars(fields, self.name, adjustment=self.adjustment, instruments=instruments)


class Ohlcv(Shipped):
    """AAPL, FB, GOOG, IBM, MSFT from `bokeh_sampledata`; S&P 500 and NASDAQ from `arch.data`; 2000-03-01 to 2013-03-01.

    Adjusted for splits and dividends; `Unadjusted` has the same stocks as they traded.
    """

    name = "sample:ohlcv"
    equities = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    indices = ("SP500", "NASDAQ")

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        adjusted, levels = stocks(adjusted=True), indices(self.indices)
        return {field: frame.join(levels[field]) for field, frame in adjusted.items()}


class Unadjusted(Shipped):
    """The stocks of `Ohlcv` as they traded: a split halves the price. To see what that does."""

    name = "sample:unadjusted"
    equities = Ohlcv.equities
    adjustment = ""

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        return stocks(adjusted=False)


class Indices(Shipped):
    """S&P 500 and NASDAQ Composite from `arch.data`, 1999-01-04 to 2018-12-31."""

    name = "sample:indices"
    indices = ("SP500", "NASDAQ")

    def bars(self) -> Mapping[str, pd.DataFrame]:
        """Field → frame of all symbols."""
        return indices(self.indices)


def stocks(*, adjusted: bool) -> Mapping[str, pd.DataFrame]:
    """AAPL, FB, GOOG, IBM and MSFT, 2000-03-01 to 2013-03-01, as traded or adjusted for splits and dividends."""
    return _read(*STOCKS, adjusted=adjusted).fields


def indices(names: Iterable[str]) -> Mapping[str, pd.DataFrame]:
    """S&P 500 and NASDAQ Composite, 1999-01-04 to 2018-12-31."""
    found = {name: _read(*INDICES[name], symbol=name).fields for name in names}
    return {field: pd.concat([of[field] for of in found.values()], axis=1) for field in next(iter(found.values()))}


def _read(package: str, inside: str, **options: Any) -> Bars:
    spec = find_spec(package)
    file = Path(next(iter(spec.submodule_search_locations or ())), inside) if spec else None
    if file is None or not file.is_file():
        raise DataError(f"these prices come with {package}, which is missing or has changed: pip install {package}")
    return read(file, **options).bars


def _instrument(symbol: str) -> Instrument:
    if symbol in INDICES:
        return Instrument(symbol, AssetClass.INDEX, tick=TICK)
    return Instrument(symbol, venue="XNAS" if symbol in NASDAQ_LISTED else "XNYS", tick=TICK)
