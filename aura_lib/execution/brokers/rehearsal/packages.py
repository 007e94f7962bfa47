"""Multi-leg option orders: several contracts that trade together, at one price for the package, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aura_lib.core import TERMINAL, AssetClass, AuraError, InputError, Intent, Leg, Order, Side, worst_case
from aura_lib.exchange import Closed
from aura_lib.exchange.rounds import play
from aura_lib.exchange.working import leg_id
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import duplicate, forbidden, invalid
from aura_lib.execution.brokers.rehearsal.happenings import end
from aura_lib.execution.brokers.rehearsal.tickets import Ticket, text
from aura_lib.execution.brokers.rehearsal.venue import ZERO, Venue
from aura_lib.execution.brokers.rehearsal.wishes import Wish, client_id, number, signed


def submit_package(venue: Venue, wish: Wish) -> dict[str, Any]:
    """Accept a multi-leg order; what the account cannot pay at its worst is Refused."""
    package = _intent(venue, wish)
    _allowed(venue, package)
    head, legs = _written(venue, wish)
    venue.exchange.submit(_engine_order(venue, head, package), venue.market.stamp())
    return _announced(venue, head, legs)


def _intent(venue: Venue, wish: Wish) -> Intent:
    """What a wish asks of the engine; Refused when it is no package."""
    legs = [Leg(asset.instrument, Side(side), int(ratio)) for asset, side, ratio, _ in wish.legs]
    try:
        return Intent.of_legs(legs, wish.qty or ZERO, wish.limit_price)
    except InputError as error:
        raise invalid(str(error)) from error


def _engine_order(venue: Venue, head: Ticket, package: Intent) -> Order:
    return Order(head.engine, "rehearsal", "rehearsal", "rehearsal", 0, 1, package, venue.market.now)


def _allowed(venue: Venue, package: Intent) -> None:
    """Written options have to be covered by the same order or by what is held, and the worst has to be paid."""
    positions = venue.exchange.account.positions.values()
    held = {p.instrument: p.quantity for p in positions if p.instrument.asset_class is AssetClass.OPTION}
    after = dict(held)
    for contract, quantity in package.traded:
        after[contract] = after.get(contract, ZERO) + quantity
    lost, before = worst_case(after), worst_case(held)
    if lost is None:
        raise forbidden("account not eligible to trade uncovered option contracts")
    price = package.limit_price if package.limit_price is not None else cost(venue, package)
    power = activities.buying_power(venue)
    needed = (price or ZERO) * 100 * package.quantity + lost - (before or ZERO)
    if needed > power:
        raise forbidden(
            "insufficient options buying power", buying_power=f"{power:.2f}", cost_basis=f"{needed:.2f}"
        )  # fmt: skip


def _written(venue: Venue, wish: Wish, replaces: str = "") -> tuple[Ticket, list[Ticket]]:
    """The tickets of an order and of its legs."""
    at, name = venue.market.stamp(), venue.next_id("order")
    status = "pending_new" if venue.market.is_open else "accepted"
    head = Ticket(
        name, wish.client_order_id or venue.next_id("client"), wish.legs[0][0].symbol, "buy", wish.type,
        wish.time_in_force, at, venue.numbers, "mleg", status, wish.qty, limit_price=wish.limit_price, updated_at=at,
        submitted_at=at, engine=name, replaces=replaces,
    )  # fmt: skip
    legs = [_leg(venue, head, number, *leg) for number, leg in enumerate(wish.legs, 1)]
    head.legs += [leg.id for leg in legs]
    for ticket in (*legs, head):
        venue.engines[ticket.engine] = ticket.id
        venue.add(ticket)
    return head, legs


def _leg(venue: Venue, head: Ticket, number: int, asset: Any, side: str, ratio: Decimal, intent: str) -> Ticket:
    name = venue.next_id("order")
    return Ticket(
        name, venue.next_id("client"), asset.symbol, side, "market", head.time_in_force, head.created_at,
        venue.numbers, "mleg", head.status, ratio * head.asked, ratio_qty=ratio, position_intent=intent,
        updated_at=head.created_at, submitted_at=head.created_at, parent=head.id, role="leg",
        engine=leg_id(head.engine, number),
    )  # fmt: skip


def _announced(venue: Venue, head: Ticket, legs: list[Ticket]) -> dict[str, Any]:
    """Tell of a new order, and work it; the answer is the order as it was accepted."""
    answer = venue.order(head)
    if venue.market.is_open:
        for one in (head, *legs):
            venue.change(one, "new")
    venue.emit("new" if venue.market.is_open else "accepted", head)
    work(venue, {leg.symbol for leg in legs})
    return answer


def cost(venue: Venue, package: Intent) -> Decimal | None:
    """What one package costs a unit (negative: what it brings); None while a leg has no price."""
    total = ZERO
    for leg in package.legs:
        touch = venue.market.tape(leg.instrument.symbol).touch
        if touch is None or not venue.market.trades(leg.instrument.symbol):
            return None
        total += leg.ratio * (touch.ask if leg.side is Side.BUY else -touch.bid)
    return total


def work(venue: Venue, symbols: set[str]) -> None:
    """Hold the packages that have one of these contracts against the best prices there are now."""
    for head in list(venue.packages.values()):
        legs = venue.legs(head)
        if not head.open:
            del venue.packages[head.id]
        elif any(leg.symbol in symbols for leg in legs) and all(venue.market.trades(leg.symbol) for leg in legs):
            _execute(venue, head, legs)


def _execute(venue: Venue, head: Ticket, legs: list[Ticket]) -> None:
    touches = venue.touches({leg.symbol for leg in legs})
    events = play(venue.exchange, venue.market.stamp(), touches, takes=head.engine.__eq__)
    venue.book([e for e in events if not (isinstance(e, Closed) and e.client_id == head.engine)])
    filled = min(leg.filled // (leg.ratio_qty or 1) for leg in legs)
    if filled > head.filled:
        value = sum((leg.value if leg.side == "buy" else -leg.value for leg in legs), ZERO)
        more, price = filled - head.filled, (value - head.value) / (filled - head.filled)
        head.filled, head.value = filled, value
        whole = filled == head.asked
        venue.change(head, "filled" if whole else "partially_filled")
        venue.emit("fill" if whole else "partial_fill", head, price=text(price), qty=text(more))
    there = venue.exchange.find(head.engine)
    if head.open and (there is None or there.status in TERMINAL):  # what could not be paid
        _end(venue, head, "canceled")


def _end(venue: Venue, head: Ticket, status: str) -> None:
    for one in (head, *venue.legs(head)):
        if one.open:
            end(venue, one, status)


def replace_package(venue: Venue, old: Ticket, body: Mapping[str, Any]) -> dict[str, Any]:
    """Another order for the same legs, in another quantity or at another net price, in the place of an open one."""
    if old.parent:
        raise invalid("legs of a multi-leg order cannot be replaced")
    name, qty = client_id(body), number(body, "qty") or old.left
    if name in venue.clients:
        raise duplicate()
    if qty % 1:
        raise invalid("qty must be a positive integer for the mleg order class")
    given = signed(body.get("limit_price"))
    if given is not None and old.type != "limit":
        raise invalid("market orders must not have limit price")
    found = [(venue.market.listing.find(leg.symbol), leg) for leg in venue.legs(old)]
    legs = [(asset, leg.side, leg.ratio_qty or ZERO, leg.position_intent) for asset, leg in found if asset is not None]
    wish = Wish(
        legs[0][0], "buy", old.type, old.time_in_force, "mleg", qty,
        limit_price=old.limit_price if given is None else given, client_order_id=name, legs=legs,
    )  # fmt: skip
    package = _intent(venue, wish)
    _allowed(venue, package)
    head, parts = _written(venue, wish, old.id)
    try:
        venue.exchange.succeed(old.engine, _engine_order(venue, head, package), venue.market.stamp())
    except AuraError as error:
        raise invalid(str(error)) from error
    old.replaced_by = head.id
    for one in (old, *venue.legs(old)):
        if one.open:
            venue.change(one, "replaced", head.created_at)
    venue.emit("replaced", old)
    return _announced(venue, head, parts)


def expire(venue: Venue) -> None:
    """At the end of a session: packages, and orders that still waited for a price, that were good for the day."""
    for ticket in [t for t in venue.waiting.values() if t.time_in_force == "day" and "/" not in t.symbol]:
        end(venue, ticket, "expired")
    for head in [h for h in venue.packages.values() if h.open and h.time_in_force == "day"]:
        if (there := venue.exchange.find(head.engine)) is not None and there.status not in TERMINAL:
            venue.exchange.cancel(head.engine)
        _end(venue, head, "expired")
