"""Probability of backtest overfitting: does what was best in one half of history stay good in the other?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.overfitting import checks
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MOST_BLOCKS = 20  # 184,756 splits
CHUNK = 50_000  # cells of splits × trials at a time, so that they stay in the processor's cache
SAMPLE = 300_000  # out-of-sample Sharpe ratios of all trials, to compare the chosen ones with
FLAT = 1e-14  # variance over mean square below which returns do not vary


@dataclass(frozen=True, eq=False)
class PBO:
    """What became of the best trial of each half out of sample, over all splits of history into halves.

    `probability` is the share of splits in which the trial that was best in sample ended in the lower half out of
    sample. `logits` are ln(ω / (1 − ω)) of its relative rank ω; `in_sample` and `out_of_sample` its Sharpe ratios
    per period, one a split. `slope`, `intercept` and `r_squared` are of the line through them (a negative slope: the
    better it looked, the worse it did), `loss` the share of splits in which it lost money. `dominates` says of first
    and second order whether choosing beats picking any trial, by the distribution of out-of-sample Sharpe ratios at
    `levels` (`of_chosen`, `of_all`: the share at or below).
    """

    probability: float
    slope: float
    intercept: float
    r_squared: float
    loss: float
    dominates: tuple[bool, bool]
    trials: int
    periods: int
    blocks: int
    logits: NDArray[np.float64] = field(repr=False)
    in_sample: NDArray[np.float64] = field(repr=False)
    out_of_sample: NDArray[np.float64] = field(repr=False)
    levels: NDArray[np.float64] = field(repr=False)
    of_chosen: NDArray[np.float64] = field(repr=False)
    of_all: NDArray[np.float64] = field(repr=False)

    def __float__(self) -> float:
        return self.probability

    def __str__(self) -> str:
        return (
            f"the best of {self.trials:,} trials in one half of history is below their median in the other in "
            f"{self.probability:.1%} of {len(self.logits):,} splits, and loses money in {self.loss:.1%}"
        )


def pbo(matrix: ArrayLike, blocks: int = 16) -> PBO:
    """Combinatorially symmetric cross-validation (Bailey, Borwein, López de Prado & Zhu 2017) by the Sharpe ratio.

    History is cut into `blocks` of equal length (to one row); every choice of half of them is once in sample, the
    rest out of sample. Each half's Sharpe ratios come from the blocks' sums and squares, so that a split costs what
    its trials do, however long they are. Ranks among equal Sharpe ratios are averaged.

    Args:
        matrix: simple returns, T periods × N trials, of all trials and not of the best ones; no NaN.
        blocks: even, from 2 to 20; 16 make 12,870 splits.

    Raises:
        InputError: NaN, one trial, fewer than two rows a block, or a number of blocks that is odd.

    """
    number = checks.whole("blocks", blocks, 2)
    if number % 2 or number > MOST_BLOCKS:
        raise InputError(f"blocks={number} must be even and at most {MOST_BLOCKS} ({math.comb(20, 10):,} splits)")
    returns = checks.matrix(matrix, columns=2)
    if len(returns) < 2 * number:
        raise InputError(f"{len(returns)} periods are too few for {number} blocks: at least {2 * number} are needed")
    halves, others = _evaluated(returns, number)
    chosen = np.concatenate([halves[0], others[0]])
    out = np.concatenate([halves[1], others[1]])
    ranks = np.concatenate([halves[2], others[2]]) / (returns.shape[1] + 1)
    levels, of_chosen, of_all = _distributions(out, np.concatenate([halves[3], others[3]]))
    slope, intercept, fit = _line(chosen, out)
    logits = np.log(ranks / (1 - ranks))
    return PBO(
        probability=float((logits <= 0).mean()), slope=slope, intercept=intercept, r_squared=fit,
        loss=float((out < 0).mean()), dominates=_dominates(levels, of_chosen, of_all), trials=returns.shape[1],
        periods=len(returns), blocks=number, logits=logits, in_sample=chosen, out_of_sample=out, levels=levels,
        of_chosen=of_chosen, of_all=of_all,
    )  # fmt: skip


Split = tuple["NDArray[np.float64]", ...]


def _evaluated(returns: NDArray[np.float64], blocks: int) -> tuple[Split, Split]:
    """Of every split and of its mirror image: Sharpe ratio of the best in and out of sample, its rank, a sample."""
    one, other = [], []
    sums, squares, lengths = _sums(returns, blocks)
    masks = np.array(list(_masks(blocks)))
    step = max(1, len(masks) * returns.shape[1] // SAMPLE)
    for mask in np.array_split(masks, max(1, math.ceil(masks.shape[0] * returns.shape[1] / CHUNK))):
        inside, outside = _sharpes(mask, sums, squares, lengths), _sharpes(1 - mask, sums, squares, lengths)
        one.append((*_of_best(inside, outside), outside.ravel()[::step]))
        other.append((*_of_best(outside, inside), inside.ravel()[::step]))
    return _joined(one), _joined(other)


def _joined(parts: Sequence[tuple[NDArray[np.float64], ...]]) -> Split:
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _masks(blocks: int) -> Iterator[NDArray[np.float64]]:
    """The choices of half of the blocks that hold the first one; the others are their mirror images."""
    for rest in combinations(range(1, blocks), blocks // 2 - 1):
        mask = np.zeros(blocks)
        mask[[0, *rest]] = 1
        yield mask


def _sums(returns: NDArray[np.float64], blocks: int) -> tuple[NDArray[np.float64], ...]:
    """Sums and sums of squares of each block (blocks × trials), and how long each is."""
    edges = np.linspace(0, len(returns), blocks + 1).round().astype("int64")
    parts = [returns[a:b] for a, b in pairwise(edges.tolist())]
    squares = np.array([np.einsum("tn,tn->n", part, part) for part in parts])
    return np.array([part.sum(axis=0) for part in parts]), squares, np.diff(edges).astype("float64")


def _sharpes(
    mask: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64], lengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sharpe ratios (n − 1) of the blocks each row of the mask takes, splits × trials; zero where nothing moved."""
    n = (mask @ lengths)[:, None]
    mean = mask @ sums
    mean /= n
    variance = mask @ squares
    variance /= n
    floor = variance * FLAT
    variance -= mean * mean
    flat = variance <= floor
    np.maximum(variance, floor, out=variance)
    variance[flat & (mean == 0)] = 1.0
    variance *= n / (n - 1)
    np.sqrt(variance, out=variance)
    mean /= variance
    return mean


def _of_best(
    inside: NDArray[np.float64], outside: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of the trial that is best in sample: both Sharpe ratios, and its rank out of sample from 1, the worst, on."""
    rows, best = np.arange(len(inside)), inside.argmax(axis=1)
    own = outside[rows, best]
    below = (outside < own[:, None]).sum(axis=1)
    equal = (outside == own[:, None]).sum(axis=1)
    return inside[rows, best], own, below + (equal + 1) / 2


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope, intercept and R² of the least-squares line; NaN when all x are the same."""
    across, up = x - x.mean(), y - y.mean()
    spread = float(across @ across)
    if spread == 0:
        return math.nan, math.nan, math.nan
    slope = float(across @ up) / spread
    total = float(up @ up)
    return slope, float(y.mean() - slope * x.mean()), slope**2 * spread / total if total else math.nan


def _distributions(chosen: NDArray[np.float64], everything: NDArray[np.float64]) -> Split:
    levels = np.linspace(min(chosen.min(), everything.min()), max(chosen.max(), everything.max()), 201)
    shares = [np.searchsorted(np.sort(x), levels, side="right") / len(x) for x in (chosen, everything)]
    return levels, *shares


def _dominates(
    levels: NDArray[np.float64], of_chosen: NDArray[np.float64], of_all: NDArray[np.float64]
) -> tuple[bool, bool]:
    """Stochastic dominance: never a larger share at or below (first order), nor a larger area of it (second)."""
    over = of_all - of_chosen
    area = np.r_[0.0, np.cumsum((over[1:] + over[:-1]) / 2 * np.diff(levels))]
    small = 1e-12
    return bool((over >= -small).all() and over.any()), bool((area >= -small).all() and area.any())
