"""Learn: how an answer of the broker becomes entries: fills first, then the status that they allow."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from aura_lib.core import (
    LIVE,
    TERMINAL,
    TRANSITIONS,
    WORKING,
    BrokerOrder,
    BrokerUnavailable,
    Fill,
    Order,
    OrderStatus,
    encode,
)
from aura_lib.execution.desk.seat import Seat, status
from aura_lib.execution.lines import Line


def learn(seat: Seat, answers: Iterable[BrokerOrder]) -> None:
    """Write what the broker says of orders that are known here, after the fills that came with it."""
    with suppress(BrokerUnavailable):  # then the fills come later, and the status with them
        book_fills(seat)
    lines: list[Line] = []
    for told in answers:
        lines += follow(seat, seat.view.orders[told.client_id], told)
    seat.write(lines)


def follow(seat: Seat, order: Order, told: BrokerOrder) -> list[Line]:
    """The entries that bring an order to where the broker says it is, as far as its fills are booked.

    An order that the broker calls done, of which a fill was not told yet, stays open until it is.
    """
    if order.status not in LIVE or order.status is OrderStatus.APPROVED:
        return _late(order)
    to, missing = told.status, max(told.filled, order.intent.quantity * (told.status is OrderStatus.FILLED))
    if to in WORKING and order.filled:
        to = OrderStatus.PARTIALLY_FILLED if order.remaining > 0 else OrderStatus.FILLED
    elif to in TERMINAL and missing > order.filled:
        to = OrderStatus.PARTIALLY_FILLED if order.filled else OrderStatus.ACCEPTED
    elif to is OrderStatus.PARTIALLY_FILLED:
        to = OrderStatus.ACCEPTED  # the broker has a fill that it did not tell yet
    if to is OrderStatus.REJECTED and order.filled:
        to = OrderStatus.CANCELLED  # the rest of it: a refused order has no fills
    lines = _chained(seat, order, told) if to is OrderStatus.REPLACED else []
    if to is not order.status and to in TRANSITIONS[order.status]:
        lines.append(status(order, to, told.reason, told.broker_id))
    return lines


def _late(order: Order) -> list[Line]:
    """What was filled after the end counts; when it is all of it, the order was filled."""
    ended = order.status in TERMINAL and order.status is not OrderStatus.FILLED
    return [status(order, OrderStatus.FILLED, "filled after its end")] if ended and order.remaining <= 0 else []


def _chained(seat: Seat, order: Order, told: BrokerOrder) -> list[Line]:
    by = told.replaced_by
    return [Line("replaced", {"client_id": order.client_id, "by": by}, f"replaced:{order.client_id}")] if by else []


# ---- fills ---------------------------------------------------------------------------------------------------------
def book_fills(seat: Seat) -> None:
    """Book what was filled since the last look, each execution once, on whatever became of its order."""
    fresh = [one for one in seat.broker.fills(seat.view.fill_cursor) if one[1].execution_id not in seat.view.busted]
    unknown = dict.fromkeys(f.client_id for _, f in fresh if f.client_id not in seat.view.orders)
    for name in unknown:
        _meet(seat, name)
    lines = [_fill_line(seat, cursor, fill) for cursor, fill in fresh]
    seat.write(lines)
    orders = seat.view.orders
    named = dict.fromkeys(fill.client_id for _, fill in fresh if fill.client_id in orders)
    named |= dict.fromkeys(orders[name].parent for name in named if orders[name].parent in seat.view.packages)
    seat.write([line for name in named for line in _late(orders[name])])


def _meet(seat: Seat, client_id: str) -> None:
    """A fill of an order that is not in the ledger: a leg that came and went, or an order placed outside Aura."""
    told = seat.broker.find(client_id) if client_id else None
    if told is not None and told.intent is not None:
        seat.write([adopted(seat, told)])


def _fill_line(seat: Seat, cursor: str, fill: Fill) -> Line:
    order = seat.view.orders.get(fill.client_id)
    if order is None:  # kept until its order is known: neither thrown away nor booked to a guess
        return Line("fill.parked", {"cursor": cursor, "fill": encode(fill)}, f"parked:{fill.execution_id}")
    body = {"cursor": cursor, "fill": encode(owned(order, fill))}
    return Line("fill", body, f"fill:{fill.execution_id}")


def owned(order: Order, fill: Fill) -> Fill:
    """The fill with the account and book of its order."""
    if (fill.account, fill.book) == (order.account, order.book):
        return fill
    return replace(fill, account=order.account, book=order.book)


def match_parked(seat: Seat) -> None:
    """Fills whose order has become known since they came."""
    lines = []
    for fill in list(seat.view.parked.values()):
        if fill.client_id not in seat.view.orders:
            _meet(seat, fill.client_id)
        if (order := seat.view.orders.get(fill.client_id)) is not None:
            lines.append(Line("fill", {"fill": encode(owned(order, fill))}, f"fill:{fill.execution_id}"))
    seat.write(lines)


# ---- orders that the broker tells of first ---------------------------------------------------------------------------
def adopted(seat: Seat, told: BrokerOrder) -> Line:
    """The entry of an order that is at the broker and not in the ledger.

    A leg, or what took the place of one of ours, belongs to the book of its parent; any other to none.
    """
    assert told.intent is not None
    parent = seat.view.orders.get(told.parent) if told.parent else None
    stands = OrderStatus.HELD if told.status is OrderStatus.HELD else OrderStatus.ACCEPTED
    order = Order(
        told.client_id, seat.terms.name, parent.book if parent else "", parent.basket if parent else "",
        parent.leg if parent else 0, 1, told.intent, told.time or seat.clock.now(), stands,
        parent=told.parent, broker_id=told.broker_id,
    )  # fmt: skip
    return Line("order" if parent else "adopted", {"order": encode(order)}, f"order:{told.client_id}")
