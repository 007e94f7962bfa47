"""A server brings a desk to each account that needs one, and takes it along when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import Settings
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger
from aura_lib.server.desks import Desks

pytestmark = pytest.mark.slow


def until(done: Callable[[], bool], seconds: float = 90.0) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.1)
    return done()


def test_a_desk_comes_when_something_waits_and_goes_with_the_server(tmp_path: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(tmp_path)})
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("idle"))
        open_account(ledger, Terms("asked"))
        ledger.inbox.ask("asked", "cash", {"book": "m", "amount": Decimal(100), "why": "test"}, "money")
        with Desks(settings):
            assert until(lambda: ledger.account("asked").cash == {"m": Decimal(100)})
            assert ledger.control.age("desk:idle") is None, "nothing waits there"
        assert ledger.control.age("desk:asked") is None, "it has gone with the server"
        ledger.inbox.ask("asked", "cash", {"book": "m", "amount": Decimal(1), "why": "test"}, "more")
        with Desks(settings):
            assert until(lambda: ledger.account("asked").cash == {"m": Decimal(101)})


def test_what_lives_by_the_wall_clock_and_has_rules_to_keep_gets_a_desk_by_itself(tmp_path: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(tmp_path)})
    rule = {"set": {"name": "r", "kind": "stop_loss", "book": "m", "at": "0.1"}, "who": "me", "reason": "test"}
    with Ledger.open(settings) as ledger:
        for name, clock in (("wall", "wall"), ("replay", "replay")):
            open_account(ledger, Terms(name, clock=clock))
            ledger.journal.append(name, "protection", {**rule, "name": "r"})
        desks = Desks(settings)
        assert [desks._needed(ledger, name) for name in ("wall", "replay")] == [True, False]
