"""Combinatorial purged cross-validation: many out-of-sample histories instead of one, and how their Sharpe ratios lie.

Source: López de Prado, Advances in Financial Machine Learning, 2018, chapter 12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest import folds
from aura_lib.backtest.case import Case, Outcome, sharpe
from aura_lib.backtest.validation.grid import Choice, Fit, Grid, Tried, choose
from aura_lib.backtest.validation.searched import searched
from aura_lib.backtest.validation.switching import through

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars, Mandate, Progress
    from aura_lib.exchange import Costs
    from aura_lib.plan import Decide
    from aura_lib.risk import Limits


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """φ histories in which every bar was traded by parameters chosen without it.

    `paths` holds their returns (simple, after costs), time × path; `choices` what each fold chose.
    """

    paths: pd.DataFrame
    choices: tuple[Choice, ...]
    periods: int

    @property
    def sharpes(self) -> NDArray[np.float64]:
        """Annual Sharpe ratio of each path."""
        return np.array([sharpe(self.paths[name].to_numpy()) * self.periods**0.5 for name in self.paths])

    @property
    def in_sample(self) -> float:
        """Mean annual Sharpe ratio of what was chosen, on the training rows."""
        return float(np.nanmean([choice.train_sharpe for choice in self.choices]))

    @property
    def degradation(self) -> float:
        """Median Sharpe ratio of the paths over that in sample; NaN when there was nothing in sample to keep."""
        return float(np.nanmedian(self.sharpes)) / self.in_sample if self.in_sample > 0 else float("nan")

    def table(self) -> pd.DataFrame:
        """A row a fold: what was chosen, and its annual Sharpe ratios in training and test."""
        rows = [{**dict(c.params), "in sample": c.train_sharpe, "out of sample": c.test_sharpe} for c in self.choices]
        return pd.DataFrame(rows).rename_axis("fold")


def cross_validate(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    schedule: str,
    grid: Grid,
    params: Mapping[str, Any] | None = None,
    fit: Fit | None = None,
    groups: int = 6,
    test_groups: int = 2,
    purge: int = 0,
    embargo: int = 0,
    warmup: int = 0,
    costs: Costs | None = None,
    limits: Limits | None = None,
    processes: int = 2,
    progress: Progress | None = None,
) -> CrossValidation:
    """Choose on every combination of groups of bars, trade the others, and put the test blocks together to φ paths.

    Each path is traded through the event loop, costs included; where its blocks chose other parameters, it switches.
    The cells of the grid count as trials.

    Args:
        decide: the strategy; the arguments after it are those of `validation.walk_forward`.
        bars: its prices.
        mandate: its universe, capital and constraints.
        schedule: when it decides.
        grid: parameter → values to choose from.
        params: the other parameters.
        fit: what learns from training bars, if anything does; bars between two training blocks are not in them.
        groups: blocks of bars.
        test_groups: blocks tested together.
        purge: bars left out of training around a test block: at least as many as a decision is held.
        embargo: more of them behind it.
        warmup: bars before the first decision.
        costs: what the simulated exchange charges.
        limits: risk limits.
        processes: replay cells over so many processes.
        progress: told (done, total) cells.

    Raises:
        InputError: an empty grid, sizes that do not fit the bars. ModelError: no cell could be replayed.
    """
    case = Case.of(decide, bars, mandate, schedule=schedule, params=params, warmup=warmup, costs=costs, limits=limits)
    cut = folds.combinatorial(len(case.times), groups=groups, test_groups=test_groups, purge=purge, embargo=embargo)
    known = searched(case, schedule, grid, params, fit, cut, processes, progress)
    return crossed(case, cut, known, groups, test_groups)


def crossed(case: Case, cut: list[folds.Fold], trials: list[Tried], groups: int, test_groups: int) -> CrossValidation:
    """The cross-validation over folds whose trials are known."""
    choices = tuple(choose(fold, known, case.periods) for fold, known in zip(cut, trials, strict=True))
    edges = [int(edge) for edge in folds.group_edges(len(case.times), groups)[:-1]]
    made: dict[tuple[int, ...], Outcome] = {}
    paths = {}
    for number, path in enumerate(folds.paths(groups, test_groups).tolist()):
        chosen = [choices[fold] for fold in path]
        key = tuple(id(choice.outcome) for choice in chosen)
        if key not in made:
            made[key] = through(case, edges, chosen, f"path {number + 1}")
        paths[number + 1] = replace(made[key], name=f"path {number + 1}").returns
    return CrossValidation(pd.DataFrame(paths, index=case.times).rename_axis(columns="path"), choices, case.periods)
