"""A new order: what the account may do is looked at, tickets are written, the engine gets what can be worked."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

from aura_lib.core import AuraError, Intent, Order, OrderType, Side, TimeInForce
from aura_lib.exchange.working import exit_id
from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import duplicate, forbidden, invalid
from aura_lib.execution.brokers.rehearsal.happenings import end
from aura_lib.execution.brokers.rehearsal.market import NEW_YORK
from aura_lib.execution.brokers.rehearsal.tickets import Ticket
from aura_lib.execution.brokers.rehearsal.venue import ONE, ZERO, Venue
from aura_lib.execution.brokers.rehearsal.wishes import Wish, read

BRACKETS = ("bracket", "oto")


def submit(venue: Venue, body: Any) -> dict[str, Any]:
    """What a POST of an order asks for. The answer is the order as it was accepted; what cannot be is Refused."""
    with venue.turn():
        wish = read(body, venue.market.listing)
        if wish.client_order_id and wish.client_order_id in venue.clients:
            raise duplicate()
        if wish.order_class == "mleg":
            from aura_lib.execution.brokers.rehearsal.packages import submit_package

            return submit_package(venue, wish)
        allowed(venue, wish)
        ticket = _written(venue, wish)
        answer = venue.order(ticket)
        venue.emit("new" if ticket.status == "pending_new" else "accepted", _working(venue, ticket))
        if venue.rejects is not None and venue.rejects.refuses(ticket.client_order_id):
            refuse(venue, ticket)
        elif not ticket.waits:
            place(venue, ticket)
        if venue.market.trades(ticket.symbol, extended=ticket.extended_hours):
            venue.match({ticket.symbol})
        venue.remember()
        return answer


def _working(venue: Venue, ticket: Ticket) -> Ticket:
    if ticket.status == "pending_new":
        venue.change(ticket, "new")
    return ticket


def allowed(venue: Venue, wish: Wish) -> None:
    """Refuse what the account may not do now."""
    market, asset = venue.market, wish.asset
    if venue.configuration.get("suspend_trade"):
        raise forbidden("new orders are rejected by user request")
    _auctions(venue, wish)
    price = _reference(venue, wish)
    if wish.order_class in BRACKETS and price is not None and wish.type == "market":
        _around(wish, price)
    if wish.order_class == "oco":
        _free(venue, wish, wish.qty or ZERO)
        return
    holds = activities.held(venue, asset.symbol)
    if wish.side == "sell":
        if holds > 0:
            size = wish.qty if wish.qty is not None else wish.notional / price if price and wish.notional else ZERO
            _free(venue, wish, size)
        elif asset.crypto or (asset.option and wish.position_intent == "sell_to_close") or not _shorts(venue):
            _free(venue, wish, wish.qty or ONE)
        elif not asset.shortable and not asset.option:
            raise forbidden(f'asset "{asset.symbol}" cannot be sold short', symbol=asset.symbol)
        elif wish.notional is not None or (wish.qty or ZERO) % 1:
            raise invalid("fractional orders cannot be sold short")
        else:
            _affordable(venue, wish, price, market.price(asset.symbol))
    elif holds < 0:
        room = -holds - activities.reserved(venue, asset.symbol, "buy")
        if (wish.qty or ZERO) > room:
            raise _short_of(asset.symbol, wish.qty or ZERO, room, -holds)
    else:
        _affordable(venue, wish, price, market.price(asset.symbol))
    _wash(venue, wish)


def _shorts(venue: Venue) -> bool:
    return venue.leverage > 1 and not venue.configuration.get("no_shorting")


def _auctions(venue: Venue, wish: Wish) -> None:
    local = venue.market.now.astimezone(NEW_YORK).time()
    minutes = local.hour * 60 + local.minute
    if wish.time_in_force == "opg" and 9 * 60 + 28 <= minutes < 19 * 60:
        raise invalid("opg orders must be submitted after 7:00pm and before 9:28am")
    if wish.time_in_force == "cls" and 15 * 60 + 50 <= minutes < 19 * 60:
        raise invalid("cls orders must be submitted after 7:00pm and before 3:50pm")


def _reference(venue: Venue, wish: Wish) -> Decimal | None:
    """What a unit will cost, as far as can be told."""
    touch = venue.market.tape(wish.asset.symbol).touch
    best = None if touch is None else touch.ask if wish.side == "buy" else touch.bid
    if wish.type in ("limit", "stop_limit"):
        return wish.limit_price
    return max(filter(None, (wish.stop_price, best)), default=None) if wish.type == "stop" else best


def _around(wish: Wish, price: Decimal) -> None:
    sign = 1 if wish.side == "buy" else -1
    way, back = (">=", "<=") if sign > 0 else ("<=", ">=")
    if wish.take_profit is not None and (wish.take_profit - price) * sign < 0:
        raise invalid(f"take_profit.limit_price must be {way} base_price", base_price=str(price))
    if wish.stop_loss is not None and (price - wish.stop_loss) * sign < 0:
        raise invalid(f"stop_loss.stop_price must be {back} base_price", base_price=str(price))


def _free(venue: Venue, wish: Wish, quantity: Decimal) -> None:
    """What is to be sold (or bought back) must be held, and not be promised to another order."""
    symbol = wish.asset.symbol
    holds = activities.held(venue, symbol)
    there = max(holds if wish.side == "sell" else -holds, ZERO)
    promised = activities.reserved(venue, symbol, wish.side)
    if quantity > there - promised:
        raise _short_of(symbol, quantity, there - promised, there)


def _short_of(symbol: str, quantity: Decimal, room: Decimal, there: Decimal) -> Exception:
    free = max(room, ZERO)
    return forbidden(
        f"insufficient qty available for order (requested: {quantity:f}, available: {free:f})",
        symbol=symbol, available=f"{free:f}", existing_qty=f"{there:f}", held_for_orders=f"{there - free:f}",
    )  # fmt: skip


def _affordable(venue: Venue, wish: Wish, price: Decimal | None, last: Decimal | None) -> None:
    unit = price if price is not None else last
    if wish.notional is not None:
        cost = wish.notional
    elif unit is not None and wish.qty is not None:
        cost = wish.qty * unit * wish.asset.instrument.multiplier
    else:
        return
    power = activities.buying_power(venue)
    if cost > power:
        raise forbidden("insufficient buying power", buying_power=f"{power:.2f}", cost_basis=f"{cost:.2f}")


def _wash(venue: Venue, wish: Wish) -> None:
    """Nobody may trade with himself."""
    if wish.order_class != "simple":
        return
    for other in venue.open.values():
        against = other.symbol == wish.asset.symbol and other.side != wish.side and not other.parent
        if against and other.order_class == "simple" and _meets(wish, other):
            raise forbidden(
                "potential wash trade detected. use complex orders", existing_order_id=other.id,
                reject_reason="opposite side market/stop order exists" if other.type != "limit" else
                "opposite side limit order exists",
            )  # fmt: skip


def _meets(wish: Wish, other: Ticket) -> bool:
    mine = wish.limit_price if wish.type == "limit" else None
    theirs = other.limit_price if other.type == "limit" else None
    if mine is None or theirs is None:
        return True
    return mine >= theirs if wish.side == "buy" else mine <= theirs


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(venue: Venue, wish: Wish) -> Ticket:
    """The tickets of a wish; the engine is named after the first."""
    opens = venue.market.trades(wish.asset.symbol, extended=wish.extended_hours)
    name, at = venue.next_id("order"), venue.market.stamp()
    limit = wish.take_profit if wish.order_class == "oco" else wish.limit_price
    ticket = Ticket(
        name, wish.client_order_id or venue.next_id("client"), wish.asset.symbol, wish.side, wish.type,
        wish.time_in_force, at, venue.numbers, wish.order_class, "pending_new" if opens else "accepted",
        wish.qty, wish.notional, limit, wish.stop_price, wish.trail_price, wish.trail_percent,
        extended_hours=wish.extended_hours, position_intent=wish.position_intent, updated_at=at, submitted_at=at,
        engine=name, role="take_profit" if wish.order_class == "oco" else "",
    )  # fmt: skip
    if venue.latency is not None:
        ticket.waits, ticket.due = True, at + venue.latency.of(ticket.client_order_id)
    elif wish.notional is not None:
        ticket.waits = True
    venue.engines[name] = name
    for leg in _leg_tickets(venue, wish, ticket):
        ticket.legs.append(leg.id)
        venue.add(leg)
    return venue.add(ticket)


def _leg_tickets(venue: Venue, wish: Wish, parent: Ticket) -> list[Ticket]:
    if wish.order_class == "simple":
        return []
    side = parent.side if wish.order_class == "oco" else "sell" if parent.side == "buy" else "buy"
    made: list[tuple[str, str, Decimal | None, Decimal | None]] = []
    if wish.take_profit is not None and wish.order_class != "oco":
        made.append(("take_profit", "limit", wish.take_profit, None))
    if wish.stop_loss is not None:
        kind = "stop" if wish.stop_loss_limit is None else "stop_limit"
        made.append(("stop_loss", kind, wish.stop_loss_limit, wish.stop_loss))
    legs, engine = [], parent.engine if wish.order_class == "oco" else exit_id(parent.engine)
    for role, kind, limit, stop in made:
        name, at = venue.next_id("order"), parent.created_at
        legs.append(
            Ticket(
                name, venue.next_id("client"), parent.symbol, side, kind, parent.time_in_force, at, venue.numbers,
                wish.order_class, "held", parent.qty, limit_price=limit, stop_price=stop, updated_at=at,
                submitted_at=at, parent=parent.id, role=role, engine=engine,
            )
        )  # fmt: skip
    return legs


def place(venue: Venue, ticket: Ticket) -> None:
    """Hand an order to the engine. What it refuses was accepted by the venue, so it is rejected after the fact."""
    if ticket.notional is not None and ticket.size is None:
        touch = venue.market.tape(ticket.symbol).touch
        if touch is None or not venue.market.trades(ticket.symbol, extended=ticket.extended_hours):
            ticket.waits, ticket.due = True, None
            venue.waiting[ticket.id] = ticket
            venue.change(ticket)
            return
        price = touch.ask if ticket.side == "buy" else touch.bid
        ticket.size = (ticket.notional / price).quantize(Decimal("0.000000001"), ROUND_DOWN)
    ticket.waits = False
    venue.waiting.pop(ticket.id, None)
    try:
        venue.exchange.submit(engine_order(venue, ticket), venue.market.stamp())
    except AuraError:
        refuse(venue, ticket)
        return
    venue.change(ticket, "new" if ticket.status == "pending_new" else "")


def refuse(venue: Venue, ticket: Ticket) -> None:
    """An order that was accepted is rejected after the fact, and its legs end with it."""
    for one in (ticket, *venue.legs(ticket)):
        if one.open:
            end(venue, one, "rejected" if one is ticket else "canceled")


def engine_order(venue: Venue, ticket: Ticket) -> Order:
    """The order as the engine takes it."""
    return Order(ticket.engine, "rehearsal", "rehearsal", "rehearsal", 0, 1, intent(venue, ticket), venue.market.now)


def intent(venue: Venue, ticket: Ticket) -> Intent:
    """What a ticket (with its legs) asks of the engine."""
    asset = venue.market.listing.find(ticket.symbol)
    assert asset is not None
    wish = Intent(asset.instrument, Side(ticket.side), ticket.asked, time_in_force=TimeInForce(ticket.time_in_force))
    legs = {leg.role: leg for leg in venue.legs(ticket)}
    prices: dict[str, Any] = {}
    if "take_profit" in legs:
        prices["take_profit"] = legs["take_profit"].limit_price
    if "stop_loss" in legs:
        prices["stop_loss"], prices["stop_loss_limit"] = legs["stop_loss"].stop_price, legs["stop_loss"].limit_price
    if ticket.order_class in BRACKETS:
        return replace(
            wish, type=OrderType.BRACKET, limit_price=ticket.limit_price, stop_price=ticket.stop_price, **prices
        )
    if ticket.order_class == "oco":
        return replace(wish, type=OrderType.OCO, take_profit=ticket.limit_price, **prices)
    if ticket.type == "trailing_stop":
        return replace(
            wish, type=OrderType.TRAILING_STOP, trail_amount=ticket.trail_price, trail_percent=ticket.trail_percent
        )
    return replace(wish, type=OrderType(ticket.type), limit_price=ticket.limit_price, stop_price=ticket.stop_price)
