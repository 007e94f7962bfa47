"""What a basket would do to a book, recomputed plainly: the worst of what may be filled, in fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

Leg = tuple[str, int, Fraction | None]  # symbol, signed quantity, limit price


def broken(
    cash: Fraction,
    held: Mapping[str, int],
    at_work: Sequence[tuple[str, int]],  # symbol, signed quantity
    prices: Mapping[str, Fraction],
    legs: Sequence[Leg],
    sectors: Mapping[str, str],
    limits: Mapping[str, Fraction],
) -> list[str]:
    """The names of the limits that an approved basket of a long-only book would break, in the worst case."""
    found = []
    equity = cash + sum(q * prices[s] for s, q in held.items())
    sells, buys = dict[str, int](), dict[str, int]()
    for symbol, quantity in [*at_work, *((s, q) for s, q, _ in legs)]:
        side = buys if quantity > 0 else sells
        side[symbol] = side.get(symbol, 0) + abs(quantity)
    if any(quantity > held.get(symbol, 0) for symbol, quantity in sells.items()):
        found.append("holdings")
    new_sells = {s: -q for s, q, _ in legs if q < 0}
    most = {s: held.get(s, 0) + buys.get(s, 0) for s in {*held, *buys}}
    for symbol, quantity, limit in legs:
        value = abs(quantity) * (max(prices[symbol], limit) if limit and quantity > 0 else prices[symbol])
        if limit and abs(limit - prices[symbol]) > limits["collar"] * prices[symbol]:
            found.append("collar")
        if quantity > 0 and value > limits["max_order_value"]:
            found.append("max_order_value")
        if quantity > 0 and abs(quantity) > limits["max_order_quantity"]:
            found.append("max_order_quantity")
        if quantity > 0 and most[symbol] * prices[symbol] > limits["max_position_weight"] * equity:
            found.append("max_position_weight")
    bought = {sectors[s] for s, q, _ in legs if q > 0}
    for sector in bought:
        weight = sum(q * prices[s] for s, q in most.items() if sectors[s] == sector)
        if weight > limits["max_sector_weight"] * equity:
            found.append("sector")
    spent = sum(q * prices[s] for s, q in buys.items())
    if bought and spent > cash + sum(q * prices[s] for s, q in new_sells.items()):
        found.append("buying_power")
    return found
