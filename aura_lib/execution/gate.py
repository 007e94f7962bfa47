"""The gate: what a basket must pass before any of its orders exists. Every leg gets a Decision."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from aura_lib import risk
from aura_lib.access import verify
from aura_lib.access import who as current_user
from aura_lib.core import Basket, DataError, Decision, Mode, Order, Promotion, decode
from aura_lib.execution.accounts import Terms
from aura_lib.ledger import SYSTEM, Ledger, Received

if TYPE_CHECKING:
    from aura_lib.execution.desk.seat import Seat

TICKET = "ticket:"  # what the origin of people's own orders begins with
ZERO = Decimal(0)


def refuse(basket: Basket, rule: str, value: str, limit: str = "") -> list[Decision]:
    """One refusal for every leg."""
    return [Decision(leg, i.symbol, False, rule, value, limit) for leg, i in enumerate(basket.intents)]


def judge(received: Received, seat: Seat) -> list[Decision]:
    """Kill switch, permission, promotion, then what the broker can take and risk: the first that says no decides."""
    basket, terms, view = received.basket, seat.terms, seat.view
    seat.look(now=True)
    if halted := seat.halted(basket.book):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if received.token is None:
        return refuse(basket, "permission", "no run token", "a token of a Run")
    if basket.origin.startswith(TICKET):
        if why := allowed(seat.home, basket.origin.removeprefix(TICKET), terms):
            return refuse(basket, "permission", why)
    elif not _promoted(seat, received.token.binding):
        return refuse(basket, "promotion", received.token.binding[:12], f"a promotion to {terms.account_class.value}")
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {terms.name}")
    return [_capable(decision, basket, seat) for decision in _risk(basket, seat)]


def allowed(home: Path | None, who: str, terms: Terms) -> str:
    """Why somebody may not trade on an account; empty when he may."""
    if terms.account_class is not Mode.PAPER:
        return f"{who} may not trade on {terms.name}, a live account"
    return "" if who == current_user() else f"{who} may not trade on {terms.name}: it is {current_user()}'s"


def _capable(decision: Decision, basket: Basket, seat: Seat) -> Decision:
    """The decision, or the refusal of what the broker could not take, or of a symbol in which the two sides differ."""
    if decision.approved and (why := seat.view.stopped.get(decision.symbol)):
        return replace(decision, approved=False, rule="drift", value=why, limit="ledger and broker agree")
    why = seat.broker.capabilities.refusal(basket.intents[decision.leg]) if decision.approved else ""
    return replace(decision, approved=False, rule="broker", value=why, limit=seat.broker.name) if why else decision


def _risk(basket: Basket, seat: Seat) -> list[Decision]:
    account = seat.view.account(basket.book, basket.as_of)
    try:
        seat.feed.reach(basket.as_of)
        prices = seat.feed.prices(basket.as_of)
        return risk.check(
            basket.intents, account, prices, seat.terms.limits, working=seat.view.working(basket.book)
        )  # fmt: skip
    except DataError as error:  # no bar, or a holding without a price: nothing can be valued, so nothing is approved
        return refuse(basket, "no_price", str(error))


def objection(order: Order, seat: Seat) -> str:
    """Why an order may not take the place of another; empty when it may."""
    old = seat.view.orders[order.parent]
    seat.look(now=True)
    if halted := seat.halted(order.book):
        return halted
    if not seat.broker.capabilities.replace:
        return f"{seat.broker.name} cannot replace an order: cancel it and place another"
    if why := seat.broker.capabilities.refusal(order.intent):
        return why
    working = seat.view.working(order.book)
    working[order.intent.symbol] = working.get(order.intent.symbol, ZERO) - old.remaining * old.intent.side.sign
    now = seat.clock.now()
    try:
        account, prices = seat.view.account(order.book), seat.feed.prices(now)
        decision = risk.check([order.intent], account, prices, seat.terms.limits, working=working)[0]
    except DataError as error:
        return str(error)
    return "" if decision.approved else str(decision)


def _promoted(seat: Seat, binding: str) -> bool:
    """Whether the promotion stands; one that was found good is not looked for again."""
    if binding not in seat.known and promoted(seat.ledger, binding, seat.terms.account_class, seat.key):
        seat.known.add(binding)
    return binding in seat.known


def promoted(ledger: Ledger, binding: str, account_class: Mode, key: str) -> bool:
    """Whether a promotion of this binding to this class stands, with a signature of `key` on it."""
    for entry in ledger.journal.entries(SYSTEM, kinds=("promotion",)):
        promotion = decode(Promotion, entry.body)
        if (promotion.binding.id, promotion.account_class) == (binding, account_class):
            signed = promotion.public_key == key and verify(key, promotion.message(), promotion.signature)
            if signed:
                return True
    return False
