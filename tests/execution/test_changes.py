"""Cancels and replacements: a wish stands until the order has ended, and the order itself tells how it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import (
    TERMINAL,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    OutcomeUnknown,
    Side,
    TimeInForce,
)
from aura_lib.execution.brokers.paper import PaperBroker
from tests.execution.test_desk import Wrapped, exhaust

LOW = {"type": OrderType.LIMIT, "limit_price": Decimal("1.00"), "time_in_force": TimeInForce.GTC}  # never reached


def waiting(floor: Any, quantity: int = 10, wrap: Callable[[Any], Any] = lambda venue: venue) -> tuple[Any, Order]:
    """A desk with one order that waits at the venue."""
    desk = floor.desk(3, wrap=wrap)
    floor.put(3, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(quantity), **LOW))
    exhaust(desk)
    (order,) = floor.view().orders.values()
    return desk, order


def ask(floor: Any, kind: str, client_id: str, key: str, **more: Any) -> None:
    floor.ledger.inbox.ask("paper", kind, {"client_id": client_id, "who": "me", "reason": "test", **more}, key)


def refusals(floor: Any) -> list[str]:
    return [e.body["why"] for e in floor.ledger.journal.entries("paper", kinds=("request.refused",))]


def test_a_cancelled_order_ends_and_cannot_be_cancelled_again(floor: Any) -> None:
    desk, order = waiting(floor)
    ask(floor, "cancel", order.client_id, "c1")
    exhaust(desk)
    assert floor.view().orders[order.client_id].status is OrderStatus.CANCELLED
    ask(floor, "cancel", order.client_id, "c2")
    ask(floor, "cancel", "nobody", "c3")
    ask(floor, "replace", order.client_id, "r1", quantity=Decimal(5))
    exhaust(desk)
    assert ["cancelled" in refusals(floor)[0], "no such order" in refusals(floor)[1]] == [True, True]
    assert "cannot replace" in refusals(floor)[2] and "cancelled" in refusals(floor)[2]
    floor.settle(desk, 5)
    assert not floor.view().fills and floor.view().drift == ""


def test_a_cancel_of_an_order_that_nobody_acknowledged_is_sent_once_its_outcome_is_known(floor: Any) -> None:
    class Mute(Wrapped):
        down = True

        def __init__(self, venue: PaperBroker) -> None:
            super().__init__(venue)
            self.cancelled: list[str] = []

        def submit(self, order: Order) -> BrokerOrder:
            self.venue.submit(order)
            raise OutcomeUnknown("timed out")

        def find(self, client: str) -> BrokerOrder | None:
            if self.down:
                raise BrokerUnavailable("down")
            return self.venue.find(client)

        def cancel(self, client: str) -> None:
            self.cancelled.append(client)
            self.venue.cancel(client)

    seen: list[Mute] = []
    desk, order = waiting(floor, wrap=lambda venue: seen.append(Mute(venue)) or seen[-1])
    assert order.status is OrderStatus.UNKNOWN
    ask(floor, "cancel", order.client_id, "c1")
    exhaust(desk)
    assert seen[0].cancelled == [] and floor.view().orders[order.client_id].status is OrderStatus.UNKNOWN
    seen[0].down = False
    desk.seat.ask_after.clear()
    exhaust(desk)
    assert seen[0].cancelled == [order.client_id]
    assert floor.view().orders[order.client_id].status is OrderStatus.CANCELLED


def test_a_refused_cancel_makes_the_desk_ask_how_the_order_stands(floor: Any) -> None:
    class Filled(Wrapped):
        """A venue where the order fills while the cancel is on its way."""

        def cancel(self, client: str) -> None:
            self.venue._clock.advance(floor.time(4))
            raise BrokerRejected("it is filled")

    desk = floor.desk(3, wrap=Filled)
    floor.propose(3, ("AAA", "buy", 10))
    exhaust(desk)
    (order,) = floor.view().orders.values()
    ask(floor, "cancel", order.client_id, "c1")
    exhaust(desk)
    (order,) = floor.view().orders.values()
    assert (order.status, order.filled) == (OrderStatus.FILLED, 10)
    assert floor.view().account("m").holdings == {"AAA": 10} and not floor.view().cancelling


def test_a_replacement_sends_what_is_left_and_the_chain_never_wants_more_than_was_wished(floor: Any) -> None:
    desk, order = waiting(floor)
    ask(floor, "replace", order.client_id, "r1", quantity=Decimal(6), limit_price=Decimal("200.00"))
    exhaust(desk)
    old, new = floor.view().orders.values()
    assert (old.status, new.status, new.parent) == (OrderStatus.REPLACED, OrderStatus.ACCEPTED, old.client_id)
    assert (new.intent.quantity, new.intent.limit_price) == (6, Decimal("200.00"))
    floor.settle(desk, 4)
    assert floor.view().account("m").holdings == {"AAA": 6} and floor.view().drift == ""
    ask(floor, "replace", new.client_id, "r2", quantity=Decimal(9))
    exhaust(desk)
    assert "it is filled" in refusals(floor)[-1], "replace after fill"


def test_a_replacement_passes_the_same_checks_as_any_order(floor: Any) -> None:
    desk, order = waiting(floor)
    ask(floor, "replace", order.client_id, "r1", quantity=Decimal(900), limit_price=Decimal("100.00"))
    ask(floor, "replace", order.client_id, "r2")
    ask(floor, "replace", order.client_id, "r3", limit_price=Decimal("1.00"))
    exhaust(desk)
    first, second, third = refusals(floor)
    assert "rejected by" in first and "nothing to replace" in second and "asks for already" in third
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.ACCEPTED]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_timed_out_replacement_is_looked_up_and_never_made_twice(floor: Any, arrives: bool) -> None:
    class TimesOut(Wrapped):
        replaces = 0

        def replace(self, old: Order, new: Order) -> BrokerOrder:
            self.replaces += 1
            if self.replaces == 1:
                if arrives:
                    self.venue.replace(old, new)
                raise OutcomeUnknown("504")
            return self.venue.replace(old, new)

    seen: list[TimesOut] = []
    desk, order = waiting(floor, wrap=lambda venue: seen.append(TimesOut(venue)) or seen[-1])
    ask(floor, "replace", order.client_id, "r1", quantity=Decimal(4), limit_price=Decimal("200.00"))
    floor.settle(desk, 4)
    assert seen[0].replaces == (1 if arrives else 2)
    assert floor.view().account("m").holdings == {"AAA": 4}
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.REPLACED, OrderStatus.FILLED]


def test_a_replacement_that_never_arrived_is_dropped_when_the_old_order_has_filled(floor: Any) -> None:
    class Late(Wrapped):
        def replace(self, old: Order, new: Order) -> BrokerOrder:
            self.venue._clock.advance(floor.time(4))  # the old one fills before it is asked for anything
            raise OutcomeUnknown("504")

    desk = floor.desk(3, wrap=Late)
    floor.propose(3, ("AAA", "buy", 10))
    exhaust(desk)
    (order,) = floor.view().orders.values()
    ask(floor, "replace", order.client_id, "r1", quantity=Decimal(8))
    floor.settle(desk, 5)
    statuses = [o.status for o in floor.view().orders.values()]
    assert statuses[0] is OrderStatus.FILLED and statuses[1] in TERMINAL - {OrderStatus.FILLED}
    assert floor.view().account("m").holdings == {"AAA": 10}, "filled + working never exceeds the wish"


def test_the_exit_of_a_bracket_is_an_order_of_its_book_and_closes_what_the_entry_bought(floor: Any) -> None:
    desk = floor.desk(3)
    prices = {"take_profit": Decimal("500.00"), "stop_loss": Decimal("2.00")}
    floor.put(3, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(10), OrderType.BRACKET, **prices))
    floor.settle(desk, 4)
    entry, leg = floor.view().orders.values()
    assert (entry.status, leg.status) == (OrderStatus.FILLED, OrderStatus.ACCEPTED)
    assert (leg.parent, leg.book, leg.intent.side, leg.intent.quantity) == (entry.client_id, "m", Side.SELL, 10)
    ask(floor, "replace", leg.client_id, "r1", quantity=Decimal(10), limit_price=None)
    ask(floor, "cancel", leg.client_id, "c1")
    exhaust(desk)
    assert floor.view().orders[leg.client_id].status is OrderStatus.CANCELLED
    assert floor.view().account("m").holdings == {"AAA": 10} and floor.view().drift == ""


def test_a_bracket_that_comes_and_goes_between_two_looks_is_booked_with_its_exit(floor: Any) -> None:
    closes = [Decimal(repr(float(p))) for p in floor.bars.close["AAA"]]
    start = next(n for n in range(1, 26) if closes[n + 2] < closes[n] and closes[n + 2] < closes[n + 1])
    desk = floor.desk(start)
    near = {"take_profit": Decimal("500.00"), "stop_loss": closes[start + 2]}  # met one bar after the entry
    floor.put(start, Intent(floor.bars.instruments["AAA"], Side.BUY, Decimal(10), OrderType.BRACKET, **near))
    floor.settle(desk, start + 3)
    entry, leg = floor.view().orders.values()
    assert (entry.status, leg.status, leg.parent) == (OrderStatus.FILLED, OrderStatus.FILLED, entry.client_id)
    assert floor.view().account("m").holdings == {} and floor.view().drift == ""
    assert {f.book for f in floor.view().fills} == {"m"}


def test_an_order_placed_outside_is_adopted_by_no_book_and_told_as_drift_until_it_ends(floor: Any) -> None:
    desk = floor.desk(3)
    intent = Intent(floor.bars.instruments["BBB"], Side.BUY, Decimal(3), **LOW)
    desk.seat.broker.submit(Order("by hand", "paper", "", "", 0, 1, intent, floor.time(3)))
    floor.settle(desk, 4)
    order = floor.view().orders["by hand"]
    assert (order.status, order.book) == (OrderStatus.ACCEPTED, "") and "by hand" in floor.view().drift
    desk.seat.broker.cancel("by hand")
    floor.settle(desk, 5)
    assert floor.view().orders["by hand"].status is OrderStatus.CANCELLED and floor.view().drift == ""


def test_a_fill_of_an_order_that_nobody_knows_is_kept_until_its_order_is_known(floor: Any) -> None:
    class Hides(Wrapped):
        hidden = True

        def find(self, client: str) -> BrokerOrder | None:
            return None if self.hidden and client == "by hand" else self.venue.find(client)

    seen: list[Hides] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Hides(venue)) or seen[-1])
    intent = Intent(floor.bars.instruments["BBB"], Side.BUY, Decimal(3))
    seen[0].venue.submit(Order("by hand", "paper", "", "", 0, 1, intent, floor.time(3)))
    floor.settle(desk, 4)
    view = floor.view()
    assert len(view.parked) == 1 and not view.fills and "nobody knows" in view.drift
    seen[0].hidden = False
    floor.settle(desk, 5)
    view = floor.view()
    assert not view.parked and [f.client_id for f in view.fills] == ["by hand"] and view.drift == ""
    assert view.account().holdings == {"BBB": 3}


def test_a_fill_that_comes_after_its_order_was_cancelled_is_booked(floor: Any) -> None:
    class Late(Wrapped):
        """Says cancelled, and tells the fill that came before it only later."""

        told = False

        def find(self, client: str) -> BrokerOrder | None:
            return BrokerOrder(client, OrderStatus.CANCELLED)

        def orders(self) -> list[BrokerOrder]:
            return []

        def fills(self, after: str = "") -> Any:
            return self.venue.fills(after) if self.told else []

        def snapshot(self) -> Any:
            told = self.venue.snapshot()
            return told if self.told else replace(told, cash=Decimal(100_000), holdings={})

    seen: list[Late] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Late(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 5)
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.CANCELLED]
    seen[0].told = True
    floor.settle(desk, 6)
    (order,) = floor.view().orders.values()
    assert (order.status, order.filled) == (OrderStatus.FILLED, 10) and floor.view().drift == ""
    assert floor.view().account("m").holdings == {"AAA": 10}
