"""Sharpe ratios with their doubt: against the papers' examples, vectorbt, scipy's moments and luck itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aura_lib import backtest
from aura_lib.core import InputError
from tests.oracle import plain_overfitting as plain

DAYS = 250
NONE = {"skewness": 0.0, "kurtosis": 3.0}


@pytest.mark.parametrize(
    ("trials", "shape", "level", "probability"),
    [
        (100, {"skewness": -3.0, "kurtosis": 10.0}, 0.1132, 0.9004),
        (46, {"skewness": -3.0, "kurtosis": 10.0}, None, 0.9505),
        (88, NONE, None, 0.9505),
    ],
)
def test_the_deflated_sharpe_ratio_is_that_of_its_paper(
    trials: int, shape: dict[str, float], level: float | None, probability: float
) -> None:
    # Bailey & López de Prado, The Deflated Sharpe Ratio, 2014: annual SR 2.5, T 1250, variance of annual SR 0.5
    found = backtest.deflated_sharpe(
        2.5 / math.sqrt(DAYS), trials=trials, sharpe_variance=0.5 / DAYS, observations=1250, **shape
    )
    assert found.probability == pytest.approx(probability, abs=6e-5)
    assert level is None or found.benchmark == pytest.approx(level, abs=6e-5)


def test_the_probabilistic_sharpe_ratio_is_that_of_its_paper() -> None:
    # Bailey & López de Prado, The Sharpe Ratio Efficient Frontier, 2012
    normal = backtest.probabilistic_sharpe(0.458, observations=24)
    skewed = backtest.probabilistic_sharpe(0.458, observations=24, skewness=-2.448, kurtosis=10.164)
    assert (round(float(normal), 3), round(float(skewed), 3)) == (0.982, 0.913)


@pytest.mark.parametrize(("periods", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_is_that_of_its_paper(periods: int, years: float) -> None:
    found = backtest.minimum_track_record(2 / math.sqrt(periods), 1 / math.sqrt(periods), confidence=0.95)
    assert round(found / periods, 2) == years


def test_a_record_of_the_minimum_length_has_just_the_confidence() -> None:
    length = backtest.minimum_track_record(0.11, 0.02, confidence=0.95, skewness=-1.2, kurtosis=7.0)
    longer = backtest.probabilistic_sharpe(0.11, 0.02, observations=math.ceil(length), skewness=-1.2, kurtosis=7.0)
    shorter = backtest.probabilistic_sharpe(0.11, 0.02, observations=math.floor(length), skewness=-1.2, kurtosis=7.0)
    assert float(shorter) < 0.95 <= float(longer)
    assert backtest.minimum_track_record(0.02, 0.02) == math.inf


def test_the_moments_of_returns_are_taken_from_them(rng: np.random.Generator) -> None:
    for returns in (rng.standard_t(4, 400) * 0.01 + 0.001, rng.gamma(2, 0.01, 250) - 0.018):
        found = backtest.probabilistic_sharpe(returns, 0.03)
        assert found.probability == pytest.approx(plain.probabilistic(returns, 0.03), abs=1e-12)
        assert found.skewness == pytest.approx(stats.skew(returns), abs=1e-12)
        assert found.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), abs=1e-12)


def test_vectorbt_deflates_to_the_same(rng: np.random.Generator) -> None:
    import vectorbt  # noqa: F401  (registers the accessor)

    returns = pd.DataFrame(rng.normal(0.0004, 0.01, (700, 12)))
    theirs = returns.vbt.returns(freq="1D", year_freq="252 days").deflated_sharpe_ratio(ddof=1)
    sharpes = [plain.sharpe(returns[column]) for column in returns]
    for column in returns:
        ours = backtest.deflated_sharpe(returns[column], trials=12, sharpe_variance=np.var(sharpes, ddof=1))
        assert float(ours) == pytest.approx(theirs[column], abs=1e-9)


@pytest.mark.parametrize("count", [5, 10, 100, 1_000, 100_000])
def test_the_expected_maximum_is_that_of_the_normal_order_statistic(count: int) -> None:
    assert backtest.expected_maximum_sharpe(count, 1.0) == pytest.approx(plain.expected_maximum(count), rel=0.03)


def test_one_trial_has_nothing_to_deflate_and_more_trials_always_more(rng: np.random.Generator) -> None:
    returns = rng.normal(0.001, 0.01, 500)
    single = backtest.deflated_sharpe(returns, trials=1, sharpe_variance=0.01)
    assert single.benchmark == 0 and float(single) == float(backtest.probabilistic_sharpe(returns))
    levels = [backtest.expected_maximum_sharpe(n, 0.01) for n in (1, 1.5, 2, 10, 1e3, 1e6, 1e12, 1e300)]
    assert levels == sorted(levels) and all(map(math.isfinite, levels))


def test_five_years_allow_forty_five_trials() -> None:
    # Bailey, Borwein, López de Prado & Zhu 2014: the years are the squared expected maximum, here by quadrature
    for trials in (10, 45, 200):
        exact = plain.expected_maximum(trials) ** 2
        assert backtest.minimum_backtest_length(trials) == pytest.approx(exact, rel=0.05)
        assert backtest.minimum_backtest_length(trials, 2.0) == pytest.approx(exact / 4, rel=0.05)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([0.1, float("nan"), 0.2, 0.1], "1 of 4 returns are missing or infinite, the first in row 1"),
        ([0.1, 0.1, 0.1], "the returns are all 0.1: what never varies has no Sharpe ratio"),
        ([0.1, 0.2], "2 returns are too few"),
        ([[0.1, 0.2], [0.1, 0.3]], "one path of returns is needed"),
        (["a", "b", "c"], "returns must be numbers"),
        (0.1, "give observations="),
    ],
)
def test_what_has_no_sharpe_ratio_is_refused(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        backtest.probabilistic_sharpe(given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "trials=0 must be at least 1"),
        ({"trials": float("nan")}, "trials=nan must be a finite number"),
        ({"sharpe_variance": -1.0}, "sharpe_variance=-1.0 must be at least 0"),
        ({"skewness": 40.0}, "cannot be of one distribution"),
    ],
)
def test_an_impossible_search_is_refused(changes: dict[str, float], message: str) -> None:
    given: dict[str, Any] = {"trials": 10, "sharpe_variance": 0.01, "observations": 100, **changes}
    with pytest.raises(InputError, match=message):
        backtest.deflated_sharpe(0.1, **given)


def test_under_noise_the_probabilistic_sharpe_ratio_is_uniform(rng: np.random.Generator) -> None:
    found = [float(backtest.probabilistic_sharpe(row)) for row in rng.standard_t(6, (1_000, 300))]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_the_best_of_a_noise_search_is_rarely_believed_and_a_true_edge_is(rng: np.random.Generator) -> None:
    believed = planted = 0
    for _ in range(200):
        returns = rng.normal(0, 0.01, (500, 50))
        believed += _best(returns) > 0.95
        returns[:, 7] += 0.0025  # an annual Sharpe ratio of 4, over two years
        planted += _best(returns) > 0.95
    assert believed <= 16, "5 % of 200, and three standard errors"
    assert planted >= 160


def _best(returns: Any) -> float:
    sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    variance = sharpes.var(ddof=1)
    return float(
        backtest.deflated_sharpe(returns[:, sharpes.argmax()], trials=returns.shape[1], sharpe_variance=variance)
    )


@pytest.mark.soak
def test_the_best_of_a_thousand_noise_searches_is_believed_in_five_percent_at_most() -> None:
    rng = np.random.default_rng(20261121)
    believed = sum(_best(rng.standard_t(5, (1_000, 100))) > 0.95 for _ in range(1_000))
    assert believed <= 50
