"""Whatever dies and whatever the line loses, in process: cancels, replacements, brackets, halts, all the same story."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash import fast
from tests.crash.tally import table

MEMORY = Path("/dev/shm")  # a process that dies loses nothing in memory either, and no disk is waited for
BATCH, IN_TEST, IN_SOAK = 20, 240, 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def check(folder: Path, seeds: range) -> None:
    expected, tallies, wrong = fast.matrix(folder, seeds)
    print(table(tallies.values()))
    assert len(expected["fills"]) >= 8 and expected["verified"] == expected["drift"] == "", "the story must trade"
    assert expected["live"] == expected["parked"] == 0 and expected["holdings"]["m"] == {}
    assert not wrong, wrong[:2]
    assert sum(t.runs for t in tallies.values()) == len(seeds)
    assert tallies["killed"].lives == 2 * tallies["killed"].runs, "every planned death came"
    assert all(tally.runs for tally in tallies.values()), "every fault was met"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("batch", range(IN_TEST // BATCH))
def test_no_order_is_doubled_or_lost_whatever_dies_or_is_not_answered(folder: Path, batch: int) -> None:
    check(folder, range(batch * BATCH, (batch + 1) * BATCH))


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("batch", range(IN_SOAK // 500))
def test_no_order_is_doubled_or_lost_in_a_long_soak(folder: Path, batch: int) -> None:
    check(folder, range(100_000 + batch * 500, 100_000 + (batch + 1) * 500))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2))
def test_a_server_that_ends_connections_doubles_and_loses_nothing(folder: Path, database: str, seed: int) -> None:
    """A real PostgreSQL ends the desk's connection within a transaction, or takes its commit and does not say so."""
    fast.build(folder / "plain")
    fast.build(folder / "cut", database)
    luck = random.Random(seed)
    with fast.instrumented():
        plain = fast.World(folder / "plain", fast.Fault())
        plain.play()
        cuts = frozenset(luck.sample(range(2, plain.written), 8))
        world = fast.World(folder / "cut", fast.Fault(cuts=cuts), url=database)
        world.play()
    assert world.lives > 4, "connections were cut"
    assert fast.outcome(folder / "cut", database) == fast.outcome(folder / "plain")
