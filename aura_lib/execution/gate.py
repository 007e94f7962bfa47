"""The gate: what a basket must pass before any of its orders exists. Every leg gets a Decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aura_lib.access import may, trading, verify
from aura_lib.access import who as current_user
from aura_lib.core import Basket, DataError, Decision, InputError, Mode, Order, PermissionDenied, Promotion, decode
from aura_lib.execution.accounts import Terms
from aura_lib.execution.context import context
from aura_lib.ledger import SYSTEM, Ledger, Received
from aura_lib.risk import pretrade

if TYPE_CHECKING:
    from aura_lib.execution.desk.seat import Seat

TICKET = "ticket:"  # what the origin of people's own orders begins with


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
    return checked(basket, seat)


def checked(basket: Basket, seat: Seat) -> list[Decision]:
    """The verdict of the checks before a trade, under the limits of account, book and user, and of the broker."""
    return [_capable(decision, basket, seat) for decision in _risk(basket, seat)]


def allowed(home: Path | None, who: str, terms: Terms) -> str:
    """Why somebody may not trade on an account; empty when he may."""
    if home is None:  # nobody said whose home this is: it is that of whoever runs the desk
        mine = who == current_user() and terms.account_class is Mode.PAPER
        return "" if mine else f"{who} may not trade on {terms.name}"
    try:
        may(home, who, trading(terms.account_class), terms.account_class, terms.name)
    except (PermissionDenied, InputError) as error:
        return str(error)
    return ""


def _capable(decision: Decision, basket: Basket, seat: Seat) -> Decision:
    """The decision, or the refusal of what the broker could not take."""
    why = seat.broker.capabilities.refusal(basket.intents[decision.leg]) if decision.approved else ""
    return replace(decision, approved=False, rule="broker", value=why, limit=seat.broker.name) if why else decision


def _risk(basket: Basket, seat: Seat) -> list[Decision]:
    limits = seat.rules.effective(basket.book, _user(basket.origin))
    now = seat.clock.now() if seat.terms.clock == "wall" else basket.as_of
    try:
        known = context(seat.view, seat.terms, seat.feed, limits, book=basket.book, origin=basket.origin, now=now)
        return pretrade.check(basket.intents, known, limits)
    except DataError as error:  # no bar, or a holding without a price: nothing can be valued, so nothing is approved
        return refuse(basket, "no_price", str(error))


def _user(origin: str) -> str:
    """Who sent it, where a person did."""
    return origin.removeprefix(TICKET) if origin.startswith(TICKET) else ""


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
    origin = order.basket.rpartition("@")[0]
    limits, now = seat.rules.effective(order.book, _user(origin)), seat.clock.now()
    try:
        known = context(seat.view, seat.terms, seat.feed, limits, book=order.book, origin=origin, now=now)
        others = [one for one in known.orders if one.client_id != old.client_id]
        decision = pretrade.check([order.intent], replace(known, orders=others, recent=()), limits)[0]
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
