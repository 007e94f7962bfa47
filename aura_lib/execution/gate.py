"""The gate: what a basket must pass before any of its orders exists. Every leg gets a Decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from aura_lib.access import may, trading, verify
from aura_lib.core import (
    Basket,
    Calendar,
    DataError,
    Decision,
    InputError,
    Intent,
    Mode,
    Order,
    PermissionDenied,
    Promotion,
    Settings,
    decode,
    iso,
)
from aura_lib.core.portfolio import pairs
from aura_lib.execution import acts
from aura_lib.execution.accounts import Terms
from aura_lib.execution.context import context
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import Rulebook
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Received, Token
from aura_lib.risk import pretrade

if TYPE_CHECKING:
    from aura_lib.execution.desk.seat import Seat

Refused = tuple[str, str, str]  # rule, value, limit
TICKET = "ticket:"  # what the origin of people's own orders begins with
SLICE = "slice:"  # and that of the children of an order that somebody wants sent in slices


def refuse(basket: Basket, rule: str, value: str, limit: str = "") -> list[Decision]:
    """One refusal for every leg."""
    return [Decision(leg, i.symbol, False, rule, value, limit) for leg, i in enumerate(basket.intents)]


def judge(received: Received, seat: Seat) -> list[Decision]:
    """Kill switch, permission, promotion, session, the checks before a trade, the broker's: the first no decides."""
    basket, view = received.basket, seat.standing
    seat.look(now=True)
    if halted := seat.halted(basket.book):
        return refuse(basket, "halted", halted)
    if view.drift:
        return refuse(basket, "drift", view.drift, "ledger and broker agree")
    if received.token is None:
        return refuse(basket, "permission", "no run token", "a token of a Run")
    if person := user(basket.origin):
        if why := denied(seat, person):
            return refuse(basket, "permission", why)
        if not seat.met:  # a job's slot waits for it before it is run
            return refuse(basket, "drift", f"{seat.broker.name} was not heard since the desk began", "sides compared")
    elif refused := _not_meant(received.token, seat) or _too_late(basket, seat):
        return refuse(basket, *refused)
    if basket.book not in view.cash:
        return refuse(basket, "book", basket.book, f"an open book of {view.name}")
    return weighed(basket, seat)


def _not_meant(token: Token, seat: Seat) -> Refused | None:
    """What a job lacks to trade here: the promotion, and at a real broker every other act, asked again."""
    terms = seat.terms
    if not _promoted(seat, token.binding):
        return "promotion", token.binding[:12], f"a promotion to {terms.account_class.value}"
    if terms.simulated:
        return None
    run = seat.ledger.journal.find(SYSTEM, run_key(token.run))
    absent = acts.of_run(run.body if run else None, terms, replace(Settings.load(), home=seat.home or Path()))
    return (*absent[0], terms.name) if absent else None


def run_key(run: str) -> str:
    """Under what key the runner writes a run into the journal when it begins."""
    return f"run:{run}"


def _too_late(basket: Basket, seat: Seat) -> Refused | None:
    """What a job decided at a close is for the session after it, and for none later."""
    if seat.terms.simulated:
        return None
    closes, now = Calendar.of(seat.terms.calendar).next_close(basket.slot), seat.clock.now()
    return ("too_late", f"it is {iso(now)}", f"before {iso(closes)}, when its session ended") if now >= closes else None


def weighed(basket: Basket, seat: Seat) -> list[Decision]:
    """The checks before a trade, and what the broker can take: all that no permission or promotion has a say in."""
    verdict = checked(basket, seat.terms, seat.standing, seat.feed, seat.rules, seat.clock.now(), seat.buying_power)
    return [_capable(decision, basket, seat) for decision in verdict]


def denied(seat: Seat, person: str) -> str:
    """Why somebody may not trade on the account; empty when he may. Asked again here: a ticket may have waited."""
    if seat.home is None:
        return "this desk knows no permissions"
    try:
        may(seat.home, person, trading(seat.terms.account_class), seat.terms.account_class, seat.terms.name)
    except (PermissionDenied, InputError) as error:
        return str(error)
    return ""


def _capable(decision: Decision, basket: Basket, seat: Seat) -> Decision:
    """The decision, or the refusal of what the broker could not take."""
    why = seat.broker.capabilities.refusal(basket.intents[decision.leg]) if decision.approved else ""
    return replace(decision, approved=False, rule="broker", value=why, limit=seat.broker.name) if why else decision


def checked(
    basket: Basket,
    terms: Terms,
    view: AccountView,
    feed: Feed,
    rules: Rulebook,
    now: datetime | None = None,
    buying_power: Decimal | None = None,
) -> list[Decision]:
    """The verdict of the checks before a trade (`risk.pretrade`) under the limits of account, book and user."""
    limits = rules.effective(basket.book, user(basket.origin))
    at = now if now is not None and terms.clock == "wall" else basket.as_of
    try:
        feed.reach(at)
        known = context(
            view, terms, feed, limits, book=basket.book, origin=basket.origin, now=at, buying_power=buying_power,
            halted=frozenset(view.stopped),
        )  # fmt: skip
        return pretrade.check(basket.intents, replace(known, prices=_needed(known, basket.intents)), limits)
    except DataError as error:  # no bar, or a holding without a price: nothing can be valued, so nothing is approved
        return refuse(basket, "no_price", str(error))


def _needed(known: pretrade.Context, intents: Sequence[Intent]) -> Mapping[str, pretrade.Price]:
    """The prices that a verdict can ask for: of a market of thousands only what is wished, held or on its way."""
    wished = [*intents, *(o.intent for o in known.orders)]
    instruments = [instrument for intent in wished for instrument, _ in intent.traded]
    for account in (known.account, known.book):
        instruments += [p.instrument for p in account.positions.values()]
    names = {i.symbol for i in instruments} | {i.underlying or "" for i in instruments}
    own = known.account.currency
    for other in {i.currency for i in instruments} | set(known.account.balances):
        names |= {*pairs(own, other), *pairs(other, own)} if other != own else set()
    return {name: known.prices[name] for name in names if name in known.prices}


def objection(order: Order, seat: Seat) -> str:
    """Why an order may not take the place of another; empty when it may. It is checked as if the old one were gone."""
    old, origin, now = seat.view.orders[order.parent], order.basket.rpartition("@")[0], seat.clock.now()
    seat.look(now=True)
    if why := seat.halted(order.book) or seat.broker.capabilities.refusal(order.intent):
        return why
    if not seat.broker.capabilities.replace:
        return f"{seat.broker.name} cannot replace an order: cancel it and place another"
    limits = seat.rules.effective(order.book, user(origin))
    try:
        known = context(
            seat.view, seat.terms, seat.feed, limits, book=order.book, origin=origin, now=now,
            buying_power=seat.buying_power,
        )  # fmt: skip
        gone = {old.client_id, *seat.view.packages.get(old.client_id, {}).values()}
        orders, recent = ([o for o in some if o.client_id not in gone] for some in (known.orders, known.recent))
        decision = pretrade.check([order.intent], replace(known, orders=orders, recent=recent), limits)[0]
    except DataError as error:
        return str(error)
    return "" if decision.approved else str(decision)


def user(origin: str) -> str:
    """Who sent it, where a person did: `ticket:ada` is ada's, and so is `slice:ada:name`."""
    if origin.startswith(SLICE):
        return origin.removeprefix(SLICE).rpartition(":")[0]
    return origin.removeprefix(TICKET) if origin.startswith(TICKET) else ""


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
