"""Market impact: the order itself moves the price, the more of the volume it takes the further."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.costs.checks import not_negative
from aura_lib.exchange.costs.slippage import volatility

ZERO = Decimal(0)


def _participation(quantity: Decimal, bar: PriceBar) -> Decimal:
    return quantity / bar.volume if bar.volume else ZERO


@dataclass(frozen=True, slots=True)
class LinearImpact:
    """Price × (1 ± coefficient × Q / V): in proportion to the share of the bar's volume.

    Source: Kyle, "Continuous auctions and insider trading", Econometrica 53 (1985).
    """

    coefficient: Decimal
    kind: Literal["linear"] = "linear"

    def __post_init__(self) -> None:
        not_negative(self, "coefficient")

    def fraction(self, quantity: Decimal, bar: PriceBar) -> Decimal:
        """The move, as a fraction of the price."""
        return self.coefficient * _participation(quantity, bar)


@dataclass(frozen=True, slots=True)
class SquareRootImpact:
    """Price × (1 ± coefficient × σ × √(Q / V)), σ the volatility of the bar by its range; the coefficient is near 1.

    Source: Grinold and Kahn, "Active Portfolio Management" (2000), ch. 16; Tóth et al., PRX 1 (2011).
    """

    coefficient: Decimal = Decimal(1)
    kind: Literal["square_root"] = "square_root"

    def __post_init__(self) -> None:
        not_negative(self, "coefficient")

    def fraction(self, quantity: Decimal, bar: PriceBar) -> Decimal:
        """The move, as a fraction of the price."""
        return self.coefficient * volatility(bar) * _participation(quantity, bar).sqrt()


@dataclass(frozen=True, slots=True)
class AlmgrenImpact:
    """Price × (1 ± (½ γ σ x + η σ x^0.6)), x = Q / V: half the permanent impact and all of the temporary one.

    The order is worked over the whole bar. The factor (Θ / V)^¼ of the permanent part, shares outstanding over volume,
    is taken as in `turnover_factor` (1 leaves it out). Source: Almgren, Thum, Hauptmann and Li, "Direct estimation of
    equity market impact" (2005): γ = 0.314, η = 0.142, β = 3/5, on US large caps.
    """

    eta: Decimal = Decimal("0.142")
    gamma: Decimal = Decimal("0.314")
    turnover_factor: Decimal = Decimal(1)
    kind: Literal["almgren"] = "almgren"

    def __post_init__(self) -> None:
        not_negative(self, "eta", "gamma", "turnover_factor")

    def fraction(self, quantity: Decimal, bar: PriceBar) -> Decimal:
        """The move, as a fraction of the price."""
        x = _participation(quantity, bar)
        permanent = self.gamma * x * self.turnover_factor / 2
        return volatility(bar) * (permanent + self.eta * x ** Decimal("0.6")) if x else ZERO


Impact = LinearImpact | SquareRootImpact | AlmgrenImpact
