"""How strongly prices have moved: momentum, rsi."""

from __future__ import annotations

import pandas as pd  # noqa: F401 - the examples use it

from aura_lib.indicators.checks import Prices, numbers, positive, smoothed, whole

__all__ = ["momentum", "rsi"]


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
    known = positive(numbers(prices))
    lookback, skip = whole("lookback", lookback), whole("skip", skip, least=0)
    return known.shift(skip) / known.shift(skip + lookback) - 1.0


def rsi(prices: Prices, window: int = 14) -> Prices:
    """Relative strength index, RSI_t = 100 U_t / (U_t + D_t), of Wilder's averages of rises U and falls D.

    A change is measured from the last known price. The first average is the simple one of `window` changes, then
    U_t = ((window − 1) U_{t−1} + rise_t) / window, and D alike.

    Args:
        prices: time × symbol, or a Series; any unit.
        window: changes averaged (one more price is needed), at least 1.

    Returns:
        Same shape, 0 to 100; 50 where the price never moved. NaN until a symbol has `window + 1` prices and where its
        price is NaN: a gap is skipped.

    Raises:
        InputError: prices are no frame of numbers in time order, or window is no whole number ≥ 1.

    Source: Wilder, New Concepts in Technical Trading Systems, 1978, section VI.

    Example:
        >>> rsi(pd.Series([10.0, 11.0, 10.5, 11.5]), 2).round(2).tolist()
        [nan, nan, 66.67, 85.71]
    """
    known, window = numbers(prices), whole("window", window)
    change = known.ffill().diff().where(known.notna())
    up = smoothed(change.clip(lower=0.0), window, window - 1)
    down = smoothed((-change).clip(lower=0.0), window, window - 1)
    both = up + down
    return (100.0 * up / both).mask(both == 0.0, 50.0)
