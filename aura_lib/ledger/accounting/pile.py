"""The open lots of one instrument in one book, and how a closing trade takes from them."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from aura_lib.core import InputError, Instrument

ZERO = Decimal(0)
NEVER = datetime.max.replace(tzinfo=UTC)
EXACT = Context(prec=72, rounding=ROUND_HALF_EVEN)  # a product of quantity and price never loses a digit
QUANTUM = Decimal("1e-30")  # of a share of a cost that has no end; the rest stays with the other part: sums are exact


class Method(StrEnum):
    """How a sale finds what it sells, where nobody chose the lots."""

    FIFO = "fifo"  # those held longest, at what each cost
    AVERAGE = "average"  # those held longest, at what all cost on average


@dataclass(slots=True)
class Piece:
    """Units of one origin. `cost` and `fee` are of all of them; quantity and cost are negative for a short.

    Of units that took the place of others in a wash sale, `deferred` is the loss within their cost, and `tacked` the
    days that those were held; they take no other's place.
    """

    id: str
    quantity: Decimal
    cost: Decimal
    fee: Decimal
    opened: datetime
    deferred: Decimal = ZERO
    tacked: int = 0

    def cut(self, quantity: Decimal) -> Piece:
        """Take units away from it, with their share of cost and fee."""
        cost, fee = share(self.cost, quantity, self.quantity), share(self.fee, quantity, self.quantity)
        deferred = share(self.deferred, quantity, self.quantity) if self.deferred else ZERO
        self.quantity, self.cost, self.fee = self.quantity - quantity, self.cost - cost, self.fee - fee
        self.deferred -= deferred
        return Piece(self.id, quantity, cost, fee, self.opened, deferred, self.tacked)


class Pile:
    """The open lots of one instrument in one book, the longest held first. All are long, or all are short."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument, self.method = instrument, Method.FIFO
        self._pieces: deque[Piece] = deque()
        self._all = Piece("", ZERO, ZERO, ZERO, NEVER)  # the sums, and under AVERAGE all there is

    @property
    def quantity(self) -> Decimal:
        """Units of all lots, signed."""
        return self._all.quantity

    def pieces(self) -> list[Piece]:
        """The lots as they stand; under AVERAGE each has its share of what all cost."""
        if self.method is Method.FIFO:
            return list(self._pieces)
        rest = Piece("", self._all.quantity, self._all.cost, self._all.fee, self._all.opened)
        cuts = [rest.cut(piece.quantity) for piece in self._pieces]
        return [Piece(p.id, c.quantity, c.cost, c.fee, p.opened) for p, c in zip(self._pieces, cuts, strict=True)]

    def under(self, method: Method) -> None:
        """Sell by another method from now on: what was averaged stays so."""
        if method is not self.method:
            self._pieces, self.method = deque(self.pieces()), method

    def put(self, piece: Piece) -> None:
        """Add a lot."""
        if not self._pieces or self._pieces[-1].opened <= piece.opened:
            self._pieces.append(piece)
        else:  # it is older than some that are here: it came from another book, or was imported
            ordered = list(self._pieces)
            insort(ordered, piece, key=lambda p: p.opened)
            self._pieces = deque(ordered)
        self._sum(piece, 1)

    def take(self, quantity: Decimal, chosen: Sequence[tuple[str, Decimal]] = ()) -> list[Piece]:
        """Take units (signed like the pile, at most all of it) from the chosen lots, then from the longest held."""
        sign = 1 if self.quantity > 0 else -1
        taken, left = [], abs(quantity)
        for name, units in chosen if self.method is Method.FIFO else ():
            for piece in [p for p in self._pieces if p.id == name]:  # more than one where a part was a wash sale's
                if some := min(left, units, abs(piece.quantity)):
                    taken.append(self._from(piece, some * sign))
                    left, units = left - some, units - some
        while left:
            first = self._pieces[0]
            taken.append(self._from(first, min(left, abs(first.quantity)) * sign))
            left -= abs(taken[-1].quantity)
        return taken

    def _from(self, piece: Piece, quantity: Decimal) -> Piece:
        part = piece.cut(quantity)
        if not piece.quantity:
            self._pieces.popleft() if self._pieces[0] is piece else self._pieces.remove(piece)
        if self.method is Method.FIFO:
            self._sum(part, -1)
            return part
        pooled = self._all.cut(quantity)
        return Piece(part.id, quantity, pooled.cost, pooled.fee, part.opened)

    def everything(self) -> list[Piece]:
        """Take all there is, each lot with what it costs; an empty pile has nothing."""
        return self.take(self.quantity) if self.quantity else []

    def younger(self, than: datetime) -> list[Piece]:
        """The lots opened at a moment or later, the oldest first."""
        found = []
        for piece in reversed(self._pieces):
            if piece.opened < than:
                break
            found.append(piece)
        return found[::-1]

    def wash(self, piece: Piece, quantity: Decimal, loss: Decimal, days: int) -> None:
        """Let units of a lot that is here take the place of others that were sold at a loss, and held for so long."""
        part = piece if quantity == piece.quantity else piece.cut(quantity)
        if part is not piece:
            self._pieces.insert(self._pieces.index(piece), part)
        part.cost, part.deferred, part.tacked = part.cost + loss, loss, days
        self._all.cost += loss

    def _sum(self, piece: Piece, sign: int) -> None:
        every = self._all
        every.quantity += sign * piece.quantity
        every.cost += sign * piece.cost
        every.fee += sign * piece.fee

    def split(self, change: Decimal) -> None:
        """Spread units that a split gave or took over the lots; what they cost stays."""
        before, after = self.quantity, self.quantity + change
        if before * after <= 0:
            raise InputError(f"{self.instrument.symbol}: a split cannot turn {before} units into {after}")
        given = ZERO
        for piece in self._pieces:
            more = share(change, piece.quantity, before)
            piece.quantity, given = piece.quantity + more, given + more
        self._pieces[-1].quantity += change - given
        self._all.quantity = after


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The share of an amount that a part has in a whole; what it lacks of exactness the rest of the whole has."""
    return amount if part == whole else (amount * part / whole).quantize(QUANTUM, context=EXACT).normalize()


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return sum(amounts, ZERO)
