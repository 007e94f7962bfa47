"""Holdings and cash, folded from fills: the one fold that ledger and backtest share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from aura_lib.core.errors import DataError, InputError
from aura_lib.core.instrument import Instrument
from aura_lib.core.orders import Fill

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """A holding: signed quantity, average cost per unit, and the P&L realised so far (before fees)."""

    instrument: Instrument
    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO
    realised: Decimal = ZERO

    def after(self, fill: Fill) -> Position:
        """The position after one fill (average-cost method; crossing zero opens the rest at the fill's price)."""
        change = fill.quantity * fill.side.sign
        quantity = self.quantity + change
        if self.quantity * change >= 0:  # opens or adds
            cost = self.quantity * self.average_cost + change * fill.price
            return Position(self.instrument, quantity, cost / quantity, self.realised)
        closed = min(abs(change), abs(self.quantity))
        direction = 1 if self.quantity > 0 else -1
        gain = closed * (fill.price - self.average_cost) * direction * self.instrument.multiplier
        average = ZERO if quantity == 0 else self.average_cost if quantity * self.quantity > 0 else fill.price
        return Position(self.instrument, quantity, average, self.realised + gain)

    def value(self, price: Decimal) -> Decimal:
        """Market value at a price, in the instrument's currency."""
        return self.quantity * price * self.instrument.multiplier


@dataclass(frozen=True, slots=True)
class Account:
    """Cash and positions at a moment: of an account, or of one book of it. In one currency."""

    name: str
    cash: Decimal
    currency: str = "USD"
    positions: Mapping[str, Position] = field(default_factory=lambda: MappingProxyType({}))
    fees: Decimal = ZERO
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.cash, Decimal) or not self.cash.is_finite():
            raise InputError(f"cash must be a finite Decimal, not {self.cash!r}")

    def after(self, fill: Fill) -> Account:
        """The account after one fill."""
        if fill.instrument.currency != self.currency:
            raise InputError(
                f"{fill.symbol} trades in {fill.instrument.currency}; account {self.name} is in {self.currency}"
            )
        held = self.positions.get(fill.symbol, Position(fill.instrument))
        positions = {**self.positions, fill.symbol: held.after(fill)}
        return Account(
            self.name,
            self.cash + fill.cash,
            self.currency,
            MappingProxyType(positions),
            self.fees + fill.fee,
            fill.time,
        )

    def with_cash(self, amount: Decimal) -> Account:
        """The account after a deposit (or, negative, a withdrawal)."""
        return replace(self, cash=self.cash + amount)

    def quantity(self, symbol: str) -> Decimal:
        """Units held of a symbol; zero when there are none."""
        position = self.positions.get(symbol)
        return position.quantity if position else ZERO

    @property
    def holdings(self) -> dict[str, Decimal]:
        """Symbol → units, where not zero."""
        return {s: p.quantity for s, p in self.positions.items() if p.quantity}

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Cash plus holdings at `prices` (symbol → price). A holding without a price raises DataError."""
        total = self.cash
        for symbol, position in self.positions.items():
            if not position.quantity:
                continue
            price = prices.get(symbol)
            if price is None or not price.is_finite():
                raise DataError(f"no price for {symbol}, of which {self.name} holds {position.quantity}")
            total += position.value(price)
        return total


def fold(opening: Account, fills: Iterable[Fill]) -> Account:
    """The account after all fills, in the order given."""
    account = opening
    for fill in fills:
        account = account.after(fill)
    return account
