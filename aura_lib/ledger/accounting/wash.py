"""Wash sales: a loss is deferred as far as the same was bought within 30 days before or after the sale (US law).

The loss goes into the cost of the units that were bought, and with it the time for which those that were sold had been
held (Internal Revenue Code §1091, IRS Publication 550). Losses count in the order of the sales, replacements in the
order in which they were acquired, each unit once (Treasury Regulation §1.1091-1). What is left of the very lot that was
sold replaces nothing (Revenue Ruling 56-602), nor does what was sold together with it. A loss of a short sale is
deferred by another short sale. "The same" is the same symbol: options on it, and funds that hold it, are a person's
judgement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.ledger.accounting.pile import Piece, Pile, share

if TYPE_CHECKING:
    from aura_lib.ledger.accounting.lot import Closed

WINDOW = timedelta(days=30)
FORGOTTEN = 3 * WINDOW  # a loss older than this waits for no purchase, be it told late


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
    """Follows sales and purchases as they come, and defers losses in `closed` and in the piles."""

    def __init__(self, closed: list[Closed]) -> None:
        self._closed = closed
        self._open: dict[str, list[_Loss]] = {}

    def sold(self, piles: Iterable[Pile]) -> None:
        """The last of the closed may be a loss; `piles` are all that hold its instrument."""
        place, made = len(self._closed) - 1, self._closed[-1]
        if made.net >= 0:
            return
        loss = _Loss(place, made.id, made.quantity, -made.net, made.closed.date(), made.days)
        held = [(pile, p) for pile in piles for p in pile.younger(made.closed - WINDOW - timedelta(days=1))]
        for pile, piece in sorted(held, key=lambda pair: pair[1].opened):
            self._match(loss, pile, piece)
        if loss.units:
            self._open.setdefault(made.instrument.symbol, []).append(loss)

    def bought(self, pile: Pile, piece: Piece) -> None:
        """Units came: they may take the place of what was sold at a loss before."""
        symbol, day = pile.instrument.symbol, piece.opened.date()
        if symbol not in self._open:
            return
        self._open[symbol] = [loss for loss in self._open[symbol] if loss.units and day - loss.sold < FORGOTTEN]
        for loss in self._open[symbol]:
            for part in [p for p in pile.younger(piece.opened) if p.id == piece.id]:
                self._match(loss, pile, part)

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Units of a symbol became more or fewer: as many more or fewer take the place of what was sold before."""
        for loss in self._open.get(symbol, ()):
            loss.units *= ratio

    def _match(self, loss: _Loss, pile: Pile, piece: Piece) -> None:
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
