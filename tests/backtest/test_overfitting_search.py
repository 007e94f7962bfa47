"""Measures of a whole search: CSCV, haircut, reality check, SPA, stepwise and the effective number of trials."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from aura_lib import backtest
from aura_lib.backtest.overfitting import superior
from aura_lib.core import InputError
from tests.oracle import plain_overfitting as plain


def noise(rng: np.random.Generator, rows: int, trials: int) -> NDArray[np.float64]:
    return rng.standard_t(5, (rows, trials)) * 0.01


# ---- probability of backtest overfitting ---------------------------------------------------------------------------
@pytest.mark.parametrize(("blocks", "trials"), [(2, 3), (6, 2), (8, 11)])
def test_cscv_is_that_of_plain_splits(rng: np.random.Generator, blocks: int, trials: int) -> None:
    returns = noise(rng, blocks * 13, trials) + rng.normal(0, 0.002, trials)
    found, slow = backtest.pbo(returns, blocks), plain.cscv(returns, blocks)
    assert found.probability == slow["probability"]
    assert np.sort(found.logits) == pytest.approx(slow["logits"], abs=1e-9)
    for name in ("slope", "intercept", "r_squared", "loss"):
        assert getattr(found, name) == pytest.approx(slow[name], abs=1e-9)
    assert np.sort(found.out_of_sample) == pytest.approx(sorted(slow["out"]), abs=1e-12)
    for place in (50, 100, 150):
        level = found.levels[place]
        assert found.of_chosen[place] == pytest.approx(np.mean(np.array(slow["out"]) <= level), abs=1e-12)
        assert found.of_all[place] == pytest.approx(np.mean(np.array(slow["every"]) <= level), abs=1e-12)


def test_a_trial_that_never_traded_and_twins_are_ranked_like_any(rng: np.random.Generator) -> None:
    returns = noise(rng, 80, 5)
    returns[:, 1], returns[:, 3] = 0.0, returns[:, 4]
    returns[:30, 2] = 0.0
    found, slow = backtest.pbo(returns, 8), plain.cscv(returns, 8)
    assert np.sort(found.logits) == pytest.approx(slow["logits"], abs=1e-9)


def test_under_noise_half_of_the_splits_disappoint(rng: np.random.Generator) -> None:
    found = [float(backtest.pbo(noise(rng, 400, 40), 8)) for _ in range(60)]
    assert 0.4 < np.mean(found) < 0.6


def test_a_planted_edge_stays_best(rng: np.random.Generator) -> None:
    returns = noise(rng, 1_000, 40)
    returns[:, 3] += 0.004
    found = backtest.pbo(returns)
    assert found.probability < 0.05 and found.loss < 0.05
    assert found.dominates == (True, True)
    assert len(found.logits) == 12_870 and "0.0% of 12,870 splits" in str(found)


def test_what_reverses_is_overfitted(rng: np.random.Generator) -> None:
    returns = noise(rng, 800, 20)
    drift = np.repeat(rng.normal(0, 0.01, (8, 20)), 100, axis=0)
    returns += drift - drift.mean(axis=0)  # what gained in one half lost in the other
    found = backtest.pbo(returns, 8)
    assert found.probability > 0.9 and found.slope < 0 and found.dominates == (False, False)


@pytest.mark.parametrize("row", [0, 51, 102])
def test_rows_that_are_no_multiple_of_the_blocks_all_count(rng: np.random.Generator, row: int) -> None:
    returns = noise(rng, 103, 4)
    before = backtest.pbo(returns, 10)
    returns[row] += 0.2
    assert (backtest.pbo(returns, 10).out_of_sample != before.out_of_sample).any()


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [
        ((100, 5), 7, "blocks=7 must be even"),
        ((100, 5), 22, r"at most 20 \(184,756 splits\)"),
        ((100, 5), 0, "blocks=0 must be a whole number from 2"),
        ((100, 1), 8, "100 periods × 1 trials are too few: at least 3 × 2"),
        ((20, 5), 16, "20 periods are too few for 16 blocks: at least 32"),
        ((100,), 8, "a matrix of returns, periods × trials, is needed"),
    ],
)
def test_what_cannot_be_split_is_refused(
    rng: np.random.Generator, shape: tuple[int, ...], blocks: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        backtest.pbo(rng.normal(size=shape), blocks)


MEASURES = (backtest.pbo, backtest.superior_predictive_ability, backtest.reality_check, backtest.stepwise)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_bad_matrix_is_refused_in_words(rng: np.random.Generator, measure: Any) -> None:
    returns = noise(rng, 100, 5)
    gap, flat = returns.copy(), returns.copy()
    gap[50, 2], flat[:, 1] = np.nan, 0.001
    with pytest.raises(InputError, match="1 of 500 returns are missing or infinite, the first in row 50"):
        measure(gap)
    with pytest.raises(InputError, match=r"1 columns never vary, as \[1\]"):
        measure(flat)
    frame = pd.DataFrame(returns, pd.date_range("2020-01-01", periods=100, tz="UTC"))
    with pytest.raises(InputError, match="the columns of this frame are times"):
        measure(frame.T)
    with pytest.warns(
        UserWarning, match="100 trials of 40 periods each: if these are periods in columns, transpose"
    ) as told:
        measure(noise(rng, 40, 100))
    assert told[0].filename == __file__


# ---- reality check and SPA -----------------------------------------------------------------------------------------
def drawn(rows: int, draws: int, block: float, seed: int) -> tuple[list[Any], list[NDArray[np.float64]]]:
    """Indices of arch's stationary bootstrap, and how often each takes each row."""
    from arch.bootstrap import StationaryBootstrap

    bootstrap = StationaryBootstrap(int(block), np.arange(rows), seed=seed)
    indices = [data[0][0].copy() for data in bootstrap.bootstrap(draws)]
    counts = np.array([np.bincount(taken, minlength=rows) for taken in indices], "float64")
    return indices, [counts[: draws // 2], counts[draws // 2 :]]


def test_the_reality_check_is_that_of_arch_on_the_same_draws(rng: np.random.Generator) -> None:
    from arch.bootstrap import RealityCheck

    for edge in (0.0, 0.0008, 0.002):
        returns = noise(rng, 300, 12) + rng.normal(0, 0.0005, 12)
        returns[:, 5] += edge
        theirs = RealityCheck(np.zeros(300), -returns, block_size=10, reps=400, studentize=False, seed=5)
        theirs.compute()
        _, counts = drawn(300, 400, 10, 5)
        ours = superior._reality_check(returns, counts, 10.0)
        assert ours.p_value == pytest.approx(theirs.pvalues["upper"], abs=1e-12)
        assert ours.lower == pytest.approx(theirs.pvalues["lower"], abs=1e-12)


def test_spa_is_hansen_s_on_the_same_draws(rng: np.random.Generator) -> None:
    for edge in (0.0, 0.0015):
        returns = noise(rng, 200, 7) * rng.uniform(0.5, 3, 7) - 0.002 * (rng.random(7) < 0.4)
        returns[:, 2] += edge
        indices, counts = drawn(200, 200, 8, 3)
        ours = superior._superior(returns, counts, 8.0)
        slow = plain.superior(returns, indices, 8.0)
        assert (ours.lower, ours.p_value, ours.upper) == pytest.approx(slow, abs=1e-12)
        assert ours.lower <= ours.p_value <= ours.upper


def test_the_variance_under_the_stationary_bootstrap_is_that_of_the_paper(rng: np.random.Generator) -> None:
    returns = noise(rng, 150, 3).cumsum(axis=0) / 10 + noise(rng, 150, 3)
    found = superior._deviation(returns, 6.0) ** 2
    assert found == pytest.approx([plain.kernel_variance(column, 6.0) for column in returns.T], rel=1e-9)


def test_our_own_draws_are_those_of_a_stationary_bootstrap(rng: np.random.Generator) -> None:
    from arch.bootstrap import SPA

    returns = noise(rng, 250, 6)
    returns[:, 0] += 0.0012
    ours = backtest.reality_check(returns, draws=4_000, block=12, seed=1)
    theirs = SPA(np.zeros(250), -returns, block_size=12, reps=4_000, studentize=False, seed=2)
    theirs.compute()
    p = theirs.pvalues["upper"]
    assert 0.02 < p < 0.98
    assert ours.p_value == pytest.approx(p, abs=4 * np.sqrt(2 * p * (1 - p) / 4_000))


def test_the_same_seed_draws_the_same(rng: np.random.Generator) -> None:
    returns = noise(rng, 120, 4)
    first, again = (backtest.superior_predictive_ability(returns, seed=3) for _ in range(2))
    other = backtest.superior_predictive_ability(returns, seed=4)
    assert (first.drawn == again.drawn).all() and not (first.drawn == other.drawn).all()


@pytest.mark.parametrize("measure", [backtest.reality_check, backtest.superior_predictive_ability])
def test_under_noise_the_p_values_are_uniform_and_an_edge_is_found(rng: np.random.Generator, measure: Any) -> None:
    found = [float(measure(noise(rng, 250, 15), draws=200, block=2, seed=i)) for i in range(150)]
    assert stats.kstest(found, "uniform").pvalue > 0.005
    returns = noise(rng, 500, 15)
    returns[:, 4] += 0.003
    better = measure(returns)
    assert better.p_value < 0.01 and better.best == 4


def test_poor_trials_hide_an_edge_from_the_reality_check_but_not_from_spa(rng: np.random.Generator) -> None:
    returns = np.column_stack([noise(rng, 400, 1) + 0.0016, noise(rng, 400, 60) * 6 - 0.02])
    assert backtest.superior_predictive_ability(returns).p_value < 0.05 < backtest.reality_check(returns).p_value


def test_a_benchmark_is_what_must_be_beaten(rng: np.random.Generator) -> None:
    market = noise(rng, 500, 1)[:, 0] + 0.003
    returns = market[:, None] + noise(rng, 500, 8) * 0.3
    assert backtest.superior_predictive_ability(returns).p_value < 0.01
    assert backtest.superior_predictive_ability(returns, market).p_value > 0.05
    with pytest.raises(InputError, match="the benchmark must be 500 returns"):
        backtest.superior_predictive_ability(returns, market[:-1])
    with pytest.raises(InputError, match="ever varies: nothing to test"):
        backtest.reality_check(np.column_stack([market, market]), market)
    with pytest.raises(InputError, match="block=600 is longer than the 500 periods"):
        backtest.reality_check(returns, block=600)


def test_stepwise_finds_the_planted_ones_as_arch_does(rng: np.random.Generator) -> None:
    from arch.bootstrap import StepM

    returns = noise(rng, 600, 20)
    returns[:, [2, 9, 15]] += (0.005, 0.004, 0.003)
    found = backtest.stepwise(returns, block=5)
    theirs = StepM(np.zeros(600), -returns, size=0.05, block_size=5, reps=1_000, seed=1)
    theirs.compute()
    assert found == (2, 9, 15) == tuple(theirs.superior_models)
    assert backtest.stepwise(noise(rng, 600, 20), level=0.01) == ()


# ---- haircut -------------------------------------------------------------------------------------------------------
def test_the_haircut_s_p_values_are_those_of_statsmodels(rng: np.random.Generator) -> None:
    sharpes = np.abs(rng.normal(0.03, 0.03, 40))
    p_values = 2 * stats.t.sf(sharpes * np.sqrt(1_000), 999)
    for method, theirs in (("bonferroni", "bonferroni"), ("holm", "holm"), ("bhy", "fdr_by")):
        adjusted = multipletests(p_values, method=theirs)[1]
        for k in range(40):
            found = backtest.haircut_sharpe(sharpes[k], observations=1_000, trials=40, sharpes=sharpes)
            assert found.p_values[method] == pytest.approx(adjusted[k], rel=1e-9)


def test_what_is_left_of_the_sharpe_ratio_has_the_adjusted_p_value(rng: np.random.Generator) -> None:
    sharpes = np.append(rng.normal(0, 0.03, 99), 0.12)
    found = backtest.haircut_sharpe(0.12, observations=1_200, trials=100, sharpes=sharpes)
    for method, left in found.sharpes.items():
        alone = stats.t.sf(left * np.sqrt(1_200), 1_199) * 2
        assert alone == pytest.approx(found.p_values[method], rel=1e-9)
        assert found.cuts[method] == pytest.approx(1 - left / 0.12)
    assert found.sharpes["bhy"] < 0.12 and found.sharpes["bonferroni"] <= found.sharpes["holm"]


def test_a_sample_of_the_tests_stands_for_all_of_them(rng: np.random.Generator) -> None:
    sharpes = rng.normal(0.01, 0.03, 200)
    whole = backtest.haircut_sharpe(sharpes.max(), observations=800, trials=1_000, sharpes=np.repeat(sharpes, 5))
    sample = backtest.haircut_sharpe(sharpes.max(), observations=800, trials=1_000, sharpes=sharpes)
    assert sample.p_values == pytest.approx(whole.p_values, rel=1e-9)
    lonely = backtest.haircut_sharpe(0.2, observations=800, trials=1_000)
    assert lonely.p_values["holm"] == lonely.p_values["bonferroni"] == pytest.approx(lonely.p_value * 1_000)


def test_a_haircut_of_nothing_known_is_refused() -> None:
    with pytest.raises(InputError, match="1 of 2 Sharpe ratios are missing"):
        backtest.haircut_sharpe(0.1, observations=100, trials=2, sharpes=[0.1, np.nan])
    with pytest.raises(InputError, match="trials=1 are fewer than the 2 Sharpe ratios"):
        backtest.haircut_sharpe(0.1, observations=100, trials=1, sharpes=[0.1, 0.2])
    assert backtest.haircut_sharpe(0.0, observations=100, trials=5).sharpes["holm"] == 0


# ---- effective number of trials ------------------------------------------------------------------------------------
def clusters(rng: np.random.Generator, rows: int, kinds: int, each: int, spread: float) -> NDArray[np.float64]:
    return np.repeat(rng.normal(size=(rows, kinds)), each, axis=1) + spread * rng.normal(size=(rows, kinds * each))


def test_different_trials_count_in_full_and_the_same_one_once(rng: np.random.Generator) -> None:
    different = backtest.effective_trials(rng.normal(size=(2_000, 100)))
    assert 85 <= different.count <= 100 and different.growth > 0.9
    same = np.repeat(rng.normal(size=(500, 1)), 50, axis=1)
    assert backtest.effective_trials(same).count == 1.0
    assert backtest.effective_trials(same[:, :1]).count == 1.0


def test_the_best_of_the_effective_number_is_the_best_of_the_correlated_ones(rng: np.random.Generator) -> None:
    """What it is for: the expected maximum in the trials' own spread, by simulating the searches themselves."""
    for shape in ({"kinds": 10, "each": 20, "spread": 0.3}, {"kinds": 40, "each": 5, "spread": 1.0}):
        best, spread = [], []
        for _ in range(300):
            returns = clusters(rng, 60, **shape)  # type: ignore[arg-type]
            sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
            best.append(sharpes.max())
            spread.append(sharpes.var(ddof=1))
        long = clusters(rng, 3_000, **shape)  # type: ignore[arg-type]
        count = backtest.effective_trials(long).count
        expected = backtest.expected_maximum_sharpe(count, float(np.mean(spread)))
        assert expected == pytest.approx(np.mean(best), rel=0.06)


def test_more_of_the_same_adds_little_and_a_sample_tells_it(rng: np.random.Generator) -> None:
    everything = clusters(rng, 1_000, 12, 80, 0.2)
    sample = everything[:, rng.permutation(960)[:240]]
    whole, told = backtest.effective_trials(everything), backtest.effective_trials(sample, trials=960)
    assert told.count == pytest.approx(whole.count, rel=0.35)
    assert told.count < 60 and told.growth < 0.6
    assert told.trials == 960 and told.sampled == 240


def test_gaps_are_correlated_over_what_two_paths_share(rng: np.random.Generator) -> None:
    whole = clusters(rng, 1_500, 8, 10, 0.3)
    gaps = whole.copy()
    gaps[:400, ::2], gaps[1_200:, 1::2] = np.nan, np.nan
    assert backtest.effective_trials(gaps).count == pytest.approx(backtest.effective_trials(whole).count, rel=0.2)
    apart = whole[:, :2].copy()
    apart[:750, 0], apart[750:, 1] = np.nan, np.nan
    assert backtest.effective_trials(apart).average_correlation == 0, "no common day, nothing in common"


def test_older_answers_are_given_beside_it(rng: np.random.Generator) -> None:
    found = backtest.effective_trials(rng.normal(size=(5_000, 20)) + rng.normal(size=(5_000, 1)))
    assert found.average_correlation == pytest.approx(0.5, abs=0.03)
    assert found.by_average == pytest.approx(0.5 + 0.5 * 20, abs=0.6)
    assert found.by_participation == pytest.approx(20 / (1 + 19 * 0.25), abs=0.3)
    assert found.count > 15, "what all have in common adds nothing to their spread, nor to the best of them"


def test_what_is_no_sample_of_trials_is_refused() -> None:
    with pytest.raises(InputError, match="not of shape"):
        backtest.effective_trials(np.zeros(5))
    with pytest.raises(InputError, match="trials=3 are fewer than the 5 paths"):
        backtest.effective_trials(np.random.default_rng(0).normal(size=(50, 5)), trials=3)


# ---- larger --------------------------------------------------------------------------------------------------------
@pytest.mark.soak
def test_at_full_size_noise_is_noise_and_skill_is_skill() -> None:
    rng = np.random.default_rng(20261121)
    doubts = [float(backtest.pbo(noise(rng, 1_000, 100), 16)) for _ in range(60)]
    assert 0.45 < np.mean(doubts) < 0.55
    p_values = [
        float(backtest.superior_predictive_ability(noise(rng, 1_000, 100), draws=500, block=5, seed=i))
        for i in range(300)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.005
    overfitted, believed, textbook = [], 0, 0
    for i in range(60):
        returns = noise(rng, 1_250, 100)
        returns[:, 50] += 0.002
        overfitted.append(float(backtest.pbo(returns)))
        believed += backtest.superior_predictive_ability(returns, draws=300, seed=i).p_value < 0.05
        t = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * math.sqrt(len(returns))
        textbook += t.max() > stats.norm.ppf(0.95 ** (1 / 100))  # Šidák (1967), for trials that are independent
    assert np.mean(overfitted) < 0.1, "one of a hundred has skill, and half of the history shows it most of the time"
    assert believed >= textbook - 3 and textbook >= 54


def test_no_warning_where_there_is_nothing_to_warn_of(rng: np.random.Generator) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backtest.pbo(noise(rng, 100, 100), 4)
        backtest.superior_predictive_ability(noise(rng, 100, 20), draws=50)
        backtest.effective_trials(noise(rng, 50, 100))
