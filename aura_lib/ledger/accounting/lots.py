"""Tax lots: what each unit cost and since when it is held, and what was gained when it went.

Lots are kept by book: one strategy never sells what another bought, and the account's lots are those of its books. A
short sale opens a lot of negative units. What an exercised or assigned option cost goes into what it delivers (IRS
Publication 550, "Puts and calls"). Lots keep their dates through every corporate action, and their costs too: a split
or stock dividend spreads them over other units, a merger or a new symbol moves them (`core.after_boot` says what cash
does to them), a spin-off divides them, a return of capital lowers them, and what comes above a cost is a gain. A
transfer between books moves lots as they are. Wash sales are treated where it is asked for (`wash`), else losses stand
in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from aura_lib.core import AssetClass, Booking, BookingKind, Fill, Instrument, Transfer, after_boot
from aura_lib.ledger.accounting.lot import Closed, Lot
from aura_lib.ledger.accounting.pile import EXACT, ZERO, Method, Piece, Pile, share, total
from aura_lib.ledger.accounting.wash import WashSales

if TYPE_CHECKING:
    from aura_lib.ledger.views import Event

_SPREAD = (BookingKind.SPLIT, BookingKind.STOCK_DIVIDEND)
_CARRIED = (BookingKind.SYMBOL_CHANGE, BookingKind.MERGER)
_MONEY = (
    BookingKind.DEPOSIT, BookingKind.DIVIDEND, BookingKind.INTEREST, BookingKind.BORROW, BookingKind.FEE,
    BookingKind.CONVERSION, BookingKind.TRANSFER,
)  # fmt: skip


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

    `chosen` is, for a client id, the lots (id, quantity) that its sale takes; for all else `method` decides. With
    `wash`, losses of wash sales are deferred over all books; it goes lot by lot, never with average costs. Books whose
    name has a slash in it are other accounts' of the same owner: they count in wash sales and are not told of.
    """

    def __init__(
        self,
        currency: str = "USD",
        method: Method = Method.FIFO,
        chosen: Mapping[str, Sequence[tuple[str, Decimal]]] | None = None,
        *,
        wash: bool = False,
    ) -> None:
        self.currency, self.method = currency, method
        self.methods: dict[str, Method] = {}  # of single books
        self.closed: list[Closed] = []
        self._wash = WashSales(self.closed) if wash else None
        self._split: set[str] = set()  # those that every book has a part of count once
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
                Lot(p.id, name, pile.instrument, p.quantity, p.cost, p.fee, p.opened, p.deferred, p.tacked)
                for (name, held), pile in self._piles.items()
                if _asked(name, book) and symbol in (None, held)
                for p in pile.pieces()
            ]

    def gone(self, book: str | None = None, since: datetime | None = None) -> list[Closed]:
        """What was closed, in the order it happened; of one book, or after a moment, where they are given."""
        return [c for c in self.closed if _asked(c.book, book) and (since is None or c.closed > since)]

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
        if event.kind in _SPREAD:
            self._spread(event, self._pile(event.book, instrument))
        elif event.kind is BookingKind.RETURN_OF_CAPITAL:
            self._repay(event, self._pile(event.book, instrument))
        elif event.kind is BookingKind.SPIN_OFF and event.delivered is not None:
            self._spin_off(event, instrument, event.delivered)
        elif event.kind is BookingKind.IMPORT and event.price is not None:
            value = units * event.price * instrument.multiplier
            self._trade(event, instrument, units, value, ZERO, event.acquired)
            self._bring((event.book, instrument.currency, value))
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
            worth = None if event.price is None else part * event.price * new.multiplier
            piece.cost = self._boot(event, old, piece, paid, worth)
            units, cash, piece.quantity = units - part, cash - paid, part
            self._arrive(event, new, piece, event.book)

    def _boot(self, event: Booking, of: Instrument, piece: Piece, paid: Decimal, worth: Decimal | None) -> Decimal:
        """What units cost once cash came for them; what of it is a gain is written down as one."""
        cost, gain = after_boot(piece.cost, paid, worth)
        if gain:
            self._close(event, replace(piece, cost=paid - gain, fee=ZERO), of, paid, ZERO)
        return cost

    def _spread(self, event: Booking, pile: Pile) -> None:
        before = pile.quantity
        pile.split(event.quantity)
        if self._wash and event.id not in self._split:
            self._split.add(event.id)
            self._wash.split(pile.instrument.symbol, pile.quantity / before)

    def _repay(self, event: Booking, pile: Pile) -> None:
        """Cash for every unit alike is taken off what each lot cost."""
        cash, held, pieces = event.cash, pile.quantity, pile.everything()
        for place, piece in enumerate(pieces):
            paid = cash if place == len(pieces) - 1 else share(event.cash, piece.quantity, held)
            cash -= paid
            piece.cost = self._boot(event, pile.instrument, piece, paid, None)
            pile.put(piece)

    def _spin_off(self, event: Booking, old: Instrument, new: Instrument) -> None:
        """Every lot stays and has a sister, as old as it is, with a part of what it cost."""
        assert event.basis is not None
        pile, units = self._pile(event.book, old), event.units
        held, pieces = pile.quantity, pile.everything()
        for place, piece in enumerate(pieces):
            part = units if place == len(pieces) - 1 else share(event.units, piece.quantity, held)
            units -= part
            moved = [(amount * event.basis) for amount in (piece.cost, piece.fee, piece.deferred)]
            piece.cost, piece.fee, piece.deferred = (
                piece.cost - moved[0], piece.fee - moved[1], piece.deferred - moved[2],
            )  # fmt: skip
            pile.put(piece)
            sister = Piece(piece.id, part, moved[0], moved[1], piece.opened, moved[2], piece.tacked)
            self._arrive(event, new, sister, event.book)

    def _transfer(self, event: Transfer) -> None:
        if event.instrument is None:
            return
        pile = self._pile(event.source, event.instrument)
        there = abs(event.quantity) <= abs(pile.quantity) and pile.quantity * event.quantity > 0
        gone = pile.take(event.quantity, event.lots) if there else []
        cost = total(piece.cost for piece in gone)
        for book, amount in ((event.source, -cost), (event.target, cost)):
            self._bring((book, event.instrument.currency, amount))
        for piece in gone:
            self._arrive(event, event.instrument, piece, event.target)

    def _bring(self, told: tuple[str, str, Decimal]) -> None:
        if _asked(told[0], None):
            self.brought.append(told)

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
            if self._wash:
                self._wash.bought(pile, rest)

    def _close(
        self, event: Event, piece: Piece, instrument: Instrument, value: Decimal, fee: Decimal, book: str = ""
    ) -> None:
        """Units went for a value (signed like them)."""
        short = piece.quantity < 0
        cost, proceeds = (-value, -piece.cost) if short else (piece.cost, value)
        how, whose = "trade" if isinstance(event, Fill) else _how(event), book or getattr(event, "book", "")
        made = Closed(
            piece.id, whose, instrument, piece.quantity, piece.opened, event.time, cost, proceeds, piece.fee + fee, how,
            _id(event), tacked=piece.tacked,
        )  # fmt: skip
        self.closed.append(made)
        if self._wash:
            self._wash.sold([pile for (_, held), pile in self._piles.items() if held == instrument.symbol])

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


def _asked(name: str, book: str | None) -> bool:
    """Whether a book is the one that was asked for, or, for None, any of the account."""
    return name == book if book is not None else "/" not in name
