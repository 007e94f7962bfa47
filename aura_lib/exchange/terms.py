"""What a venue allows an account: shorts, borrowing, other currencies, and when it steps in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from aura_lib.core import InputError, Mandate
from aura_lib.core.drafts import direct

QUARTER = Decimal("0.25")  # FINRA rule 4210: the least a US broker may ask for long stock


@direct
class Standing(StrEnum):
    """How an account stands with its venue."""

    OPEN = "open"
    BANKRUPT = "bankrupt"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a venue allows an account. The default is a cash account: long only, nothing borrowed, one currency.

    `max_gross` is how much exposure (the absolute values of all positions, by their market value) one unit of equity
    may carry when a position is opened or enlarged; with it above 1, or with `short`, the account is on margin.
    `maintenance` is the least equity per unit of exposure: below it the venue cancels all orders and closes
    positions, the largest first, until it holds again. By default it is half of what opening needs, at most 25 %.
    `currencies` are those it may hold besides its own. A purchase in one of them first converts what is missing, at
    the pair's last price and `conversion_bps` above it, when `converts`; otherwise it is cut to what is there.

    Raises InputError for figures that cannot be.
    """

    short: bool = False
    max_gross: Decimal = Decimal(1)
    maintenance: Decimal | None = None
    currencies: tuple[str, ...] = ()
    converts: bool = True
    conversion_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        for name in ("max_gross", "conversion_bps"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
                raise InputError(f"{name} must be a Decimal of zero or more, not {value!r}")
        if self.maintenance is not None and not 0 < self.maintenance * self.max_gross <= 1:
            raise InputError(f"maintenance {self.maintenance} must be above 0 and at most 1 / max_gross")
        if isinstance(self.currencies, str):
            raise InputError(f"currencies must be a tuple of codes, not the text {self.currencies!r}")
        object.__setattr__(self, "currencies", tuple(self.currencies))

    @staticmethod
    def of(mandate: Mandate, currencies: tuple[str, ...] = ()) -> Terms:
        """What a mandate asks a venue for."""
        other = tuple(c for c in currencies if c != mandate.currency)
        return Terms(mandate.short, Decimal(repr(mandate.max_gross)), currencies=other)

    @property
    def margin(self) -> bool:
        """Whether anything may be borrowed: shares or money."""
        return self.short or self.max_gross > 1

    @property
    def floor(self) -> Decimal:
        """The least equity per unit of exposure."""
        if self.maintenance is not None:
            return self.maintenance
        return min(QUARTER, 1 / (2 * self.max_gross)) if self.max_gross else QUARTER
