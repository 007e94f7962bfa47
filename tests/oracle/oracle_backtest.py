"""A whole backtest recomputed slowly and plainly: exact fractions, lists and loops, nothing of ours imported.

The rules, as the design states them: decide at a bar, fill at the next one with a price for everything traded
(an order whose symbol has none is dropped); quantities fixed at the moment of decision from its prices, rounded
down to whole units; a buffer of equity kept back; trades under a minimum left out unless they are full exits;
sells before buys, each by name; prices moved by slippage and rounded to 6 decimals, fees rounded to 4; a buy cut
to what the cash can pay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Trade:
    """One execution."""

    bar: int
    symbol: str
    side: str
    quantity: int
    price: Fraction
    fee: Fraction


@dataclass
class Result:
    """What came out: executions, cash and equity at every bar, units held at the end."""

    trades: list[Trade]
    cash: list[Fraction]
    equity: list[Fraction]
    holdings: dict[str, int]


def exact(number: float) -> Fraction:
    """The number a person would read off the screen."""
    return Fraction(repr(number))


def known(number: float) -> bool:
    """Whether there was a price."""
    return not math.isnan(number)


def backtest(
    closes: dict[str, list[float]],
    wishes: dict[int, dict[str, float]],
    *,
    capital: int,
    buffer: float,
    min_trade: int,
    commission_bps: float,
    min_commission: float,
    slippage_bps: float,
) -> Result:
    """Play `wishes` (bar → symbol → weight) over `closes` (symbol → price a bar)."""
    bars = len(next(iter(closes.values())))
    cash, held = Fraction(capital), dict.fromkeys(closes, 0)
    marks: dict[str, Fraction] = {}
    pending: list[tuple[str, str, int]] = []
    result = Result([], [], [], {})
    for bar in range(bars):
        for symbol, path in closes.items():
            if known(path[bar]):
                marks[symbol] = exact(path[bar])
        for symbol, side, wanted in sorted(pending, key=lambda p: (p[1] != "sell", p[0])):
            if not known(closes[symbol][bar]):
                continue
            sign = 1 if side == "buy" else -1
            price = round(exact(closes[symbol][bar]) * (1 + sign * exact(slippage_bps) / 10000), 6)
            quantity = wanted
            while quantity > 0:
                fee = round(max(exact(min_commission), quantity * price * exact(commission_bps) / 10000), 4)
                if side == "sell" or quantity * price + fee <= cash:
                    break
                quantity -= 1
            if quantity == 0:
                continue
            cash -= sign * quantity * price + fee
            held[symbol] += sign * quantity
            result.trades.append(Trade(bar, symbol, side, quantity, price, fee))
        pending = []
        if bar in wishes:
            pending = _orders(wishes[bar], closes, bar, cash, held, buffer, min_trade)
        result.cash.append(cash)
        result.equity.append(cash + sum(q * marks[s] for s, q in held.items() if q))
    result.holdings = {s: q for s, q in held.items() if q}
    return result


def _orders(
    wish: dict[str, float],
    closes: dict[str, list[float]],
    bar: int,
    cash: Fraction,
    held: dict[str, int],
    buffer: float,
    min_trade: int,
) -> list[tuple[str, str, int]]:
    equity = cash + sum(q * exact(closes[s][bar]) for s, q in held.items() if q)
    orders = []
    for symbol, path in closes.items():
        weight = round(exact(wish.get(symbol, 0.0)), 8)
        if weight == 0 and held[symbol] == 0:
            continue
        price = exact(path[bar])
        target = math.floor(weight * equity * (1 - exact(buffer)) / price)
        change = target - held[symbol]
        if change == 0 or (abs(change) * price < min_trade and target != 0):
            continue
        orders.append((symbol, "buy" if change > 0 else "sell", abs(change)))
    return orders
