"""What it costs to judge a search: CSCV, SPA, the effective number of trials, and counting a trial."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.rows import Row, seconds
from tests.oracle import plain_overfitting as plain

TRIALS, YEARS, DAYS = 1_000, 20, 252
SMALL = (240, 20, 8)  # rows, trials, blocks: what a plain loop can do


def rows() -> Iterator[Row]:
    """Each beside what there is: a plain loop of the paper's definition, or arch."""
    from aura_lib import backtest

    rng = np.random.default_rng(1)
    returns = rng.standard_t(5, (YEARS * DAYS, TRIALS)) * 0.01
    yield from _cscv(returns, rng)
    yield from _superior(returns)
    best = returns[:, 0]
    yield Row("proof.deflated_sharpe.20y", seconds(lambda: backtest.deflated_sharpe(
        best, trials=1_000, sharpe_variance=1e-4)) * 1e3, "ms", goal=5)  # fmt: skip
    yield Row("proof.effective_trials.1000x20y", seconds(lambda: backtest.effective_trials(returns), times=2), "s")
    yield Row("proof.counting.one_trial", _counting(), "ms", goal=20)


def _cscv(returns: NDArray[np.float64], rng: np.random.Generator) -> Iterator[Row]:
    from aura_lib import backtest

    periods, trials, blocks = SMALL
    few = rng.standard_t(5, (periods, trials)) * 0.01
    ours, slow = backtest.pbo(few, blocks), plain.cscv(few, blocks)
    assert np.allclose(np.sort(ours.logits), slow["logits"], atol=1e-9), "equal results first"
    yield Row(
        f"proof.cscv.{blocks}_blocks.{trials}x{periods}", seconds(lambda: backtest.pbo(few, blocks)) * 1e3, "ms",
        peer="a plain loop over the splits", peer_value=seconds(lambda: plain.cscv(few, blocks), times=1) * 1e3,
    )  # fmt: skip
    yield Row("proof.cscv.16_blocks.1000x20y", seconds(lambda: backtest.pbo(returns, 16), times=3), "s", goal=1)
    with _memory() as peak:
        backtest.pbo(returns, 16)
    yield Row("proof.cscv.16_blocks.1000x20y.memory", peak(), "MB", goal=500)


def _superior(returns: NDArray[np.float64]) -> Iterator[Row]:
    from arch.bootstrap import SPA

    from aura_lib import backtest

    few = returns[:1_000, :50]

    def theirs() -> float:
        test = SPA(np.zeros(len(few)), -few, block_size=30, reps=1_000, studentize=False, seed=1)
        test.compute()
        return float(test.pvalues["upper"])

    def ours() -> float:
        return backtest.reality_check(few, draws=1_000, block=30).p_value

    assert abs(ours() - theirs()) < 0.08, "equal results first, within Monte Carlo error"
    yield Row(
        "proof.reality_check.50x4y", seconds(ours, times=3), "s", peer="arch", peer_value=seconds(theirs, times=1)
    )
    test = backtest.superior_predictive_ability
    yield Row("proof.spa.1000x20y.1000_draws", seconds(lambda: test(returns, draws=1_000), times=2), "s", goal=3)


def _counting() -> float:
    """Writing one trial down with its returns of 20 years, in ms."""
    from aura_lib.backtest import counting
    from aura_lib.testing import sample_bars

    def decide(market: object) -> None:
        return None

    with TemporaryDirectory() as home:
        before = os.environ.get("AURA_HOME")
        os.environ["AURA_HOME"] = home
        try:
            bars = sample_bars(Path(home))
            returns = bars.close.iloc[-YEARS * DAYS :, 0].pct_change().iloc[1:]
            number = iter(range(1_000))

            def count() -> None:
                window, tried = (bars.start, bars.end), {"number": next(number)}
                with counting.counted(decide, bars, window=window, schedule="x", params=tried) as trial:
                    trial.completed(returns)

            return seconds(count, times=20) * 1e3
        finally:
            os.environ.pop("AURA_HOME")
            if before is not None:
                os.environ["AURA_HOME"] = before


@contextmanager
def _memory() -> Iterator[Callable[[], float]]:
    """How much more memory than before was held at the most, in MB."""
    import psutil

    process, done = psutil.Process(), Event()
    before = most = process.memory_info().rss

    def look() -> None:
        nonlocal most
        while not done.wait(0.002):
            most = max(most, process.memory_info().rss)

    watch = Thread(target=look, daemon=True)
    watch.start()
    try:
        yield lambda: (most - before) / 1e6
    finally:
        done.set()
        watch.join()
