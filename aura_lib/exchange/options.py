"""Options: what becomes of them at expiry, and exercise before it.

At the last bar of the expiry's session (or the next one there is), by the last known price of its underlying, a long
option that is in the money by a cent or more is exercised and a short one assigned, all others expire worthless: the
rule of the Options Clearing Corporation ("exercise by exception"). Options on an index are settled in cash and are
European; all others deliver shares at the strike and may be exercised before. Who cannot pay for the shares, or may not
be short of those it would deliver, is paid the intrinsic value instead (or pays it, when assigned), as if the broker
had closed the option in its last minute. What brings shares comes before what takes them, so that the legs of a spread
deliver to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from aura_lib.core import AssetClass, Booking, BookingKind, BrokerRejected, Instrument, Position, Right, iso
from aura_lib.exchange.means import Purse

ZERO = Decimal(0)
CENT = Decimal("0.01")


def intrinsic(option: Instrument, spot: Decimal) -> Decimal:
    """What an option is worth when it is exercised, per unit of its underlying."""
    assert option.strike is not None
    value = spot - option.strike if option.right is Right.CALL else option.strike - spot
    return max(value, ZERO)


def due(position: Position, moment: datetime) -> bool:
    """Whether a position is of an option that ends at a bar that closes at a moment."""
    expiry = position.instrument.expiry
    return expiry is not None and bool(position.quantity) and expiry <= moment.date()


def takes_away(position: Position) -> bool:
    """Whether the end of an option takes shares away: those that bring some come first."""
    return position.quantity < 0 if position.instrument.right is Right.CALL else position.quantity > 0


def settle(
    purse: Purse, position: Position, spot: Decimal, instruments: Mapping[str, Instrument], at: datetime
) -> Booking:
    """What an option that has come to its end does to the account."""
    value = intrinsic(position.instrument, spot)
    if value < CENT:
        name, option = f"expiry/{position.instrument.symbol}/{iso(at)}", position.instrument
        note = f"worthless with {option.underlying} at {spot}"
        return Booking(name, BookingKind.EXPIRY, ZERO, option.currency, at, option, -position.quantity, note)
    shares = underlying(position.instrument, instruments)
    if shares.asset_class is AssetClass.INDEX or not _deliverable(purse, position, position.quantity, shares):
        return in_cash(position, position.quantity, value, spot, at)
    return in_shares(position, position.quantity, shares, at)


def underlying(option: Instrument, instruments: Mapping[str, Instrument]) -> Instrument:
    """The instrument an option is on; a share of the same venue and currency where nothing else is known."""
    symbol = option.underlying or ""
    return instruments.get(symbol) or Instrument(symbol, currency=option.currency, venue=option.venue)


def _deliverable(purse: Purse, position: Position, contracts: Decimal, shares: Instrument) -> bool:
    """Whether the account can pay for the shares (and what its other options may lose), or has them to deliver."""
    if purse.terms.short:
        return True
    units, cash = _exchanged(position, contracts)
    held = purse.books.positions.get(shares.symbol)
    has = held is not None and held.quantity >= -units
    kept = purse.reserve(shares.currency, {position.instrument: -contracts}) or ZERO
    return purse.terms.margin or purse.books.balance(shares.currency) + cash >= kept if units > 0 else has


def _exchanged(position: Position, contracts: Decimal) -> tuple[Decimal, Decimal]:
    """The shares and the cash that so many contracts (signed as held) move: a call brings shares, a put takes them."""
    option = position.instrument
    assert option.strike is not None
    units = contracts * option.multiplier * (1 if option.right is Right.CALL else -1)
    return units, -units * option.strike


def in_cash(position: Position, contracts: Decimal, value: Decimal, spot: Decimal, at: datetime) -> Booking:
    """Exercise or assignment for the difference."""
    option = position.instrument
    kind = BookingKind.EXERCISE if contracts > 0 else BookingKind.ASSIGNMENT
    name, note = f"{kind.value}/{option.symbol}/{iso(at)}", f"settled in cash with {option.underlying} at {spot}"
    cash = contracts * option.multiplier * value
    return Booking(name, kind, cash, option.currency, at, option, -contracts, note)


def in_shares(position: Position, contracts: Decimal, shares: Instrument, at: datetime) -> Booking:
    """Exercise or assignment for shares at the strike."""
    option = position.instrument
    kind = BookingKind.EXERCISE if contracts > 0 else BookingKind.ASSIGNMENT
    units, cash = _exchanged(position, contracts)
    name, note = f"{kind.value}/{option.symbol}/{iso(at)}", f"{shares.symbol} at the strike of {option.strike}"
    return Booking(name, kind, cash, option.currency, at, option, -contracts, note, shares, units)


def exercise(
    purse: Purse, symbol: str, contracts: Decimal, instruments: Mapping[str, Instrument], at: datetime
) -> Booking:
    """Exercise long American options before their expiry. What cannot be is BrokerRejected, and says why."""
    position = purse.books.positions.get(symbol)
    if position is None or position.quantity < contracts or contracts <= 0 or contracts % 1:
        held = ZERO if position is None else position.quantity
        raise BrokerRejected(f"cannot exercise {contracts} of {symbol}: {held} are held; give whole contracts of those")
    option = position.instrument
    if option.expiry is None:
        raise BrokerRejected(f"cannot exercise {symbol}: it is no option")
    shares = underlying(option, instruments)
    if shares.asset_class is AssetClass.INDEX:
        raise BrokerRejected(f"cannot exercise {symbol} early: options on an index are European, they wait for expiry")
    if not purse.terms.short and purse.reserve(option.currency, {option: -contracts}) is None:
        raise BrokerRejected(f"cannot exercise {contracts} of {symbol}: it covers options that are written")
    if not _deliverable(purse, position, contracts, shares):
        raise BrokerRejected(f"cannot exercise {contracts} of {symbol}: neither the cash nor the shares are there")
    return in_shares(position, contracts, shares, at)
