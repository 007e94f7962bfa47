"""Packages at Alpaca: what is posted, what is read back, and a leg that this process has never seen."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from aura_lib.core import BrokerRejected, Intent, Leg, Mode, Order, OrderStatus, Side, option_of
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys, words
from aura_lib.execution.brokers.alpaca.door import Door
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from tests.rehearsal import NOON, rehearsal_server

D = Decimal
LOW, HIGH = "AAPL260320C00200000", "AAPL260320C00210000"


def spread(name: str, limit: str | None = "4.50", quantity: int = 2) -> Order:
    legs = (Leg(option_of(LOW), Side.BUY), Leg(option_of(HIGH), Side.SELL))
    wish = Intent.of_legs(legs, D(quantity), None if limit is None else D(limit))
    return Order(name, "live", "m", "basket", 0, 1, wish, NOON, OrderStatus.SENDING)


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    with rehearsal_server() as served:
        served.venue.quote(LOW, "7.90", "8.00")
        served.venue.quote(HIGH, "3.40", "3.50")
        yield served


def connected(rehearsal: Rehearsal) -> AlpacaBroker:
    keys = Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url, rehearsal.stream_url)
    return AlpacaBroker(keys, "live", grace=0, door=Door(keys, timeout=(60, 60)))


@pytest.fixture
def broker(rehearsal: Rehearsal) -> Iterator[AlpacaBroker]:
    made = connected(rehearsal)
    yield made
    made.close()


# alpaca's reference of "Create an Order" (2026): order_class mleg, legs with ratio_qty and side, no symbol and no side
@pytest.mark.parametrize(("limit", "kind"), [("4.50", "limit"), ("-1.20", "limit"), ("0", "limit"), (None, "market")])
def test_a_package_is_posted_as_the_reference_has_it(limit: str | None, kind: str) -> None:
    told = words.fields(spread("one", limit))
    price = {} if limit is None else {"limit_price": limit.removesuffix("0") or "0"}
    assert told == {
        "order_class": "mleg", "qty": "2", "type": kind, "time_in_force": "day", "client_order_id": "one", **price,
        "legs": [{"symbol": LOW, "ratio_qty": "1", "side": "buy"}, {"symbol": HIGH, "ratio_qty": "1", "side": "sell"}],
    }  # fmt: skip


def test_an_order_of_packages_placed_elsewhere_is_told_with_its_legs() -> None:
    leg = {"order_class": "mleg", "type": "", "qty": "6", "time_in_force": "day"}
    told = {
        "order_class": "mleg", "symbol": "", "side": "", "type": "limit", "qty": "3", "limit_price": "-1.5",
        "time_in_force": "day", "legs": [
            {**leg, "symbol": LOW, "side": "sell", "ratio_qty": "1"},
            {**leg, "symbol": HIGH, "side": "buy", "ratio_qty": "2"},
        ],
    }  # fmt: skip
    wish = words.intent(told)
    legs = (Leg(option_of(LOW), Side.SELL), Leg(option_of(HIGH), Side.BUY, 2))
    assert wish == Intent.of_legs(legs, D(3), D("-1.5"))
    assert words.intent({**leg, "symbol": HIGH, "side": "buy"}) == Intent(option_of(HIGH), Side.BUY, D(6))
    assert words.intent({**told, "legs": None}) is None and words.intent({**told, "qty": None}) is None


def test_what_alpaca_answers_is_held_against_the_wish(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    answer = broker.submit(spread("one", "4.50"))
    assert (answer.client_id, answer.status, answer.intent) == ("one", OrderStatus.ACCEPTED, spread("one").intent)
    with pytest.raises(BrokerRejected, match="unique"):
        broker.submit(spread("one", "4.50"))
    assert len([r for r in rehearsal.asked if r.method == "POST"]) == 2 and len(rehearsal.venue.packages) == 1


def test_fills_belong_to_the_legs_also_for_a_process_that_has_not_sent_them(
    broker: AlpacaBroker, rehearsal: Rehearsal
) -> None:
    broker.submit(spread("one", "4.60"))
    other = connected(rehearsal)
    fills = [fill for _, fill in other.fills()]
    assert {(f.symbol, f.signed, f.price) for f in fills} == {(LOW, 2, D("8")), (HIGH, -2, D("3.4"))}
    for fill in fills:
        leg = other.find(fill.client_id)
        assert leg is not None and leg.intent is not None
        assert (leg.parent, leg.status, leg.filled, leg.intent.symbol) == ("one", OrderStatus.FILLED, 2, fill.symbol)
    found = other.find("one")
    assert found is not None and (found.status, found.filled) == (OrderStatus.FILLED, 2)
    other.close()


def test_a_replacement_carries_its_net_price_and_quantity(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    old, new = spread("one", "1.00"), spread("two", "4.60", 3)
    broker.submit(old)
    assert broker.replace(old, new).intent == new.intent
    (patched,) = [r.body for r in rehearsal.asked if r.method == "PATCH"]
    assert (patched["qty"], patched["limit_price"], patched["client_order_id"]) == ("3", "4.6", "two")
    found = broker.find("two")
    assert found is not None and (found.status, found.filled, found.parent) == (OrderStatus.FILLED, 3, "one")


def test_written_options_that_nothing_covers_are_refused(broker: AlpacaBroker) -> None:
    legs = (Leg(option_of(LOW), Side.SELL), Leg(option_of(HIGH), Side.SELL))
    wish = Intent.of_legs(legs, D(1), D("-1"))
    with pytest.raises(BrokerRejected, match="uncovered"):
        broker.submit(Order("one", "live", "m", "basket", 0, 1, wish, NOON, OrderStatus.SENDING))
