"""The keeper: what a desk does, every time prices or positions change, for the rules that stand.

A rule that comes to bear is written down first (`protection`, "triggered"): from then on it is not asked again, and
what follows is done until the position is closed, whatever dies in between. Orders of the position that are at work
are cancelled, and when they have ended a market order closes it, as a basket of `protection:<rule>:<symbol>` whose slot
is the time of the price, through the same checks as every order. One that is refused or ends early is followed by
another at the next price.

A halt stops these exits too: halted means that nothing is sent, except what closes all positions. Such is a drawdown:
it halts its book and closes all of it, as a flatten of the book does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aura_lib.core import (
    Basket,
    Calendar,
    DataError,
    Instrument,
    Intent,
    Order,
    Position,
    Side,
    digest,
    encode,
    iso,
    utc,
)
from aura_lib.execution.gate import weighed
from aura_lib.execution.lines import Line
from aura_lib.execution.protection.course import Best, Drawdown, Openings, awaited
from aura_lib.execution.protection.rules import ORIGIN, Guard, Protection, protections
from aura_lib.execution.protection.triggers import Held, Trigger, of_book, of_position
from aura_lib.risk.pretrade import Price

if TYPE_CHECKING:
    from aura_lib.execution.desk.seat import Seat


class Keeper:
    """Keeps an account's rules of protection. Call `keep` in every round; it looks when there is something new."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._openings = Openings()
        self._best: dict[tuple[str, str, datetime], Best] = {}
        self._drawdowns: dict[tuple[str, datetime], Drawdown] = {}
        self._looked: tuple[int, datetime] | None = None

    @property
    def at_work(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self._seat.view.protections)

    def keep(self) -> bool:
        """Look at every rule, and go on with those that came to bear; whether anything was written."""
        seat, now = self._seat, self._seat.clock.now()
        if not self.at_work or self._looked == (seat.view.n, now):
            return False
        before = seat.view.n
        try:
            prices = seat.feed.stamped(now)
        except DataError:  # no price yet
            return False
        rules = protections(seat.view)
        self._remember(rules, prices, now)
        self._act(rules, prices, now)
        self._looked = (seat.view.n, now)
        return seat.view.n > before

    # ---- what comes to bear ----------------------------------------------------------------------------------------
    def _remember(self, rules: Mapping[str, Protection], prices: Mapping[str, Price], now: datetime) -> None:
        for rule in rules.values():
            for trigger in self._triggers(rule, prices, now):
                if rule.guard is Guard.DRAWDOWN:  # before it is remembered: what dies here is found again
                    scope = f"{self._seat.terms.name}/{rule.book}"
                    self._seat.ledger.control.switch(scope, True, f"{rule.name}: {trigger.why}", ORIGIN[:-1])
                told = {"rule": rule.name, "symbol": trigger.symbol, "since": iso(trigger.since), "why": trigger.why}
                key = f"{ORIGIN}{rule.name}:{trigger.symbol}:{iso(trigger.since)}:{iso(_set(rule))}"
                self._seat.write([Line("protection", {"triggered": {**told, "at": iso(now)}}, key)])

    def _triggers(self, rule: Protection, prices: Mapping[str, Price], now: datetime) -> list[Trigger]:
        if rule.guard is Guard.DRAWDOWN:
            if self._known(rule, "", _set(rule)):
                return []
            course = self._drawdowns.setdefault((rule.book, _set(rule)), Drawdown(rule.book, _set(rule)))
            lost = course.follow(self._seat.view, self._seat.feed, now)
            found = [of_book(rule, _set(rule), lost)]
        else:
            found = [self._of(rule, position, prices, now) for position in self._positions(rule)]
        return [trigger for trigger in found if trigger is not None]

    def _of(self, rule: Protection, position: Position, prices: Mapping[str, Price], now: datetime) -> Trigger | None:
        symbol = position.instrument.symbol
        since = self._openings.since(self._seat.view, rule.book, symbol)
        if since is None or self._known(rule, symbol, since):
            return None
        if rule.guard is not Guard.TIME and awaited(self._seat.view, self._seat.feed, symbol, since, now):
            return None
        price = prices.get(symbol)
        held = self._held(rule, position, since, now)
        return of_position(self._today(rule, symbol), held, price.value if price else None)

    def _today(self, rule: Protection, symbol: str) -> Protection:
        """A rule with its price in units of now: after a split it stands where it stood before."""
        if rule.price is None:
            return rule
        price = rule.price
        for time, ratio in self._openings.splits(self._seat.view, rule.book, symbol):
            price = price / ratio if time > _set(rule) else price
        return replace(rule, price=price)

    def _held(self, rule: Protection, position: Position, since: datetime, now: datetime) -> Held:
        symbol, long = position.instrument.symbol, position.quantity > 0
        best = position.average_cost
        if rule.guard is Guard.TRAILING:
            start = max(since, _set(rule))
            name = (rule.name, symbol, start)
            splits = self._openings.splits(self._seat.view, rule.book, symbol)
            if name not in self._best:
                self._best[name] = Best(start, self._first(symbol, start, position.average_cost), long=long)
            best = self._best[name].follow(self._seat.feed, symbol, now, splits)
        sessions = len(Calendar.of(self._seat.terms.calendar).closes_between(since, now)) if rule.sessions else 0
        return Held(position.instrument, position.quantity, position.average_cost, since, sessions, best)

    def _first(self, symbol: str, start: datetime, cost: Decimal) -> Decimal:
        try:
            return self._seat.feed.prices(start).get(symbol, cost)
        except DataError:
            return cost

    def _positions(self, rule: Protection) -> list[Position]:
        held = self._seat.view.account(rule.book).positions
        return [p for symbol, p in sorted(held.items()) if p.quantity and rule.symbol in ("", symbol)]

    def _known(self, rule: Protection, symbol: str, since: datetime) -> bool:
        told = self._seat.view.triggered.get(f"{rule.name}/{symbol}")
        return told is not None and utc(told["since"]) == since

    # ---- what follows ----------------------------------------------------------------------------------------------
    def _act(self, rules: Mapping[str, Protection], prices: Mapping[str, Price], now: datetime) -> None:
        view = self._seat.view
        for told in list(view.triggered.values()):
            rule = rules.get(str(told["rule"]))
            if rule is None or view.drift or view.flattening or view.stopping:
                continue
            if rule.guard is Guard.DRAWDOWN:
                self._close_book(rule, str(told["why"]), prices)
            elif position := self._still(rule, told):
                self._close(rule, position, str(told["why"]), prices, now)

    def _still(self, rule: Protection, told: Mapping[str, str]) -> Position | None:
        """The position that a rule came to bear on, unless it is closed, be it that another was opened since."""
        position = self._seat.view.account(rule.book).positions.get(told["symbol"])
        since = self._openings.since(self._seat.view, rule.book, told["symbol"])
        return position if position and since == utc(told["since"]) else None

    def _close(
        self, rule: Protection, position: Position, why: str, prices: Mapping[str, Price], now: datetime
    ) -> None:
        seat, symbol = self._seat, position.instrument.symbol
        seat.look(now=True)
        if seat.halted(rule.book) or symbol not in prices:
            return
        if at_work := [o for o in seat.view.live_orders(rule.book) if o.intent.symbol == symbol]:
            self._cancel([o for o in at_work if not o.basket.startswith(ORIGIN)], why)
            return
        slot = prices[symbol].time or now
        basket = Basket(
            f"{ORIGIN}{rule.name}:{symbol}", slot, seat.terms.name, rule.book, now, (closing(position, why),)
        )
        if basket.id not in seat.view.verdicts:
            from aura_lib.execution.desk.take import verdict  # the desk knows its keeper

            seat.write(verdict(seat, basket, weighed(basket, seat), seat.view.inbox))

    def _close_book(self, rule: Protection, why: str, prices: Mapping[str, Price]) -> None:
        """Close all that a halted book holds; what closes it is not held by the halt."""
        seat, held = self._seat, self._seat.view.account(rule.book).positions
        if at_work := seat.view.live_orders(rule.book):
            self._cancel([o for o in at_work if o.client_id not in seat.view.closing], why)
            return
        orders = [
            self._order(rule, position, why, prices[symbol].time or seat.clock.now())
            for symbol, position in sorted(held.items())
            if position.quantity and symbol in prices
        ]
        fresh = [order for order in orders if order.client_id not in seat.view.orders]
        if fresh:
            lines = [Line("order", {"order": encode(order)}, f"order:{order.client_id}") for order in fresh]
            body: dict[str, Any] = {
                "who": ORIGIN[:-1],
                "reason": why,
                "origin": f"{ORIGIN}{rule.name}",
                "book": rule.book,
            }
            body |= {"at": iso(seat.clock.now()), "orders": [order.client_id for order in fresh]}
            seat.write([*lines, Line("halt.flatten", body)])

    def _order(self, rule: Protection, position: Position, why: str, slot: datetime) -> Order:
        seat, origin = self._seat, f"{ORIGIN}{rule.name}"
        name = digest([seat.terms.name, origin, iso(_set(rule)), rule.book, position.instrument.symbol, iso(slot)])[:20]
        intent = closing(position, why)
        return Order(name, seat.terms.name, rule.book, f"{origin}@{iso(slot)}", 0, 1, intent, seat.clock.now())

    def _cancel(self, orders: list[Order], why: str) -> None:
        """Ask for the end of orders that stand in the way; once each."""
        view = self._seat.view
        self._seat.write(
            [
                Line(
                    "cancel.asked",
                    {"client_id": o.client_id, "who": ORIGIN[:-1], "reason": why, "key": f"{ORIGIN}{o.client_id}"},
                    f"{ORIGIN}cancel:{o.client_id}",
                )
                for o in orders
                if o.client_id not in view.cancelling
            ]
        )


def closing(position: Position, why: str) -> Intent:
    """The market order that closes a position."""
    side = Side.SELL if position.quantity > 0 else Side.BUY
    instrument: Instrument = position.instrument
    return Intent(instrument, side, abs(position.quantity), reason=why)


def _set(rule: Protection) -> datetime:
    assert rule.time is not None  # the desk refuses one without
    return rule.time
