"""Corporate actions: what a dividend or a split does to a position, and a split to the orders that wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from aura_lib.core import Booking, BookingKind, InputError, Intent, Position, iso
from aura_lib.exchange.costs import FEE_QUANTUM
from aura_lib.exchange.working import Working

ZERO, ONE = Decimal(0), Decimal(1)
SMALLEST = Decimal("0.000000001")  # no broker keeps a smaller part of a share


def dividend(position: Position, amount: Decimal, at: datetime) -> Booking:
    """So much a unit: paid to who holds it, taken from who is short of it."""
    positive("a dividend", amount)
    cash = (position.quantity * amount * position.instrument.multiplier).quantize(FEE_QUANTUM, ROUND_HALF_EVEN)
    name, note = f"dividend/{position.instrument.symbol}/{iso(at)}", f"{amount} on {position.quantity}"
    return Booking(name, BookingKind.DIVIDEND, cash, position.instrument.currency, at, position.instrument, note=note)


def split(position: Position, ratio: Decimal, price: Decimal | None, at: datetime) -> Iterator[Booking]:
    """`ratio` new units for each old one. Of a holding in whole lots what is left over is paid out at `price`.

    `price` is that of a new unit; without one the fraction stays in the position, and so it does when the holding was
    not in whole lots before. Who is short pays for the fraction.
    """
    positive("the ratio of a split", ratio)
    instrument, held = position.instrument, position.quantity
    after = (held * ratio).quantize(SMALLEST, ROUND_DOWN)
    name, note = f"split/{instrument.symbol}/{iso(at)}", f"{ratio} for 1"
    if after != held:
        yield Booking(name, BookingKind.SPLIT, ZERO, instrument.currency, at, instrument, after - held, note)
    fraction = after % instrument.lot  # has the sign of what is held
    if fraction and price is not None and not held % instrument.lot:
        positive("the price after a split", price)
        cash = (fraction * price * instrument.multiplier).quantize(FEE_QUANTUM, ROUND_HALF_EVEN)
        name, kind = f"cash_in_lieu/{instrument.symbol}/{iso(at)}", BookingKind.CASH_IN_LIEU
        yield Booking(name, kind, cash, instrument.currency, at, instrument, -fraction, note)


def adjust(working: Working, ratio: Decimal) -> bool:
    """Bring an open order to what it says after a split; False when less than a lot is left of it.

    Quantities are multiplied and rounded down to lots, prices divided and rounded to the tick, half to even.
    """
    intent = working.order.intent
    lot = intent.instrument.lot
    remaining, filled = (part * ratio // lot * lot for part in (working.remaining, working.filled))
    if not remaining:
        return False
    quantity = filled + remaining
    working.order = replace(working.order, intent=_adjusted(intent, quantity, ratio))
    fresh = Working(working.order, working.since, working.sequence)
    working.limit, working.stop, working.stop_limit = fresh.limit, fresh.stop, fresh.stop_limit
    working.quantity, working.filled = quantity, filled
    if working.extreme is not None:
        working.extreme /= ratio
    return True


def _adjusted(intent: Intent, quantity: Decimal, ratio: Decimal) -> Intent:
    tick = intent.instrument.tick
    names = ("limit_price", "stop_price", "trail_amount", "take_profit", "stop_loss", "stop_loss_limit")
    given = {name: value for name in names if (value := getattr(intent, name)) is not None}
    prices = {name: max((price / ratio / tick).quantize(ONE), ONE) * tick for name, price in given.items()}
    return replace(intent, quantity=quantity, **prices)


def positive(what: str, value: Decimal) -> None:
    """Raise InputError for what is no positive Decimal."""
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise InputError(f"{what} must be a positive Decimal, not {value!r}")
