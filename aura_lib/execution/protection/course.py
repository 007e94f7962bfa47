"""What rules go by and no single price tells: since when a position is held, its best price, a book's drawdown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from aura_lib.core import Booking, BookingKind, DataError, Fill, Transfer
from aura_lib.execution.feed import Feed
from aura_lib.ledger import AccountView

ZERO, ONE = Decimal(0), Decimal(1)
MONEY = frozenset({BookingKind.DEPOSIT, BookingKind.IMPORT, BookingKind.TRANSFER})


class Openings:
    """Since when every position of an account is held, kept up with its events."""

    def __init__(self) -> None:
        self._n = 0
        self._last: object = None
        self._held: dict[tuple[str, str], tuple[Decimal, datetime]] = {}

    def since(self, view: AccountView, book: str, symbol: str) -> datetime | None:
        """When a position was opened; None when there is none."""
        events = view.events
        if self._n > len(events) or (self._n and events[self._n - 1] is not self._last):  # something was taken out
            self._n, self._held = 0, {}
        for event in events[self._n :]:
            self._take(event)
        self._n, self._last = len(events), events[-1] if events else None
        quantity, since = self._held.get((book, symbol), (ZERO, None))
        return since if quantity else None

    def _take(self, event: Fill | Booking | Transfer) -> None:
        if isinstance(event, Transfer):
            self._change(event.source, event.symbol, -event.quantity, event.time)
            self._change(event.target, event.symbol, event.quantity, event.time)
        elif isinstance(event, Fill):
            self._change(event.book, event.symbol, event.signed, event.time)
        else:
            if event.instrument is not None and event.quantity and event.kind is not BookingKind.CONVERSION:
                self._change(event.book, event.instrument.symbol, event.quantity, event.time)
            if event.delivered is not None:
                self._change(event.book, event.delivered.symbol, event.units, event.time)

    def _change(self, book: str, symbol: str, change: Decimal, time: datetime) -> None:
        held, since = self._held.get((book, symbol), (ZERO, time))
        after = held + change
        self._held[book, symbol] = (after, since if held * after > 0 else time)


class Best:
    """The best price of a position while a rule stood: the highest of a long one, the lowest of a short one."""

    def __init__(self, start: datetime, price: Decimal, *, long: bool) -> None:
        self.price, self._until, self._long = price, start, long

    def follow(self, feed: Feed, symbol: str, now: datetime) -> Decimal:
        """The best up to a moment."""
        for moment in feed.moments(self._until, now):
            if (price := feed.prices(moment).get(symbol)) is not None:
                self.price = max(self.price, price) if self._long else min(self.price, price)
        self._until = max(self._until, now)
        return self.price


class Drawdown:
    """How far a book is under its best since a moment, whatever money was paid in and out."""

    def __init__(self, book: str, start: datetime) -> None:
        self._book, self._until = book, start
        self._worth: Decimal | None = None
        self._index = self._peak = ONE

    def follow(self, view: AccountView, feed: Feed, now: datetime) -> Decimal | None:
        """The fraction lost since the best moment, at a moment; None when the book cannot be valued at it."""
        if self._worth is None:
            self._worth = _worth(view, feed, self._book, self._until)
        lost: Decimal | None = None
        for moment in feed.moments(self._until, now):
            lost = self._step(view, feed, moment)
        return lost if lost is not None else ONE - self._index / self._peak

    def _step(self, view: AccountView, feed: Feed, moment: datetime) -> Decimal | None:
        worth = _worth(view, feed, self._book, moment)
        if worth is None:
            return None
        if self._worth is not None and self._worth > 0:
            paid = _paid(view, feed, self._book, self._until, moment)
            self._index *= max(worth - paid, ZERO) / self._worth
        self._peak, self._worth, self._until = max(self._peak, self._index), worth, moment
        return ONE - self._index / self._peak


def _worth(view: AccountView, feed: Feed, book: str, at: datetime) -> Decimal | None:
    try:
        return view.account(book, at).equity(feed.prices(at))
    except DataError:
        return None


def _paid(view: AccountView, feed: Feed, book: str, after: datetime, until: datetime) -> Decimal:
    """What came into a book in (after, until] that was not earned."""
    total, prices = ZERO, feed.prices(until)
    for event in view.events:
        if isinstance(event, Fill) or not after < event.time <= until:
            continue
        if isinstance(event, Transfer):
            sign = (event.target == book) - (event.source == book)
            price = event.price or prices.get(event.symbol, ZERO)
            scale = event.instrument.multiplier if event.instrument else ONE
            total += sign * (event.cash + event.quantity * price * scale)
        elif event.book == book and event.kind in MONEY:
            price = (
                prices.get(event.instrument.symbol, ZERO) * event.instrument.multiplier if event.instrument else ZERO
            )
            total += event.cash + event.quantity * price
    return total
