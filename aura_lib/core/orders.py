"""The life of an order in nouns: Intent → Decision → Order → Fill, and which status may follow which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from aura_lib.core.errors import InputError
from aura_lib.core.instrument import Instrument
from aura_lib.core.times import iso, utc

MAX_DIGITS = 18  # more significant digits than this in a quantity or price is a mistake, not a trade


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How the price is found."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    BRACKET = "bracket"


class TimeInForce(StrEnum):
    """How long the order lives."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


def _amount(name: str, value: Decimal | None, *, required: bool) -> None:
    if value is None and not required:
        return
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise InputError(f"{name} must be a positive Decimal, not {value!r}")
    if len(value.normalize().as_tuple().digits) > MAX_DIGITS:
        raise InputError(f"{name}={value} has more than {MAX_DIGITS} significant digits")


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wished: which instrument, which way, how much, at what price, and why. It has no id.

    `quantity` is positive, in units of the instrument and a multiple of its lot; prices are in its currency.
    """

    instrument: Instrument
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    reason: str = ""

    def __post_init__(self) -> None:
        _amount("quantity", self.quantity, required=True)
        if self.quantity % self.instrument.lot:
            raise InputError(
                f"{self.instrument.symbol}: quantity {self.quantity} is no multiple of the lot {self.instrument.lot}"
            )
        limited = self.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        stopped = self.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        for name, wanted in (("limit_price", limited), ("stop_price", stopped)):
            if (getattr(self, name) is not None) != wanted:
                raise InputError(f"a {self.type.value} order {'needs' if wanted else 'has no'} {name}")
            _amount(name, getattr(self, name), required=wanted)

    @property
    def symbol(self) -> str:
        """Symbol of the instrument."""
        return self.instrument.symbol

    @property
    def signed(self) -> Decimal:
        """Quantity with its sign: negative for a sell."""
        return self.quantity * self.side.sign


@dataclass(frozen=True, slots=True)
class Basket:
    """All intents of one decision, unique by (origin, slot).

    `origin` is the job (or ticket desk) that decided, `slot` the moment it was due, `as_of` the moment the
    data ended; `snapshot` is the data it saw and `run` the Run that wrote it.
    """

    origin: str
    slot: datetime
    account: str
    book: str
    as_of: datetime
    intents: tuple[Intent, ...]
    snapshot: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot", utc(self.slot, "slot"))
        object.__setattr__(self, "as_of", utc(self.as_of, "as_of"))

    @property
    def id(self) -> str:
        """The name that makes a second basket of the same decision impossible."""
        return f"{self.origin}@{iso(self.slot)}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The desk's verdict on one leg of a basket: by which rule, and the value against its limit."""

    leg: int
    symbol: str
    approved: bool
    rule: str
    value: str = ""
    limit: str = ""

    def __str__(self) -> str:
        verdict = "approved" if self.approved else "rejected"
        return f"{self.symbol} {verdict} by {self.rule}" + (
            f": {self.value} against {self.limit}" if self.limit else ""
        )


class OrderStatus(StrEnum):
    """Where an order is. Only positive evidence moves an order out of UNKNOWN."""

    APPROVED = "approved"
    SENDING = "sending"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
UNSETTLED = frozenset({OrderStatus.SENDING, OrderStatus.UNKNOWN})  # the broker may or may not have it
WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
LIVE = frozenset(OrderStatus) - TERMINAL

_AT_THE_BROKER = WORKING | TERMINAL
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    # an approved order can still be stopped on our side: by the kill switch, or when it expired before it was sent
    OrderStatus.APPROVED: frozenset({OrderStatus.SENDING, OrderStatus.CANCELLED, OrderStatus.EXPIRED}),
    OrderStatus.SENDING: frozenset({OrderStatus.UNKNOWN}) | _AT_THE_BROKER,
    OrderStatus.UNKNOWN: frozenset({OrderStatus.SENDING}) | _AT_THE_BROKER,
    OrderStatus.ACCEPTED: _AT_THE_BROKER - {OrderStatus.ACCEPTED},
    OrderStatus.PARTIALLY_FILLED: _AT_THE_BROKER - {OrderStatus.ACCEPTED, OrderStatus.REJECTED},
    **{status: frozenset() for status in TERMINAL},
}


@dataclass(frozen=True, slots=True)
class Order:
    """An Intent the desk works on. Its `client_id` is fixed before the first byte leaves."""

    client_id: str
    account: str
    book: str
    basket: str
    leg: int
    attempt: int
    intent: Intent
    time: datetime
    status: OrderStatus = OrderStatus.APPROVED
    filled: Decimal = Decimal(0)
    reason: str = ""

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled yet."""
        return self.intent.quantity - self.filled

    def to(self, status: OrderStatus, reason: str = "") -> Order:
        """The order in its next status; an illegal transition raises InputError."""
        if status not in TRANSITIONS[self.status]:
            raise InputError(f"order {self.client_id}: {self.status.value} cannot become {status.value}")
        return replace(self, status=status, reason=reason)


@dataclass(frozen=True, slots=True)
class Fill:
    """What the market did: price and fee in the instrument's currency, and when. A fact, booked once."""

    execution_id: str
    client_id: str
    account: str
    book: str
    instrument: Instrument
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    time: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", utc(self.time, "fill time"))
        _amount("fill quantity", self.quantity, required=True)
        _amount("fill price", self.price, required=True)
        if not self.fee.is_finite():
            raise InputError(f"fee must be finite, not {self.fee}")

    @property
    def symbol(self) -> str:
        """Symbol of the instrument."""
        return self.instrument.symbol

    @property
    def value(self) -> Decimal:
        """Quantity × price × multiplier, without sign and fee."""
        return self.quantity * self.price * self.instrument.multiplier

    @property
    def cash(self) -> Decimal:
        """What it did to cash: negative for a buy, the fee always taken off."""
        return -self.side.sign * self.value - self.fee
