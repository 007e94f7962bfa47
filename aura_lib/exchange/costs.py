"""What a trade costs: a commission on its value, and slippage against its reference price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from aura_lib.core import DataError, InputError, Side

PRICE_QUANTUM = Decimal("0.000001")  # fill prices are rounded half-even to this
FEE_QUANTUM = Decimal("0.0001")  # fees are rounded half-even to this
BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Costs:
    """Commission and slippage of a simulated venue.

    `commission_bps` is charged on the traded value, at least `min_commission` an order and match (in the
    account's currency); `slippage_bps` moves the price against the order.

    Raises InputError for a negative or infinite figure, or slippage that would take a price to zero.

    Example:
        >>> Costs(slippage_bps=Decimal(5)).price(Decimal("100"), Side.BUY)
        Decimal('100.050000')
    """

    commission_bps: Decimal = Decimal("1")
    min_commission: Decimal = Decimal("0")
    slippage_bps: Decimal = Decimal("5")

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
                raise InputError(f"{name} must be a Decimal of zero or more, not {value!r}")
        if self.slippage_bps >= BPS:
            raise InputError(f"slippage_bps={self.slippage_bps} would sell at zero or below: it must be under {BPS}")

    def price(self, reference: Decimal, side: Side) -> Decimal:
        """The price a trade gets: reference × (1 ± slippage), a buy pays more and a sell gets less.

        A reference so small that nothing is left after rounding raises DataError.
        """
        moved = reference * (1 + side.sign * self.slippage_bps / BPS)
        price = moved.quantize(PRICE_QUANTUM, rounding=ROUND_HALF_EVEN)
        if price <= 0:
            raise DataError(f"a reference price of {reference} rounds to nothing at steps of {PRICE_QUANTUM}")
        return price

    def commission(self, value: Decimal) -> Decimal:
        """The fee for a traded value (quantity × price × multiplier, without sign)."""
        fee = max(self.min_commission, value * self.commission_bps / BPS)
        return fee.quantize(FEE_QUANTUM, rounding=ROUND_HALF_EVEN)
