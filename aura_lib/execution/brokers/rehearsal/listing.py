"""Looking orders up: lists with their filters, one by its id or by the client's; and positions that are closed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.answers import Refused, invalid, missing
from aura_lib.execution.brokers.rehearsal.cancelling import cancel_all
from aura_lib.execution.brokers.rehearsal.submission import submit
from aura_lib.execution.brokers.rehearsal.tickets import Ticket
from aura_lib.execution.brokers.rehearsal.venue import Venue

MOST, USUAL = 500, 50
SMALLEST = Decimal("0.000000001")


def orders(venue: Venue, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Orders by `status` (open, closed, all), `side`, `symbols`, `after`, `until`, the latest first.

    `nested` puts legs under the order they belong to; otherwise they are listed as orders. A stop leg that is `held`
    is not among the open ones unless it is nested, as the real one has it.
    """
    status = query.get("status") or "open"
    if status not in ("open", "closed", "all"):
        raise invalid("status must be open, closed or all")
    limit = query.get("limit") or str(USUAL)
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST:
        raise invalid(f"limit must be between 1 and {MOST}")
    direction = query.get("direction") or "desc"
    if direction not in ("asc", "desc"):
        raise invalid("direction must be asc or desc")
    side = query.get("side")
    if side not in (None, "", "buy", "sell"):
        raise invalid("side must be buy or sell")
    nested = (query.get("nested") or "false").lower() == "true"
    symbols = {s for s in (query.get("symbols") or "").split(",") if s}
    after, until = activities.moment(query, "after"), activities.moment(query, "until")

    def wanted(ticket: Ticket) -> bool:
        return (
            (not nested or not ticket.parent)
            and (status == "all" or _is_open(venue, ticket, nested) == (status == "open"))
            and (nested or status != "open" or ticket.status != "held")
            and (not side or ticket.side == side)
            and (not symbols or ticket.symbol in symbols or ticket.symbol.replace("/", "") in symbols)
            and (after is None or ticket.created_at > after)
            and (until is None or ticket.created_at <= until)
        )

    with venue.lock:
        found = sorted(filter(wanted, venue.tickets.values()), key=lambda t: (t.created_at, t.number))
        if direction == "desc":
            found.reverse()
        return [venue.order(ticket, nested=nested) for ticket in found[: int(limit)]]


def _is_open(venue: Venue, ticket: Ticket, nested: bool) -> bool:
    """Whether an order is open; with its legs when they are nested under it."""
    return ticket.open or (nested and any(leg.open for leg in venue.legs(ticket)))


def by_client_id(venue: Venue, name: str) -> dict[str, Any]:
    """The order with a client id; Refused when there is none."""
    with venue.lock:
        ticket = venue.find(name) if name else None
        if ticket is None:
            raise missing(f"order not found for {name}")
        return venue.order(ticket, nested=False)


def close_position(venue: Venue, name: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Close a position, or `qty` or `percentage` of it, at the market."""
    with venue.turn():
        kept = activities.find_position(venue, name)
        size = _part(abs(kept.quantity), query, kept.instrument.lot)
        side = "sell" if kept.quantity > 0 else "buy"
        symbol = kept.instrument.symbol
        force = "gtc" if "/" in symbol else "day"
        body = {"symbol": symbol, "side": side, "type": "market", "qty": str(size), "time_in_force": force}
        return submit(venue, body)


def _part(held: Decimal, query: Mapping[str, str], lot: Decimal) -> Decimal:
    qty, percentage = query.get("qty"), query.get("percentage")
    if qty and percentage:
        raise invalid("only one of qty or percentage is accepted")
    try:
        size = Decimal(qty) if qty else held * Decimal(percentage or "100") / 100
    except InvalidOperation:
        raise invalid("qty or percentage is not a number") from None
    if not size.is_finite() or size <= 0 or (percentage and size > held):
        raise invalid("qty must be > 0" if qty else "percentage must be > 0 and <= 100")
    return size if qty else size // lot * lot


def close_positions(venue: Venue, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Close every position; with `cancel_orders` after cancelling every order."""
    answers = []
    with venue.turn():
        if (query.get("cancel_orders") or "").lower() == "true":
            cancel_all(venue)
        for symbol in [s for s, p in sorted(venue.exchange.account.positions.items()) if p.quantity]:
            try:
                body: dict[str, Any] = close_position(venue, symbol, {})
                status = 200
            except Refused as refused:
                body, status = refused.body, refused.status
            answers.append({"symbol": symbol.replace("/", ""), "status": status, "body": body})
    return answers
