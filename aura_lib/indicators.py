"""functions on Bars

Prices in (time × symbol, or one Series), the same shape out, float64. Every value is made of the bars up to its own
row and of nothing later. NaN means "not known yet" (the warm-up) or that the bar, or a bar the value needs, is NaN.
"""

from __future__ import annotations

import operator
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from aura_lib.core import DataError, InputError

Prices = TypeVar("Prices", pd.Series, pd.DataFrame)

__all__ = ["ema", "momentum", "realised_volatility", "sma"]


def sma(prices: Prices, window: int) -> Prices:
    """Simple moving average, SMA_t = (P_t + … + P_{t−window+1}) / window.

    Args:
        prices: time × symbol, or a Series; any unit.
        window: bars averaged, at least 1.

    Returns:
        Same shape and unit; NaN for the first `window − 1` bars and while a NaN is in the window.

    Raises:
        InputError: prices are no frame of numbers in time order, or window is no whole number ≥ 1.

    Source: Murphy, Technical Analysis of the Financial Markets, 1999, chapter 9.

    Example:
        >>> sma(pd.Series([1.0, 2.0, 3.0, 4.0]), 2).tolist()
        [nan, 1.5, 2.5, 3.5]
    """
    return _numbers(prices).rolling(_whole("window", window)).mean()


def ema(prices: Prices, span: int) -> Prices:
    """Exponential moving average, EMA_t = α P_t + (1 − α) EMA_{t−1} with α = 2 / (span + 1).

    The first value is the simple average of the first `span` prices, as in TA-Lib and on charts. (pandas'
    `ewm(adjust=False)` starts from the first price instead; the two meet as t grows.)

    Args:
        prices: time × symbol, or a Series; any unit.
        span: bars, at least 1.

    Returns:
        Same shape and unit; NaN until a symbol has `span` prices and where its price is NaN: a gap is skipped, and
        the average goes on from its last value.

    Raises:
        InputError: prices are no frame of numbers in time order, or span is no whole number ≥ 1.

    Source: Murphy, Technical Analysis of the Financial Markets, 1999, chapter 9; seed as in TA-Lib's EMA.

    Example:
        >>> ema(pd.Series([12.1, 12.2, 12.6, 12.8, 11.9, 11.6, 11.2]), 3).round(5).tolist()
        [nan, nan, 12.3, 12.55, 12.225, 11.9125, 11.55625]
    """
    numbers, span = _numbers(prices), _whole("span", span)
    known = numbers.notna()
    count = known.cumsum()
    seed = numbers.expanding(min_periods=span).mean().where(count == span)
    seeded = numbers.where(count > span, seed).where(known)
    return seeded.ewm(span=span, adjust=False, ignore_na=True).mean().where(known)


def momentum(prices: Prices, lookback: int, skip: int = 0) -> Prices:
    """Price momentum, the simple return over `lookback` bars that ended `skip` bars ago.

    MOM_t = P_{t−skip} / P_{t−skip−lookback} − 1. The "12−1" momentum of daily bars is `lookback=231, skip=21`.

    Args:
        prices: time × symbol, or a Series; positive.
        lookback: bars the return is measured over, at least 1.
        skip: newest bars left out against short-term reversal, at least 0.

    Returns:
        Same shape, a fraction (0.10 is 10 %, not annualised); NaN for the first `lookback + skip` bars and where one
        of the two prices is NaN.

    Raises:
        InputError: prices are no frame of numbers in time order, or lookback or skip is out of range.
        DataError: a price is not positive.

    Source: Jegadeesh and Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48(1), 1993.

    Example:
        >>> momentum(pd.Series([100.0, 110.0, 121.0]), 2).round(4).tolist()
        [nan, nan, 0.21]
    """
    numbers = _positive(_numbers(prices))
    lookback, skip = _whole("lookback", lookback), _whole("skip", skip, least=0)
    return numbers.shift(skip) / numbers.shift(skip + lookback) - 1.0


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
    numbers = _positive(_numbers(prices))
    window, periods = _whole("window", window, least=2), _whole("periods_per_year", periods_per_year)
    returns = cast("Prices", np.log(numbers)).diff()
    return cast("Prices", returns.rolling(window).std(ddof=1) * periods**0.5)


def _whole(name: str, value: Any, least: int = 1) -> int:
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number of bars, not {value!r} ({type(value).__name__})") from None
    if number < least:
        raise InputError(f"{name} must be at least {least}, not {number}")
    return number


def _numbers(prices: Prices) -> Prices:
    if not isinstance(prices, pd.Series | pd.DataFrame):
        raise InputError(
            f"prices must be a DataFrame (time × symbol) or a Series, such as bars.close, not {type(prices).__name__}"
        )
    if not prices.index.is_monotonic_increasing:
        raise InputError("prices must be in time order: call .sort_index() first")
    try:
        return prices.astype("float64")
    except (TypeError, ValueError) as error:
        raise InputError(f"prices hold something that is no number: {error}") from None


def _positive(prices: Prices) -> Prices:
    values = prices.to_numpy().reshape(len(prices), -1)
    bad = ((values <= 0) | np.isinf(values)).any(axis=1)
    if bad.any():
        raise DataError(
            f"prices must be positive and finite; at {prices.index[bad][0]} they are not ({int(bad.sum())} such row(s))"
        )
    return prices
