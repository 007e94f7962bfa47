"""The grid of a validation as the trial ledger counts it: a search by hand is a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case, sharpe
from aura_lib.backtest.counting import counted
from aura_lib.backtest.identity import code_of
from aura_lib.backtest.validation.grid import Fit, Grid, Tried, cells, fitted, tried
from aura_lib.core import utc

if TYPE_CHECKING:
    from aura_lib.backtest.folds import Fold
    from aura_lib.core import Progress


def searched(
    case: Case, schedule: str, grid: Grid, params: Mapping[str, Any] | None, fit: Fit | None, cut: Sequence[Fold],
    processes: int, progress: Progress | None,
) -> list[Tried]:  # fmt: skip
    """The cells of the grid for each fold, replayed once, or once a fold where something is fitted; and counted."""
    chosen = cells(grid, params)
    size = len(chosen) * (1 if fit is None else len(cut))
    others = {name: value for name, value in (params or {}).items() if name not in grid}
    space = {name: list(values) for name, values in grid.items()} | ({} if fit is None else {"fit": [code_of(fit)]})
    window = (utc(case.bars.times[case.first]), case.bars.end)
    with counted(
        case.decide, case.bars, window=window, schedule=schedule, params=others, space=space, mandate=case.mandate,
        costs=(case.costs, case.limits), periods=case.periods, size=size,
    ) as trial:  # fmt: skip
        if fit is None:
            told = trial.watch(progress)
            once = tried(case, chosen, processes=processes, seconds=60, progress=told)
            found = [once] * len(cut)
        else:
            found = []
            for number, fold in enumerate(cut):
                found.append(fitted(case, chosen, fold, fit, processes=processes, seconds=60))
                trial.watch(progress)((number + 1) * len(chosen), size)
        distinct = found[:1] if fit is None else found
        paths = np.column_stack([one.returns for one in distinct])
        ratios = np.array([sharpe(path) for path in paths.T])
        known = ratios[np.isfinite(ratios)]
        trial.swept(
            size,
            sharpe_mean=float(known.mean()) if len(known) else np.nan,
            sharpe_variance=float(known.var(ddof=1)) if len(known) > 1 else np.nan,
            sharpe_best=float(known.max()) if len(known) else np.nan,
            paths=paths,
            times=case.times,
            parameters=_columns(chosen, grid) if fit is None else None,
        )
    return found


def _columns(chosen: Sequence[Mapping[str, Any]], grid: Grid) -> dict[str, Any]:
    """The values of each cell, a column a parameter."""
    columns = {}
    for name in grid:
        column = np.empty(len(chosen), dtype=object)
        column[:] = [cell[name] for cell in chosen]
        columns[name] = column
    return columns
