"""Poll: what the broker did since: fills, what is no trade, and how the orders stand."""

from __future__ import annotations

from dataclasses import replace

from aura_lib.core import WORKING, BrokerOrder, BrokerUnavailable, Order, encode, iso
from aura_lib.execution.desk.learn import adopted, book_fills, follow, match_parked
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.lines import Line
from aura_lib.execution.reconcile import bust_key


def poll(seat: Seat) -> bool:
    """Ask for everything that is new; whether all of it was answered. What was not is asked again later."""
    try:
        book_fills(seat)
        book_busts(seat)
        book_bookings(seat)
        if seat.view.parked:
            match_parked(seat)
        return follow_orders(seat)
    except BrokerUnavailable:
        return False


def book_busts(seat: Seat) -> None:
    """Trades that were taken back: each once. One whose fill was not told yet is remembered until it is."""
    lines = [
        Line("bust", {"execution_id": told.execution_id, "by": told.by, "why": told.reason, "at": iso(told.time)},
             bust_key(told.execution_id))
        for told in seat.broker.busts()
        if told.execution_id not in seat.view.busted
    ]  # fmt: skip
    seat.write(lines)


def book_bookings(seat: Seat) -> None:
    """Dividends, splits, exercise, expiry: each once. What is no book's own, the ledger shares among its books."""
    lines = [
        Line("booking", {"booking": encode(replace(b, account=seat.terms.name)), "cursor": cursor}, f"booking:{b.id}")
        for cursor, b in seat.broker.bookings(seat.view.booking_cursor)
    ]
    seat.write(lines)


def follow_orders(seat: Seat) -> bool:
    """Every open order as the broker lists it; one of ours that is not listed is asked for by itself.

    An open listing proves nothing about what it does not list, and a question that fails is about one order only.
    """
    listed = {told.client_id: told for told in seat.broker.orders()}
    strangers = [t for t in listed.values() if t.client_id not in seat.view.orders and t.intent is not None]
    for told in sorted(strangers, key=lambda t: bool(t.parent)):  # a parent before its legs
        seat.write([adopted(seat, told)])
    lines: list[Line] = []
    unanswered = 0
    for order in [o for o in seat.view.live.values() if o.status in WORKING]:
        try:
            stands = listed.get(order.client_id) or seat.broker.find(order.client_id)
        except BrokerUnavailable:
            unanswered += 1
            continue
        if stands is not None:
            lines += _grown(order, stands) or follow(seat, order, stands)
    seat.write(lines)
    return not unanswered


def _grown(order: Order, told: BrokerOrder) -> list[Line]:
    """A leg covers what its entry has filled so far: the broker makes it larger as more is filled."""
    if not order.parent or told.intent is None or told.intent.quantity == order.intent.quantity:
        return []
    grown = replace(order, intent=replace(order.intent, quantity=told.intent.quantity))
    return [Line("order", {"order": encode(grown)})]
