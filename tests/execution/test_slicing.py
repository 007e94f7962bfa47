"""Sliced orders at the desk: children when they are due, each once, under the rules of every order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.core import Basket, InputError, Intent, OrderType, PermissionDenied, Side, TimeInForce
from aura_lib.execution.limits import set_limits
from aura_lib.execution.slicing import Schedule, Sliced, cancel_sliced, slice_order
from tests.options import DEBIT

D = Decimal


def sliced(floor: Any, sessions: range, quantity: int = 100, name: str = "big", **more: Any) -> Sliced:
    """A buy of AAA in a slice at each of some sessions."""
    given = {"side": Side.BUY, "time_in_force": TimeInForce.GTC, **more}
    intent = Intent(floor.bars.instruments["AAA"], quantity=D(quantity), **given)
    due = tuple(floor.time(session) for session in sessions)
    return Sliced(name, "m", intent, Schedule(due, floor.time(sessions.stop), (D(1),) * len(due)))


def ask(floor: Any, order: Sliced) -> None:
    slice_order(floor.ledger, floor.home, "paper", order, who=who(), reason="test")


def children(floor: Any) -> list[tuple[Any, Decimal, Decimal, str]]:
    """(due, quantity, filled, status) of every child, in order."""
    found = [o for o in floor.view().orders.values() if o.basket.startswith("slice:")]
    return [(o.time, o.intent.quantity, o.filled, o.status.value) for o in found]


def ended(floor: Any) -> list[tuple[str, str]]:
    entries = floor.ledger.journal.entries("paper", kinds=("sliced",))
    return [(e.body["filled"], e.body["why"]) for e in entries if "done" in e.body]


def test_an_order_goes_out_in_slices_when_they_are_due(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 9)))
    floor.settle(desk, 29)
    assert children(floor) == [(floor.time(n), 25, 25, "filled") for n in range(5, 9)]
    assert floor.view().account("m").holdings == {"AAA": D(100)}
    assert (ended(floor), floor.view().sliced) == ([("100", "filled")], {})


def test_slices_that_fill_nothing_are_cancelled_and_planned_anew(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 9), type=OrderType.LIMIT, limit_price=D("1")))
    floor.settle(desk, 29)
    assert [(q, status) for _, q, _, status in children(floor)] == [
        (25, "cancelled"), (33, "cancelled"), (50, "cancelled"), (100, "cancelled"),
    ]  # fmt: skip
    assert ended(floor) == [("0", "time is over")]
    assert floor.view().account("m").holdings == {}


def test_a_desk_that_starts_anew_goes_on_and_sends_no_slice_twice(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(4, 10), quantity=60))
    for session in range(4, 12):
        floor.settle(desk, session)
        floor.ledger.control.release(desk.seat.lease)
        desk = floor.desk(session)
    assert [q for _, q, _, _ in children(floor)] == [10] * 6
    assert floor.view().account("m").holdings == {"AAA": D(60)}


def test_cancelling_the_whole_cancels_the_rest(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 9)))
    floor.settle(desk, 6)
    cancel_sliced(floor.ledger, floor.home, "paper", "big", who=who(), reason="enough")
    floor.settle(desk, 12)
    assert [(q, filled, status) for _, q, filled, status in children(floor)] == [
        (25, 25, "filled"), (25, 0, "cancelled"),
    ]  # fmt: skip
    assert ended(floor) == [("25", f"cancelled by {who()}: enough")]


def test_what_a_halt_made_it_miss_belongs_to_the_slices_that_are_left(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 9)))
    floor.settle(desk, 6)
    floor.ledger.control.switch("paper", True, "test", "me")
    floor.settle(desk, 7)
    floor.ledger.control.switch("paper", False, "test", "me")
    floor.settle(desk, 12)
    assert floor.view().account("m").holdings == {"AAA": D(100)}
    assert sum(q for _, q, _, status in children(floor) if status == "filled") == 100


def test_every_slice_is_under_the_rules_of_every_order(floor: Any) -> None:
    desk = floor.desk(3)
    set_limits(floor.ledger, floor.home, "paper", {"max_order_quantity": 30}, who=who(), reason="test")
    ask(floor, sliced(floor, range(5, 9), quantity=160))
    floor.settle(desk, 29)
    verdicts = [v.decisions[0].rule for name, v in floor.view().verdicts.items() if name.startswith("slice:")]
    assert verdicts == ["max_order_quantity"] * 4
    assert ended(floor) == [("0", "time is over")]


def test_the_clock_stops_where_a_slice_is_due_between_two_bars(floor: Any) -> None:
    desk = floor.desk(3)
    between = floor.time(5) + (floor.time(6) - floor.time(5)) / 2
    order = sliced(floor, range(5, 6), quantity=10)
    ask(floor, Sliced("big", "m", order.intent, Schedule((between,), floor.time(8), (D(1),))))
    floor.settle(desk, 10)
    assert children(floor) == [(between, 10, 10, "filled")]
    assert floor.view().fills[-1].time == floor.time(6)


def test_the_same_name_is_one_order(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 7), quantity=10))
    ask(floor, sliced(floor, range(5, 7), quantity=10))
    with pytest.raises(InputError, match="was asked for before"):
        ask(floor, sliced(floor, range(5, 7), quantity=20))
    floor.settle(desk, 12)
    assert floor.view().account("m").holdings == {"AAA": D(10)}


def test_what_makes_no_sense_is_refused(floor: Any) -> None:
    desk = floor.desk(8)
    ask(floor, sliced(floor, range(4, 6), name="late"))
    with pytest.raises(PermissionDenied):
        slice_order(floor.ledger, floor.home, "paper", sliced(floor, range(9, 11)), who="eve", reason="r")
    with pytest.raises(InputError, match="packages of options are not sliced"):
        replace(sliced(floor, range(9, 11)), intent=Intent.of_legs(DEBIT, D(10)))
    with pytest.raises(InputError, match="stop day orders are not sliced"):
        sliced(floor, range(9, 11), type=OrderType.STOP, stop_price=D(500), time_in_force=TimeInForce.DAY)
    with pytest.raises(InputError, match="letters"):
        sliced(floor, range(9, 11), name="a b")
    lost = Sliced("lost", "nowhere", sliced(floor, range(9, 11)).intent, sliced(floor, range(9, 11)).schedule)
    ask(floor, lost)
    cancel_sliced(floor.ledger, floor.home, "paper", "none", who=who(), reason="r")
    floor.settle(desk, 9)
    why = [e.body["why"] for e in floor.ledger.journal.entries("paper", kinds=("request.refused",))]
    assert "late: its schedule ended at" in why[0]
    assert "no book 'nowhere'" in why[1] and "no sliced order 'none'" in why[2]


def test_a_strategys_basket_of_the_same_moment_does_not_get_in_the_way(floor: Any) -> None:
    desk = floor.desk(3)
    ask(floor, sliced(floor, range(5, 7), quantity=10))
    floor.settle(desk, 5)
    basket = floor.propose(5, ("BBB", "buy", 5))
    assert isinstance(basket, Basket)
    floor.settle(desk, 10)
    assert floor.view().account("m").holdings == {"AAA": D(10), "BBB": D(5)}


def test_the_limits_and_rights_of_who_asked_hold_for_every_slice(floor: Any) -> None:
    desk = floor.desk(3)
    set_limits(floor.ledger, floor.home, f"paper@{who()}", {"max_order_quantity": 20}, who=who(), reason="test")
    ask(floor, sliced(floor, range(5, 9)))
    floor.settle(desk, 6)
    file = floor.home / "permissions.yaml"
    file.write_text("users: {}\n")
    file.chmod(0o600)
    floor.settle(desk, 8)
    rules = [v.decisions[0].rule for name, v in floor.view().verdicts.items() if name.startswith("slice:")]
    assert rules == ["max_order_quantity", "max_order_quantity", "permission", "permission"]
