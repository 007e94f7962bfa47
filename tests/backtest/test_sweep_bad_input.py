"""What a sweep refuses, and what it says: the value, the place, the rule's line, what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aura_lib.backtest.sweep import Grid, Job, evaluate, features, rule, rules, sweep
from aura_lib.core import DataError, InputError, ModelError
from aura_lib.exchange import Costs
from tests.backtest.sweep_cases import ALL, COSTLY, asserting, random_bars

PAIR = {"fast": [2, 3], "slow": [5, 9]}


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ({"fast": [2]}, "misses slow"),
        ({"fast": [2], "slow": [5], "slwo": [3]}, "unknown slwo"),
        ({"fast": [], "slow": [5]}, "fast has no values: the grid is empty"),
        ({"fast": [3, 2], "slow": [5]}, "fast: 3 is followed by 2"),
        ({"fast": [2, 2], "slow": [5]}, "fast: 2 appears twice"),
        ({"fast": [2, math.nan], "slow": [5]}, "fast: value 1 is nan"),
        ({"fast": ["2"], "slow": [5]}, "'2' first: numbers are needed"),
        ({"fast": [True], "slow": [5]}, "fast holds bool"),
        ({"fast": "2", "slow": [5]}, "must be a list, range or array"),
        ({"fast": [[1, 2]], "slow": [5]}, "must be flat"),
        ({"fast": [2.5], "slow": [5]}, "must be a whole number of bars"),
    ],
)
def test_a_wrong_grid_is_refused_by_the_name_of_the_parameter(rng, grid, told):
    with pytest.raises(InputError, match=told):
        sweep(rules.sma_crossover, random_bars(rng, 50), grid, metrics=ALL, count=False)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("fast > slow", "the grid is empty: none of its 4 combinations"),
        ("fast < slwo", "no condition on fast, slow"),
        ("__import__('os')", "no condition on fast, slow"),
        (lambda fast: True, "it must compare arrays"),
        (lambda fast, window: fast < window, "asks for window"),
        (7, "must be a function of arrays"),
    ],
)
def test_a_wrong_constraint_is_refused(rng, where, told):
    with pytest.raises(InputError, match=told):
        sweep(rules.sma_crossover, random_bars(rng, 50), PAIR, where=where, count=False)


def test_a_grid_of_a_thousand_million_is_refused_at_once_with_an_estimate_and_a_way_out(rng):
    grid = {"fast": range(1, 31_624), "slow": range(31_624, 63_247)}
    with pytest.raises(
        InputError, match=r"1,000,014,129 combinations \(fast 31,623 × slow 31,623.*about .* GB"
    ) as caught:
        sweep(rules.sma_crossover, random_bars(rng, 50), grid, where="fast < slow", count=False)
    assert "backtest.search" in str(caught.value) and "max_combinations=1000014129" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fill": "yesterday"}, "fill='yesterday' must be one of"),
        ({"metrics": ["sharp"]}, "unknown metrics"),
        ({"metrics": "sharpe"}, "must be a list of names"),
        ({"keep": -1}, "keep=-1"),
        ({"rank": "calmar", "metrics": ["sharpe"]}, "rank='calmar' is not among"),
        ({"engine": "gpu"}, "engine='gpu'"),
        ({"threads": 0}, "threads=0"),
        ({"costs": Costs(min_commission=COSTLY.commission_bps)}, "a minimum commission needs `backtest.run`"),
    ],
)
def test_a_wrong_choice_is_refused(rng, changes, told):
    with pytest.raises(InputError, match=told):
        sweep(rules.sma_crossover, random_bars(rng, 50), PAIR, **({"metrics": ALL, "count": False} | changes))


def test_what_the_bars_do_not_have_is_said(rng):
    bars = random_bars(rng, 50)
    with pytest.raises(InputError, match="needs high, low; the bars have close, open"):
        sweep(rules.donchian, bars, {"enter": 5, "leave": 3}, count=False)
    with pytest.raises(DataError, match="hold no close"):
        sweep(rules.sma_crossover, bars.until(bars.start.replace(year=2000)), PAIR, count=False)


def test_parameters_of_a_chunk_are_checked(rng):
    job = Job.of(rules.sma_crossover, random_bars(rng, 50), metrics=ALL)
    with pytest.raises(InputError, match=r"must be n × 2 \(fast, slow\)"):
        evaluate(job, np.ones((3, 3)))
    with pytest.raises(InputError, match="combination 1: slow = inf"):
        evaluate(job, np.array([[1.0, 2.0], [1.0, np.inf]]))


def _divides(close, floor):
    return 1.0 / (floor - floor) if close > floor else 0.0


def _raises(close, floor):
    if close > floor:
        raise ValueError("too dear")
    return 0.0


def _too_much(close, floor):
    return 2.0 if close > floor else 0.5


@pytest.mark.parametrize(
    ("step", "told", "line"),
    [
        (_divides, "ZeroDivisionError: float division by zero", "return 1.0 / (floor - floor)"),
        (_raises, "ValueError: too dear", 'raise ValueError("too dear")'),
        (asserting, "AssertionError: above", 'assert close <= floor, "above"'),
        (_too_much, "it wants 2.0, more than its limit of 1; it was given close=", "return 2.0 if close > floor"),
    ],
)
def test_a_rule_that_goes_wrong_is_told_with_its_bar_its_parameters_and_its_line(rng, step, told, line):
    bars = random_bars(rng, 40)
    floor = float(bars.close["S0"].iloc[:30].max())
    first = bars.times[bars.close["S0"] > floor]
    if not len(first):
        bars, first = random_bars(np.random.default_rng(3), 40), []
        floor = float(bars.close["S0"].iloc[:5].max())
        first = bars.times[bars.close["S0"] > floor]
    with pytest.raises(ModelError) as caught:
        sweep(rule(step), bars, {"floor": [floor, 1e6]}, metrics=["sharpe"], count=False)
    said = str(caught.value)
    assert told in said and line in said and f"{first[0]:%Y-%m-%d}" in said and f"floor={floor:g}" in said


def _dictionary(close, floor):
    found = {"a": close}
    return found.items().nothing()


def test_a_rule_that_does_not_compile_shows_its_line(rng):
    with pytest.raises(ModelError, match=r"rule '_dictionary' does not compile: .*\n.*line \d+: return found.items"):
        sweep(rule(_dictionary), random_bars(rng, 30), {"floor": [1]}, metrics=["sharpe"], count=False)


TABLE = [1, 2, 3]


def _draws(close):
    return np.random.rand() > 0.5  # noqa: NPY002 - that is what is refused


def _writes(close):
    global TABLE
    TABLE = []
    return close > 1.0


def _reads_a_list(close):
    return close > TABLE[0]


def _nothing(close):
    close + 1.0


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (_draws, "a rule must be deterministic"),
        (_writes, "declare it as state"),
        (_reads_a_list, "uses TABLE = list from outside"),
        (_nothing, "returns nothing"),
        (lambda close: close > 1.0, "made with `def`"),
        (math.sqrt, "made with `def`"),
    ],
)
def test_a_step_that_cannot_be_a_rule_is_refused_when_it_is_made(step, told):
    with pytest.raises(InputError, match=told):
        rule(step)


def test_names_that_do_not_fit_are_refused_when_the_rule_is_made():
    def above(close, mean):
        return close > mean

    def counting(close, seen):
        return close > seen

    with pytest.raises(InputError, match="its step has no argument spread"):
        rule(above, features={"mean": (features.sma, "window"), "spread": (features.deviation, "window")})
    with pytest.raises(InputError, match=r"params says \['windows'\]"):
        rule(above, ["windows"], features={"mean": (features.sma, "window")})
    with pytest.raises(InputError, match="must return the wish and 1 number"):
        rule(counting, state={"seen": 0.0})
    with pytest.raises(InputError, match="missing: slow"):
        rules.sma_crossover.values({"fast": 3})


def test_a_grid_is_walked_through_in_pieces_and_in_order():
    grid = Grid.of(rules.sma_crossover, {"fast": range(1, 60), "slow": range(2, 70)}, "fast < slow and slow % 2 == 0")
    pieces = list(grid.chunks(100))
    expected = [(f, s) for f in range(1, 60) for s in range(2, 70) if f < s and s % 2 == 0]
    assert np.concatenate(pieces).tolist() == [list(map(float, each)) for each in expected]
    assert grid.count() == len(expected) and max(map(len, pieces)) <= 100


@pytest.mark.parametrize(
    "where", ["2 < fast <= slow", "not fast > slow and fast > 2", lambda slow, fast: (fast <= slow) & (fast > 2)]
)
def test_a_condition_as_text_and_as_a_function_are_the_same(where):
    rows = np.concatenate(
        list(Grid.of(rules.sma_crossover, {"fast": range(1, 9), "slow": range(1, 9)}, where).chunks())
    )
    assert rows.tolist() == [[float(f), float(s)] for f in range(3, 9) for s in range(f, 9)]
