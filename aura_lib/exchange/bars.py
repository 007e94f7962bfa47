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

    @staticmethod
    def of(close: Decimal) -> PriceBar:
        """The bar of which only the close is known."""
        return PriceBar(close, close, close, close)


def checked(symbol: str, told: Decimal | PriceBar | None) -> PriceBar | None:
    """The bar in a form that holds: all four prices there, ordered and positive. None when it did not trade.

    A price that is zero, negative or infinite, or a high below a low, raises DataError.
    """
    if told is None:
        return None
    bar = PriceBar.of(told) if isinstance(told, Decimal) else told
    if bar.close.is_nan() or (bar.volume is not None and not bar.volume > 0):
        return None
    if bar.open is not bar.close:
        bar = _filled(bar)
    low, high = bar.low, bar.high
    if not low > 0 or not high.is_finite():
        wrong = next(p for p in (bar.close, bar.open, low, high) if not p.is_finite() or p <= 0)
        raise DataError(f"{symbol} cannot trade at {wrong}: a price is a positive number")
    if not (low <= bar.open <= high and low <= bar.close <= high):
        raise DataError(f"{symbol}: open {bar.open} and close {bar.close} must lie between low {low} and high {high}")
    return bar


def _filled(bar: PriceBar) -> PriceBar:
    close = bar.close
    first = close if bar.open.is_nan() else bar.open
    high = max(first, close) if bar.high.is_nan() else bar.high
    low = min(first, close) if bar.low.is_nan() else bar.low
    return PriceBar(first, high, low, close, bar.volume)
