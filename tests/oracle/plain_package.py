"""Packages of options, told slowly: what they cost and may lose, how a venue fills them, how an order counts them.

It imports nothing of ours. Options are (right, strike, days to expiry) with right "C" or "P"; a package is a list of
(option name, signed contracts). The most that options can lose is looked for at every cent of a grid, not at strikes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

Option = tuple[str, int, int]
Wish = tuple[str, Sequence[tuple[str, int]], int, Decimal | None]  # name, legs, quantity, net limit
SIZE = 100


def worth(option: Option, spot: Fraction) -> Fraction:
    """What it brings when it is exercised."""
    right, strike, _ = option
    return max(spot - strike if right == "C" else strike - spot, Fraction(0))


def most_lost(held: Mapping[Option, int]) -> int | None:
    """The most that options of one underlying and one day can cost, looked for from 0 to far above every strike."""
    top = max((strike for _, strike, _ in held), default=0)
    at = {spot: sum(units * worth(option, Fraction(spot)) for option, units in held.items()) for spot in range(top + 3)}
    if at[top + 2] < at[top + 1]:
        return None  # above all strikes every step up costs more
    return int(max(0, -min(at.values()))) * SIZE


@dataclass
class PlainVenue:
    """A cash account that trades packages at the close of each bar, costs included, as many as it can carry."""

    cash: Decimal
    options: Mapping[str, Option]
    slippage: Decimal = Decimal(0)  # a fraction of the price
    fee: Decimal = Decimal(0)  # a fraction of the value
    held: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, str, int, Decimal]] = field(default_factory=list)  # order, option, signed, price
    ends: dict[str, str] = field(default_factory=dict)

    def bar(
        self,
        closes: Mapping[str, Decimal],
        orders: Sequence[tuple[str, Sequence[tuple[str, int]], int, Decimal | None]],
    ) -> None:
        """The day of some orders: what has a limit is met at its open, what has none at its close, as they came."""
        for name, legs, wanted, limit in sorted(orders, key=lambda order: order[3] is None):
            if any(symbol not in closes for symbol, _ in legs):
                self.ends[name] = "expired"
                continue
            prices = {s: self._price(closes[s], units > 0) for s, units in legs}
            net = sum(units * prices[symbol] for symbol, units in legs)
            if limit is not None and net > limit:
                self.ends[name] = "expired"
                continue
            many = wanted
            while many and not self._carries(legs, prices, many):
                many -= 1
            for symbol, units in sorted(legs, key=lambda leg: leg[1] > 0):
                if many:
                    self._trade(name, symbol, units * many, prices[symbol])
            self.ends[name] = "filled" if many == wanted else "cancelled"

    def _price(self, close: Decimal, buys: bool) -> Decimal:
        moved = close * (1 + self.slippage if buys else 1 - self.slippage)
        return moved.quantize(Decimal("0.000001"), ROUND_HALF_EVEN)

    def _charge(self, value: Decimal) -> Decimal:
        return (value * self.fee).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)

    def _trade(self, name: str, symbol: str, units: int, price: Decimal) -> None:
        value = price * abs(units) * SIZE
        self.cash += (value if units < 0 else -value) - self._charge(value)
        self.held[symbol] = self.held.get(symbol, 0) + units
        self.told.append((name, symbol, units, price))

    def _lost(self, more: Mapping[str, int]) -> int | None:
        total = {symbol: self.held.get(symbol, 0) + more.get(symbol, 0) for symbol in {*self.held, *more}}
        return most_lost({self.options[symbol]: units for symbol, units in total.items() if units})

    def _carries(self, legs: Sequence[tuple[str, int]], prices: Mapping[str, Decimal], many: int) -> bool:
        """Whether they can be paid and what may be lost stays in cash; to need less than before is always fine."""
        after, before = self._lost({symbol: units * many for symbol, units in legs}), self._lost({})
        assert before is not None
        paid = Decimal(0)
        for symbol, units in legs:
            value = prices[symbol] * abs(units) * many * SIZE
            paid += (value if units > 0 else -value) + self._charge(value)
        return after is not None and paid <= self.cash and (paid + after <= self.cash or paid + after <= before)


@dataclass
class PlainCount:
    """How many packages of an order are complete, from the list of executions of its legs, each of which may repeat."""

    ratios: Mapping[str, int]
    executions: dict[str, tuple[str, int]] = field(default_factory=dict)

    def hear(self, execution: str, leg: str, units: int) -> None:
        """An execution, told for the first time or again."""
        self.executions[execution] = leg, units

    def forget(self, execution: str) -> None:
        """An execution that was taken back."""
        self.executions.pop(execution, None)

    @property
    def complete(self) -> int:
        """Packages for which every leg has its contracts: built one by one, as one would out of boxes."""
        left = dict.fromkeys(self.ratios, 0)
        for leg, units in self.executions.values():
            left[leg] += units
        count = 0
        while all(left[leg] >= ratio for leg, ratio in self.ratios.items()):
            left = {leg: units - self.ratios[leg] for leg, units in left.items()}
            count += 1
        return count
