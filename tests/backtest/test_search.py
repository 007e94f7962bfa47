"""A search over rules and over decides: what it looks at, what it keeps, and what it refuses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import Between, counting, folds, rules, search
from aura_lib.backtest.search import run as loop
from aura_lib.backtest.search.decisions import figures
from aura_lib.backtest.sweep import Job
from aura_lib.core import Bars, InputError, Mandate, TargetWeights
from aura_lib.ledger import Ledger, trials
from tests.backtest.scenarios import market_of

RULE = rules.sma_crossover
SPACE = {"fast": range(2, 12), "slow": range(10, 60, 5)}
FOLDS = folds.walk_forward(120, train=50, test=30)
SCHEDULE = "XNYS week-end close"


@pytest.fixture
def bars(rng: np.random.Generator) -> Bars:
    return market_of(rng, 120, 1)


Values = Callable[[np.ndarray], np.ndarray]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """In place of the compiled kernel: Sharpe ratios that are best in train at (6, 30), in test at (9, 50)."""
    asked: list[np.ndarray] = []

    def evaluate(job: Job, parameters: np.ndarray) -> np.ndarray:
        asked.append(parameters)
        values = np.zeros((len(parameters), len(job.labels), len(job.metrics)))
        for window, label in enumerate(job.labels):
            top = (9, 50) if label.startswith("test") else (6, 30)
            distance = abs(parameters[:, 0] - top[0]) + abs(parameters[:, 1] - top[1]) / 5
            values[:, window, job.metrics.index("sharpe")] = 2 - distance / 4
        return values

    monkeypatch.setattr(loop, "evaluate", evaluate)
    monkeypatch.setattr(loop, "returns", lambda job, rows: np.zeros((len(job.live), len(rows)), dtype=np.float32))
    return asked


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["grid", "random", "sobol", "bayes"])
def test_a_search_finds_the_top_of_train_and_never_looks_at_test(
    method: str, bars: Bars, stand_in: list[np.ndarray]
) -> None:
    found = search(RULE, bars, SPACE, folds=FOLDS, trials=100, method=method)
    best = found.best(n=1).iloc[0]
    assert (best["fast"], best["slow"], best["sharpe"]) == (6, 30, 2.0)
    assert best["sharpe, test"] == pytest.approx(2 - (3 + 4) / 4)  # told, though nothing was chosen by it
    assert found.exhausted and found.count == 100 and len(found.combinations.drop_duplicates()) == 100
    assert np.nanargmax(found.objective) == found.combinations.query("fast == 6 and slow == 30").index[0]


def test_other_test_rows_change_nothing_in_what_is_tried(bars: Bars, stand_in: list[np.ndarray]) -> None:
    def tried(given: list[backtest.Fold]) -> pd.DataFrame:
        return search(RULE, bars, SPACE, folds=given, trials=30, seed=2).combinations

    moved = [backtest.Fold(fold.train, np.arange(100, 120)) for fold in FOLDS[:1]]
    pd.testing.assert_frame_equal(tried(FOLDS[:1]), tried(moved))


def test_no_combination_is_evaluated_twice_and_a_small_space_ends_the_search(
    bars: Bars, stand_in: list[np.ndarray]
) -> None:
    found = search(RULE, bars, {"fast": [2, 3], "slow": [10, 20]}, trials=100_000)
    rows = np.concatenate(stand_in)
    assert len(rows) == len(np.unique(rows, axis=0)) == found.count == 4 and found.exhausted


def test_one_point_is_a_space(bars: Bars, stand_in: list[np.ndarray]) -> None:
    found = search(RULE, bars, {"fast": 5, "slow": [20]}, trials=10)
    assert found.count == 1 and found.exhausted and found.best()["fast"].tolist() == [5]


def test_an_interrupt_gives_back_what_was_done(bars: Bars, stand_in: list[np.ndarray]) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 50
        if done >= 20:
            raise KeyboardInterrupt

    found = search(RULE, bars, SPACE, trials=50, method="random", batch=10, progress=stop)
    assert found.interrupted and not found.exhausted and found.count == len(found.table()) == 20
    assert "interrupted" in repr(found)


def test_every_combination_counts_as_a_trial_and_a_repeated_search_adds_none(
    bars: Bars, stand_in: list[np.ndarray]
) -> None:
    family = counting.family_of(RULE.step)
    tried: set[tuple[Any, ...]] = set()
    for seed in (1, 1, 2):
        found = search(RULE, bars, SPACE, trials=30, method="random", seed=seed)
        tried |= {tuple(row) for row in found.combinations.to_numpy().tolist()}
        with Ledger.open() as ledger:
            assert trials.history(ledger, family).count == len(tried)
    assert 30 < len(tried) < 60


def test_metrics_without_a_number_are_never_the_best(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(job: Job, parameters: np.ndarray) -> np.ndarray:
        values = np.zeros((len(parameters), len(job.labels), len(job.metrics)))
        values[:, :, job.metrics.index("sharpe")] = np.where(parameters[:, :1] == 3, -1.0, np.nan)
        return values

    monkeypatch.setattr(loop, "evaluate", evaluate)
    monkeypatch.setattr(loop, "returns", lambda job, rows: np.zeros((len(job.live), len(rows)), dtype=np.float32))
    found = search(RULE, bars, SPACE, trials=100, method="random")
    assert found.best(n=3)["fast"].tolist() == [3, 3, 3] and len(found.best(n=500)) == 10
    nothing = search(RULE, bars, {"fast": [4, 5], "slow": [20, 30]}, trials=10)
    assert nothing.best().empty and "none has a number" in repr(nothing)


def test_less_is_better_for_some_metrics(bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(job: Job, parameters: np.ndarray) -> np.ndarray:
        values = np.zeros((len(parameters), len(job.labels), len(job.metrics)))
        values[:, :, job.metrics.index("volatility")] = parameters[:, :1]
        return values

    monkeypatch.setattr(loop, "evaluate", evaluate)
    monkeypatch.setattr(loop, "returns", lambda job, rows: np.zeros((len(job.live), len(rows)), dtype=np.float32))
    assert search(RULE, bars, SPACE, trials=100, metric="volatility", method="sobol").best()["fast"].tolist() == [2]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trials": 0}, "trials=0"),
        ({"trials": True}, "trials=True"),
        ({"trials": 2.5}, "trials=2.5"),
        ({"batch": 0, "trials": 5}, "batch=0"),
        ({"space": {}}, "a space names parameters"),
        ({"space": {"fast": [2], "slow": [10], "medium": [5]}}, "unknown medium"),
        ({"space": {"fast": [2]}}, "missing slow"),
        ({"space": {"fast": ["short", "long"], "slow": [10]}}, "fast may be 'short', 'long': a compiled rule"),
        ({"where": "fast > 1000"}, "leaves no combination"),
        ({"metric": "happiness"}, "happiness"),
        ({"method": "guess"}, "method='guess'"),
        ({"engine": "spark"}, "engine='spark'"),
        ({"mandate": Mandate(("S00",))}, "mandate = … is for a `decide`"),
        ({"trials": 10**9, "space": {"fast": Between(2, 3), "slow": Between(5, 6)}}, "GB of results"),
    ],
)
def test_what_a_search_cannot_do_is_refused_by_name(
    changes: dict[str, Any], told: str, bars: Bars, stand_in: list[np.ndarray]
) -> None:
    given: dict[str, Any] = {"trials": 10, "space": SPACE, **changes}
    with pytest.raises(InputError, match=told):
        search(RULE, bars, given.pop("space"), **given)
    assert not stand_in


def test_a_search_of_the_whole_space_is_the_sweep(bars: Bars) -> None:
    laid_out = backtest.sweep(RULE, bars, SPACE, folds=FOLDS)
    drawn = search(RULE, bars, SPACE, folds=FOLDS, trials=1000, method="sobol")
    keys = ["fast", "slow", "fold", "part"]
    expected = laid_out.table().astype({"fast": int, "slow": int}).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(drawn.table().sort_values(keys, ignore_index=True), expected)
    which = drawn.combinations.iloc[7].to_dict()
    pd.testing.assert_series_equal(drawn.returns(7), laid_out.returns(which))
    assert drawn.paths.shape == (120, 100)


# ── decides ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def momentum(market: Any, account: Any, mandate: Mandate, lookback: int = 5, top: int = 1, side: str = "best") -> Any:
    close = market.close
    gain = close.iloc[-1] / close.iloc[-1 - lookback] - 1
    names = gain.sort_values(ascending=side == "worst").index[:top]
    return TargetWeights(dict.fromkeys(names, 0.2), market.as_of)


def several(rng: np.random.Generator) -> Bars:
    return market_of(rng, 160, 4)


def decided(bars: Bars, space: Any, **changes: Any) -> Any:
    given: dict[str, Any] = {"mandate": Mandate(bars.symbols, capital=Decimal(10_000_000)), "schedule": SCHEDULE,
                             "warmup": 31, "trials": 100}  # fmt: skip
    return search(changes.pop("decide", momentum), bars, space, **given | changes)


def test_a_combination_of_a_decide_is_what_run_makes_of_it(rng: np.random.Generator) -> None:
    bars = several(rng)
    found = decided(bars, {"lookback": [5, 20], "top": [1, 2], "side": ["best", "worst"]}, method="random")
    assert found.count == 8 and found.exhausted and not found.failures
    table = found.table()
    for row in (0, 5):
        params = found.combinations.iloc[row].to_dict()
        mandate = Mandate(bars.symbols, capital=Decimal(10_000_000))
        alone = backtest.run(momentum, bars, mandate, params=params, schedule=SCHEDULE, warmup=31)
        np.testing.assert_allclose(found.returns(row).loc[alone.returns.index], alone.returns, atol=1e-12)
        for name in ("sharpe", "total_return", "max_drawdown"):
            assert table.loc[row, name] == pytest.approx(alone.stats[name], abs=1e-9)


def test_processes_change_the_time_it_takes_and_nothing_else(rng: np.random.Generator) -> None:
    bars = several(rng)
    space = {"lookback": range(2, 30), "side": ["best", "worst"]}
    cut = folds.walk_forward(160, train=60, test=40)
    alone = decided(bars, space, trials=16, folds=cut, workers=1)
    together = decided(bars, space, trials=16, folds=cut, workers=2)
    pd.testing.assert_frame_equal(alone.table(), together.table())
    np.testing.assert_array_equal(alone.paths, together.paths)
    assert alone.paths.shape == (160, 16)


def test_a_combination_that_the_data_refuse_has_no_number_and_costs_no_other(rng: np.random.Generator) -> None:
    found = decided(several(rng), {"lookback": [5, 31, 500]}, method="grid")
    assert np.isfinite(found.objective).tolist() == [True, True, False]
    assert list(found.failures) == ["{'lookback': 500}"] and "out-of-bounds" in found.failures["{'lookback': 500}"]


def test_when_every_combination_is_refused_the_reason_is_told(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match=r"all 2 combinations were refused.*out-of-bounds"):
        decided(several(rng), {"lookback": [500, 600]})


def test_a_mistake_in_the_code_is_raised_with_its_parameters(rng: np.random.Generator) -> None:
    def wrong(market: Any, account: Any, mandate: Mandate, lookback: int) -> Any:
        return market.no_such_thing

    with pytest.raises(AttributeError) as raised:
        decided(several(rng), {"lookback": [5]}, decide=wrong)
    assert any("'lookback': 5" in note for note in raised.value.__notes__)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"space": {"look_back": [5]}}, r"`decide` takes lookback, top, side; the space names \['look_back'\]"),
        ({"mandate": None}, "needs mandate= and schedule="),
        ({"schedule": ""}, "needs mandate= and schedule="),
        ({"fill": "next open"}, "fill = … is for a rule"),
        ({"engine": "dask"}, "engine = … is for a rule"),
        ({"metrics": ["orders"]}, r"metrics \['orders'\]"),
        ({"decide": 3}, "a Rule or a Python `decide`, not 3"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_what_a_search_over_a_decide_cannot_do_is_refused(
    changes: dict[str, Any], told: str, rng: np.random.Generator
) -> None:
    with pytest.raises(InputError, match=told):
        decided(several(rng), changes.pop("space", {"lookback": [5]}), **changes)


def test_the_figures_of_a_window_are_those_of_a_slow_recomputation(rng: np.random.Generator) -> None:
    returns = rng.normal(0.001, 0.02, 80)
    made = figures(returns, 252)
    mean = sum(returns) / 80
    spread = math.sqrt(sum((r - mean) ** 2 for r in returns) / 79)
    equity = list(itertools.accumulate(returns, lambda value, r: value * (1 + r), initial=1.0))
    tops = list(itertools.accumulate(equity, max))
    worst = min(value / top - 1 for value, top in zip(equity, tops, strict=True))
    annual = equity[-1] ** (252 / 80) - 1
    expected = {
        "total_return": equity[-1] - 1, "annual_return": annual, "volatility": spread * math.sqrt(252),
        "sharpe": mean / spread * math.sqrt(252), "max_drawdown": worst, "calmar": annual / -worst,
        "sortino": mean * 252 / (math.sqrt(sum(min(r, 0) ** 2 for r in returns) / 80) * math.sqrt(252)),
    }  # fmt: skip
    assert made == pytest.approx(expected)
    assert figures(np.zeros(5), 252) == pytest.approx(
        {"total_return": 0, "annual_return": 0, "volatility": 0, "sharpe": math.nan, "sortino": math.nan,
         "max_drawdown": 0, "calmar": math.nan}, nan_ok=True,
    )  # fmt: skip


def test_a_rule_walks_forward_and_a_decide_is_told_where_it_can(bars: Bars, rng: np.random.Generator) -> None:
    laid_out = backtest.sweep(RULE, bars, SPACE, folds=FOLDS).walk_forward()
    drawn = search(RULE, bars, SPACE, folds=FOLDS, trials=1000, method="grid").walk_forward()
    pd.testing.assert_series_equal(laid_out.returns, drawn.returns)
    found = decided(several(rng), {"lookback": [5, 6]})
    with pytest.raises(InputError, match=r"backtest\.validation"):
        found.walk_forward()
    with pytest.raises(InputError, match=r"backtest\.run\(decide, \.\.\., params="):
        found.path(0)
