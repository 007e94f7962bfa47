"""How widely prices move: realised_volatility, atr."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd  # noqa: F401 - the examples use it

from aura_lib.indicators.checks import Prices, alike, numbers, positive, smoothed, whole

__all__ = ["atr", "realised_volatility"]


def realised_volatility(prices: Prices, window: int, periods_per_year: int = 252) -> Prices:
    """Annualised close-to-close volatility: √periods_per_year × standard deviation of the last `window` log returns.

    Args:
        prices: time × symbol, or a Series; positive.
        window: returns used (one more price is needed), at least 2.
        periods_per_year: bars in a year; 252 for daily bars.

    Returns:
        Same shape, annualised decimals (0.20 is 20 %), mean removed, divisor window − 1; NaN for the first `window`
        bars and while a NaN is in the window.

    Raises:
        InputError: prices are no frame of numbers in time order, or window or periods_per_year is out of range.
        DataError: a price is not positive.

    Source: Hull, Options, Futures and Other Derivatives, estimating volatility from historical data.

    Example:
        >>> realised_volatility(pd.Series([35.0, 38, 41, 37, 33, 32]), 5, periods_per_year=12).round(3).iloc[-1].item()
        0.326
    """
    known = positive(numbers(prices))
    window, periods = whole("window", window, least=2), whole("periods_per_year", periods_per_year)
    returns = cast("Prices", np.log(known)).diff()
    return cast("Prices", returns.rolling(window).std(ddof=1) * periods**0.5)


def atr(high: Prices, low: Prices, close: Prices, window: int = 14) -> Prices:
    """Average true range, ATR_t = ((window − 1) ATR_{t−1} + TR_t) / window.

    TR_t = max(high, previous close) − min(low, previous close); the first bar has no previous close, and its range is
    high − low. The first average is the simple one of `window` ranges.

    Args:
        high: time × symbol, or a Series; any unit.
        low: same times and symbols.
        close: same times and symbols.
        window: bars averaged, at least 1.

    Returns:
        Same shape and unit; NaN until a symbol has `window` bars and where any of the three is NaN: such a bar is
        skipped, and the previous close is that of the last whole bar.

    Raises:
        InputError: they are no frames of numbers in time order, or not alike, or window is no whole number ≥ 1.

    Source: Wilder, New Concepts in Technical Trading Systems, 1978, section IV.

    Example:
        >>> high, low, close = pd.Series([11.0, 12, 15]), pd.Series([9.0, 10, 13]), pd.Series([10.0, 11, 14])
        >>> atr(high, low, close, 2).tolist()
        [nan, 2.0, 3.0]
    """
    window = whole("window", window)
    high, low, close = alike(high=high, low=low, close=close)
    known = high.notna() & low.notna() & close.notna()
    previous = close.where(known).ffill().shift(1)
    top, bottom = high.where(~(previous > high), previous), low.where(~(previous < low), previous)
    return smoothed((top - bottom).where(known), window, window - 1)
