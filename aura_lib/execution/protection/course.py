"""What rules go by and no single price tells: since when a position is held, its best price, a book's drawdown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from aura_lib.core import SPREAD, Booking, BookingKind, DataError, Fill, Transfer
from aura_lib.execution.feed import Feed
from aura_lib.ledger import AccountView

ZERO, ONE = Decimal(0), Decimal(1)
WAIT = timedelta(days=5)  # in which a broker books a split
MONEY = frozenset({BookingKind.DEPOSIT, BookingKind.IMPORT, BookingKind.TRANSFER})


class Openings:
    """Since when every position of an account is held, kept up with its events."""

    def __init__(self) -> None:
        self._n = 0
        self._last: object = None
        self._held: dict[tuple[str, str], tuple[Decimal, datetime]] = {}
        self._splits: dict[tuple[str, str], list[tuple[datetime, Decimal]]] = {}

    def since(self, view: AccountView, book: str, symbol: str) -> datetime | None:
        """When a position was opened; None when there is none."""
        self._follow(view)
        quantity, since = self._held.get((book, symbol), (ZERO, None))
        return since if quantity else None

    def splits(self, view: AccountView, book: str, symbol: str) -> list[tuple[datetime, Decimal]]:
        """When a position was split, and how many units became of one, in the order they were written."""
        self._follow(view)
        return self._splits.get((book, symbol), [])

    def _follow(self, view: AccountView) -> None:
        events = view.events
        if self._n > len(events) or (self._n and events[self._n - 1] is not self._last):  # something was taken out
            self._n, self._held, self._splits = 0, {}, {}
        for event in events[self._n :]:
            self._take(event)
        self._n, self._last = len(events), events[-1] if events else None

    def _take(self, event: Fill | Booking | Transfer) -> None:
        if isinstance(event, Transfer):
            self._change(event.source, event.symbol, -event.quantity, event.time)
            self._change(event.target, event.symbol, event.quantity, event.time)
        elif isinstance(event, Fill):
            self._change(event.book, event.symbol, event.signed, event.time)
        else:
            if event.kind in SPREAD:
                held, _ = self._held.get((event.book, event.symbol), (ZERO, event.time))
                if held:
                    told = self._splits.setdefault((event.book, event.symbol), [])
                    told.append((event.time, (held + event.quantity) / held))
            if event.instrument is not None and event.quantity and event.kind is not BookingKind.CONVERSION:
                self._change(event.book, event.instrument.symbol, event.quantity, event.time)
            if event.delivered is not None:
                self._change(event.book, event.delivered.symbol, event.units, event.time)

    def _change(self, book: str, symbol: str, change: Decimal, time: datetime) -> None:
        held, since = self._held.get((book, symbol), (ZERO, time))
        after = held + change
        self._held[book, symbol] = (after, since if held * after > 0 else time)


def awaited(view: AccountView, feed: Feed, symbol: str, since: datetime, now: datetime) -> bool:
    """Whether the prices of a symbol were split and the broker has not booked it yet: no price says anything then."""
    told = [a.time for a in feed.actions(max(since, now - WAIT), now) if a.symbol == symbol and a.split]
    booked = [b.time for b in view.bookings if b.kind in SPREAD and b.symbol == symbol]
    return any(all(abs(time - at) > WAIT for at in booked) for time in told)


class Best:
    """The best price of a position while a rule stood: the highest of a long one, the lowest of a short one.

    In units of now: a price from before a split counts divided by it.
    """

    def __init__(self, start: datetime, price: Decimal, *, long: bool) -> None:
        self.price, self._start, self._until, self._long, self._divided = price, start, start, long, 0

    def follow(
        self, feed: Feed, symbol: str, now: datetime, splits: Sequence[tuple[datetime, Decimal]] = ()
    ) -> Decimal:
        """The best up to a moment."""
        for moment in feed.moments(self._until, now):
            self._divide(splits, moment)
            if (price := feed.prices(moment).get(symbol)) is not None:
                self.price = max(self.price, price) if self._long else min(self.price, price)
        self._divide(splits, now)
        self._until = max(self._until, now)
        return self.price

    def _divide(self, splits: Sequence[tuple[datetime, Decimal]], moment: datetime) -> None:
        """Take in the splits up to a moment that were not taken in before."""
        for time, ratio in splits[self._divided :]:
            if time > moment:
                return
            self._divided += 1
            if time > self._start:
                self.price /= ratio


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
