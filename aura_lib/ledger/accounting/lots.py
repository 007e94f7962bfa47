"""Tax lots: what each unit cost and since when it is held, and what was gained when it went.

Lots are kept by book: one strategy never sells what another bought, and the account's lots are those of its books. A
short sale opens a lot of negative units. What an exercised or assigned option cost goes into what it delivers (IRS
Publication 550, "Puts and calls"); a split keeps costs and dates; a new symbol or a merger keeps them too, the cost
less the cash that came; a transfer between books moves lots as they are. Wash sales are not treated: losses that a tax
office may disallow because the same was bought within 30 days stand here in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from aura_lib.core import AssetClass, Booking, BookingKind, Fill, Instrument, Transfer, utc
from aura_lib.ledger.accounting.pile import EXACT, ZERO, Method, Piece, Pile, share, total

if TYPE_CHECKING:
    from aura_lib.ledger.views import AccountView, Event

LONG_DAYS = 365  # held for more days than these, a gain is long-term
_CARRIED = (BookingKind.SYMBOL_CHANGE, BookingKind.MERGER)
_MONEY = (
    BookingKind.DEPOSIT, BookingKind.DIVIDEND, BookingKind.INTEREST, BookingKind.BORROW, BookingKind.FEE,
    BookingKind.CONVERSION, BookingKind.TRANSFER,
)  # fmt: skip

__all__ = ["LONG_DAYS", "Closed", "Lot", "Method", "TaxLots", "tax_lots"]


@dataclass(frozen=True, slots=True)
class Lot:
    """Units held since one moment. `cost` is of all of them, without `fee`; both are negative units' for a short."""

    id: str
    book: str
    instrument: Instrument
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    opened: datetime

    def unrealised(self, price: Decimal) -> Decimal:
        """What would be gained at a price, before fees, in the instrument's currency."""
        worth = EXACT.multiply(EXACT.multiply(self.quantity, price), self.instrument.multiplier)
        return EXACT.subtract(worth, self.cost)


@dataclass(frozen=True, slots=True)
class Closed:
    """Units of a lot that went: what they cost, what they brought, and how long they were held.

    For a short, `quantity` is negative, `cost` what buying back took and `proceeds` what selling brought. `fee` is that
    of both trades; `how` is what closed them: trade, expiry, merger…; `by` its id.
    """

    id: str
    book: str
    instrument: Instrument
    quantity: Decimal
    opened: datetime
    closed: datetime
    cost: Decimal
    proceeds: Decimal
    fee: Decimal
    how: str
    by: str

    @property
    def realised(self) -> Decimal:
        """The gain before fees."""
        return EXACT.subtract(self.proceeds, self.cost)

    @property
    def net(self) -> Decimal:
        """The gain after fees."""
        return EXACT.subtract(self.realised, self.fee)

    @property
    def days(self) -> int:
        """Days held, from date to date (UTC)."""
        return (self.closed.date() - self.opened.date()).days

    @property
    def term(self) -> str:
        """`long` for more than LONG_DAYS days, else `short`."""
        return "long" if self.days > LONG_DAYS else "short"


class Currencies:
    """Which currencies the books have a balance in: trading one against another is then no position, but money."""

    def __init__(self, own: str) -> None:
        self._own, self._of = own, dict[str, set[str]]()

    def see(self, event: Fill | Booking) -> bool:
        """Take notice of an event; whether it is a trade of one balance for another."""
        known, instrument = self._of.setdefault(event.book, {self._own}), event.instrument
        if isinstance(event, Booking):
            known.add(event.currency)
            if event.kind is BookingKind.CONVERSION and instrument is not None:
                known.add(instrument.base)
            return False
        known.add(event.instrument.currency)
        return event.instrument.asset_class is AssetClass.FX and event.instrument.base in known


class TaxLots:
    """Lots folded from the events of an account, in the order they were written.

    `chosen` is, for a client id, the lots (id, quantity) that its sale takes; for all else `method` decides.
    """

    def __init__(
        self,
        currency: str = "USD",
        method: Method = Method.FIFO,
        chosen: Mapping[str, Sequence[tuple[str, Decimal]]] | None = None,
    ) -> None:
        self.currency, self.method = currency, method
        self.methods: dict[str, Method] = {}  # of single books
        self.closed: list[Closed] = []
        self._chosen = {name: dict(lots) for name, lots in (chosen or {}).items()}
        self._piles: dict[tuple[str, str], Pile] = {}
        self._currencies = Currencies(currency)
        self.brought: list[tuple[str, str, Decimal]] = []  # book, currency, what units cost that came without a trade

    def apply(self, events: Iterable[Event]) -> TaxLots:
        """Take in further events."""
        with localcontext(EXACT):
            for event in events:
                self._take(event)
        return self

    def open(self, book: str | None = None, symbol: str | None = None) -> list[Lot]:
        """The lots held, the longest held first within each book and symbol."""
        with localcontext(EXACT):
            return [
                Lot(p.id, name, pile.instrument, p.quantity, p.cost, p.fee, p.opened)
                for (name, held), pile in self._piles.items()
                if book in (None, name) and symbol in (None, held)
                for p in pile.pieces()
            ]

    def gone(self, book: str | None = None, since: datetime | None = None) -> list[Closed]:
        """What was closed, in the order it happened; of one book, or after a moment, where they are given."""
        return [c for c in self.closed if book in (None, c.book) and (since is None or c.closed > since)]

    # ----------------------------------------------------------------------------------------------------------------
    def _take(self, event: Event) -> None:
        if isinstance(event, Transfer):
            self._transfer(event)
            return
        money = self._currencies.see(event)
        if isinstance(event, Fill):
            if not money:
                value = event.signed * event.price * event.instrument.multiplier
                self._trade(event, event.instrument, event.signed, value, event.fee)
        elif event.instrument is not None and event.kind not in _MONEY:
            self._booking(event, event.instrument)

    def _pile(self, book: str, instrument: Instrument) -> Pile:
        pile = self._piles.get((book, instrument.symbol))
        if pile is None:
            pile = self._piles[book, instrument.symbol] = Pile(instrument)
        pile.under(self.methods.get(book, self.method))
        return pile

    def _booking(self, event: Booking, instrument: Instrument) -> None:
        units, cash = event.quantity, event.cash
        if event.kind is BookingKind.SPLIT:
            self._pile(event.book, instrument).split(units)
        elif event.kind is BookingKind.IMPORT and event.price is not None:
            value = units * event.price * instrument.multiplier
            self._trade(event, instrument, units, value, ZERO, event.acquired)
            self.brought.append((event.book, instrument.currency, value))
        elif event.delivered is None:
            self._trade(event, instrument, units, -cash, ZERO)
        elif event.kind in _CARRIED:
            self._carry(event, instrument, event.delivered)
        else:
            gone = self._gone(event.book, instrument, -units)
            value, fee = -cash + total(p.cost for p in gone), total(p.fee for p in gone)
            self._trade(event, event.delivered, event.units, value, fee)

    def _gone(self, book: str, instrument: Instrument, quantity: Decimal) -> list[Piece]:
        """Units that leave their pile with what they cost; what it does not have costs nothing."""
        pile = self._pile(book, instrument)
        there = min(abs(quantity), abs(pile.quantity)) if pile.quantity * quantity > 0 else ZERO
        return pile.take(there.copy_sign(quantity)) if there else []

    def _carry(self, event: Booking, old: Instrument, new: Instrument) -> None:
        """Lots become lots of another instrument, at what they cost less the cash that came with it."""
        gone = self._gone(event.book, old, -event.quantity)
        units, cash, count = event.units, event.cash, -event.quantity
        for place, piece in enumerate(gone):
            last = place == len(gone) - 1
            part = units if last else share(event.units, piece.quantity, count)
            paid = cash if last else share(event.cash, piece.quantity, count)
            units, cash, cost = units - part, cash - paid, piece.cost - paid
            if cost * piece.quantity < 0:  # more cash than they cost: the rest is a gain
                self._close(event, Piece(piece.id, piece.quantity, ZERO, ZERO, piece.opened), old, -cost, ZERO)
                cost = ZERO
            self._arrive(event, new, Piece(piece.id, part, cost, piece.fee, piece.opened), event.book)

    def _transfer(self, event: Transfer) -> None:
        if event.instrument is None:
            return
        pile = self._pile(event.source, event.instrument)
        there = abs(event.quantity) <= abs(pile.quantity) and pile.quantity * event.quantity > 0
        gone = pile.take(event.quantity, event.lots) if there else []
        cost = total(piece.cost for piece in gone)
        for book, amount in ((event.source, -cost), (event.target, cost)):
            self.brought.append((book, event.instrument.currency, amount))
        for piece in gone:
            self._arrive(event, event.instrument, piece, event.target)

    def _arrive(self, event: Booking | Transfer, instrument: Instrument, piece: Piece, book: str) -> None:
        pile = self._pile(book, instrument)
        if pile.quantity * piece.quantity < 0:
            count = min(abs(pile.quantity), abs(piece.quantity))
            for met in pile.take(count.copy_sign(pile.quantity)):
                self._meet(event, instrument, met, piece.cut(-met.quantity), book)
        if piece.quantity:
            pile.put(piece)

    def _meet(self, event: Booking | Transfer, instrument: Instrument, one: Piece, other: Piece, book: str) -> None:
        """What one book bought and another sold comes together: the earlier is the lot, the later closed it."""
        lot, end = sorted((one, other), key=lambda piece: piece.opened)
        cost, proceeds = (lot.cost, -end.cost) if lot.quantity > 0 else (end.cost, -lot.cost)
        made = Closed(
            lot.id, book, instrument, lot.quantity, lot.opened, end.opened, cost, proceeds, lot.fee + end.fee,
            _how(event), _id(event),
        )  # fmt: skip
        self.closed.append(made)

    def _trade(
        self,
        event: Fill | Booking,
        instrument: Instrument,
        change: Decimal,
        value: Decimal,
        fee: Decimal,
        since: datetime | None = None,
    ) -> None:
        """Units (signed) for a value (signed alike): they close what is opposite, the rest opens a lot."""
        chosen = self._wanted(event.client_id) if isinstance(event, Fill) else ()
        self._settle(event, instrument, change, value, fee, since or event.time, event.book, chosen)

    def _settle(
        self,
        event: Event,
        instrument: Instrument,
        change: Decimal,
        value: Decimal,
        fee: Decimal,
        since: datetime,
        book: str,
        chosen: Sequence[tuple[str, Decimal]],
    ) -> None:
        pile = self._pile(book, instrument)
        rest = Piece(_id(event), change, value, fee, since)
        if pile.quantity * change < 0:
            count = min(abs(change), abs(pile.quantity))
            out = rest.cut(count.copy_sign(change))  # what closes; what is left of `rest` opens
            for piece in pile.take(-out.quantity, chosen):
                way = out.cut(-piece.quantity) if piece.quantity != -out.quantity else out
                self._close(event, piece, instrument, -way.cost, way.fee, book)
                self._used(event, piece)
        if rest.quantity:
            pile.put(rest)

    def _close(
        self, event: Event, piece: Piece, instrument: Instrument, value: Decimal, fee: Decimal, book: str = ""
    ) -> None:
        """Units went for a value (signed like them)."""
        short = piece.quantity < 0
        cost, proceeds = (-value, -piece.cost) if short else (piece.cost, value)
        how, whose = "trade" if isinstance(event, Fill) else _how(event), book or getattr(event, "book", "")
        made = Closed(
            piece.id, whose, instrument, piece.quantity, piece.opened, event.time, cost, proceeds, piece.fee + fee, how,
            _id(event),
        )  # fmt: skip
        self.closed.append(made)

    def _wanted(self, client_id: str) -> Sequence[tuple[str, Decimal]]:
        return tuple(self._chosen.get(client_id, {}).items())

    def _used(self, event: Event, piece: Piece) -> None:
        wanted = self._chosen.get(event.client_id) if isinstance(event, Fill) else None
        if wanted and piece.id in wanted:
            wanted[piece.id] -= min(wanted[piece.id], abs(piece.quantity))


def _id(event: Event) -> str:
    return event.execution_id if isinstance(event, Fill) else event.id


def _how(event: Booking | Transfer) -> str:
    return "transfer" if isinstance(event, Transfer) else event.kind.value


def tax_lots(view: AccountView, *, method: Method | str | None = None, as_of: datetime | None = None) -> TaxLots:
    """The lots of an account as they stand, or stood at a moment, by its own method or another.

    An account's own method is what it was set to when each event was written (`aura account lots --method`), first in
    first out where nobody set it; lots chosen for single sales come before either.
    """
    until = utc(as_of) if as_of is not None else None
    lots = TaxLots(view.currency, Method(method) if method else Method.FIFO, view.chosen)
    turns = [] if method else list(view.methods)
    start = 0
    for place, name, told in [*turns, (len(view.events), "", "")]:
        lots.apply(e for e in view.events[start:place] if until is None or e.time <= until)
        start = place
        if told and name:
            lots.methods[name] = Method(told)
        elif told:
            lots.method = Method(told)
    return lots
