"""What a sweep keeps, tells the trial ledger, writes to a file, and gives back when it is stopped."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest

from aura_lib import backtest
from aura_lib.backtest import folds as fold
from aura_lib.backtest.sweep import Sweep, evaluate, rules, sweep
from aura_lib.core import DataError, InputError
from tests.backtest.sweep_cases import ALL, FEES, random_bars

GRID = {"fast": range(2, 30), "slow": range(30, 60)}
ASKED = {"costs": FEES, "fill": "same close", "metrics": ALL, "count": False}


def test_the_best_kept_of_all_are_the_best_of_all_and_the_sums_are_over_all(rng):
    bars = random_bars(rng, 200)
    whole = sweep(rules.sma_crossover, bars, GRID, **ASKED)
    few = sweep(rules.sma_crossover, bars, GRID, keep=7, rank="calmar", **ASKED)
    assert (whole.count, len(whole.table()), few.count, len(few.table())) == (840, 840, 840, 7)
    pd.testing.assert_frame_equal(few.best("calmar", 7), whole.best("calmar", 7))
    bar = whole.table()["sharpe"] / math.sqrt(252)
    assert few.sharpe_variance == whole.sharpe_variance == pytest.approx(bar.var(ddof=1))
    assert few.histogram.sum() == 840 and few.kept.sharpe_best == pytest.approx(bar.max())
    assert few.paths.shape == (200, 105) and few.paths.dtype == np.float32
    first = dict(zip(("fast", "slow"), few.kept.sample[0], strict=True))
    np.testing.assert_allclose(few.paths[:, 0], few.returns(first), atol=1e-7)


def test_with_folds_the_best_is_chosen_on_their_train_parts_and_the_test_parts_decide_nothing(tmp_path):
    bars = random_bars(np.random.default_rng(0), 300)
    folds = fold.walk_forward(300, train=100, test=50)[:1]
    whole = sweep(rules.sma_crossover, bars, GRID, folds=folds, **ASKED)
    rows = whole.table().fillna({"sharpe": 0.0}).groupby(["fast", "slow", "part"])["sharpe"].mean().unstack()
    wanted = rows.sort_values("train", ascending=False, kind="stable")
    best = whole.best("sharpe", 5)
    np.testing.assert_allclose(best["sharpe"], wanted["train"][:5])
    np.testing.assert_allclose(best["sharpe, test"], wanted["test"][:5])
    assert rows["all"].idxmax() != wanted.index[0], "over all bars another one would have been chosen"
    few = sweep(rules.sma_crossover, bars, GRID, folds=folds, keep=5, **ASKED)
    pd.testing.assert_frame_equal(few.best("sharpe", 5), best)
    file = whole.save(tmp_path / "sweep.parquet", bars)
    pd.testing.assert_frame_equal(Sweep.load(file, rules.sma_crossover, bars).best("sharpe", 5), best)


def test_a_sweep_is_one_trial_of_the_ledger_with_its_count_and_its_variance_and_a_repeat_is_none(rng, aura_home):
    bars = random_bars(rng, 200)
    asked = {**ASKED, "count": True}
    for _ in range(2):
        found = sweep(rules.sma_crossover, bars, GRID, where="fast + 20 < slow", **asked)
    tried = backtest.trials(rules.sma_crossover)
    assert tried.count == found.count == sum(f + 20 < s for f in range(2, 30) for s in range(30, 60))
    assert tried.sweeps == 1
    assert tried.paths is not None and tried.paths.shape[1] == found.paths.shape[1]
    sweep(rules.sma_crossover, bars, GRID, **ASKED)
    assert backtest.trials(rules.sma_crossover.step).sweeps == 1, "a rule's trials are its step's"


def test_an_interrupt_gives_back_what_was_done_by_then(rng, monkeypatch):
    import signal

    from aura_lib.backtest.sweep import run

    monkeypatch.setattr(run, "_chunk", lambda job: 64)

    def stop(done, total):
        if done >= 128:
            signal.raise_signal(signal.SIGINT)

    found = sweep(rules.sma_crossover, random_bars(rng, 200), GRID, progress=stop, **{**ASKED, "count": True})
    assert found.interrupted and found.count == 128 and len(found.table()) == 128
    assert len(found.tried()["fast"]) == 128
    assert backtest.trials(rules.sma_crossover.step).count == 128


def test_a_sweep_reads_back_what_it_wrote_and_refuses_other_bars_or_another_rule(rng, tmp_path):
    bars = random_bars(rng, 300)
    parts = fold.walk_forward(300, train=100, test=50)
    found = sweep(rules.sma_crossover, bars, {"fast": [2, 5], "slow": [9, 20]}, folds=parts, **ASKED)
    path = found.save(tmp_path / "found.parquet", bars)
    again = Sweep.load(path, rules.sma_crossover, bars)
    pd.testing.assert_frame_equal(again.table(), found.table())
    pd.testing.assert_series_equal(again.returns(2), found.returns(2))
    pd.testing.assert_series_equal(again.walk_forward().returns, found.walk_forward().returns)
    assert (again.count, again.sharpe_variance) == (found.count, found.sharpe_variance)
    np.testing.assert_array_equal(again.paths, found.paths)
    with pytest.raises(InputError, match="other bars"):
        Sweep.load(path, rules.sma_crossover, random_bars(rng, 300))
    with pytest.raises(InputError, match="other rule"):
        Sweep.load(path, rules.momentum, bars)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="no sweep that can be read"):
        Sweep.load(path, rules.sma_crossover, bars)


def test_a_job_travels_and_gives_the_same(rng):
    job = sweep(rules.sma_crossover, random_bars(rng, 200), GRID, keep=1, **ASKED).job
    there = pickle.loads(pickle.dumps(job))
    row = np.array([[3.0, 40.0]])
    np.testing.assert_array_equal(evaluate(there, row), evaluate(job, row))
