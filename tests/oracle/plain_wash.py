"""Wash sales recomputed slowly, share by share, in fractions. Nothing of ours.

Every share is an object of its own. Sales take the oldest shares of their book. A share sold at a loss is washed by the
earliest acquired share, of any book, that was acquired at most 30 days before or after, was not bought in the same
trade, replaced no other, and is still held when the sale is over (or comes later). Losses count in the order of sales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction as F


@dataclass
class Share:
    trade: str
    book: str
    cost: F
    bought: date
    sold: date | None = None
    gain: F = F(0)
    washed: F = F(0)
    deferred: F = F(0)
    used: bool = False
    waiting: bool = False


Trade = tuple[str, str, int, F, date]  # its name, book, units (signed), price, day; never more sold than held


def shares_of(trades: Sequence[Trade]) -> list[Share]:
    """Every share that was ever bought, as it stands after all trades, in the order they were bought."""
    shares: list[Share] = []
    losses: list[Share] = []
    for name, book, units, price, day in trades:
        if units > 0:
            fresh = [Share(name, book, price, day) for _ in range(units)]
            shares += fresh
            for loss in losses:
                _wash(loss, fresh)
            continue
        held = sorted((s for s in shares if s.book == book and s.sold is None), key=lambda s: s.bought)
        gone = held[:-units]
        for share in gone:
            share.sold, share.gain = day, price - share.cost
        for share in gone:
            if share.gain < 0:
                share.waiting = True
                _wash(share, [s for s in sorted(shares, key=lambda s: s.bought) if s.sold is None])
                losses.append(share)
    return shares


def _wash(loss: Share, there: Sequence[Share]) -> None:
    assert loss.sold is not None
    for share in there:
        near = abs((share.bought - loss.sold).days) <= 30
        if loss.waiting and near and not share.used and share.trade != loss.trade:
            share.used, loss.waiting = True, False
            loss.washed = -loss.gain
            share.cost, share.deferred = share.cost - loss.gain, -loss.gain
            return
