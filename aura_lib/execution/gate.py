"""The gate: what a basket must pass before any of its orders exists. Every leg gets a Decision."""

from __future__ import annotations

from aura_lib import risk
from aura_lib.access import verify
from aura_lib.core import Basket, DataError, Decision, Mode, Promotion, decode
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Received


def refuse(basket: Basket, rule: str, value: str, limit: str = "") -> list[Decision]:
    """One refusal for every leg."""
    return [Decision(leg, i.symbol, False, rule, value, limit) for leg, i in enumerate(basket.intents)]


def judge(received: Received, terms: Terms, view: AccountView, feed: Feed, ledger: Ledger, key: str) -> list[Decision]:
    """Kill switch, permission, promotion, then risk: the first that says no decides for the whole basket.

    `key` is the public key whose signature on a promotion counts.
    """
    basket = received.basket
    if halted := ledger.control.halted(terms.name):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if received.token is None:
        return refuse(basket, "permission", "no run token", "a token of a Run")
    if not received.token.binding.startswith("ticket:") and not promoted(ledger, received.token.binding, terms.account_class, key):
        return refuse(basket, "promotion", received.token.binding[:12], f"a promotion to {terms.account_class.value}")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return _risk(basket, terms, view, feed)


def verdict(basket: Basket, terms: Terms, view: AccountView, feed: Feed, ledger: Ledger) -> list[Decision]:
    if halted := ledger.control.halted(terms.name):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return _risk(basket, terms, view, feed)


def _risk(basket: Basket, terms: Terms, view: AccountView, feed: Feed) -> list[Decision]:
    account = view.account(basket.book, basket.as_of)
    try:
        prices = feed.prices(basket.as_of)
        return risk.check(basket.intents, account, prices, terms.limits, working=view.working(basket.book))
    except DataError as error:  # no bar, or a holding without a price: nothing can be valued, so nothing is approved
        return refuse(basket, "no_price", str(error))


def promoted(ledger: Ledger, binding: str, account_class: Mode, key: str) -> bool:
    """Whether a promotion of this binding to this class stands, with a signature of `key` on it."""
    for entry in ledger.journal.entries(SYSTEM, kinds=("promotion",)):
        promotion = decode(Promotion, entry.body)
        if (promotion.binding.id, promotion.account_class) == (binding, account_class):
            signed = promotion.public_key == key and verify(key, promotion.message(), promotion.signature)
            if signed:
                return True
    return False
