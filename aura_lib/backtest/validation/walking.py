"""Walk-forward: parameters chosen on the past, traded on what follows, stitched into one out-of-sample history.

Source: Pardo, The Evaluation and Optimization of Trading Strategies, 2nd edition 2008, chapter 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest import folds
from aura_lib.backtest.case import Case, sharpe
from aura_lib.backtest.validation.grid import Choice, Fit, Grid, Tried, choose
from aura_lib.backtest.validation.searched import searched
from aura_lib.backtest.validation.switching import through
from aura_lib.core import InputError

if TYPE_CHECKING:
    from aura_lib.core import Bars, Mandate, Progress
    from aura_lib.exchange import Costs
    from aura_lib.plan import Decide
    from aura_lib.risk import Limits


@dataclass(frozen=True, eq=False)
class WalkForward:
    """The out-of-sample history: `returns` (simple, after costs, a value a bar of the test rows) and the choices.

    `in_sample` and `out_of_sample` are annual Sharpe ratios: the mean over the folds of what was chosen on their
    training rows, and that of the stitched returns.
    """

    returns: pd.Series
    choices: tuple[Choice, ...]
    in_sample: float
    out_of_sample: float

    @property
    def efficiency(self) -> float:
        """Out-of-sample over in-sample Sharpe ratio (Pardo 2008); NaN when there was nothing in sample to keep."""
        return self.out_of_sample / self.in_sample if self.in_sample > 0 else float("nan")

    def table(self) -> pd.DataFrame:
        """A row a fold: what was chosen, where it was tested, and its annual Sharpe ratios there and in training."""
        first, times = self.choices[0].fold.test[0], self.returns.index
        rows = [
            {
                "from": times[choice.fold.test[0] - first],
                "to": times[choice.fold.test[-1] - first],
                **dict(choice.params),
                "in sample": choice.train_sharpe,
                "out of sample": choice.test_sharpe,
            }
            for choice in self.choices
        ]
        return pd.DataFrame(rows).rename_axis("fold")


def walk_forward(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    schedule: str,
    grid: Grid,
    params: Mapping[str, Any] | None = None,
    fit: Fit | None = None,
    train: int,
    test: int,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    warmup: int = 0,
    costs: Costs | None = None,
    limits: Limits | None = None,
    processes: int = 2,
    progress: Progress | None = None,
) -> WalkForward:
    """Choose the parameters of each fold on its training rows, and trade its test rows with them, costs included.

    A cell of the grid is replayed once when the strategy looks only back; with `fit(bars_train, **params) -> dict`
    once a fold, with what was learned from that fold's training bars. The choices are then traded in one more
    replay that switches between them, so that changing one's mind costs what it costs. The cells count as trials.

    Args:
        decide: the strategy; the arguments after it are those of `backtest.run`.
        bars: its prices.
        mandate: its universe, capital and constraints.
        schedule: when it decides.
        grid: parameter → values to choose from.
        params: the other parameters.
        fit: what learns from training bars, if anything does.
        train: training bars of a fold; the rest as in `folds.walk_forward`.
        test: test bars of a fold, without overlap.
        anchored: training begins at the first bar and grows.
        purge: bars left out between training and test.
        embargo: as many again.
        warmup: bars before the first decision.
        costs: what the simulated exchange charges.
        limits: risk limits.
        processes: replay cells over so many processes.
        progress: told (done, total) cells.

    Raises:
        InputError: an empty grid, sizes that do not fit the bars. ModelError: no cell could be replayed.
    """
    case = Case.of(decide, bars, mandate, schedule=schedule, params=params, warmup=warmup, costs=costs, limits=limits)
    cut = folds.walk_forward(
        len(case.times), train=train, test=test, anchored=anchored, purge=purge, embargo=embargo
    )  # fmt: skip
    return walked(case, cut, searched(case, schedule, grid, params, fit, cut, processes, progress))


def walked(case: Case, cut: list[folds.Fold], trials: list[Tried]) -> WalkForward:
    """The walk over folds whose trials are known."""
    _adjoining(cut)
    choices = tuple(choose(fold, known, case.periods) for fold, known in zip(cut, trials, strict=True))
    first = int(cut[0].test[0])
    made = through(case, [int(c.fold.test[0]) for c in choices], choices, "walk-forward")
    year = case.periods**0.5
    returns = pd.Series(made.returns[first:], case.times[first:], name="returns")
    return WalkForward(
        returns,
        choices,
        float(np.nanmean([c.train_sharpe for c in choices])),
        sharpe(made.returns[first:]) * year,
    )


def _adjoining(cut: list[folds.Fold]) -> None:
    tests = np.concatenate([fold.test for fold in cut])
    if (np.diff(tests) != 1).any():
        raise InputError("the tests of a walk-forward must follow each other without gap or overlap: step = test")
