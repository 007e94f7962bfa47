"""Walk-forward: the best of each train fold, traded through its test fold as one portfolio that switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.sweep.chunk import Job, book, path
from aura_lib.core import DataError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class WalkForward:
    """What choosing by a metric earned out of sample.

    `choices` has a row a fold: its parameters and the metric they had in train. `returns` are simple returns at the
    test rows, of one portfolio that goes from choice to choice and pays for the trades between them.
    """

    metric: str
    choices: pd.DataFrame
    returns: pd.Series

    @property
    def equity(self) -> pd.Series:
        """Growth of 1 over the test rows."""
        return (1 + self.returns).cumprod().rename("equity")


def walk(job: Job, chosen: NDArray[np.float64], metric: str) -> WalkForward:
    """Trade the choices (windows × (value, parameters), as `Kept.chosen` has them) through their test rows."""
    tests = [w for w, label in enumerate(job.labels) if label.startswith("test")]
    if not tests:
        raise InputError("this sweep has no folds: give it folds=backtest.folds.walk_forward(len(bars), …)")
    rows = [job.windows.rows(w) for w in tests]
    whole = np.concatenate(rows)
    if (np.diff(whole) <= 0).any():
        raise InputError("the test folds overlap or go back in time: walking forward needs each bar once, in order")
    if np.isnan(chosen[[w - 1 for w in tests], 0]).any():
        raise DataError(f"on some train fold no combination has a {metric}: none of them moved")
    wanted, delay = np.zeros(job.live.shape), 0 if job.fill == "same close" else 1
    for w, bars in zip(tests, rows, strict=True):
        decided = bars[bars >= delay] - delay
        wanted[decided] = path(job, chosen[w - 1, 1:]).wanted[decided]
    returns = pd.Series(book(job, wanted).returns[whole], index=job.times[whole], name="returns")
    choices = pd.DataFrame(chosen[[w - 1 for w in tests], 1:], columns=list(job.rule.parameters))
    return WalkForward(metric, choices.assign(**{f"train_{metric}": chosen[[w - 1 for w in tests], 0]}), returns)
