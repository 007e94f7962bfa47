"""Counting what was killed: a sweep or search counts all it was asked for, for nobody can say how far it came."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from aura_lib import backtest
from aura_lib.backtest import counting, rules
from aura_lib.core import Bars, Mandate, TargetWeights
from aura_lib.ledger import Ledger, trials
from tests.backtest.scenarios import market_of

GRID = {"fast": range(2, 12), "slow": range(8, 18)}
ALLOWED = sum(fast < slow for fast in GRID["fast"] for slow in GRID["slow"])


def hold(market: Any, account: Any, mandate: Mandate, share: float) -> TargetWeights:
    return TargetWeights({mandate.universe[0]: share}, market.as_of)


def small() -> Bars:
    return market_of(np.random.default_rng(1), 60, 1)


def die(done: int, total: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def swept() -> None:
    backtest.sweep(rules.sma_crossover, small(), GRID, where="fast < slow", progress=die, threads=1)


def searched() -> None:
    bars = small()
    backtest.search(
        hold, bars, {"share": backtest.Between(0.1, 0.9)}, trials=40, mandate=Mandate(bars.symbols),
        schedule="XNYS week-end close", workers=1, progress=die, batch=4,
    )  # fmt: skip


def killed(work: Callable[[], None]) -> None:
    process = multiprocessing.get_context("spawn").Process(target=work)  # threads and forks do not mix
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


def counted(family: str) -> trials.Trials:
    backtest.run(hold, small(), Mandate(("S00",)), schedule="XNYS month-end close",
                 params={"share": 0.01})  # fmt: skip
    with Ledger.open() as ledger:
        return trials.history(ledger, family)


def test_a_search_that_was_killed_counts_every_trial_it_was_asked_for() -> None:
    killed(searched)
    found = counted(f"{__name__}.hold")
    assert (found.count, found.abandoned, found.sweeps) == (41, 40, 1)


def test_a_sweep_that_was_killed_counts_what_its_constraint_allows() -> None:
    killed(swept)
    found = counted(counting.family_of(rules.sma_crossover))
    assert (found.count, found.abandoned) == (ALLOWED, ALLOWED)
