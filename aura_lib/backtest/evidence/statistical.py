"""What returns alone can tell: luck, search, and what was chosen on rows it was not judged on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest import folds
from aura_lib.backtest.case import sharpe
from aura_lib.backtest.evidence.judging import Measure, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS, TEST_GROUPS = 8, 2  # 28 folds, 7 paths
BLOCKS = 16  # of CSCV
FEWEST = 60  # returns; below it no half of a history says anything


@dataclass(frozen=True, eq=False)
class Search:
    """The search that led to a choice: how many trials, how their Sharpe ratios vary, and what returns they left.

    `count` is every trial known, `variance` that of their Sharpe ratios per period (NaN: not known), `paths` the
    returns of some or all of them, bars × trials, the chosen one among them.
    """

    count: int
    variance: float
    paths: NDArray[np.float64]

    @property
    def independent(self) -> float:
        """How many independent trials they are worth, by their correlation."""
        from aura_lib.backtest.overfitting import effective_trials

        if self.count == 1:
            return 1.0
        return float(effective_trials(self.paths, trials=self.count).count)

    @property
    def spread(self) -> float:
        """Variance of the trials' Sharpe ratios: as known, else of the paths, else what luck alone gives (1/T)."""
        if math.isfinite(self.variance) and self.variance > 0:
            return self.variance
        ratios = sharpes(self.paths)
        known = ratios[np.isfinite(ratios)]
        return float(np.var(known, ddof=1)) if len(known) > 1 else 1.0 / len(self.paths)


def sharpes(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpe ratio per period of each column; NaN without variation."""
    spread = paths.std(axis=0, ddof=1)
    return np.asarray(np.divide(paths.mean(axis=0), spread, out=np.full(paths.shape[1], np.nan), where=spread > 0))


def luck(returns: NDArray[np.float64], search: Search, periods: int) -> tuple[list[Measure], dict[str, Any]]:
    """Could luck, and a search of that size, have made these returns? And the data of its figure."""
    from aura_lib.backtest import overfitting as of

    names = ("probabilistic_sharpe", "deflated_sharpe", "track_record", "haircut_sharpe")
    if len(returns) < FEWEST or not math.isfinite(sharpe(returns)):
        why = f"{len(returns)} returns, or returns that never vary, say nothing about a Sharpe ratio."
        return [Measure(name, math.nan, why) for name in names], {}
    year, independent, spread = periods**0.5, search.independent, search.spread
    plain = of.probabilistic_sharpe(returns)
    deflated = of.deflated_sharpe(returns, trials=independent, sharpe_variance=spread)
    needed = of.minimum_track_record(returns, deflated.benchmark)
    tests = max(round(independent), 1)
    cut = of.haircut_sharpe(plain.sharpe, observations=len(returns), trials=tests)
    worth = f"{search.count:,} trials, worth {independent:,.1f} independent ones"
    expected, years = deflated.benchmark * year, f"{len(returns) / periods:.1f} years"
    found = [
        Measure(names[0], plain.probability, f"Sharpe {plain.sharpe * year:.2f} over {years}, were it the only trial."),
        Measure(
            names[1], deflated.probability,
            f"Sharpe {plain.sharpe * year:.2f} against {expected:.2f}, which the best of {worth} shows by luck.",
        ),
        Measure(
            names[2], len(returns) / needed if math.isfinite(needed) else 0.0,
            f"{years} of record; {needed / periods:,.1f} would establish a Sharpe ratio above {expected:.2f} at 95 %."
            if math.isfinite(needed) else f"No record is long enough: the Sharpe ratio is not above {expected:.2f}.",
        ),
        Measure(
            names[3], cut.p_values["holm"],
            f"Corrected for {tests:,} independent tests (Holm), the Sharpe ratio is worth "
            f"{cut.sharpes['holm'] * year:.2f} instead of {plain.sharpe * year:.2f}.",
        ),
    ]  # fmt: skip
    data = {
        "count": search.count, "independent": independent, "expected_best": expected, "chosen": plain.sharpe * year,
        "sharpes": [float(s) * year for s in sharpes(search.paths)[:1000] if math.isfinite(s)],
    }  # fmt: skip
    return found, data


def selection(search: Search, seed: int) -> tuple[list[Measure], dict[str, Any]]:
    """Is the best of the trials better than nothing, and does being best on one half mean anything on the other?"""
    from aura_lib.backtest import overfitting as of

    paths = search.paths[:, np.isfinite(sharpes(search.paths))]
    names = ("superior_predictive_ability", "pbo", "loss_probability")
    if len(paths) < FEWEST or not paths.shape[1]:
        return [Measure(name, math.nan, f"{len(paths)} bars are too few to resample.") for name in names], {}
    better = of.superior_predictive_ability(paths, seed=seed)
    spa = Measure(
        names[0], better.p_value,
        f"Were the best of {paths.shape[1]:,} recorded trials no better than nothing, its result would show with "
        f"probability {number(better.p_value)}.",
    )  # fmt: skip
    if paths.shape[1] < 2:
        return [spa, *(Measure(name, math.nan, "One trial: nothing was chosen.") for name in names[1:])], {}
    cscv = of.pbo(paths, blocks=min(BLOCKS, len(paths) // 15 * 2))
    found = [
        spa,
        Measure(names[1], cscv.probability, f"The best of one half of the history is below the middle in the other in "
                f"{cscv.probability:.0%} of {len(cscv.logits):,} splits."),
        Measure(names[2], cscv.loss, f"The best of one half lost in the other in "
                f"{cscv.loss:.0%} of the splits."),
    ]  # fmt: skip
    return found, {"logits": [round(float(v), 4) for v in cscv.logits[:: max(len(cscv.logits) // 500, 1)]]}


def walked(returns: NDArray[np.float64], in_sample: float, periods: int) -> list[Measure]:
    """The stitched out-of-sample returns of a walk-forward; `in_sample` is an annual Sharpe ratio."""
    from aura_lib.backtest.overfitting import probabilistic_sharpe

    names = ("walk_forward", "walk_forward_efficiency")
    own = sharpe(returns) * periods**0.5
    if len(returns) < FEWEST or not math.isfinite(own):
        return [Measure(name, math.nan, "Too few out-of-sample returns, or none that vary.") for name in names]
    found = probabilistic_sharpe(returns)
    ratio = own / in_sample if in_sample > 0 else math.nan
    return [
        Measure(names[0], found.probability, f"Sharpe {own:.2f} in {len(returns) / periods:.1f} years out of sample."),
        Measure(names[1], ratio, f"Out of sample {own:.2f}, in sample {in_sample:.2f}."
                if math.isfinite(ratio) else "Nothing was earned in sample that could be kept."),
    ]  # fmt: skip


def crossed(ratios: NDArray[np.float64]) -> Measure:
    """The annual Sharpe ratios of the paths of a cross-validation."""
    known = ratios[np.isfinite(ratios)]
    if not len(known):
        return Measure("cpcv", math.nan, "No path has returns that vary.")
    return Measure(
        "cpcv", float((known <= 0).mean()),
        f"{len(known)} paths put together from purged test blocks: Sharpe {known.min():.2f} to {known.max():.2f}, "
        f"median {np.median(known):.2f}.",
    )  # fmt: skip


def walk_folds(rows: int, gap: int) -> list[folds.Fold]:
    """The walk-forward of the evidence: anchored, a third of the rows first, then six tests."""
    train = max(rows // 3 - gap, 1)
    return folds.walk_forward(rows, train=train, test=-(-(rows - train - gap) // 6), anchored=True, purge=gap)


def cross_folds(rows: int, gap: int) -> list[folds.Fold]:
    """The cross-validation of the evidence: 28 folds, 7 paths, an embargo of a hundredth of the rows."""
    embargo = min(-(-rows // 100), max(rows // GROUPS - 2 * gap - 1, 0))
    return folds.combinatorial(rows, groups=GROUPS, test_groups=TEST_GROUPS, purge=gap, embargo=embargo)


def best_on(paths: NDArray[np.float64], fold: folds.Fold) -> tuple[int, float]:
    """The column with the highest Sharpe ratio per period on the training rows, and that ratio."""
    ratios = np.nan_to_num(sharpes(paths[fold.train]), nan=-np.inf)
    best = int(np.argmax(ratios))
    return best, float(ratios[best])
