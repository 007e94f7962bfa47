"""Settle: an order that may or may not have arrived. Silence proves nothing; a denial allows a resend."""

from __future__ import annotations

from collections.abc import Sequence

from aura_lib.core import BrokerOrder, BrokerUnavailable, Order, OrderStatus
from aura_lib.execution.desk.learn import learn
from aura_lib.execution.desk.seat import Seat, status
from aura_lib.execution.desk.send import obstacle, place, room
from aura_lib.execution.lines import Line

ASK_AGAIN = 0.5  # seconds before an order the broker could not tell about is asked for again


def settle(seat: Seat) -> bool:
    """Ask the broker, by client id, for every order whose outcome is not known.

    Of a broker that counts requests, for as many as it would have room to take anew: a look-up and an order each.
    """
    due = [o for o in seat.live(OrderStatus.SENDING, OrderStatus.UNKNOWN) if seat.may_ask(o.client_id)]
    due = due[: max(1, room(seat) // 2)]
    answers: list[BrokerOrder] = []
    unknown: list[Line] = []
    absent: list[Order] = []
    for order in due:
        seat.keep()
        try:
            told = seat.broker.find(order.client_id)
        except BrokerUnavailable as error:
            seat.ask_later(order.client_id, ASK_AGAIN)
            if order.status is OrderStatus.SENDING:
                unknown.append(status(order, OrderStatus.UNKNOWN, str(error)))
            continue
        if told is None:
            absent.append(order)
        else:
            answers.append(told)
    seat.write(unknown)
    if answers:
        learn(seat, answers)
    if absent:
        _resend(seat, absent)
    return bool(due)


def _resend(seat: Seat, orders: Sequence[Order]) -> None:
    """The broker proved that it has no such orders: send them again, under the same ids, or end them."""
    seat.look(now=True)
    seat.write([line for order in orders for line in _steps(seat, order)])
    place(seat, [seat.view.live[o.client_id] for o in orders if o.client_id in seat.view.live])


def _steps(seat: Seat, order: Order) -> list[Line]:
    to, why = obstacle(seat, order)
    if to is not OrderStatus.SENDING:
        return [status(order, to, f"never arrived; {why}")]
    if order.status is OrderStatus.UNKNOWN:
        return [status(order, to)]
    unknown = order.to(OrderStatus.UNKNOWN)
    return [status(order, OrderStatus.UNKNOWN, "not at the broker"), status(unknown, to)]
