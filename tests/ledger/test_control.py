"""Leases, slots, tokens and the kill switch."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from aura_lib.core import InputError
from aura_lib.ledger import ALL, SYSTEM, LeaseLost, Ledger, surely_dead, this_process

SLOT = datetime(2021, 12, 31, 21, tzinfo=UTC)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger(ledger_url) as opened:
        yield opened


def dead_process() -> str:
    """The name of a process that lived and is gone."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as process:
        name = this_process(process.pid)
        process.kill()
    return name


def test_a_living_holder_keeps_its_lease_and_the_epoch_rises_with_every_new_one(ledger: Ledger) -> None:
    first = ledger.control.acquire("paper", 60)
    assert first is not None and first.epoch == 1
    assert ledger.control.acquire("paper", 60, holder="elsewhere:1:1") is None
    ledger.control.release(first)
    second = ledger.control.acquire("paper", 60, holder="elsewhere:1:1")
    assert second is not None and second.epoch == 2
    for use in (ledger.control.renew, ledger.control.check):
        with pytest.raises(LeaseLost, match="taken over"):
            use(first)


def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_it(ledger: Ledger) -> None:
    lease = ledger.control.acquire("paper", 0.05)
    assert lease is not None
    time.sleep(0.1)
    with pytest.raises(LeaseLost, match="ran out"):
        ledger.control.renew(lease)


def test_a_dead_process_holds_nothing(ledger: Ledger) -> None:
    gone = dead_process()
    assert surely_dead(gone) and not surely_dead(this_process())
    assert not surely_dead(gone.replace(gone.split(":")[0], "another-host")), "of another host nothing is known"
    assert ledger.control.acquire("paper", 3600, holder=gone) is not None
    mine = ledger.control.acquire("paper", 60)
    assert mine is not None and mine.epoch == 2


def test_a_slot_is_claimed_once_and_again_only_after_failure_or_death(ledger: Ledger) -> None:
    claim = ledger.control.claim("job", SLOT, "r1")
    assert claim is not None and claim.attempt == 1
    assert ledger.control.claim("job", SLOT, "r2") is None, "a living run has it"
    with ledger.write() as connection:
        ledger.control.finish(connection, claim, "failed")
    again = ledger.control.claim("job", SLOT, "r2")
    assert again is not None and again.attempt == 2
    with ledger.write() as connection:
        ledger.control.finish(connection, claim, "succeeded")
    assert ledger.control.slot("job", SLOT).status == "running", "a run that lost the slot cannot end it"
    with ledger.write() as connection:
        ledger.control.finish(connection, again, "succeeded")
    assert ledger.control.claim("job", SLOT, "r3") is None, "done is done"


def test_a_simulated_clock_never_goes_back(ledger: Ledger) -> None:
    later, earlier = datetime(2022, 1, 31, 21, tzinfo=UTC), SLOT
    ledger.control.set_clock("paper", later)
    ledger.control.set_clock("paper", earlier)
    assert ledger.control.clock("paper") == (later, None)
    assert ledger.control.clock("another") is None


def test_the_kill_switch_reaches_by_account_or_all_and_every_turn_is_in_the_journal(ledger: Ledger) -> None:
    assert ledger.control.halted("paper") == ""
    ledger.control.switch("paper", True, "fat finger", "me")
    assert ledger.control.halted("paper") == "paper halted: fat finger"
    assert ledger.control.halted("other") == ""
    ledger.control.switch(ALL, True, "storm", "me")
    ledger.control.switch("paper", False, "checked", "me")
    assert ledger.control.halted("other") == ledger.control.halted("paper") == "ALL halted: storm"
    turns = [(e.kind, e.body["scope"]) for e in ledger.journal.entries(SYSTEM)]
    assert turns == [("halt", "paper"), ("halt", "ALL"), ("resume", "paper")]
    with pytest.raises(InputError, match="reason"):
        ledger.control.switch(ALL, False, "  ", "me")


def test_a_heartbeat_of_a_dead_process_is_no_sign_of_life(ledger: Ledger) -> None:
    assert ledger.control.age("desk:paper") is None
    ledger.control.beat("desk:paper")
    assert 0 <= ledger.control.age("desk:paper") < 5
    ledger.control.beat("desk:paper", holder=dead_process())
    assert ledger.control.age("desk:paper") is None
