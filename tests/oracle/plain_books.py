"""An account on margin, recomputed slowly and plainly: shorts, actions, carry, currencies, options. Nothing of ours.

Market orders fill at the close of the bar after the one they were sent at, moved by slippage (rounded to 6 decimals,
fees to 4). A bar begins with its dividends and splits; then come interest and borrow for the calendar days since the
bar before (Actual/360, on the balances there are and on shorts at the last close); then the trades, sells first, an
order that a split met on its way multiplied like a holding and cut to whole units; then,
at an option's last bar, its exercise (in the money by a cent or more; in shares at the strike) or its end. A purchase
in another currency first buys what is missing of it at the pair's close, that cost rounded up to 4 decimals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction as F
from typing import Any


@dataclass
class World:
    """What the account trades in. A pair of currencies is a path of prices under its name, such as EURUSD."""

    closes: Mapping[str, Sequence[float]]
    days: Sequence[date]
    cash: int
    currency: Mapping[str, str] = field(default_factory=dict)
    multiplier: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, tuple[str, float, str, int]] = field(default_factory=dict)  # underlying, strike, right, last
    actions: Mapping[int, Sequence[tuple[str, float, float]]] = field(default_factory=dict)  # symbol, dividend, split
    slippage_bps: float = 0
    commission_bps: float = 0
    borrow: float = 0
    credit: float = 0
    debit: float = 0

    def price(self, symbol: str, row: int) -> F:
        return F(repr(self.closes[symbol][row]))

    def rate(self, currency: str, row: int) -> F:
        return F(1) if currency == "USD" else self.price(f"{currency}USD", row)

    def unit(self, symbol: str) -> int:
        return self.multiplier.get(symbol, 1)


def play(world: World, orders: Sequence[tuple[int, str, int]]) -> tuple[list[F], int]:
    """Equity at every bar, and the number of trades; `orders` are (row sent, symbol, signed units)."""
    money: dict[str, F] = {"USD": F(world.cash)}
    held: dict[str, F] = {}
    path, trades = [], 0
    for row in range(len(world.days)):
        _actions(world, row, held, money)
        if row:
            _carry(world, row, held, money)
        splits = {s: F(repr(x)) for s, _, x in world.actions.get(row, ()) if x == x}
        due = [(s, math.trunc(q * splits.get(s, F(1)))) for sent, s, q in orders if sent == row - 1]
        due = [(s, q) for s, q in due if q]
        for symbol, units in sorted(due, key=lambda order: order[1] > 0):
            _trade(world, row, symbol, units, held, money)
            trades += 1
        _expire(world, row, held, money)
        path.append(
            sum((m * world.rate(c, row) for c, m in money.items()), F(0))
            + sum(
                (
                    q * world.price(s, row) * world.unit(s) * world.rate(world.currency.get(s, "USD"), row)
                    for s, q in held.items()
                    if q
                ),
                F(0),
            )
        )
    return path, trades


def _trade(world: World, row: int, symbol: str, units: int, held: dict[str, F], money: dict[str, F]) -> None:
    sign = 1 if units > 0 else -1
    price = round(world.price(symbol, row) * (1 + sign * F(repr(world.slippage_bps)) / 10_000), 6)
    value = abs(units) * price * world.unit(symbol)
    fee = round(value * F(repr(world.commission_bps)) / 10_000, 4)
    currency = world.currency.get(symbol, "USD")
    if currency != "USD" and units > 0:
        missing = value + fee - max(money.get(currency, F(0)), F(0))
        if missing > 0:
            money[currency] = money.get(currency, F(0)) + missing
            money["USD"] -= F(math.ceil(missing * world.rate(currency, row) * 10_000), 10_000)
    money[currency] = money.get(currency, F(0)) - sign * value - fee
    held[symbol] = held.get(symbol, F(0)) + units


def _actions(world: World, row: int, held: dict[str, F], money: dict[str, F]) -> None:
    for symbol, dividend, split in world.actions.get(row, ()):
        units = held.get(symbol, F(0))
        if not units:
            continue
        if dividend == dividend:
            money["USD"] += round(units * F(repr(dividend)), 4)
        if split == split:
            ratio = F(repr(split))
            after = units * ratio
            whole = F(math.trunc(after))
            price = round(world.price(symbol, row - 1) / ratio, 6)
            money["USD"] += round((after - whole) * price, 4)
            held[symbol] = whole


def _carry(world: World, row: int, held: dict[str, F], money: dict[str, F]) -> None:
    days = (world.days[row] - world.days[row - 1]).days
    for currency, amount in list(money.items()):
        rate = world.credit if amount > 0 else world.debit
        money[currency] += round(amount * F(repr(rate)) * days / 360, 4)
    for symbol, units in held.items():
        if units < 0 and symbol not in world.options:
            ratio = next((F(repr(x)) for s, _, x in world.actions.get(row, ()) if s == symbol and x == x), F(1))
            value = -units * world.price(symbol, row - 1) / ratio
            money[world.currency.get(symbol, "USD")] -= round(value * F(repr(world.borrow)) * days / 360, 4)


def _expire(world: World, row: int, held: dict[str, F], money: dict[str, F]) -> None:
    for symbol, (underlying, strike, right, last) in world.options.items():
        contracts = held.get(symbol, F(0))
        if row != last or not contracts:
            continue
        inside = (world.price(underlying, row) - F(repr(strike))) * (1 if right == "call" else -1)
        held[symbol] = F(0)
        if inside >= F(1, 100):
            shares = contracts * world.unit(symbol) * (1 if right == "call" else -1)
            held[underlying] = held.get(underlying, F(0)) + shares
            money["USD"] -= shares * F(repr(strike))


def exact(value: Any) -> F:
    """A Decimal or a number as the fraction a person would read."""
    return F(str(value))
