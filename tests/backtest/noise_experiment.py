"""The noise experiment: searches over nothing, searches with a planted edge, and what the evidence says of each.

python -m tests.backtest.noise_experiment [searches] [planted] [file.json]   writes what the figure draws
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from aura_lib.backtest import evidence_of_returns, powered_sharpe

YEARS, TRIALS, DAYS, VOLATILITY = 10, 100, 252, 0.01
ROWS = YEARS * DAYS


def search(seed: int, *, edge: float = 0.0, alike: float = 0.0) -> dict[str, Any]:
    """One search: the best of a hundred ten-year daily strategies, and its evidence.

    `edge` is the true annual Sharpe ratio of one of them, the others have none; `alike` the correlation of any two
    (trials of one idea resemble each other). What is chosen is the best in sample, true or not. Returns have fat
    tails (Student, 5 degrees of freedom).
    """
    random = np.random.default_rng([seed, int(edge * 1000), int(alike * 1000)])
    own = random.standard_t(5, size=(ROWS, TRIALS)) * np.sqrt(3 / 5)
    shared = random.standard_t(5, size=(ROWS, 1)) * np.sqrt(3 / 5)
    returns = (np.sqrt(1 - alike) * own + np.sqrt(alike) * shared) * VOLATILITY
    returns[:, 0] += edge / np.sqrt(DAYS) * VOLATILITY
    ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = int(np.argmax(ratios))
    found = evidence_of_returns(best, returns, seed=seed)
    deflated = found.finding("deflated_sharpe")
    assert deflated is not None
    failed = [f.name for f in found.findings if f.required_for and f.passed is not True]
    sharpe = float(ratios[best] * np.sqrt(DAYS))
    return {"sharpe": sharpe, "deflated": deflated.value, "passed": found.passed, "true": best == 0, "failed": failed}


def experiment(searches: int, planted: int, first: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Searches over noise, half of them over strategies that resemble each other; and searches with a powered edge."""
    edge = powered_sharpe(ROWS, TRIALS)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        half = searches // 2
        noise = list(pool.map(search, range(first, first + half), chunksize=8))
        noise += pool.map(partial(search, alike=0.5), range(first + half, first + searches), chunksize=8)
        true = list(pool.map(partial(search, edge=edge), range(first, first + planted), chunksize=8))
    return {"noise": noise, "planted": true}


if __name__ == "__main__":
    asked = [int(text) for text in sys.argv[1:3]] or [1000, 200]
    made = experiment(*asked, first=int(sys.argv[4]) if len(sys.argv) > 4 else 10_000)
    for side, found in made.items():
        reasons: dict[str, int] = {}
        for one in found:
            for name in one["failed"]:
                reasons[name] = reasons.get(name, 0) + 1
        print(side, len(found), "pass", np.mean([one["passed"] for one in found]), reasons)
    if len(sys.argv) > 3:
        Path(sys.argv[3]).write_text(json.dumps(made))
