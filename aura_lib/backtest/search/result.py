"""Search: the combinations that were tried, in the order tried, and the best by what may be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.search.decisions import Decisions, sign
from aura_lib.backtest.search.space import Points, Space
from aura_lib.backtest.sweep.chunk import Job, Path, path, returns
from aura_lib.backtest.sweep.kept import TEST, TRAIN, scores, windows_of
from aura_lib.backtest.sweep.replayed import Replayed
from aura_lib.backtest.sweep.result import Sweep
from aura_lib.backtest.sweep.walk import WalkForward
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(eq=False, kw_only=True)
class Search(Sweep):
    """A search: a Sweep whose combinations were chosen one after the other.

    `sought` is the metric it looked for: over all bars, or with folds the mean over their train parts. `points`
    hold the combinations as places in `space`. `exhausted` says that the space has no further one; `failures` are the
    combinations that a strategy or its data refused, with the reason.
    """

    job: Any  # a Job, or Decisions
    space: Space
    points: Points
    method: str
    sought: str
    exhausted: bool = False
    failures: Mapping[str, str] = field(default_factory=dict)
    sampled: NDArray[np.float32] | None = None  # returns of the sample, where computing them anew would take long

    def __repr__(self) -> str:
        best = self.best(n=1)
        found = "none has a number" if best.empty else f"the best {self.sought} {best[self.sought].iloc[0]:.3g}"
        told = [found]
        told += [f"{len(self.failures):,} refused"] if self.failures else []
        told += ["the space exhausted"] * self.exhausted + ["interrupted"] * self.interrupted
        return f"<Search of {self.job.rule.name!r}, {self.method}: {self.count:,} combinations, {', '.join(told)}>"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return self.space.names

    @cached_property
    def combinations(self) -> pd.DataFrame:
        """The values of every combination, in the order tried."""
        return pd.DataFrame(self.tried(), columns=list(self.parameters))

    @cached_property
    def objective(self) -> NDArray[np.float64]:
        """What each combination was worth to the search: `sought` in train, NaN where it has no number."""
        return _scores(self._values, self.job.labels, self.metric(self.sought))

    @property
    def _values(self) -> NDArray[np.float64]:
        self.kept.settle()
        return self.kept.values

    def table(self) -> pd.DataFrame:
        """A row per combination, or with folds per combination and window: parameters and metrics.

        `fold` is -1 for all bars; `part` is all, train or test.
        """
        windows = len(self.job.labels)
        rows = np.repeat(np.arange(len(self.points)), windows)
        frame = self.combinations.iloc[rows].reset_index(drop=True)
        if windows > 1:
            parts = [label.split() for label in self.job.labels]
            frame["fold"] = np.tile([int(part[1]) if len(part) > 1 else -1 for part in parts], len(self.points))
            frame["part"] = np.tile([part[0] for part in parts], len(self.points))
        flat = self._values.reshape(-1, len(self.job.metrics))
        return frame.assign(**dict(zip(self.job.metrics, flat.T, strict=True)))

    def best(self, metric: str | None = None, n: int = 1) -> pd.DataFrame:
        """The n best combinations in train, the best first; beside each metric its mean in test.

        Without folds there is no test, and nothing here is out of sample. Combinations without a number are left out.
        """
        name = metric or self.sought
        worth = _scores(self._values, self.job.labels, self.metric(name)) * sign(name)
        order = np.argsort(-worth, kind="stable")[: max(n, 0)]
        order = order[np.isfinite(worth[order])]
        frame = self.combinations.iloc[order].reset_index(drop=True)
        for i, figure in enumerate(self.job.metrics):
            frame[figure] = _scores(self._values[order], self.job.labels, i)
            if len(self.job.labels) > 1:
                frame[f"{figure}, {TEST}"] = _scores(self._values[order], self.job.labels, i, TEST)
        return frame

    def returns(self, combination: Mapping[str, Any] | int) -> pd.Series:
        """Simple returns a bar of one combination: its parameters by name, or its row in the order tried."""
        params = self._named(combination)
        if isinstance(self.job, Decisions):
            return pd.Series(self.job.returns(params), index=self.times, name="returns")
        return pd.Series(self.path(params).returns, index=self.times, name="returns")

    def path(self, combination: Mapping[str, Any] | int) -> Path:
        """One combination bar by bar. Of a Python `decide` there is more: `backtest.run` with its parameters."""
        params = self._named(combination)
        if isinstance(self.job, Decisions):
            raise InputError(
                f"a Python `decide` has no path of a sweep: call backtest.run(decide, ..., params={params})"
            )
        return path(self.job, self.job.rule.values(params))

    def backtest(self, combination: Mapping[str, Any] | int, capital: float = 1.0) -> Replayed:
        """One combination in full: equity, positions, trades; of a Python `decide` call `backtest.run`."""
        params = self._named(combination)
        return Replayed.of(self.job, self.path(params), params, capital)

    def walk_forward(self, metric: str = "") -> WalkForward:
        """What choosing the best of each train fold would have earned on its test fold, the switches paid for.

        Raises InputError without folds, when test folds overlap or go back in time, and for a Python `decide`
        (`backtest.validation` replays that).
        """
        if isinstance(self.job, Decisions):
            raise InputError("a search over a Python `decide` walks forward in backtest.validation, which replays it")
        return super().walk_forward(metric or self.sought)

    def tried(self) -> dict[str, NDArray[Any]]:
        """Every combination evaluated, a column a parameter."""
        return self.space.columns(self.points)

    @cached_property
    def paths(self) -> NDArray[np.float32]:
        """Returns of at most 1,000 combinations drawn from all, bars × combinations."""
        if self.sampled is not None:
            return self.sampled
        assert isinstance(self.job, Job)
        return returns(self.job, self.kept.sample)

    def _named(self, combination: Mapping[str, Any] | int) -> dict[str, Any]:
        if isinstance(combination, Mapping):
            strange = set(combination) ^ set(self.parameters)
            if strange:
                raise InputError(
                    f"a combination names {', '.join(self.parameters)}, each once; given {dict(combination)!r}"
                )
            return dict(combination)
        if not 0 <= combination < len(self.points):
            raise InputError(f"combination {combination} is not among the {len(self.points):,} that were tried")
        return self.space.rows(self.points[combination : combination + 1])[0]


def _scores(
    values: NDArray[np.float64], labels: tuple[str, ...], metric: int, part: str = TRAIN
) -> NDArray[np.float64]:
    """A metric of each combination in one part: the mean over the folds; over all bars where there are none."""
    return scores(values, windows_of(labels, part), metric)
