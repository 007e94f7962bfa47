"""The office: what the API does, without HTTP. It reads the ledger and writes intents; the desks decide.

Three queues keep what is urgent from waiting behind what is slow: the kill switch has its own threads and its own
connections, what waits for a desk has others, and reading has one, since views and prices are kept between questions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from threading import BoundedSemaphore, Lock
from typing import Any

from aura_lib import execution
from aura_lib.access import Action, Permissions, may
from aura_lib.core import BrokerUnavailable, InputError, Intent, NotFound, Order, RiskRejection, Settings, digest
from aura_lib.core.orders import PRICES
from aura_lib.execution import Proposal, account_terms, accounts
from aura_lib.execution.context import in_use
from aura_lib.execution.form import bought
from aura_lib.execution.limits import Rulebook, Scope
from aura_lib.execution.present import Present, Reader
from aura_lib.execution.preview import preview_basket
from aura_lib.ledger import Ledger
from aura_lib.server.api import answers
from aura_lib.server.api.bodies import Change, Halt, Looked, OfBook, OrderPage, Page, Resume, Ticket, Why, Wish

PATIENCE = 20.0  # seconds without a sign of life of its desk after which a caller is told to ask again
WAITING = 32  # calls that may wait for desks at the same time


class Queue(Enum):
    """Which threads do something."""

    SWITCH = "switch"
    DESK = "desk"
    READ = "read"


class Office:
    """Answers for the accounts of one home. `who` is the person that asks; each is asked for the permission."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._reader, self._reading = Reader(settings), Lock()
        self._ledgers = {queue: Ledger.open(settings) for queue in Queue}  # who waits for one keeps nobody else waiting
        self._room = BoundedSemaphore(WAITING)
        self._threads = {
            queue: ThreadPoolExecutor(most, f"aura-{queue.value}")
            for queue, most in ((Queue.SWITCH, 2), (Queue.DESK, WAITING), (Queue.READ, 1))
        }

    def close(self) -> None:
        """Let go of threads and connections; what waits is not done any more."""
        for threads in self._threads.values():
            threads.shutdown(wait=True, cancel_futures=True)
        for ledger in self._ledgers.values():
            ledger.close()

    def submit(self, queue: Queue, work: Callable[[], Any]) -> Future[Any]:
        """Have something done. BrokerUnavailable when too much waits for desks already."""
        if queue is not Queue.DESK:
            return self._threads[queue].submit(work)
        if not self._room.acquire(blocking=False):
            raise BrokerUnavailable(f"{WAITING} calls wait for their desks already: ask again later, with the same key")
        future = self._threads[queue].submit(work)
        future.add_done_callback(lambda _: self._room.release())
        return future

    # the kill switch ------------------------------------------------------------------------------------------------
    def halt(self, who: str, body: Halt) -> dict[str, Any]:
        """Stop an account, a book or ALL: nothing new is sent from now on, whatever hangs."""
        asked = execution.halt(
            self._ledgers[Queue.SWITCH], body.scope, who=who, reason=body.reason, cancel=body.cancel,
            flatten=body.flatten, key=body.key, settings=self.settings,
        )  # fmt: skip
        return {"scope": body.scope, "halted": True, "asked": asked, "reason": body.reason}

    def resume(self, who: str, body: Resume) -> dict[str, Any]:
        """Let an account, a book or ALL trade again; it needs the permission and a reason."""
        ledger = self._ledgers[Queue.SWITCH]
        execution.resume(ledger, body.scope, who=who, reason=body.reason, settings=self.settings)
        return {"scope": body.scope, "halted": False, "reason": body.reason}

    # what there is --------------------------------------------------------------------------------------------------
    def accounts(self, who: str) -> dict[str, Any]:
        """The accounts that somebody may see."""
        ledger = self._ledgers[Queue.READ]
        return {"accounts": [answers.heading(self._read(name)) for name in accounts(ledger) if self._sees(who, name)]}

    def account(self, who: str, account: str) -> dict[str, Any]:
        """An account: cash, books, positions, profit and loss, whether it is halted and its desk alive."""
        return answers.account(self._seen(who, account))

    def orders(self, who: str, account: str, page: OrderPage) -> dict[str, Any]:
        """Orders, the newest first: the open ones, or all."""
        view = self._seen(who, account).view
        rows = (view.live if page.status == "open" else view.orders).values()
        chosen = answers.matching(rows, page.book, page.symbol, lambda o: (o.book, o.intent.symbol))
        return answers.page(chosen, lambda o: o.client_id, answers.order, limit=page.limit, before=page.before)

    def order(self, who: str, account: str, client_id: str) -> dict[str, Any]:
        """One order, as it stands."""
        return answers.order(self._order(self._seen(who, account), client_id))

    def fills(self, who: str, account: str, page: Page) -> dict[str, Any]:
        """Fills, the newest first."""
        view = self._seen(who, account).view
        chosen = answers.matching(view.fills, page.book, page.symbol, lambda f: (f.book, f.symbol))
        return answers.page(chosen, lambda f: f.execution_id, answers.fill, limit=page.limit, before=page.before)

    def limits(self, who: str, account: str, asked: OfBook) -> dict[str, Any]:
        """The limits in force for whoever asks, the tightest that apply, each with its use."""
        s = self._seen(who, account)
        rules = Rulebook(self._ledgers[Queue.READ], s.terms).read()
        scope = str(Scope(account, asked.book))
        uses = in_use(rules, s.view, s.feed, book=asked.book, user=who, at=s.as_of)
        return {"scope": scope, "as_of": answers.moment(s.as_of), "limits": [answers.use(u) for u in uses]}

    # orders ---------------------------------------------------------------------------------------------------------
    def preview(self, who: str, account: str, body: Looked) -> dict[str, Any]:
        """What the orders of a ticket would cost and what the desk would say; nothing is written."""
        s = self._seen(who, account)
        intents = self._intents(s, body.orders)
        found = preview_basket(
            self._ledgers[Queue.READ], s.terms, s.view, s.feed, intents, book=body.book, who=who, at=s.as_of
        )
        return {"as_of": answers.moment(s.as_of), "previews": [answers.preview(p) for p in found]}

    def send(self, who: str, account: str, body: Ticket) -> dict[str, Any]:
        """Send a ticket and wait for the desk's verdict on each order; the same key again gets the first answer."""
        ledger = self._ledgers[Queue.DESK]
        with self._reading:
            s = self._reader.read(ledger, account, "")
        proposal = execution.ticket(
            ledger, self._intents(s, body.orders), account=account, book=body.book, who=who,
            key=body.key, asked=digest(body.model_dump(mode="json", exclude={"key"})), patience=PATIENCE,
            settings=self.settings,
        )  # fmt: skip
        return self._told(proposal, account)

    def cancel(self, who: str, account: str, client_id: str, why: Why) -> dict[str, Any]:
        """Ask that an order be cancelled; the order as it stands once the desk has taken the wish."""
        ledger = self._ledgers[Queue.DESK]
        self._known(who, account, client_id)
        return answers.order(
            execution.cancel(
                ledger, account, client_id, who=who, reason=why.reason, key=why.key, patience=PATIENCE,
                settings=self.settings,
            )
        )  # fmt: skip

    def change(self, who: str, account: str, client_id: str, body: Change) -> dict[str, Any]:
        """Have another order take the place of one; the new order, once the desk has let it pass."""
        ledger = self._ledgers[Queue.DESK]
        self._known(who, account, client_id)
        return answers.order(
            execution.replace(
                ledger, account, client_id, who=who, quantity=body.quantity, limit_price=body.limit_price,
                stop_price=body.stop_price, reason=body.reason, key=body.key, patience=PATIENCE,
                settings=self.settings,
            )
        )  # fmt: skip

    # ----------------------------------------------------------------------------------------------------------------
    def _intents(self, s: Present, wishes: Sequence[Wish]) -> list[Intent]:
        return [_named(n, wish, s) for n, wish in enumerate(wishes)]

    def _told(self, proposal: Proposal, account: str) -> dict[str, Any]:
        """The verdict on a ticket. RiskRejection when nothing of it was approved."""
        if not proposal.approved:
            raise RiskRejection("; ".join(map(str, proposal.rejected)), proposal.rejected[0])
        return {
            "basket": proposal.basket.id,
            "decisions": [answers.decision(d) for d in proposal.decisions],
            "orders": answers.of_basket(self._read(account).view, proposal.basket.id),
        }

    def _read(self, account: str) -> Present:
        with self._reading:
            return self._reader.read(self._ledgers[Queue.READ], account, "")

    def _sees(self, who: str, account: str) -> bool:
        terms = account_terms(self._ledgers[Queue.READ], account)
        return Permissions.of(self.settings.home).allows(who, Action.VIEW, terms.account_class, account)

    def _seen(self, who: str, account: str) -> Present:
        terms = account_terms(self._ledgers[Queue.READ], account)
        may(self.settings.home, who, Action.VIEW, terms.account_class, account)
        return self._read(account)

    def _order(self, s: Present, client_id: str) -> Order:
        if client_id not in s.view.orders:
            raise NotFound(f"account {s.terms.name} has no order {client_id!r}")
        return s.view.orders[client_id]

    def _known(self, who: str, account: str, client_id: str) -> None:
        self._order(self._seen(who, account), client_id)


def _named(n: int, wish: Wish, s: Present) -> Intent:
    try:
        return intent(wish, s)
    except InputError as error:
        raise InputError(f"orders.{n}: {error}") from None


def intent(wish: Wish, s: Present) -> Intent:
    """The Intent that is wished, on the instruments and prices of an account."""
    symbol = wish.symbol.strip().upper()
    if symbol not in s.instruments:
        raise InputError(f"{wish.symbol} is not traded on the prices of {s.terms.name}")
    instrument, price = s.instruments[symbol], wish.limit_price or s.prices.get(symbol)
    if (wish.quantity is None) == (wish.notional is None):
        raise InputError("give a quantity or a notional amount, one of the two")
    quantity = wish.quantity if wish.notional is None else bought(wish.notional, instrument, price)
    assert quantity is not None
    return Intent(
        instrument, wish.side, quantity, wish.type, time_in_force=wish.time_in_force,
        extended_hours=wish.extended_hours, reason=wish.reason, **{name: getattr(wish, name) for name in PRICES},
    )  # fmt: skip
