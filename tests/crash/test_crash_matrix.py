"""Killed at any step, or frozen past its lease and woken: the same orders, fills, cash and runs as if nothing was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.crash.processes import count, matrix
from tests.crash.tally import table

BATCH, IN_TEST, IN_SOAK = 15, 60, 3000


def check(first: dict, lines: list[dict], seeds: range) -> None:
    expected = first["expected"]
    print(table(count(first, lines)))
    assert len(expected["fills"]) > 10 and len(expected["succeeded"]) == 6, "the reference must trade to mean anything"
    assert expected["verified"] == expected["drift"] == ""
    assert [line["seed"] for line in lines] == list(seeds)
    wrong = [line for line in lines if line["differs"] or line["codes"][-1] != 0]
    assert not wrong, json.dumps(wrong[:3], indent=1)
    assert all(line["fired"] for line in lines), "every planned fault strikes: its step is one that must come"


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize("batch", range(IN_TEST // BATCH))
def test_no_order_is_doubled_or_lost_whatever_is_killed(tmp_path: Path, batch: int) -> None:
    seeds = range(batch * BATCH, (batch + 1) * BATCH)
    first, lines = matrix(tmp_path, seeds)
    check(first, lines, seeds)
    assert {line["role"] for line in lines} == {"desk", "runner", "kernel"}
    assert {line["signal"] for line in lines} == {9, 19}, "killed and frozen"
    frozen = {line["seed"]: line["held"] for line in lines if line["signal"] == 19}
    assert frozen == {seed: ".LV"[seed // 12 % 3] for seed in frozen}, "with the ledger or the venue to itself too"


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("batch", range(IN_SOAK // 100))
def test_no_order_is_doubled_or_lost_in_a_long_soak(tmp_path: Path, batch: int) -> None:
    seeds = range(10_000 + batch * 100, 10_000 + (batch + 1) * 100)
    check(*matrix(tmp_path, seeds), seeds)
