"""What the matching engine tells, written onto the tickets: executions, and orders that came to their end."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from aura_lib.core import Fill, OrderStatus, Side
from aura_lib.exchange import Closed
from aura_lib.exchange.working import entry_of
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.tickets import Ticket, text
from aura_lib.execution.brokers.rehearsal.venue import Venue

ENDED = {OrderStatus.CANCELLED: "canceled", OrderStatus.EXPIRED: "expired", OrderStatus.FILLED: "filled"}


def filled(venue: Venue, fill: Fill) -> None:
    """An execution."""
    ticket = _whose(venue, fill)
    ticket.filled += fill.quantity
    ticket.value += fill.quantity * fill.price
    whole = ticket.filled >= ticket.asked
    over = ticket.status if not ticket.open else "partially_filled"  # a late fill opens nothing again
    venue.change(ticket, "filled" if whole else over, fill.time)
    _taken(venue, fill)
    execution = str(uuid5(NAMESPACE_URL, f"{venue.account_id}:{fill.execution_id}"))
    activities.traded(venue, ticket, fill, execution)
    position = venue.exchange.account.positions.get(fill.symbol)
    venue.emit(
        "fill" if whole else "partial_fill", ticket, price=text(fill.price), qty=text(fill.quantity),
        position_qty=text(position.quantity if position else None), execution_id=execution,
    )  # fmt: skip
    if ticket.order_class in ("bracket", "oto") and not ticket.parent:
        _wake(venue, venue.legs(ticket))


def _wake(venue: Venue, legs: list[Ticket]) -> None:
    """The entry was filled: the profit is at the exchange; its stop stays `held` beside it, as the real one has it."""
    first = next((leg for leg in legs if leg.role == "take_profit"), legs[0])
    if first.status == "held":
        venue.change(first, "new")
        venue.emit("new", first)


def _whose(venue: Venue, fill: Fill) -> Ticket:
    group = venue.standing(fill.client_id)
    if group is None:
        return _stranger(venue, fill)
    if entry_of(fill.client_id):
        return exit_leg(venue.legs(group), fill)
    return exit_leg([group, *venue.legs(group)], fill) if group.order_class == "oco" else group


def exit_leg(pair: list[Ticket], fill: Fill) -> Ticket:
    """Which of a pair of exits was executed: a profit is never worse than its limit, a loss never as good."""
    profits = [t for t in pair if t.type == "limit" and t.role != "stop_loss" and t.open]
    losses = [t for t in pair if t not in profits and t.open]
    if not profits or not losses:
        return next(t for t in (*profits, *losses, *pair))
    limit = profits[0].limit_price
    assert limit is not None
    better = fill.price >= limit if fill.side is Side.SELL else fill.price <= limit
    return profits[0] if better else losses[0]


def _stranger(venue: Venue, fill: Fill) -> Ticket:
    """An order that the account never placed: the venue's own, when it closes positions for margin."""
    name = venue.next_id("order")
    at, side = fill.time, fill.side.value
    ticket = Ticket(
        name, venue.next_id("client"), fill.symbol, side, "market", "day", at, venue.numbers, status="new",
        qty=fill.quantity, updated_at=at, submitted_at=at, engine=fill.client_id,
    )  # fmt: skip
    venue.engines[fill.client_id] = name
    return venue.add(ticket)


def _taken(venue: Venue, fill: Fill) -> None:
    """What was executed is gone from the best price."""
    tape = venue.market.tape(fill.symbol)
    touch = tape.touch
    if touch is None:
        return
    name = "ask_size" if fill.side is Side.BUY else "bid_size"
    size = getattr(touch, name)
    if size is not None:
        left = max(size - fill.quantity, type(size)(0))
        both = touch.bid == touch.ask and touch.bid_size == touch.ask_size  # a trade: one size for both sides
        tape.touch = touch._replace(bid_size=left, ask_size=left) if both else touch._replace(**{name: left})


def closed(venue: Venue, event: Closed) -> None:
    """An order of the engine came to its end."""
    ticket = venue.standing(event.client_id)
    if ticket is None:
        return
    status = ENDED[event.status]
    if entry := entry_of(event.client_id):
        if ticket.open or venue.exchange.open_exit(entry):
            return  # the entry goes on (or went on meanwhile), and its legs with what else it brings
        pair = venue.legs(ticket)
    elif ticket.order_class == "oco":
        pair = [ticket, *venue.legs(ticket)]
    else:
        pair = [ticket]
        if ticket.legs and not venue.exchange.open_exit(event.client_id):
            pair += venue.legs(ticket)  # nothing was bought, or all of it was closed: the legs are over
    for one in pair:
        if one.open:
            end(venue, one, "canceled" if status == "filled" and len(pair) > 1 else status)


def end(venue: Venue, ticket: Ticket, status: str) -> None:
    """A ticket comes to its end without an execution."""
    venue.change(ticket, status)
    if status != "filled":
        venue.emit(status, ticket)
