"""What a venue books by the calendar day: interest on balances, the fee for borrowed shares."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN

from aura_lib.core import AssetClass, Booking, BookingKind, iso
from aura_lib.exchange.costs import FEE_QUANTUM
from aura_lib.exchange.means import Purse

LENT = frozenset({AssetClass.EQUITY, AssetClass.ETF, AssetClass.CRYPTO})  # what a short seller has to borrow


def accrue(purse: Purse, since: date, moment: datetime) -> Iterator[Booking]:
    """Interest and borrow of the days from `since` up to a moment, on what was held and owed at the last close."""
    days = (moment.date() - since).days
    if days <= 0:
        return
    yield from _interest(purse, days, moment)
    yield from _borrow(purse, days, moment)


def _interest(purse: Purse, days: int, moment: datetime) -> Iterator[Booking]:
    model, books = purse.costs.interest, purse.books
    if model is None:
        return
    for currency, balance in {books.currency: books.cash, **books.balances}.items():
        earned = model.earned(balance, days).quantize(FEE_QUANTUM, rounding=ROUND_HALF_EVEN)
        if earned:
            name = f"interest/{currency}/{iso(moment)}"
            yield Booking(name, BookingKind.INTEREST, earned, currency, moment, note=f"{days} days on {balance}")


def _borrow(purse: Purse, days: int, moment: datetime) -> Iterator[Booking]:
    model = purse.costs.borrow
    if model is None:
        return
    for symbol, position in list(purse.books.positions.items()):
        if position.quantity >= 0 or position.instrument.asset_class not in LENT:
            continue
        value = -position.value(purse.mark(symbol, position.average_cost))
        cost = model.cost(symbol, value, days).quantize(FEE_QUANTUM, rounding=ROUND_HALF_EVEN)
        if cost:
            name, note = f"borrow/{symbol}/{iso(moment)}", f"{days} days on {value}"
            currency = position.instrument.currency
            yield Booking(name, BookingKind.BORROW, -cost, currency, moment, position.instrument, note=note)
