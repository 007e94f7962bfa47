"""A trade that is taken back: told by the broker, it is as if it had never been, once, whenever the word comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import Bust, Fill, InputError, Mode, OrderStatus
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.brokers.rehearsal import mishaps
from aura_lib.execution.desk import Desk
from aura_lib.ledger.accounting import tax_lots
from tests.execution.conftest import Floor
from tests.execution.test_alpaca import order
from tests.rehearsal import ask, rehearsal_server

PATIENCE = 60.0


class Telling:
    """A broker that tells of busts what it is given, as often as it is asked, before its fills if it likes."""

    def __init__(self, venue: PaperBroker) -> None:
        self.venue, self.told = venue, list[Bust]()
        self.mute = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def fills(self, after: str = "") -> list[tuple[str, Fill]]:
        return [] if self.mute else self.venue.fills(after)

    def busts(self) -> list[Bust]:
        return [*self.venue.busts(), *self.told]


def bought(floor: Floor) -> tuple[Desk, PaperBroker, list[Fill]]:
    """A hundred AAA, and forty more a day later."""
    desk = floor.desk(5)
    floor.propose(5, ("AAA", "buy", 100))
    floor.settle(desk, 6)
    floor.propose(6, ("AAA", "buy", 40))
    floor.settle(desk, 7)
    broker = desk.seat.broker
    assert isinstance(broker, PaperBroker)
    return desk, broker, [fill for _, fill in broker.fills()]


def check(floor: Floor, *standing: Fill) -> None:
    """Everything is what the trades that stand make, added up by hand."""
    view = floor.view()
    account, quantity = view.account(), sum(f.signed for f in standing)
    spent = sum((f.signed * f.price + f.fee for f in standing), Decimal(0))
    assert account.quantity("AAA") == view.account("m").quantity("AAA") == quantity
    assert account.cash == view.account("m").cash == 100_000 - spent
    assert account.fees == sum((f.fee for f in standing), Decimal(0))
    lots = [(lot.quantity, lot.cost) for lot in tax_lots(view).open()]
    assert sorted(lots) == sorted((f.quantity, f.quantity * f.price) for f in standing)
    assert not view.drift and not view.differences and view.reconciled is not None
    assert [f.execution_id for f in view.fills] == [f.execution_id for f in standing]


@pytest.mark.parametrize("which", [0, 1])
def test_position_cash_cost_and_lots_are_those_of_the_other_trade(floor: Floor, which: int) -> None:
    desk, broker, fills = bought(floor)
    check(floor, *fills)
    broker.bust(fills[which].execution_id, "clearly erroneous")
    floor.settle(desk, 8)
    (left,) = [f for n, f in enumerate(fills) if n != which]
    check(floor, left)
    position = floor.view().account().positions["AAA"]
    assert (position.average_cost, position.realised) == (left.price, 0)
    assert broker.snapshot().holdings["AAA"].average_cost == left.price
    (entry,) = floor.ledger.journal.entries("paper", kinds=("bust",))
    assert entry.body["why"] == "clearly erroneous"


def test_a_sale_that_is_taken_back_gives_up_its_gain(floor: Floor) -> None:
    desk, broker, fills = bought(floor)
    floor.propose(7, ("AAA", "sell", 60))
    floor.settle(desk, 8)
    sale = broker.fills()[-1][1]
    assert floor.view().account().positions["AAA"].realised != 0
    broker.bust(sale.execution_id)
    floor.settle(desk, 9)
    check(floor, *fills)
    assert floor.view().account().positions["AAA"].realised == 0


def test_told_again_and_to_the_next_desk_it_is_one(floor: Floor) -> None:
    desk, broker, fills = bought(floor)
    broker.bust(fills[0].execution_id)
    broker.bust(fills[0].execution_id)
    for session in (8, 9):
        floor.settle(desk, session)
    floor.ledger.control.release(desk.seat.lease)
    desk = floor.desk(9)
    floor.settle(desk, 10)
    check(floor, fills[1])
    assert len(floor.ledger.journal.entries("paper", kinds=("bust",))) == 1


def test_a_fill_that_comes_after_its_bust_is_not_booked(floor: Floor) -> None:
    brokers: list[Telling] = []

    def wrap(venue: PaperBroker) -> Telling:
        brokers.append(Telling(venue))
        return brokers[0]

    desk = floor.desk(5, wrap)
    brokers[0].mute = True
    floor.propose(5, ("AAA", "buy", 100))
    floor.settle(desk, 6)
    (_, fill) = brokers[0].venue.fills()[0]
    brokers[0].venue.bust(fill.execution_id)
    floor.settle(desk, 7)
    brokers[0].mute = False
    floor.settle(desk, 8)
    check(floor)


def test_a_bust_of_what_never_was_changes_nothing(floor: Floor) -> None:
    desk, broker, fills = bought(floor)
    teller = Telling(broker)
    teller.told.append(Bust("never#1", floor.time(7)))
    desk.seat.broker = teller  # type: ignore[assignment]
    floor.settle(desk, 8)
    check(floor, *fills)
    with pytest.raises(InputError, match="no execution never#1"):
        broker.bust("never#1")


def test_trading_goes_on_after_a_bust_and_the_whole_adds_up(floor: Floor) -> None:
    desk, broker, fills = bought(floor)
    broker.bust(fills[0].execution_id)
    floor.settle(desk, 8)
    floor.propose(8, ("AAA", "buy", 10))
    floor.settle(desk, 9)
    check(floor, fills[1], broker.fills()[-1][1])


def test_the_order_keeps_its_end_and_says_what_is_left_filled(floor: Floor) -> None:
    desk, broker, fills = bought(floor)
    broker.bust(fills[0].execution_id)
    floor.settle(desk, 8)
    order = floor.view().orders[fills[0].client_id]
    assert (order.status, order.filled) == (OrderStatus.FILLED, 0)


# ── at Alpaca ───────────────────────────────────────────────────────────────────────────────────────────────────────


def until(done: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def test_alpaca_tells_it_in_the_list_of_executions_under_the_name_that_the_fill_had() -> None:
    with rehearsal_server() as rehearsal:
        broker = AlpacaBroker(Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url), "live", grace=0)
        broker.submit(order("one"))
        ((cursor, fill),) = broker.fills()
        assert broker.busts() == []
        ask(rehearsal, "POST", "/rehearsal/bust", {"execution_id": fill.execution_id.partition("::")[2]})
        assert broker.fills(cursor) == []
        (told,) = broker.busts()
        assert (told.execution_id, told.by) == (fill.execution_id, "")
        assert broker.busts() == [told]
        broker.close()


def test_alpaca_tells_a_correction_as_a_bust_and_another_execution() -> None:
    with rehearsal_server() as rehearsal:
        broker = AlpacaBroker(Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url), "live", grace=0)
        broker.submit(order("one"))
        ((cursor, fill),) = broker.fills()
        body = {"execution_id": fill.execution_id.partition("::")[2], "price": "201"}
        ask(rehearsal, "POST", "/rehearsal/bust", body)
        ((_, made),) = broker.fills(cursor)
        assert (made.quantity, made.price) == (10, 201) and made.execution_id != fill.execution_id
        (told,) = broker.busts()
        assert told.execution_id == fill.execution_id and made.execution_id.endswith(told.by)
        broker.close()


@pytest.mark.parametrize("words", ["previous_execution_id", "execution_id"])
def test_the_stream_tells_it_too_where_no_list_does(words: str) -> None:
    with rehearsal_server() as rehearsal:
        keys = Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url, rehearsal.stream_url)
        broker = AlpacaBroker(keys, "live", grace=0)
        stopped = threading.Event()
        thread = threading.Thread(target=broker.listen, args=(lambda: None, stopped), daemon=True)
        thread.start()
        until(lambda: rehearsal.streams)
        broker.submit(order("one"))
        ((_, fill),) = broker.fills()
        name = fill.execution_id.partition("::")[2]
        if words == "execution_id":  # some platforms name only that
            rehearsal.weather.filters.append(
                lambda _, u: [{**u, "execution_id": name, "previous_execution_id": None}]
                if u["event"] == "trade_bust" else [u]
            )  # fmt: skip
        mishaps.bust(rehearsal.venue, name, listed=False)
        until(broker.busts)
        assert [told.execution_id for told in broker.busts()] == [fill.execution_id]
        assert replace(broker.busts()[0], reason="").by == ""
        stopped.set()
        thread.join(PATIENCE)
        broker.close()
