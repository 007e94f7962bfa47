"""Placebo: is the signal better than the same signal given to other names at other times?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.backtest.robustness.stress import Stress
from aura_lib.core import TargetWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.case import Answers, Case

FEWEST = 20  # decisions: fewer shifts than that say nothing at the usual 5 %
BATCH = 128  # placebos at once, so that memory does not grow with their number


def placebo(case: Case, answers: Answers, *, seed: int, draws: int = 500) -> Stress:
    """How often a placebo does as well: the share of shuffled signals with at least the strategy's Sharpe ratio.

    A placebo gives the recorded target weights to names at random (one permutation for all times) and moves them
    along time by a random number of slots, round the end: it trades as much, holds as much and remembers as much as
    the signal, and knows nothing. Both sides are held from one slot to the next without costs, filled at the bar
    after the slot. The value is (1 + placebos as good) / (1 + draws), a p-value (Phipson & Smyth 2010).
    """
    slots = [slot for slot in case.slots if slot in answers]
    if not all(isinstance(answers[slot], TargetWeights) for slot in slots):
        return Stress("placebo", float("nan"), note="its decisions are orders, not weights: nothing to shuffle")
    if len(slots) < FEWEST:
        return Stress("placebo", float("nan"), note=f"{len(slots)} decisions are too few to shuffle: {FEWEST} at least")
    weights = np.array([[answers[t].weights.get(s, 0.0) for s in case.mandate.universe] for t in slots])
    growth, starts = _growth(case, slots)
    own = _sharpes(weights[:, :, None], growth, starts)[0]
    random = np.random.default_rng([seed, 3])
    found = [_batch(weights, growth, starts, random, min(BATCH, draws - done)) for done in range(0, draws, BATCH)]
    year = case.periods**0.5
    others = np.concatenate(found)
    value = (1 + int((others >= own - 1e-12).sum())) / (1 + draws)
    return Stress("placebo", value, {"own": float(own * year), "placebos": (others * year).tolist()})


def _growth(case: Case, slots: list[datetime]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Price relatives of each bar (a name without a price stands still), and the bar each slot fills at."""
    close = case.bars.close[list(case.mandate.universe)].ffill().to_numpy()
    starts = case.bars.times.searchsorted(slots) + 1
    with np.errstate(invalid="ignore"):
        growth = close[1:] / close[:-1]
    return np.nan_to_num(growth, nan=1.0), starts[starts < len(close)]


def _batch(
    weights: NDArray[np.float64], growth: NDArray[np.float64], starts: NDArray[np.int64],
    random: np.random.Generator, draws: int,
) -> NDArray[np.float64]:  # fmt: skip
    slots, names = weights.shape
    made = np.empty((slots, names, draws))
    for draw in range(draws):
        moved = np.roll(weights, int(random.integers(1, slots)), axis=0)
        made[:, :, draw] = moved[:, random.permutation(names)]
    return _sharpes(made, growth, starts)


def _sharpes(
    weights: NDArray[np.float64], growth: NDArray[np.float64], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Per-period Sharpe ratio of each strategy that holds weights (slots × names × strategies) between its fills."""
    total, squares, count = np.zeros(weights.shape[2]), np.zeros(weights.shape[2]), 0
    stops = np.append(starts[1:], len(growth))
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if stop == start:
            continue
        held = weights[number]
        relative = np.cumprod(growth[start:stop], axis=0)
        value = np.vstack([np.ones(held.shape[1]), 1.0 + (relative - 1.0) @ held])
        returns = value[1:] / value[:-1] - 1.0
        total += returns.sum(axis=0)
        squares += (returns**2).sum(axis=0)
        count += len(returns)
    mean = total / count
    spread = np.sqrt(np.maximum(squares / count - mean**2, 0.0) * count / max(count - 1, 1))
    return np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)
