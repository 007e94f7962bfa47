"""When a rule of protection comes to bear: rules, positions and prices in, triggers out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from aura_lib.core import Instrument
from aura_lib.execution.protection.rules import Guard, Protection

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Held:
    """A position as a rule sees it: since when, for how many sessions, and the best price while the rule stood."""

    instrument: Instrument
    quantity: Decimal
    average_cost: Decimal
    since: datetime
    sessions: int
    best: Decimal

    @property
    def long(self) -> bool:
        """Whether it gains when prices rise."""
        return self.quantity > 0


@dataclass(frozen=True, slots=True)
class Trigger:
    """That a rule came to bear, on which position (of a book: no symbol), since when that was held, and why."""

    rule: str
    symbol: str
    since: datetime
    why: str


def level(rule: Protection, held: Held) -> Decimal | None:
    """The price at which a rule closes a position; None for one that goes by no price."""
    if rule.guard is Guard.TRAILING:
        return _away(held.best, rule.fraction, down=held.long)
    if rule.guard is Guard.STOP_LOSS:
        return rule.price or _away(held.average_cost, rule.fraction, down=held.long)
    if rule.guard is Guard.TAKE_PROFIT:
        return rule.price or _away(held.average_cost, rule.fraction, down=not held.long)
    return None


def _away(base: Decimal, fraction: Decimal | None, *, down: bool) -> Decimal:
    assert fraction is not None  # a rule without a price has one
    return base * (ONE - fraction if down else ONE + fraction)


def of_position(rule: Protection, held: Held, price: Decimal | None) -> Trigger | None:
    """The trigger of a rule on a position at a price; None while it does not come to bear, or nothing can be said."""
    symbol = held.instrument.symbol
    if rule.guard is Guard.TIME:
        due = rule.sessions is not None and held.sessions >= rule.sessions
        return Trigger(rule.name, symbol, held.since, f"held for {held.sessions} sessions") if due else None
    at = level(rule, held)
    if at is None or price is None or not price.is_finite() or price <= 0:
        return None
    below = held.long is not (rule.guard is Guard.TAKE_PROFIT)  # it closes when the price falls to its level
    if price > at if below else price < at:
        return None
    return Trigger(rule.name, symbol, held.since, f"{rule.guard.value}: {symbol} at {price}, the rule stands at {at}")


def of_book(rule: Protection, since: datetime, lost: Decimal | None) -> Trigger | None:
    """The trigger of a drawdown: `lost` is the fraction by which a book is under its best."""
    if rule.guard is not Guard.DRAWDOWN or rule.fraction is None or lost is None or lost < rule.fraction:
        return None
    return Trigger(rule.name, "", since, f"drawdown: the book lost {lost:.4f}, the rule stands at {rule.fraction}")
