"""What people and days do wrong, through the real door: each a clear sentence, nothing sent, nothing lost."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.core import InputError, LedgerError, OrderStatus, OrderType, Side
from aura_lib.execution import cancel, replace
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, HTML, Fault, Reply
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.limits import set_limits
from tests.execution.test_changes import LOW
from tests.execution.test_desk import Wrapped, exhaust
from tests.execution.test_rehearsed import AAPL, Stage, buy
from tests.execution.test_ticket import ME, send, served, settings
from tests.execution.test_ticket import buy as wish
from tests.rehearsal import rehearsal_server

SQLITE = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


# ── what somebody types ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("side", "times"), [("buy", "2"), ("sell", "0.5")])
def test_a_limit_on_the_wrong_side_of_the_market_is_refused_with_both_prices(floor: Any, side: str, times: str) -> None:
    set_limits(floor.ledger, floor.home, "paper", {"collar": 0.10}, who=ME, reason="fat fingers")
    desk = floor.desk(3)
    if side == "sell":
        served(desk, send(floor, wish(floor, 10)))
        floor.settle(desk, 4)
    last = Decimal(str(floor.bars.close["AAA"].iloc[3 if side == "buy" else 4]))
    limit = (last * Decimal(times)).quantize(Decimal("0.01"))
    intent = dataclasses.replace(wish(floor, 5, type=OrderType.LIMIT, limit_price=limit), side=Side(side))
    (proposal,) = served(desk, send(floor, intent))
    (decision,) = proposal.decisions
    assert not decision.approved and decision.rule == "collar", decision
    assert str(limit) in str(decision)
    assert not floor.view().live_orders()


def test_a_filled_order_is_neither_replaced_nor_cancelled_and_the_sentence_says_that_it_is_filled(floor: Any) -> None:
    desk = floor.desk(3)
    served(desk, send(floor, wish(floor, 10)))
    floor.settle(desk, 4)
    (order,) = floor.view().orders.values()
    both = {"who": ME, "settings": settings(floor)}
    with pytest.raises(InputError, match=f"cannot replace {order.client_id}: it is filled"):
        served(desk, lambda: replace(floor.ledger, "paper", order.client_id, quantity=Decimal(20), **both))
    with pytest.raises(InputError, match=f"cannot cancel {order.client_id}: it is filled"):
        served(desk, lambda: cancel(floor.ledger, "paper", order.client_id, **both))
    floor.settle(desk, 5)
    assert floor.view().account("m").holdings == {"AAA": 10} and len(floor.view().orders) == 1


def test_two_cancels_at_once_are_one_and_the_second_is_told_so(floor: Any) -> None:
    desk = floor.desk(3)
    served(desk, send(floor, wish(floor, **LOW)))
    desk.cycle()
    (order,) = floor.view().orders.values()
    for key in ("c1", "c2"):
        body = {"client_id": order.client_id, "who": ME, "reason": "out"}
        floor.ledger.inbox.ask("paper", "cancel", body, key)
    exhaust(desk)
    (refused,) = floor.ledger.journal.entries("paper", kinds=("request.refused",))
    assert "that was asked for before" in refused.body["why"]
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.CANCELLED]


PRESS = """
import json, sys
from decimal import Decimal
from aura_lib.access import who
from aura_lib.core import Settings, Side, Intent, Instrument
from aura_lib.execution import ticket
from aura_lib.ledger import Ledger
url, home, key = sys.argv[1:]
with Ledger(url) as ledger:
    proposal = ticket(
        ledger, [Intent(Instrument("AAA"), Side.BUY, Decimal(7))], account="paper", book="m", who=who(), key=key,
        settings=Settings.load({"AURA_HOME": home}),
    )
print(json.dumps({"basket": proposal.basket.id, "approved": proposal.approved}))
"""


def press(floor: Any, desk: Any, *keys: str) -> list[dict[str, Any]]:
    """A ticket from a process each, all at once, while the desk works."""
    url = str(floor.ledger._database._engine.url.render_as_string(hide_password=False))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PRESS, url, str(floor.home), key], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for key in keys
    ]
    while any(process.poll() is None for process in running):
        desk.cycle()
    told = [process.communicate() for process in running]
    assert all(process.returncode == 0 for process in running), told
    return [json.loads(out) for out, _ in told]


def test_two_tickets_of_two_processes_at_once_are_two_and_one_pressed_twice_is_one(floor: Any) -> None:
    desk = floor.desk(3)
    first, second = press(floor, desk, "same", "same")
    assert first == second and first["approved"] == 1
    floor.settle(desk, 4)
    assert floor.view().account("m").holdings == {"AAA": 7}
    one, other = press(floor, desk, "one", "other")
    assert one["basket"] != other["basket"]
    floor.settle(desk, 5)
    view = floor.view()
    verdicts = [view.verdicts[told["basket"]].decisions[0] for told in (one, other)]
    approved = sum(d.approved for d in verdicts)
    assert {d.rule for d in verdicts if not d.approved} <= {"duplicate"}, (
        "the same wish twice in a moment is asked back"
    )
    assert view.account("m").holdings == {"AAA": 7 + 7 * approved} and approved >= 1


# ── what a day does ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def no_room_on_the_disk() -> Iterator[None]:
    """The system itself lets no file grow: writing fails with EFBIG, as it would with ENOSPC."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@SQLITE
def test_when_the_system_refuses_to_write_nothing_is_sent_and_afterwards_everything_is(floor: Any) -> None:
    seen: list[Wrapped] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Wrapped(venue)) or seen[-1])
    desk.cycle()
    floor.propose(3, *((symbol, "buy", 1) for symbol in ("AAA", "BBB", "CCC")))
    with no_room_on_the_disk(), pytest.raises(LedgerError, match=r"disk|full"):
        exhaust(desk)
    assert seen[0].submits == 0
    floor.ledger.control.release(desk.seat.lease)
    again = floor.desk(3)
    floor.settle(again, 4)
    assert floor.view().account("m").holdings == {"AAA": 1, "BBB": 1, "CCC": 1}
    assert floor.ledger.journal.verify().ok


@SQLITE
def test_a_ticket_that_cannot_be_written_says_so_and_is_not_there(floor: Any) -> None:
    desk = floor.desk(3)
    with no_room_on_the_disk(), pytest.raises(LedgerError, match=r"disk|full"):
        send(floor, wish(floor, 5), patience=1.0)()
    exhaust(desk)
    assert not floor.view().orders
    (proposal,) = served(desk, send(floor, wish(floor, 5)))
    assert proposal.approved == 1


# ── what a broker answers ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(Seat, "may_ask", lambda self, client_id: True)
    with rehearsal_server() as rehearsal:
        made = Stage(rehearsal, tmp_path)
        yield made
        made.close()


@pytest.mark.parametrize("status", [200, 403, 404, 500, 502, 503])
@pytest.mark.parametrize("arrives", [True, False], ids=["booked", "never booked"])
def test_a_broker_that_answers_everything_with_a_page_is_asked_again_and_has_the_order_once(
    stage: Stage, status: int, arrives: bool
) -> None:
    page = Reply(status, HTML, "text/html")
    stage.rehearsal.weather.faults.append(Fault("POST", "/v2/orders", page, does=arrives, times=1))
    stage.rehearsal.weather.faults.append(Fault("GET|DELETE|PATCH", "/v2/.*", page, does=False, times=FOR_EVER))
    stage.propose("job", buy("10"))
    stage.play(4)
    (order,) = stage.view.orders.values()
    assert order.status is OrderStatus.UNKNOWN and f"HTTP {status}" in order.reason, "a page is neither yes nor no"
    stage.rehearsal.weather.clear()
    stage.play(4)
    assert stage.view.account("m").holdings == {"AAPL": 10} and not stage.view.drift
    assert len(stage.venue.tickets) == 1


def test_a_wall_clock_that_is_set_back_at_a_real_broker_books_nothing_twice_and_sends_nothing_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.propose("job", buy("10"))
    stage.play(2)
    back = timedelta(hours=1)
    monkeypatch.setattr(type(stage.desk.seat.clock), "now", lambda self: stage.venue.market.now - back)
    stage.propose("late", buy("5", AAPL))
    stage.play(4)
    stage.restart()
    stage.play(2)
    view = stage.view
    assert view.account("m").holdings == {"AAPL": 15} and not view.drift and len(view.fills) == 2
    assert len(stage.venue.tickets) == 2 and not view.live_orders()
