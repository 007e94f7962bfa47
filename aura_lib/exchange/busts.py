"""A trade that the venue takes back: the position and the cash are as if it had not been."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from aura_lib.core import Fill, Position
from aura_lib.exchange.matching import Exchange

ZERO = Decimal(0)


def bust(exchange: Exchange, fill: Fill) -> None:
    """Take a trade back. What was traded after it stays; the order it belonged to is not opened again."""
    floor = exchange._floor
    before = floor.books.positions.get(fill.symbol)
    floor.books.trade(fill.instrument, -fill.signed, fill.price, -fill.cash, -fill.fee, fill.time)
    if before is not None:
        floor.books.positions[fill.symbol] = without(before, fill)
    floor.purse.forget()
    floor.watch()


def anew(exchange: Exchange, fill: Fill) -> None:
    """Write down the trade that a correction puts in the place of one that was taken back."""
    exchange._floor.books.fill(fill)
    exchange._floor.purse.forget()
    exchange._floor.watch()


def without(position: Position, fill: Fill) -> Position:
    """The position as if a trade had not been made.

    A purchase leaves the average cost that the others have; what was closed comes back at the average cost, and what it
    gained is gone. Where that cost is not known any more, the position being closed or turned round since, the price
    of the trade stands for it.
    """
    held, change = position.quantity, fill.signed
    left = held - change
    if held * change > 0 and abs(held) >= abs(change):  # it opened the position, or added to it
        cost = (held * position.average_cost - change * fill.price) / left if left else ZERO
        return replace(position, quantity=left, average_cost=cost)
    if held * change < 0:  # it closed a part
        gain = abs(change) * (fill.price - position.average_cost) * (1 if held > 0 else -1)
        return replace(position, quantity=left, realised=position.realised - gain * fill.instrument.multiplier)
    return replace(position, quantity=left, average_cost=fill.price)
