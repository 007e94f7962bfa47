"""One account, as its journal tells it: orders and baskets, and the money of its books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aura_lib.core import (
    LIVE,
    TERMINAL,
    Account,
    Basket,
    Booking,
    BookingKind,
    Decision,
    Fill,
    LedgerError,
    Order,
    OrderStatus,
    Transfer,
    decode,
    utc,
)
from aura_lib.ledger.journal import Entry
from aura_lib.ledger.views.course import EVER
from aura_lib.ledger.views.money import Event, Money

ZERO = Decimal(0)
TOLD_ONLY = ("mended", "seen")  # they change nothing here


@dataclass(frozen=True, slots=True)
class Verdict:
    """A basket and what the desk decided on each of its legs."""

    basket: Basket
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class AccountView:
    """One account: its books, baskets, orders and fills. Feed it entries with `apply`, as they come.

    Whatever is asked is kept up to date by every entry, not folded again: `account`, `live` and `working` cost the same
    at a million entries as at a thousand.
    """

    name: str
    currency: str = "USD"
    n: int = 0  # the last entry applied
    owner: str = ""  # whose account it is, as last told
    cash: dict[str, Decimal] = field(default_factory=dict)  # book → money paid in, in the account's currency
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    live: dict[str, Order] = field(default_factory=dict)  # the orders that may still change the position
    fills: list[Fill] = field(default_factory=list)  # those that stand: a busted one is gone
    bookings: list[Booking] = field(default_factory=list)  # as they were told, before books share them
    transfers: list[Transfer] = field(default_factory=list)
    method: str = "fifo"  # how a sale finds its tax lots, where nobody chose them
    methods: list[tuple[int, str, str]] = field(default_factory=list)  # from which event on, book ("" all), method
    chosen: dict[str, tuple[tuple[str, Decimal], ...]] = field(default_factory=dict)  # order → (lot, quantity)
    fill_cursor: str = ""  # where the broker's list of fills was read up to
    booking_cursor: str = ""
    cancelling: dict[str, str] = field(default_factory=dict)  # order that shall be cancelled → why
    packages: dict[str, dict[str, str]] = field(
        default_factory=dict
    )  # order for packages → contract → order of its leg
    replacing: dict[str, str] = field(default_factory=dict)  # order that shall take a place → whose
    stopping: str = ""  # why all orders shall be cancelled, until they have ended
    flattening: dict[str, str] = field(default_factory=dict)  # who asked for all positions to be closed, and why
    closing: set[str] = field(default_factory=set)  # the orders that do so: a halt does not hold them
    busted: set[str] = field(default_factory=set)  # executions that were taken back
    parked: dict[str, Fill] = field(default_factory=dict)  # fills whose order is not known, by execution id
    refusals: dict[str, tuple[str, int]] = field(
        default_factory=dict
    )  # book → the broker's last, and how often in a row
    inbox: int = 0  # the last place of the inbox taken
    request: int = 0
    drift: str = ""
    reconciled: datetime | None = None
    compared: bool = False  # whether ledger and broker were compared since the last desk began
    differences: tuple[Mapping[str, Any], ...] = ()  # what the last comparison with the broker left open
    short: tuple[Mapping[str, Any], ...] = ()  # what books are short of, of what was decided for them
    stopped: dict[str, str] = field(default_factory=dict)  # symbol → which difference keeps it from being traded
    protections: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the rules that stand, by name
    triggered: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # "rule/symbol" → when it last came to bear
    sliced: dict[str, dict[str, Any]] = field(default_factory=dict)  # orders sent in slices that are not over, by name
    money: Money = field(init=False)

    def __post_init__(self) -> None:
        self.money = Money(self.name, self.currency)

    def apply(self, entries: Iterable[Entry]) -> AccountView:
        """Take in further entries of the account's chain, in order."""
        for entry in entries:
            if entry.n != self.n + 1:
                raise LedgerError(f"account {self.name}: entry {entry.n} does not follow entry {self.n}")
            handler = _HANDLERS.get(entry.kind)
            if handler is None:
                raise LedgerError(f"account {self.name}, entry {entry.n}: unknown kind {entry.kind!r}; upgrade Aura")
            handler(self, entry.body)
            if "request" in entry.body:
                self.request = max(self.request, int(entry.body["request"]))
            self.n = entry.n
        return self

    # what people ask ------------------------------------------------------------------------------------------------
    @property
    def books(self) -> tuple[str, ...]:
        """Names of the books; "" holds what belongs to none."""
        return tuple(self.cash)

    @property
    def events(self) -> list[Event]:
        """Every fill, booking and transfer that was booked, in the order they were written, each with its book."""
        return self.money.events

    @property
    def unbooked(self) -> list[tuple[Event, str]]:
        """What the journal tells and no book could take, and why: a person has to mend it."""
        return self.money.refused

    def opening(self, book: str | None = None) -> Account:
        """A book (or the whole account) before its first fill, with all the money that was ever paid in."""
        paid = sum(self.cash.values(), ZERO) if book is None else self.cash.get(book, ZERO)
        return Account(book or self.name, paid, self.currency)

    def account(self, book: str | None = None, as_of: datetime | None = None) -> Account:
        """A book (or the whole account) as it stood at a moment; now when none is given."""
        return self.money.account(book, utc(as_of) if as_of else None)

    def live_orders(self, book: str | None = None) -> list[Order]:
        """Orders that may still change the position."""
        return [o for o in self.live.values() if book in (None, o.book)]

    def working(self, book: str | None = None) -> dict[str, Decimal]:
        """Symbol → signed quantity still on its way; of packages the contracts that no order of a leg has yet."""
        total: dict[str, Decimal] = {}
        for order in self.live_orders(book):
            for symbol, quantity in self._coming(order):
                total[symbol] = total.get(symbol, ZERO) + quantity
        return total

    def _coming(self, order: Order) -> list[tuple[str, Decimal]]:
        if not order.intent.legs:
            return [(order.intent.symbol, order.remaining * order.intent.side.sign)]
        told = self.packages.get(order.client_id, {})
        legs = [leg for leg in order.intent.legs if leg.instrument.symbol not in told]
        return [(leg.instrument.symbol, order.remaining * leg.signed) for leg in legs]

    def complete(self, package: Order) -> Decimal:
        """How many packages of an order are filled in all legs: the fills are those of the legs."""
        told = self.packages.get(package.client_id, {})
        legs = [(self.orders.get(told.get(leg.instrument.symbol, "")), leg.ratio) for leg in package.intent.legs]
        return min(order.filled // ratio if order is not None else ZERO for order, ratio in legs)

    # baskets and orders ---------------------------------------------------------------------------------------------
    def _verdict(self, body: Mapping[str, Any]) -> None:
        basket = decode(Basket, body["basket"])
        decisions = tuple(decode(Decision, d) for d in body["decisions"])
        self.verdicts[basket.id] = Verdict(basket, decisions)
        self.inbox = max(self.inbox, int(body["inbox"]))

    def _put(self, order: Order) -> None:
        self.orders[order.client_id] = order
        if order.status in LIVE:
            self.live[order.client_id] = order
        else:
            self.live.pop(order.client_id, None)
            self.cancelling.pop(order.client_id, None)
        package = self.orders.get(order.parent) if order.parent else None
        if package is not None and package.intent.legs and not order.intent.legs:
            self.packages.setdefault(order.parent, {})[order.intent.symbol] = order.client_id
            self._put(replace(package, filled=self.complete(package)))

    def _order(self, body: Mapping[str, Any]) -> None:
        self._put(decode(Order, body["order"]))

    def _status(self, body: Mapping[str, Any]) -> None:
        order = self.orders[body["client_id"]].to(OrderStatus(body["status"]), body["reason"])
        self._put(replace(order, broker_id=body["broker_id"]) if body.get("broker_id") else order)
        if order.status is OrderStatus.REJECTED:
            reason, times = self.refusals.get(order.book, ("", 0))
            self.refusals[order.book] = (order.reason, times + 1 if reason == order.reason else 1)
        elif order.status is OrderStatus.ACCEPTED:
            self.refusals.pop(order.book, None)
        if order.status in TERMINAL:
            self.replacing.pop(order.client_id, None)

    def _cancel_asked(self, body: Mapping[str, Any]) -> None:
        if named := body["client_id"]:
            self.cancelling.setdefault(named, str(body["reason"]))
        else:
            self.stopping = str(body["reason"])

    def _flatten_asked(self, body: Mapping[str, Any]) -> None:
        told = {"who": body["who"], "reason": body["reason"], "origin": body["origin"], "key": body["key"]}
        self.flattening = {name: str(value) for name, value in told.items()}

    def _halt_cancel(self, body: Mapping[str, Any]) -> None:
        self.stopping = ""

    def _halt_flatten(self, body: Mapping[str, Any]) -> None:
        self.flattening = {}
        self.closing.update(body["orders"])

    def _replace_asked(self, body: Mapping[str, Any]) -> None:
        order = decode(Order, body["order"])
        self._put(order)
        self.replacing[order.client_id] = order.parent

    def _replaced(self, body: Mapping[str, Any]) -> None:
        self.replacing.pop(body["by"], None)

    # money ----------------------------------------------------------------------------------------------------------
    def _fill(self, body: Mapping[str, Any]) -> None:
        fill = decode(Fill, body["fill"])
        self.fills.append(fill)
        self.parked.pop(fill.execution_id, None)
        self.fill_cursor = str(body.get("cursor") or body.get("number") or self.fill_cursor)
        self._heard(body)
        order = self.orders.get(fill.client_id)
        if order is not None:
            self._put(replace(order, filled=order.filled + fill.quantity))
        self._take(fill)

    def _fill_parked(self, body: Mapping[str, Any]) -> None:
        fill = decode(Fill, body["fill"])
        self.parked[fill.execution_id] = fill
        self.fill_cursor = str(body["cursor"])

    def _bust(self, body: Mapping[str, Any]) -> None:
        named = body["execution_id"]
        self.busted.add(named)
        self.parked.pop(named, None)
        busted = next((fill for fill in reversed(self.fills) if fill.execution_id == named), None)
        if busted is None:
            return
        self.fills = [fill for fill in self.fills if fill is not busted]
        order = self.orders.get(busted.client_id)
        if order is not None:
            self._put(replace(order, filled=order.filled - busted.quantity))
        place = self.money.bust(busted)
        self.methods = [(n - (n > place), book, method) for n, book, method in self.methods]

    def _booking(self, body: Mapping[str, Any]) -> None:
        booking = decode(Booking, body["booking"])
        self.bookings.append(booking)
        self.booking_cursor = str(body.get("cursor") or self.booking_cursor)
        self._heard(body)
        if booking.kind is BookingKind.DEPOSIT and booking.currency == self.currency:
            self._pay(booking.book or self._only_book(), booking.cash)
        self._take(booking)

    def _cash(self, body: Mapping[str, Any]) -> None:
        book, amount = str(body["book"]), Decimal(body["amount"])
        currency = str(body.get("currency") or self.currency)
        self._pay(book, amount if currency == self.currency else ZERO)
        key, why, moment = str(body.get("key", "")), str(body.get("why", "")), _moment(body)
        self._take(Booking(key, BookingKind.DEPOSIT, amount, currency, moment, note=why, book=book))

    def _import(self, body: Mapping[str, Any]) -> None:
        book = str(body["book"])
        self._pay(book, ZERO)
        for told in body["positions"]:
            self._take(decode(Booking, told))

    def _transfer(self, body: Mapping[str, Any]) -> None:
        transfer = decode(Transfer, body["transfer"])
        self.transfers.append(transfer)
        paid = transfer.cash if transfer.currency == self.currency else ZERO
        self._pay(transfer.source, -paid)
        self._pay(transfer.target, paid)
        self._take(transfer)

    def _take(self, event: Event) -> None:
        self.money.take(event)
        for book in self.money.books:
            self.cash.setdefault(book, ZERO)

    def _pay(self, book: str, amount: Decimal) -> None:
        self.money.course(book)
        self.cash[book] = self.cash.get(book, ZERO) + amount

    def _only_book(self) -> str:
        named = [name for name in self.cash if name]
        return named[0] if len(named) == 1 else ""

    def _owner(self, body: Mapping[str, Any]) -> None:
        self.owner = str(body["owner"])

    def _lots(self, body: Mapping[str, Any]) -> None:
        if "method" in body:
            book = str(body.get("book") or "")
            self.methods.append((len(self.events), book, str(body["method"])))
            self.method = self.method if book else str(body["method"])
        else:
            self.chosen[str(body["client_id"])] = tuple((lot["lot"], Decimal(lot["quantity"])) for lot in body["lots"])

    # the desk -------------------------------------------------------------------------------------------------------
    def _reconciled(self, body: Mapping[str, Any]) -> None:
        self.drift, self.reconciled, self.compared = "", utc(body["at"]), True
        self.short = tuple(body.get("short", self.short))
        self.differences, self.stopped = (), {}

    def _drift(self, body: Mapping[str, Any]) -> None:
        self.drift, self.compared = str(body["what"]), True
        self.short = tuple(body.get("short", self.short))
        self.differences, self.stopped = tuple(body.get("differences", ())), dict(body.get("stopped", {}))

    def _heard(self, body: Mapping[str, Any]) -> None:
        """What the broker tells makes the last comparison old: what that one offered may be explained by now."""
        if body.get("cursor"):
            self.differences = ()

    def _protection(self, body: Mapping[str, Any]) -> None:
        if "triggered" in body:
            told = body["triggered"]
            self.triggered[f"{told['rule']}/{told['symbol']}"] = told
            return
        name = str(body["removed"] if "removed" in body else body["set"]["name"])
        self.triggered = {key: told for key, told in self.triggered.items() if told["rule"] != name}
        self.protections.pop(name, None)
        if "set" in body:
            self.protections[name] = body["set"]

    def _sliced(self, body: Mapping[str, Any]) -> None:
        if "set" in body:
            self.sliced[str(body["set"]["name"])] = {"set": body["set"]}
        elif "done" in body:
            self.sliced.pop(str(body["done"]), None)
        elif body["cancel"] in self.sliced:
            self.sliced[body["cancel"]]["cancel"] = f"cancelled by {body['who']}: {body['reason']}"

    def _started(self, body: Mapping[str, Any]) -> None:
        self.compared = False

    def _told(self, body: Mapping[str, Any]) -> None:
        pass


def _moment(body: Mapping[str, Any]) -> datetime:
    """When it happened by the account's clock; entries from before that was written count as since ever."""
    return utc(body["at"]) if "at" in body else EVER


_HANDLERS: dict[str, Callable[[AccountView, Mapping[str, Any]], None]] = {
    **dict.fromkeys(TOLD_ONLY, AccountView._told),
    "desk.started": AccountView._started,
    "request.refused": AccountView._told,
    "verdict": AccountView._verdict,
    "order": AccountView._order,
    "adopted": AccountView._order,
    "status": AccountView._status,
    "cancel.asked": AccountView._cancel_asked,
    "replace.asked": AccountView._replace_asked,
    "replaced": AccountView._replaced,
    "flatten.asked": AccountView._flatten_asked,
    "halt.cancel": AccountView._halt_cancel,
    "halt.flatten": AccountView._halt_flatten,
    "fill": AccountView._fill,
    "fill.parked": AccountView._fill_parked,
    "bust": AccountView._bust,
    "booking": AccountView._booking,
    "cash": AccountView._cash,
    "import": AccountView._import,
    "transfer": AccountView._transfer,
    "owner": AccountView._owner,
    "lots": AccountView._lots,
    "reconciled": AccountView._reconciled,
    "drift": AccountView._drift,
    "protection": AccountView._protection,
    "sliced": AccountView._sliced,
}
