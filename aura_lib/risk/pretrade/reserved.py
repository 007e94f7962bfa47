"""What orders at work may still do to a holding: the most of it, since of a pair only one comes to pass."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from aura_lib.core import Order, Side

ZERO = Decimal(0)
Reserved = dict[tuple[str, Side], Decimal]


def reserved(orders: Sequence[Order]) -> Reserved:
    """(Symbol, side) → the largest quantity that orders at work may still trade.

    Orders of one family (the legs of a bracket or pair, an order and the one that shall replace it) exclude each
    other, and what a package trades its legs do: the largest of them counts. A leg of a bracket counts as far as its
    entry was filled: it waits for the rest.
    """
    parents = {order.parent for order in orders if order.parent}
    related = [order for order in orders if order.parent or order.intent.legs or order.client_id in parents]
    entries = {order.client_id: order for order in related}
    families: dict[tuple[str, str, Side], Decimal] = {}
    for order in related:
        for symbol, side, quantity in _still(order, entries.get(order.parent)):
            family = (order.parent or order.client_id, symbol, side)
            families[family] = max(families.get(family, ZERO), quantity)
    total: Reserved = {}
    for order in orders:
        if order.client_id not in entries:  # most are alone
            way = order.intent.instrument.symbol, order.intent.side
            total[way] = total.get(way, ZERO) + order.remaining
    for (_, symbol, side), quantity in families.items():
        total[symbol, side] = total.get((symbol, side), ZERO) + quantity
    return total


def _still(order: Order, entry: Order | None) -> list[tuple[str, Side, Decimal]]:
    """What an order may still trade: the contracts of a package, else its instrument."""
    intent = order.intent
    if intent.legs:
        return [(leg.instrument.symbol, leg.side, order.remaining * leg.ratio) for leg in intent.legs]
    waits = entry is not None and not entry.intent.legs and entry.intent.side is not intent.side
    quantity = min(order.remaining, entry.filled) if waits and entry is not None else order.remaining
    return [(intent.symbol, intent.side, quantity)]
