"""What trading and holding cost: commission, spread, slippage, impact, borrow, interest, each a model of its own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from aura_lib.core import DataError, InputError, Side
from aura_lib.exchange.costs.carry import Borrow, Interest
from aura_lib.exchange.costs.checks import not_negative
from aura_lib.exchange.costs.commission import Ceiling, Commission, MakerTaker, PerShare, PerValue
from aura_lib.exchange.costs.impact import AlmgrenImpact, Impact, LinearImpact, SquareRootImpact
from aura_lib.exchange.costs.slippage import FixedSlippage, HalfSpread, Slippage, VolatilitySlippage

__all__ = [
    "FEE_QUANTUM",
    "PRICE_QUANTUM",
    "AlmgrenImpact",
    "Borrow",
    "Ceiling",
    "Commission",
    "Costs",
    "FixedSlippage",
    "HalfSpread",
    "Impact",
    "Interest",
    "LinearImpact",
    "MakerTaker",
    "PerShare",
    "PerValue",
    "Slippage",
    "SquareRootImpact",
    "VolatilitySlippage",
]

PRICE_QUANTUM = Decimal("0.000001")  # fill prices are rounded half-even to this
FEE_QUANTUM = Decimal("0.0001")  # fees are rounded half-even to this
BPS = Decimal(10_000)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading and holding costs at a simulated venue.

    `commission_bps` is charged on the traded value, at least `min_commission` an order and match (in the
    instrument's currency); `slippage_bps` moves the price against the order. A model in `fees` takes the place of the
    first two, one in `slippage` that of the third; `spread` and `impact` come on top, `borrow` and `interest` by the
    day. An order that waited at its limit (a maker) pays its price and commission, nothing else.

    Raises InputError for a negative or infinite figure, or slippage that would take a price to zero.

    Example:
        >>> Costs(slippage_bps=Decimal(5)).price(Decimal("100"), Side.BUY)
        Decimal('100.050000')
    """

    commission_bps: Decimal = Decimal("1")
    min_commission: Decimal = Decimal("0")
    slippage_bps: Decimal = Decimal("5")
    fees: PerShare | PerValue | MakerTaker | None = None
    spread: HalfSpread | None = None
    slippage: FixedSlippage | VolatilitySlippage | None = None
    impact: LinearImpact | SquareRootImpact | AlmgrenImpact | None = None
    borrow: Borrow | None = None
    interest: Interest | None = None

    def __post_init__(self) -> None:
        not_negative(self, "commission_bps", "min_commission", "slippage_bps")
        if self.slippage_bps >= BPS:
            raise InputError(f"slippage_bps={self.slippage_bps} would sell at zero or below: it must be under {BPS}")

    def price(self, reference: Decimal, side: Side) -> Decimal:
        """The price a small trade gets: reference × (1 ± spread and slippage), a buy pays more and a sell gets less.

        What depends on the bar or on the size of the order is not in it. A reference so small that nothing is left
        after rounding raises DataError.
        """
        return moved(reference, 1 + side.sign * self.fixed())

    def fixed(self) -> Decimal:
        """Spread and slippage that are the same for every trade, as a fraction of the price."""
        slippage = self.slippage_bps / BPS if self.slippage is None else self.slippage.fraction(None)
        return slippage if self.spread is None else slippage + self.spread.fraction()

    def commission(self, value: Decimal, quantity: Decimal = ZERO, *, maker: bool = False) -> Decimal:
        """The fee for a traded value (quantity × price × multiplier, without sign); a rebate is negative."""
        if self.fees is None:
            fee = value * self.commission_bps / BPS if self.commission_bps else ZERO
            if fee < self.min_commission:
                fee = self.min_commission
        else:
            fee = self.fees.fee(quantity, value, maker)
        return fee.quantize(FEE_QUANTUM, ROUND_HALF_EVEN)

    def ceiling(self) -> Ceiling:
        """What the commission of an order is at most, rounding included."""
        most = (
            Ceiling(self.min_commission, ZERO, self.commission_bps / BPS) if self.fees is None else self.fees.ceiling()
        )
        return Ceiling(most.fixed + FEE_QUANTUM, most.per_unit, most.fraction)


def moved(reference: Decimal, factor: Decimal) -> Decimal:
    """A reference price times a factor, as it is quoted. One that leaves nothing after rounding raises DataError."""
    price = (reference * factor).quantize(PRICE_QUANTUM, ROUND_HALF_EVEN)
    if price <= 0:
        raise DataError(f"a reference price of {reference} rounds to nothing at steps of {PRICE_QUANTUM}")
    return price
