"""What people ask of a desk: tickets, cancels, changes, halts; each needs a permission, bad input is refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from aura_lib.access import who
from aura_lib.core import (
    AssetClass,
    InputError,
    Instrument,
    Intent,
    OrderStatus,
    OrderType,
    PermissionDenied,
    Settings,
    Side,
)
from aura_lib.execution import cancel, halt, replace, resume, ticket
from tests.execution.test_changes import LOW

T = TypeVar("T")
ME = who()


def settings(floor: Any) -> Settings:
    return Settings.load({"AURA_HOME": str(floor.home)})


def served(desk: Any, *calls: Callable[[], T]) -> list[T]:
    """The answers of calls that wait for a desk, while the desk works."""
    with ThreadPoolExecutor(len(calls)) as pool:
        waiting = [pool.submit(call) for call in calls]
        while not all(w.done() for w in waiting):
            desk.cycle()
        return [w.result() for w in waiting]


def buy(floor: Any, quantity: int = 10, symbol: str = "AAA", **more: Any) -> Intent:
    return Intent(floor.bars.instruments[symbol], Side.BUY, Decimal(quantity), **more)


def send(floor: Any, *intents: Intent, **more: Any) -> Callable[[], Any]:
    given = {"account": "paper", "book": "m", "who": ME, "settings": settings(floor), **more}
    return lambda: ticket(floor.ledger, intents, **given)


def test_a_ticket_is_judged_sent_changed_and_cancelled(floor: Any) -> None:
    desk = floor.desk(3)
    (proposal,) = served(desk, send(floor, buy(floor, **LOW)))
    assert proposal.approved == 1 and proposal.basket.origin == f"ticket:{ME}"
    desk.cycle()
    (order,) = floor.view().orders.values()
    both = {"who": ME, "settings": settings(floor)}
    (changed,) = served(
        desk, lambda: replace(floor.ledger, "paper", order.client_id, limit_price=Decimal("2.00"), **both)
    )
    desk.cycle()
    assert (changed.parent, changed.intent.limit_price) == (order.client_id, Decimal("2.00"))
    served(desk, lambda: cancel(floor.ledger, "paper", changed.client_id, **both))
    desk.cycle()
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.REPLACED, OrderStatus.CANCELLED]
    with pytest.raises(InputError, match="it is cancelled"):
        served(desk, lambda: cancel(floor.ledger, "paper", changed.client_id, **both))


def test_two_tickets_at_once_are_two_and_the_same_key_twice_is_one(floor: Any) -> None:
    desk = floor.desk(3)
    first, second = served(desk, send(floor, buy(floor, 1)), send(floor, buy(floor, 2, "BBB")))
    assert first.basket.id != second.basket.id
    again = served(desk, send(floor, buy(floor, 3, "CCC"), key="k"), send(floor, buy(floor, 3, "CCC"), key="k"))
    assert again[0] == again[1]
    floor.settle(desk, 4)
    assert floor.view().account("m").holdings == {"AAA": 1, "BBB": 2, "CCC": 3}


def test_who_has_no_permission_writes_nothing(floor: Any) -> None:
    desk = floor.desk(3)
    for call in (
        send(floor, buy(floor), who="mallory"),
        lambda: halt(floor.ledger, "paper", who="mallory", reason="x", settings=settings(floor)),
        lambda: resume(floor.ledger, "ALL", who="mallory", reason="x", settings=settings(floor)),
    ):
        with pytest.raises(PermissionDenied, match="mallory"):
            call()
    assert floor.ledger.inbox.after("paper") == [] and not desk.seat.ledger.control.halted("paper")


def test_a_permission_that_was_taken_away_since_is_noticed_by_the_desk(floor: Any) -> None:
    desk = floor.desk(3)
    (floor.home / "permissions.yaml").write_text(f"users:\n  {ME}:\n    - {{do: all, on: all}}\n")
    call = send(floor, buy(floor))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(call)
        while not floor.ledger.inbox.after("paper"):
            pass
        (floor.home / "permissions.yaml").write_text(f"users:\n  {ME}:\n    - {{do: view, on: all}}\n")
        while not waiting.done():
            desk.cycle()
    assert [d.rule for d in waiting.result().decisions] == ["permission"]
    assert not floor.view().orders


def test_a_halt_from_the_door_reaches_the_desk_and_resume_needs_a_reason(floor: Any) -> None:
    desk = floor.desk(3)
    served(desk, send(floor, buy(floor, **LOW)))
    desk.cycle()
    known = settings(floor)
    assert halt(floor.ledger, "ALL", who=ME, reason="storm", cancel=True, settings=known) == ["paper"]
    while desk.cycle():
        pass
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.CANCELLED]
    with pytest.raises(InputError, match="reason"):
        resume(floor.ledger, "ALL", who=ME, reason=" ", settings=known)
    with pytest.raises(InputError, match="one book"):
        halt(floor.ledger, "paper/m", who=ME, reason="x", flatten=True, settings=known)
    with pytest.raises(InputError, match="no account"):
        halt(floor.ledger, "papre", who=ME, reason="x", settings=known)
    resume(floor.ledger, "ALL", who=ME, reason="it is over", settings=known)
    (proposal,) = served(desk, send(floor, buy(floor, 1)))
    assert proposal.approved == 1


def test_bad_orders_are_refused_with_what_was_given_and_what_was_expected(floor: Any) -> None:
    desk = floor.desk(3)
    instrument = floor.bars.instruments["AAA"]
    for quantity in ("0", "-1", "1.0000000000000000001", "NaN", "0.5"):
        with pytest.raises(InputError, match=r"quantity|lot"):
            Intent(instrument, Side.BUY, Decimal(quantity))
    with pytest.raises(InputError, match="at least one"):
        send(floor)()
    limit = {"type": OrderType.LIMIT}
    expired = Instrument(
        "AAA200117C00100000", AssetClass.OPTION, multiplier=Decimal(100), underlying="AAA",
        expiry=floor.time(0).date().replace(year=2020), strike=Decimal(100), right="call",
    )  # fmt: skip
    wrong = {
        "off the tick": buy(floor, limit_price=Decimal("100.001"), **limit),
        "unknown": Intent(Instrument("ZZZ"), Side.BUY, Decimal(1)),
        "expired": Intent(expired, Side.BUY, Decimal(1)),
        "not held": Intent(instrument, Side.SELL, Decimal(1)),
    }
    for what, intent in wrong.items():
        (proposal,) = served(desk, send(floor, intent))
        (decision,) = proposal.decisions
        assert not decision.approved and decision.limit, what
    assert not floor.view().orders
