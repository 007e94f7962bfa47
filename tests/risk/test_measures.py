"""Measures of returns, against plain recomputation, scipy, and numbers that can be checked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aura_lib.core import InputError
from aura_lib.risk import measures
from tests.oracle import oracle_measures as oracle


def series(values: list[float], start: str = "2020-01-02") -> pd.Series:
    times = pd.date_range(f"{start} 16:00", periods=len(values), freq="B", tz="America/New_York").tz_convert("UTC")
    return pd.Series(values, index=times, dtype="float64")


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[pd.Series, pd.Series]:
    index = rng.standard_t(4, 700) * 0.008
    return series((0.8 * index + rng.normal(0.0004, 0.006, 700)).tolist()), series(index.tolist())


def test_the_tail_is_that_of_a_plain_recomputation(pair: tuple[pd.Series, pd.Series]) -> None:
    for returns in pair:
        assert measures.tail(returns) == pytest.approx(oracle.tail(returns.tolist()), rel=1e-10)


def test_skewness_and_kurtosis_are_scipys_without_bias(pair: tuple[pd.Series, pd.Series]) -> None:
    found = measures.tail(pair[0])
    assert found["skewness"] == pytest.approx(stats.skew(pair[0], bias=False))
    assert found["excess_kurtosis"] == pytest.approx(stats.kurtosis(pair[0], bias=False))


def test_the_relation_to_a_benchmark_is_that_of_a_plain_recomputation(pair: tuple[pd.Series, pd.Series]) -> None:
    returns, index = pair
    expected = oracle.relative(returns.tolist(), index.tolist(), 252)
    assert measures.relative(returns, index) == pytest.approx(expected, rel=1e-9)
    assert measures.capture(returns, index) == pytest.approx(oracle.capture(returns.tolist(), index.tolist()))


def test_beta_and_correlation_are_those_of_a_regression(pair: tuple[pd.Series, pd.Series]) -> None:
    line = stats.linregress(pair[1], pair[0])
    found = measures.relative(*pair, periods=1)
    assert (found["beta"], found["correlation"], found["alpha"]) == pytest.approx(
        (line.slope, line.rvalue, line.intercept)
    )


def test_a_book_that_doubles_its_benchmark_has_beta_two_and_no_alpha(pair: tuple[pd.Series, pd.Series]) -> None:
    found = measures.relative(2 * pair[1], pair[1])
    assert (found["beta"], found["alpha"], found["correlation"]) == pytest.approx((2.0, 0.0, 1.0), abs=1e-12)


def test_only_times_that_both_have_are_compared(pair: tuple[pd.Series, pd.Series]) -> None:
    returns, index = pair
    assert measures.relative(returns.iloc[100:], index.iloc[:600]) == pytest.approx(
        measures.relative(returns.iloc[100:600], index.iloc[100:600])
    )


def test_value_at_risk_of_a_hundred_and_one_returns_is_the_sixth_worst() -> None:
    returns = series([k / 1000 for k in range(-50, 51)])
    assert measures.value_at_risk(returns) == pytest.approx(-0.045)
    assert measures.expected_shortfall(returns) == pytest.approx(
        np.mean([-0.050, -0.049, -0.048, -0.047, -0.046, -0.045])
    )


def test_the_historical_var_of_normal_returns_is_near_the_normal_one(rng: np.random.Generator) -> None:
    returns = series(rng.normal(0, 0.01, 20_000).tolist())
    assert measures.value_at_risk(returns) == pytest.approx(-0.01644854, rel=0.05)  # Φ⁻¹(0.05) = −1.644854
    assert measures.expected_shortfall(returns) == pytest.approx(-0.02062713, rel=0.05)  # φ(1.644854)/0.05 = 2.062713


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=80))
def test_the_shortfall_is_never_better_than_the_var_nor_worse_than_the_worst(values: list[float]) -> None:
    found = measures.tail(series(values))
    assert found["worst"] - 1e-12 <= found["cvar"] <= found["var"] + 1e-12 <= found["best"] + 2e-12


@given(st.lists(st.floats(0.5, 1.5), min_size=1, max_size=80))
def test_drawdowns_are_those_of_one_walk_along_the_curve(steps: list[float]) -> None:
    equity = series(np.round(100 * np.cumprod(steps), 6).clip(min=1e-3).tolist())
    days = [time.tz_convert("America/New_York").date() for time in equity.index]
    found = measures.drawdowns(equity)
    local = [
        tuple(None if t is pd.NaT else t.tz_convert("America/New_York").date() for t in row[:3]) + row[3:]
        for row in found.itertuples(index=False, name=None)
    ]
    expected = oracle.drawdowns(days, equity.tolist())
    assert sorted((p, t, r, n) for p, t, r, _, n in local) == sorted((p, t, r, n) for p, t, r, _, n in expected)
    assert [depth for *_, depth, _ in local] == pytest.approx([depth for *_, depth, _ in expected])


def test_a_curve_below_its_high_at_the_end_has_not_recovered() -> None:
    falls = measures.drawdowns(series([100.0, 80.0, 100.0, 120.0, 90.0, 100.0]))
    assert falls["depth"].tolist() == pytest.approx([-0.25, -0.2])
    assert falls["recovery"].isna().tolist() == [True, False]
    assert falls["days"].tolist() == [2, 4]  # Tuesday 7 to Thursday 9 January; Thursday 2 to Monday 6


def test_a_curve_that_only_rises_has_no_drawdown() -> None:
    assert measures.drawdowns(series([1.0, 1.0, 2.0])).empty


def test_months_are_those_of_the_exchange() -> None:
    times = pd.to_datetime(["2022-01-31 21:00Z", "2022-02-01 02:00Z", "2022-02-01 21:00Z"])
    months = measures.compounded(pd.Series([0.1, 0.1, -0.05], index=times), "month")
    assert months.tolist() == pytest.approx([0.21, -0.05]) and list(months.index) == list(times[1:])


@pytest.mark.parametrize("values", [[], [0.01], [0.0, 0.0, 0.0], [math.nan, math.nan]])
def test_too_few_or_still_returns_give_nan_not_an_error(values: list[float]) -> None:
    returns = series(values)
    assert math.isnan(measures.tail(returns)["skewness"]) or not returns.any()
    assert math.isnan(measures.omega_ratio(returns))
    assert all(math.isnan(value) for name, value in measures.relative(returns, returns).items() if name == "beta")
    assert all(math.isnan(value) for value in measures.capture(returns.clip(upper=0), returns.clip(upper=0)).values())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda r: measures.value_at_risk(r, 95), "level=95"),
        (lambda r: measures.value_at_risk(r, 0.05), "level=0.05"),
        (lambda r: measures.compounded(r, "week"), "by='week'"),
    ],
)
def test_a_wrong_argument_is_named(call: Callable[[pd.Series], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        call(series([0.01, 0.02]))
