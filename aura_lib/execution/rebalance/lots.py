"""Which tax lots a sale takes: by the tax it would make, the highest cost, long-term or losses first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from aura_lib.core import InputError, Side, utc
from aura_lib.ledger.accounting import Lot

ZERO, ONE = Decimal(0), Decimal(1)


class Choice(StrEnum):
    """The order in which a sale takes lots; within it the largest loss (smallest gain) first, then the longest held."""

    LEAST_TAX = "least_tax"
    HIGHEST_COST = "highest_cost"
    LONG_FIRST = "long_first"
    LOSS_FIRST = "loss_first"
    FIFO = "fifo"


@dataclass(frozen=True, slots=True)
class Rates:
    """What is taxed of a gain, by how long it was held; a loss saves as much as a gain would cost.

    The defaults are the highest federal rates of the United States (Internal Revenue Code §1(j)(2) and §1(h), 2018 to
    2025), without state taxes and the tax on net investment income.
    """

    short: Decimal = Decimal("0.37")
    long: Decimal = Decimal("0.20")

    def __post_init__(self) -> None:
        for name in ("short", "long"):
            rate = getattr(self, name)
            if not isinstance(rate, Decimal) or not rate.is_finite() or not 0 <= rate <= 1:
                raise InputError(f"the {name}-term rate must be a Decimal from 0 to 1, not {rate!r}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Units that a sale takes of a lot: what they cost with fees, what they bring, and since when they are held."""

    lot: str
    symbol: str
    quantity: Decimal
    cost: Decimal
    proceeds: Decimal
    opened: datetime
    long: bool

    @property
    def gain(self) -> Decimal:
        """What is gained, in the instrument's currency, before the costs of this sale."""
        return self.proceeds - self.cost

    def tax(self, rates: Rates) -> Decimal:
        """What that costs in taxes; negative for what a loss saves."""
        return self.gain * (rates.long if self.long else rates.short)


def choose(
    lots: Sequence[Lot],
    side: Side,
    quantity: Decimal,
    price: Decimal,
    as_of: datetime,
    choice: Choice = Choice.LEAST_TAX,
    rates: Rates | None = None,
) -> tuple[Taken, ...]:
    """The lots of one instrument that an order closes, in the order they are taken; none where it only opens.

    A sale takes long lots and a buy short ones; what is more than there is opens a position and takes none. A lot is
    held long-term when that is more than a year (IRS Publication 550).
    """
    tariff, closes = rates or Rates(), (ONE if side is Side.SELL else -ONE)
    there = [_whole(lot, price, as_of) for lot in lots if lot.quantity * closes > 0]
    left, found = quantity, []
    for whole in sorted(there, key=_KEYS[choice](tariff)):
        if left <= 0:
            break
        part = min(left, abs(whole.quantity))
        found.append(_part(whole, part))
        left -= part
    return tuple(found)


def _whole(lot: Lot, price: Decimal, as_of: datetime) -> Taken:
    """A lot as it would go at a price. For a short one buying back is the cost and the sale of before the proceeds."""
    worth = lot.quantity * price * lot.instrument.multiplier
    cost, proceeds = lot.cost + lot.fee, worth  # of a short both are negative: what it brought, what it takes
    long = lot.term(utc(as_of)) == "long"
    return Taken(lot.id, lot.instrument.symbol, lot.quantity, cost, proceeds, lot.opened, long)


def _part(whole: Taken, units: Decimal) -> Taken:
    all_of_it = abs(whole.quantity)
    cost, proceeds = whole.cost * units / all_of_it, whole.proceeds * units / all_of_it
    return Taken(whole.lot, whole.symbol, units, cost, proceeds, whole.opened, whole.long)


def _unit_gain(taken: Taken) -> Decimal:
    return taken.gain / abs(taken.quantity)


_KEYS: dict[Choice, Callable[[Rates], Callable[[Taken], Any]]] = {
    Choice.FIFO: lambda _: lambda t: (t.opened, t.lot),
    Choice.HIGHEST_COST: lambda _: lambda t: (_unit_gain(t), t.opened, t.lot),
    Choice.LONG_FIRST: lambda _: lambda t: (not t.long, _unit_gain(t), t.opened, t.lot),
    Choice.LOSS_FIRST: lambda _: lambda t: (t.gain >= 0, t.gain >= 0 and not t.long, _unit_gain(t), t.opened, t.lot),
    Choice.LEAST_TAX: lambda rates: lambda t: (t.tax(rates) / abs(t.quantity), t.opened, t.lot),
}
