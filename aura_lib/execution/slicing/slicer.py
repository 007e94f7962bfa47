"""The slicer: what a desk does for the sliced orders of an account when their slices are due.

A child is a basket of `slice:<who>:<name>` whose slot is the time it was due, through the same checks as every order:
its client id follows from both, so that no crash sends a slice twice. Before the next slice, and at the end, the child
at work is cancelled; what it did not fill is planned anew. While the account is halted no slice is sent; it is missed,
and what it should have sent belongs to those that are left. When all is filled, cancelled or over, that is written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.core import LIVE, Basket, Order, OrderStatus, decode, iso
from aura_lib.execution.gate import denied, refuse, weighed
from aura_lib.execution.lines import Line
from aura_lib.execution.slicing.schedule import quantity
from aura_lib.execution.slicing.wish import ORIGIN, Sliced

if TYPE_CHECKING:
    from aura_lib.execution.desk.seat import Seat

ZERO = Decimal(0)


class Slicer:
    """Keeps an account's sliced orders. Call `work` in every round."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._read: dict[str, Sliced] = {}
        self._ids: dict[str, list[str]] = {}  # of the children that each may have

    @property
    def at_work(self) -> dict[str, Sliced]:
        """The sliced orders that are not over, by name."""
        told = self._seat.view.sliced
        self._read = {name: self._read.get(name) or decode(Sliced, body["set"]) for name, body in told.items()}
        return self._read

    def next_due(self, after: datetime) -> datetime | None:
        """The next moment at which something is due."""
        moments = [m for s in self.at_work.values() for m in (*s.schedule.due, s.schedule.end) if m > after]
        return min(moments, default=None)

    def work(self) -> bool:
        """Send what is due, cancel what is late, and write what is over; whether anything was written."""
        if not self._seat.view.sliced:
            return False
        before = self._seat.view.n
        for sliced in list(self.at_work.values()):
            self._work(sliced)
        return self._seat.view.n > before

    def _work(self, sliced: Sliced) -> None:
        seat, schedule, now = self._seat, sliced.schedule, self._seat.clock.now()
        children = self._children(sliced)
        filled = sum((child.filled for child in children), ZERO)
        live = [child for child in children if child.status in LIVE]
        stopped = seat.view.sliced[sliced.name].get("cancel")
        place = None if stopped else schedule.place(now)
        over = bool(stopped) or now >= schedule.end or filled >= sliced.intent.quantity
        if late := [c for c in live if over or (place is not None and c.basket != self._slot(sliced, place))]:
            self._cancel(late, str(stopped or "its slice is over"))
        elif live:
            return
        elif over:
            self._end(
                sliced, filled, str(stopped or ("filled" if filled >= sliced.intent.quantity else "time is over"))
            )
        elif place is not None and self._slot(sliced, place) not in seat.view.verdicts:
            self._send(sliced, place, filled, now)

    def _send(self, sliced: Sliced, place: int, filled: Decimal, now: datetime) -> None:
        seat, wish, schedule = self._seat, sliced.intent, sliced.schedule
        size = quantity(schedule, place, wish.quantity, filled, ZERO, wish.instrument.lot)
        seat.look(now=True)
        if not size or seat.halted(sliced.book) or seat.view.drift or seat.view.stopping or seat.view.flattening:
            return
        part = f"slice {place + 1} of {len(schedule.due)} of {sliced.name}"
        child = replace(wish, quantity=size, reason=f"{part}: {wish.reason}" if wish.reason else part)
        basket = Basket(sliced.origin, schedule.due[place], seat.terms.name, sliced.book, now, (child,))
        from aura_lib.execution.desk.take import verdict  # the desk knows its slicer

        why = denied(seat, sliced.who)  # asked again here: it may have been taken from him since
        decisions = refuse(basket, "permission", why) if why else weighed(basket, seat)
        seat.write(verdict(seat, basket, decisions, seat.view.inbox))

    def _children(self, sliced: Sliced) -> list[Order]:
        """The orders that were made for it, and those that took their places."""
        orders, replacing = self._seat.view.orders, set(self._seat.view.replacing.values())
        found = [orders[one] for one in self._ids_of(sliced) if one in orders]
        if not any(c.status is OrderStatus.REPLACED or c.client_id in replacing for c in found):
            return found
        return found + [o for o in orders.values() if o.parent and o.basket.startswith(f"{sliced.origin}@")]

    def _ids_of(self, sliced: Sliced) -> list[str]:
        from aura_lib.execution.desk.take import client_id

        if sliced.name not in self._ids:
            name = self._seat.terms.name
            self._ids[sliced.name] = [client_id(name, sliced.origin, moment, 0) for moment in sliced.schedule.due]
        return self._ids[sliced.name]

    @staticmethod
    def _slot(sliced: Sliced, place: int) -> str:
        return f"{sliced.origin}@{iso(sliced.schedule.due[place])}"

    def _cancel(self, orders: list[Order], why: str) -> None:
        lines = [
            Line(
                "cancel.asked",
                {"client_id": o.client_id, "who": ORIGIN[:-1], "reason": why, "key": f"{ORIGIN}{o.client_id}"},
                f"{ORIGIN}cancel:{o.client_id}",
            )
            for o in orders
            if o.client_id not in self._seat.view.cancelling
        ]
        self._seat.write(lines)

    def _end(self, sliced: Sliced, filled: Decimal, why: str) -> None:
        body = {"done": sliced.name, "filled": str(filled), "of": str(sliced.intent.quantity), "why": why}
        self._seat.write([Line("sliced", {**body, "at": iso(self._seat.clock.now())}, f"{ORIGIN}{sliced.name}:done")])
