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
    FEE = "fee"  # of the broker or an exchange, apart from trades; positive when one is paid back
    SYMBOL_CHANGE = "symbol_change"  # the units go, as many of another instrument come at what they cost
    MERGER = "merger"  # the units go, others come at what they cost less the cash, or cash alone
    STOCK_DIVIDEND = "stock_dividend"  # more units of the same for what all cost
    SPIN_OFF = "spin_off"  # the units stay, others come with a part of what they cost
    RETURN_OF_CAPITAL = "return_of_capital"  # cash that the units cost less from then on
    DELISTING = "delisting"  # the units go for nothing, or for what is left
    IMPORT = "import"  # units an account had before Aura kept it
    TRANSFER = "transfer"  # from or to another book of the account


INCOME = frozenset({BookingKind.DIVIDEND, BookingKind.INTEREST, BookingKind.BORROW})
_HOLDS = frozenset(
    {
        BookingKind.SPLIT,
        BookingKind.CASH_IN_LIEU,
        BookingKind.CONVERSION,
        BookingKind.EXERCISE,
        BookingKind.ASSIGNMENT,
        BookingKind.EXPIRY,
        BookingKind.SYMBOL_CHANGE,
        BookingKind.MERGER,
        BookingKind.IMPORT,
        BookingKind.STOCK_DIVIDEND,
        BookingKind.DELISTING,
    }
)  # these change what is held
_DELIVERS = frozenset(
    {
        BookingKind.EXERCISE,
        BookingKind.ASSIGNMENT,
        BookingKind.SYMBOL_CHANGE,
        BookingKind.MERGER,
        BookingKind.SPIN_OFF,
    }
)  # these may bring another instrument
_MUST_DELIVER = frozenset({BookingKind.SYMBOL_CHANGE, BookingKind.SPIN_OFF})
_ABOUT = frozenset({BookingKind.SPIN_OFF, BookingKind.RETURN_OF_CAPITAL})  # units that stay as many as they are
_AT_COST = frozenset({BookingKind.IMPORT, BookingKind.TRANSFER})  # units come or go at a price that nobody paid now


@dataclass(frozen=True, slots=True)
class Booking:
    """What happened to an account other than a trade. A fact, booked once, in one piece.

    `cash` is what it did to the balance in `currency`, `quantity` the signed change of what is held in `instrument`
    (for a split the units gained or, negative, lost; for a conversion the amount of the pair's base currency). An
    option that is settled in shares brings or takes `units` of `delivered` for that cash; one settled in cash has none.
    What a merger, a spin-off or a new symbol brings is `delivered` too. Units that are imported or transferred have
    `price`, what one cost, and `acquired`, since when they are held. A merger has `price` where it is known what one of
    the units that came was worth: its cash is then a gain as far as there is one (US Internal Revenue Code §356), else
    it is taken off the cost. A spin-off has `basis`, the part of the cost that goes with what came (in the USA its
    part of the market value of both, as Form 8937 tells it; IRS Publication 550).
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
    price: Decimal | None = None
    acquired: datetime | None = None
    basis: Decimal | None = None

    def __post_init__(self) -> None:
        if type(self.time) is not datetime or self.time.tzinfo is not UTC:
            object.__setattr__(self, "time", utc(self.time, "booking time"))
        for name in ("cash", "quantity", "units"):
            value = getattr(self, name)
            if not isinstance(value, Decimal) or not value.is_finite():
                raise InputError(f"{name} of a booking must be a finite Decimal, not {value!r}")
        if self.acquired is not None:
            object.__setattr__(self, "acquired", utc(self.acquired, "acquired"))
        self._check_holdings()
        self._check_price()

    def _check_holdings(self) -> None:
        if self.kind in _HOLDS and (self.instrument is None or not self.quantity):
            raise InputError(f"a {self.kind.value} needs an instrument and a quantity: {self.id}")
        if self.kind not in _HOLDS and self.quantity and self.kind is not BookingKind.TRANSFER:
            raise InputError(f"a {self.kind.value} changes cash only, not a holding: {self.id}")
        if (self.delivered is None) != (not self.units):
            raise InputError(f"what is delivered needs both an instrument and units: {self.id}")
        if self.delivered is not None and self.kind not in _DELIVERS:
            raise InputError(f"only an exercise or assignment delivers, not a {self.kind.value}: {self.id}")
        if self.delivered is None and self.kind in _MUST_DELIVER:
            raise InputError(f"a {self.kind.value} needs what is delivered, and its units: {self.id}")
        if self.instrument is None and self.kind in _ABOUT:
            raise InputError(f"a {self.kind.value} needs the instrument it is of: {self.id}")
        pair = self.instrument is not None and self.instrument.asset_class is AssetClass.FX
        if self.kind is BookingKind.CONVERSION and not pair:
            raise InputError(f"a conversion needs a currency pair as its instrument: {self.id}")

    def _check_price(self) -> None:
        units = self.kind in _AT_COST and bool(self.quantity)
        worth = self.kind is BookingKind.MERGER and self.delivered is not None and self.price is not None
        if (units or worth) and not _fair(self.price):
            raise InputError(f"units of a {self.kind.value} need what one cost, not {self.price!r}: {self.id}")
        if units and self.cash:
            raise InputError(f"units of a {self.kind.value} come without cash: {self.id}")
        if not units and not worth and self.price is not None:
            raise InputError(f"a {self.kind.value} has no price of its own: {self.id}")
        if (self.kind is BookingKind.SPIN_OFF) != (self.basis is not None):
            raise InputError(f"basis, the part of the cost that moves, is a spin_off's and it needs one: {self.id}")
        if self.basis is not None and not (_fair(self.basis) and self.basis <= 1):
            raise InputError(f"basis is a part of the cost, from 0 to 1, not {self.basis!r}: {self.id}")

    @property
    def symbol(self) -> str:
        """Symbol of the instrument; empty when it is about money alone."""
        return self.instrument.symbol if self.instrument else ""


def _fair(amount: Decimal | None) -> bool:
    return isinstance(amount, Decimal) and amount.is_finite() and amount >= 0


def after_boot(cost: Decimal, cash: Decimal, worth: Decimal | None) -> tuple[Decimal, Decimal]:
    """What the units that a merger brought cost, and the gain of it: of units that cost `cost`, for `cash` besides.

    `worth` is what came, at the market and without the cash; where it is known, and the units are long, the cash is a
    gain as far as there is one, and a loss is none (US Internal Revenue Code §356 and §358). Else the cash is taken off
    the cost, and a gain is what is more than it. Amounts of a short are negative.
    """
    if worth is not None and cash > 0:
        gain = min(max(worth + cash - cost, ZERO), cash)
        return cost - cash + gain, gain
    kept = cost - cash
    return (ZERO, -kept) if kept * cost < 0 or (not cost and cash) else (kept, ZERO)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Units or money that went from one book of an account to another. The account as a whole does not change.

    Units take what they cost, and since when they are held, with them; `price` is what one was worth at `time`. Money
    is `cash` in `currency`. `lots` names the tax lots that go, by id and quantity; those that its method sells first
    when there are none.
    """

    id: str
    source: str
    target: str
    time: datetime
    cash: Decimal = ZERO
    currency: str = "USD"
    instrument: Instrument | None = None
    quantity: Decimal = ZERO
    price: Decimal | None = None
    lots: tuple[tuple[str, Decimal], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", utc(self.time, "transfer time"))
        if self.source == self.target:
            raise InputError(f"a transfer needs two books, not {self.source!r} twice")
        if (self.instrument is None) != (not self.quantity) or (self.instrument is None) == (not self.cash):
            raise InputError(f"a transfer moves either money or units of an instrument: {self.id}")
        if self.instrument is None and self.cash < 0:
            raise InputError(f"a transfer moves a positive amount, from {self.source} to {self.target}: {self.id}")

    @property
    def symbol(self) -> str:
        """Symbol of the instrument; empty when it is money."""
        return self.instrument.symbol if self.instrument else ""
