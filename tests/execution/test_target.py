"""At the close ledger, broker and target are compared: what was decided and is not done is told, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.cli.reconcile import _show
from aura_lib.core import Intent, OrderType, Side, utc
from aura_lib.execution.desk.seat import Seat
from tests.execution.conftest import Floor
from tests.execution.test_rehearsed import AAPL, MSFT, Stage
from tests.rehearsal import rehearsal_server

CLOSE = utc("2026-03-02T21:00:00Z")  # of the Monday of the rehearsal: four in New York


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(Seat, "may_ask", lambda self, client_id: True)
    with rehearsal_server() as rehearsal:
        made = Stage(rehearsal, tmp_path)
        yield made
        made.close()


def agreed(stage: Stage) -> list[dict[str, Any]]:
    return [dict(e.body) for e in stage.ledger.journal.entries("live", kinds=("reconciled",))]


def reach(stage: Stage, moment: Any) -> None:
    with stage.venue.lock:
        stage.venue.advance(moment)


def test_after_a_close_it_is_written_that_they_agree_though_nothing_has_changed(stage: Stage) -> None:
    stage.play(2)
    before = len(agreed(stage))
    reach(stage, CLOSE - timedelta(minutes=1))
    stage.play(2)
    hourly = len(agreed(stage))
    assert hourly == before + 1, "the hour is over"
    reach(stage, CLOSE)
    stage.play(3)
    assert len(agreed(stage)) == hourly + 1 and agreed(stage)[-1]["short"] == []


def test_a_close_at_which_the_broker_does_not_answer_is_made_up_for(stage: Stage) -> None:
    from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, Fault, Reply

    stage.play(2)
    stage.rehearsal.weather.faults.append(Fault("GET", "/v2/account", Reply(500), does=False, times=FOR_EVER))
    reach(stage, CLOSE)
    stage.play(2)
    before = len(agreed(stage))
    stage.rehearsal.weather.clear()
    stage.play(1)
    assert len(agreed(stage)) == before + 1 and "short" in agreed(stage)[-1]


def test_what_expired_at_the_close_is_short_of_target(stage: Stage) -> None:
    day = Intent(MSFT, Side.BUY, Decimal(5), OrderType.LIMIT, limit_price=Decimal(390))
    stage.propose("job", Intent(AAPL, Side.BUY, Decimal(10)), day)
    stage.play(2)
    assert not stage.view.short, "it is on its way"
    reach(stage, CLOSE)
    stage.play(2)
    (short,) = stage.view.short
    assert (short["book"], short["symbol"], short["wanted"], short["done"]) == ("m", "MSFT", "5", "0")
    assert short["why"].startswith("expired") and not stage.view.drift
    answer = _show(stage.view)
    assert answer.data["short"] == [short] and answer.code == 0


def test_a_leg_that_the_desk_refused_is_short_with_its_rule_and_the_next_day_it_is_forgotten(floor: Floor) -> None:
    desk = floor.desk(5)
    floor.propose(5, ("AAA", "buy", 10), ("BBB", "sell", 7))
    floor.settle(desk, 6)
    (short,) = floor.view().short
    assert (short["symbol"], short["wanted"], short["done"]) == ("BBB", "-7", "0")
    assert "no_short" in short["why"]
    floor.settle(desk, 8)
    assert floor.view().short == ()


def test_what_was_reached_is_not_short(floor: Floor) -> None:
    desk = floor.desk(5)
    floor.propose(5, ("AAA", "buy", 10), ("BBB", "buy", 20))
    floor.settle(desk, 6)
    assert floor.view().account("m").holdings == {"AAA": 10, "BBB": 20} and floor.view().short == ()


def test_what_was_taken_back_is_short_again(floor: Floor) -> None:
    desk = floor.desk(5)
    floor.propose(5, ("AAA", "buy", 10))
    floor.settle(desk, 6)
    broker: Any = desk.seat.broker
    broker.bust(broker.fills()[0][1].execution_id)
    floor.settle(desk, 6)
    desk.woken.set()
    floor.ledger.control.set_clock("paper", floor.time(6) + timedelta(hours=1))
    while desk.cycle():
        pass
    (short,) = floor.view().short
    assert (short["symbol"], short["wanted"], short["done"]) == ("AAA", "10", "0")
