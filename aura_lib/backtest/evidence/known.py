"""What is known already: the trials of the ledger, and whether the strategy looks ahead or needs more history."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.evidence.judging import Measure
from aura_lib.backtest.evidence.statistical import Search
from aura_lib.core import AuraError

if TYPE_CHECKING:
    from aura_lib.backtest.case import Case, Outcome
    from aura_lib.backtest.causality.notebook import Running
    from aura_lib.backtest.sweep import Rule, Sweep
    from aura_lib.backtest.validation.grid import Tried
    from aura_lib.ledger import Ledger
    from aura_lib.plan import Decide

CUTS, SLOTS = 40, 4  # decisions asked again; of the check alone 250 and 6


@dataclass(frozen=True)
class Known:
    """The trials that were counted for a strategy's family: `history` is the ledger's, or a sweep (both have `count`,
    `sharpe_variance`, `paths` and `times`).
    """  # noqa: D205

    history: Any = None

    def search(self, case: Case, base: Outcome, trials: Tried) -> Search:
        """The search behind a choice: what the ledger counted or the grid holds, whichever is more."""
        paths = trials.returns
        if self.history is None or self.history.count <= paths.shape[1]:
            return Search(paths.shape[1], math.nan, paths)
        count, variance = self.history.count, float(self.history.sharpe_variance)
        return Search(count, variance, np.column_stack([paths, *self._more(case, count - paths.shape[1])]))

    def _more(self, case: Case, room: int) -> list[Any]:
        """Recorded paths of other trials over the same bars, so many at most."""
        if self.history.paths is None:
            return []
        rows = self.history.times.get_indexer(case.times)
        if (rows < 0).any():
            return []
        found = self.history.paths[rows].astype(np.float64)
        return [found[:, np.isfinite(found).all(axis=0)][:, :room]]


def history(decide: Decide | Rule, ledger: Ledger | None, sweep: Sweep | None = None) -> Known:
    """What the ledger counted for the family of this strategy, or the sweep that is given, whichever is more."""
    counted = _counted(decide, ledger)
    return Known(sweep) if sweep is not None and sweep.count > counted.history.count else counted


def _counted(decide: Decide | Rule, ledger: Ledger | None) -> Known:
    from aura_lib.backtest.counting import family_of
    from aura_lib.ledger import Ledger, trials

    if ledger is not None:
        return Known(trials.history(ledger, family_of(decide)))
    with Ledger.open() as own:
        return Known(trials.history(own, family_of(decide)))


def causal(
    case: Case, schedule: str, seed: int, notebook: Running | None = None
) -> tuple[list[Measure], dict[str, Any]]:
    """Leaks, and bars the last decisions need over the bars there are before the first; and the bars themselves."""
    needed, bars = _warm_up(case, schedule, seed)
    return [_leaks(case, schedule, seed, notebook), needed], {"warm_up": {"bars": bars}}


def _leaks(case: Case, schedule: str, seed: int, notebook: Running | None) -> Measure:
    """What moves with the future: decisions, and with a notebook what its earlier cells computed, and its source."""
    from aura_lib.backtest import causality

    try:
        found = causality.check(
            case.decide, case.bars, case.mandate, params=case.params, schedule=schedule, seed=seed, cuts=CUTS,
            warmup=case.first, costs=case.costs, make=notebook.make if notebook else None,
        )  # fmt: skip
        read = notebook.read() if notebook else []
    except AuraError as error:
        return Measure("causality", math.nan, f"It could not be checked: {error}")
    leaks = [*found.findings, *read]
    if not leaks:
        return Measure("causality", 0.0, f"{found}.")
    return Measure("causality", float(len(leaks)), f"{'; '.join(map(str, leaks[:3]))}."[:600])


def _warm_up(case: Case, schedule: str, seed: int) -> tuple[Measure, int]:
    from aura_lib.backtest import warmup

    try:
        found = warmup.shortest(
            case.decide, case.bars, case.mandate, params=case.params, schedule=schedule, slots=SLOTS, warmup=case.first,
            costs=case.costs, seed=seed,
        )  # fmt: skip
    except AuraError as error:
        return Measure("warm_up", math.nan, f"It could not be measured: {error}"), 0
    there = int(case.bars.times.searchsorted(pd.Timestamp(case.slots[0]))) + 1
    told = f"{found}; there are {there} at the first decision."
    return Measure("warm_up", found.bars / there, told), found.bars
