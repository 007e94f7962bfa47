"""The course of a book: its fills and bookings in the order they were written, and how it stood at any moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from decimal import Decimal

from aura_lib.core import Account, Booking, BookingKind, Books, Fill

ZERO = Decimal(0)
EVER = datetime.min.replace(tzinfo=UTC)  # the time of money paid in by an entry that does not tell when
STEP = 256  # entries between two marks
MARKS = 256  # at most; older ones are thinned out, so that a moment long ago takes longer to fold than a recent one


class Course:
    """A book, or a whole account, that takes one entry after another and remembers how it came there.

    An entry may be late (its time before that of one that was written earlier): it counts from its own time on.
    """

    def __init__(self, name: str, currency: str) -> None:
        self._opening = Account(name, ZERO, currency)
        self._books = Books(self._opening)
        self.entries: list[Fill | Booking] = []
        self._peaks: list[datetime] = []  # the latest time among the entries up to each
        self._late: list[int] = []  # places of entries that are earlier than one before them
        self._marks: list[tuple[int, Account]] = [(0, self._opening)]

    @property
    def account(self) -> Account:
        """How it stands after all entries."""
        return self._books.account

    def brought(self, currency: str) -> Decimal:
        """What units cost, as a whole, that were imported or transferred here, less those transferred away."""
        told = [
            e for e in self.entries if isinstance(e, Booking) and e.kind in (BookingKind.IMPORT, BookingKind.TRANSFER)
        ]
        came = [(e, e.instrument) for e in told if e.instrument is not None and e.instrument.currency == currency]
        return sum((e.quantity * (e.price or ZERO) * instrument.multiplier for e, instrument in came), ZERO)

    def take(self, entry: Fill | Booking) -> None:
        """Write one entry down. One that cannot be booked raises InputError and changes nothing."""
        _book(self._books, entry)
        place = len(self.entries)
        peak = self._peaks[-1] if place else EVER
        if entry.time < peak:
            self._late.append(place)
        self.entries.append(entry)
        self._peaks.append(max(peak, entry.time))
        if (place + 1) % STEP == 0:
            self._mark()

    def _mark(self) -> None:
        self._marks.append((len(self.entries), self.account))
        if len(self._marks) > MARKS:
            half = MARKS // 2
            self._marks = self._marks[:half:2] + self._marks[half:]

    def at(self, until: datetime) -> Account:
        """How it stood at a moment: all entries up to that time, in the order they were written."""
        if not self._peaks or until >= self._peaks[-1]:
            return self.account
        end = bisect_right(self._peaks, until)  # of these none is later; of those behind, only late ones are earlier
        start, account = self._marks[bisect_right(self._marks, end, key=lambda mark: mark[0]) - 1]
        books = Books(account)
        for entry in self.entries[start:end]:
            _book(books, entry)
        for place in self._late[bisect_left(self._late, end) :]:
            if self.entries[place].time <= until:
                _book(books, self.entries[place])
        return books.account

    def drop(self, entry: Fill | Booking) -> None:
        """Take an entry out as if it had never been; what follows it is folded again."""
        place = next(n for n in range(len(self.entries) - 1, -1, -1) if self.entries[n] is entry)
        self._marks = [mark for mark in self._marks if mark[0] <= place]
        start, account = self._marks[-1]
        again = self.entries[start:place] + self.entries[place + 1 :]
        self._books = Books(account)
        del self.entries[start:], self._peaks[start:], self._late[bisect_left(self._late, start) :]
        for other in again:
            self.take(other)


def _book(books: Books, entry: Fill | Booking) -> None:
    """Facts are never refused for their currency: an account gets its balance in one when something happens in it."""
    instrument = entry.instrument
    before = books.as_of
    if isinstance(entry, Booking):
        books.open(entry.currency)
        if entry.kind is BookingKind.CONVERSION and instrument is not None:
            books.open(instrument.base)
    elif instrument is not None:
        books.open(instrument.currency)
    books.book(entry)
    if entry.time is EVER:
        books.as_of = before
