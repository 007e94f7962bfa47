"""Combinations of a Python `decide`: each a replay through plan, limits and exchange, on all cores where it pays."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case
from aura_lib.backtest.search.space import Points, Space
from aura_lib.backtest.sweep.metrics import METRICS
from aura_lib.backtest.sweep.windows import Windows
from aura_lib.core import AuraError, InputError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from aura_lib.backtest.folds import Fold

FIGURES = ("total_return", "annual_return", "volatility", "sharpe", "sortino", "max_drawdown", "calmar")
REFUSALS = (AuraError, ArithmeticError, LookupError, ValueError)  # of a combination, not of the code: the rest raises
STARTING = 4.0  # seconds of work below which processes cost more than they save
GIVEN = 3  # arguments of a `decide` before its parameters: market, account, mandate


@dataclass(frozen=True, slots=True)
class Strategy:
    """A `decide` by its name and the parameters that are searched."""

    name: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Decisions:
    """All that a replay needs but the parameters: the counterpart of a sweep's Job for a Python `decide`.

    `metrics` and `labels` are as a sweep has them. Rows up to `case.first` are warm-up and belong to no window.
    """

    case: Case
    rule: Strategy
    metrics: tuple[str, ...]
    windows: Windows
    periods: int

    @staticmethod
    def of(case: Case, names: Sequence[str], folds: Sequence[Fold], metrics: Sequence[str]) -> Decisions:
        """Raises InputError for parameters that `decide` does not take, and metrics that a replay does not give."""
        unknown = [name for name in metrics if name not in FIGURES]
        if unknown:
            raise InputError(f"metrics {unknown} of a Python `decide` are not measured; there are {', '.join(FIGURES)}")
        taken = _taken(case.decide)
        strange = [name for name in names if taken is not None and name not in taken]
        if strange:
            raise InputError(f"`decide` takes {', '.join(taken or ()) or 'no parameters'}; the space names {strange}")
        label = getattr(case.decide, "__qualname__", type(case.decide).__qualname__)
        chosen = tuple(dict.fromkeys([*metrics, "sharpe"]))
        windows = Windows.of(len(case.bars), folds)
        return Decisions(case, Strategy(label, tuple(names)), chosen, windows, case.periods)

    @property
    def times(self) -> pd.DatetimeIndex:
        """The moment each bar closed, UTC."""
        return self.case.bars.times

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the bars hold."""
        return self.case.bars.symbols

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the windows: all bars, then train and test of each fold."""
        return self.windows.labels

    def rows(self, window: int) -> NDArray[np.int64]:
        """The bars of a window that have a return."""
        parts = self.windows.bounds[self.windows.members[self.windows.first[window] : self.windows.first[window + 1]]]
        found = np.concatenate([np.arange(first, last) for first, last in parts])
        return found[found > self.case.first]

    def returns(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        """Simple returns at every bar with these parameters, zero before the first."""
        own = Case(
            self.case.decide, self.case.bars, self.case.mandate, self.case.slots, {**self.case.params, **params},
            self.case.first, self.case.costs, self.case.limits, self.case.name,
        )  # fmt: skip
        made = own.run().returns
        return np.concatenate([np.zeros(len(self.case.bars) - len(made)), made])

    def measured(self, returns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Windows × metrics of returns a bar."""
        return np.array(
            [
                [figure[name] for name in self.metrics]
                for figure in (figures(returns[self.rows(w)], self.periods) for w in range(len(self.labels)))
            ]
        )


@dataclass(eq=False)
class Replays:
    """Points of a space, replayed one by one or over processes; the answers do not depend on which."""

    job: Decisions
    space: Space
    expected: int  # points that will be asked for
    workers: int | None = None
    failures: dict[str, str] = field(default_factory=dict)
    _seconds: float | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _pool: Any = None

    def __enter__(self) -> Replays:
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def __call__(self, points: Points) -> Iterator[tuple[Points, NDArray[np.float64], NDArray[np.float32]]]:
        """For each point, in order: the point, its metrics (1 × windows × metrics), its returns (bars × 1)."""
        for point, (returns, error) in zip(points, self._replayed(self.space.rows(points)), strict=True):
            if error:
                self.failures[str(self.space.rows(point[None])[0])] = error
            metrics = self.job.measured(returns) if not error else self._nothing()
            yield point[None], metrics[None], returns.astype(np.float32)[:, None]

    def _nothing(self) -> NDArray[np.float64]:
        return np.full((len(self.job.labels), len(self.job.metrics)), np.nan)

    def _replayed(self, rows: list[dict[str, Any]]) -> Iterator[tuple[NDArray[np.float64], str]]:
        first = 0
        if self._seconds is None and rows:  # how long does one take here?
            began = perf_counter()
            yield _one(self.job, rows[0])
            self._seconds, first = perf_counter() - began, 1
        yield from self._many(rows[first:])

    def _many(self, rows: list[dict[str, Any]]) -> Iterator[tuple[NDArray[np.float64], str]]:
        processes = self.workers or os.cpu_count() or 1
        pays = (self._seconds or 0.0) * self.expected * (1 - 1 / processes) > STARTING
        if processes == 1 or len(rows) < 2 or not (self.workers or pays):
            yield from map(partial(_one, self.job), rows)
            return
        from joblib import Parallel, delayed

        if self._pool is None:  # fresh processes, not a fork of a kernel and its threads; they stay for all batches
            pool = Parallel(n_jobs=processes, backend="loky", return_as="generator", batch_size=1)
            self._pool = self._open.enter_context(pool)
        yield from self._pool(delayed(_one)(self.job, row) for row in rows)


def figures(returns: NDArray[np.float64], periods: float) -> dict[str, float]:
    """The figures of `FIGURES` of simple returns, as `backtest.statistics` defines them; NaN divides by zero."""
    n = len(returns)
    equity = np.concatenate([[1.0], np.cumprod(1 + returns)])
    spread = float(np.std(returns, ddof=1)) if n > 1 else 0.0
    losses = float((np.minimum(returns, 0.0) ** 2).mean()) if n else 0.0
    mean = float(returns.mean()) if n else 0.0
    annual = float(equity[-1] ** (periods / n) - 1) if n else np.nan
    worst = float((equity / np.maximum.accumulate(equity)).min() - 1)
    return {
        "total_return": float(equity[-1] - 1),
        "annual_return": annual,
        "volatility": spread * periods**0.5 if n > 1 else np.nan,
        "sharpe": mean / spread * periods**0.5 if spread > 0 else np.nan,
        "sortino": mean * periods**0.5 / losses**0.5 if losses > 0 else np.nan,
        "max_drawdown": worst,
        "calmar": annual / -worst if worst < 0 else np.nan,
    }


def sign(metric: str) -> float:
    """1 where more of a metric is better, −1 where less is."""
    return METRICS[metric].best


def _one(job: Decisions, params: Mapping[str, Any]) -> tuple[NDArray[np.float64], str]:
    """Returns of one combination; where strategy or data refuse it, none and why."""
    try:
        return job.returns(params), ""
    except REFUSALS as error:
        return np.full(len(job.case.bars), np.nan), f"{type(error).__name__}: {error}"
    except Exception as error:
        error.add_note(f"with the parameters {dict(params)}")
        raise


def _taken(decide: Any) -> tuple[str, ...] | None:
    """The parameters of a `decide`; None when it takes any."""
    try:
        asked = list(inspect.signature(decide).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in asked):
        return None
    return tuple(parameter.name for parameter in asked[GIVEN:])
