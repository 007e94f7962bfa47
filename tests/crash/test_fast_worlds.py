"""Whatever dies and whatever the line loses, in process: cancels, replacements, brackets, halts, all the same story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash import fast

MEMORY = Path("/dev/shm")  # a process that dies loses nothing in memory either, and no disk is waited for
BATCH, IN_TEST, IN_SOAK = 40, 240, 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def check(folder: Path, seeds: range) -> None:
    expected, tallies, wrong = fast.matrix(folder, seeds)
    print(fast.table(tallies))
    assert len(expected["fills"]) >= 8 and expected["verified"] == expected["drift"] == "", "the story must trade"
    assert expected["live"] == expected["parked"] == 0 and expected["holdings"]["m"] == {}
    assert not wrong, wrong[:2]
    assert sum(t.runs for t in tallies.values()) == len(seeds)
    assert all(t.lives >= 2 * t.runs for name, t in tallies.items() if name == "killed"), "every planned death came"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(IN_TEST // BATCH))
def test_no_order_is_doubled_or_lost_whatever_dies_or_is_not_answered(folder: Path, batch: int) -> None:
    check(folder, range(batch * BATCH, (batch + 1) * BATCH))


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("batch", range(IN_SOAK // 500))
def test_no_order_is_doubled_or_lost_in_a_long_soak(folder: Path, batch: int) -> None:
    check(folder, range(100_000 + batch * 500, 100_000 + (batch + 1) * 500))
