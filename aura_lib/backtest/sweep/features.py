"""Features of the shipped rules: one number a bar from whole price columns, shared by all combinations that ask for it.

A feature takes price columns by name (`close`, `high` …) and numbers after them, and returns a column of the same
length; NaN is "not known yet", and so is every window that touches a bar without a price. Each value uses the bars up
to its own and no later one. A feature that is cheaper for many numbers at once carries a `table(close, numbers, out)`
which fills a row for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aura_lib.core import InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Column = NDArray[np.float64]


def sma(close: Column, window: float) -> Column:
    """Simple moving average of the last `window` closes."""
    made = np.empty((1, len(close)))
    _sma_table(close, [(window,)], made)
    return np.asarray(made[0])


def _sma_table(close: Column, windows: list[tuple[float, ...]], out: Column) -> None:
    """`sma` for many windows, a row each, from one running sum."""
    _means(close, [bars(window) for (window,) in windows], out)


sma.table = _sma_table  # type: ignore[attr-defined]


def ema(close: Column, window: float) -> Column:
    """Exponential moving average, smoothing 2 / (window + 1), begun with the first close."""
    return np.asarray(_series(close).ewm(span=bars(window), adjust=False, ignore_na=True).mean(), dtype=np.float64)


def change(close: Column, window: float) -> Column:
    """Simple return over the last `window` bars."""
    lag = bars(window)
    made = np.full(len(close), np.nan)
    made[lag:] = close[lag:] / close[:-lag] - 1
    return made


def deviation(close: Column, window: float) -> Column:
    """Standard deviation (n) of the last `window` closes."""
    return np.asarray(_series(close).rolling(bars(window, 2)).std(ddof=0), dtype=np.float64)


def volatility(close: Column, window: float) -> Column:
    """Standard deviation (n − 1) of the last `window` simple returns, per bar."""
    return np.asarray(_series(change(close, 1)).rolling(bars(window, 2)).std(ddof=1), dtype=np.float64)


def rsi(close: Column, window: float) -> Column:
    """Relative strength index, 0 to 100 (Wilder 1978): seeded with the mean of the first `window` changes."""
    n = bars(window, 2)
    steps = np.diff(close, prepend=np.nan)
    up, down = (_wilder(np.where(np.isnan(steps), np.nan, np.maximum(sign * steps, 0)), n) for sign in (1.0, -1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(100 * up / (up + down), dtype=np.float64)


def highest(high: Column, window: float) -> Column:
    """Highest high of the `window` bars before this one."""
    return np.asarray(_series(high).rolling(bars(window)).max().shift(1), dtype=np.float64)


def lowest(low: Column, window: float) -> Column:
    """Lowest low of the `window` bars before this one."""
    return np.asarray(_series(low).rolling(bars(window)).min().shift(1), dtype=np.float64)


def bars(window: float, least: int = 1) -> int:
    """A window as a number of bars; anything but a whole number from `least` raises InputError."""
    if window != int(window) or window < least:
        raise InputError(f"window={window} must be a whole number of bars from {least}")
    return int(window)


def _means(values: Column, windows: list[int], out: Column) -> None:
    """Means of the last `window` values. Summed from the first value on, so that a flat price gives equal means."""
    known = np.isfinite(values)
    whole = bool(known.all())
    base = values[np.argmax(known)] if known.any() else 0.0
    total = np.concatenate(([0.0], np.cumsum(values - base if whole else np.where(known, values - base, 0.0))))
    holes = np.concatenate(([0], np.cumsum(~known)))
    for row, window in zip(out, windows, strict=True):
        row[: window - 1] = np.nan
        there = row[window - 1 :]
        if not len(there):
            continue
        np.subtract(total[window:], total[:-window], out=there)
        there += base * window
        there /= window
        if not whole:
            there[holes[window:] > holes[:-window]] = np.nan


def _wilder(values: Column, window: int) -> Column:
    known = np.isfinite(values)
    first = int(np.argmax(known))
    if not known.any() or first + window > len(values):
        return np.full(len(values), np.nan)
    begin = first + window - 1
    seeded = np.where(np.arange(len(values)) < begin, np.nan, values)
    seeded[begin] = values[first : first + window].mean()
    return np.asarray(_series(seeded).ewm(alpha=1 / window, adjust=False, ignore_na=True).mean(), dtype=np.float64)


def _series(values: Column) -> pd.Series:
    import pandas as pd

    return pd.Series(values)
