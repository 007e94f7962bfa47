"""The desk: the only place where an order is checked, written down, sent and reconciled.

The life of an order, one method a step:

    _take      basket in the inbox → a Decision for each leg, an APPROVED order for each approved one
    _send      APPROVED → SENDING is written → the broker is called with the client id → its answer is written
    _settle    SENDING or UNKNOWN → the broker is asked by client id until it knows
    _poll      what the broker did since: fills, each booked once, and how the orders stand
    _reconcile ledger against broker; drift halts the account

Every write is fenced by the lease, and so is every call that could place an order. Killed anywhere, the next
desk starts from what is written: an order that may have been sent is looked up, never assumed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from aura_lib.core import (
    LIVE,
    TERMINAL,
    UNSETTLED,
    BrokerOrder,
    BrokerRejected,
    BrokerUnavailable,
    Calendar,
    Order,
    OrderStatus,
    OutcomeUnknown,
    SimulatedClock,
    digest,
    encode,
    iso,
)
from aura_lib.execution.accounts import Terms
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.feed import Feed
from aura_lib.execution.gate import judge
from aura_lib.execution.requests import answer
from aura_lib.ledger import AccountView, Connection, Lease, Ledger, Received

ASK_AGAIN = 0.5  # seconds before an order the broker could not tell about is asked for again


def client_id(account: str, origin: str, slot: datetime, leg: int, attempt: int = 1) -> str:
    """The name of an order at the broker: the same decision always gets the same one (20 characters)."""
    return digest([account, origin, iso(slot), leg, attempt])[:20]


class Desk:
    """One account's desk, for as long as it holds the lease. Call `cycle` again and again."""

    def __init__(
        self,
        ledger: Ledger,
        terms: Terms,
        lease: Lease,
        broker: PaperBroker,
        feed: Feed,
        clock: SimulatedClock,
        key: str,
    ) -> None:
        self._ledger, self._terms, self._lease = ledger, terms, lease
        self._broker, self._feed, self._clock, self._key = broker, feed, clock, key
        self._view = AccountView(terms.name, terms.currency)
        self._ask_after: dict[str, float] = {}
        self._renewed = time.monotonic()

    # ---- the cycle -------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Read what is written, find out what became of it, and reconcile, before anything new."""
        self._read()
        with self._writing() as connection:
            self._append(connection, "desk.started", {"epoch": self._lease.epoch, "holder": self._lease.holder})
        for entry in self._ledger.journal.entries(self._terms.name, kinds=("cash",)):
            self._broker.deposit(entry.body["key"], Decimal(entry.body["amount"]))
        self._answer_requests()
        self._settle()
        self._poll()
        self._reconcile()
        self.beat()

    def cycle(self) -> bool:
        """One round of everything that is due; whether anything was."""
        self._keep_lease()
        worked = self._answer_requests() | self._take() | self._send() | self._settle()
        return self._follow_clock() | worked

    def _follow_clock(self) -> bool:
        """Move the simulated clock to where it shall be, once nothing is left to send at the present moment."""
        asked = self._ledger.control.clock(self._terms.name)
        if asked is None or asked[1] == asked[0] or self._pending():
            return False
        self._feed.reach(asked[0])
        self._clock.advance(asked[0])
        self._poll()
        self._reconcile()
        with self._writing() as connection:
            self._ledger.control.clock_done(connection, self._terms.name, asked[0])
        return True

    def _pending(self) -> bool:
        return any(o.status in UNSETTLED or o.status is OrderStatus.APPROVED for o in self._view.orders.values())

    def _keep_lease(self) -> None:
        if time.monotonic() - self._renewed > self._lease.seconds / 4:
            self._ledger.control.renew(self._lease)
            self._renewed = time.monotonic()
            self.beat()

    def beat(self) -> None:
        """Tell that the desk is at work."""
        self._ledger.control.beat(f"desk:{self._terms.name}", note=f"epoch {self._lease.epoch}")

    # ---- writing ---------------------------------------------------------------------------------------------------
    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """One fenced transaction; afterwards the view has taken in what was written."""
        with self._ledger.write() as connection:
            self._ledger.control.hold(connection, self._lease)
            yield connection
        self._read()

    def _read(self) -> None:
        self._ledger.account(self._terms.name, into=self._view)

    def _append(self, connection: Connection, kind: str, body: Mapping[str, Any], key: str | None = None) -> None:
        self._ledger.journal.append_in(connection, self._terms.name, kind, body, key)

    def _status(self, order: Order, status: OrderStatus, reason: str = "") -> Order:
        order.to(status)  # an illegal step stops here, before it is written
        with self._writing() as connection:
            self._append(connection, "status", {"client_id": order.client_id, "status": status, "reason": reason})
        return self._view.orders[order.client_id]

    # ---- requests --------------------------------------------------------------------------------------------------
    def _answer_requests(self) -> bool:
        requests = self._ledger.inbox.asked(self._terms.name, self._view.request)
        for request in requests:
            lines = answer(self._view, self._terms, request)
            with self._writing() as connection:
                for line in lines:
                    self._append(connection, *line)
            if any(line.kind == "cash" for line in lines):
                self._broker.deposit(request.key, Decimal(request.body["amount"]))
        return bool(requests)

    # ---- intent → decision → order ---------------------------------------------------------------------------------
    def _take(self) -> bool:
        new = self._ledger.inbox.after(self._terms.name, self._view.inbox)
        for received in new:
            self._decide(received)
        return bool(new)

    def _decide(self, received: Received) -> None:
        basket = received.basket
        decisions = judge(received, self._terms, self._view, self._feed, self._ledger, self._key)
        body = {"basket": encode(basket), "decisions": [encode(d) for d in decisions], "inbox": received.n}
        with self._writing() as connection:
            self._append(connection, "verdict", body, key=f"verdict:{basket.id}")
            for decision in decisions:
                if decision.approved:
                    name = client_id(self._terms.name, basket.origin, basket.slot, decision.leg)
                    order = Order(
                        name, self._terms.name, basket.book, basket.id, decision.leg, 1,
                        basket.intents[decision.leg], self._clock.now(),
                    )  # fmt: skip
                    self._append(connection, "order", {"order": encode(order)}, key=f"order:{name}")

    # ---- order → broker --------------------------------------------------------------------------------------------
    def _send(self) -> bool:
        approved = [o for o in self._view.orders.values() if o.status is OrderStatus.APPROVED]
        for order in approved:
            if reason := self._ledger.control.halted(self._terms.name):
                self._status(order, OrderStatus.CANCELLED, reason)
            elif self._too_late(order):
                self._status(order, OrderStatus.EXPIRED, "its session had passed before it was sent")
            else:
                self._place(self._status(order, OrderStatus.SENDING))
        return bool(approved)

    def _too_late(self, order: Order) -> bool:
        return self._clock.now() >= Calendar.of(self._terms.calendar).next_close(order.time)

    def _place(self, order: Order) -> None:
        """Call the broker once for an order that is written as SENDING. No retry here."""
        self._ledger.control.check(self._lease)
        try:
            try:
                answer = self._broker.submit(order)
            except BrokerRejected as error:  # an earlier copy may be what stands in the way: look it up
                answer = self._broker.find(order.client_id) or _rejected(order, error)
            self._learn(order, answer)
        except (OutcomeUnknown, BrokerUnavailable) as error:
            self._status(order, OrderStatus.UNKNOWN, str(error))

    def _settle(self) -> bool:
        """Ask for every order that may or may not have arrived. Silence proves nothing; a denial allows a resend."""
        due = [o for o in self._view.orders.values() if o.status in UNSETTLED and self._may_ask(o)]
        for order in due:
            try:
                answer = self._broker.find(order.client_id)
                if answer is not None:
                    self._learn(order, answer)
                    continue
            except BrokerUnavailable as error:
                self._ask_after[order.client_id] = time.monotonic() + ASK_AGAIN
                if order.status is OrderStatus.SENDING:
                    self._status(order, OrderStatus.UNKNOWN, str(error))
                continue
            if reason := self._ledger.control.halted(self._terms.name):
                self._status(order, OrderStatus.CANCELLED, f"never arrived; {reason}")
            elif self._too_late(order):
                self._status(order, OrderStatus.EXPIRED, "never arrived, and its session has passed")
            else:
                self._resend(order)
        return bool(due)

    def _resend(self, order: Order) -> None:
        """The broker proved that it has no such order: send it again, under the same id."""
        if order.status is OrderStatus.SENDING:
            order = self._status(order, OrderStatus.UNKNOWN, "not at the broker")
        self._place(self._status(order, OrderStatus.SENDING))

    def _may_ask(self, order: Order) -> bool:
        return time.monotonic() >= self._ask_after.get(order.client_id, 0.0)

    # ---- broker → ledger -------------------------------------------------------------------------------------------
    def _learn(self, order: Order, answer: BrokerOrder) -> None:
        """Write what the broker says of an order: its fills first, then its status."""
        self._book_fills()
        self._follow(self._view.orders[order.client_id], answer)

    def _follow(self, order: Order, answer: BrokerOrder) -> None:
        status = answer.status
        if status not in TERMINAL and order.filled:
            status = OrderStatus.FILLED if order.remaining == 0 else OrderStatus.PARTIALLY_FILLED
        if status is not order.status and order.status in LIVE:
            self._status(order, status, answer.reason)

    def _book_fills(self) -> bool:
        fresh = self._broker.fills(self._view.fill_cursor)
        if not fresh:
            return False
        with self._writing() as connection:
            for cursor, fill in fresh:
                body = {"cursor": cursor, "fill": encode(fill)}
                self._append(connection, "fill", body, key=f"fill:{fill.execution_id}")
        return True

    def _poll(self) -> bool:
        """Fills since the last one booked, and how every live order stands."""
        try:
            booked = self._book_fills()
            for order in [
                o for o in self._view.orders.values() if o.status in LIVE - UNSETTLED - {OrderStatus.APPROVED}
            ]:
                answer = self._broker.find(order.client_id)
                if answer is not None:
                    self._follow(order, answer)
        except BrokerUnavailable:
            return False  # asked again in the next cycle: a failed question is no answer
        return booked

    def _reconcile(self) -> None:
        """Ledger against broker, over the union of both sides. A failed question skips the comparison."""
        try:
            told = self._broker.snapshot()
        except BrokerUnavailable:
            return
        account = self._view.account()
        ours = {**account.holdings, f"cash {account.currency}": account.cash}
        theirs = {**{s: h.quantity for s, h in told.holdings.items()}, f"cash {told.currency}": told.cash}
        zero = Decimal(0)
        differs = [s for s in sorted({*ours, *theirs}) if ours.get(s, zero) != theirs.get(s, zero)]
        with self._writing() as connection:
            if differs:
                what = "; ".join(f"{s}: ledger {ours.get(s, zero)}, broker {theirs.get(s, zero)}" for s in differs)
                self._append(connection, "drift", {"what": what, "at": iso(self._clock.now())})
            else:
                self._append(connection, "reconciled", {"at": iso(self._clock.now())})


def _rejected(order: Order, error: BrokerRejected) -> BrokerOrder:
    return BrokerOrder(order.client_id, OrderStatus.REJECTED, reason=str(error))
