"""What an indicator takes: a frame or Series of numbers in time order, and whole numbers of bars."""

from __future__ import annotations

import operator
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from aura_lib.core import DataError, InputError

__all__ = ["Prices", "alike", "numbers", "part_of", "positive", "smoothed", "whole"]

Prices = TypeVar("Prices", pd.Series, pd.DataFrame)


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`; InputError when it is none."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number of bars, not {value!r} ({type(value).__name__})") from None
    if number < least:
        raise InputError(f"{name} must be at least {least}, not {number}")
    return number


def numbers(prices: Prices) -> Prices:
    """The prices as float64; InputError when they are no frame of numbers in time order."""
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


def positive(prices: Prices) -> Prices:
    """The prices; DataError that names the first which is not positive and finite."""
    values = prices.to_numpy().reshape(len(prices), -1)
    bad = ((values <= 0) | np.isinf(values)).any(axis=1)
    if bad.any():
        raise DataError(
            f"prices must be positive and finite; at {prices.index[bad][0]} they are not ({int(bad.sum())} such row(s))"
        )
    return prices


def alike(**frames: Prices) -> list[Prices]:
    """The frames as float64; InputError when they have not the same times and symbols."""
    checked = [numbers(frame) for frame in frames.values()]
    first = checked[0]
    for name, frame in zip(frames, checked, strict=True):
        same = isinstance(frame, type(first)) and frame.index.equals(first.index)
        if not same or (isinstance(frame, pd.DataFrame) and not frame.columns.equals(first.axes[1])):
            raise InputError(f"{name} must have the same times and symbols as {next(iter(frames))}")
    return checked


def part_of(part: str, parts: tuple[str, ...]) -> str:
    """A word out of some; InputError when it is another."""
    if part not in parts:
        raise InputError(f"part={part!r}: there is {', '.join(parts)}")
    return part


def smoothed(values: Prices, window: int, com: float) -> Prices:
    """Exponential average that starts with the simple average of the first `window` values, and skips gaps.

    α = 1 / (1 + com): com = (window − 1) / 2 is the usual exponential average, com = window − 1 is Wilder's.
    """
    known = values.notna()
    count = known.cumsum()
    seed = values.expanding(min_periods=window).mean().where(count == window)
    seeded = values.where(count > window, seed).where(known)
    return seeded.ewm(com=com, adjust=False, ignore_na=True).mean().where(known)
