"""Send: APPROVED → SENDING is written → the broker is called once → its answer is written. No retry here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from aura_lib.core import (
    WORKING,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Order,
    OrderStatus,
    OutcomeUnknown,
    decode,
)
from aura_lib.execution.desk.learn import learn
from aura_lib.execution.desk.seat import Seat, status
from aura_lib.execution.desk.take import decided
from aura_lib.execution.lines import Line
from aura_lib.ledger import Received

SMALL = 20  # legs of a basket that is sent as soon as it is decided
BATCH = 100  # orders whose SENDING is written in one transaction


def trade(seat: Seat, new: Sequence[Received]) -> bool:
    """Decide what is new in the inbox and send it; whether there was anything.

    Of a small basket the verdict, the orders and SENDING are one transaction; a large one is sent in batches after it.
    """
    for received in new:
        lines = decided(seat, received)
        orders = [decode(Order, line.body["order"]) for line in lines if line.kind == "order"]
        fresh = [order for order in orders if order.client_id not in seat.view.orders]
        if len(fresh) > min(SMALL, room(seat)):
            seat.write(lines)
            continue
        seat.write([*lines, *(_next(seat, order) for order in fresh)])
        place(seat, [seat.view.live[o.client_id] for o in fresh if o.client_id in seat.view.live])
    return bool(new)


def send(seat: Seat) -> bool:
    """Send what is approved, in batches, as far as the broker has room; whether there was anything to do."""
    approved, free, worked = seat.live(OrderStatus.APPROVED), room(seat), False
    for start in range(0, len(approved), BATCH):
        batch = approved[start : start + BATCH]
        seat.look(now=True)
        lines = _as_far_as(free, [_next(seat, order) for order in batch])
        seat.write(lines)
        sent = [o for o in (seat.view.live.get(o.client_id) for o in batch) if o and o.status is OrderStatus.SENDING]
        place(seat, sent)
        free, worked = free - len(sent), worked or bool(lines)
    return worked


def _as_far_as(free: int, lines: list[Line]) -> list[Line]:
    """All entries but those that send more orders than there is room for: these stay approved, and are next."""
    if free >= len(lines):
        return lines
    sending = [n for n, line in enumerate(lines) if line.body["status"] == OrderStatus.SENDING.value]
    waits = set(sending[max(free, 0) :])
    return [line for n, line in enumerate(lines) if n not in waits]


def room(seat: Seat) -> int:
    """How many orders the broker lets through now; one that does not count takes all."""
    told = getattr(seat.broker, "room", None)
    return told() if told else sys.maxsize


def _next(seat: Seat, order: Order) -> Line:
    to, why = obstacle(seat, order)
    return status(order, to, why)


def obstacle(seat: Seat, order: Order) -> tuple[OrderStatus, str]:
    """How an order ends that shall not be sent any more, and why; SENDING when nothing stands in its way."""
    if why := seat.held(order) or seat.view.stopping or seat.view.cancelling.get(order.client_id, ""):
        return OrderStatus.CANCELLED, why
    if (old := replaced_by(seat, order)) is not None and old.status not in WORKING:
        return OrderStatus.CANCELLED, f"{old.client_id}, whose place it should take, is {old.status.value}"
    if seat.too_late(order):
        return OrderStatus.EXPIRED, "its session had passed before it was sent"
    return OrderStatus.SENDING, ""


def replaced_by(seat: Seat, order: Order) -> Order | None:
    """The order whose place this one shall take, if it is such a one."""
    return seat.view.orders.get(seat.view.replacing.get(order.client_id, ""))


def place(seat: Seat, orders: Sequence[Order]) -> None:
    """Call the broker once for each order that is written as SENDING, and write what came of it."""
    answers: list[BrokerOrder] = []
    lines: list[Line] = []
    try:
        with together(seat):
            for order in orders:
                _place(seat, order, answers, lines)
    except BrokerUnavailable as error:  # the venue could not keep what it had answered
        answers, lines = [], [status(order, OrderStatus.UNKNOWN, str(error)) for order in orders]
    seat.write(lines)
    if answers:
        learn(seat, answers)


def _place(seat: Seat, order: Order, answers: list[BrokerOrder], lines: list[Line]) -> None:
    seat.look()
    if why := seat.held(order):
        lines.append(status(order, OrderStatus.CANCELLED, f"not sent; {why}"))
        return
    try:
        answers += _call(seat, order)
    except (OutcomeUnknown, BrokerUnavailable) as error:
        lines.append(status(order, OrderStatus.UNKNOWN, str(error)))


def _call(seat: Seat, order: Order) -> list[BrokerOrder]:
    """The broker's answer on an order, and on the one whose place it took."""
    old, broker = replaced_by(seat, order), seat.broker
    try:
        told = broker.submit(order) if old is None else broker.replace(old, order)
    except BrokerRejected as error:  # an earlier copy may be what stands in the way: look it up
        told = broker.find(order.client_id) or BrokerOrder(order.client_id, OrderStatus.REJECTED, reason=str(error))
    before = broker.find(old.client_id) if old is not None else None
    return [told] if before is None else [told, before]


def together(seat: Seat) -> AbstractContextManager[object]:
    """Several calls as one, where the venue can keep them in one piece; else nothing."""
    joined = getattr(seat.broker, "together", None)
    return joined() if joined else nullcontext()
