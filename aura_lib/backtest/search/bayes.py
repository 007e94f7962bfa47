"""Bayesian search: a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) asked for batches of points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aura_lib.backtest.search.draw import Drawn, spread
from aura_lib.backtest.search.space import Between, Choice, Points, Space, key

TRIES = 8  # asks for one point before it is drawn: the estimator likes to come back to what it knows


class Bayes:
    """Points that past scores make promising. The first are evenly spread; no point comes twice.

    A batch is asked for together: a point that waits for its score counts as a bad one, so that the others keep
    away from it. What `where` rules out is told to the estimator, and never given.
    """

    def __init__(self, space: Space, seed: int) -> None:
        import optuna

        self.space = space
        self._drawn = Drawn(space, spread(space, np.random.default_rng(seed)))
        self._first = max(10, 4 * len(space.names))
        self._told = 0
        self._kinds = {name: _distribution(kind) for name, kind in space.parameters.items()}
        self._waiting: dict[bytes, Any] = {}
        loud = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=0)
            self._study = optuna.create_study(
                storage=optuna.storages.InMemoryStorage(), sampler=sampler, direction="maximize"
            )
        finally:
            optuna.logging.set_verbosity(loud)

    def ask(self, count: int) -> Points:
        """See Sampler."""
        if self._told < self._first:
            return self._drawn.ask(min(count, self._first - self._told))
        found: list[Points] = []
        while len(found) < count and (point := self._promising()) is not None:
            found.append(point)
        rest = self._drawn.ask(count - len(found))  # where it has no new idea, elsewhere
        return np.concatenate([*found, rest])

    def tell(self, points: Points, scores: NDArray[np.float64]) -> None:
        """See Sampler."""
        for point, score in zip(points, scores, strict=True):
            value = float(score) if math.isfinite(score) else -math.inf
            waiting = self._waiting.pop(key(point), None)
            if waiting is None:
                self._study.add_trial(self._finished(point, value))
            else:
                self._study.tell(waiting, value)
        self._told += len(points)

    def _promising(self) -> Points | None:
        """A point that is new and allowed, 1 × parameters; None when the estimator has no idea of one."""
        from optuna.trial import TrialState

        for _ in range(TRIES):
            trial = self._study.ask(self._kinds)
            point = np.array([[float(trial.params[name]) for name in self.space.names]])
            if not self.space.allowed(point)[0]:
                trial.set_constraint("where", 1.0)
                self._study.tell(trial, state=TrialState.PRUNED)
            elif (name := key(point[0])) in self._drawn.seen:
                self._study.tell(trial, state=TrialState.FAIL)  # known: nothing to learn
            else:
                self._drawn.seen.add(name)
                self._waiting[name] = trial
                return point
        return None

    def _finished(self, point: NDArray[np.float64], value: float) -> Any:
        from optuna.trial import create_trial

        values = {
            name: int(x) if isinstance(kind, Choice) else float(x)
            for (name, kind), x in zip(self.space.parameters.items(), point, strict=True)
        }
        return create_trial(params=values, distributions=self._kinds, value=value)


def _distribution(kind: Choice | Between) -> Any:
    """Numbers in a list have neighbours: their positions are whole numbers. Words have none."""
    from optuna import distributions

    if isinstance(kind, Between):
        return distributions.FloatDistribution(kind.low, kind.high, log=kind.log)
    if kind.ordered:
        return distributions.IntDistribution(0, len(kind.values) - 1)
    return distributions.CategoricalDistribution(range(len(kind.values)))
