"""Averages of prices, and what is made of them: sma, ema, macd, bollinger."""

from __future__ import annotations

from typing import Generic, NamedTuple

import pandas as pd  # noqa: F401 - the examples use it

from aura_lib.core import InputError
from aura_lib.indicators.checks import Prices, numbers, smoothed, whole

__all__ = ["Bands", "Macd", "bollinger", "ema", "macd", "sma"]


class Macd(NamedTuple, Generic[Prices]):
    """The MACD line, its signal line, and the difference of the two."""

    line: Prices
    signal: Prices
    histogram: Prices


class Bands(NamedTuple, Generic[Prices]):
    """An average, and the lines below and above it."""

    lower: Prices
    middle: Prices
    upper: Prices


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
    return numbers(prices).rolling(whole("window", window)).mean()


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
    span = whole("span", span)
    return smoothed(numbers(prices), span, (span - 1) / 2)


def macd(prices: Prices, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd[Prices]:
    """Moving average convergence and divergence: line = EMA(fast) − EMA(slow), signal = EMA(line, signal).

    Args:
        prices: time × symbol, or a Series; any unit.
        fast: bars of the fast average, at least 1.
        slow: bars of the slow average, more than `fast`.
        signal: bars of the average of the line, at least 1.

    Returns:
        `line`, `signal` and `histogram` = line − signal, each of the same shape and unit. NaN where the price is NaN,
        and for the first `slow − 1` prices (line) or `slow + signal − 2` (the others); gaps are skipped as in `ema`.

    Raises:
        InputError: prices are no frame of numbers in time order, or a number of bars is out of range.

    Source: Appel, Technical Analysis: Power Tools for Active Investors, 2005; averages seeded as in `ema`.

    Example:
        >>> found = macd(pd.Series([1.0, 2.0, 4.0, 8.0, 16.0]), fast=1, slow=2, signal=2)
        >>> found.line.round(3).tolist()
        [nan, 0.5, 0.833, 1.611, 3.204]
    """
    if whole("fast", fast) >= whole("slow", slow):
        raise InputError(f"fast={fast} must be less than slow={slow}")
    line = ema(prices, fast) - ema(prices, slow)
    average = ema(line, whole("signal", signal))
    return Macd(line, average, line - average)


def bollinger(prices: Prices, window: int = 20, width: float = 2.0) -> Bands[Prices]:
    """Bollinger bands: middle = SMA(window), the others `width` standard deviations of the same prices away.

    Args:
        prices: time × symbol, or a Series; any unit.
        window: bars, at least 2.
        width: standard deviations (divisor `window`), positive.

    Returns:
        `lower`, `middle` and `upper`, each of the same shape and unit; NaN for the first `window − 1` bars and while
        a NaN is in the window.

    Raises:
        InputError: prices are no frame of numbers in time order, window is no whole number ≥ 2, or width not positive.

    Source: Bollinger, Bollinger on Bollinger Bands, 2001.

    Example:
        >>> [round(band.iloc[-1].item(), 3) for band in bollinger(pd.Series([1.0, 2.0, 3.0]), 3)]
        [0.367, 2.0, 3.633]
    """
    window = whole("window", window, least=2)
    if not 0 < width < float("inf"):
        raise InputError(f"width={width!r}: a positive number of standard deviations")
    middle = sma(prices, window)
    away = numbers(prices).rolling(window).std(ddof=0) * width
    return Bands(middle - away, middle, middle + away)
