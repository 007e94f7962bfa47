"""The short way through a bar: market orders of a cash account in one currency, each at one price, whole or cut.

What comes out is what a `Session` makes of the same bar (a test holds them together); it only takes a third of the
time, and these are nearly all the orders of a backtest.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from aura_lib.core import AssetClass, OrderStatus, TimeInForce
from aura_lib.exchange.bars import checked
from aura_lib.exchange.costs import PRICE_QUANTUM
from aura_lib.exchange.costs.pricing import Priced, amounts
from aura_lib.exchange.floor import Event, Floor, Prices
from aura_lib.exchange.working import Working

ZERO = Decimal(0)
SMALL = Decimal(1)  # below it a price may round to nothing
FILLED, FX = OrderStatus.FILLED, AssetClass.FX
NO_PRICE = "no price in its session"
Due = list[tuple[Working, Decimal | None]]


def play(floor: Floor, moment: datetime, prices: Prices, closing: bool) -> list[Event]:
    """All that a bar does to market orders: sells first, then buys, each in the order of submission."""
    sells, buys = _read(floor, moment, prices)
    floor.matched, floor.opening = moment, closing
    events: list[Event] = []
    ended: list[Working] = []
    for w, reference in sells:
        if reference is None:
            ended.append(w)
        else:
            _execute(floor, w, reference, moment, events)
    for w, reference in buys:
        if reference is None:
            ended.append(w)
        else:
            _execute(floor, w, reference, moment, events)
    if ended and closing:
        _expire(floor, ended, events)
    return events


def _read(floor: Floor, moment: datetime, prices: Prices) -> tuple[Due, Due]:
    """Due orders with their reference prices; nothing has changed when one of these cannot be true."""
    sells: Due = []
    buys: Due = []
    at, check = floor.fills.at, floor.pricing.check
    for w in floor.working.values():
        if w.since >= moment:
            continue
        symbol = w.symbol
        told = prices.get(symbol)
        if type(told) is Decimal and told.is_finite() and told >= SMALL:  # nothing else to look at
            (buys if w.buys else sells).append((w, told))
            continue
        bar = checked(symbol, told)
        reference = None
        if bar is not None:
            if bar.low < SMALL:
                check(symbol, bar)
            reference = bar.close if at == "close" else bar.open if at == "open" else bar.typical
        (buys if w.buys else sells).append((w, reference))
    return sells, buys


def _execute(floor: Floor, w: Working, reference: Decimal, moment: datetime, events: list[Event]) -> None:
    books, instrument, pricing = floor.books, w.order.intent.instrument, floor.pricing
    price = (reference * (pricing.buy if w.buys else pricing.sell)).quantize(PRICE_QUANTUM, ROUND_HALF_EVEN)
    quantity, multiplier = w.quantity, instrument.multiplier
    units = quantity * multiplier
    value = units * price
    fee = pricing.costs.commission(value, quantity)
    if w.buys:
        change, cash = quantity, -value - fee
        whole = books.cash + cash >= 0
    else:
        held = books.positions.get(w.symbol)
        change, cash = -quantity, value - fee
        whole = held is not None and held.quantity >= quantity and books.cash + cash >= 0
    if not whole or price <= 0 or instrument.asset_class is FX:
        _cut(floor, w, reference, moment, events)
        return
    books.trade(instrument, change, price, cash, fee, moment)
    w.filled = quantity
    if pricing.moves[0]:
        parts = amounts(Priced(price, reference, pricing.moves), units)
    else:  # no spread: all that the price lost is slippage
        parts = (ZERO, abs(price - reference) * units, ZERO)
    events.append(floor.fact(w, quantity, price, fee, moment, parts))
    events.append(floor.close(w, FILLED, ""))
    if instrument.expiry is not None:
        floor.watch()


def _cut(floor: Floor, w: Working, reference: Decimal, moment: datetime, events: list[Event]) -> None:
    """An order that cannot be paid as a whole."""
    bar = checked(w.symbol, reference)
    assert bar is not None
    wanted, instrument = w.quantity, w.order.intent.instrument
    priced = floor.pricing.taker(w.buys, reference, wanted, bar, None)
    quantity, fee, obstacle = floor.purse.affordable(
        instrument, w.buys, wanted, priced.price, maker=False, reduces=False
    )
    if quantity:
        events.append(floor.fill(w, quantity, priced, fee, moment))
    whole = quantity == wanted
    events.append(floor.close(w, OrderStatus.FILLED if whole else OrderStatus.CANCELLED, "" if whole else obstacle))
    floor.watch()


def _expire(floor: Floor, ended: list[Working], events: list[Event]) -> None:
    for w in sorted(ended, key=lambda w: w.sequence):
        if w.force is TimeInForce.DAY:
            events.append(floor.close(w, OrderStatus.EXPIRED, NO_PRICE))
