"""Replacing: a new order takes the place of an open one, which is then `replaced`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as copied
from decimal import Decimal
from typing import Any

from aura_lib.core import AuraError, OrderStatus
from aura_lib.exchange.working import entry_of
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import duplicate, forbidden, invalid, malformed
from aura_lib.execution.brokers.rehearsal.packages import replace_package
from aura_lib.execution.brokers.rehearsal.submission import engine_order, place
from aura_lib.execution.brokers.rehearsal.tickets import Ticket
from aura_lib.execution.brokers.rehearsal.venue import ZERO, Venue
from aura_lib.execution.brokers.rehearsal.wishes import FORCES, client_id, number, penny

KNOWN = ("qty", "time_in_force", "limit_price", "stop_price", "trail", "client_order_id")
_HAS = {
    "limit_price": ("limit", "stop_limit"), "stop_price": ("stop", "stop_limit"), "trail": ("trailing_stop",),
}  # fmt: skip


def replace(venue: Venue, order_id: str, body: Any) -> dict[str, Any]:
    """What a PATCH asks for. The answer is the new order.

    Its `qty` is what the new order is for; without one it is for what is left of the old. An order that is closed,
    unknown, or not yet at the exchange is Refused, and so is a change that makes no order.
    """
    with venue.turn():
        old = venue.ticket(order_id)
        if not isinstance(body, Mapping):
            raise malformed("request body format is invalid")
        if not any(body.get(name) for name in KNOWN):
            raise invalid("no parameters to replace were given")
        if not old.open:
            raise invalid(f'order is already in "{old.status}" state')
        if old.notional is not None:
            raise invalid("notional orders cannot be replaced")
        if old.order_class == "mleg":
            return replace_package(venue, old, body)
        new = _changed(venue, old, body)
        _work(venue, old, new)
        _take_over(venue, old, new)
        if venue.market.trades(new.symbol, extended=new.extended_hours):
            venue.match({new.symbol})
        venue.remember()
        return venue.order(new, nested=False)


def _changed(venue: Venue, old: Ticket, body: Mapping[str, Any]) -> Ticket:
    """The new order; nothing has changed when it cannot be."""
    asset = venue.market.listing.find(old.symbol)
    assert asset is not None
    name = client_id(body)
    if name in venue.clients:
        raise duplicate()
    for field, kinds in _HAS.items():
        if body.get(field) is not None and old.type not in kinds:
            raise invalid(f"{old.type.replace('_', ' ')} orders must not have {field.replace('_', ' ')}")
    qty = number(body, "qty") or old.left
    if qty % 1 and not asset.fractional:
        raise invalid("qty must be an integer")
    force = body.get("time_in_force") or old.time_in_force
    if force not in FORCES:
        raise invalid("invalid time_in_force")
    if force != old.time_in_force and old.order_class != "simple":
        raise invalid("time_in_force of complex orders cannot be replaced")
    limit, stop = number(body, "limit_price") or old.limit_price, number(body, "stop_price") or old.stop_price
    penny(asset, "limit_price", limit)
    penny(asset, "stop_price", stop)
    trail = number(body, "trail")
    amount, percent = old.trail_price, old.trail_percent
    if trail is not None:
        amount, percent = (trail, None) if amount is not None else (None, trail)
    _room(venue, old, qty)
    _power(venue, old, qty, limit)
    return copied(
        old, client_order_id=name, qty=qty, time_in_force=str(force), limit_price=limit, stop_price=stop,
        trail_price=amount, trail_percent=percent, filled=ZERO, value=ZERO, filled_at=None, replaces=old.id,
        replaced_by="", replaced_at=None, legs=list(old.legs),
    )  # fmt: skip


def _room(venue: Venue, old: Ticket, qty: Decimal) -> None:
    """More cannot be sold than is held and not promised to others."""
    holds = activities.held(venue, old.symbol)
    if old.side == "sell" and holds > 0 and not old.parent:
        promised = activities.reserved(venue, old.symbol, "sell") - old.left
        free = max(holds - promised, ZERO)
        if qty > free:
            raise forbidden(
                f"insufficient qty available for order (requested: {qty:f}, available: {free:f})",
                symbol=old.symbol, available=f"{free:f}",
            )  # fmt: skip


def _power(venue: Venue, old: Ticket, qty: Decimal, limit: Decimal | None) -> None:
    price = limit or venue.market.price(old.symbol)
    if old.side != "buy" or price is None or old.parent or activities.held(venue, old.symbol) < 0:
        return
    asset = venue.market.listing.find(old.symbol)
    assert asset is not None
    power = activities.buying_power(venue) + activities.promised(venue, old)
    cost = qty * price * asset.instrument.multiplier
    if cost > power:
        raise forbidden("insufficient buying power", buying_power=f"{power:.2f}", cost_basis=f"{cost:.2f}")


def _work(venue: Venue, old: Ticket, new: Ticket) -> None:
    """Change the order at the engine; what it refuses is Refused."""
    if old.waits:
        return
    try:
        if new.time_in_force != old.time_in_force:
            _anew(venue, old, new)
        elif old.parent or old.order_class == "oco":
            _exits(venue, old, new)
        else:
            _entry(venue, old, new)
    except AuraError as error:
        raise invalid(str(error)) from error


def _anew(venue: Venue, old: Ticket, new: Ticket) -> None:
    """Another time in force: the engine gets a new order in the place of the old."""
    new.engine = f"{old.engine}+"
    order = engine_order(venue, new)
    venue.exchange.cancel(old.engine)
    venue.exchange.submit(order, venue.market.stamp())


def _prices(old: Ticket, new: Ticket, names: Mapping[str, str]) -> dict[str, Decimal | None]:
    """The engine's name of each price that has changed → the new one."""
    return {name: getattr(new, field) for field, name in names.items() if getattr(new, field) != getattr(old, field)}


_ENTRY = {
    "limit_price": "limit_price",
    "stop_price": "stop_price",
    "trail_price": "trail_amount",
    "trail_percent": "trail_percent",
}


def _entry(venue: Venue, old: Ticket, new: Ticket) -> None:
    quantity = venue_filled(venue, old) + (new.qty or ZERO)
    venue.exchange.replace(old.engine, venue.market.stamp(), quantity=quantity, **_prices(old, new, _ENTRY))


def venue_filled(venue: Venue, ticket: Ticket) -> Decimal:
    """What the engine has filled of the chain that a ticket belongs to."""
    there = venue.exchange.find(ticket.engine)
    return ZERO if there is None else there.filled


def _exits(venue: Venue, old: Ticket, new: Ticket) -> None:
    """One half of a pair: its price is one of those of the pair's order, or of the entry that will bring it."""
    if new.qty != old.left:
        raise invalid("qty of a leg cannot be replaced")
    lone = old.order_class == "oto"
    entry = entry_of(old.engine) or old.engine
    waits = venue.exchange.find(entry)
    held = waits is not None and waits.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
    profit = {"limit_price": "take_profit"}
    loss = {"stop_price": "stop_loss", "limit_price": "stop_loss_limit"}
    pair = profit if old.role == "take_profit" or not old.parent else loss
    if held:
        venue.exchange.replace(entry, venue.market.stamp(), **_prices(old, new, pair))
    if exit_order := venue.exchange.open_exit(entry):
        names = _ENTRY if lone else pair
        venue.exchange.replace(exit_order, venue.market.stamp(), **_prices(old, new, names))


def _take_over(venue: Venue, old: Ticket, new: Ticket) -> None:
    """The tickets: the old one is replaced, the new one stands in its place."""
    new.id, at = venue.next_id("order"), venue.market.stamp()
    new.client_order_id = new.client_order_id or venue.next_id("client")
    new.number, new.created_at, new.submitted_at, new.updated_at = venue.numbers, at, at, at
    if new.status in ("pending_new", "partially_filled"):
        new.status = "new"
    for leg in venue.legs(old):
        leg.parent = new.id
        if leg.status == "held":
            leg.qty = new.qty
        venue.change(leg)
    if old.parent:
        parent = venue.tickets[old.parent]
        parent.legs[parent.legs.index(old.id)] = new.id
        venue.change(parent)
    else:
        venue.engines[new.engine] = new.id
        if new.engine != old.engine:
            venue.engines[old.engine] = old.id
    old.replaced_by = new.id
    waited = old.waits
    venue.change(old, "replaced", at)
    venue.add(new)
    if waited and new.due is None:
        place(venue, new)
    venue.emit("replaced", old)
    venue.emit("new", new)
