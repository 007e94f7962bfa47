"""Commission: what the broker takes for a trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aura_lib.core import InputError
from aura_lib.exchange.costs.checks import finite, not_negative

ZERO = Decimal(0)
BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a fee is at most: fixed + per_unit × quantity + fraction × value."""

    fixed: Decimal
    per_unit: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True)
class PerShare:
    """So much a share (or contract): min(max(minimum, rate × quantity), maximum_bps of the value).

    Interactive Brokers' fixed US stock prices have this form (0.005 USD a share, at least 1 USD an order, at most 1 %
    of the value: `PerShare(Decimal("0.005"), Decimal(1), Decimal(100))`).
    """

    rate: Decimal
    minimum: Decimal = ZERO
    maximum_bps: Decimal | None = None
    kind: Literal["per_share"] = "per_share"

    def __post_init__(self) -> None:
        not_negative(self, "rate", "minimum", *(("maximum_bps",) if self.maximum_bps is not None else ()))

    def fee(self, quantity: Decimal, value: Decimal, maker: bool) -> Decimal:
        """The fee, not rounded."""
        fee = max(self.minimum, self.rate * quantity)
        return fee if self.maximum_bps is None else min(fee, value * self.maximum_bps / BPS)

    def ceiling(self) -> Ceiling:
        """What it is at most."""
        return Ceiling(self.minimum, self.rate, ZERO)


@dataclass(frozen=True, slots=True)
class PerValue:
    """A part of the traded value: min(max(minimum, bps × value), maximum)."""

    bps: Decimal
    minimum: Decimal = ZERO
    maximum: Decimal | None = None
    kind: Literal["per_value"] = "per_value"

    def __post_init__(self) -> None:
        not_negative(self, "bps", "minimum", *(("maximum",) if self.maximum is not None else ()))
        if self.maximum is not None and self.maximum < self.minimum:
            raise InputError(f"maximum {self.maximum} must be at least the minimum {self.minimum}")

    def fee(self, quantity: Decimal, value: Decimal, maker: bool) -> Decimal:
        """The fee, not rounded."""
        fee = max(self.minimum, value * self.bps / BPS)
        return fee if self.maximum is None else min(fee, self.maximum)

    def ceiling(self) -> Ceiling:
        """What it is at most."""
        return Ceiling(self.minimum, ZERO, self.bps / BPS)


@dataclass(frozen=True, slots=True)
class MakerTaker:
    """Two parts of the traded value: maker_bps for orders that waited at their limit, taker_bps for all others.

    A negative maker fee is a rebate. This is the form of crypto venues and of exchange access fees.
    """

    maker_bps: Decimal
    taker_bps: Decimal
    minimum: Decimal = ZERO
    kind: Literal["maker_taker"] = "maker_taker"

    def __post_init__(self) -> None:
        finite(self, "maker_bps")
        not_negative(self, "taker_bps", "minimum")
        if abs(self.maker_bps) >= BPS:
            raise InputError(f"maker_bps={self.maker_bps} is as much as the trade itself: it must be under {BPS}")

    def fee(self, quantity: Decimal, value: Decimal, maker: bool) -> Decimal:
        """The fee, not rounded; negative for a rebate."""
        fee = value * (self.maker_bps if maker else self.taker_bps) / BPS
        return fee if fee < 0 else max(self.minimum, fee)

    def ceiling(self) -> Ceiling:
        """What it is at most."""
        return Ceiling(self.minimum, ZERO, max(self.maker_bps, self.taker_bps) / BPS)


Commission = PerShare | PerValue | MakerTaker
