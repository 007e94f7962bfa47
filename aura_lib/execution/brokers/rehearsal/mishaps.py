"""What a venue does that nobody asked it for: late fills, rejections after the fact, busts, orders from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aura_lib.core import Fill, InputError, Order, OrderType, decode
from aura_lib.exchange.busts import anew
from aura_lib.exchange.busts import bust as undo
from aura_lib.exchange.rounds import Touch, play
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.cancelling import withdraw_group
from aura_lib.execution.brokers.rehearsal.submission import intent, refuse, submit
from aura_lib.execution.brokers.rehearsal.tickets import Ticket
from aura_lib.execution.brokers.rehearsal.venue import ONE, ZERO, Venue


def fill_late(venue: Venue, ticket: Ticket, quantity: Decimal | None = None) -> None:
    """An execution that comes when the order is over already: it was on its way."""
    with venue.turn():
        size = ticket.left if quantity is None else quantity
        price = ticket.limit_price or venue.market.price(ticket.symbol)
        if size <= 0 or price is None:
            return
        name = f"{ticket.engine}~{venue.next_id('late')}"
        venue.engines[name] = ticket.id
        wish = replace(
            intent(venue, ticket), quantity=size, type=OrderType.MARKET, limit_price=None, stop_price=None,
            trail_amount=None, trail_percent=None, take_profit=None, stop_loss=None, stop_loss_limit=None,
        )  # fmt: skip
        order = Order(name, "rehearsal", "rehearsal", "rehearsal", 0, 1, wish, venue.market.now)
        venue.exchange.submit(order, venue.market.stamp())
        touches = {**venue.touches({ticket.symbol}), ticket.symbol: Touch.at(price)}
        venue.book(play(venue.exchange, venue.market.stamp(), touches, takes=lambda known: known == name))


def reject(venue: Venue, ticket: Ticket) -> None:
    """An order that was accepted is rejected after all."""
    with venue.turn():
        withdraw_group(venue, ticket)
        refuse(venue, ticket)


def bust(venue: Venue, execution: str, price: Decimal | None = None, *, listed: bool = True) -> None:
    """A trade is taken back: position and cash are as before. At another `price` it was corrected: it is made anew.

    The execution is no longer in the list of activities; what took it back is, unless it is not `listed`.
    """
    with venue.turn():
        kept = next((a for a in venue.activities if a["id"].endswith(execution) and "fill" in a), None)
        if kept is None or kept.get("busted"):
            raise InputError(f"no execution {execution} is known here, or it was taken back already")
        fill = decode(Fill, kept["fill"])
        undo(venue.exchange, fill)
        ticket = venue.tickets[kept["order_id"]]
        ticket.filled -= fill.quantity
        ticket.value -= fill.quantity * fill.price
        kept["busted"] = True
        venue.rewrite(kept)
        if price is None:
            venue.change(ticket, "canceled")
        kind, name = ("trade_bust", venue.next_id("bust")) if price is None else ("trade_correct", "")
        if price is not None:
            name = _corrected(venue, ticket, fill, price)
        if listed:
            activities.taken_back(venue, ticket, fill, kind, name, execution)
        size, reason = str(fill.quantity), {"reason": "TRADE_BUST"} if price is None else {}
        venue.emit(
            kind, ticket, execution_id=name, previous_execution_id=execution, price=str(price or fill.price),
            qty=size, **reason,
        )  # fmt: skip


def _corrected(venue: Venue, ticket: Ticket, fill: Fill, price: Decimal) -> str:
    """The execution anew, at another price and without commission; its name."""
    name, at = venue.next_id("corrected"), venue.market.stamp()
    made = replace(fill, execution_id=name, price=price, fee=ZERO, time=at)
    anew(venue.exchange, made)
    ticket.filled += made.quantity
    ticket.value += made.quantity * price
    venue.change(ticket)
    activities.traded(venue, ticket, made, name)
    return name


def outside(venue: Venue, body: Mapping[str, Any]) -> dict[str, Any]:
    """An order that was placed elsewhere: on the broker's own page, by telephone."""
    return submit(venue, {**body, "client_order_id": f"web-{venue.next_id('outside')}"})


def dividend(venue: Venue, symbol: str, amount: Decimal) -> None:
    """A dividend of so much a share."""
    with venue.turn():
        venue.book(list(venue.exchange.dividend(symbol, amount, venue.market.stamp())))
        venue.remember()


def split(venue: Venue, symbol: str, ratio: Decimal) -> None:
    """A split: holding, open orders and price."""
    with venue.turn():
        tape = venue.market.tape(symbol)
        last = tape.last
        after = None if last is None else last / ratio
        events = venue.exchange.split(symbol, ratio, venue.market.stamp(), after)
        if after is not None:
            venue.market.trade(symbol, after, None)
        for ticket in [t for t in venue.open.values() if t.symbol == symbol]:
            _adjust(venue, ticket, ratio)
        venue.book(events)
        venue.remember()


def _adjust(venue: Venue, ticket: Ticket, ratio: Decimal) -> None:
    """Quantities times the ratio, rounded down to lots; prices by it, to the tick."""
    asset = venue.market.listing.find(ticket.symbol)
    assert asset is not None
    lot, tick = asset.instrument.lot, asset.instrument.tick
    if ticket.qty is not None:
        ticket.qty = ticket.qty * ratio // lot * lot
    for name in ("limit_price", "stop_price", "trail_price", "hwm"):
        price = getattr(ticket, name)
        if price is not None:
            setattr(ticket, name, max((price / ratio / tick).quantize(ONE), ONE) * tick)
    venue.change(ticket)
    venue.emit("restated", ticket)


def deposit(venue: Venue, amount: Decimal) -> None:
    """Money comes in or, negative, goes out."""
    from aura_lib.core import Booking, BookingKind

    with venue.turn():
        venue.exchange.deposit(amount)
        at = venue.market.stamp()
        activities.booked(venue, Booking(venue.next_id("deposit"), BookingKind.DEPOSIT, amount, "USD", at))
        venue.remember()


def pend(venue: Venue, ticket: Ticket, status: str) -> None:
    """An order that waits for something: `pending_cancel`, `pending_replace`; it is still open."""
    with venue.turn():
        venue.change(ticket, status)
        venue.emit(status, ticket)


def thin(venue: Venue, symbol: str, size: Decimal) -> None:
    """From now on only so much can be had at the best price, on either side; until the next tick."""
    with venue.turn():
        tape = venue.market.tape(symbol)
        if tape.touch is not None:
            tape.touch = tape.touch._replace(bid_size=max(size, ZERO), ask_size=max(size, ZERO))
