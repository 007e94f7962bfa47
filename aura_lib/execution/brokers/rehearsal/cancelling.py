"""Cancelling: one order, with all that belongs to it, or every open one."""

from __future__ import annotations

from typing import Any

from aura_lib.core import OrderStatus
from aura_lib.execution.brokers.rehearsal.answers import Refused, invalid
from aura_lib.execution.brokers.rehearsal.happenings import end
from aura_lib.execution.brokers.rehearsal.tickets import Ticket
from aura_lib.execution.brokers.rehearsal.venue import Venue


def cancel(venue: Venue, order_id: str) -> None:
    """Cancel an open order and its group. One that is closed or unknown is Refused."""
    with venue.turn():
        ticket = venue.ticket(order_id)
        if not ticket.open:
            raise invalid(f'order is already in "{ticket.status}" state')
        _end_group(venue, ticket, "canceled")


def cancel_all(venue: Venue) -> list[dict[str, Any]]:
    """Cancel every open order: what became of each."""
    with venue.turn():
        answers = []
        for ticket in [t for t in venue.open.values() if not t.parent]:
            answers.append(_tried(venue, ticket))
        for ticket in list(venue.open.values()):
            answers.append(_tried(venue, ticket))
        return answers


def _tried(venue: Venue, ticket: Ticket) -> dict[str, Any]:
    try:
        cancel(venue, ticket.id)
    except Refused as refused:
        return {"id": ticket.id, "status": refused.status, "body": refused.body}
    return {"id": ticket.id, "status": 200, "body": venue.order(ticket)}


def expire_exits(venue: Venue) -> None:
    """At the end of a session: exits that were good for the day."""
    for ticket in [t for t in venue.open.values() if t.parent and t.time_in_force == "day"]:
        parent = venue.tickets[ticket.parent]
        if ticket.open and not parent.open:
            _end_group(venue, ticket, "expired")


def _end_group(venue: Venue, ticket: Ticket, status: str) -> None:
    """End what is open of an order's group; a leg of a pair takes its sibling along."""
    head = withdraw_group(venue, ticket)
    for one in (head, *venue.legs(head)):
        if one.open:
            end(venue, one, status)


def withdraw_group(venue: Venue, ticket: Ticket) -> Ticket:
    """Take all orders of a group away from the engine; gives the one they belong to."""
    head = venue.tickets[ticket.parent] if ticket.parent else ticket
    for one in (head, *venue.legs(head)):
        _withdraw(venue, one.engine)
    return head


def _withdraw(venue: Venue, name: str) -> None:
    """Take an order, and the exits it may have left, away from the engine."""
    for known in filter(None, (name, venue.exchange.open_exit(name))):
        there = venue.exchange.find(known)
        if there is not None and there.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED):
            venue.exchange.cancel(known)
