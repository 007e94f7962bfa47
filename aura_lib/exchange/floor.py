"""The state of a venue: the account and its orders, and the only places where one of them changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from aura_lib.core import (
    Account,
    AssetClass,
    Booking,
    Books,
    BrokerOrder,
    Fill,
    InputError,
    Instrument,
    OrderStatus,
    TimeInForce,
    worst_case,
)
from aura_lib.core.drafts import draft, quick
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.costs import Costs
from aura_lib.exchange.costs.pricing import Parts, Priced, Pricing, amounts
from aura_lib.exchange.fills import FillModel
from aura_lib.exchange.means import Purse
from aura_lib.exchange.terms import Standing, Terms
from aura_lib.exchange.working import Package, Working

ZERO = Decimal(0)


@quick
@dataclass(frozen=True, slots=True)
class Closed:
    """An order came to its end: filled, cancelled or expired, and why."""

    client_id: str
    status: OrderStatus
    reason: str = ""


Event = Fill | Booking | Closed
Prices = Mapping[str, Decimal] | Mapping[str, PriceBar] | Mapping[str, Decimal | PriceBar]


_ClosedDraft, _FillDraft, _AnswerDraft = draft(Closed), draft(Fill), draft(BrokerOrder)


def answer(client_id: str, status: OrderStatus, filled: Decimal = ZERO, reason: str = "") -> BrokerOrder:
    """What the venue says of an order."""
    told = _AnswerDraft()
    told.client_id, told.status, told.filled, told.reason = client_id, status, filled, reason
    told.broker_id = told.parent = told.replaced_by = ""
    told.intent = told.time = None
    told.__class__ = BrokerOrder
    return told  # type: ignore[no-any-return]


class Floor:
    """One account, its open and closed orders, and by which models they are worked.

    `matched` is the last bar, `opening` whether the next one is the first of its session; `calm` says that bars
    without orders do nothing to the account. `short` says that market orders may take the short way (`plain`), of
    which `special` orders know nothing.
    """

    __slots__ = (
        "books", "calm", "closed", "costs", "fills", "instruments", "matched", "opening", "pricing", "purse",
        "sequence", "short", "special", "standing", "terms", "working",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        costs: Costs,
        fills: FillModel,
        terms: Terms,
        instruments: Mapping[str, Instrument] | None,
    ) -> None:
        self.costs, self.fills, self.terms, self.instruments = costs, fills, terms, instruments
        self.pricing = Pricing(costs)
        self.books = _opened(account, terms)
        self.purse = Purse(self.books, terms, costs)
        self.working: dict[str, Working] = {}
        self.closed: dict[str, BrokerOrder] = {}
        self.matched: datetime | None = None
        self.opening, self.sequence, self.standing, self.special = True, 0, Standing.OPEN, 0
        simple = self.pricing.simple and costs.borrow is None and costs.interest is None
        self.short = simple and fills.volume_share is None and not terms.margin and not self.books.balances
        self.watch()

    def watch(self) -> None:
        """Note whether bars without orders can do something to the account."""
        if self.costs.interest is not None:
            self.calm = False
            self.purse.watch()
            return
        held = [p.instrument for p in self.books.positions.values() if p.quantity]
        self.purse.watch()
        margin = self.terms.margin and bool(held)  # which it takes to be short, too
        self.calm = not margin and not any(i.asset_class is AssetClass.OPTION for i in held)

    def bring(self, booking: Booking) -> None:
        """Book what is no trade, from outside; what the terms do not allow to hold raises InputError before that."""
        trial = Books(self.books.account)
        for books, check in ((trial, True), (self.books, False)):
            books.open(booking.currency)
            books.book(booking)
            if check:
                _opened(books.account, self.terms)
        self.short = self.short and not self.books.balances
        self.purse.forget()
        self.watch()

    def add(self, working: Working) -> None:
        """Take an order in; it stands behind those that are there."""
        self.working[working.order.client_id] = working
        if not working.plain:
            self.special += 1

    def next(self) -> int:
        """The next place in time."""
        self.sequence += 1
        return self.sequence

    def untouched(self, moment: datetime, prices: Prices, closing: bool) -> bool:
        """Whether a bar reaches none of the open orders and ends none: then there is nothing to do."""
        try:
            return all(_waits(w, moment, prices, closing) for w in self.working.values())
        except InvalidOperation:  # a NaN among the prices: look closely
            return False

    def fill(self, w: Working, quantity: Decimal, priced: Priced, fee: Decimal, moment: datetime) -> Fill:
        """Book an execution of an order."""
        intent = w.order.intent
        instrument, price = intent.instrument, priced.price
        value = quantity * price * instrument.multiplier
        w.filled += quantity
        change, cash = (quantity, -value - fee) if w.buys else (-quantity, value - fee)
        if self.terms.margin:
            before = self.books.positions.get(instrument.symbol)
            self.purse.traded(instrument, ZERO if before is None else before.quantity, change, price, fee)
        self.books.trade(instrument, change, price, cash, fee, moment)
        return self.fact(w, quantity, price, fee, moment, amounts(priced, quantity * instrument.multiplier))

    @staticmethod
    def fact(w: Working, quantity: Decimal, price: Decimal, fee: Decimal, moment: datetime, parts: Parts) -> Fill:
        """The next execution of an order, as it is told."""
        order = w.order
        w.executions += 1
        fill = _FillDraft()
        fill.execution_id, fill.client_id = f"{order.client_id}#{w.executions}", order.client_id
        fill.account, fill.book = order.account, order.book
        fill.instrument, fill.side = order.intent.instrument, order.intent.side
        fill.quantity, fill.price, fill.fee, fill.time = quantity, price, fee, moment
        fill.spread, fill.slippage, fill.impact = parts
        fill.__class__ = Fill
        return fill  # type: ignore[no-any-return]

    def book(self, booking: Booking) -> Booking:
        """Book what is no trade."""
        self.books.book(booking)
        self.purse.forget()
        return booking

    def close(self, w: Working, status: OrderStatus, reason: str) -> Closed:
        """An open order comes to its end."""
        client_id = w.order.client_id
        del self.working[client_id]
        if not w.plain:
            self.special -= 1
        self._note(w, status, reason)
        if isinstance(w, Package):
            for leg in w.legs:
                self._note(leg, status if leg.remaining else OrderStatus.FILLED, reason)
        closed = _ClosedDraft()
        closed.client_id, closed.status, closed.reason = client_id, status, reason
        closed.__class__ = Closed
        return closed  # type: ignore[no-any-return]

    def _note(self, w: Working, status: OrderStatus, reason: str) -> None:
        client_id = w.order.client_id
        self.closed[client_id] = told = answer(client_id, status, w.filled, reason)
        object.__setattr__(told, "intent", w.order.intent)


def _opened(account: Account, terms: Terms) -> Books:
    short = {} if terms.short else _uncovered(account)
    if short or (not terms.margin and min(account.cash, *account.balances.values(), ZERO) < 0):
        raise InputError(f"a long-only cash account opens with nothing below zero: cash {account.cash}, {short}")
    books = Books(account)
    for currency in terms.currencies:
        books.open(currency)
    return books


def _uncovered(account: Account) -> dict[str, str]:
    """What is below zero and may not be: all but written options whose loss has an end."""
    positions = account.positions.values()
    options = {p.instrument: p.quantity for p in positions if p.instrument.asset_class is AssetClass.OPTION}
    covered = set() if worst_case(options) is None else {option.symbol for option in options}
    return {s: str(q) for s, q in account.holdings.items() if q < 0 and s not in covered}


def _waits(w: Working, moment: datetime, prices: Prices, closing: bool) -> bool:
    if w.since >= moment:
        return True
    if w.trailing or w.triggered or (w.limit is None and w.stop is None):
        return False
    if w.force is not TimeInForce.GTC and (closing or w.force is not TimeInForce.DAY):
        return False
    told = prices.get(w.symbol)
    if told is None:
        return True
    high, low = (told, told) if isinstance(told, Decimal) else (told.high, told.low)
    if w.buys:
        return (w.limit is None or low > w.limit) and (w.stop is None or high < w.stop)
    return (w.limit is None or high < w.limit) and (w.stop is None or low > w.stop)
