"""The kill switch: nothing is sent after it, all can be cancelled and closed, and it needs a person to end it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import BrokerOrder, BrokerRejected, Intent, Order, OrderStatus, Side
from aura_lib.execution.desk.stop import SAME_REFUSAL
from tests.execution.test_changes import LOW
from tests.execution.test_desk import Wrapped, exhaust


def ask_halt(floor: Any, key: str, **more: Any) -> None:
    floor.ledger.control.switch("paper", True, "storm", "me")
    floor.ledger.inbox.ask("paper", "halt", {"who": "me", "reason": "storm", **more}, key)


def test_a_halt_with_cancel_ends_every_order_and_says_when_they_have(floor: Any) -> None:
    desk = floor.desk(3)
    instruments = floor.bars.instruments
    floor.put(3, *(Intent(instruments[s], Side.BUY, Decimal(5), **LOW) for s in ("AAA", "BBB", "CCC")))
    exhaust(desk)
    ask_halt(floor, "h1")
    exhaust(desk)
    assert {o.status for o in floor.view().orders.values()} == {OrderStatus.CANCELLED}
    assert [e.body["open"] for e in floor.ledger.journal.entries("paper", kinds=("halt.cancel",))] == [0]
    assert not floor.view().stopping


def test_flatten_closes_every_position_of_every_book_once_while_halted(floor: Any) -> None:
    floor.fund(book="other")
    desk = floor.desk(3)
    desk.cycle()
    floor.propose(3, ("AAA", "buy", 10), ("BBB", "buy", 7))
    floor.propose(3, ("AAA", "buy", 4), origin="second", book="other")
    floor.settle(desk, 4)
    floor.put(4, Intent(floor.bars.instruments["CCC"], Side.BUY, Decimal(5), **LOW))
    exhaust(desk)
    ask_halt(floor, "h1", flatten=True)
    floor.settle(desk, 5)
    view = floor.view()
    assert view.account().holdings == {} and view.drift == "" and not view.live
    assert (view.account("m").holdings, view.account("other").holdings) == ({}, {})
    closing = [o for o in view.orders.values() if o.client_id in view.closing]
    assert sorted((o.book, o.intent.symbol, o.intent.quantity) for o in closing) == [
        ("m", "AAA", 10), ("m", "BBB", 7), ("other", "AAA", 4),
    ]  # fmt: skip
    assert {o.basket.partition("@")[0] for o in closing} == {"flatten:me"}
    floor.propose(5, ("AAA", "buy", 1))
    floor.settle(desk, 6)
    assert not floor.view().live and floor.view().account().holdings == {}, "still halted"


def test_the_next_desk_goes_on_with_what_a_halt_asked_for(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    ask_halt(floor, "h1", flatten=True)
    from aura_lib.execution.desk.take import answer_requests

    answer_requests(desk.seat, desk.seat.news().requests)  # taken, and then the desk dies
    floor.ledger.control.release(desk.seat.lease)
    again = floor.desk(4)
    floor.settle(again, 5)
    assert floor.view().account().holdings == {}
    assert len([o for o in floor.view().orders.values() if o.client_id in floor.view().closing]) == 1


def test_a_halt_in_the_middle_of_a_basket_stops_the_orders_that_were_not_sent_yet(floor: Any) -> None:
    class Slow(Wrapped):
        def submit(self, order: Order) -> BrokerOrder:
            told = super().submit(order)
            floor.ledger.control.switch("paper", True, "storm", "me")
            desk.seat._looked -= 1  # a second passes
            return told

    seen: list[Slow] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Slow(venue)) or seen[-1])
    desk.seat.broker.together = None  # each call by itself, as at a real broker
    floor.propose(3, *((s, "buy", 1) for s in ("AAA", "BBB", "CCC")))
    exhaust(desk)
    assert seen[0].submits == 1
    statuses = [o.status for o in floor.view().orders.values()]
    assert statuses == [OrderStatus.ACCEPTED, OrderStatus.CANCELLED, OrderStatus.CANCELLED]


def test_the_same_refusal_again_and_again_halts_the_book_and_not_the_others(floor: Any) -> None:
    class Refuses(Wrapped):
        def submit(self, order: Order) -> BrokerOrder:
            if order.book == "other":
                return self.venue.submit(order)
            self.submits += 1
            raise BrokerRejected("no locate")

    floor.fund(book="other")
    seen: list[Refuses] = []
    desk = floor.desk(0, wrap=lambda venue: seen.append(Refuses(venue)) or seen[-1])
    for session in range(1, SAME_REFUSAL + 4):
        floor.settle(desk, session)
        floor.propose(session, ("AAA", "buy", 1))
        floor.propose(session, ("AAA", "buy", 1), origin="second", book="other")
    floor.settle(desk, SAME_REFUSAL + 5)
    assert seen[0].submits == SAME_REFUSAL
    assert floor.view().account("other").holdings == {"AAA": SAME_REFUSAL + 3}
    last = list(floor.view().verdicts.values())[-2]
    assert last.decisions[0].rule == "halted" and "no locate" in last.decisions[0].value
    floor.ledger.control.switch("paper/m", False, "locates are back", "me")
    floor.propose(SAME_REFUSAL + 5, ("AAA", "buy", 1))
    exhaust(desk)
    assert seen[0].submits == SAME_REFUSAL + 1, "one more refusal does not halt it again at once"
    floor.ledger.control.release(desk.seat.lease)
    floor.desk(SAME_REFUSAL + 5)
    assert not [s for s in floor.ledger.control.look(floor.ledger.control.acquire("paper", 60)) if s == "paper/m"]


@pytest.mark.parametrize("scope", ["paper", "ALL", "paper/m"])
def test_what_is_halted_is_seen_before_every_send(floor: Any, scope: str) -> None:
    desk = floor.desk(3)
    desk.cycle()
    floor.ledger.control.switch(scope, True, "storm", "me")
    floor.propose(3, ("AAA", "buy", 1))
    floor.settle(desk, 4)
    assert not floor.view().fills and [d.rule for v in floor.view().verdicts.values() for d in v.decisions] == [
        "halted"
    ]


def test_what_is_asked_before_the_clock_moves_is_done_before_it_moves(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    read = floor.ledger.inbox.after_in

    def late(connection: Any, account: str, n: int) -> Any:
        """Between the desk's look into the inbox and its look at the clock, somebody halts and moves the clock."""
        floor.ledger.inbox.after_in = read
        found = read(connection, account, n)
        ask_halt(floor, "h1", flatten=True)
        floor.ledger.control.set_clock("paper", floor.time(5))
        return found

    floor.ledger.inbox.after_in = late
    exhaust(desk)  # sees nothing of it: it came later than the moment that the desk was told of
    exhaust(desk)
    view = floor.view()
    closing = [o for o in view.orders.values() if o.client_id in view.closing]
    assert [o.time for o in closing] == [floor.time(4)] and view.account().holdings == {}
