"""The life of an order in nouns: Intent → Decision → Order → Fill, and which status may follow which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from enum import StrEnum
from itertools import pairwise

from aura_lib.core.drafts import direct, quick
from aura_lib.core.errors import InputError
from aura_lib.core.instrument import AssetClass, Instrument
from aura_lib.core.legs import Leg, Side, package
from aura_lib.core.times import iso, utc

MAX_DIGITS = 18  # more significant digits than this in a quantity or price is a mistake, not a trade
_ROUNDED = Context(prec=MAX_DIGITS).plus
ZERO, HUNDRED = Decimal(0), Decimal(100)


@direct
class OrderType(StrEnum):
    """How the price is found."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    BRACKET = "bracket"
    OCO = "oco"


@direct
class TimeInForce(StrEnum):
    """How long the order lives."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"


def _amount(name: str, value: Decimal | None) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise InputError(f"{name} must be a positive Decimal, not {value!r}")
    _digits(name, value)


def _digits(name: str, value: Decimal) -> None:
    if _ROUNDED(value) != value:
        raise InputError(f"{name}={value} has more than {MAX_DIGITS} significant digits")
    if value.adjusted() >= MAX_DIGITS:
        raise InputError(f"{name}={value} is larger than any trade")


PRICES = (
    "limit_price", "stop_price", "trail_amount", "trail_percent", "take_profit", "stop_loss", "stop_loss_limit",
)  # fmt: skip
# type → the prices it needs, and those it may have besides
_NEEDED: dict[OrderType, tuple[frozenset[str], frozenset[str]]] = {
    OrderType.MARKET: (frozenset(), frozenset()),
    OrderType.LIMIT: (frozenset({"limit_price"}), frozenset()),
    OrderType.STOP: (frozenset({"stop_price"}), frozenset()),
    OrderType.STOP_LIMIT: (frozenset({"limit_price", "stop_price"}), frozenset()),
    OrderType.TRAILING_STOP: (frozenset(), frozenset({"trail_amount", "trail_percent"})),
    OrderType.BRACKET: (
        frozenset(),
        frozenset({"limit_price", "stop_price", "take_profit", "stop_loss", "stop_loss_limit"}),
    ),
    OrderType.OCO: (frozenset({"take_profit", "stop_loss"}), frozenset({"stop_loss_limit"})),
}


@quick
@dataclass(frozen=True, slots=True)
class Intent:
    """What is wished: which instrument, which way, how much, at what price, and why. It has no id.

    `quantity` is positive, in units of the instrument and a multiple of its lot; prices are in its currency.
    A trailing stop has either `trail_amount` (in the currency) or `trail_percent` (5 is 5 %): it follows the best
    price since it was accepted at that distance. A bracket enters at the market, at `limit_price` or at `stop_price`,
    and what was bought is closed at `take_profit` or at `stop_loss` (with `stop_loss_limit`: a stop-limit order), or
    at the one of the two that was given. An OCO order is such a pair without an entry: whichever comes first, at
    `side`. A package has `legs`, is made by `Intent.of_legs`, and its quantity counts packages. Raises InputError for
    prices its type does not have, or that contradict each other.
    """

    instrument: Instrument
    side: Side
    quantity: Decimal
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    reason: str = ""
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    stop_loss_limit: Decimal | None = None
    extended_hours: bool = False
    legs: tuple[Leg, ...] = ()

    @staticmethod
    def of_legs(
        legs: Sequence[Leg], quantity: Decimal, limit_price: Decimal | None = None, *, reason: str = ""
    ) -> Intent:
        """The wish for so many packages of options: at the market or, with `limit_price`, at a net price or better.

        The net price is that of one package for one unit of the underlying: positive when it is paid (a debit),
        negative when it is received (a credit), as Alpaca has it. To sell a package, turn its legs around.
        """
        kind = OrderType.MARKET if limit_price is None else OrderType.LIMIT
        return Intent(
            package(legs), Side.BUY, quantity, kind, limit_price, reason=reason, legs=tuple(legs)
        )  # fmt: skip

    def __post_init__(self) -> None:
        _amount("quantity", self.quantity)
        if self.quantity % self.instrument.lot:
            raise InputError(
                f"{self.instrument.symbol}: quantity {self.quantity} is no multiple of the lot {self.instrument.lot}"
            )
        if self.legs or self.instrument.asset_class is AssetClass.PACKAGE:
            self._check_package()
        elif self.type is not OrderType.MARKET or self._has_prices():
            self._check_prices([name for name in PRICES if getattr(self, name) is not None])

    def _has_prices(self) -> bool:
        return not (
            self.limit_price is self.stop_price is self.trail_amount is self.trail_percent is None
            and self.take_profit is self.stop_loss is self.stop_loss_limit is None
        )

    def _check_package(self) -> None:
        """A package is what its legs make it, is bought, and has one price: the net one, of either sign."""
        if package(self.legs) != self.instrument:
            raise InputError(f"{self.symbol} is not what its legs are, {package(self.legs).symbol}: use Intent.of_legs")
        if self.side is not Side.BUY:
            raise InputError(f"{self.symbol}: a package is bought; to sell it, turn its legs around")
        given = [name for name in PRICES if getattr(self, name) is not None]
        wanted = ["limit_price"] if self.type is OrderType.LIMIT else []
        if self.type not in (OrderType.MARKET, OrderType.LIMIT) or given != wanted:
            raise InputError(
                f"{self.symbol}: a package is a market order without prices or a limit order with limit_price, "
                f"not {self.type.value} with {', '.join(given) or 'none'}"
            )
        if self.time_in_force is not TimeInForce.DAY or self.extended_hours:
            raise InputError(f"{self.symbol}: a package is good for the day, in regular hours")
        if (limit := self.limit_price) is not None:
            self._check_net(limit)

    def _check_net(self, limit: Decimal) -> None:
        if not isinstance(limit, Decimal) or not limit.is_finite():
            raise InputError(f"limit_price must be a finite Decimal, not {limit!r}")
        _digits("limit_price", limit)
        sides = {leg.side for leg in self.legs}
        if len(sides) == 1 and limit * self.legs[0].side.sign <= 0:
            way = "bought, a positive price" if Side.BUY in sides else "sold, a negative price (a credit)"
            raise InputError(f"{self.symbol}: limit_price {limit}, and all of its legs are {way} is needed")

    def _check_prices(self, given: list[str]) -> None:
        needed, allowed = _NEEDED[self.type]
        for name in PRICES:
            if name in needed and name not in given:
                raise InputError(f"a {self.type.value} order needs {name}")
            if name in given and name not in needed | allowed:
                raise InputError(f"a {self.type.value} order has no {name}")
        for name in given:
            _amount(name, getattr(self, name))
        if self.type is OrderType.TRAILING_STOP and len(given) != 1:
            raise InputError("a trailing_stop order needs either trail_amount or trail_percent")
        if self.trail_percent is not None and self.trail_percent >= HUNDRED:
            raise InputError(f"trail_percent={self.trail_percent} would never stop: it must be under 100")
        if self.type in (OrderType.BRACKET, OrderType.OCO):
            self._check_legs()

    def _check_legs(self) -> None:
        """The prices of a bracket or pair, in the order in which a falling market would meet them."""
        if self.take_profit is None and self.stop_loss is None:
            raise InputError("a bracket order needs take_profit, stop_loss or both")
        if self.limit_price is not None and self.stop_price is not None:
            raise InputError("a bracket order enters at limit_price or at stop_price, not at both")
        if self.stop_loss_limit is not None and self.stop_loss is None:
            raise InputError("stop_loss_limit is the limit of a stop_loss: give that too")
        entry = self.limit_price if self.limit_price is not None else self.stop_price
        ladder = [p for p in (self.take_profit, entry, self.stop_loss, self.stop_loss_limit) if p is not None]
        sells = (self.side is Side.BUY) == (self.type is OrderType.BRACKET)  # the legs sell
        steps = [(a - b) * (1 if sells else -1) for a, b in pairwise(ladder)]
        loose = self.stop_loss_limit is not None and steps.pop() < 0
        if loose or any(step <= 0 for step in steps):
            way = "above" if sells else "below"
            raise InputError(
                f"{self.symbol}: take_profit {self.take_profit} must be {way} the entry {entry or 'price'}, and that "
                f"{way} stop_loss {self.stop_loss} (its limit {self.stop_loss_limit} not before it)"
            )

    @property
    def symbol(self) -> str:
        """Symbol of the instrument."""
        return self.instrument.symbol

    @property
    def signed(self) -> Decimal:
        """Quantity with its sign: negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def traded(self) -> tuple[tuple[Instrument, Decimal], ...]:
        """What changes hands when it is filled, with its sign: the contracts of all packages, else the instrument."""
        if not self.legs:
            return ((self.instrument, self.signed),)
        return tuple((leg.instrument, self.quantity * leg.signed) for leg in self.legs)


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


@quick
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


@direct
class OrderStatus(StrEnum):
    """Where an order is. Only positive evidence moves an order out of UNKNOWN."""

    APPROVED = "approved"
    SENDING = "sending"
    UNKNOWN = "unknown"
    HELD = "held"  # a leg that waits for its entry or its sibling
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"  # another order took its place
    WITHHELD = "withheld"  # a shadow's: approved, written down, and never sent


_ENDED = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.REPLACED}
)
TERMINAL = _ENDED | {OrderStatus.WITHHELD}
UNSETTLED = frozenset({OrderStatus.SENDING, OrderStatus.UNKNOWN})  # the broker may or may not have it
WORKING = frozenset({OrderStatus.HELD, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
LIVE = frozenset(OrderStatus) - TERMINAL

_AT_THE_BROKER = WORKING | _ENDED
_LATE = frozenset({OrderStatus.FILLED})  # fills that come after the end are booked: when they are all, it was filled
TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    # an approved order can still be stopped on our side: by the kill switch, when it expired before it was sent, or
    # because its account is the shadow of another
    OrderStatus.APPROVED: frozenset(
        {OrderStatus.SENDING, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.WITHHELD}
    ),
    OrderStatus.SENDING: frozenset({OrderStatus.UNKNOWN}) | _AT_THE_BROKER,
    OrderStatus.UNKNOWN: frozenset({OrderStatus.SENDING}) | _AT_THE_BROKER,
    OrderStatus.HELD: _AT_THE_BROKER - {OrderStatus.HELD},
    OrderStatus.ACCEPTED: _AT_THE_BROKER - {OrderStatus.ACCEPTED},
    OrderStatus.PARTIALLY_FILLED: _ENDED - {OrderStatus.REJECTED} | {OrderStatus.PARTIALLY_FILLED},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: _LATE,
    OrderStatus.EXPIRED: _LATE,
    OrderStatus.REJECTED: _LATE,
    OrderStatus.REPLACED: _LATE,
    OrderStatus.WITHHELD: frozenset(),  # nobody has it, so nothing of it can fill
}


@quick
@dataclass(frozen=True, slots=True)
class Order:
    """An Intent the desk works on. Its `client_id` is fixed before the first byte leaves.

    `parent` is the client id of the order it belongs to: the bracket or package whose leg it is, the order it takes the
    place of, or the one it is a slice of. Of a package `filled` counts packages that are complete in all legs; the
    fills are those of its legs. `broker_id` is what the broker calls it, once it has told.
    """

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
    parent: str = ""
    broker_id: str = ""

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled yet."""
        return self.intent.quantity - self.filled

    def to(self, status: OrderStatus, reason: str = "") -> Order:
        """The order in its next status; an illegal transition raises InputError."""
        if status not in TRANSITIONS[self.status]:
            raise InputError(f"order {self.client_id}: {self.status.value} cannot become {status.value}")
        return replace(self, status=status, reason=reason)


@quick
@dataclass(frozen=True, slots=True)
class Fill:
    """What the market did: price and fee in the instrument's currency, and when. A fact, booked once.

    `spread`, `slippage` and `impact` tell how much of the value the venue says was cost of that kind (a simulated one
    knows, a real one does not and leaves them zero); `price` has them in it.
    """

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
    spread: Decimal = field(default=ZERO, compare=False)
    slippage: Decimal = field(default=ZERO, compare=False)
    impact: Decimal = field(default=ZERO, compare=False)

    def __post_init__(self) -> None:
        if type(self.time) is not datetime or self.time.tzinfo is not UTC:
            object.__setattr__(self, "time", utc(self.time, "fill time"))
        _amount("fill quantity", self.quantity)
        _amount("fill price", self.price)
        if not self.fee.is_finite():
            raise InputError(f"fee must be finite, not {self.fee}")

    @property
    def symbol(self) -> str:
        """Symbol of the instrument."""
        return self.instrument.symbol

    @property
    def signed(self) -> Decimal:
        """Quantity with its sign: negative for a sell."""
        return self.quantity if self.side is Side.BUY else -self.quantity

    @property
    def value(self) -> Decimal:
        """Quantity × price × multiplier, without sign and fee."""
        return self.quantity * self.price * self.instrument.multiplier

    @property
    def cash(self) -> Decimal:
        """What it did to cash: negative for a buy, the fee always taken off."""
        return -self.side.sign * self.value - self.fee
