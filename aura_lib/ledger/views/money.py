"""The money of an account: each book and the whole of it, folded as the entries come."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from aura_lib.core import Account, Booking, BookingKind, Fill, InputError, Transfer
from aura_lib.ledger.views.course import Course

Event = Fill | Booking | Transfer  # what the books of an account are made of
ZERO, CENT = Decimal(0), Decimal("0.01")
FINE = Decimal("1e-10")
CLOSING = frozenset(
    {
        BookingKind.EXERCISE,
        BookingKind.ASSIGNMENT,
        BookingKind.EXPIRY,
        BookingKind.SYMBOL_CHANGE,
        BookingKind.MERGER,
        BookingKind.CASH_IN_LIEU,
        BookingKind.DELISTING,
    }
)  # these close what is held, and never open its opposite


class Money:
    """The books of an account, kept running; every event is booked in its book and in the whole account.

    `events` are all of them, in the order they were written, each with its book; one that cannot be booked is in
    `refused` instead, with the reason. What a broker tells of the account as a whole is shared among its books by what
    they hold; what no book holds goes to the only book, or to none ("").
    """

    def __init__(self, name: str, currency: str) -> None:
        self.name, self.currency = name, currency
        self.whole = Course(name, currency)
        self.books: dict[str, Course] = {}
        self.events: list[Event] = []
        self.refused: list[tuple[Event, str]] = []

    def course(self, book: str) -> Course:
        """The course of a book, opened when it is new."""
        if book not in self.books:
            self.books[book] = Course(book or self.name, self.currency)
        return self.books[book]

    def account(self, book: str | None, until: datetime | None) -> Account:
        """A book (None: the whole account) now, or as it stood at a moment."""
        course = self.whole if book is None else self.books.get(book)
        if course is None:
            return Account(str(book), ZERO, self.currency)
        return course.account if until is None else course.at(until)

    def take(self, event: Event) -> None:
        """Book what happened, in its book and in the whole account.

        What could not be booked because a fill was missing is tried again after each fill that comes.
        """
        self._take(event)
        if self.refused and isinstance(event, Fill):
            waiting, self.refused = self.refused, []
            for before, _ in waiting:
                self._take(before)

    def check(self, event: Event) -> None:
        """Raise InputError where an event takes more away than there is: it would open what nobody wished for."""
        if isinstance(event, Transfer) and event.instrument is not None:
            self._check_leaving(event.source, event.symbol, event.quantity)
        elif isinstance(event, Booking) and event.kind in CLOSING:
            self._check_leaving(event.book or None, event.symbol, -event.quantity)

    def _check_leaving(self, book: str | None, symbol: str, units: Decimal) -> None:
        held = self.account(book, None).quantity(symbol)
        if held * units <= 0 or abs(units) > abs(held):
            whose = f"book {book}" if book is not None else f"account {self.name}"
            raise InputError(f"{whose} holds {held} {symbol}: {units} cannot leave it")

    def _take(self, event: Event) -> None:
        try:
            self.check(event)
            if isinstance(event, Transfer):
                self._transfer(event)
            elif isinstance(event, Fill) or event.book:
                self.whole.take(event)
                self.course(event.book).take(event)
                self.events.append(event)
            else:
                self._share(event)
        except InputError as error:
            self.refused.append((event, str(error)))

    def bust(self, fill: Fill) -> int:
        """Take a fill out again; where among the events it was."""
        if any(event is fill for event, _ in self.refused):
            self.refused = [(event, why) for event, why in self.refused if event is not fill]
            return len(self.events)
        self.whole.drop(fill)
        self.books[fill.book].drop(fill)
        place = next(n for n in range(len(self.events) - 1, -1, -1) if self.events[n] is fill)
        del self.events[place]
        return place

    def _transfer(self, event: Transfer) -> None:
        source, target = self.course(event.source), self.course(event.target)
        if event.instrument is None:
            out = Booking(event.id, BookingKind.TRANSFER, -event.cash, event.currency, event.time, book=event.source)
        else:
            held = source.account.positions.get(event.symbol)
            price = abs(held.average_cost) if held is not None else event.price
            out = Booking(
                event.id, BookingKind.TRANSFER, ZERO, event.instrument.currency, event.time, event.instrument,
                -event.quantity, book=event.source, price=price,
            )  # fmt: skip
        source.take(out)
        target.take(replace(out, cash=-out.cash, quantity=-out.quantity, book=event.target))
        self.events.append(event)

    def _share(self, booking: Booking) -> None:
        """What happened to the account as a whole, in each book that has a part in it."""
        parts = shares(booking, {name: c.account.quantity(booking.symbol) for name, c in self.books.items()})
        self.whole.take(booking)
        for part in parts:
            self.course(part.book).take(part)
            self.events.append(part)


def shares(booking: Booking, held: dict[str, Decimal]) -> list[Booking]:
    """A booking of the account as its books' parts of it, by the units they hold; the parts add up exactly."""
    holders = {name: units for name, units in sorted(held.items()) if booking.symbol and units}
    if not holders or sum(holders.values()) == 0:
        named = [name for name in held if name]
        return [replace(booking, book=named[0] if len(named) == 1 else "")]
    lot = booking.instrument.lot if booking.instrument else FINE
    other = booking.delivered.lot if booking.delivered else FINE
    cash, quantity, units = (
        _divided(amount, holders, step)
        for amount, step in ((booking.cash, CENT), (booking.quantity, lot), (booking.units, other))
    )
    if booking.delivered is not None and not all(units.values()):  # too few for a whole one each: in parts of one
        units = _divided(booking.units, holders, FINE)
    made = []
    for name in holders:
        if booking.quantity and not quantity[name]:
            continue  # nothing of it came to this book: its cash, if any, was rounded away to the others
        delivered = booking.delivered if units[name] else None
        part = replace(
            booking, book=name, cash=cash[name], quantity=quantity[name], delivered=delivered, units=units[name]
        )
        made.append(part)
    return made


def _divided(amount: Decimal, holders: dict[str, Decimal], step: Decimal) -> dict[str, Decimal]:
    """An amount in proportion to units, in whole steps where it is one; the largest rests get what is left over."""
    step = step if amount % step == 0 else FINE
    total = sum(map(Fraction, holders.values()), Fraction(0))
    exact = {name: Fraction(amount) * Fraction(units) / total for name, units in holders.items()}
    parts = {name: (value // Fraction(step)) * step for name, value in exact.items()}
    over = amount - sum(parts.values(), ZERO)
    for name in sorted(holders, key=lambda n: (Fraction(parts[n]) - exact[n], n)):
        if over <= 0:
            break
        more = min(step, over)
        parts[name], over = parts[name] + more, over - more
    return parts
