"""What happens to an account other than a trade: dividends, splits, interest, exercise, money in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from aura_lib.core.drafts import direct
from aura_lib.core.errors import InputError
from aura_lib.core.instrument import AssetClass, Instrument
from aura_lib.core.times import utc

ZERO = Decimal(0)


@direct
class BookingKind(StrEnum):
    """What happened."""

    DEPOSIT = "deposit"  # money in or, negative, out
    DIVIDEND = "dividend"
    INTEREST = "interest"
    BORROW = "borrow"  # what the lender of shorted shares takes
    SPLIT = "split"
    CASH_IN_LIEU = "cash_in_lieu"  # of the fraction of a share that a split left
    CONVERSION = "conversion"  # of one currency into another
    EXERCISE = "exercise"
    ASSIGNMENT = "assignment"
    EXPIRY = "expiry"


INCOME = frozenset({BookingKind.DIVIDEND, BookingKind.INTEREST, BookingKind.BORROW})
_HOLDS = frozenset(
    {
        BookingKind.SPLIT,
        BookingKind.CASH_IN_LIEU,
        BookingKind.CONVERSION,
        BookingKind.EXERCISE,
        BookingKind.ASSIGNMENT,
        BookingKind.EXPIRY,
    }
)  # these change what is held


@dataclass(frozen=True, slots=True)
class Booking:
    """What happened to an account other than a trade. A fact, booked once, in one piece.

    `cash` is what it did to the balance in `currency`, `quantity` the signed change of what is held in `instrument`
    (for a split the units gained or, negative, lost; for a conversion the amount of the pair's base currency). An
    option that is settled in shares brings or takes `units` of `delivered` for that cash; one settled in cash has none.
    """

    id: str
    kind: BookingKind
    cash: Decimal
    currency: str
    time: datetime
    instrument: Instrument | None = None
    quantity: Decimal = ZERO
    note: str = ""
    delivered: Instrument | None = None
    units: Decimal = ZERO
    account: str = ""
    book: str = ""

    def __post_init__(self) -> None:
        if type(self.time) is not datetime or self.time.tzinfo is not UTC:
            object.__setattr__(self, "time", utc(self.time, "booking time"))
        for name in ("cash", "quantity", "units"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite():
                raise InputError(f"{name} of a booking must be a finite Decimal, not {value!r}")
        self._check_holdings()

    def _check_holdings(self) -> None:
        if self.kind in _HOLDS and (self.instrument is None or not self.quantity):
            raise InputError(f"a {self.kind.value} needs an instrument and a quantity: {self.id}")
        if self.kind not in _HOLDS and self.quantity:
            raise InputError(f"a {self.kind.value} changes cash only, not a holding: {self.id}")
        if (self.delivered is None) != (not self.units):
            raise InputError(f"what is delivered needs both an instrument and units: {self.id}")
        if self.delivered is not None and self.kind not in (BookingKind.EXERCISE, BookingKind.ASSIGNMENT):
            raise InputError(f"only an exercise or assignment delivers, not a {self.kind.value}: {self.id}")
        pair = self.instrument is not None and self.instrument.asset_class is AssetClass.FX
        if self.kind is BookingKind.CONVERSION and not pair:
            raise InputError(f"a conversion needs a currency pair as its instrument: {self.id}")

    @property
    def symbol(self) -> str:
        """Symbol of the instrument; empty when it is about money alone."""
        return self.instrument.symbol if self.instrument else ""
