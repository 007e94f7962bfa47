"""What a search may choose from, and where it looks next."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.backtest import Between
from aura_lib.backtest.search.draw import sampler
from aura_lib.backtest.search.space import Points, Space
from aura_lib.core import InputError

METHODS = ("grid", "random", "sobol", "bayes")
EVERY = pytest.mark.parametrize("method", METHODS)


def all_of(method: str, space: Space, batch: int = 7, seed: int = 1, most: int = 10_000) -> list[dict[str, Any]]:
    """Everything a sampler gives, told that each point is worth its first coordinate."""
    asked = sampler(method, space, seed)
    found: list[dict[str, Any]] = []
    while len(points := asked.ask(min(batch, most - len(found)))):
        asked.tell(points, points[:, 0])
        found += space.rows(points)
    return found


def same(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.values())


@EVERY
def test_a_small_space_is_given_to_the_last_combination_and_none_of_them_twice(method: str) -> None:
    space = Space.of({"a": range(3), "b": ["x", "y"], "c": [True, False], "d": 2.5})
    found = [same(row) for row in all_of(method, space)]
    assert len(found) == len(set(found)) == space.size == 12
    assert set(found) == set(itertools.product(range(3), "xy", (True, False), (2.5,)))


@EVERY
def test_what_where_rules_out_is_never_given(method: str) -> None:
    space = Space.of({"fast": range(1, 9), "slow": range(1, 9)}, lambda fast, slow: fast < slow)
    found = all_of(method, space)
    assert sorted(map(same, found)) == [(a, b) for a in range(1, 9) for b in range(1, 9) if a < b]


@pytest.mark.parametrize(
    "where",
    [
        "fast < slow and kind != 'ema'",
        lambda fast, slow, kind: (fast < slow) & (kind != "ema"),
        lambda kind, slow, fast: fast < slow and kind != "ema",  # of one combination at a time
        lambda **given: (given["fast"] < given["slow"]) & (given["kind"] != "ema"),
    ],
    ids=["text", "columns", "values", "keywords"],
)
def test_a_condition_may_be_text_or_a_function_of_columns_or_of_values(where: Any) -> None:
    space = Space.of({"fast": range(1, 4), "slow": range(1, 4), "kind": ["sma", "ema"]}, where)
    assert [same(row) for row in all_of("grid", space)] == [(1, 2, "sma"), (1, 3, "sma"), (2, 3, "sma")]


@pytest.mark.parametrize("method", ["random", "sobol", "bayes"])
def test_the_same_seed_gives_the_same_points_and_another_seed_others(method: str) -> None:
    space = Space.of({"a": range(50), "b": Between(0.01, 1.0, log=True)})
    first = all_of(method, space, seed=5, most=40)
    assert first == all_of(method, space, seed=5, most=40) != all_of(method, space, seed=6, most=40)
    assert len(first) == 40 and all(0.01 <= row["b"] <= 1.0 for row in first)


def test_a_space_of_ten_to_the_twelve_is_searched_without_being_written_out() -> None:
    space = Space.of({name: range(1000) for name in "abcd"})
    assert space.size == 10**12
    for method in ("random", "sobol"):
        found = {same(row) for row in all_of(method, space, batch=2000, most=5000)}
        assert len(found) == 5000


def test_a_condition_that_nothing_meets_ends_the_search_instead_of_running_for_ever() -> None:
    space = Space.of({"a": Between(0, 1)}, lambda a: a > 2)
    assert all_of("random", space) == []


def test_sobol_points_cover_the_space_more_evenly_than_random_ones() -> None:
    def emptiest(method: str) -> int:
        space = Space.of({"a": Between(0, 1), "b": Between(0, 1)})
        points = np.array([same(row) for row in all_of(method, space, batch=256, most=256)])
        return int(np.histogram2d(points[:, 0], points[:, 1], bins=8, range=[[0, 1], [0, 1]])[0].min())

    assert emptiest("sobol") > emptiest("random")  # 4 points in each of 64 cells on average


def worth(space: Space, points: Points) -> np.ndarray:
    column = space.columns(points)
    return -(((column["fast"] - 21) / 30.0) ** 2) - ((column["slow"] - 120) / 60.0) ** 2


def best_of(method: str, seed: int, trials: int) -> float:
    space = Space.of({"fast": range(2, 100), "slow": range(10, 250)}, "fast < slow")
    asked, best, done = sampler(method, space, seed), -math.inf, 0
    while done < trials:
        points = asked.ask(min(10, trials - done))
        scores = worth(space, points)
        asked.tell(points, scores)
        best, done = max(best, float(scores.max())), done + len(points)
    return best


def test_a_bayesian_search_comes_closer_to_the_top_than_a_random_one() -> None:
    trials, seeds = 60, range(3)
    random = np.mean([best_of("random", seed, trials) for seed in seeds])
    bayes = np.mean([best_of("bayes", seed, trials) for seed in seeds])
    assert bayes > random / 3  # both are negative distances from the top


def test_worths_without_a_number_mislead_no_bayesian_search() -> None:
    space = Space.of({"a": Between(0, 1)})
    asked = sampler("bayes", space, 1)
    for _ in range(5):
        points = asked.ask(8)
        asked.tell(points, np.where(points[:, 0] > 0.5, np.nan, -abs(points[:, 0] - 0.2)))
    later = asked.ask(10)[:, 0]
    assert np.mean(later <= 0.5) > 0.7


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "a space names parameters"),
        ([1, 2], "a space names parameters"),
        ({"a": []}, "a has no value"),
        ({"a": np.array([])}, "a has no value"),
        ({"a": [1.0, math.nan]}, "finite number"),
        ({"a": [math.inf]}, "finite number"),
    ],
)
def test_a_space_that_is_none_is_refused(given: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Space.of(given)


@pytest.mark.parametrize(("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True), (math.nan, 1, False)])
def test_an_interval_without_an_inside_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(InputError, match="Between"):
        Between(low, high, log)


@pytest.mark.parametrize(
    ("where", "told"), [("fast < nowhere", "no condition"), (lambda slow: slow > 1, "asks for slow"), (3, "where=3")]
)
def test_a_condition_on_something_else_is_refused(where: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        all_of("grid", Space.of({"fast": [1, 2]}, where))


def test_an_interval_has_no_grid_and_an_unknown_method_is_named() -> None:
    space = Space.of({"a": Between(0, 1)})
    with pytest.raises(InputError, match="Between has no end"):
        all_of("grid", space)
    with pytest.raises(InputError, match="method='tpe'"):
        sampler("tpe", space, 0)


@given(st.lists(st.integers(-20, 20) | st.floats(-5, 5), min_size=1, max_size=8))
def test_numbers_are_ordered_and_each_is_there_once(values: list[float]) -> None:
    space = Space.of({"a": values})
    assert [row["a"] for row in all_of("grid", space)] == sorted(set(values))


def test_an_interval_is_drawn_evenly_in_its_logarithm_when_asked() -> None:
    space = Space.of({"a": Between(0.001, 1.0, log=True)})
    drawn = np.array([row["a"] for row in all_of("sobol", space, batch=512, most=512)])
    assert np.mean(drawn < 0.01) == pytest.approx(1 / 3, abs=0.02)
    assert np.mean(drawn < 0.1) == pytest.approx(2 / 3, abs=0.02)
