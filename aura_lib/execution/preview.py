"""What a desk would say to an order, and what it would cost, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aura_lib.core import Basket, Decision, Intent, worst_case
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed
from aura_lib.execution.gate import TICKET, checked, refuse
from aura_lib.execution.limits import Rulebook
from aura_lib.ledger import AccountView, Ledger
from aura_lib.risk import packages

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Preview:
    """An intent with the desk's Decision as it would be now, and what it would do to its book, about.

    `price` is what it is valued at: its limit, else the last price; None where there is none, and then nothing else is
    known. `value` and `fee` are in the instrument's currency, the fee at most; `cash` and `held` are those of the book.
    Of packages of options `price` is the net one and `value` what they cost (negative: what they bring); `most_lost` is
    what they may lose at most until they expire, fees apart, and None where that has no end. They are never held: their
    contracts are.
    """

    intent: Intent
    book: str
    decision: Decision
    price: Decimal | None
    value: Decimal | None
    fee: Decimal
    cash: Decimal
    cash_after: Decimal | None
    held: Decimal
    held_after: Decimal
    most_lost: Decimal | None = None


def preview(
    ledger: Ledger, terms: Terms, view: AccountView, feed: Feed, intent: Intent, *, book: str, who: str, at: datetime
) -> Preview:
    """What the desk of an account would say to somebody's intent at a moment; nothing is written.

    Permissions and what the broker can take are asked when it is sent.
    """
    return preview_basket(ledger, terms, view, feed, (intent,), book=book, who=who, at=at)[0]


def preview_basket(
    ledger: Ledger,
    terms: Terms,
    view: AccountView,
    feed: Feed,
    intents: Sequence[Intent],
    *,
    book: str,
    who: str,
    at: datetime,
) -> list[Preview]:
    """What the desk would say to intents that are sent together: each is checked after those before it."""
    basket = Basket(f"{TICKET}{who}", at, terms.name, book, at, tuple(intents))
    decisions, account = _verdict(basket, terms, view, feed, ledger), view.account(book, at)
    prices, cash, found = feed.prices(at), account.cash, list[Preview]()
    held = dict(account.holdings)
    for intent, decision in zip(intents, decisions, strict=True):
        one = _of(intent, decision, terms, book, prices, cash, held.get(intent.symbol, ZERO))
        if decision.approved:
            held[intent.symbol] = one.held_after
            cash = cash if one.cash_after is None else one.cash_after
        found.append(one)
    return found


def _of(
    intent: Intent,
    decision: Decision,
    terms: Terms,
    book: str,
    prices: Mapping[str, Decimal],
    cash: Decimal,
    held: Decimal,
) -> Preview:
    if intent.legs:
        return _of_package(intent, decision, terms, book, prices, cash)
    price = intent.limit_price or prices.get(intent.symbol)
    value = None if price is None else intent.quantity * price * intent.instrument.multiplier
    fee = ZERO if value is None else _fee(terms, intent.quantity, value)
    after = None if value is None else cash - intent.side.sign * value - fee
    return Preview(intent, book, decision, price, value, fee, cash, after, held, held + intent.signed)


def _of_package(
    intent: Intent, decision: Decision, terms: Terms, book: str, prices: Mapping[str, Decimal], cash: Decimal
) -> Preview:
    value, lost = packages.cost(intent, prices), worst_case(packages.changes(intent))
    if value is None:
        return Preview(intent, book, decision, None, None, ZERO, cash, None, ZERO, ZERO)
    traded = [(abs(units), prices.get(i.symbol, ZERO) * i.multiplier) for i, units in intent.traded]
    fee = sum((_fee(terms, units, units * worth) for units, worth in traded), ZERO)
    price = value / intent.quantity / intent.instrument.multiplier
    most = None if lost is None else value + lost
    return Preview(intent, book, decision, price, value, fee, cash, cash - value - fee, ZERO, ZERO, most)


def _verdict(basket: Basket, terms: Terms, view: AccountView, feed: Feed, ledger: Ledger) -> list[Decision]:
    if halted := ledger.control.halted(terms.name, basket.book):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return checked(basket, terms, view, feed, Rulebook(ledger, terms))


def _fee(terms: Terms, quantity: Decimal, value: Decimal) -> Decimal:
    most = terms.costs.ceiling()
    return most.fixed + most.per_unit * quantity + most.fraction * value
