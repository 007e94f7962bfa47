"""What a broker tells, each question on its own: one that fails is written down as failed, never as an empty answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from aura_lib.core import UNSETTLED, Booking, Broker, BrokerError, BrokerOrder, Fill, Order, OrderStatus, Snapshot
from aura_lib.ledger import AccountView

LATE = timedelta(days=1)
MOST = 20  # orders asked for one by one in a cycle (N-I10)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """The broker's side of a comparison. None, or a name in `unanswered`: it was asked and did not answer.

    `found` are orders that were asked for one by one, open or closed; None there is the broker's word that it never
    had the order. `prices` are the market's mids, where there are any.
    """

    snapshot: Snapshot | None = None
    orders: Sequence[BrokerOrder] | None = None
    fills: Sequence[tuple[str, Fill]] = ()
    bookings: Sequence[tuple[str, Booking]] = ()
    found: Mapping[str, BrokerOrder | None] = field(default_factory=dict)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    unanswered: Mapping[str, str] = field(default_factory=dict)


def ask(
    broker: Broker,
    view: AccountView,
    *,
    now: datetime,
    recent_window: timedelta,
    fills_after: str = "",
    bookings_after: str = "",
    prices: Mapping[str, Decimal] | None = None,
    most: int = MOST,
) -> Told:
    """Ask a broker everything a comparison needs, in the order that makes the answers fit together.

    The snapshot comes first: what was filled before it is among the fills, which come last. One question that fails
    does not stop the others (N-I12). Orders that are open in the ledger and not in the broker's list are asked for one
    by one (N-I05, N-I07), unless they are young (N-I06), and at most `most` of them (N-I10).
    """
    unanswered: dict[str, str] = {}

    def answer(question: str, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except BrokerError as error:
            unanswered[question] = str(error)
            return None

    snapshot = answer("snapshot", broker.snapshot)
    orders = answer("orders", broker.orders)
    fills = answer("fills", lambda: broker.fills(fills_after))
    bookings = answer("bookings", lambda: broker.bookings(bookings_after))
    found: dict[str, BrokerOrder | None] = {}
    for client_id in _strangers(view, orders, fills or (), now - recent_window)[:most]:
        try:
            found[client_id] = broker.find(client_id)
        except BrokerError as error:
            unanswered[f"order {client_id}"] = str(error)
    return Told(snapshot, orders, fills or (), bookings or (), found, prices or {}, unanswered)


def _strangers(
    view: AccountView, orders: Sequence[BrokerOrder] | None, fills: Sequence[tuple[str, Fill]], before: datetime
) -> list[str]:
    """Client ids to ask for one by one, those that tell most first."""
    if orders is None:
        return []
    listed, young = {o.client_id for o in orders}, touched(view, before)
    unknown = [f.client_id for _, f in fills if f.client_id and f.client_id not in view.orders]
    gone = [o.client_id for o in view.live_orders() if at_the_broker(o) and o.client_id not in young]
    return list(dict.fromkeys(c for c in (*unknown, *gone) if c not in listed))


def at_the_broker(order: Order) -> bool:
    """Whether the broker was told of the order, as far as the ledger knows. What may have arrived is the desk's."""
    return order.status not in UNSETTLED and order.status is not OrderStatus.APPROVED


def touched(view: AccountView, after: datetime) -> set[str]:
    """Client ids of open orders that something was said or heard of after a moment."""
    lately = {f.client_id for f in booked_since(view, after)}
    return lately | {o.client_id for o in view.live.values() if o.time > after}


def booked_since(view: AccountView, after: datetime) -> list[Fill]:
    """The fills from after a moment, in order of time, found from the end: one that was told late may be a day late."""
    found = []
    for fill in reversed(view.fills):
        if fill.time > after:
            found.append(fill)
        elif fill.time < after - LATE:
            break
    return sorted(found, key=lambda f: f.time)
