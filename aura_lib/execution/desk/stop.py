"""Stop: what a halt may ask for besides that nothing is sent: every order cancelled, every position closed."""

from __future__ import annotations

from aura_lib.core import Intent, Order, Side, digest, encode, iso
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.lines import Line

SAME_REFUSAL = 5  # times in a row that a broker may refuse a book's orders for one reason before the book is halted


def carry_on(seat: Seat) -> bool:
    """Write that all orders have ended, once they have; then make the orders that close all positions."""
    view = seat.view
    if view.live or not (view.stopping or view.flattening):
        return False
    lines = [Line("halt.cancel", {"at": iso(seat.clock.now()), "open": 0})] if view.stopping else []
    if view.flattening:
        orders = [_closing(seat, book, symbol) for book in view.books for symbol in view.account(book).holdings]
        lines += [Line("order", {"order": encode(o)}, f"order:{o.client_id}") for o in orders]
        body = {**view.flattening, "at": iso(seat.clock.now()), "orders": [o.client_id for o in orders]}
        lines.append(Line("halt.flatten", body))
    seat.write(lines)
    return True


def _closing(seat: Seat, book: str, symbol: str) -> Order:
    """The market order that closes a position. Its id follows from the wish: the same wish makes it once."""
    name, origin = seat.terms.name, seat.view.flattening["origin"]
    position = seat.view.account(book).positions[symbol]
    side = Side.SELL if position.quantity > 0 else Side.BUY
    intent = Intent(position.instrument, side, abs(position.quantity), reason=seat.view.flattening["reason"])
    client_id = digest([name, origin, seat.view.flattening["key"], book, symbol])[:20]
    basket = f"{origin}@{iso(seat.clock.now())}"
    return Order(client_id, name, book, basket, 0, 1, intent, seat.clock.now())


def remember(seat: Seat) -> None:
    """At start: refusals of before count, and have been acted on."""
    seat.counted = {book: times for book, (_, times) in seat.view.refusals.items()}


def stop_loops(seat: Seat) -> None:
    """Halt a book whose orders the broker refuses again and again for the same reason."""
    for book, (reason, times) in seat.view.refusals.items():
        if times % SAME_REFUSAL == 0 and seat.counted.get(book) != times:
            why = f"the broker refused {times} orders in a row: {reason}"
            seat.ledger.control.switch(f"{seat.terms.name}/{book}", True, why, "desk")
        seat.counted[book] = times
