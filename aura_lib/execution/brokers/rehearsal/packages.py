"""Multi-leg option orders: several contracts that trade together, at one price for the package, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aura_lib.exchange.rounds import play
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import forbidden
from aura_lib.execution.brokers.rehearsal.happenings import end
from aura_lib.execution.brokers.rehearsal.submission import engine_order
from aura_lib.execution.brokers.rehearsal.tickets import Ticket, text
from aura_lib.execution.brokers.rehearsal.venue import ZERO, Venue
from aura_lib.execution.brokers.rehearsal.wishes import Wish


def submit_package(venue: Venue, wish: Wish) -> dict[str, Any]:
    """Accept a multi-leg order; what the account cannot pay at today's prices is Refused."""
    opens, at = venue.market.is_open, venue.market.stamp()
    name = venue.next_id("order")
    head = Ticket(
        name, wish.client_order_id or venue.next_id("client"), wish.legs[0][0].symbol, "buy", wish.type,
        wish.time_in_force, at, venue.numbers, "mleg", "pending_new" if opens else "accepted", wish.qty,
        limit_price=wish.limit_price, updated_at=at, submitted_at=at, engine=name,
    )  # fmt: skip
    legs = [_leg(venue, head, *leg) for leg in wish.legs]
    price = wish.limit_price if wish.limit_price is not None else cost(venue, legs)
    power = activities.buying_power(venue)
    if price is not None and price * 100 * head.asked > power:
        needed = f"{price * 100 * head.asked:.2f}"
        raise forbidden("insufficient options buying power", buying_power=f"{power:.2f}", cost_basis=needed)
    for leg in legs:
        head.legs.append(leg.id)
        venue.engines[leg.id] = leg.id
        venue.add(leg)
    venue.engines[name] = name
    venue.add(head)
    answer = venue.order(head)
    if opens:
        for one in (head, *legs):
            venue.change(one, "new")
    venue.emit("new" if opens else "accepted", head)
    work(venue, {leg.symbol for leg in legs})
    return answer


def _leg(venue: Venue, head: Ticket, asset: Any, side: str, ratio: Decimal, intent: str) -> Ticket:
    name = venue.next_id("order")
    return Ticket(
        name, venue.next_id("client"), asset.symbol, side, "market", head.time_in_force, head.created_at,
        venue.numbers, "mleg", head.status, ratio * head.asked, ratio_qty=ratio, position_intent=intent,
        updated_at=head.created_at, submitted_at=head.created_at, parent=head.id, role="leg", engine=name,
    )  # fmt: skip


def cost(venue: Venue, legs: list[Ticket]) -> Decimal | None:
    """What one package costs a unit (negative: what it brings); None while a leg has no price."""
    total = ZERO
    for leg in legs:
        touch = venue.market.tape(leg.symbol).touch
        if touch is None or not venue.market.trades(leg.symbol):
            return None
        total += (leg.ratio_qty or ZERO) * (touch.ask if leg.side == "buy" else -touch.bid)
    return total


def work(venue: Venue, symbols: set[str]) -> None:
    """Execute the packages that have one of these contracts and can be had at their price."""
    for head in list(venue.packages.values()):
        legs = venue.legs(head)
        if not head.open:
            del venue.packages[head.id]
        elif any(leg.symbol in symbols for leg in legs):
            price = cost(venue, legs)
            if price is not None and (head.limit_price is None or price <= head.limit_price):
                _execute(venue, head, legs, price)


def _execute(venue: Venue, head: Ticket, legs: list[Ticket], price: Decimal) -> None:
    for leg in legs:
        venue.exchange.submit(engine_order(venue, leg), venue.market.stamp())
    names = {leg.engine for leg in legs}
    touches = venue.touches({leg.symbol for leg in legs})
    venue.book(play(venue.exchange, venue.market.stamp(), touches, takes=names.__contains__))
    if any(leg.status != "filled" for leg in legs):
        return  # it was cut: what the engine could not pay is told on the legs
    head.filled, head.value = head.asked, head.asked * price
    venue.change(head, "filled")
    venue.emit("fill", head, price=text(price), qty=text(head.asked))


def expire(venue: Venue) -> None:
    """At the end of a session: packages, and orders that still waited for a price, that were good for the day."""
    for ticket in [t for t in venue.waiting.values() if t.time_in_force == "day" and "/" not in t.symbol]:
        end(venue, ticket, "expired")
    for head in [h for h in venue.packages.values() if h.open and h.time_in_force == "day"]:
        for one in (head, *venue.legs(head)):
            if one.open:
                end(venue, one, "expired")
