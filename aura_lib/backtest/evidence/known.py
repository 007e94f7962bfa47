"""What is known already: the trials of the ledger, and whether the strategy looks ahead or needs more history."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.evidence.judging import Measure
from aura_lib.backtest.evidence.statistical import Search

if TYPE_CHECKING:
    from aura_lib.backtest.case import Case, Outcome
    from aura_lib.backtest.validation.grid import Tried
    from aura_lib.ledger import Ledger
    from aura_lib.plan import Decide


@dataclass(frozen=True)
class Known:
    """The trials that were counted for a strategy's family; `history` is None when there are none."""

    history: Any = None

    def search(self, case: Case, base: Outcome, trials: Tried) -> Search:
        """The search behind a choice: what the ledger counted or the grid holds, whichever is more."""
        paths = trials.returns
        if self.history is None or self.history.count <= paths.shape[1]:
            return Search(paths.shape[1], math.nan, paths)
        return Search(
            self.history.count, float(self.history.sharpe_variance), np.column_stack([paths, *self._more(case)])
        )

    def _more(self, case: Case) -> list[Any]:
        """Recorded paths of other trials over the same bars."""
        if self.history.paths is None:
            return []
        rows = self.history.times.get_indexer(case.times)
        if (rows < 0).any():
            return []
        found = self.history.paths[rows].astype(np.float64)
        room = max(self.history.count - 1, 0)
        return [found[:, np.isfinite(found).all(axis=0)][:, :room]]


def history(decide: Decide, ledger: Ledger | None) -> Known:
    """What the ledger counted for the family of this strategy."""
    return Known()


def causal(case: Case, schedule: str, seed: int) -> list[Measure]:
    """Leaks, and bars needed over bars there are."""
    return []
