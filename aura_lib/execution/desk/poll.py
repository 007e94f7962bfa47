"""Poll: what the broker did since: fills, what is no trade, and how the orders stand."""

from __future__ import annotations

from dataclasses import replace

from aura_lib.core import SPREAD, WORKING, BrokerOrder, BrokerUnavailable, Order, encode, iso
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
            if (grown := _grown(seat, order, stands)) is not None:
                lines.append(Line("order", {"order": encode(grown)}))
            lines += follow(seat, grown or order, stands)
    seat.write(lines)
    return not unanswered


def _grown(seat: Seat, order: Order, told: BrokerOrder) -> Order | None:
    """An order that the broker changed by itself, as it is: a leg covers what its entry filled, a split changed all."""
    if told.intent is None or told.intent.quantity == order.intent.quantity:
        return None
    if order.parent:
        intent = replace(order.intent, quantity=told.intent.quantity)
    elif _split_since(seat, order):
        left = told.intent.quantity - told.filled  # what was filled before is told in the units of then
        intent = replace(told.intent, quantity=order.filled + left, reason=order.intent.reason)
    else:
        return None
    return None if intent == order.intent else replace(order, intent=intent)


def _split_since(seat: Seat, order: Order) -> bool:
    """Whether the units of an order's instrument were split after it was made: orders are read again after each."""
    about = (b for b in seat.view.bookings if b.kind in SPREAD and b.symbol == order.intent.symbol)
    return any(booking.time >= order.time for booking in about)
