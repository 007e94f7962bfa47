"""Views of an account: everything here is folded from its journal, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from aura_lib.core import (
    LIVE,
    TERMINAL,
    Account,
    Basket,
    Booking,
    Decision,
    Fill,
    LedgerError,
    Order,
    OrderStatus,
    decode,
    fold,
    utc,
)
from aura_lib.ledger.journal import Entry


@dataclass(frozen=True, slots=True)
class Verdict:
    """A basket and what the desk decided on each of its legs."""

    basket: Basket
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class AccountView:
    """One account, as its journal tells it: books, baskets, orders, fills. Feed it entries with `apply`."""

    name: str
    currency: str = "USD"
    n: int = 0  # the last entry applied
    cash: dict[str, Decimal] = field(default_factory=dict)  # book → money paid in
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    fill_cursor: str = ""  # where the broker's list of fills was read up to
    booking_cursor: str = ""
    bookings: list[Booking] = field(default_factory=list)
    cancelling: dict[str, str] = field(default_factory=dict)  # order that shall be cancelled → why
    replacing: dict[str, str] = field(default_factory=dict)  # order that shall take a place → whose
    inbox: int = 0  # the last place of the inbox taken
    request: int = 0
    drift: str = ""
    reconciled: datetime | None = None

    def apply(self, entries: Iterable[Entry]) -> AccountView:
        """Take in further entries of the account's chain, in order."""
        for entry in entries:
            if entry.n != self.n + 1:
                raise LedgerError(f"account {self.name}: entry {entry.n} does not follow entry {self.n}")
            handler = getattr(self, f"_{entry.kind.replace('.', '_')}", None)
            if handler is None:
                raise LedgerError(f"account {self.name}, entry {entry.n}: unknown kind {entry.kind!r}; upgrade Aura")
            handler(entry)
            self.n = entry.n
        return self

    # one method a kind of entry -------------------------------------------------------------------------------------
    def _desk_started(self, entry: Entry) -> None:
        pass

    def _answered(self, entry: Entry) -> None:
        self.request = max(self.request, int(entry.body.get("request", 0)))

    def _cash(self, entry: Entry) -> None:
        book = str(entry.body["book"])
        self.cash[book] = self.cash.get(book, Decimal(0)) + Decimal(entry.body["amount"])
        self._answered(entry)

    def _request_refused(self, entry: Entry) -> None:
        self._answered(entry)

    def _verdict(self, entry: Entry) -> None:
        basket = decode(Basket, entry.body["basket"])
        decisions = tuple(decode(Decision, d) for d in entry.body["decisions"])
        self.verdicts[basket.id] = Verdict(basket, decisions)
        self.inbox = max(self.inbox, int(entry.body["inbox"]))

    def _order(self, entry: Entry) -> None:
        order = decode(Order, entry.body["order"])
        self.orders[order.client_id] = order

    def _adopted(self, entry: Entry) -> None:
        order = decode(Order, entry.body["order"])
        self.orders[order.client_id] = order

    def _status(self, entry: Entry) -> None:
        order = self.orders[entry.body["client_id"]].to(OrderStatus(entry.body["status"]), entry.body["reason"])
        self.orders[order.client_id] = replace(order, broker_id=entry.body.get("broker_id") or order.broker_id)
        if order.status in TERMINAL:
            self.cancelling.pop(order.client_id, None)

    def _cancel_asked(self, entry: Entry) -> None:
        self._answered(entry)
        named = entry.body["client_id"]
        for name in [named] if named else [o.client_id for o in self.live_orders()]:
            self.cancelling.setdefault(name, str(entry.body["reason"]))

    def _replace_asked(self, entry: Entry) -> None:
        self._answered(entry)
        order = decode(Order, entry.body["order"])
        self.orders[order.client_id] = order
        self.replacing[order.client_id] = order.parent

    def _replaced(self, entry: Entry) -> None:
        self.replacing.pop(entry.body["by"], None)

    def _fill(self, entry: Entry) -> None:
        fill = decode(Fill, entry.body["fill"])
        self.fills.append(fill)
        self.fill_cursor = str(entry.body["cursor"] if "cursor" in entry.body else entry.body["number"])
        order = self.orders.get(fill.client_id)
        if order is not None:
            self.orders[fill.client_id] = replace(order, filled=order.filled + fill.quantity)

    def _bust(self, entry: Entry) -> None:
        busted = next((f for f in self.fills if f.execution_id == entry.body["execution_id"]), None)
        if busted is None:
            return
        self.fills.remove(busted)
        order = self.orders.get(busted.client_id)
        if order is not None:
            self.orders[order.client_id] = replace(order, filled=order.filled - busted.quantity)

    def _booking(self, entry: Entry) -> None:
        self.bookings.append(decode(Booking, entry.body["booking"]))
        self.booking_cursor = str(entry.body.get("cursor") or self.booking_cursor)
        self._answered(entry)

    def _reconciled(self, entry: Entry) -> None:
        self.drift, self.reconciled = "", utc(entry.body["at"])

    def _drift(self, entry: Entry) -> None:
        self.drift = str(entry.body["what"])

    # what people ask ------------------------------------------------------------------------------------------------
    def opening(self, book: str | None = None) -> Account:
        """A book (or the whole account) before its first fill."""
        paid = sum(self.cash.values(), Decimal(0)) if book is None else self.cash.get(book, Decimal(0))
        return Account(book or self.name, paid, self.currency)

    def account(self, book: str | None = None, as_of: datetime | None = None) -> Account:
        """A book (or the whole account) as it stood at a moment; now when none is given."""
        until = utc(as_of) if as_of else None
        both: list[Fill | Booking] = sorted([*self.fills, *self.bookings], key=lambda e: e.time)
        mine = (e for e in both if book in (None, e.book) and (until is None or e.time <= until))
        return fold(self.opening(book), mine)

    def live_orders(self, book: str | None = None) -> list[Order]:
        """Orders that may still change the position."""
        return [o for o in self.orders.values() if o.status in LIVE and book in (None, o.book)]

    def working(self, book: str | None = None) -> dict[str, Decimal]:
        """Symbol → signed quantity still on its way."""
        total: dict[str, Decimal] = {}
        for order in self.live_orders(book):
            symbol = order.intent.symbol
            total[symbol] = total.get(symbol, Decimal(0)) + order.remaining * order.intent.side.sign
        return total
