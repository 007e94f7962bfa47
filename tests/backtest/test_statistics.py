"""The figures against textbook loops (tests/oracle) and against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aura_lib.backtest import statistics
from aura_lib.backtest.statistics import Sample
from aura_lib.core import DataError
from tests.oracle import oracle_statistics


def curve(values: list[float]) -> pd.Series:
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values), tz="UTC"))


@pytest.mark.parametrize("periods", [252, 52])
@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_a_plain_recomputation(seed: int, periods: int) -> None:
    rng = np.random.default_rng(seed)
    values = (1e6 * np.exp(np.cumsum(rng.normal(0.0002, 0.012, 500)))).tolist()
    ours, plain = statistics(curve(values), periods), oracle_statistics.figures(values, periods)
    assert ours.keys() == plain.keys()
    for name, value in plain.items():
        assert ours[name] == pytest.approx(value, rel=1e-9), name


def test_a_year_that_doubles_and_halves_has_the_figures_of_arithmetic() -> None:
    stats = statistics(curve([100.0, 200.0, 100.0, 121.0]), periods=3)
    assert stats["total_return"] == pytest.approx(0.21)
    assert stats["annual_return"] == pytest.approx(0.21)
    assert stats["max_drawdown"] == pytest.approx(-0.5)
    assert stats["calmar"] == pytest.approx(0.42)
    assert stats["years"] == 1.0
    # returns 1, -0.5, 0.21: mean 0.2366667, sample deviation 0.7503555
    assert stats["volatility"] == pytest.approx(0.750355 * math.sqrt(3), rel=1e-5)
    assert stats["sharpe"] == pytest.approx(0.2366667 / 0.7503555 * math.sqrt(3), rel=1e-5)
    assert stats["sortino"] == pytest.approx(0.2366667 * 3 / (math.sqrt(0.25 / 3) * math.sqrt(3)), rel=1e-5)


def test_the_first_bar_is_part_of_the_running_maximum() -> None:
    assert statistics(curve([100.0, 80.0, 90.0]))["max_drawdown"] == pytest.approx(-0.2)


def test_a_figure_that_divides_by_zero_is_nan() -> None:
    flat = statistics(curve([100.0] * 10))
    assert (flat["total_return"], flat["volatility"], flat["max_drawdown"]) == (0.0, 0.0, 0.0)
    assert all(math.isnan(flat[name]) for name in ("sharpe", "sortino", "calmar"))
    rising = statistics(curve([100.0, 101.0, 103.0]))
    assert math.isnan(rising["sortino"])
    assert math.isnan(rising["calmar"])


def test_one_bar_has_no_returns_and_two_have_no_deviation() -> None:
    one = statistics(curve([100.0]))
    assert one["years"] == 0
    assert math.isnan(one["annual_return"])
    two = statistics(curve([100.0, 99.0]))
    assert two["total_return"] == pytest.approx(-0.01)
    assert math.isnan(two["volatility"])
    assert math.isnan(two["sharpe"])


@pytest.mark.parametrize("values", [[], [100.0, float("nan")], [0.0, 1.0], [-5.0, 1.0]])
def test_a_curve_that_is_none_is_refused(values: list[float]) -> None:
    with pytest.raises(DataError, match="opens above zero"):
        statistics(curve(values))


@pytest.mark.parametrize("last", [0.0, -5.0])
def test_a_bankrupt_curve_lost_everything_and_ends_there(last: float) -> None:
    found = statistics(curve([100.0, 110.0, last, 50.0]), periods=2)
    assert found["total_return"] == found["annual_return"] == found["max_drawdown"] == -1
    assert found["years"] == 1.0


def months_of(times: pd.DatetimeIndex, zone: str = "") -> list[int]:
    """How many returns each calendar month has."""
    sample = Sample.of(pd.Series(0.001, index=times), zone=zone)
    starts = sample._calendar()[0]
    return np.diff([*starts, len(times)]).tolist()


def test_the_days_of_a_market_that_never_closes_are_utcs_and_its_last_day_of_january_is_of_january() -> None:
    closes = pd.date_range("2021-01-02", "2021-03-01", freq="D", tz="UTC")  # the midnights at which days end
    assert months_of(closes) == [31, 28]
    hours = pd.date_range("2021-01-01 01:00", "2021-03-01", freq="h", tz="UTC")
    assert months_of(hours) == [31 * 24, 28 * 24]


def test_the_days_of_a_series_with_a_zone_are_its_own() -> None:
    closes = pd.date_range("2021-01-01 15:00", "2021-02-28 15:00", freq="B", tz="Asia/Tokyo")
    assert months_of(closes) == [21, 20]
    early = pd.DatetimeIndex(["2021-01-29 08:30", "2021-02-01 08:30", "2021-02-02 08:30"], tz="Asia/Tokyo")
    assert months_of(early) == [1, 2] and months_of(early, "America/New_York") == [2, 1]


def test_sessions_in_utc_have_the_days_of_the_house_and_weekdays_at_midnight_are_dates() -> None:
    evening = pd.DatetimeIndex(["2021-01-29 21:00", "2021-02-01 00:30", "2021-02-02 00:30"], tz="UTC")
    assert months_of(evening[[0, 2]]) == [1, 1]
    late = pd.DatetimeIndex(["2021-01-29 00:30", "2021-02-01 21:00", "2021-03-02 00:30"], tz="UTC")
    assert months_of(late) == [1, 1, 1]
    first = pd.DatetimeIndex(["2021-02-26 21:00", "2021-03-01 02:00", "2021-03-02 21:00"], tz="UTC")
    assert months_of(first) == [2, 1], "two in the night of 1 March is still February in New York"
    dates = pd.bdate_range("2021-01-01", "2021-02-28", tz="UTC")
    assert months_of(dates) == [21, 20]
