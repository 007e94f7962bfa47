"""Haircut Sharpe ratio: what is left of a Sharpe ratio when its p-value pays for the number of tests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.overfitting import checks
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

METHODS = ("bonferroni", "holm", "bhy")


@dataclass(frozen=True, slots=True)
class Haircut:
    """A Sharpe ratio after paying for the other tests; ratios are per period.

    For each method (bonferroni, holm, bhy: Benjamini, Hochberg & Yekutieli 2001): `p_values` adjusted, `sharpes` the
    Sharpe ratio that alone would have that p-value, `cuts` the fraction it lost.
    """

    sharpe: float
    p_value: float
    trials: int
    observations: int
    p_values: dict[str, float]
    sharpes: dict[str, float]
    cuts: dict[str, float]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {self.sharpes[name]:.4f} (p {self.p_values[name]:.3f})" for name in METHODS)
        return f"Sharpe {self.sharpe:.4f} a period (p {self.p_value:.2g}) after {self.trials:,} tests: {told}"


def haircut_sharpe(sharpe: float, *, observations: int, trials: int, sharpes: ArrayLike | None = None) -> Haircut:
    """Adjust a Sharpe ratio for multiple tests (Harvey & Liu 2015).

    Its two-sided p-value (t = SR √T, T − 1 degrees of freedom) is adjusted with those of the other tests, and turned
    back into a Sharpe ratio.

    Args:
        sharpe: per period, of the trial that was chosen.
        observations: number of returns behind it, and behind each of the others.
        trials: how many tests were made, this one included.
        sharpes: Sharpe ratios per period of the tests, this one included, or a sample of them: what holds of the
            sample is taken to hold of all. Without them nothing is known of the others, and Holm is Bonferroni's;
            BHY then takes all of them for tests without any result.

    Raises:
        InputError: NaN, or fewer trials than Sharpe ratios.

    """
    own, rows = checks.number("sharpe", sharpe), checks.whole("observations", observations, 2)
    others = np.array([own]) if sharpes is None else np.asarray(sharpes, "float64").ravel()
    if not np.isfinite(others).all():
        raise InputError(f"{int((~np.isfinite(others)).sum())} of {len(others)} Sharpe ratios are missing: drop them")
    total = checks.whole("trials", trials)
    if total < len(others):
        raise InputError(f"trials={total} are fewer than the {len(others)} Sharpe ratios given")
    p_value = float(_p_values(np.array([own]), rows)[0])
    p_values = _adjusted(p_value, np.sort(_p_values(others, rows)), total)
    left = {name: _sharpe(p, rows, own) for name, p in p_values.items()}
    cuts = {name: 1 - value / own if own else math.nan for name, value in left.items()}
    return Haircut(own, p_value, total, rows, p_values, left, cuts)


def _p_values(sharpes: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    from scipy.special import stdtr

    return np.asarray(2 * stdtr(rows - 1, -np.abs(sharpes) * math.sqrt(rows)))


def _sharpe(p_value: float, rows: int, own: float) -> float:
    """The Sharpe ratio, of the sign of its own, that alone has a two-sided p-value."""
    from scipy.special import stdtrit

    return math.copysign(float(-stdtrit(rows - 1, p_value / 2)) / math.sqrt(rows), own) if p_value < 1 else 0.0


def _adjusted(own: float, others: NDArray[np.float64], total: int) -> dict[str, float]:
    """The adjusted p-values of one test among `total`, of which `others` (ascending) are all or a sample."""
    weight = total / len(others)  # tests that each of the sample stands for
    place = np.arange(1, len(others) + 1)
    rank = int(np.searchsorted(others, own, side="right"))  # how many are as small, itself included
    before = others[: int(np.searchsorted(others, own, side="left"))]
    left = total - weight * np.arange(len(before))  # tests that are left when their turn comes
    own_turn = total - weight * len(before)
    holm = max([own * own_turn, *(before * left)], default=own * own_turn)
    later = others[max(rank - 1, 0) :]
    steps = own if not len(later) else float((later * total / (weight * place[max(rank - 1, 0) :])).min())
    harmonic = math.log(total) + 0.5772156649015329 + 1 / (2 * total) if total > 10_000 else sum(
        1 / k for k in range(1, total + 1)
    )  # fmt: skip
    return {
        "bonferroni": min(own * total, 1.0),
        "holm": min(float(holm), 1.0),
        "bhy": min(steps * harmonic, 1.0),
    }
