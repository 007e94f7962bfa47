"""What a sweep keeps while it runs: the best rows or all, sums over every row, the best of each fold, a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.sweep.metrics import METRICS
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.chunk import Job

    Numbers = NDArray[np.float64]

FITS = 64 << 20  # bytes of results that are kept when nothing is said
BEST = 1_000  # rows kept where they do not fit
PATHS = 1_000  # most combinations whose returns the trial ledger samples: one in eight, but a hundred where there are
TRAIN, TEST = "train", "test"
EDGES = np.linspace(-5, 5, 201)  # of the histogram: annualised Sharpe ratios; what is outside goes to its end

_PLAIN = ("metrics", "scale", "most", "rank", "count", "moved", "sharpe_mean", "_squares")
_ARRAYS = ("sampled", "chosen", "histogram")


@dataclass(eq=False)
class Kept:
    """Rows of parameters and their metrics (rows × windows × metrics), and sums over all that was ever added.

    `sharpe_mean` and `sharpe_variance` (n − 1) are of the Sharpe ratios per bar over all bars; combinations that never
    move have none and are left out. `chosen` is for each window and metric the best value so far and its parameters.
    """

    metrics: tuple[str, ...]
    scale: float  # annualised Sharpe ratio over that of a bar
    most: int
    rank: str
    sampled: NDArray[np.int64]  # places, in the order of adding, of the combinations in the sample
    parameters: Numbers
    values: Numbers
    chosen: Numbers  # windows × metrics × (1 + parameters)
    histogram: NDArray[np.int64]
    judged: tuple[int, ...] = (0,)  # windows that say which rows stay: the train parts, or all bars without folds
    count: int = 0
    moved: int = 0
    sharpe_mean: float = math.nan
    _squares: float = 0.0
    _sample: list[Numbers] = field(default_factory=list)
    _waiting: list[tuple[Numbers, Numbers]] = field(default_factory=list)

    @staticmethod
    def of(job: Job, total: int, keep: int = 0, rank: str = "sharpe", seed: int = 0) -> Kept:
        """An empty store for a sweep of `total` combinations. Raises InputError for a wrong `keep` or `rank`."""
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0:
            raise InputError(f"keep={keep!r} must be a number of combinations from 0 (0: all that fit)")
        if rank not in job.metrics:
            raise InputError(f"rank={rank!r} is not among the metrics of this sweep: {', '.join(job.metrics)}")
        windows, metrics, names = len(job.labels), len(job.metrics), len(job.rule.parameters)
        fits = total * (windows * metrics + names) * 8 <= FITS
        chosen = np.full((windows, metrics, 1 + names), np.nan)
        sampled = min(total, max(total // 8, 100), PATHS)
        places = np.random.default_rng(seed).choice(total, sampled, replace=False, shuffle=False)
        return Kept(
            job.metrics,
            math.sqrt(job.periods),
            keep or (total if fits else BEST),
            rank,
            np.sort(places),
            np.empty((0, names)),
            np.empty((0, windows, metrics)),
            chosen,
            np.zeros(len(EDGES) - 1, dtype=np.int64),
            windows_of(job.labels, TRAIN),
        )

    def told(self) -> dict[str, Any]:
        """All but the rows, as JSON values."""
        plain = {name: getattr(self, name) for name in _PLAIN} | {"judged": list(self.judged)}
        return plain | {name: getattr(self, name).tolist() for name in _ARRAYS} | {"sample": self.sample.tolist()}

    @staticmethod
    def again(told: dict[str, Any], parameters: Numbers, values: Numbers) -> Kept:
        """What `told` told, with its rows."""
        arrays: dict[str, Any] = {name: np.array(told[name]) for name in _ARRAYS}
        plain = {name: told[name] for name in _PLAIN} | {"metrics": tuple(told["metrics"])}
        plain["judged"] = tuple(told.get("judged", (0,)))
        sample = np.array(told["sample"]).reshape(-1, parameters.shape[1])
        return Kept(parameters=parameters, values=values, _sample=[sample], **arrays, **plain)

    @property
    def sharpe_variance(self) -> float:
        """Variance of the Sharpe ratios per bar of all combinations; NaN with fewer than two."""
        return self._squares / (self.moved - 1) if self.moved > 1 else math.nan

    @property
    def sharpe_best(self) -> float:
        """The highest Sharpe ratio per bar; NaN when no combination moved."""
        return float(self.chosen[0, self.metrics.index("sharpe"), 0]) / self.scale

    @property
    def sample(self) -> Numbers:
        """The parameters of the combinations in the sample."""
        return np.concatenate(self._sample) if self._sample else self.parameters[:0]

    def add(self, parameters: Numbers, values: Numbers) -> None:
        """Take in a chunk: n × parameters and n × windows × metrics."""
        first = np.searchsorted(self.sampled, [self.count, self.count + len(parameters)])
        self._sample.append(parameters[self.sampled[first[0] : first[1]] - self.count])
        self.count += len(parameters)
        self._sharpes(values[:, 0, self.metrics.index("sharpe")])
        self._choose(parameters, values)
        self._waiting.append((parameters, values))
        if sum(len(rows) for rows, _ in self._waiting) >= max(self.most, 1 << 14):
            self.settle()

    def settle(self) -> None:
        """Join what came since, and drop what is not among the best."""
        if not self._waiting:
            return
        self.parameters = np.concatenate([self.parameters, *(rows for rows, _ in self._waiting)])
        self.values = np.concatenate([self.values, *(values for _, values in self._waiting)])
        self._waiting.clear()
        if len(self.values) > self.most:
            order = best_first(scores(self.values, self.judged, self.metrics.index(self.rank)), self.rank)
            best = np.sort(order[: self.most])
            self.parameters, self.values = self.parameters[best], self.values[best]

    def _sharpes(self, annual: Numbers) -> None:
        known = annual[np.isfinite(annual)]
        if not len(known):
            return
        self.histogram += np.histogram(np.clip(known, EDGES[0], EDGES[-1]), EDGES)[0]
        a_bar = known / self.scale
        n, mean, squares = len(a_bar), float(a_bar.mean()), float(((a_bar - a_bar.mean()) ** 2).sum())
        before = self.sharpe_mean if self.moved else 0.0
        both, apart = self.moved + n, mean - before
        self._squares += squares + apart**2 * self.moved * n / both  # Chan, Golub & LeVeque (1979)
        self.sharpe_mean, self.moved = before + apart * n / both, both

    def _choose(self, parameters: Numbers, values: Numbers) -> None:
        for m, metric in enumerate(self.metrics):
            signed = values[:, :, m] * METRICS[metric].best
            at = np.where(np.isnan(signed), -np.inf, signed).argmax(axis=0)
            for w, place in enumerate(at):
                new, old = signed[place, w], self.chosen[w, m, 0] * METRICS[metric].best
                if new > old or (np.isnan(old) and not np.isnan(new)):
                    self.chosen[w, m] = values[place, w, m], *parameters[place]


def windows_of(labels: tuple[str, ...], part: str) -> tuple[int, ...]:
    """The places of the windows of one part (train or test); that of all bars where there are no folds."""
    return tuple(i for i, label in enumerate(labels) if label.startswith(part)) or (0,)


def scores(values: Numbers, windows: tuple[int, ...], metric: int) -> Numbers:
    """A metric of each combination: the mean over some windows.

    A window without a number (nothing was traded in it) counts as zero, which is what cash would have; a combination
    without any number has none.
    """
    own = values[:, list(windows), metric]
    known = np.isfinite(own)
    return np.where(known.any(axis=1), np.where(known, own, 0.0).mean(axis=1), np.nan)


def best_first(values: Numbers, metric: str) -> NDArray[np.int64]:
    """Places of the values, the best of that metric first, NaN last, equal ones in their order."""
    signed = -values * METRICS[metric].best
    return np.argsort(signed, kind="stable")
