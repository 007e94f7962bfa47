"""What was paid on average: vwap."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd

from aura_lib.core import InputError
from aura_lib.indicators.checks import Prices, alike, whole

__all__ = ["vwap"]


def vwap(
    high: Prices, low: Prices, close: Prices, volume: Prices, window: int | None = None, zone: str = "UTC"
) -> Prices:
    """Volume-weighted average of the typical price (high + low + close) / 3, of the day so far or of a window.

    Args:
        high: time × symbol, or a Series; any unit.
        low: same times and symbols.
        close: same times and symbols.
        volume: same times and symbols, ≥ 0.
        window: bars averaged, at least 1; None: all bars of the day so far.
        zone: IANA time zone in which a day begins (that of the exchange). A bar that closes at midnight belongs to
            the day before.

    Returns:
        Same shape and unit as the prices. NaN where nothing was traded yet. Of the day: NaN where a bar lacks any of
        the four, and it is left out. Of a window: NaN for the first `window − 1` bars and while such a bar is in it.

    Raises:
        InputError: they are no frames of numbers in time order, or not alike; window is no whole number ≥ 1; for a
            day, times have no zone.

    Source: Berkowitz, Logue and Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43(1), 1988.

    Example:
        >>> ten, twenty = pd.Series([10.0, 20.0]), pd.Series([100.0, 300.0])
        >>> vwap(ten, ten, ten, twenty, window=2).tolist()
        [nan, 17.5]
    """
    high, low, close, volume = alike(high=high, low=low, close=close, volume=volume)
    paid = (high + low + close) / 3 * volume
    traded = volume.where(paid.notna())
    if window is not None:
        window = whole("window", window)
        some = (traded > 0).rolling(window).sum() > 0
        return (paid.rolling(window).sum() / traded.rolling(window).sum()).where(some)
    days = _days(paid.index, zone)
    total = paid.fillna(0.0).groupby(days).cumsum() / traded.fillna(0.0).groupby(days).cumsum()
    return total.where(paid.notna())


def _days(index: pd.Index, zone: str) -> pd.DatetimeIndex:
    """The day that each bar belongs to."""
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError("the average of a day needs times with a zone (or give a window of bars)")
    return (index - pd.Timedelta(microseconds=1)).tz_convert(ZoneInfo(zone)).normalize()
