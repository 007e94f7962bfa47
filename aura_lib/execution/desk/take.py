"""Take: what waits in the inbox becomes verdicts and approved orders, and answers to requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from aura_lib.core import Basket, Booking, BookingKind, Decision, Order, decode, digest, encode, iso, utc
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.gate import judge, objection
from aura_lib.execution.lines import Line
from aura_lib.execution.requests import answer, refused
from aura_lib.ledger import Received, Request


def client_id(account: str, origin: str, slot: datetime, leg: int, attempt: int = 1) -> str:
    """The name of an order at the broker: the same decision always gets the same one (20 characters)."""
    return digest([account, origin, iso(slot), leg, attempt])[:20]


def decided(seat: Seat, received: Received) -> list[Line]:
    """The entries of a basket: its verdict and its orders, for one transaction."""
    return verdict(seat, received.basket, judge(received, seat), received.n)


def verdict(seat: Seat, basket: Basket, decisions: Sequence[Decision], inbox: int) -> list[Line]:
    """The entries of what was decided on a basket, from the inbox up to some place: the verdict, and its orders."""
    body = {"basket": encode(basket), "decisions": [encode(d) for d in decisions], "inbox": inbox}
    lines = [Line("verdict", body, f"verdict:{basket.id}")]
    for decision in (d for d in decisions if d.approved):
        name = client_id(seat.terms.name, basket.origin, basket.slot, decision.leg)
        intent = basket.intents[decision.leg]
        order = Order(
            name, seat.terms.name, basket.book, basket.id, decision.leg, 1, intent, seat.clock.now()
        )  # fmt: skip
        lines.append(Line("order", {"order": encode(order)}, f"order:{name}"))
    return lines


def answer_requests(seat: Seat, requests: Sequence[Request]) -> bool:
    """Whatever else was asked, each by its handler, in the order it came; whether there was anything."""
    for request in requests:
        lines = _checked(seat, request, answer(seat.view, seat.terms, request, seat.clock.now()))
        seat.write(lines)
        fund(seat, lines)
    return bool(requests)


def _checked(seat: Seat, request: Request, lines: list[Line]) -> list[Line]:
    """An order that shall take the place of another passes the gate as any other does."""
    for line in lines:
        if line.kind == "replace.asked" and (why := objection(decode(Order, line.body["order"]), seat)):
            return [refused(request, why)]
    return lines


def fund(seat: Seat, lines: list[Line]) -> None:
    """Tell a simulated venue of money and holdings that were booked here first: it has none but these; each once."""
    deposit, book = (getattr(seat.broker, name, None) for name in ("deposit", "book"))
    for line in lines:
        if deposit and line.kind == "cash" and _currency(seat, line) == seat.view.currency:
            deposit(line.body["key"], Decimal(line.body["amount"]))
        if book:
            for told in _bookings(seat, line):
                book(told)


def _currency(seat: Seat, line: Line) -> str:
    return str(line.body.get("currency") or seat.view.currency)


def _bookings(seat: Seat, line: Line) -> list[Booking]:
    """What people asked to be booked other than money in the account's own currency."""
    if line.kind == "import":
        return [decode(Booking, told) for told in line.body["positions"]]
    by_hand = "request" in line.body and "mends" not in line.body  # else the venue has it: it told so
    if line.kind == "booking" and by_hand:
        return [decode(Booking, line.body["booking"])]
    if line.kind == "cash" and (currency := _currency(seat, line)) != seat.view.currency:
        amount, at = Decimal(line.body["amount"]), utc(line.body["at"])
        return [Booking(line.body["key"], BookingKind.DEPOSIT, amount, currency, at)]
    return []


def fund_again(seat: Seat) -> None:
    """At start: what was booked, and may not have reached the venue when the desk before us died."""
    entries = seat.ledger.journal.entries(seat.terms.name, kinds=("cash", "import", "booking"))
    fund(seat, [Line(entry.kind, entry.body) for entry in entries])
