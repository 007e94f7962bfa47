"""A trade that the venue takes back: the position and the cash are as if it had not been."""

from __future__ import annotations

from aura_lib.core import Fill
from aura_lib.exchange.matching import Exchange


def bust(exchange: Exchange, fill: Fill) -> None:
    """Take a trade back. What was traded after it stays; the order it belonged to is not opened again."""
    floor = exchange._floor
    floor.books.trade(fill.instrument, -fill.signed, fill.price, -fill.cash, -fill.fee, fill.time)
    floor.purse.forget()
    floor.watch()
