"""A job as the shadow of an account at Alpaca's interface: it sees what the broker has, and the broker never hears."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from aura_lib.core import Mode, OrderStatus, Settings
from aura_lib.execution import open_shadow
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server
from aura_lib.execution.shadow import compared
from aura_lib.jobs.promotion import promote
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import Scheduler
from aura_lib.ledger import Ledger
from tests.jobs.at_broker import (
    FRI,
    MINUTE,
    MON,
    MON_OPEN,
    Hands,
    holds,
    job_text,
    keys_of,
    open_at,
    open_market,
    prices,
    sent,
    until,
    venue_at,
    write_project,
)
from tests.jobs.test_live_journey import filled, slot_comes, take_in_the_opening_balance, told_to

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
BEFORE = FRI - timedelta(hours=2)


def test_a_shadow_decides_on_what_the_broker_has_and_sends_it_nothing(
    tmp_path: Path, aura_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write_project(tmp_path, {"real": job_text("paper", "try"), "ghost": job_text("paper", "ghost")})
    hands, settings = Hands(tmp_path, BEFORE, monkeypatch), Settings.load()
    with (
        Server(Rehearsal(venue_at(BEFORE))) as broker,
        Ledger.open(settings) as ledger,
        Runner(settings, ledger, tmp_path) as runner,
    ):
        keys_of(broker, Mode.PAPER, monkeypatch)
        open_at(ledger, "try", Mode.PAPER, BEFORE, monkeypatch)
        open_shadow(ledger, "ghost", "try")
        runner.research(notebook)
        promote(ledger, settings, notebook, {}, "paper", tmp_path)
        with Scheduler(runner, ["ghost", "real"], clock=hands) as scheduler:
            scheduler.tick()
            take_in_the_opening_balance(ledger, "try", hands)
            hands.move(hands.now() + MINUTE)
            scheduler.tick()
            broker.venue.advance(FRI + MINUTE)
            hands.move(FRI + 5 * MINUTE)
            slot_comes(scheduler, hands, ledger, "real")
            (run,) = ledger.runs("ghost")
            assert run.status == "succeeded", run.error
            until(lambda: len(sent(broker)) == 2)
            withheld = list(ledger.account("ghost").orders.values())
            assert [o.status for o in withheld] == [OrderStatus.WITHHELD] * 2, told_to(ledger, "ghost")
            assert sorted(sent(broker)) == sorted(ledger.account("try").orders), "of the account itself, and no other"
            hands.move(MON_OPEN + MINUTE)
            open_market(broker, MON_OPEN, MON)
            until(lambda: filled(ledger, "try", broker), lambda: told_to(ledger, "try"))
        found = compared(ledger, "ghost", bars=prices(), as_of=MON)
        assert found.fills.at == "open"
        assert {o.order.intent.symbol: o.filled for o in found.orders} == holds(broker)
        assert [(o.price, o.filled) for o in found.orders] == [(o.live_price, o.live_quantity) for o in found.orders]
        assert [one.ahead for one in found.decisions] == [0]
        assert len(sent(broker)) == 2
