"""What can be traded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from aura_lib.core.drafts import direct
from aura_lib.core.errors import InputError

OCC = re.compile(r"([A-Z]{1,5}\d?)(\d{6})([CP])(\d{8})")  # root, expiry, right, strike in thousandths: 21 signs at most


@direct
class AssetClass(StrEnum):
    """Kinds of instrument."""

    EQUITY = "equity"
    ETF = "etf"
    OPTION = "option"
    CRYPTO = "crypto"
    INDEX = "index"
    FX = "fx"
    PACKAGE = "package"  # several options that trade together: only an order has one


@direct
class Right(StrEnum):
    """The right of an option."""

    CALL = "call"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What can be traded: its symbol, class and trading units.

    `venue` is the market identifier code (ISO 10383). `lot` is the smallest quantity step, `tick` the
    smallest price step in `currency`, `multiplier` the units one contract stands for.
    Options also name their underlying symbol, expiry, strike and right.
    """

    symbol: str
    asset_class: AssetClass = AssetClass.EQUITY
    currency: str = "USD"
    venue: str = "XNYS"
    lot: Decimal = Decimal(1)
    tick: Decimal = Decimal("0.01")
    multiplier: Decimal = Decimal(1)
    underlying: str | None = None
    expiry: date | None = None
    strike: Decimal | None = None
    right: Right | None = None

    def __post_init__(self) -> None:
        if not self.symbol or self.symbol != self.symbol.strip():
            raise InputError(f"an instrument needs a symbol without surrounding spaces, not {self.symbol!r}")
        for name in ("lot", "tick", "multiplier"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
                raise InputError(f"{self.symbol}: {name} must be a positive Decimal, not {value!r}")
        contract = (self.underlying, self.expiry, self.strike, self.right)
        if (self.asset_class is AssetClass.OPTION) != all(part is not None for part in contract):
            raise InputError(f"{self.symbol}: an option, and only an option, has underlying, expiry, strike and right")

    @property
    def base(self) -> str:
        """Of a currency pair: the currency that one unit is (EUR of EURUSD, EUR/USD or EURUSD=X). Else InputError."""
        if self.asset_class is not AssetClass.FX or len(self.symbol) < 6:
            raise InputError(f"{self.symbol} is no currency pair such as EURUSD: it has no base currency")
        return self.symbol[:3]


def option_of(symbol: str) -> Instrument:
    """The listed option that an OCC symbol names; a root that ends in a digit stands for an adjusted contract.

    Example:
        >>> option_of("AAPL240119C00190000").strike
        Decimal('190')
    """
    match = OCC.fullmatch(symbol)
    try:
        if match is None:
            raise ValueError
        root, day, right, strike = match.groups()
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        raise InputError(f"{symbol!r} is no option symbol such as AAPL240119C00190000") from None
    return Instrument(
        symbol, AssetClass.OPTION, multiplier=Decimal(100), underlying=root, expiry=expiry,
        strike=(Decimal(strike) / 1000).normalize() + 0, right=Right.CALL if right == "C" else Right.PUT,
    )  # fmt: skip
