"""Reconcile: ledger against broker, over the union of both sides. Drift halts the account's new orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from aura_lib.core import BrokerUnavailable, Snapshot, iso
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.lines import Line

ZERO = Decimal(0)
AGAIN = timedelta(hours=1)  # how often it is written that nothing differs, on an account that lives by the wall clock


def reconcile(seat: Seat, *, always: bool = True) -> None:
    """Compare and write what came of it; `always` says that agreement is written too when nothing has changed.

    A question that failed skips the comparison: it is no answer.
    """
    try:
        told = seat.broker.snapshot()
    except BrokerUnavailable:
        return
    seat.buying_power = told.buying_power
    what = "; ".join([*differences(seat, told), *strangers(seat)])
    at = iso(seat.clock.now())
    if what and (always or what != seat.view.drift):
        seat.write([Line("drift", {"what": what, "at": at})])
    elif not what and (always or seat.view.drift or _long_ago(seat)):
        seat.write([Line("reconciled", {"at": at})])


def _long_ago(seat: Seat) -> bool:
    return seat.view.reconciled is None or seat.clock.now() - seat.view.reconciled > AGAIN


def differences(seat: Seat, told: Snapshot) -> list[str]:
    """What is held and what cash there is, where the two sides do not say the same."""
    account = seat.view.account()
    ours = {**account.holdings, f"cash {account.currency}": account.cash}
    theirs = {**{s: h.quantity for s, h in told.holdings.items()}, f"cash {told.currency}": told.cash}
    for currency in {*account.balances, *told.balances}:
        ours[f"cash {currency}"] = account.balances.get(currency, ZERO)
        theirs[f"cash {currency}"] = told.balances.get(currency, ZERO)
    differs = [s for s in sorted({*ours, *theirs}) if ours.get(s, ZERO) != theirs.get(s, ZERO)]
    return [f"{s}: ledger {ours.get(s, ZERO)}, broker {theirs.get(s, ZERO)}" for s in differs]


def strangers(seat: Seat) -> list[str]:
    """Orders that somebody placed outside Aura and that still work, and fills whose order nobody knows."""
    outside = [o for o in seat.view.live.values() if not o.book]
    orders = [f"order {o.client_id} ({o.intent.side} {o.remaining} {o.intent.symbol}) is not Aura's" for o in outside]
    parked = seat.view.parked.values()
    return orders + [f"fill {f.execution_id} is of an order that nobody knows, {f.client_id}" for f in parked]
