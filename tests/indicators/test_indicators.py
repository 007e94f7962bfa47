from __future__ import annotations

import doctest
import importlib
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib import indicators
from aura_lib.core import Bars, DataError, InputError
from aura_lib.indicators import ema, momentum, realised_volatility, sma
from tests.oracle import plain_indicators as plain

CASES = [
    ("sma", (1,)),
    ("sma", (20,)),
    ("ema", (1,)),
    ("ema", (20,)),
    ("momentum", (126,)),
    ("momentum", (231, 21)),
    ("realised_volatility", (2,)),
    ("realised_volatility", (21, 252)),
    ("rsi", (1,)),
    ("rsi", (14,)),
]
SIMPLEST = {"sma": (2,), "ema": (2,), "momentum": (2,), "realised_volatility": (2,), "rsi": (2,)}  # of closes, one line
prices_with_gaps = st.lists(st.one_of(st.floats(0.01, 1e5), st.just(math.nan)), min_size=1, max_size=40)


def close_enough(ours: object, theirs: list[float]) -> None:
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize(("name", "args"), CASES)
def test_every_indicator_agrees_with_a_plain_recomputation_on_real_prices(
    sample_bars: Bars, name: str, args: tuple[int, ...]
) -> None:
    close = sample_bars.close[["AAPL", "RRC"]].iloc[:1000]
    ours = getattr(indicators, name)(close, *args)
    for symbol in close:
        np.testing.assert_allclose(
            ours[symbol], getattr(plain, name)(close[symbol].tolist(), *args), rtol=1e-9, atol=1e-12
        )


@given(prices=prices_with_gaps, window=st.integers(1, 8))
def test_the_average_of_any_prices_agrees_with_a_plain_recomputation(prices: list[float], window: int) -> None:
    close_enough(sma(pd.Series(prices), window), plain.sma(prices, window))


@given(prices=prices_with_gaps, span=st.integers(1, 8))
def test_the_exponential_average_steps_over_gaps_as_a_plain_recomputation_does(prices: list[float], span: int) -> None:
    close_enough(ema(pd.Series(prices), span), plain.ema(prices, span))


@given(prices=prices_with_gaps, lookback=st.integers(1, 8), skip=st.integers(0, 4))
def test_the_momentum_of_any_prices_agrees_with_a_plain_recomputation(
    prices: list[float], lookback: int, skip: int
) -> None:
    close_enough(momentum(pd.Series(prices), lookback, skip), plain.momentum(prices, lookback, skip))


@given(prices=prices_with_gaps, window=st.integers(2, 8))
def test_the_volatility_of_any_prices_agrees_with_a_plain_recomputation(prices: list[float], window: int) -> None:
    np.testing.assert_allclose(
        realised_volatility(pd.Series(prices), window), plain.realised_volatility(prices, window), rtol=1e-6, atol=1e-4
    )


def test_the_exponential_average_of_a_published_example() -> None:
    # DolphinDB reference manual, function `ema` (windowing as in TA-Lib): columns of its matrix example
    prices = pd.DataFrame({"a": [12.1, 12.2, 12.6, 12.8, 11.9, 11.6, 11.2], "b": [14.0, 15, 18, 19, 21, 12, 10]})
    found = ema(prices, 3)
    np.testing.assert_allclose(found["a"].iloc[2:], [12.30, 12.55, 12.225, 11.9125, 11.55625], rtol=1e-12)
    np.testing.assert_allclose(found["b"].iloc[2:], [15.666667, 17.333333, 19.166667, 15.583333, 12.791667], atol=1e-6)
    assert found.iloc[:2].isna().all(axis=None)


def test_the_volatility_of_a_published_example() -> None:
    # FRM practice question (PZ Academy 50785): monthly prices, standard deviation 0.0942, 32.6 % a year
    prices = pd.Series([35.0, 38, 41, 37, 33, 32])
    assert realised_volatility(prices, 5, periods_per_year=12).iloc[-1] == pytest.approx(0.326, abs=5e-4)
    assert realised_volatility(prices, 5, periods_per_year=1).iloc[-1] == pytest.approx(0.0942, abs=5e-5)


@pytest.mark.parametrize("name", SIMPLEST)
def test_shape_index_and_names_stay_and_the_input_is_left_alone(sample_bars: Bars, name: str) -> None:
    close = sample_bars.close.iloc[:50, :3]
    before = close.copy()
    function = getattr(indicators, name)
    frame = function(close, *SIMPLEST[name])
    series = function(close["AAPL"], *SIMPLEST[name])
    assert frame.index.equals(close.index)
    assert list(frame.columns) == list(close.columns)
    assert (frame.dtypes == "float64").all()
    assert (series.name, series.index.equals(close.index)) == ("AAPL", True)
    pd.testing.assert_series_equal(series, frame["AAPL"])
    pd.testing.assert_frame_equal(close, before)


@pytest.mark.parametrize("name", SIMPLEST)
def test_whole_numbers_are_prices_too(name: str) -> None:
    whole = pd.Series([1, 2, 3, 4, 5])
    pd.testing.assert_series_equal(
        getattr(indicators, name)(whole, *SIMPLEST[name]), getattr(indicators, name)(whole * 1.0, *SIMPLEST[name])
    )


@pytest.mark.parametrize(
    ("name", "args", "unknown"),
    [("sma", (5,), 4), ("ema", (5,), 4), ("momentum", (5, 2), 7), ("realised_volatility", (5,), 5), ("rsi", (5,), 5)],
)
def test_the_warm_up_is_nan_and_ends_where_the_docstring_says(name: str, args: tuple[int, ...], unknown: int) -> None:
    prices = pd.Series(np.linspace(10, 20, 30))
    found = getattr(indicators, name)(prices, *args)
    assert found.isna().tolist() == [True] * unknown + [False] * (30 - unknown)


@pytest.mark.parametrize("name", SIMPLEST)
def test_a_window_longer_than_the_history_gives_nan(name: str) -> None:
    assert getattr(indicators, name)(pd.Series([1.0, 2, 3]), 4).isna().all()


@pytest.mark.parametrize("name", SIMPLEST)
def test_a_symbol_listed_late_warms_up_from_its_own_first_price(name: str) -> None:
    early = pd.Series(np.geomspace(10, 30, 40))
    late = pd.Series([math.nan] * 7 + early.tolist())
    function = getattr(indicators, name)
    np.testing.assert_allclose(function(late, 5).iloc[7:], function(early, 5), rtol=1e-12)


@pytest.mark.parametrize("name", SIMPLEST)
@pytest.mark.parametrize("window", [0, -1, 2.0, "20", True, None, math.nan])
def test_a_window_that_is_no_whole_positive_number_is_refused(name: str, window: object) -> None:
    with pytest.raises(InputError, match=r"(window|span|lookback) must be"):
        getattr(indicators, name)(pd.Series([1.0, 2.0]), window)


def test_a_numpy_integer_is_a_whole_number() -> None:
    assert sma(pd.Series([1.0, 3.0]), np.int64(2)).iloc[-1] == 2.0  # type: ignore[arg-type]


def test_the_smallest_windows_and_skips_are_named() -> None:
    with pytest.raises(InputError, match="window must be at least 2, not 1"):
        realised_volatility(pd.Series([1.0, 2.0]), 1)
    with pytest.raises(InputError, match="skip must be at least 0, not -1"):
        momentum(pd.Series([1.0, 2.0]), 1, -1)
    with pytest.raises(InputError, match="periods_per_year must be at least 1"):
        realised_volatility(pd.Series([1.0, 2.0]), 2, 0)


@pytest.mark.parametrize("given_prices", [[1.0, 2.0], np.array([1.0, 2.0]), None, "AAPL"])
def test_what_is_no_frame_is_refused(given_prices: object) -> None:
    with pytest.raises(InputError, match=r"DataFrame .* or a Series"):
        sma(given_prices, 1)  # type: ignore[type-var]


def test_prices_out_of_time_order_are_refused() -> None:
    with pytest.raises(InputError, match="time order"):
        sma(pd.Series([1.0, 2.0], index=pd.to_datetime(["2020-01-02", "2020-01-01"])), 1)


def test_words_are_no_prices() -> None:
    with pytest.raises(InputError, match="no number"):
        sma(pd.DataFrame({"a": ["x", "y"]}), 1)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf])
@pytest.mark.parametrize("name", ["momentum", "realised_volatility"])
def test_a_return_needs_positive_prices_and_says_where_they_are_not(name: str, bad: float) -> None:
    prices = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, bad, 3]}, index=pd.date_range("2020-01-01", periods=3))
    with pytest.raises(DataError, match=r"2020-01-02 .*1 such"):
        getattr(indicators, name)(prices, 2)


def test_an_empty_frame_gives_an_empty_frame() -> None:
    assert sma(pd.DataFrame({"a": pd.Series(dtype="float64")}), 3).shape == (0, 1)


@pytest.mark.parametrize("module", ["averages", "strength", "volatility", "volume"])
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"aura_lib.indicators.{module}"), extraglobs={"pd": pd})
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_every_indicator_has_an_example() -> None:
    assert [name for name in indicators.__all__ if ">>> " not in getattr(indicators, name).__doc__] == []
