"""Spread and slippage: how far from its reference price an order is filled, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aura_lib.core import InputError
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.costs.checks import not_negative

ZERO = Decimal(0)
BPS = Decimal(10_000)
PARKINSON = (4 * Decimal(2).ln()).sqrt()


def volatility(bar: PriceBar | None) -> Decimal:
    """The standard deviation of a bar's return from its own range: ln(high / low) / √(4 ln 2).

    Zero when only a close is known. Source: Parkinson, "The extreme value method for estimating the variance of the
    rate of return", Journal of Business 53 (1980).
    """
    return ZERO if bar is None or bar.high <= bar.low else (bar.high / bar.low).ln() / PARKINSON


@dataclass(frozen=True, slots=True)
class HalfSpread:
    """A buyer pays the ask and a seller gets the bid: price × (1 ± bps / 10 000), bps being half the quoted spread.

    Orders that wait at their limit (makers) do not pay it. Source: Demsetz, "The cost of transacting", QJE 82 (1968).
    """

    bps: Decimal
    kind: Literal["half_spread"] = "half_spread"

    def __post_init__(self) -> None:
        not_negative(self, "bps")
        if self.bps >= BPS:
            raise InputError(f"a half spread of {self.bps} bps would sell at zero or below: it must be under {BPS}")

    def fraction(self) -> Decimal:
        """The move, as a fraction of the price."""
        return self.bps / BPS


@dataclass(frozen=True, slots=True)
class FixedSlippage:
    """The same for every trade: price × (1 ± bps / 10 000)."""

    bps: Decimal
    kind: Literal["fixed"] = "fixed"

    def __post_init__(self) -> None:
        not_negative(self, "bps")
        if self.bps >= BPS:
            raise InputError(f"a slippage of {self.bps} bps would sell at zero or below: it must be under {BPS}")

    def fraction(self, bar: PriceBar | None) -> Decimal:
        """The move, as a fraction of the price."""
        return self.bps / BPS


@dataclass(frozen=True, slots=True)
class VolatilitySlippage:
    """More in a nervous market: price × (1 ± share × σ), σ the volatility of the bar by its range (Parkinson, 1980).

    With a plain close as the price there is no range, and no slippage. Perold ("The implementation shortfall", JPM
    14, 1988) is why it belongs into a test: what moves between decision and fill moves with the volatility.
    """

    share: Decimal
    kind: Literal["volatility"] = "volatility"

    def __post_init__(self) -> None:
        not_negative(self, "share")

    def fraction(self, bar: PriceBar | None) -> Decimal:
        """The move, as a fraction of the price."""
        return self.share * volatility(bar)


Slippage = FixedSlippage | VolatilitySlippage
