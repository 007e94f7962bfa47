"""Small worlds for comparing: a ledger written entry by entry, and a broker that tells what it is given to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aura_lib.core import (
    Booking,
    BookingKind,
    BrokerOrder,
    BrokerUnavailable,
    Capabilities,
    Fill,
    Holding,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    Side,
    Snapshot,
    encode,
    iso,
    utc,
)
from aura_lib.execution.reconcile import Reconciliation, Told, Written, ask, compare
from aura_lib.ledger import AccountView, Entry

NOW = utc("2024-03-05T15:00:00+00:00")
LONG_AGO = NOW - timedelta(days=1)
AAA, BBB = Instrument("AAA"), Instrument("BBB")


def intent(quantity: str = "100", side: str = "buy", instrument: Instrument = AAA, **words: Any) -> Intent:
    return Intent(instrument, Side(side), Decimal(quantity), **words)


def fill(
    name: str, quantity: str, price: str = "10", side: str = "buy", client_id: str = "one", book: str = "m",
    time: datetime = LONG_AGO, instrument: Instrument = AAA,
) -> Fill:  # fmt: skip
    amount, cost = Decimal(quantity), Decimal(price)
    return Fill(name, client_id, "paper", book, instrument, Side(side), amount, cost, Decimal(0), time)


@dataclass
class Us:
    """A ledger in memory."""

    view: AccountView = field(default_factory=lambda: AccountView("paper"))
    keys: set[str] = field(default_factory=set)

    def write(self, kind: str, body: Mapping[str, Any], key: str | None = None) -> Us:
        n = self.view.n + 1
        self.view.apply([Entry(n, "paper", n, iso(NOW), kind, key, body, "")])
        return self

    def pay(self, amount: str = "100000", book: str = "m") -> Us:
        return self.write("cash", {"book": book, "amount": amount, "request": 0})

    def order(
        self, client_id: str = "one", status: str = "accepted", wish: Intent | None = None, book: str = "m",
        time: datetime = LONG_AGO,
    ) -> Us:  # fmt: skip
        made = Order(client_id, "paper", book, "basket", 0, 1, wish or intent(), time)
        return self.write("order", {"order": encode(replace(made, status=OrderStatus(status)))}, f"order:{client_id}")

    def fill(self, *fills: Fill) -> Us:
        for one in fills:
            self.write("fill", {"cursor": one.execution_id, "fill": encode(one)}, f"fill:{one.execution_id}")
        return self

    def hold(self, quantity: str, price: str = "10", book: str = "m", instrument: Instrument = AAA) -> Us:
        side = "sell" if quantity.startswith("-") else "buy"
        name = f"held:{instrument.symbol}:{book}:{len(self.view.fills)}"
        return self.fill(fill(name, quantity.lstrip("-"), price, side, "", book, instrument=instrument))

    def mend(self, *entries: Written) -> int:
        """Write what is offered; a key that is there already writes nothing, as in the journal. How many were new."""
        fresh = [entry for entry in entries if entry.key not in self.keys]
        for entry in fresh:
            self.keys.add(entry.key)
            self.write(entry.kind, entry.body, entry.key)
        return len(fresh)


def snapshot(us: Us | None = None, taken: datetime = NOW, **held: Any) -> Snapshot:
    """What the broker has: as the ledger of `us`, but for what is named: AAA="150", AAA=("150", cost), cash="5"."""
    account = us.view.account() if us else None
    cash = Decimal(held.pop("cash", account.cash if account else 0))
    positions = account.positions if account else {}
    holdings = {s: Holding(p.instrument, p.quantity, p.average_cost) for s, p in positions.items() if p.quantity}
    for symbol, told in held.items():
        quantity, cost = told if isinstance(told, tuple) else (told, None)
        holdings.pop(symbol, None)
        if Decimal(quantity):
            price = None if cost is None else Decimal(cost)
            holdings[symbol] = Holding(Instrument(symbol), Decimal(quantity), price)
    return Snapshot(taken, cash, "USD", holdings)


def told(us: Us, *orders: BrokerOrder, snap: Snapshot | None = None, **words: Any) -> Told:
    return Told(snap or snapshot(us), orders, **words)


def at(client_id: str, status: str, filled: str = "0", wish: Intent | None = None, **words: Any) -> BrokerOrder:
    return BrokerOrder(client_id, OrderStatus(status), Decimal(filled), intent=wish, **words)


def look(us: Us, what: Told, **words: Any) -> Reconciliation:
    return compare(us.view, what, now=words.pop("now", NOW), **words)


class Venue:
    """A broker that answers from what it is given; a question named in `broken` fails."""

    name = "venue"
    capabilities = Capabilities()

    def __init__(self, snap: Snapshot, *orders: BrokerOrder, broken: tuple[str, ...] = ()) -> None:
        self.snap, self.open, self.broken = snap, orders, broken
        self.closed: dict[str, BrokerOrder] = {}
        self.executions: list[tuple[str, Fill]] = []
        self.asked: list[str] = []

    def _answer(self, question: str, answer: Any) -> Any:
        self.asked.append(question)
        if question in self.broken:
            raise BrokerUnavailable(f"{question}: timed out")
        return answer

    def snapshot(self) -> Snapshot:
        return self._answer("snapshot", self.snap)

    def orders(self) -> tuple[BrokerOrder, ...]:
        return self._answer("orders", self.open)

    def fills(self, after: str = "") -> list[tuple[str, Fill]]:
        return self._answer("fills", self.executions)

    def bookings(self, after: str = "") -> list[tuple[str, Booking]]:
        return self._answer("bookings", [])

    def find(self, client_id: str) -> BrokerOrder | None:
        known = {o.client_id: o for o in self.open} | self.closed
        return self._answer(f"find {client_id}", known.get(client_id))

    def told(self, us: Us, **words: Any) -> Told:
        return ask(self, us.view, now=NOW, recent_window=words.pop("recent_window", timedelta(0)), **words)  # type: ignore[arg-type]


def deposit(name: str, amount: str, book: str = "m") -> Booking:
    return Booking(name, BookingKind.DEPOSIT, Decimal(amount), "USD", LONG_AGO, account="paper", book=book)
