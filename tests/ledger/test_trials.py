"""The trial ledger: what counts once, what counts in full, and what is kept of the returns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import InputError
from aura_lib.ledger import SYSTEM, Ledger, trials

SWEEP: dict[str, Any] = {
    "family": "rules.cross", "code": "c1", "snapshot": "s1", "window": ("2001", "2020"), "schedule": "every bar",
    "sharpe_mean": 0.01, "sharpe_variance": 0.0004,
}  # fmt: skip
TRIAL: dict[str, Any] = {
    "family": "idea.ipynb", "code": "c1", "parameters": {"top": 3}, "snapshot": "s1", "window": ("2001", "2020"),
    "schedule": "monthly",
}  # fmt: skip


@pytest.fixture
def ledger(aura_home: Path) -> Iterator[Ledger]:
    with Ledger.open() as opened:
        yield opened


def days(count: int, start: str = "2010-01-04") -> pd.DatetimeIndex:
    return pd.bdate_range(start, periods=count, tz="UTC") + pd.Timedelta(hours=21)


def sweep(ledger: Ledger, space: dict[str, Any], **changes: Any) -> Any:
    count = int(np.prod([len(values) for values in space.values()]))
    return trials.count_sweep(ledger, **{**SWEEP, "space": space, "count": count, **changes})


def test_a_trial_is_another_one_when_anything_that_makes_it_is(ledger: Ledger) -> None:
    trials.count(ledger, **TRIAL)
    trials.count(ledger, **TRIAL, who="somebody else", sharpe=0.1)
    assert trials.history(ledger, "idea.ipynb").count == 1
    changes: list[dict[str, Any]] = [
        {"code": "c2"}, {"parameters": {"top": 4}}, {"snapshot": "s2"}, {"window": ("2001", "2021")},
        {"schedule": "weekly"}, {"costs": "10 bps"}, {"universe": "u"},
    ]  # fmt: skip
    for change in changes:
        trials.count(ledger, **{**TRIAL, **change})
    assert trials.history(ledger, "idea.ipynb").count == 1 + len(changes)
    assert trials.history(ledger, "nothing").count == 0


def test_an_abandoned_trial_counts_and_once_it_is_completed_it_is_one(ledger: Ledger) -> None:
    trials.count(ledger, **TRIAL, outcome="raised", error="ValueError")
    found = trials.history(ledger, "idea.ipynb")
    assert (found.count, found.abandoned) == (1, 1)
    trials.count(ledger, **TRIAL, sharpe=0.05, periods=252)
    found = trials.history(ledger, "idea.ipynb")
    assert (found.count, found.abandoned, found.sharpe_best) == (1, 0, 0.05)


def test_a_notebook_and_the_module_its_strategy_is_in_share_their_trials(ledger: Ledger) -> None:
    trials.count(ledger, **TRIAL, function="my_rule.decide")
    trials.count(ledger, **{**TRIAL, "family": "my_rule.decide"}, function="my_rule.decide")
    trials.count(ledger, **{**TRIAL, "family": "my_rule.decide", "parameters": {"top": 9}}, function="my_rule.decide")
    trials.count(ledger, **{**TRIAL, "family": "other.ipynb", "code": "c9"})
    assert trials.history(ledger, "idea.ipynb").count == trials.history(ledger, "my_rule.decide").count == 2
    assert [(f.family, f.count) for f in trials.families(ledger)] == [
        ("other.ipynb", 1), ("my_rule.decide", 2), ("idea.ipynb", 2),
    ]  # fmt: skip


def test_what_is_tried_in_a_notebook_is_its_own_and_shipped_rules_are_everybody_s(ledger: Ledger) -> None:
    shipped = {"family": "aura_lib.rules.cross", "function": "aura_lib.rules.cross"}
    trials.count(ledger, **TRIAL, notebook="idea.ipynb")
    sweep(ledger, {"a": [1, 2]}, **shipped, notebook="idea.ipynb")
    sweep(ledger, {"a": [3, 4, 5]}, **shipped, notebook="other.ipynb")
    sweep(ledger, {"a": [6, 7, 8, 9]}, **shipped)
    assert trials.history(ledger, "idea.ipynb").count == 1 + 2 + 4, "not what others did with it in theirs"
    assert trials.history(ledger, "aura_lib.rules.cross").count == 2 + 3 + 4
    sweep(ledger, {"b": [1]}, family="mine.rule", function="mine.rule", notebook="idea.ipynb")
    sweep(ledger, {"b": [2]}, family="mine.rule", function="mine.rule", notebook="other.ipynb")
    assert trials.history(ledger, "idea.ipynb").count == 1 + 2 + 4 + 2, "a rule of the project is one thing everywhere"
    sweep(ledger, {"a": [3, 4, 5]}, **shipped, notebook="idea.ipynb")
    assert trials.history(ledger, "idea.ipynb").count == 1 + 2 + 4 + 2 + 3, "what somebody else had tried before, too"
    assert trials.history(ledger, "aura_lib.rules.cross").count == 2 + 3 + 4


def test_a_sweep_is_one_entry_with_its_count(ledger: Ledger) -> None:
    sweep(ledger, {"fast": [5, 10, 20], "slow": [50, 100]}, sharpe_best=0.05, periods=252)
    sweep(ledger, {"slow": [50, 100], "fast": [5, 10, 20]}, sharpe_best=0.05, periods=252)
    found = trials.history(ledger, "rules.cross")
    assert (found.count, found.sweeps, len(found.entries)) == (6, 1, 1)
    assert (found.sharpe_mean, found.sharpe_variance, found.sharpe_best) == pytest.approx((0.01, 0.0004, 0.05))
    assert len(ledger.journal.entries(SYSTEM, kinds=("sweep",))) == 1


def test_cells_that_two_sweeps_share_count_once(ledger: Ledger, rng: np.random.Generator) -> None:
    tried: set[tuple[int, float]] = set()
    for _ in range(6):
        fast = sorted(rng.choice(np.arange(1, 30), 6, replace=False).tolist())
        slow = sorted(rng.choice([30.0, 31.5, 40.0, 50.0, 60.0], 3, replace=False).tolist())
        sweep(ledger, {"fast": fast, "slow": np.array(slow)})
        tried |= {(f, s) for f in fast for s in slow}
    assert trials.history(ledger, "rules.cross").count == len(tried)
    sweep(ledger, {"fast": [1], "slow": [30]}, snapshot="s2")
    assert trials.history(ledger, "rules.cross").count == len(tried) + 1, "on other data it is another trial"


def test_combinations_that_are_named_are_told_apart_and_others_count_in_full(ledger: Ledger) -> None:
    space = {"fast": [5, 10, 20], "slow": [10, 20]}
    sweep(ledger, space, count=3, parameters={"fast": np.array([5, 5, 10]), "slow": np.array([10, 20, 20])})
    sweep(ledger, space)
    assert trials.history(ledger, "rules.cross").count == 6
    sweep(ledger, {"about": "100 random ones"}, count=100)
    assert trials.history(ledger, "rules.cross").count == 106, "nobody knows which: the larger number"


def test_a_sweep_that_was_stopped_is_part_of_the_one_that_was_not(ledger: Ledger) -> None:
    space = {"fast": list(range(10)), "slow": list(range(10))}
    sweep(ledger, space, count=37, outcome="interrupted")
    found = trials.history(ledger, "rules.cross")
    assert (found.count, found.abandoned) == (37, 37)
    sweep(ledger, space)
    found = trials.history(ledger, "rules.cross")
    assert (found.count, found.abandoned) == (100, 0)


def test_mean_and_variance_are_those_of_all_trials(ledger: Ledger, rng: np.random.Generator) -> None:
    singles, swept = rng.normal(0.02, 0.01, 30), rng.normal(-0.01, 0.03, 500)
    for k, sharpe in enumerate(singles):
        trials.count(ledger, **{**TRIAL, "family": "f", "parameters": {"k": k}}, sharpe=sharpe, periods=252)
    sweep(
        ledger, {"a": list(range(500))}, family="f", sharpe_mean=swept.mean(), sharpe_variance=swept.var(ddof=1),
        sharpe_best=swept.max(), periods=252,
    )  # fmt: skip
    found, everything = trials.history(ledger, "f"), np.r_[singles, swept]
    assert found.count == 530
    assert found.sharpe_mean == pytest.approx(everything.mean())
    assert found.sharpe_variance == pytest.approx(everything.var(ddof=1))
    assert found.sharpe_best == pytest.approx(everything.max())


def test_sharpe_ratios_of_weeks_and_days_are_brought_to_one_period(ledger: Ledger) -> None:
    trials.count(ledger, **{**TRIAL, "parameters": {"k": 1}}, sharpe=1.0 / np.sqrt(52), periods=52)
    trials.count(ledger, **{**TRIAL, "parameters": {"k": 2}}, sharpe=1.0 / np.sqrt(252), periods=252)
    found = trials.history(ledger, "idea.ipynb")
    assert found.periods == 252
    assert found.sharpes == pytest.approx([1 / np.sqrt(252)] * 2)
    assert found.table()["sharpe"].tolist() == pytest.approx([1.0, 1.0])


def test_at_most_a_thousand_paths_are_kept_and_they_come_back(ledger: Ledger, rng: np.random.Generator) -> None:
    paths = rng.normal(0, 0.01, (40, 2_500)).astype("float32")
    sweep(ledger, {"a": list(range(2_500))}, paths=paths, times=days(40))
    found = trials.history(ledger, "rules.cross")
    assert found.paths is not None and found.times is not None
    assert found.paths.dtype == np.float32 and found.paths.shape[0] == 40 and 950 <= found.paths.shape[1] <= 1_000
    assert {tuple(column) for column in found.paths.T} <= {tuple(column) for column in paths.T}
    assert found.times.equals(days(40))
    assert trials.history(ledger, "rules.cross", paths=False).paths is None


def test_paths_of_different_windows_are_aligned_by_time(ledger: Ledger, rng: np.random.Generator) -> None:
    for k, start in enumerate(("2010-01-04", "2010-01-18")):
        paths = rng.normal(0, 0.01, (20, 2)).astype("float32")
        sweep(ledger, {"a": [k, k + 10]}, paths=paths, times=days(20, start))
    found = trials.history(ledger, "rules.cross")
    assert found.paths is not None and found.paths.shape == (30, 4)
    assert np.isnan(found.paths).sum() == 40 and found.count == 4


def test_bars_within_a_day_are_kept_as_days(ledger: Ledger) -> None:
    times = pd.date_range("2024-01-02 15:00", periods=48, freq="h", tz="UTC")
    sweep(ledger, {"a": [1]}, paths=np.full((48, 1), 0.01), times=times)
    found = trials.history(ledger, "rules.cross")
    assert found.paths is not None and found.times is not None
    assert found.paths[:, 0] == pytest.approx([1.01**9 - 1, 1.01**24 - 1, 1.01**15 - 1], rel=1e-6)
    assert [t.day for t in found.times] == [2, 3, 4]


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_paths_that_are_missing_or_changed_are_told(ledger: Ledger, aura_home: Path, harm: str) -> None:
    sweep(ledger, {"a": [1, 2]}, paths=np.full((5, 2), 0.01), times=days(5))
    sweep(ledger, {"a": [2, 3]}, paths=np.full((5, 2), 0.02), times=days(5))
    entry = ledger.journal.entries(SYSTEM, kinds=("sweep",))[0]
    for kept in ("paths", "cells"):
        file = aura_home / "trials" / f"{entry.body[kept]['hash']}.parquet"
        file.write_bytes(file.read_bytes()[:-1] + b"!") if harm == "changed" else file.unlink()
    found = trials.history(ledger, "rules.cross")
    assert len(found.problems) == 2 and all(harm in problem for problem in found.problems)
    assert found.count == 4, "what cannot be told apart counts in full"
    assert found.paths is not None and found.paths.shape == (5, 2), "the other sweep's are still there"


def test_what_is_no_sweep_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="count=-1 must be the number of combinations"):
        sweep(ledger, {"a": [1]}, count=-1)
    with pytest.raises(InputError, match=r"paths must be bars × n with 4 bars, not \(5, 2\)"):
        sweep(ledger, {"a": [1, 2]}, paths=np.zeros((5, 2)), times=days(4))


def test_entries_of_older_ledgers_count(ledger: Ledger) -> None:
    old = {
        "code": "x", "parameters": {}, "snapshot": "s", "window": ["2001", "2002"], "schedule": "m", "family": "old",
        "statistics": {"sharpe": 1.2}, "interactive": True,
    }  # fmt: skip
    ledger.journal.append(SYSTEM, "trial", old, key="trial:old")
    found = trials.history(ledger, "old")
    assert found.count == 1 and np.isnan(found.sharpe_best) and len(found.table()) == 1


def test_a_million_cells_are_told_apart_in_a_blink(ledger: Ledger) -> None:
    sweep(ledger, {"a": list(range(1_000)), "b": list(range(1_000))})
    sweep(ledger, {"a": list(range(500, 1_500)), "b": list(range(1_000))})
    assert trials.history(ledger, "rules.cross").count == 1_500_000
