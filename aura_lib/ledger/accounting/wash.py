"""Wash sales: a loss is deferred as far as the same was bought within 30 days before or after the sale (US law).

The loss goes into the cost of the units that were bought, and with it the time for which those that were sold had been
held (Internal Revenue Code §1091, IRS Publication 550). Losses count in the order of the sales, replacements in the
order in which they were acquired, each unit once (Treasury Regulation §1.1091-1). What is left of the very lot that was
sold replaces nothing (Revenue Ruling 56-602), nor does what was sold together with it. A loss of a short sale is
deferred by another short sale. "The same" is the same symbol: options on it, and funds that hold it, are a person's
judgement.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from aura_lib.ledger.accounting.pile import Piece, Pile, share

if TYPE_CHECKING:
    from aura_lib.ledger.accounting.lot import Closed

WINDOW = timedelta(days=30)
FORGOTTEN = 2 * WINDOW  # a loss older than this waits for no purchase, be it told late


@dataclass(slots=True)
class _Loss:
    """Units sold at a loss that nothing has taken the place of yet; signed as they were held."""

    place: int
    lot: str
    units: Decimal
    amount: Decimal
    sold: date
    days: int


class WashSales:
    """Follows sales and purchases as they come, and defers losses in `closed` and in the piles.

    `moved` is told (book, currency, amount) where a loss of one book goes into what another one's units cost.
    """

    def __init__(self, closed: list[Closed], moved: Callable[[tuple[str, str, Decimal]], None]) -> None:
        self._closed, self._moved = closed, moved
        self._open: dict[str, list[_Loss]] = {}
        self._fresh: dict[str, list[tuple[datetime, int, str, Pile, Piece]]] = {}  # that took no place yet, by age
        self._n = count()

    def there(self, book: str, pile: Pile, piece: Piece) -> None:
        """Units are in a pile, be they bought now or before: they may take a place."""
        if not piece.deferred:
            insort(self._fresh.setdefault(pile.instrument.symbol, []), (piece.opened, next(self._n), book, pile, piece))

    def sold(self) -> None:
        """The last of the closed may be a loss."""
        place, made = len(self._closed) - 1, self._closed[-1]
        if made.net >= 0:
            return
        symbol, day = made.instrument.symbol, made.closed.date()
        loss = _Loss(place, made.id, made.quantity, -made.net, day, made.days)
        fresh = self._fresh.get(symbol, [])
        fresh[:] = [f for f in fresh if f[4].quantity and not f[4].deferred and day - f[0].date() < FORGOTTEN]
        for _, _, book, pile, piece in list(fresh):
            if not loss.units:
                return
            self._match(loss, book, pile, piece)
        if loss.units:
            self._open.setdefault(symbol, []).append(loss)

    def bought(self, book: str, pile: Pile, piece: Piece) -> None:
        """Units were acquired: they may take the place of what was sold at a loss before."""
        self.there(book, pile, piece)
        symbol, day = pile.instrument.symbol, piece.opened.date()
        if symbol not in self._open:
            return
        self._open[symbol] = [loss for loss in self._open[symbol] if loss.units and day - loss.sold < FORGOTTEN]
        for loss in self._open[symbol]:
            if piece.deferred:  # all of it has taken a place
                return
            self._match(loss, book, pile, piece)

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Units of a symbol became more or fewer: as many more or fewer take the place of what was sold before."""
        for loss in self._open.get(symbol, ()):
            loss.units *= ratio

    def _match(self, loss: _Loss, book: str, pile: Pile, piece: Piece) -> None:
        apart = abs(piece.opened.date() - loss.sold)
        same_way = loss.units * piece.quantity > 0
        if not same_way or apart > WINDOW or piece.id == loss.lot or piece.deferred:
            return
        units = min(abs(loss.units), abs(piece.quantity)).copy_sign(loss.units)
        amount = share(loss.amount, units, loss.units)
        loss.units, loss.amount = loss.units - units, loss.amount - amount
        pile.wash(piece, units, amount, loss.days)
        row = self._closed[loss.place]
        self._closed[loss.place] = replace(row, washed=row.washed + amount)
        if row.book != book:
            self._moved((row.book, pile.instrument.currency, -amount))
            self._moved((book, pile.instrument.currency, amount))
