"""A story of packages of options in fast worlds: nothing doubled, nothing lost, no leg booked without the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.core import Intent
from aura_lib.execution.desk import Desk
from tests.crash import fast
from tests.crash.tally import table
from tests.crash.test_fast_worlds import folder
from tests.execution.conftest import Floor
from tests.options import C105, C110, CONDOR, CREDIT, DEBIT, P90, P95, legs, option_bars

__all__ = ["folder"]  # a fixture

D = Decimal
Act = Callable[[Floor, Desk], None]
BATCH, IN_TEST, IN_SOAK = 12, 12, 1_000


def packages(session: int, *wishes: Intent) -> Act:
    def act(floor: Floor, desk: Desk) -> None:
        floor.put(session, *wishes)
        fast.exhaust(desk, floor)

    return act


STORY: tuple[Act, ...] = (
    packages(3, Intent.of_legs(DEBIT, D(3), D("1.00")), Intent.of_legs(CREDIT, D(2), D("-4.00"))),  # never so dear
    fast.move(4),
    packages(4, Intent.of_legs(CONDOR, D(2), D("-3.00")), Intent.of_legs(CREDIT, D(1), D("-4.50"))),
    fast.asking("replace", 4, 0, quantity=D(3), limit_price=D("-0.40")),
    fast.asking("cancel", 4, 1),
    fast.move(5),
    fast.asking("cancel", 3, 0),  # filled since: refused
    packages(5, Intent.of_legs(legs((C105, "sell"), (C110, "buy")), D(1))),
    fast.move(6),
    packages(6, Intent.of_legs(legs((P95, "buy"), (P90, "sell")), D(1), D("0.60"))),
    fast.move(8),
    fast.move(15),  # beyond their expiry
)


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "BARS", option_bars())
    monkeypatch.setattr(fast, "ACTS", STORY)


def check(folder: Path, seeds: range) -> dict[str, Any]:
    expected, tallies, wrong = fast.matrix(folder, seeds)
    print(table(tallies.values()))
    assert len(expected["fills"]) >= 10 and expected["verified"] == expected["drift"] == "", "the story must trade"
    assert expected["live"] == expected["parked"] == 0 and expected["holdings"]["m"] == {}
    assert not wrong, wrong[:2]
    return expected


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", range(IN_TEST // BATCH))
def test_no_package_is_doubled_lost_or_half_booked_whatever_dies(folder: Path, story: None, batch: int) -> None:
    check(folder, range(batch * BATCH, (batch + 1) * BATCH))


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("batch", range(IN_SOAK // 100))
def test_no_package_is_doubled_lost_or_half_booked_in_a_long_soak(folder: Path, story: None, batch: int) -> None:
    check(folder, range(200_000 + batch * 100, 200_000 + (batch + 1) * 100))


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
def test_a_desk_that_dies_at_any_step_at_all_leaves_the_same_behind(folder: Path, story: None) -> None:
    fast.build(folder / "template")
    with fast.instrumented():
        reference = fast.World(folder / "reference", fast.Fault())
        shutil.copytree(folder / "template", reference.folder)
        reference.play()
        for step in range(1, reference.steps + 1):
            world = fast.World(folder / f"step-{step}", fast.Fault([step]))
            shutil.copytree(folder / "template", world.folder)
            world.play()
            assert fast.outcome(world.folder) == fast.outcome(reference.folder), step
            shutil.rmtree(world.folder)
