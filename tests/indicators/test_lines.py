"""Indicators that give several lines, or are made of more than closes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Bars, InputError
from aura_lib.indicators import atr, bollinger, macd, rsi, vwap
from tests.oracle import plain_indicators as plain

price = st.one_of(st.floats(1.0, 1e4), st.just(math.nan))
rows = st.lists(st.tuples(price, st.floats(0, 0.2), st.floats(0, 0.2), st.integers(0, 1000)), min_size=1, max_size=40)


def panel(bars: list[tuple[float, float, float, int]]) -> dict[str, pd.Series]:
    close = pd.Series([b[0] for b in bars])
    up, down = (pd.Series([b[n] for b in bars]) for n in (1, 2))
    volume = pd.Series([float(b[3]) for b in bars])
    return {"high": close * (1 + up), "low": close * (1 - down), "close": close, "volume": volume}


def same(ours: object, theirs: object, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-9, atol=atol)


@given(bars=rows, spans=st.tuples(st.integers(1, 4), st.integers(5, 8), st.integers(1, 4)))
def test_the_lines_of_macd_agree_with_a_plain_recomputation(
    bars: list[tuple[float, float, float, int]], spans: tuple[int, int, int]
) -> None:
    close = panel(bars)["close"]
    for ours, theirs in zip(macd(close, *spans), plain.macd(close.tolist(), *spans), strict=True):
        same(ours, theirs)


@given(bars=rows, window=st.integers(2, 8), width=st.floats(0.5, 4))
def test_bollinger_bands_agree_with_a_plain_recomputation(
    bars: list[tuple[float, float, float, int]], window: int, width: float
) -> None:
    close = panel(bars)["close"]
    found, expected = bollinger(close, window, width), plain.bollinger(close.tolist(), window, width)
    for ours, theirs in zip(found, expected, strict=True):
        same(ours, theirs, atol=1e-3)  # the rounding of a deviation near zero, of prices up to 10,000


@given(bars=rows, window=st.integers(1, 8))
def test_the_average_true_range_agrees_with_a_plain_recomputation(
    bars: list[tuple[float, float, float, int]], window: int
) -> None:
    given = panel(bars)
    ours = atr(given["high"], given["low"], given["close"], window)
    same(ours, plain.atr(given["high"].tolist(), given["low"].tolist(), given["close"].tolist(), window))


@given(bars=rows, window=st.one_of(st.none(), st.integers(1, 8)), first=st.integers(0, 23))
def test_the_volume_weighted_average_agrees_with_a_plain_recomputation(
    bars: list[tuple[float, float, float, int]], window: int | None, first: int
) -> None:
    index = pd.date_range(f"2024-03-08T{first:02}:00", periods=len(bars), freq="1h", tz="UTC")
    given = {name: series.set_axis(index) for name, series in panel(bars).items()}
    days = [(t - pd.Timedelta(seconds=1)).tz_convert("Asia/Kolkata").date() for t in index]
    lists = [given[name].tolist() for name in ("high", "low", "close", "volume")]
    ours = vwap(*given.values(), window=window, zone="Asia/Kolkata")
    same(ours, plain.vwap(*lists, window, days))


def test_they_agree_with_vectorbt_on_real_prices(sample_bars: Bars) -> None:
    import vectorbt as vbt

    from aura_lib import data

    bars = data.load(["AAPL", "MSFT"], source="sample:ohlcv").until(sample_bars.end)
    close = bars.close
    bands, theirs = bollinger(close, 20, 2.0), vbt.BBANDS.run(close, window=20, alpha=2)
    for ours, name in zip(bands, ("lower", "middle", "upper"), strict=True):
        same(ours, getattr(theirs, name))
    # It starts its exponential averages from the first value, we from a simple average: long after, they are the same.
    lines = vbt.MACD.run(close, fast_window=12, slow_window=26, signal_window=9, macd_ewm=True, signal_ewm=True)
    same(macd(close).line.iloc[600:], lines.macd.iloc[600:])
    same(macd(close).signal.iloc[600:], lines.signal.iloc[600:])
    # A span of 2n − 1 is Wilder's average of n.
    same(rsi(close, 14).iloc[600:], vbt.RSI.run(close, window=27, ewm=True).rsi.iloc[600:])
    ranges = vbt.ATR.run(bars.high, bars.low, close, window=27, ewm=True)
    same(atr(bars.high, bars.low, close, 14).iloc[600:], ranges.atr.iloc[600:])


def test_the_index_of_a_price_that_only_rises_falls_or_stays() -> None:
    assert rsi(pd.Series([1.0, 2, 3, 4]), 2).iloc[-1] == 100
    assert rsi(pd.Series([4.0, 3, 2, 1]), 2).iloc[-1] == 0
    assert rsi(pd.Series([2.0, 2, 2, 2]), 2).iloc[-1] == 50


def test_a_day_begins_where_the_exchange_is_and_midnight_belongs_to_the_day_before() -> None:
    index = pd.DatetimeIndex(["2024-03-11 23:00", "2024-03-12 00:00", "2024-03-12 01:00"], tz="UTC")
    prices, volume = pd.Series([10.0, 20, 30], index=index), pd.Series([1.0, 1, 1], index=index)
    assert vwap(prices, prices, prices, volume).tolist() == [10, 15, 30]
    assert vwap(prices, prices, prices, volume, zone="America/New_York").tolist() == [10, 15, 20]


def test_what_is_not_alike_is_refused() -> None:
    one, two = pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=[5, 6])
    with pytest.raises(InputError, match="low must have the same times and symbols as high"):
        atr(one, two, one)
    with pytest.raises(InputError, match="same times and symbols"):
        atr(one.to_frame("a"), one.to_frame("b"), one.to_frame("a"))
    with pytest.raises(InputError, match="times with a zone"):
        vwap(one, one, one, one)


def test_numbers_out_of_range_are_named() -> None:
    one = pd.Series([1.0, 2.0])
    with pytest.raises(InputError, match="fast=26 must be less than slow=12"):
        macd(one, 26, 12)
    with pytest.raises(InputError, match="width=0"):
        bollinger(one, 20, 0)
    with pytest.raises(InputError, match="window must be at least 2"):
        bollinger(one, 1)
