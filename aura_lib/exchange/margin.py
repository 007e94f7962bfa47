"""The margin call: what a venue does when the equity no longer carries the positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from aura_lib.core import Intent, Order, OrderStatus, Position, Side, iso
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.floor import Event, Floor
from aura_lib.exchange.terms import Standing
from aura_lib.exchange.working import Working

LIQUIDATION = "liquidation"
Bars = Mapping[str, PriceBar | None]


def police(floor: Floor, bars: Bars, moment: datetime) -> Iterator[Event]:
    """Hold an account's equity at the close of a bar against its exposure.

    Below maintenance all orders are cancelled and positions closed at that close, costs included, the largest first
    (then by symbol), until what is left is carried; what did not trade in the bar is closed when it does. An account
    without equity is bankrupt: all is closed, and it never trades again; what it owes stays in its cash.
    """
    equity, gross = floor.purse.worth()
    if equity < 0 or (gross and not equity):
        floor.standing = Standing.BANKRUPT
    if floor.standing is Standing.BANKRUPT:
        yield from _cancel(floor, f"bankrupt with an equity of {equity:.2f}")
        yield from _liquidate(floor, bars, moment, until=lambda: False)
    elif gross and equity < floor.terms.floor * gross:
        yield from _cancel(floor, f"margin call: an equity of {equity:.2f} for an exposure of {gross:.2f}")
        yield from _liquidate(floor, bars, moment, until=lambda: _carried(floor))
        if floor.purse.worth()[0] <= 0:
            floor.standing = Standing.BANKRUPT


def _carried(floor: Floor) -> bool:
    equity, gross = floor.purse.worth()
    return equity >= floor.terms.floor * gross


def _cancel(floor: Floor, reason: str) -> Iterator[Event]:
    for w in list(floor.working.values()):
        yield floor.close(w, OrderStatus.CANCELLED, reason)


def _liquidate(floor: Floor, bars: Bars, moment: datetime, *, until: Callable[[], bool]) -> Iterator[Event]:
    exposures = floor.purse.exposures()
    for symbol in sorted(exposures, key=lambda s: (-abs(exposures[s]), s)):
        if until():
            return
        bar = bars.get(symbol)
        if bar is not None:
            yield from _closed_out(floor, floor.books.positions[symbol], bar, moment)


def _closed_out(floor: Floor, position: Position, bar: PriceBar, moment: datetime) -> Iterator[Event]:
    """Close one position at the close of a bar, whatever it costs; fractions of a lot too."""
    buys, quantity = position.quantity < 0, abs(position.quantity)
    instrument, name = position.instrument, floor.books.name
    client_id = f"{LIQUIDATION}/{instrument.symbol}/{iso(moment)}"
    lots = max(quantity // instrument.lot * instrument.lot, instrument.lot)
    wish = Intent(instrument, Side.BUY if buys else Side.SELL, lots, reason=LIQUIDATION)
    w = Working(Order(client_id, name, name, LIQUIDATION, 0, 1, wish, moment), moment, floor.next())
    w.quantity = quantity
    floor.add(w)
    priced = floor.pricing.taker(buys, bar.close, quantity, bar, None)
    fee = floor.purse.fee(instrument, quantity, priced.price, False)
    yield floor.fill(w, quantity, priced, fee, moment)
    yield floor.close(w, OrderStatus.FILLED, LIQUIDATION)
