"""The gate: what a basket must pass before any of its orders exists. Every leg gets a Decision."""

from __future__ import annotations

from datetime import datetime

from aura_lib.access import verify
from aura_lib.core import Basket, DataError, Decision, Mode, Promotion, decode
from aura_lib.execution.accounts import Terms
from aura_lib.execution.context import context
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import Rulebook
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Received
from aura_lib.risk import pretrade


def refuse(basket: Basket, rule: str, value: str, limit: str = "") -> list[Decision]:
    """One refusal for every leg."""
    return [Decision(leg, i.symbol, False, rule, value, limit) for leg, i in enumerate(basket.intents)]


def judge(
    received: Received,
    terms: Terms,
    view: AccountView,
    feed: Feed,
    ledger: Ledger,
    key: str,
    rules: Rulebook | None = None,
    now: datetime | None = None,
) -> list[Decision]:
    """Kill switch, permission, promotion, then the checks before a trade: the first no decides for the whole basket.

    `key` is the public key whose signature on a promotion counts. `rules` are the account's limits (read anew when not
    given), `now` the desk's time, which matters on an account that lives by the wall clock.
    """
    basket = received.basket
    if halted := ledger.control.halted(terms.name):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if received.token is None:
        return refuse(basket, "permission", "no run token", "a token of a Run")
    if not promoted(ledger, received.token.binding, terms.account_class, key):
        return refuse(basket, "promotion", received.token.binding[:12], f"a promotion to {terms.account_class.value}")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return checked(basket, terms, view, feed, rules or Rulebook(ledger, terms), now)


def checked(
    basket: Basket, terms: Terms, view: AccountView, feed: Feed, rules: Rulebook, now: datetime | None = None
) -> list[Decision]:
    """The verdict of the checks before a trade (`risk.pretrade`) under the limits of account, book and user."""
    limits = rules.effective(basket.book, user(basket.origin))
    at = now if now is not None and terms.clock == "wall" else basket.as_of
    try:
        known = context(view, terms, feed, limits, book=basket.book, origin=basket.origin, now=at)
        return pretrade.check(basket.intents, known, limits)
    except DataError as error:  # no bar, or a holding without a price: nothing can be valued, so nothing is approved
        return refuse(basket, "no_price", str(error))


def user(origin: str) -> str:
    """Who sent it, where a person did: `ticket:ada` is ada's."""
    kind, _, name = origin.partition(":")
    return name if kind == "ticket" else ""


def promoted(ledger: Ledger, binding: str, account_class: Mode, key: str) -> bool:
    """Whether a promotion of this binding to this class stands, with a signature of `key` on it."""
    for entry in ledger.journal.entries(SYSTEM, kinds=("promotion",)):
        promotion = decode(Promotion, entry.body)
        if (promotion.binding.id, promotion.account_class) == (binding, account_class):
            signed = promotion.public_key == key and verify(key, promotion.message(), promotion.signature)
            if signed:
                return True
    return False
