"""Reconcile: ledger against broker and against target. Drift halts new orders and says what mends it.

At start, whenever the broker was asked, and after each close: then every order is compared, and what was decided
against what is there, be it that nothing has changed.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from aura_lib.core import BrokerUnavailable, Calendar, SimulatedClock, Snapshot, encode, iso
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.lines import Line
from aura_lib.execution.reconcile import Reconciliation, ask, compare, short_of_target

ZERO = Decimal(0)
MOMENT = timedelta(microseconds=1)
AGAIN = timedelta(hours=1)  # how often it is written that nothing differs, on an account that lives by the wall clock
FULLY = timedelta(minutes=1)  # how often a real broker is asked for more than what it holds, while that agrees
RECENT = timedelta(seconds=10)  # how long an answer of a real broker may be on its way


def reconcile(seat: Seat, *, always: bool = True) -> bool:
    """Compare and write what came of it; False when the broker did not answer, and nothing was compared.

    `always` says that agreement is written too when nothing has changed. Where holdings and cash agree there is
    nothing to explain.
    """
    try:
        told = seat.broker.snapshot()
    except BrokerUnavailable:
        return False
    seat.met, seat.buying_power = True, told.buying_power
    apart = strangers(seat)
    if agrees(seat, told) and not apart and not _due(seat, always=always):
        _agreed(seat, always=always)
    elif (found := _explained(seat)) is not None:
        _write(seat, found, apart, always=always)
    else:
        return False
    return True


def _due(seat: Seat, *, always: bool) -> bool:
    """Whether every order is to be compared too: at a real broker, where others may have a hand in it."""
    if isinstance(seat.clock, SimulatedClock):
        return False
    return always or seat.compared is None or seat.clock.now() - seat.compared.at > FULLY


def agrees(seat: Seat, told: Snapshot) -> bool:
    """Whether both sides hold the same and have the same money, over the union of what either names."""
    account = seat.view.account()
    holds = account.holdings == {s: h.quantity for s, h in told.holdings.items() if h.quantity}
    balances = {c: a for c, a in account.balances.items() if a} == {c: a for c, a in told.balances.items() if a}
    slack = getattr(seat.broker, "cash_step", ZERO) * (len(seat.view.fills) + 1) / 2  # what the broker rounds away
    return holds and balances and abs(account.cash - told.cash) <= slack


def strangers(seat: Seat) -> list[str]:
    """Orders that somebody placed outside Aura and that still work, and fills whose order nobody knows."""
    outside = [o for o in seat.view.live.values() if not o.book]
    orders = [f"order {o.client_id} ({o.intent.side} {o.remaining} {o.intent.symbol}) is not Aura's" for o in outside]
    parked = seat.view.parked.values()
    return orders + [f"fill {f.execution_id} is of an order that nobody knows, {f.client_id}" for f in parked]


def _explained(seat: Seat) -> Reconciliation | None:
    """What differs and why, with the entries that would mend it; None when the broker could not be asked for that."""
    view, now = seat.view, seat.clock.now()
    window = timedelta(0) if isinstance(seat.clock, SimulatedClock) else RECENT
    told = ask(
        seat.broker, view, now=now, recent_window=window,
        fills_after=view.fill_cursor, bookings_after=view.booking_cursor,
    )  # fmt: skip
    if told.snapshot is None:
        return None
    step = getattr(seat.broker, "cash_step", ZERO)
    found = compare(view, told, now=now, recent_window=window, earlier=seat.compared, cash_step=step)
    seat.compared = found
    return found


def _write(seat: Seat, found: Reconciliation, apart: list[str], *, always: bool) -> None:
    seat.write([Line(entry.kind, entry.body, entry.key) for entry in found.automatic])
    if not apart and not found.open and not found.drift:
        if not found.settling and not found.unanswered:
            _agreed(seat, always=always)
        return
    body = {**found.body(), **_target(seat, always=always)}
    body["what"] = "; ".join([part for part in (found.drift, *apart) if part])
    known = (seat.view.drift, [d["id"] for d in seat.view.differences])
    if always or known != (body["what"], [d["id"] for d in body["differences"]]):
        seat.write([Line("drift", body)])


def _agreed(seat: Seat, *, always: bool) -> None:
    at, view = seat.clock.now(), seat.view
    changed = view.drift or view.differences or not view.compared
    if always or changed or view.reconciled is None or at - view.reconciled > AGAIN:
        seat.write([Line("reconciled", {"at": iso(at), **_target(seat, always=always)})])


def _target(seat: Seat, *, always: bool) -> dict[str, Any]:
    """What the books of strategies are short of, of what was decided since the close before the last one."""
    if not always:
        return {}
    calendar, now = Calendar.of(seat.terms.calendar), seat.clock.now()
    since = calendar.last_close(calendar.last_close(now) - MOMENT)
    return {"short": [encode(short) for short in short_of_target(seat.view, since)]}
