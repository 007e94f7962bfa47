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
    other: the largest of them counts. A leg counts as far as its entry was filled: it waits for the rest.
    """
    entries = {order.client_id: order for order in orders}
    families: dict[tuple[str, str, Side], Decimal] = {}
    for order in orders:
        family = (order.parent or order.client_id, order.intent.symbol, order.intent.side)
        quantity = _closing(order, entries.get(order.parent))
        families[family] = max(families.get(family, ZERO), quantity)
    total: Reserved = {}
    for (_, symbol, side), quantity in families.items():
        total[symbol, side] = total.get((symbol, side), ZERO) + quantity
    return total


def _closing(order: Order, entry: Order | None) -> Decimal:
    waits = entry is not None and entry.intent.side is not order.intent.side
    return min(order.remaining, entry.filled) if waits and entry is not None else order.remaining
