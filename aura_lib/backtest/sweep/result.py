"""Sweep: what a search found, and the way back from a combination to its full path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.sweep.chunk import Job, Path, path, returns
from aura_lib.backtest.sweep.grid import Grid
from aura_lib.backtest.sweep.kept import EDGES, TEST, TRAIN, Kept, best_first, scores, windows_of
from aura_lib.backtest.sweep.replayed import Replayed
from aura_lib.backtest.sweep.walk import WalkForward, walk
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.rule import Rule
    from aura_lib.core import Bars

Combination = Mapping[str, float] | int


@dataclass(eq=False)
class Sweep:
    """A finished search: its combinations, their metrics, and what all of them say together."""

    job: Job
    grid: Grid | None  # None: the combinations were drawn, not laid out
    kept: Kept
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return self.job.rule.parameters

    @property
    def times(self) -> pd.DatetimeIndex:
        """The moment each bar closed, UTC."""
        return self.job.times

    @property
    def count(self) -> int:
        """Combinations evaluated, kept or not."""
        return self.kept.count

    @property
    def sharpe_mean(self) -> float:
        """Mean of all combinations' Sharpe ratios, per bar."""
        return self.kept.sharpe_mean

    @property
    def sharpe_variance(self) -> float:
        """Variance of all combinations' Sharpe ratios, per bar; NaN with fewer than two that moved."""
        return self.kept.sharpe_variance

    @property
    def histogram(self) -> pd.Series:
        """How many combinations had which annualised Sharpe ratio, by the middle of each bin; both ends are open."""
        return pd.Series(self.kept.histogram, index=(EDGES[1:] + EDGES[:-1]) / 2, name="combinations")

    @cached_property
    def paths(self) -> NDArray[np.float32]:
        """Returns of a sample of all combinations, bars × at most 1,000."""
        return returns(self.job, self.kept.sample)

    def table(self) -> pd.DataFrame:
        """A row per kept combination, or per combination and window when there are folds: parameters and metrics.

        `fold` is -1 for all bars; `part` is all, train or test.
        """
        parameters, values = self._rows()
        windows = len(self.job.labels)
        frame = pd.DataFrame(np.repeat(parameters, windows, axis=0), columns=list(self.job.rule.parameters))
        if windows > 1:
            parts = [label.split() for label in self.job.labels]
            frame["fold"] = np.tile([int(p[1]) if len(p) > 1 else -1 for p in parts], len(parameters))
            frame["part"] = np.tile([p[0] for p in parts], len(parameters))
        flat = values.reshape(-1, len(self.job.metrics))
        return frame.assign(**dict(zip(self.job.metrics, flat.T, strict=True)))

    def best(self, metric: str = "sharpe", n: int = 1) -> pd.DataFrame:
        """The n best kept combinations, the best first: over all bars, or with folds by the mean of their train parts.

        With folds a metric is its mean in train, and beside it stands its mean in test (`"sharpe, test"`), which
        decided nothing. Without them nothing here is out of sample.
        """
        parameters, values = self._rows()
        train, test = (windows_of(self.job.labels, part) for part in (TRAIN, TEST))
        order = best_first(scores(values, train, self.metric(metric)), metric)[: max(n, 0)]
        frame = pd.DataFrame(parameters[order], columns=list(self.job.rule.parameters))
        for place, name in enumerate(self.job.metrics):
            frame[name] = scores(values[order], train, place)
            if test != train:
                frame[f"{name}, {TEST}"] = scores(values[order], test, place)
        return frame

    def returns(self, combination: Combination) -> pd.Series:
        """Simple returns a bar of one combination: a mapping of its parameters, or its row among the kept."""
        return pd.Series(self.path(combination).returns, index=self.times, name="returns")

    def path(self, combination: Combination) -> Path:
        """One combination bar by bar, as arrays."""
        return path(self.job, self._row(combination))

    def backtest(self, combination: Combination, capital: float = 1.0) -> Replayed:
        """One combination in full: equity, positions, trades."""
        row = self._row(combination)
        parameters = dict(zip(self.job.rule.parameters, row.tolist(), strict=True))
        return Replayed.of(self.job, path(self.job, row), parameters, capital)

    def walk_forward(self, metric: str = "sharpe") -> WalkForward:
        """What choosing the best of each train fold would have earned on its test fold, the switches paid for.

        Raises InputError without folds, or when the test folds overlap or go back in time.
        """
        return walk(self.job, self.kept.chosen[:, self.metric(metric)], metric)

    def save(self, path: str | os.PathLike[str], bars: Bars) -> FilePath:
        """Write it to one Parquet file; `Sweep.load` reads it back. `bars` are those it was made of."""
        from aura_lib.backtest.sweep.keeping import save

        return save(self, FilePath(path), bars)

    @staticmethod
    def load(path: str | os.PathLike[str], rule: Rule, bars: Bars) -> Sweep:
        """Read a saved sweep; see `keeping.load`."""
        from aura_lib.backtest.sweep.keeping import load

        return load(FilePath(path), rule, bars)

    def tried(self) -> dict[str, NDArray[np.float64]]:
        """Every combination evaluated, a column a parameter."""
        if self.grid is None:
            rows = self._rows()[0]
        else:
            found, left = [], self.count
            for chunk in self.grid.chunks():
                found.append(chunk[:left])
                left -= len(found[-1])
                if not left:
                    break
            rows = np.concatenate(found)
        return dict(zip(self.job.rule.parameters, rows.T, strict=True))

    def metric(self, name: str) -> int:
        """The place of a metric in `evaluate`'s last axis. One that was not asked for raises InputError."""
        if name not in self.job.metrics:
            raise InputError(f"{name!r} was not among the metrics of this sweep: {', '.join(self.job.metrics)}")
        return self.job.metrics.index(name)

    def __repr__(self) -> str:
        stopped = ", interrupted" if self.interrupted else ""
        return f"<Sweep {self.job.rule.name}, {self.count:,} combinations × {len(self.times):,} bars{stopped}>"

    def _rows(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self.kept.settle()
        return self.kept.parameters, self.kept.values

    def _row(self, combination: Combination) -> NDArray[np.float64]:
        if isinstance(combination, Mapping):
            return self.job.rule.values(combination)
        parameters, _ = self._rows()
        if not 0 <= combination < len(parameters):
            raise InputError(f"combination {combination} is not among the {len(parameters)} kept")
        return np.asarray(parameters[combination])
