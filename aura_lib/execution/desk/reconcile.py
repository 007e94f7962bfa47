"""Reconcile: ledger against broker, over the union of both sides. Drift halts the account's new orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aura_lib.core import BrokerUnavailable, DataError, SimulatedClock, iso
from aura_lib.execution.desk.poll import poll
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.lines import Line
from aura_lib.execution.reconcile import Reconciliation, Told, ask, compare

AGAIN = timedelta(hours=1)  # how often it is written that nothing differs, on an account that lives by the wall clock
RECENT = timedelta(seconds=5)  # how long an answer of a real broker may be on its way
NO_TIME = timedelta(0)


def reconcile(seat: Seat, *, always: bool = True) -> None:
    """Compare and write what came of it; `always` says that agreement is written too when nothing has changed.

    A question that failed skips what rests on it: it is no answer.
    """
    found = _compared(seat)
    if found.automatic:  # the broker has told more in the meantime: it is booked as ever, and looked at again
        poll(seat)
        found = _compared(seat)
    seat.compared = found
    what = "; ".join([*filter(None, [found.drift]), *strangers(seat)])
    body = {**found.body(), "what": what}
    at = iso(seat.clock.now())
    if what or found.open:
        if always or _news(seat, body):
            seat.write([Line("drift", body)])
    elif not found.unanswered and (always or seat.view.drift or seat.view.differences or _long_ago(seat)):
        seat.write([Line("reconciled", {"at": at})])


def _compared(seat: Seat) -> Reconciliation:
    """Everything is asked of a real broker; a simulated one, as long as that fits, only for what it holds."""
    simulated = isinstance(seat.clock, SimulatedClock)
    window = NO_TIME if simulated else RECENT
    words: dict[str, Any] = {
        "now": seat.clock.now(), "recent_window": window, "earlier": seat.compared, "cash_step": seat.terms.cash_step,
    }  # fmt: skip
    if simulated:
        found = compare(seat.view, _holdings(seat), **words)
        if not found.differences:
            return found
    told = ask(
        seat.broker, seat.view, now=seat.clock.now(), recent_window=window, fills_after=seat.view.fill_cursor,
        bookings_after=seat.view.booking_cursor, prices=_prices(seat),
    )  # fmt: skip
    return compare(seat.view, told, **words)


def _holdings(seat: Seat) -> Told:
    try:
        return Told(seat.broker.snapshot())
    except BrokerUnavailable as error:
        return Told(unanswered={"snapshot": str(error)})


def _prices(seat: Seat) -> Mapping[str, Decimal]:
    try:
        return seat.feed.prices(seat.clock.now())
    except DataError:
        return {}


def _news(seat: Seat, body: Mapping[str, Any]) -> bool:
    known = (seat.view.drift, {d["id"] for d in seat.view.differences}, seat.view.stopped)
    return known != (body["what"], {d["id"] for d in body["differences"]}, body["stopped"])


def _long_ago(seat: Seat) -> bool:
    return seat.view.reconciled is None or seat.clock.now() - seat.view.reconciled > AGAIN


def strangers(seat: Seat) -> list[str]:
    """Orders that somebody placed outside Aura and that still work, and fills whose order nobody knows."""
    outside = [o for o in seat.view.live.values() if not o.book]
    orders = [f"order {o.client_id} ({o.intent.side} {o.remaining} {o.intent.symbol}) is not Aura's" for o in outside]
    parked = seat.view.parked.values()
    return orders + [f"fill {f.execution_id} is of an order that nobody knows, {f.client_id}" for f in parked]
