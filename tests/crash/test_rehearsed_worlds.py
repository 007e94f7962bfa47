"""A broker that misbehaves over a real line, and a desk that dies meanwhile: nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import rehearsed
from tests.crash.tally import table

SEEDS = range(40)  # of each scenario, in the soak


def check(folder: Path, runs: list[tuple[str, int]]) -> None:
    tallies, wrong = rehearsed.matrix(folder, runs)
    print(table(tallies))
    assert not wrong
    assert sum(tally.runs for tally in tallies) == len(runs)
    assert sum(tally.lives for tally in tallies) > 2 * len(runs), "a desk is started anew once a day, and others died"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_what_brokers_do_wrong_while_a_desk_dies_doubles_and_loses_nothing(tmp_path: Path, seed: int) -> None:
    check(tmp_path, [(name, 100 * seed + n) for n, name in enumerate(rehearsed.NAMED) if n % 2 == seed])


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("name", sorted(rehearsed.SCENARIOS))
def test_every_scenario_with_a_dying_desk_doubles_and_loses_nothing(tmp_path: Path, name: str) -> None:
    check(tmp_path, [(name, 1_000 + seed) for seed in SEEDS])
