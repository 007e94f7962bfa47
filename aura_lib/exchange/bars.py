"""What the exchange is told of one symbol in one bar."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from aura_lib.core import DataError


class PriceBar(NamedTuple):
    """Prices of one symbol in one bar, Decimal; `volume` in units traded, None where nobody knows.

    A NaN close, or a volume of zero, is a bar in which it did not trade (of what has no volume, such as a currency
    pair, hand over None). NaN in the other prices means that they are not known: the close stands in for them.
    """

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None

    @property
    def typical(self) -> Decimal:
        """(H + L + C) / 3: the usual stand-in for the volume-weighted average price."""
        return (self.high + self.low + self.close) / 3


def checked(symbol: str, told: Decimal | PriceBar | None) -> PriceBar | None:
    """The bar in a form that holds: all four prices there, ordered and positive. None when it did not trade.

    A price that is zero, negative or infinite, or a high below a low, raises DataError.
    """
    if told is None:
        return None
    if isinstance(told, Decimal):
        return _close(symbol, told)
    bar = told
    opened, high, low, close, volume = bar
    if close.is_nan() or (volume is not None and not volume > 0):
        return None
    if opened.is_nan() or high.is_nan() or low.is_nan():
        bar = _filled(bar)
        opened, high, low, close, volume = bar
    if not low > 0 or not high.is_finite():
        wrong = next((p for p in (close, opened, low, high) if not p.is_finite() or p <= 0), close)
        raise DataError(f"{symbol} cannot trade at {wrong}: a price is a positive number")
    if not (low <= opened <= high and low <= close <= high):
        raise DataError(f"{symbol}: open {opened} and close {close} must lie between low {low} and high {high}")
    return bar


def _close(symbol: str, close: Decimal) -> PriceBar | None:
    if close.is_nan():
        return None
    if close <= 0 or not close.is_finite():
        raise DataError(f"{symbol} cannot trade at {close}: a price is a positive number")
    return PriceBar(close, close, close, close)


def _filled(bar: PriceBar) -> PriceBar:
    close = bar.close
    opened = close if bar.open.is_nan() else bar.open
    high = max(opened, close) if bar.high.is_nan() else bar.high
    low = min(opened, close) if bar.low.is_nan() else bar.low
    return PriceBar(opened, high, low, close, bar.volume)
