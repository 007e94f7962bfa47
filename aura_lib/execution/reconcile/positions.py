"""Holdings and cash: what the ledger adds up to, and what the broker says that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal

from aura_lib.core import (
    Account,
    Booking,
    BookingKind,
    Books,
    Fill,
    Holding,
    InputError,
    Instrument,
    Position,
    Side,
    Snapshot,
    Transfer,
    digest,
    encode,
)
from aura_lib.execution.reconcile.differences import Difference, Halts, Kind, Written
from aura_lib.ledger import AccountView

ZERO = Decimal(0)
FINEST = Decimal("1e-9")  # a difference below this is no unit of anything that is traded
CLOSE = Decimal("0.0001")  # average costs that differ by less than this part agree (N-I02)
_ROUNDED = Context(prec=15).plus  # a price with more digits than this is none that anybody traded at

Entry = Fill | Booking


class Ours:
    """What the ledger adds up to once everything that is offered is written, and what moved lately."""

    def __init__(self, view: AccountView, recent: Sequence[Entry] = ()) -> None:
        self.view = view
        self._books = Books(view.account())
        self._recent = list(recent)  # by time, the latest last

    @property
    def account(self) -> Account:
        """As it stands."""
        return self._books.account

    def take(self, entries: Iterable[Entry], after: datetime) -> list[str]:
        """Count in what would be written; those from after a moment may not be in the broker's snapshot yet.

        What cannot be booked is told, one sentence each.
        """
        problems = []
        for entry in entries:
            try:
                self._books.open(entry.instrument.currency if isinstance(entry, Fill) else entry.currency)
                self._books.book(entry)
            except InputError as error:
                problems.append(str(error))
                continue
            if entry.time > after:
                self._recent.append(entry)
        self._recent.sort(key=lambda e: e.time)
        return problems

    def holdings(self, symbol: str) -> list[Decimal]:
        """What is held of a symbol: now, before the last thing that happened, before the last two, ..."""
        return _back(self.account.quantity(symbol), [_units(e, symbol) for e in self._recent])

    def cash(self, currency: str) -> list[Decimal]:
        """The same for the money in a currency."""
        now = self.account.cash if currency == self.account.currency else self.account.balances.get(currency, ZERO)
        return _back(now, [_money(e, currency) for e in self._recent])


def _back(now: Decimal, changes: Sequence[Decimal]) -> list[Decimal]:
    told = [now]
    for change in reversed(changes):
        if change:
            told.append(told[-1] - change)
    return told


def _units(entry: Entry, symbol: str) -> Decimal:
    if isinstance(entry, Fill):
        return entry.signed if entry.symbol == symbol else ZERO
    delivered = entry.units if entry.delivered is not None and entry.delivered.symbol == symbol else ZERO
    return delivered + (entry.quantity if entry.symbol == symbol else ZERO)


def _money(entry: Entry, currency: str) -> Decimal:
    if isinstance(entry, Fill):
        return entry.cash if entry.instrument.currency == currency else ZERO
    return entry.cash if entry.currency == currency else ZERO


# ── holdings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def alignments(
    ours: Ours, snapshot: Snapshot, prices: Mapping[str, Decimal], ignore: frozenset[str]
) -> Iterator[tuple[Difference, Fill | None]]:
    """Each symbol of either side (the union: a symbol that one side omits is compared too) whose quantities differ.

    With the difference comes the fill that a person may book. It is one fill for the gap: it closes ours and opens
    theirs when the sides are opposite (N-S12), it touches no order, and it is never sent anywhere (N-S13).
    """
    account = ours.account
    for symbol in sorted({*account.positions, *snapshot.holdings} - ignore):
        holding, position = snapshot.holdings.get(symbol), account.positions.get(symbol)
        theirs = holding.quantity if holding else ZERO
        if any(abs(theirs - known) < FINEST for known in ours.holdings(symbol)):
            if position and holding and position.quantity == theirs and (told := _average(position, holding)):
                yield told, None
            continue
        instrument = position.instrument if position else holding.instrument if holding else None
        assert instrument is not None, "a symbol of either side"
        before = position or Position(instrument)
        price = fair_price(before, holding, theirs - before.quantity, prices.get(symbol))
        yield _alignment(ours, instrument, before.quantity, theirs, price, snapshot.taken)


def fair_price(position: Position, holding: Holding | None, gap: Decimal, mid: Decimal | None = None) -> Decimal | None:
    """What a missing trade of `gap` units may have cost.

    First the price that makes the average come out as the broker tells it, then the market's mid, then the average
    cost so far; None without any of them, and then nothing is offered.
    """
    average = holding.average_cost if holding else None
    after = position.quantity + gap
    if average is not None and after:
        if position.quantity * after <= 0:  # opened, or turned round: what is held now was bought at this price
            return _usable(average)
        if abs(after) > abs(position.quantity):
            right = (after * average - position.quantity * position.average_cost) / gap
            if usable := _usable(right):
                return usable
    return _usable(mid) or _usable(position.average_cost)


def _usable(price: Decimal | None) -> Decimal | None:
    return _ROUNDED(price) if price is not None and price.is_finite() and price > 0 else None


def _alignment(
    ours: Ours, instrument: Instrument, before: Decimal, after: Decimal, price: Decimal | None, taken: datetime
) -> tuple[Difference, Fill | None]:
    symbol, gap = instrument.symbol, after - before
    fact = _last(ours.view, symbol)
    fill = None
    if price is not None:
        name = f"align:{digest([ours.view.name, symbol, before, after, fact])[:24]}"
        side = Side.BUY if gap > 0 else Side.SELL
        book = owner(ours.view, symbol)
        fill = Fill(name, name, ours.view.name, book, instrument, side, abs(gap), price, ZERO, taken)
    mending = (Written("fill", {"fill": encode(fill), "cursor": ""}, f"fill:{fill.execution_id}"),) if fill else ()
    difference = Difference(
        Kind.POSITION, symbol, str(before), str(after), (*_cases(before, after), "N-R06", "N-S13", "N-I01"),
        _meaning(symbol, before, after, fill), Halts.ACCOUNT, symbol, mending, fact=fact,
    )  # fmt: skip
    return difference, fill


def _cases(ours: Decimal, theirs: Decimal) -> tuple[str, ...]:
    if ours * theirs < 0:
        return ("N-S12",)
    if not ours:
        return ("N-W02", "N-S09" if theirs > 0 else "N-S10")
    if abs(theirs) < abs(ours):
        return ("N-S11",)
    return ("N-S09",) if theirs > 0 else ("N-S10",)


def _meaning(symbol: str, ours: Decimal, theirs: Decimal, fill: Fill | None) -> str:
    told = f"the ledger adds up to {ours} {symbol} and the broker holds {theirs}, and no execution explains it"
    if fill is None:
        return f"{told}; without any price nothing can be offered: book it by hand"
    whose = f"book {fill.book}" if fill.book else "no book's (traded or transferred outside Aura)"
    return f"{told}; offered: {fill.side.value} {fill.quantity} at {fill.price}, {whose}"


def owner(view: AccountView, symbol: str) -> str:
    """The one book that holds a symbol or has an order in it; "" when there is none, or more than one."""
    holders = {book for book in view.books if view.account(book).quantity(symbol)}
    holders |= {o.book for o in view.live_orders() if o.intent.symbol == symbol}
    holders.discard("")
    return holders.pop() if len(holders) == 1 else ""


def _last(view: AccountView, symbol: str) -> str:
    """The last thing the ledger has of a symbol: what looks the same later is another fact."""
    return next((f.execution_id for f in reversed(view.fills) if f.symbol == symbol), "")


def _average(position: Position, holding: Holding) -> Difference | None:
    told, ours = holding.average_cost, position.average_cost
    if told is None or not told or not position.quantity or abs(told - ours) <= CLOSE * abs(told):
        return None
    return Difference(
        Kind.AVERAGE_COST, position.instrument.symbol, f"{ours:.6f}", f"{told:.6f}", ("N-I02", "N-I03", "N-S06"),
        "quantities agree and average costs do not: ours is kept (the broker may count lots or fees otherwise)",
        symbol=position.instrument.symbol,
    )  # fmt: skip


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def cash(ours: Ours, snapshot: Snapshot, step: Decimal, book: Callable[[], str]) -> Iterator[Difference]:
    """Each currency in which the amounts differ by more than the broker's rounding of every trade may explain.

    It is the rest that is left once everything else that is offered is written: a trade that was missed explains its
    cash, a holding that was transferred in does not pay for itself.
    """
    account = ours.account
    told = {snapshot.currency: snapshot.cash, **snapshot.balances}
    slack = step * (len(ours.view.fills) + 1) / 2
    for currency in sorted({account.currency, *account.balances, *told}):
        theirs, known = told.get(currency, ZERO), ours.cash(currency)
        if not any(abs(theirs - amount) <= slack for amount in known):
            yield _money_differs(ours, currency, known[0], theirs, snapshot.taken, book())


def _money_differs(
    ours: Ours, currency: str, before: Decimal, after: Decimal, taken: datetime, book: str
) -> Difference:
    view = ours.view
    fact = digest([[f.execution_id for f in view.fills[-1:]], len(view.fills), str(view.account().cash)])[:12]
    name = f"align:{digest([view.name, currency, before, after, fact])[:24]}"
    booking = Booking(
        name, BookingKind.DEPOSIT, after - before, currency, taken, note="reconciled", account=view.name, book=book
    )
    entry = Written("booking", {"booking": encode(booking)}, f"booking:{name}")
    return Difference(
        Kind.CASH, f"cash {currency}", str(before), str(after), ("N-R06", "N-I08"),
        f"the ledger adds up to {before} {currency} and the broker has {after}: money moved that nothing here tells of",
        Halts.ACCOUNT, mending=(entry,), fact=fact,
    )  # fmt: skip


# ── books ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def unattributed(view: AccountView) -> Iterator[Difference]:
    """What was traded outside Aura against a book's holding: the book still counts on what the account has not."""
    outside = view.account("")
    for symbol, quantity in outside.holdings.items():
        against = {b: view.account(b).quantity(symbol) for b in view.books if b}
        against = {b: q for b, q in against.items() if q * quantity < 0}
        if against:
            yield _unattributed(view, symbol, outside.positions[symbol], against)


def _unattributed(view: AccountView, symbol: str, outside: Position, against: Mapping[str, Decimal]) -> Difference:
    ours = ", ".join(f"book {b} {q}" for b, q in sorted(against.items()))
    fact = _last(view, symbol)
    mending: tuple[Written, ...] = ()
    if len(against) == 1:
        ((book, held),) = against.items()
        mending = _attribution(view, book, held, outside, fact)
    return Difference(
        Kind.UNATTRIBUTED, symbol, ours, f"{outside.quantity} outside Aura", ("N-S04", "N-S13"),
        f"{symbol} was traded outside Aura against what a book holds: until a person says whose trade it was, that "
        "book's holding is not all there", Halts.SYMBOL, symbol, mending, fact=fact,
    )  # fmt: skip


def _attribution(view: AccountView, book: str, held: Decimal, outside: Position, fact: str) -> tuple[Written, ...]:
    """The units go where they are missing, and what they were traded for goes the other way."""
    units, price, instrument = min(abs(held), abs(outside.quantity)), outside.average_cost, outside.instrument
    giver, taker = (book, "") if held > 0 else ("", book)
    when = next(f.time for f in reversed(view.fills) if f.symbol == instrument.symbol)
    name = f"attribute:{digest([view.name, instrument.symbol, book, units, fact])[:24]}"
    moved = Transfer(f"{name}:units", giver, taker, when, instrument=instrument, quantity=units, price=price)
    paid = Transfer(
        f"{name}:cash", taker, giver, when, cash=units * price * instrument.multiplier, currency=instrument.currency
    )
    return tuple(Written("transfer", {"transfer": encode(t)}, f"transfer:{t.id}") for t in (moved, paid))
