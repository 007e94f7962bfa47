"""Change: what shall be cancelled is cancelled, and its end confirmed.

A wish is written first (`cancel.asked`, `replace.asked`) and stands until the order has ended. A cancel for an order
whose outcome is not known waits for it; whatever a cancel is answered, the order itself is asked how it stands: a
refused cancel is no sign that it lives, and a granted one none that it filled nothing on the way. A replacement is an
order that `send` puts in the place of another.
"""

from __future__ import annotations

from contextlib import suppress

from aura_lib.core import WORKING, BrokerOrder, BrokerRejected, BrokerUnavailable, Order, OutcomeUnknown
from aura_lib.execution.desk.learn import learn
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.desk.settle import ASK_AGAIN


def cancel_wanted(seat: Seat) -> bool:
    """Cancel at the broker what shall be cancelled, and ask what became of it."""
    view = seat.view
    if not view.cancelling and not view.stopping:
        return False
    named = [o for o in view.live.values() if o.status in WORKING and (view.stopping or o.client_id in view.cancelling)]
    due = [o for o in named if seat.may_ask(o.client_id)]
    answers: list[BrokerOrder] = []
    for order in due:
        seat.look()
        answers += _cancel(seat, order)
        seat.ask_later(order.client_id, ASK_AGAIN)
    if answers:
        learn(seat, answers)
    return bool(answers)


def _cancel(seat: Seat, order: Order) -> list[BrokerOrder]:
    try:
        with suppress(BrokerRejected, OutcomeUnknown):
            seat.broker.cancel(order.client_id)
        told = seat.broker.find(order.client_id)
    except BrokerUnavailable:
        return []  # asked again: a failed question is no answer
    return [told] if told is not None else []
