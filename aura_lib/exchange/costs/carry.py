"""What it costs to hold: the fee for borrowed shares, the interest on cash and debt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from aura_lib.core import InputError
from aura_lib.exchange.costs.checks import finite

DAYS = 360  # Actual/360: the convention of the US money market and of stock loans


@dataclass(frozen=True, slots=True)
class Borrow:
    """What the lender of shorted shares takes: value of the short × rate × days / 360, by calendar day.

    `rate` is annual, a decimal (0.03 is 3 %); `rates` (symbol → rate) are those of the hard to borrow. The value is
    taken at the last close before. Options and currencies are not borrowed. A negative rate raises InputError.
    """

    rate: Decimal
    rates: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", MappingProxyType(dict(self.rates)))
        finite(self, "rate")
        for symbol, rate in {"rate": self.rate, **self.rates}.items():
            if not isinstance(rate, Decimal) or not rate.is_finite() or rate < 0:
                raise InputError(f"a borrow rate must be a Decimal of zero or more; {symbol} has {rate!r}")

    def __hash__(self) -> int:
        return hash((self.rate, tuple(sorted(self.rates.items()))))

    def cost(self, symbol: str, value: Decimal, days: int) -> Decimal:
        """What a short of a value (positive) costs in so many days, not rounded."""
        return value * self.rates.get(symbol, self.rate) * days / DAYS


@dataclass(frozen=True, slots=True)
class Interest:
    """Simple interest on every balance: balance × rate × days / 360, by calendar day, paid in its currency.

    `credit` is the annual rate on money there is (a decimal, it may be negative), `debit` that on money owed.
    """

    credit: Decimal = Decimal(0)
    debit: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        finite(self, "credit", "debit")
        if self.debit < 0:
            raise InputError(f"debit must be a rate of zero or more, not {self.debit}")

    def earned(self, balance: Decimal, days: int) -> Decimal:
        """What a balance earns in so many days (negative: pays), not rounded."""
        return balance * (self.credit if balance > 0 else self.debit) * days / DAYS
