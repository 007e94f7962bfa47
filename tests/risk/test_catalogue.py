"""Every statistic of the catalogue, against plain loops, and what it says of input that is odd."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aura_lib.backtest.statistics import Sample
from aura_lib.core import DataError, InputError
from aura_lib.reports import formats
from aura_lib.risk.measures import CATALOGUE, Paths, chosen, evaluate
from tests.oracle import oracle_paths

NAMES = tuple(CATALOGUE)


def closes(rows: int, start: str = "2015-01-02") -> pd.DatetimeIndex:
    return pd.date_range(f"{start} 16:00", periods=rows, freq="B", tz="America/New_York").tz_convert("UTC")


def sample(rng: np.random.Generator, rows: int) -> Sample:
    times = closes(rows)
    index = rng.standard_t(5, rows) * 0.008
    book = 0.7 * index + rng.normal(0.0005, 0.006, rows)
    return Sample.of(pd.Series(book, index=times), pd.Series(index, index=times), periods=252)


def measured(path: Paths) -> dict[str, float]:
    found = evaluate(path, chosen(benchmark=path.benchmark is not None))
    return {name: float(values[0]) for name, values in found.items()}


@pytest.mark.parametrize("rows", [60, 700])
def test_every_statistic_is_that_of_a_plain_recomputation(rng: np.random.Generator, rows: int) -> None:
    one = sample(rng, rows)
    days = [time.tz_convert("America/New_York").date() for time in one.times]
    assert one.benchmark is not None
    expected = oracle_paths.figures(one.returns.tolist(), days, 252, one.benchmark.tolist())
    found = measured(one.path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


def test_many_paths_at_once_are_each_path_alone(rng: np.random.Generator) -> None:
    one = sample(rng, 300)
    rows = rng.integers(0, 300, (5, 300))
    together = evaluate(one.drawn(rows), chosen(benchmark=True))
    for path in range(5):
        alone = evaluate(one.drawn(rows[path : path + 1]), chosen(benchmark=True))
        for name, values in together.items():
            assert values[path] == pytest.approx(alone[name][0], rel=1e-12, nan_ok=True), name


def test_jarque_and_bera_are_scipys(rng: np.random.Generator) -> None:
    returns = rng.standard_t(6, 500) * 0.01
    found, theirs = measured(Paths(returns[None])), stats.jarque_bera(returns)
    assert (found["jarque_bera"], found["jarque_bera_p"]) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_the_error_of_the_sharpe_ratio_is_the_spread_it_has_over_many_samples(rng: np.random.Generator) -> None:
    returns = rng.normal(0.001, 0.01, (4000, 250))
    found = evaluate(Paths(returns), chosen(["sharpe", "sharpe_error"]))
    assert found["sharpe_error"].mean() == pytest.approx(found["sharpe"].std(), rel=0.04)
    assert measured(Paths(returns[:1]))["sharpe_error"] == pytest.approx(math.sqrt(252 / 250), rel=0.05)  # Lo: S near 0


def test_every_statistic_says_its_formula_has_a_label_and_a_unit() -> None:
    assert len(CATALOGUE) >= 40
    for one in CATALOGUE.values():
        assert one.formula.__doc__ and len(one.formula.__doc__) > 10, one.name
        assert one.name in formats.STATISTICS, f"{one.name} has no label"
        assert one.unit and one.group


@given(st.lists(st.floats(-0.9, 3.0), min_size=1, max_size=40))
def test_whatever_the_returns_figures_are_finite_or_nan_and_drawdowns_are_losses(values: list[float]) -> None:
    found = measured(Paths(np.array(values)[None]))
    assert not any(math.isinf(value) for value in found.values())
    assert -1 <= found["max_drawdown"] <= found["average_drawdown"] <= 0 <= found["pain_index"]
    assert found["pain_index"] <= found["ulcer_index"] + 1e-12 <= 1 + 1e-9


@pytest.mark.parametrize("values", [[], [0.01], [0.0] * 10, [0.01] * 10])
def test_returns_that_say_nothing_have_no_ratio(values: list[float]) -> None:
    found = measured(Paths(np.array(values, dtype="float64")[None]))
    assert math.isnan(found["sharpe"]) and math.isnan(found["sortino"]) and math.isnan(found["calmar"])
    assert math.isnan(found["skewness"])


def test_no_calendar_means_no_months_but_everything_else(rng: np.random.Generator) -> None:
    found = measured(Paths(rng.normal(0, 0.01, (1, 100))))
    assert {name for name, value in found.items() if math.isnan(value)} == {
        one.name for one in CATALOGUE.values() if one.needs in ("months", "years")
    }


def test_a_name_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no statistic \['sharp'\]; there are: .*sharpe"):
        chosen(["sharp"])
    with pytest.raises(InputError, match="beta need a benchmark"):
        chosen(["beta"])


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nan_is_no_return_and_times_that_one_lacks_are_left_out() -> None:
    times = closes(6)
    book = pd.Series([0.1, np.nan, 0.2, 0.3, 0.4, 0.5], index=times)
    one = Sample.of(book, book.iloc[1:] * 2)
    assert one.returns.tolist() == [0.2, 0.3, 0.4, 0.5] and one.benchmark is not None
    assert one.benchmark.tolist() == [0.4, 0.6, 0.8, 1.0] and one.periods == 252


def test_a_return_that_takes_everything_ends_the_sample_and_is_told() -> None:
    one = Sample.of(pd.Series([0.1, -1.7, 0.3], index=closes(3)))
    assert one.returns.tolist() == [0.1, -1.0] and "bankrupt at 2015-01-05" in one.notes[0]
    found = measured(one.path)
    assert (found["total_return"], found["annual_return"], found["max_drawdown"]) == (-1, -1, -1)


@pytest.mark.parametrize(
    ("returns", "error", "told"),
    [
        (np.zeros((3, 2)), InputError, r"array of shape \(3, 2\)"),
        (pd.Series([0.1, 0.2]), InputError, "times with a zone"),
        (pd.Series(["a"], index=closes(1)), InputError, "must be numbers"),
        (pd.Series([0.1, 0.2], index=closes(2)[::-1]), InputError, "unique and ascending"),
        (np.array([0.1, np.inf]), DataError, "1 of 2 returns are infinite"),
    ],
)
def test_returns_that_are_none_are_refused(returns: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        Sample.of(returns)
