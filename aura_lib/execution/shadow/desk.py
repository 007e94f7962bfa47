"""The desk of a shadow: baskets become verdicts and orders as at any desk, and there it ends. It has no way to send.

    wait       until the ledger of the account it is of tells how that stood at the moment of decision
    judge      kill switch, permission, promotion, the checks before a trade: all rules of that account
    withhold   the verdict, what was seen, and each order with its end, in one transaction

Killed anywhere, the next one starts from what is written: a basket has all of its entries, or none and is judged again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Any, cast

from aura_lib.core import (
    Broker,
    Clock,
    DataError,
    Order,
    OrderStatus,
    SimulatedClock,
    decode,
    iso,
)
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.desk import stop
from aura_lib.execution.desk.seat import Seat, status
from aura_lib.execution.desk.send import obstacle
from aura_lib.execution.desk.take import answer_requests, decided, verdict
from aura_lib.execution.feed import Feed
from aura_lib.execution.gate import refuse
from aura_lib.execution.limits import Rulebook
from aura_lib.execution.lines import Line
from aura_lib.execution.shadow.mirror import Mirror, behind
from aura_lib.execution.shadow.onlooker import Onlooker, apart
from aura_lib.ledger import ALL, AccountView, Lease, Ledger, News, Received
from aura_lib.risk.pretrade import TradeLimits, tightest

BLIND = "account"  # the rule that refuses what is decided on an account nobody can see
WAIT = 30.0  # seconds for which a ledger and its broker may differ before a basket is refused for it
LOOK = 2.0  # seconds between two questions to a broker
RECENT = timedelta(days=1)  # how far back the checks may ask for orders


class Rules(Rulebook):
    """The limits of the account that a shadow is of; the shadow's own may be tighter, never looser."""

    def __init__(self, ledger: Ledger, terms: Terms, real: Terms) -> None:
        super().__init__(ledger, terms)
        self._real = Rulebook(ledger, real)

    def effective(self, book: str = "", user: str = "") -> TradeLimits:
        """What binds an order: the tightest of both accounts' limits."""
        return tightest(super().effective(book, user), self._real.effective(book, user))


class ShadowSeat(Seat):
    """A seat that looks at another account: its own chain is written, that account's is judged by."""

    def __init__(
        self,
        ledger: Ledger,
        terms: Terms,
        lease: Lease,
        broker: Onlooker,
        feed: Feed,
        clock: Clock,
        key: str,
        home: Path | None,
    ) -> None:
        # what an onlooker lacks of a broker are the commands, and nothing that a shadow does calls one
        super().__init__(ledger, terms, lease, cast(Broker, broker), feed, clock, key, home)
        self.real = account_terms(ledger, terms.shadow_of)
        self.rules = Rules(ledger, terms, self.real)
        self.onlooker = broker
        self._mirror, self._whole = Mirror(ledger, self.real.name), AccountView(self.real.name)
        self._beheld: AccountView | None = None
        self.met = True  # by `blind`, each time

    @property
    def standing(self) -> AccountView:
        """The account it is of, as it stood at the moment last looked at."""
        return self.view if self._beheld is None else self._beheld

    @property
    def seen(self) -> int:
        """The last entry of that account's chain that was looked at."""
        return self.standing.n

    def blind(self, moment: datetime) -> str:
        """Why it cannot be seen how the account stood at a moment; empty when it can, and was looked at."""
        if why := behind(self.ledger, self.real, moment):
            return why
        if not self.real.simulated:
            self.ledger.account(self.real.name, into=self._whole)
            why, self.buying_power = apart(self._whole, self.onlooker)
        if not why:
            self._beheld = self._with_own(self._mirror.at(moment))
        return why

    def _with_own(self, view: AccountView) -> AccountView:
        """The account with the orders that the checks ask for: its last ones, and those withheld here."""
        since = self.clock.now() - RECENT
        told = [
            order
            for some in (view, self.view)
            for order in takewhile(lambda order: order.time > since, reversed(some.orders.values()))
        ]
        parents = [view.orders[o.parent] for o in view.live.values() if o.parent in view.orders]
        orders = {o.client_id: o for o in sorted([*parents, *told], key=lambda order: order.time)}
        beheld = copy(view)
        beheld.orders = orders
        return beheld

    def halted(self, book: str) -> str:
        """Why nothing of a book may be approved: halted here, or on the account it is of."""
        scopes = [ALL, *(f"{n}{part}" for n in (self.terms.name, self.real.name) for part in ("", f"/{book}"))]
        return next((self._halts[scope] for scope in scopes if scope in self._halts), "")


class ShadowDesk:
    """One shadow's desk, for as long as it holds the lease. Call `cycle` again and again."""

    def __init__(
        self,
        ledger: Ledger,
        terms: Terms,
        lease: Lease,
        broker: Onlooker,
        feed: Feed,
        clock: Clock,
        key: str,
        home: Path | None = None,
        *,
        wait: float = WAIT,
    ) -> None:
        self.seat = ShadowSeat(ledger, terms, lease, broker, feed, clock, key, home)
        self.woken = Event()  # as at any desk; nothing wakes this one but the ledger
        self._wait = wait
        self._waiting: dict[str, float] = {}  # basket → since when it waits for the account to be seen

    def start(self) -> None:
        """Read what is written, and answer what was asked."""
        seat = self.seat
        seat.read()
        seat.write([Line("desk.started", {"epoch": seat.lease.epoch, "holder": seat.lease.holder})])
        answer_requests(seat, seat.news().requests)
        seat.beat()

    def cycle(self) -> bool:
        """One round of everything that is due, as of one moment of the ledger; whether anything was."""
        seat = self.seat
        news = seat.news()
        worked = answer_requests(seat, news.requests) | self._take(news.baskets) | stop.carry_on(seat)
        return self._follow(news) | worked

    # ---- baskets ---------------------------------------------------------------------------------------------------
    def _take(self, baskets: Sequence[Received]) -> bool:
        """Judge and withhold what is new in the inbox, in the order it came; whether there was anything."""
        seat, taken = self.seat, False
        for received in baskets:
            if not seat.may_ask(received.basket.id):
                break
            why = seat.blind(received.basket.as_of)
            if why and self._patient(received.basket.id):
                break
            self._withhold(received, why)
            taken = True
        return taken

    def _patient(self, basket: str) -> bool:
        """Whether to look again later: by the wall clock the account may be a moment behind its broker."""
        began = self._waiting.setdefault(basket, time.monotonic())
        if self.seat.real.clock != "wall" or time.monotonic() - began >= self._wait:
            return False
        self.seat.ask_later(basket, min(LOOK, self._wait))
        return True

    def _withhold(self, received: Received, why: str) -> None:
        seat, basket = self.seat, received.basket
        self._waiting.pop(basket.id, None)
        if why:
            told = refuse(basket, BLIND, why, f"{seat.real.name} as it stands")
            seat.write(verdict(seat, basket, told, received.n))
            return
        lines = decided(seat, received)
        orders = [decode(Order, line.body["order"]) for line in lines if line.kind == "order"]
        seat.write([*lines, self._sight(received), *(self._end(order) for order in orders)])

    def _sight(self, received: Received) -> Line:
        """What was looked at: up to which entry of the account's chain, and the prices of what is wished."""
        seat, basket = self.seat, received.basket
        body: dict[str, Any] = {"basket": basket.id, "account": seat.real.name, "n": seat.seen}
        body |= {"as_of": iso(basket.as_of), "at": iso(seat.clock.now())}
        body["prices"] = self._prices(received)
        return Line("seen", body, f"seen:{basket.id}")

    def _prices(self, received: Received) -> dict[str, str]:
        try:
            known = self.seat.feed.prices(received.basket.as_of)
        except DataError:  # then nothing was approved
            return {}
        return {i.symbol: str(known[i.symbol]) for i in received.basket.intents if i.symbol in known}

    def _end(self, order: Order) -> Line:
        """How an approved order ends here: as it would before it is sent, and never sent."""
        to, why = obstacle(self.seat, order)
        if to is not OrderStatus.SENDING:
            return status(order, to, why)
        return status(order, OrderStatus.WITHHELD, f"not sent: a shadow of {self.seat.real.name}")

    # ---- time ------------------------------------------------------------------------------------------------------
    def _follow(self, news: News) -> bool:
        """Move a simulated clock to where it shall be, once all that came before is answered."""
        seat, clock = self.seat, self.seat.clock
        asked = news.clock
        if not isinstance(clock, SimulatedClock) or asked is None or asked[1] == asked[0]:
            return False
        if self._waiting:
            return False  # what was asked before the clock was moved belongs to the moment before
        seat.feed.reach(asked[0])
        clock.advance(asked[0])
        with seat.ledger.write() as connection:
            seat.ledger.control.hold(connection, seat.lease)
            seat.ledger.control.clock_done(connection, seat.terms.name, asked[0])
        return True
