"""Holdings and cash, folded from fills and bookings: the one fold that ledger, exchange and backtest share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from aura_lib.core.booking import INCOME, Booking, BookingKind, after_boot
from aura_lib.core.drafts import draft, quick
from aura_lib.core.errors import DataError, InputError
from aura_lib.core.instrument import AssetClass, Instrument
from aura_lib.core.orders import Fill

ZERO = Decimal(0)
ONE = Decimal(1)
CARRIED = frozenset({BookingKind.SYMBOL_CHANGE, BookingKind.MERGER})  # what comes costs what went
SPREAD = frozenset({BookingKind.SPLIT, BookingKind.STOCK_DIVIDEND})  # more or fewer units for what all cost
NOTHING: Mapping[str, Decimal] = MappingProxyType({})


@quick
@dataclass(frozen=True, slots=True)
class Position:
    """A holding: signed quantity, average cost per unit, and the P&L realised so far (before fees)."""

    instrument: Instrument
    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO
    realised: Decimal = ZERO

    def after(self, fill: Fill) -> Position:
        """The position after one fill (average-cost method; crossing zero opens the rest at the fill's price)."""
        return self.traded(fill.signed, fill.price)

    def traded(self, change: Decimal, price: Decimal) -> Position:
        """The position after `change` units (signed) came or went at a price."""
        held = self.quantity
        quantity = held + change
        made = _PositionDraft()
        made.instrument, made.quantity = self.instrument, quantity
        if held * change >= 0:  # opens or adds
            made.average_cost = (held * self.average_cost + change * price) / quantity
            made.realised = self.realised
        else:
            closed = min(abs(change), abs(held))
            gain = closed * (price - self.average_cost) * (1 if held > 0 else -1) * self.instrument.multiplier
            made.average_cost = ZERO if not quantity else self.average_cost if quantity * held > 0 else price
            made.realised = self.realised + gain
        made.__class__ = Position
        return made  # type: ignore[no-any-return]

    def split(self, change: Decimal) -> Position:
        """The position after a split gave or took `change` units: what it cost as a whole stays."""
        quantity = self.quantity + change
        if quantity * self.quantity <= 0:
            raise InputError(f"{self.instrument.symbol}: a split cannot turn {self.quantity} units into {quantity}")
        return Position(self.instrument, quantity, self.quantity * self.average_cost / quantity, self.realised)

    def relieved(self, part: Decimal) -> Position:
        """The position when a part of what it cost went with something else, such as what was spun off."""
        return replace(self, average_cost=self.average_cost * (ONE - part))

    def repaid(self, cash: Decimal) -> Position:
        """The position after some of what it cost was paid back; what is more than it cost is a gain."""
        if not self.quantity:
            raise InputError(f"{self.instrument.symbol}: nothing is held, and no capital of it can come back")
        scale = self.quantity * self.instrument.multiplier
        cost, gain = after_boot(scale * self.average_cost, cash, None)
        return replace(self, average_cost=cost / scale, realised=self.realised + gain)

    def value(self, price: Decimal) -> Decimal:
        """Market value at a price, in the instrument's currency."""
        return self.quantity * price * self.instrument.multiplier


_PositionDraft = draft(Position)


@dataclass(frozen=True, slots=True)
class Account:
    """Cash and positions at a moment: of an account, or of one book of it.

    `cash` is in `currency`; `balances` (currency → amount) are what it has in the others it may trade in: an account
    without a balance in a currency, be it zero, refuses what happens in that currency. `fees` and `income` (dividends,
    interest and borrow cost) are the sums in the account's own currency.
    """

    name: str
    cash: Decimal
    currency: str = "USD"
    positions: Mapping[str, Position] = field(default_factory=lambda: MappingProxyType({}))
    fees: Decimal = ZERO
    as_of: datetime | None = None
    balances: Mapping[str, Decimal] = field(default_factory=lambda: NOTHING)
    income: Decimal = ZERO

    def __post_init__(self) -> None:
        for amount in (self.cash, *self.balances.values()):
            if not isinstance(amount, Decimal) or not amount.is_finite():
                raise InputError(f"cash must be a finite Decimal, not {amount!r}")
        if self.currency in self.balances:
            raise InputError(f"{self.name}: what it has in {self.currency} is its cash, not one of its balances")

    def after(self, entry: Fill | Booking) -> Account:
        """The account after one fill or booking. One in a currency it has no balance in raises InputError."""
        books = Books(self)
        books.book(entry)
        return books.account

    def quantity(self, symbol: str) -> Decimal:
        """Units held of a symbol; zero when there are none."""
        position = self.positions.get(symbol)
        return position.quantity if position else ZERO

    @property
    def holdings(self) -> dict[str, Decimal]:
        """Symbol → units, where not zero."""
        return {s: p.quantity for s, p in self.positions.items() if p.quantity}

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash plus balances plus holdings at `prices` (symbol → price), in the account's currency.

        Other currencies are valued at the price of their pair among the prices (`rate`). A holding or a currency
        without a price raises DataError.
        """
        total, own = self.cash, self.currency
        for symbol, position in self.positions.items():
            if not position.quantity:
                continue
            price = prices.get(symbol)
            if price is None or not price.is_finite():
                raise DataError(f"no price for {symbol}, of which {self.name} holds {position.quantity}")
            value = position.value(price)
            currency = position.instrument.currency
            total += value if currency == own else value * rate(prices, currency, own)
        for currency, amount in self.balances.items():
            if amount:
                total += amount * rate(prices, currency, own)
        return total


def rate(prices: Mapping[str, Decimal], currency: str, into: str) -> Decimal:
    """What one unit of a currency is worth in another, by the price of their pair among `prices`.

    The pair is EURUSD, EUR/USD or EURUSD=X; else the inverse of USDEUR. Without a price of either, DataError is raised.
    """
    if currency == into:
        return ONE
    for pair in pairs(currency, into):
        if (price := prices.get(pair)) is not None and price.is_finite() and price > 0:
            return price
    for pair in pairs(into, currency):
        if (price := prices.get(pair)) is not None and price.is_finite() and price > 0:
            return ONE / price
    raise DataError(f"no price of {currency} in {into}: give the pair {currency}{into} among the prices")


def pairs(currency: str, into: str) -> tuple[str, str, str]:
    """The names under which a currency pair is known."""
    return f"{currency}{into}", f"{currency}/{into}", f"{currency}{into}=X"


class Books:
    """An account that is being written: takes one fill or booking after another without a copy of it each time."""

    __slots__ = ("_account", "as_of", "balances", "cash", "currency", "fees", "income", "name", "positions")

    def __init__(self, account: Account) -> None:
        self.name, self.currency, self.cash = account.name, account.currency, account.cash
        self.fees, self.income, self.as_of = account.fees, account.income, account.as_of
        self.positions, self.balances = dict(account.positions), dict(account.balances)
        self._account: Account | None = account

    @property
    def account(self) -> Account:
        """The account as it stands; a copy that later entries do not touch."""
        if self._account is None:
            held = MappingProxyType(dict(self.positions))
            other = MappingProxyType(dict(self.balances)) if self.balances else NOTHING
            self._account = Account(
                self.name, self.cash, self.currency, held, self.fees, self.as_of, other, self.income
            )
        return self._account

    def balance(self, currency: str) -> Decimal:
        """What there is of a currency. One without a balance raises InputError."""
        if currency == self.currency:
            return self.cash
        if currency not in self.balances:
            known = ", ".join((self.currency, *self.balances))
            raise InputError(f"account {self.name} is in {known}: it has no balance in {currency}")
        return self.balances[currency]

    def open(self, currency: str) -> None:
        """Give the account a balance in a currency, of zero where it had none."""
        if currency != self.currency and currency not in self.balances:
            self.balances[currency] = ZERO
            self._account = None

    def pay(self, amount: Decimal) -> None:
        """Pay money in or, negative, out, in the account's own currency."""
        self.cash += amount
        self._account = None

    def book(self, entry: Fill | Booking) -> None:
        """Write one entry down. One that cannot be booked raises InputError and changes nothing."""
        if isinstance(entry, Fill):
            self.fill(entry)
        else:
            self._check(entry)
            self._booking(entry)
        self.as_of = entry.time
        self._account = None

    def fill(self, fill: Fill) -> None:
        """Write a trade down."""
        self.trade(fill.instrument, fill.signed, fill.price, fill.cash, fill.fee, fill.time)

    def trade(
        self, instrument: Instrument, change: Decimal, price: Decimal, cash: Decimal, fee: Decimal, time: datetime
    ) -> None:
        """Write down that `change` units (signed) were traded at a price, for that cash (signed, the fee taken off)."""
        currency = instrument.currency
        if currency != self.currency and currency not in self.balances:
            raise InputError(f"{instrument.symbol} trades in {currency}; account {self.name} is in {self.currency}")
        if instrument.asset_class is AssetClass.FX and self._is_money(instrument):
            self._pay(instrument.base, change)
        else:
            self._trade(instrument, change, price)
        if currency == self.currency:
            self.cash += cash
            self.fees += fee
        else:
            self.balances[currency] += cash
        self.as_of = time
        self._account = None

    def _is_money(self, pair: Instrument) -> bool:
        """Whether trading a pair changes balances; one whose currency the account does not have is a position."""
        return pair.base == self.currency or pair.base in self.balances

    def _pay(self, currency: str, amount: Decimal) -> None:
        if currency == self.currency:
            self.cash += amount
        else:
            self.balances[currency] += amount

    def _check(self, booking: Booking) -> None:
        self.balance(booking.currency)
        if booking.kind is BookingKind.CONVERSION and booking.instrument is not None:
            self.balance(booking.instrument.base)

    def _booking(self, booking: Booking) -> None:
        if booking.instrument is not None and booking.quantity:
            self._hold(booking, booking.instrument)
        if booking.kind is BookingKind.RETURN_OF_CAPITAL:
            self.positions[booking.symbol] = self._held(booking).repaid(booking.cash)
        elif booking.delivered is None:
            pass
        elif booking.kind is BookingKind.SPIN_OFF:
            self._spin_off(booking, booking.delivered)
        elif booking.kind in CARRIED:
            self._deliver_at_cost(booking, booking.delivered)
        else:
            price = abs(booking.cash / (booking.units * booking.delivered.multiplier))
            self._trade(booking.delivered, booking.units, price)
        self._pay(booking.currency, booking.cash)
        if booking.kind in INCOME and booking.currency == self.currency:
            self.income += booking.cash
        if booking.kind is BookingKind.FEE and booking.currency == self.currency:
            self.fees -= booking.cash

    def _hold(self, booking: Booking, instrument: Instrument) -> None:
        if booking.kind is BookingKind.CONVERSION:
            self._pay(instrument.base, booking.quantity)
        elif booking.kind in SPREAD:
            held = self.positions.get(instrument.symbol, Position(instrument))
            self.positions[instrument.symbol] = held.split(booking.quantity)
        elif booking.delivered is not None and booking.kind in CARRIED:
            return  # with what it brings: see _deliver_at_cost
        elif booking.price is not None:
            self._trade(instrument, booking.quantity, booking.price)
        else:
            paid = ZERO if booking.delivered is not None else booking.cash
            self._trade(instrument, booking.quantity, abs(paid / (booking.quantity * instrument.multiplier)))

    def _held(self, booking: Booking) -> Position:
        assert booking.instrument is not None
        return self.positions.get(booking.symbol) or Position(booking.instrument)

    def _deliver_at_cost(self, booking: Booking, delivered: Instrument) -> None:
        """Units go, and others come at what they cost; the cash that came too is taken off it, or is a gain."""
        held = self._held(booking)
        gone = -booking.quantity * held.average_cost * held.instrument.multiplier
        scale = booking.units * delivered.multiplier
        cost, gain = after_boot(gone, booking.cash, None if booking.price is None else scale * booking.price)
        left = held.traded(booking.quantity, held.average_cost)
        self.positions[booking.symbol] = replace(left, realised=left.realised + gain)
        self._trade(delivered, booking.units, abs(cost / scale))

    def _spin_off(self, booking: Booking, delivered: Instrument) -> None:
        """The units stay; others come with a part of what they cost."""
        assert booking.basis is not None
        held = self._held(booking)
        if held.quantity * booking.units <= 0:
            raise InputError(
                f"{booking.symbol}: {held.quantity} are held, {booking.units} {delivered.symbol} cannot be spun off it"
            )
        moved = held.quantity * held.average_cost * held.instrument.multiplier * booking.basis
        self.positions[booking.symbol] = held.relieved(booking.basis)
        self._trade(delivered, booking.units, abs(moved / (booking.units * delivered.multiplier)))

    def _trade(self, instrument: Instrument, change: Decimal, price: Decimal) -> None:
        held = self.positions.get(instrument.symbol) or Position(instrument)
        self.positions[instrument.symbol] = held.traded(change, price)


def fold(opening: Account, entries: Iterable[Fill | Booking]) -> Account:
    """The account after all fills and bookings, in the order given."""
    books = Books(opening)
    for entry in entries:
        books.book(entry)
    return books.account
