"""What the steps of a desk share: the ledger behind the fence of its lease, the broker, prices and the time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from aura_lib.core import Broker, Calendar, Clock, Order, OrderStatus
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import Rulebook
from aura_lib.execution.lines import Line
from aura_lib.execution.reconcile import Reconciliation
from aura_lib.ledger import ALL, AccountView, Lease, Ledger, News

FRESH = 0.2  # seconds for which a look at lease and kill switch counts; a send after that looks again
NEVER = datetime.min.replace(tzinfo=UTC)
NOW = 0.01  # seconds for which it counts where it shall be one of this moment


class Seat:
    """One account, for as long as the lease is held. Whoever writes or sends here does it as its desk."""

    def __init__(
        self,
        ledger: Ledger,
        terms: Terms,
        lease: Lease,
        broker: Broker,
        feed: Feed,
        clock: Clock,
        key: str,
        home: Path | None,
    ) -> None:
        self.ledger, self.terms, self.lease = ledger, terms, lease
        self.broker, self.feed, self.clock, self.key, self.home = broker, feed, clock, key, home
        self.view = AccountView(terms.name, terms.currency)
        self.rules = Rulebook(ledger, terms)
        self.buying_power: Decimal | None = None  # as the broker last told it
        self.met = False  # whether the broker has told how the account stands since we began
        self.compared: Reconciliation | None = None  # the last comparison that found something
        self.counted: dict[str, int] = {}  # book → refusals in a row when they were last looked at
        self.known: set[str] = set()  # promotions that were found good
        self.ask_after: dict[str, float] = {}  # order → when the broker may be asked about it again
        self._renewed, self._looked = time.monotonic(), float("-inf")
        self._halts: Mapping[str, str] = {}
        self._session = (NEVER, NEVER)  # a moment, and the first close after it: that of all moments between the two

    @property
    def standing(self) -> AccountView:
        """The account that orders are judged by: books, holdings, and what is on its way."""
        return self.view

    # ---- the lease -------------------------------------------------------------------------------------------------
    def keep(self) -> None:
        """Renew the lease when a quarter of it is over, and tell that the desk is at work."""
        if time.monotonic() - self._renewed > self.lease.seconds / 4:
            self.ledger.control.renew(self.lease)
            self._renewed = time.monotonic()
            self.beat()

    def beat(self) -> None:
        """Tell that the desk is at work."""
        self.ledger.control.beat(f"desk:{self.terms.name}", note=f"epoch {self.lease.epoch}")

    # ---- what the ledger tells -------------------------------------------------------------------------------------
    def news(self) -> News:
        """All that a round goes by, of one moment: who sees a basket sees what was halted before it was written."""
        self.keep()
        began = time.monotonic()
        news = self.ledger.news(self.lease, self.view.request, self.view.inbox)
        self._halts, self._looked, self.rules.head = news.halts, began, news.system
        return news

    def look(self, *, now: bool = False) -> None:
        """Before a send: LeaseLost unless the lease is ours; and what is halted, as of a moment ago at most."""
        if time.monotonic() - self._looked > (NOW if now else FRESH):
            self.keep()
            began = time.monotonic()
            self._halts, self.rules.head = self.ledger.control.look(self.lease), None
            self._looked = began

    def halted(self, book: str) -> str:
        """Why nothing of a book may be sent, as last looked at; empty when it may."""
        scopes = (self.terms.name, ALL, f"{self.terms.name}/{book}")
        return next((self._halts[scope] for scope in scopes if scope in self._halts), "")

    def held(self, order: Order) -> str:
        """Why an order may not be sent; what closes all positions always may."""
        return "" if order.client_id in self.view.closing else self.halted(order.book)

    # ---- writing ---------------------------------------------------------------------------------------------------
    def read(self) -> None:
        """Take in what is written."""
        self.ledger.account(self.terms.name, into=self.view)

    def write(self, lines: Sequence[Line]) -> None:
        """Write entries in one transaction, fenced by the lease; afterwards the view has taken them in."""
        if not lines:
            return
        with self.ledger.write() as connection:
            self.ledger.control.hold(connection, self.lease)
            written = self.ledger.journal.append_many_in(connection, self.terms.name, lines)
        fresh = {entry.n: entry for entry in written if entry.n > self.view.n}
        if fresh and min(fresh) == self.view.n + 1:
            self.view.apply(fresh[n] for n in sorted(fresh))
        else:
            self.read()

    # ---- orders ----------------------------------------------------------------------------------------------------
    def live(self, *statuses: OrderStatus) -> list[Order]:
        """The orders that stand so, oldest first."""
        return [order for order in self.view.live.values() if order.status in statuses]

    def too_late(self, order: Order) -> bool:
        """Whether the session that an order was made for is over before it was sent."""
        since, close = self._session
        if not since <= order.time < close:
            close = Calendar.of(self.terms.calendar).next_close(order.time)
            self._session = order.time, close
        return self.clock.now() >= close

    def may_ask(self, client_id: str) -> bool:
        """Whether enough time has passed since the broker could not tell."""
        return time.monotonic() >= self.ask_after.get(client_id, 0.0)

    def ask_later(self, client_id: str, seconds: float) -> None:
        """Leave the broker alone about an order for a while."""
        self.ask_after[client_id] = time.monotonic() + seconds


def status(order: Order, to: OrderStatus, reason: str = "", broker_id: str = "") -> Line:
    """The entry that brings an order to its next status; an illegal step raises InputError before it is written."""
    order.to(to)
    body = {"client_id": order.client_id, "status": to.value, "reason": reason}
    return Line("status", {**body, "broker_id": broker_id} if broker_id else body)
