"""The life of an order, and what happens to it when the broker misbehaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy

from aura_lib.core import (
    Binding,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Fill,
    Holding,
    InputError,
    Instrument,
    LedgerError,
    Mode,
    Order,
    OrderStatus,
    OutcomeUnknown,
    PermissionDenied,
    Snapshot,
)
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import client_id
from aura_lib.execution.desk.take import decided
from aura_lib.execution.gate import promoted
from aura_lib.ledger import ALL, LeaseLost


class Wrapped:
    """A venue behind a bad line: every call goes through, and `submit` and `find` can be made to misbehave."""

    def __init__(self, venue: PaperBroker) -> None:
        self.venue, self.submits, self.finds = venue, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def submit(self, order: Order) -> BrokerOrder:
        self.submits += 1
        return self.venue.submit(order)

    def find(self, client: str) -> BrokerOrder | None:
        self.finds += 1
        return self.venue.find(client)


def take(desk: Any) -> None:
    """What is proposed is decided and approved, and not sent."""
    for received in desk.seat.news().baskets:
        desk.seat.write(decided(desk.seat, received))


def exhaust(desk: Any) -> None:
    while desk.cycle():
        pass


def statuses(floor: Any) -> list[str]:
    return [e.body["status"] for e in floor.ledger.journal.entries("paper", kinds=("status",))]


def test_a_basket_becomes_decisions_orders_and_fills_that_pay_for_themselves(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10), ("BBB", "buy", 20))
    floor.settle(desk, 4)
    view = floor.view()
    assert [o.status for o in view.orders.values()] == [OrderStatus.FILLED] * 2
    assert statuses(floor) == ["sending"] * 2 + ["accepted"] * 2 + ["filled"] * 2
    paid = sum(f.quantity * f.price + f.fee for f in view.fills)
    assert view.account("m").cash == Decimal(100_000) - paid
    assert view.account("m").holdings == {"AAA": 10, "BBB": 20}
    assert {f.time for f in view.fills} == {floor.time(4)}, "decided at one close, filled at the next"
    assert view.drift == ""
    assert floor.ledger.journal.verify().ok


def test_the_same_decision_twice_trades_once(floor: Any) -> None:
    desk = floor.desk(3)
    first = floor.propose(3, ("AAA", "buy", 10))
    second = floor.propose(3, ("AAA", "buy", 99))
    assert second == first, "the first basket of a slot counts"
    floor.settle(desk, 4)
    assert floor.view().account("m").holdings == {"AAA": 10}


def test_a_basket_without_a_valid_token_is_refused_and_leaves_nothing(floor: Any) -> None:
    good = floor.propose(3, ("AAA", "buy", 1))
    wrong = floor.secret(3, origin="another job")
    stale = floor.secret(5, seconds=-1)
    for secret, slot in (("guess", 5), (wrong, 5), (stale, 5)):
        with pytest.raises(PermissionDenied):
            floor.ledger.inbox.put(replace(good, slot=floor.time(slot)), secret)
    assert len(floor.ledger.inbox.after("paper")) == 1


def test_a_notebook_without_a_valid_promotion_is_refused(floor: Any) -> None:
    other = Binding("other cells", "parameters", "sources")
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10), binding=other)
    floor.settle(desk, 4)
    floor.promote(other, signed=False)  # a forged signature counts for nothing
    floor.propose(4, ("AAA", "buy", 10), binding=other)
    floor.settle(desk, 5)
    floor.promote(other)
    floor.propose(5, ("AAA", "buy", 10), binding=other)
    floor.settle(desk, 6)
    assert [v.decisions[0].rule for v in floor.view().verdicts.values()] == ["promotion", "promotion", "limits"]
    assert not promoted(floor.ledger, other.id, Mode.LIVE, floor.vault.public_key)


def test_the_kill_switch_refuses_baskets_and_stops_orders_that_were_not_sent(floor: Any) -> None:
    desk = floor.desk(3)
    desk.cycle()
    floor.propose(3, ("AAA", "buy", 10))
    take(desk)  # decided and approved, not yet sent
    floor.ledger.control.switch(ALL, True, "storm", "me")
    floor.settle(desk, 4)
    floor.propose(4, ("BBB", "buy", 10))
    floor.settle(desk, 5)
    view = floor.view()
    assert [o.status for o in view.orders.values()] == [OrderStatus.CANCELLED]
    assert [d.rule for d in list(view.verdicts.values())[-1].decisions] == ["halted"]
    assert not view.fills
    floor.ledger.control.switch(ALL, False, "over", "me")
    floor.propose(5, ("BBB", "buy", 10))
    floor.settle(desk, 6)
    assert floor.view().account("m").holdings == {"BBB": 10}


def test_a_limit_says_no_with_its_value_and_nothing_is_sent(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 700), ("BBB", "sell", 5))
    floor.settle(desk, 4)
    verdict = next(iter(floor.view().verdicts.values()))
    assert [d.approved for d in verdict.decisions] == [False, False]
    assert [d.rule for d in verdict.decisions] == ["max_order_weight", "no_short"]
    assert all(d.value and d.limit for d in verdict.decisions)
    assert not floor.view().orders


@pytest.mark.parametrize("arrives", [True, False])
def test_a_timed_out_order_is_looked_up_before_it_is_sent_again(floor: Any, arrives: bool) -> None:
    class TimesOut(Wrapped):
        def submit(self, order: Order) -> BrokerOrder:
            self.submits += 1
            if self.submits == 1:
                if arrives:
                    self.venue.submit(order)
                raise OutcomeUnknown("504 after the request left")
            assert self.finds, "sent again before it was looked up"
            return self.venue.submit(order)

    seen: list[TimesOut] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(TimesOut(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    assert seen[0].submits == (1 if arrives else 2)
    assert len(floor.view().fills) == 1
    assert "unknown" in statuses(floor)
    assert floor.view().account("m").holdings == {"AAA": 10}


def test_a_duplicate_id_refusal_means_the_first_one_arrived(floor: Any) -> None:
    class Forgets(Wrapped):
        """The venue has the order, its first look-up says no: the order landed after the first look."""

        def submit(self, order: Order) -> BrokerOrder:
            self.submits += 1
            if self.submits == 1:
                self.venue.submit(order)
                raise OutcomeUnknown("timed out")
            return self.venue.submit(order)

        def find(self, client: str) -> BrokerOrder | None:
            self.finds += 1
            return None if self.finds == 1 else self.venue.find(client)

    desk = floor.desk(3, wrap=Forgets)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.FILLED]
    assert floor.view().account("m").holdings == {"AAA": 10}


def test_an_order_nobody_can_tell_about_stays_unknown_and_holds_the_clock(floor: Any) -> None:
    class Mute(Wrapped):
        down = True

        def submit(self, order: Order) -> BrokerOrder:
            raise OutcomeUnknown("connection reset") if self.down else AssertionError("sent again")

        def find(self, client: str) -> BrokerOrder | None:
            if self.down:
                raise BrokerUnavailable("down")
            return BrokerOrder(client, OrderStatus.REJECTED, reason="margin")

    seen: list[Mute] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Mute(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.UNKNOWN], "silence proves nothing"
    assert floor.ledger.control.clock("paper")[1] is None, "the clock waits for the answer"
    seen[0].down = False
    desk.seat.ask_after.clear()
    floor.settle(desk, 4)
    order = next(iter(floor.view().orders.values()))
    assert (order.status, order.reason) == (OrderStatus.REJECTED, "margin")
    assert floor.ledger.control.clock("paper")[1] == floor.time(4)


def test_fills_told_twice_are_booked_once(floor: Any) -> None:
    class Stutters(Wrapped):
        def fills(self, after: str = "") -> Sequence[tuple[str, Fill]]:
            return [*self.venue.fills(), *self.venue.fills()]

    desk = floor.desk(3, wrap=Stutters)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    floor.settle(desk, 8)
    assert len(floor.view().fills) == 1
    assert floor.view().account("m").holdings == {"AAA": 10}


def test_drift_halts_new_orders_and_says_what_differs(floor: Any) -> None:
    class Leaks(Wrapped):
        def snapshot(self) -> Snapshot:
            told = self.venue.snapshot()
            return replace(told, holdings={**told.holdings, "ZZZ": Holding(Instrument("ZZZ"), Decimal(7))})

    desk = floor.desk(3, wrap=Leaks)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    assert floor.view().drift.startswith("ZZZ: ledger") and floor.view().drift.endswith("broker 7")
    verdict = next(iter(floor.view().verdicts.values()))
    assert [d.rule for d in verdict.decisions] == ["drift"]


def test_a_refused_order_is_final(floor: Any) -> None:
    class Refuses(Wrapped):
        def submit(self, order: Order) -> BrokerOrder:
            self.submits += 1
            raise BrokerRejected("no locate")

    seen: list[Refuses] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Refuses(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 6)
    order = next(iter(floor.view().orders.values()))
    assert (order.status, order.reason, seen[0].submits) == (OrderStatus.REJECTED, "no locate", 1)


def test_a_desk_that_lost_its_lease_can_neither_write_nor_send(floor: Any) -> None:
    seen: list[Wrapped] = []
    frozen = floor.desk(3, wrap=lambda venue: seen.append(Wrapped(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 10))
    take(frozen)
    floor.ledger.control.release(frozen.seat.lease)
    other = floor.ledger.control.acquire("paper", 60, holder="elsewhere:1:1")
    assert other is not None and other.epoch == frozen.seat.lease.epoch + 1
    with pytest.raises(LeaseLost):
        frozen.cycle()
    assert seen[0].submits == 0


def test_money_goes_in_once_for_each_request_and_never_below_zero(floor: Any) -> None:
    desk = floor.desk(0)
    desk.cycle()
    floor.fund()
    floor.ledger.inbox.ask("paper", "cash", {"book": "m", "amount": Decimal(-200_000), "why": "too much"}, "w1")
    floor.ledger.inbox.ask("paper", "bogus", {"book": "m"}, "w2")
    while desk.cycle():
        pass
    assert floor.view().account("m").cash == 100_000
    refused = floor.ledger.journal.entries("paper", kinds=("request.refused",))
    assert [e.body["key"] for e in refused] == ["w1", "w2"]
    with pytest.raises(InputError, match="asked for before"):
        floor.ledger.inbox.ask("paper", "cash", {"book": "m", "amount": Decimal(5), "why": "other"}, "cash:m:100000")


def test_two_books_of_one_account_do_not_see_each_other(floor: Any) -> None:
    floor.fund(book="other")
    desk = floor.desk(3)
    desk.cycle()
    floor.propose(3, ("AAA", "buy", 10))
    floor.propose(3, ("AAA", "buy", 4), origin="second", book="other")
    floor.settle(desk, 4)
    floor.propose(4, ("AAA", "sell", 8), origin="second", book="other")
    floor.settle(desk, 5)
    view = floor.view()
    assert (view.account("m").holdings, view.account("other").holdings) == ({"AAA": 10}, {"AAA": 4})
    assert view.account().holdings == {"AAA": 14}
    assert [d.rule for d in list(view.verdicts.values())[-1].decisions] == ["no_short"]


def test_client_ids_are_the_same_for_the_same_decision_and_differ_for_any_other() -> None:
    slot = datetime.fromisoformat("2021-12-31T21:00:00+00:00")
    base = client_id("paper", "job", slot, 0)
    assert base == client_id("paper", "job", slot, 0) and len(base) == 20
    others = {
        client_id("live", "job", slot, 0), client_id("paper", "job2", slot, 0), client_id("paper", "job", slot, 1),
        client_id("paper", "job", slot.replace(day=30), 0), client_id("paper", "job", slot, 0, 2),
    }  # fmt: skip
    assert base not in others and len(others) == 5


def test_starting_twice_with_nothing_new_places_no_order_and_books_nothing(floor: Any) -> None:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 4)
    before = floor.view()
    floor.desk(4)
    after = floor.view()
    assert (after.orders, after.fills, after.cash) == (before.orders, before.fills, before.cash)
    new = [e.kind for e in floor.ledger.journal.entries("paper", after=before.n)]
    assert new == ["desk.started", "reconciled"]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)  # how full a server's disk is, the server says
def test_on_a_full_disk_nothing_is_sent_and_nothing_is_lost(floor: Any) -> None:
    """SQLite itself says that the disk is full: its file may not grow by another page."""
    seen: list[Wrapped] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Wrapped(venue)) or seen[-1])
    desk.cycle()
    floor.propose(3, *((symbol, "buy", 1) for symbol in ("AAA", "BBB", "CCC")))
    engine = floor.ledger._database._engine
    pages = {"limit": 1}

    def no_more_pages(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages['limit']}")

    engine.dispose()
    sqlalchemy.event.listen(engine, "connect", no_more_pages)
    with pytest.raises(LedgerError, match="full"):
        exhaust(desk)
    assert seen[0].submits == 0
    pages["limit"] = 1_000_000
    engine.dispose()
    floor.ledger.control.release(desk.seat.lease)
    again = floor.desk(3)
    floor.settle(again, 4)
    assert floor.view().account("m").holdings == {"AAA": 1, "BBB": 1, "CCC": 1}
    assert floor.ledger.journal.verify().ok
