"""The grid: which parameters are tried, and what each of them came to on every fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case, Outcome, sharpe, window_of
from aura_lib.backtest.workers import Begun, Failure, begun
from aura_lib.core import InputError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.folds import Fold
    from aura_lib.core import Progress

MOST = 1_000  # cells of an event-loop grid: more is what `backtest.sweep` is for

Grid = Mapping[str, Sequence[Any]]
Fit = Callable[..., Mapping[str, Any]]


def cells(grid: Grid, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Every combination of a grid over the other parameters; those of `params` are among them, first if not before.

    Raises InputError for an empty grid or one of more than a thousand cells.
    """
    given = dict(params or {})
    wrong = {name: values for name, values in grid.items() if isinstance(values, str | bytes) or not len(values)}
    if not grid or wrong:
        raise InputError(f"a grid maps each parameter to the values to try, at least one; given {dict(grid)}")
    if (count := prod(len(values) for values in grid.values())) > MOST:
        raise InputError(
            f"a grid of {count:,} cells, each a replay of the whole event loop: at most {MOST:,} fit here. "
            "Search with backtest.sweep, and give the neighbourhood of what you chose"
        )
    found = [{**given, **dict(zip(grid, values, strict=True))} for values in product(*grid.values())]
    unknown = [name for name in grid if name not in given]
    return found if unknown or given in found else [given, *found]


@dataclass(frozen=True, eq=False)
class Tried:
    """What every cell of a grid came to: `params` a cell, `outcomes` the replays, `returns` bars × cells."""

    params: tuple[dict[str, Any], ...]
    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def returns(self) -> NDArray[np.float64]:
        """Returns of each cell, bars × cells."""
        return np.column_stack([outcome.returns for outcome in self.outcomes])

    def index(self, params: Mapping[str, Any]) -> int:
        """The cell with these parameters, −1 when it was not tried."""
        return next((number for number, cell in enumerate(self.params) if cell == dict(params)), -1)


def trying(case: Case, chosen: Sequence[dict[str, Any]], *, processes: int, seconds: float) -> Begun:
    """Start to replay every cell once; `kept` makes a Tried of what they came to."""
    asked = [replace(case, params=cell, name=words(cell)) for cell in chosen]
    return begun(asked, processes=processes, seconds=seconds * len(asked))


def tried(case: Case, chosen: Sequence[dict[str, Any]], *, processes: int, seconds: float,
          progress: Progress | None = None) -> Tried:  # fmt: skip
    """Replay every cell once; cells that the strategy refuses are left out, and told. None left raises ModelError."""
    return kept(chosen, trying(case, chosen, processes=processes, seconds=seconds).collected(progress))


def kept(chosen: Sequence[dict[str, Any]], found: Sequence[Outcome | Failure]) -> Tried:
    """The cells that could be replayed; none raises ModelError."""
    good = [(cell, one) for cell, one in zip(chosen, found, strict=True) if isinstance(one, Outcome)]
    failures = tuple(one for one in found if isinstance(one, Failure))
    if not good:
        raise ModelError(f"no cell of the grid could be replayed; the first: {failures[0].name}: {failures[0].why}")
    return Tried(tuple(cell for cell, _ in good), tuple(one for _, one in good), failures)


def fitted(
    case: Case, chosen: Sequence[dict[str, Any]], fold: Fold, fit: Fit, *, processes: int, seconds: float
) -> Tried:
    """The cells of one fold, each with what `fit(bars_train, **params)` learned from the fold's training bars alone."""
    seen = window_of(case.bars, fold.train + case.first + 1)
    learned = [{**cell, **_learned(fit, seen, cell)} for cell in chosen]
    return tried(case, learned, processes=processes, seconds=seconds)


def _learned(fit: Fit, bars: Any, cell: Mapping[str, Any]) -> Mapping[str, Any]:
    found = fit(bars, **cell)
    if not isinstance(found, Mapping):
        raise InputError(f"fit must return a dict of parameters for decide, not {type(found).__name__}")
    return found


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen on the training rows of a fold. Sharpe ratios are annual; `cell` is its place in the grid."""

    fold: Fold
    cell: int
    params: Mapping[str, Any]
    outcome: Outcome
    train_sharpe: float
    test_sharpe: float


def choose(fold: Fold, trials: Tried, periods: int) -> Choice:
    """The cell with the highest Sharpe ratio on the training rows; equals go to the first."""
    ratios = [sharpe(outcome.returns[fold.train]) for outcome in trials.outcomes]
    best = int(np.argmax(np.nan_to_num(ratios, nan=-np.inf)))
    outcome, year = trials.outcomes[best], periods**0.5
    test = sharpe(outcome.returns[fold.test])
    return Choice(fold, best, trials.params[best], outcome, ratios[best] * year, test * year)


def words(params: Mapping[str, Any]) -> str:
    """Parameters as people write them."""
    return ", ".join(f"{name}={value}" for name, value in params.items()) or "no parameters"
