"""Ledger against target: what was decided for a book of a strategy, and is neither done nor on its way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aura_lib.core import LIVE, Basket, Decision, Order
from aura_lib.ledger import AccountView

ZERO = Decimal(0)
PERSON = "ticket:"  # what the origin of people's own orders begins with: these have no target


@dataclass(frozen=True, slots=True)
class Short:
    """A part of a target that was not reached: units wanted and units done, both signed, and why there are no more."""

    book: str
    symbol: str
    wanted: Decimal
    done: Decimal
    why: str


def short_of_target(view: AccountView, since: datetime) -> list[Short]:
    """What the last decision for each book wanted, of those since a moment, and what did not come of it."""
    latest: dict[str, tuple[Basket, tuple[Decision, ...]]] = {}
    for verdict in reversed(view.verdicts.values()):
        if verdict.basket.slot < since:
            break
        if not verdict.basket.origin.startswith(PERSON):
            latest.setdefault(verdict.basket.book, (verdict.basket, verdict.decisions))
    orders = _orders(view, {basket.id for basket, _ in latest.values()}, since) if latest else {}
    return [short for basket, decisions in latest.values() for short in _of(basket, decisions, orders)]


def _orders(view: AccountView, baskets: set[str], since: datetime) -> dict[tuple[str, int], list[Order]]:
    """The orders of each leg, the latest first: its own and those that took its place."""
    found: dict[tuple[str, int], list[Order]] = {}
    for order in reversed(view.orders.values()):
        if order.time < since:
            break
        if order.basket in baskets:
            found.setdefault((order.basket, order.leg), []).append(order)
    return found


def _of(basket: Basket, decisions: tuple[Decision, ...], orders: dict[tuple[str, int], list[Order]]) -> Iterator[Short]:
    for leg, intent in enumerate(basket.intents):
        decision = next(d for d in decisions if d.leg == leg)
        own = [o for o in orders.get((basket.id, leg), ()) if o.intent.side is intent.side]  # exits go the other way
        done = sum((o.filled for o in own), ZERO)
        if done >= intent.quantity or any(o.status in LIVE for o in own):
            continue
        why = f"{own[0].status.value}: {own[0].reason}".rstrip(": ") if own else str(decision)
        sign = intent.side.sign
        yield Short(basket.book, intent.symbol, intent.quantity * sign, done * sign + ZERO, why)
