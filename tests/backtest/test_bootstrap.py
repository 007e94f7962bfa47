"""The stationary bootstrap: its blocks, its lengths against arch and the paper, and how often its intervals hold."""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import optimal_block_length
from scipy import stats
from scipy.signal import lfilter

from aura_lib import backtest
from aura_lib.backtest import bootstrap
from aura_lib.backtest.statistics import Sample
from aura_lib.core import InputError
from aura_lib.risk.measures import chosen
from tests.oracle import oracle_paths


def remembering(rng: np.random.Generator, phi: float, rows: int, mean: float = 0.0) -> np.ndarray:
    """AR(1) with unit variance."""
    shocks = rng.normal(size=rows + 100) * math.sqrt(1 - phi**2)
    return np.asarray(mean + lfilter([1], [1, -phi], shocks)[100:])


@pytest.mark.parametrize("phi", [0.0, 0.3, -0.4, 0.8])
def test_the_block_length_is_that_of_the_paper_written_out(rng: np.random.Generator, phi: float) -> None:
    for rows in (20, 150, 400):
        values = remembering(rng, phi, rows)
        assert bootstrap.block_length(values) == pytest.approx(oracle_paths.block_length(values.tolist()), rel=1e-9)


def test_the_block_length_is_near_archs(rng: np.random.Generator) -> None:
    """arch counts the lags that matter from one later: some more of the window, about the same length."""
    ratios = []
    for phi in (0.2, 0.5, 0.8) * 6:
        values = remembering(rng, phi, 1500)
        ratios.append(bootstrap.block_length(values) / float(optimal_block_length(values)["stationary"].iloc[0]))
    assert 0.85 < float(np.median(ratios)) < 1.1


def test_returns_that_do_not_move_or_are_few_are_drawn_one_by_one() -> None:
    assert bootstrap.block_length(np.zeros(100)) == bootstrap.block_length(np.array([])) == 1.0
    assert bootstrap.block_length(np.array([0.1, 0.2])) == 1.0


def test_blocks_have_the_mean_length_asked_for_and_wrap_around(rng: np.random.Generator) -> None:
    rows = np.concatenate(list(bootstrap.histories(500, 400, 8.0, rng)))
    assert rows.shape == (400, 500) and rows.min() == 0 and rows.max() == 499
    joints = (np.diff(rows, axis=1) % 500 != 1).mean()  # one new block in 500 goes on by chance
    assert joints == pytest.approx(1 / 8 * (1 - 1 / 500), rel=0.03)
    assert np.bincount(rows.ravel(), minlength=500).std() / 400 < 0.1  # every row as often as any other


def test_one_by_one_is_the_ordinary_bootstrap(rng: np.random.Generator) -> None:
    values = 0.01 * rng.normal(size=400)
    (drawn,) = bootstrap.resampled(
        [Sample.of(values, periods=1)], chosen(["mean_return"]), 2000, 1.0, np.random.default_rng(1)
    )
    assert drawn["mean_return"].std() == pytest.approx(values.std() / 20, rel=0.06)


def test_the_spread_of_the_mean_knows_that_returns_remember(rng: np.random.Generator) -> None:
    values = 0.01 * remembering(rng, 0.5, 4000)
    table = backtest.intervals(values, ["mean_return"], periods=1, draws=500)
    true = 0.01 * math.sqrt(1.5 / 0.5 / 4000)  # (1 + φ)/(1 − φ)/n
    assert table.at["mean_return", "error"] == pytest.approx(true, rel=0.2)


def clustered(rng: np.random.Generator, rows: int, mean: float = 0.0) -> np.ndarray:
    """GARCH(1, 1) with unit variance: calm and stormy times (Bollerslev 1986)."""
    shocks, values, variance = rng.normal(size=rows + 300), np.empty(rows + 300), 1.0
    for row, shock in enumerate(shocks):
        values[row] = math.sqrt(variance) * shock
        variance = 0.05 + 0.1 * values[row] ** 2 + 0.85 * variance
    return mean + values[300:]


def coverage(seed: int, series: float | str, rows: int, runs: int, draws: int) -> dict[str, float]:
    """How often the 95 % interval holds the true mean and Sharpe ratio (per period): of AR(1), or GARCH, returns."""
    rng, wanted = np.random.default_rng(seed), chosen(["mean_return", "sharpe"])
    held = dict.fromkeys(("mean_return", "sharpe"), 0)
    for run in range(runs):
        made = clustered(rng, rows, 0.05) if isinstance(series, str) else remembering(rng, series, rows, 0.05)
        table = bootstrap.of_sample(Sample.of(0.01 * made, periods=1), wanted, level=0.95, draws=draws, seed=run)
        for name, true in (("mean_return", 0.0005), ("sharpe", 0.05)):
            held[name] += table.at[name, "low"] <= true <= table.at[name, "high"]
    return {name: count / runs for name, count in held.items()}


@pytest.mark.parametrize("series", [0.0, 0.2, "garch"])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(series: float | str) -> None:
    found = coverage(5, series, 250, 400, 200)
    assert all(0.92 <= share <= 0.97 for share in found.values()), found


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("series", [0.0, 0.2, 0.4, -0.2, "garch"])
@pytest.mark.parametrize("rows", [250, 1_500])
def test_an_interval_holds_the_truth_92_to_97_times_in_100(series: float | str, rows: int) -> None:
    found = coverage(17, series, rows, 1_000, 500)
    print(series, rows, found)
    assert all(0.92 <= share <= 0.97 for share in found.values()), found


@pytest.mark.parametrize(("share", "freedom"), [(0.975, 8.0), (0.975, 40.0), (0.9, 15.0), (0.995, 100.0)])
def test_students_quantile_is_scipys(share: float, freedom: float) -> None:
    assert bootstrap._student(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=2e-3)


def test_an_interval_is_widened_for_what_blocks_cut_and_not_for_what_does_not_move(rng: np.random.Generator) -> None:
    plain, slow = (Sample.of(0.01 * remembering(rng, phi, 2_000), periods=1) for phi in (0.0, 0.6))
    assert 1 <= bootstrap.widening([plain], 1.0, 0.95) < 1.01
    assert 1.05 < bootstrap.widening([slow], bootstrap.common_block([slow]), 0.95) < 1.3
    estimated = stats.t.ppf(0.975, 100) / stats.norm.ppf(0.975) * np.sqrt(50 / 49)  # what 50 returns know of a variance
    still = bootstrap.widening([Sample.of(np.zeros(50), periods=1)], 1.0, 0.95)
    assert still == pytest.approx(estimated, rel=1e-4), "nothing was cut"


def test_the_same_seed_gives_the_same_interval_and_another_another(rng: np.random.Generator) -> None:
    returns = rng.normal(0.001, 0.01, 300)
    one, two, three = (backtest.intervals(returns, ["sharpe"], draws=200, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert one.at["sharpe", "low"] != three.at["sharpe", "low"]


def test_the_interval_lies_around_the_value_and_widens_with_its_level(rng: np.random.Generator) -> None:
    returns = rng.standard_t(5, 800) * 0.01 + 0.0005
    narrow, wide = (backtest.intervals(returns, level=level, draws=400) for level in (0.8, 0.99))
    for name in ("sharpe", "volatility", "var", "sortino", "annual_return"):
        a, b = narrow.loc[name], wide.loc[name]
        assert b["low"] < a["low"] < a["value"] < a["high"] < b["high"], name
    assert narrow.at["best", "method"] == "none" and math.isnan(narrow.at["best", "low"])
    assert narrow.at["max_drawdown", "method"] == "percentile" and narrow.at["sharpe", "method"] == "bca"


def test_all_statistics_see_the_same_histories(rng: np.random.Generator) -> None:
    sample = Sample.of(rng.normal(0.001, 0.01, 200), periods=252)
    wanted = chosen(["mean_return", "volatility", "sharpe"])
    (drawn,) = bootstrap.resampled([sample], wanted, 150, 3.0, np.random.default_rng(1))
    np.testing.assert_allclose(drawn["sharpe"], drawn["mean_return"] / drawn["volatility"])


def test_the_bounds_of_a_statistic_that_is_linear_are_its_percentiles(rng: np.random.Generator) -> None:
    """Without bias and bend, BCa is the percentile interval (Efron 1987)."""
    drawn = np.sort(rng.normal(size=4001))
    plain = bootstrap.bounds(drawn, 0.9, float(np.median(drawn)))
    assert bootstrap.bounds(drawn, 0.9, float(np.median(drawn)), np.array([-1.0, 0.0, 1.0])) == pytest.approx(plain)


def test_leaving_out_a_part_leaves_out_that_part() -> None:
    sample = Sample.of(np.arange(80.0), periods=1)
    without = bootstrap.left_out(sample, chosen(["mean_return"]))["mean_return"]
    expected = [np.delete(np.arange(80.0), [2 * k, 2 * k + 1]).mean() for k in range(40)]
    np.testing.assert_allclose(without, expected)


@pytest.mark.parametrize("count", [0, 1, 19])
def test_few_returns_have_values_and_no_interval(rng: np.random.Generator, count: int) -> None:
    table = backtest.intervals(rng.normal(0, 0.01, count))
    assert table[["low", "high"]].isna().all().all() and (table["method"] == "none").all()


def test_returns_that_do_not_move_have_no_interval_of_a_ratio() -> None:
    table = backtest.intervals(np.full(100, 0.01), draws=100)
    assert math.isnan(table.at["sharpe", "low"]) and table.at["mean_return", "low"] == pytest.approx(2.52)


def test_minutes_of_many_years_are_compounded_into_days_and_that_is_said(rng: np.random.Generator) -> None:
    times = pd.date_range("2020-01-01", periods=60_000, freq="min", tz="UTC")
    table = backtest.intervals(pd.Series(rng.normal(0, 1e-4, 60_000), index=times), ["sharpe"], draws=100)
    days = len({(time - pd.Timedelta(1, "s")).date() for time in times})  # UTC's: it never closes
    assert table.attrs["notes"] == [f"60,000 returns compounded into {days} days"] and table.attrs["periods"] == 365
    with pytest.raises(InputError, match="60,000 returns without times"):
        backtest.intervals(rng.normal(0, 1e-4, 60_000), ["sharpe"])


@pytest.mark.parametrize(("option", "told"), [({"level": 95}, "level=95"), ({"draws": 5}, "draws=5")])
def test_an_option_out_of_range_is_named(option: dict[str, int], told: str) -> None:
    with pytest.raises(InputError, match=told):
        backtest.intervals(np.zeros(50), **option)


@pytest.mark.slow
def test_a_thousand_histories_of_ten_years_take_about_a_second(rng: np.random.Generator) -> None:
    returns = rng.normal(0.0004, 0.01, 2520)
    began = perf_counter()
    backtest.intervals(returns, benchmark=returns + rng.normal(0, 0.005, 2520), draws=1000, periods=252)
    assert perf_counter() - began < 8, "it takes 0.4 s on an idle core"
