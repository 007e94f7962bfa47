"""Retention of return paths: old ones go, the counts and figures of their trials stay."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Settings
from aura_lib.jobs.retention import prune
from aura_lib.ledger import Ledger, trials

TIMES = pd.date_range("2021-01-04", periods=30, freq="D", tz="UTC")


@pytest.fixture
def settings(aura_home: Path) -> Settings:
    return replace(Settings.load(), keep_latest=2)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.open(settings) as opened:
        yield opened


def tried(ledger: Ledger, number: int, family: str = "f") -> str:
    """One trial with its return path; the name of its file."""
    returns = np.random.default_rng([number, len(family)]).normal(size=30)
    kept = trials.keep_paths(None, returns, TIMES)
    trials.count(
        ledger, family=family, code="c", parameters={"n": number}, snapshot="s", window=["a", "b"], schedule="x",
        sharpe=0.01 * number, periods=252, paths=kept,
    )  # fmt: skip
    return str(kept["hash"])


def swept(ledger: Ledger, first: int) -> str:
    """A sweep of ten cells, five of them those of the next; the name of its file of paths."""
    entry = trials.count_sweep(
        ledger, family="g", code="c", space={"n": list(range(first, first + 10))}, snapshot="s", window=["a", "b"],
        schedule="x", count=10, sharpe_mean=0.01, sharpe_variance=1e-4, paths=np.full((30, 4), 0.01 * first),
        times=TIMES, periods=252,
    )  # fmt: skip
    return str(entry.body["paths"]["hash"])


def age(settings: Settings, days: float) -> None:
    then = time.time() - days * 86_400
    for path in (settings.home / "trials").glob("*.*"):
        os.utime(path, (then, then))


def left(settings: Settings) -> set[str]:
    return {path.stem for path in (settings.home / "trials").glob("*.parquet")}


def test_old_paths_go_but_for_the_latest_and_what_was_counted_stays(settings: Settings, ledger: Ledger) -> None:
    names = [tried(ledger, number) for number in range(6)]
    before = trials.history(ledger, "f")
    age(settings, 91)
    fresh = tried(ledger, 0)  # the same again: asked for today
    assert fresh == names[0]
    told = prune(settings, ledger, dry_run=True)
    assert {one.run for one in told} == {f"trials/{name}.parquet" for name in names[1:4]} and len(left(settings)) == 6
    assert len(prune(settings, ledger)) == 3 and left(settings) == {names[0], *names[4:]}
    after = trials.history(ledger, "f")
    assert (after.count, after.sharpe_variance, after.sharpe_best) == (6, before.sharpe_variance, before.sharpe_best)
    assert after.paths is not None and after.paths.shape[1] == 3
    assert after.problems == (), "what retention took away is not missing"
    (settings.home / "trials" / f"{names[5]}.parquet").unlink()
    assert len(trials.history(ledger, "f").problems) == 1, "what somebody else took away is"


def test_sweeps_that_overlap_count_the_same_after_their_paths_went(settings: Settings, ledger: Ledger) -> None:
    for first in (0, 5, 10):
        swept(ledger, first)
    before = trials.history(ledger, "g")
    age(settings, 400)
    assert len(prune(replace(settings, keep_latest=0), ledger)) == 3
    after = trials.history(ledger, "g")
    assert (before.count, after.count) == (20, 20) and after.paths is None and not after.problems
    assert math.isclose(before.sharpe_variance, after.sharpe_variance)


def test_what_was_never_counted_goes_after_a_week_unless_a_note_owes_it(settings: Settings, ledger: Ledger) -> None:
    orphan, owed = (trials.keep_paths(None, np.full(30, share), TIMES)["hash"] for share in (0.1, 0.2))
    (settings.home / "trials" / "x.1.tmp").write_bytes(b"half")
    age(settings, 6)
    note = settings.home / "trials" / "open" / "n.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"owed": True, "entry": {"paths": {"hash": owed}}}))
    assert prune(settings, ledger) == ()
    age(settings, 8)
    assert len(prune(settings, ledger)) == 2
    assert left(settings) == {owed} and orphan not in left(settings)
