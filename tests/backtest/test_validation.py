"""Walk-forward and cross-validation: chosen on training rows alone, traded through the loop, costs included."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import folds, validation
from aura_lib.backtest.case import Case
from aura_lib.core import Account, Bars, InputError, Mandate, Market, ModelError, TargetWeights
from aura_lib.exchange import Costs
from tests.backtest.small_strategies import WEEKLY, careful, strongest, trending

BARS = trending(1, sessions=420)
MANDATE = Mandate(BARS.symbols)
GRID = {"lookback": [5, 20], "top": [2, 3]}
SIZES: dict[str, Any] = {"train": 150, "test": 70}


def walk(decide: Any = strongest, **given: Any) -> validation.WalkForward:
    asked: dict[str, Any] = {"schedule": WEEKLY, "grid": GRID, "warmup": 60, "processes": 1, **SIZES, **given}
    return validation.walk_forward(decide, BARS, MANDATE, **asked)


def test_each_fold_takes_what_was_best_on_its_training_rows_recomputed_from_plain_backtests() -> None:
    found = walk()
    tried = {}
    for cell in validation.cells(GRID):
        run = backtest.run(strongest, BARS, MANDATE, schedule=WEEKLY, params=cell, warmup=60)
        tried[tuple(cell.values())] = run.returns.to_numpy()
    for choice, fold in zip(found.choices, folds.walk_forward(359, **SIZES), strict=True):
        ratios = {cell: returns[fold.train].mean() / returns[fold.train].std(ddof=1) for cell, returns in tried.items()}
        best = max(ratios, key=lambda cell: ratios[cell])
        assert tuple(choice.params.values()) == best
        assert choice.train_sharpe == pytest.approx(ratios[best] * 252**0.5)
    assert list(found.returns.index) == list(BARS.times[61 + 150 :])


def test_the_stitched_returns_are_those_of_a_strategy_that_switches_at_the_folds() -> None:
    found = walk()
    starts = [BARS.times[60 + choice.fold.test[0]] for choice in found.choices]
    before = [t for t in Case.of(strongest, BARS, MANDATE, schedule=WEEKLY, warmup=60).slots if t <= starts[0]][-1]

    def switching(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        at = max(sum(start <= market.as_of for start in starts) - 1, 0)
        return strongest(market, account, mandate, **found.choices[at].params)

    plain = backtest.run(switching, BARS, MANDATE, schedule=WEEKLY, start=before)
    np.testing.assert_allclose(found.returns, plain.returns.loc[found.returns.index], atol=1e-12)


def test_the_cells_of_a_validation_are_trials_and_the_same_cells_count_once() -> None:
    walk()
    walk()
    asked = {"schedule": WEEKLY, "grid": GRID, "warmup": 60, "processes": 1}
    validation.cross_validate(strongest, BARS, MANDATE, groups=4, test_groups=2, **asked)
    found = backtest.trials(strongest)
    assert (found.count, found.sweeps, found.abandoned) == (4, 1, 0)
    assert found.paths is not None and found.paths.shape[1] == 4
    ratios = [backtest.trials(strongest).sharpe_best]
    runs = [
        backtest.run(strongest, BARS, MANDATE, schedule=WEEKLY, params=c, warmup=60) for c in validation.cells(GRID)
    ]
    assert max(ratios) == pytest.approx(max(r.returns.mean() / r.returns.std() for r in runs))
    with backtest.counting.uncounted():
        walk(grid={"lookback": [7], "top": [2]})
    assert backtest.trials(strongest).count == 8, "the backtests are trials of their own"


def test_a_strategy_that_looks_at_its_account_is_asked_again_with_the_same_result() -> None:
    pd.testing.assert_series_equal(walk(careful).returns, walk().returns)


def test_costs_are_paid_out_of_sample_too() -> None:
    dear = walk(costs=Costs(commission_bps=Decimal(50)))
    assert dear.returns.sum() < walk(costs=Costs(commission_bps=Decimal(0))).returns.sum() - 0.02


def test_fit_sees_the_training_bars_of_its_fold_and_nothing_else() -> None:
    seen: list[pd.DatetimeIndex] = []

    def fit(bars: Bars, **params: Any) -> dict[str, Any]:
        seen.append(bars.times)
        return {"lookback": 5 if bars.close.iloc[-1].mean() > bars.close.iloc[0].mean() else 20}

    found = walk(fit=fit, grid={"top": [2, 3]})
    cut = folds.walk_forward(359, **SIZES)
    assert len(seen) == 2 * len(cut)
    for number, fold in enumerate(cut):
        assert list(seen[2 * number]) == list(BARS.times[61 + fold.train])
    assert all({"lookback", "top"} <= set(choice.params) for choice in found.choices)


def test_a_fit_that_learns_no_parameters_is_refused() -> None:
    with pytest.raises(InputError, match="fit must return a dict"):
        walk(fit=lambda bars, **params: 3)


def crossed(**given: Any) -> validation.CrossValidation:
    asked: dict[str, Any] = {"schedule": WEEKLY, "grid": GRID, "warmup": 60, "processes": 1, "groups": 5, **given}
    return validation.cross_validate(strongest, BARS, MANDATE, **asked)


def test_cross_validation_makes_phi_paths_over_every_bar() -> None:
    found = crossed(purge=5, embargo=3)
    assert found.paths.shape == (359, folds.path_count(5, 2))
    assert len(found.choices) == 10 and len(found.table()) == 10
    assert found.sharpes == pytest.approx(found.paths.mean() / found.paths.std() * 252**0.5)


def test_with_one_cell_every_path_is_the_plain_backtest() -> None:
    found = crossed(grid={"lookback": [20]}, params={"lookback": 20, "top": 2})
    plain = backtest.run(strongest, BARS, MANDATE, schedule=WEEKLY, params={"lookback": 20, "top": 2}, warmup=60)
    for path in found.paths:
        np.testing.assert_allclose(found.paths[path], plain.returns, atol=1e-12)


def test_two_processes_give_the_same_bytes_as_one() -> None:
    def local(market: Market, account: Account, mandate: Mandate, *, lookback: int, top: int) -> TargetWeights:
        return strongest(market, account, mandate, lookback=lookback, top=top)

    one, two = (walk(local, processes=n, grid={"lookback": [5, 20], "top": [2]}).returns for n in (1, 2))
    assert one.to_numpy().tobytes() == two.to_numpy().tobytes()


def test_a_cell_that_the_strategy_refuses_is_left_out_and_none_left_is_an_error() -> None:
    def picky(market: Market, account: Account, mandate: Mandate, *, top: int) -> TargetWeights:
        if top > 2:
            raise ModelError("too many")
        return strongest(market, account, mandate, top=top)

    assert {choice.params["top"] for choice in walk(picky, grid={"top": [2, 3]}).choices} == {2}
    with pytest.raises(ModelError, match=r"no cell of the grid.*top=3: too many"):
        walk(picky, grid={"top": [3, 4]})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"grid": {}}, "a grid maps each parameter"),
        ({"grid": {"top": []}}, "a grid maps each parameter"),
        ({"grid": {"top": range(1, 2000)}}, "1,999 cells"),
        ({"train": 359}, "leave none to test"),
        ({"schedule": "XNYS year-end close", "warmup": 300}, "nothing can be concluded"),
    ],
)
def test_what_cannot_be_validated_is_refused_with_what_to_do(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        walk(**given)


def test_the_chosen_parameters_are_a_cell_even_when_the_grid_leaves_them_out() -> None:
    found = validation.cells({"top": [1, 3]}, {"top": 2, "lookback": 20})
    assert found == [{"top": 2, "lookback": 20}, {"top": 1, "lookback": 20}, {"top": 3, "lookback": 20}]
