"""Whatever dies and whatever the line loses, in process: cancels, replacements, brackets, halts, all the same story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash import fast
from tests.crash.__main__ import MEMORY, PARTS
from tests.crash.tally import table
from tests.postgres import Cluster

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
@pytest.mark.parametrize("part", [PARTS // 3])
def test_a_server_that_ends_connections_doubles_and_loses_nothing(folder: Path, cluster: Cluster, part: int) -> None:
    """A real PostgreSQL ends the desk's connection within a transaction, or takes its commit and does not say so."""
    tallies, wrong = fast.connections(folder, cluster.new_database, part, PARTS)
    print(table(tallies))
    assert not wrong
    assert all(tally.lives > 2 for tally in tallies), "connections were cut"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_connection_that_ends_at_any_transaction_doubles_and_loses_nothing(
    folder: Path, cluster: Cluster, part: int
) -> None:
    test_a_server_that_ends_connections_doubles_and_loses_nothing(folder, cluster, part)
