"""What a desk would say to an order, and what it would cost, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aura_lib.core import Account, Basket, Decision, Intent, Side, worst_case
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed
from aura_lib.execution.gate import TICKET, checked, refuse
from aura_lib.execution.limits import Rulebook
from aura_lib.ledger import AccountView, Ledger
from aura_lib.risk import packages


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
    basket = Basket(f"{TICKET}{who}", at, terms.name, book, at, (intent,))
    decision = _verdict(basket, terms, view, feed, ledger)[0]
    account = view.account(book, at)
    if intent.legs:
        return _of_package(intent, book, decision, account, feed.prices(at), terms)
    price = intent.limit_price or feed.prices(at).get(intent.symbol)
    held = account.quantity(intent.symbol)
    value = None if price is None else intent.quantity * price * intent.instrument.multiplier
    fee = Decimal(0) if value is None else _fee(terms, intent.quantity, value)
    sign = 1 if intent.side is Side.SELL else -1
    after = None if value is None else account.cash + sign * value - fee
    return Preview(intent, book, decision, price, value, fee, account.cash, after, held, held + intent.signed)


def _of_package(
    intent: Intent, book: str, decision: Decision, account: Account, prices: Mapping[str, Decimal], terms: Terms
) -> Preview:
    value, fee, lost = packages.cost(intent, prices), Decimal(0), worst_case(packages.changes(intent))
    if value is None:
        return Preview(intent, book, decision, None, None, fee, account.cash, None, Decimal(0), Decimal(0))
    for contract, quantity in intent.traded:
        units = abs(quantity)
        fee += _fee(terms, units, units * prices.get(contract.symbol, Decimal(0)) * contract.multiplier)
    return Preview(
        intent, book, decision, value / intent.quantity / intent.instrument.multiplier, value, fee, account.cash,
        account.cash - value - fee, Decimal(0), Decimal(0), None if lost is None else value + lost,
    )  # fmt: skip


def _verdict(basket: Basket, terms: Terms, view: AccountView, feed: Feed, ledger: Ledger) -> list[Decision]:
    if halted := ledger.control.halted(terms.name):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return checked(basket, terms, view, feed, Rulebook(ledger, terms))


def _fee(terms: Terms, quantity: Decimal, value: Decimal) -> Decimal:
    most = terms.costs.ceiling()
    return most.fixed + most.per_unit * quantity + most.fraction * value
