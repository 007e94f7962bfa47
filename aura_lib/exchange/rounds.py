"""A round at the venue: orders against a bid and an ask, as much as is there, and only those that take part.

A bar knows one price at a time; a market has two. A round plays a bar twice: first what sells, at the bid, then what
buys, at the ask. Within each, price and time decide as in every bar (`offers`); what a size leaves goes on waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from aura_lib.core import DataError, InputError, iso, utc
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.floor import Event, Floor
from aura_lib.exchange.matching import Exchange
from aura_lib.exchange.session import Session
from aura_lib.exchange.working import Package, Working

INSTANT = timedelta(microseconds=1)
Takes = Callable[[str], bool]


class Touch(NamedTuple):
    """The best prices of a symbol and how much is there; a size of None is any amount."""

    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None

    @property
    def middle(self) -> Decimal:
        """Between bid and ask."""
        return (self.bid + self.ask) / 2

    @staticmethod
    def at(price: Decimal, size: Decimal | None = None) -> Touch:
        """One price for both sides: a trade."""
        return Touch(price, price, size, size)


def everyone(client_id: str) -> bool:
    """Every order takes part."""
    return True


def play(
    exchange: Exchange,
    time: datetime,
    touches: Mapping[str, Touch],
    *,
    takes: Takes = everyone,
    opening: bool = False,
    closing: bool = False,
) -> list[Event]:
    """Match open orders that `takes` says (by client id) with the best prices of their symbols.

    It takes two moments: `time`, and the microsecond after it; packages come last. Sizes limit what all orders of a
    side take together when the exchange's `FillModel` has a volume share of one. `opening` and `closing` say that these
    are the first or the last prices of a session: OPG and CLS orders fill then, and what is good for the day expires at
    its end. All accounts are valued in the middle. A bid above its ask or a time before the last match raises DataError
    and InputError, and nothing changes.
    """
    floor, moment = exchange._floor, utc(time)
    _check(floor, moment, touches)
    middle = {symbol: touch.middle for symbol, touch in touches.items()}
    bids = {symbol: _bar(touch.bid, touch.bid_size) for symbol, touch in touches.items()}
    asks = {symbol: _bar(touch.ask, touch.ask_size) for symbol, touch in touches.items()}
    sells = _Side(floor, moment, bids, middle, lambda w: not w.buys and takes(w.order.client_id), opening, closing)
    events = sells.play()
    buys = _Side(floor, moment + INSTANT, asks, middle, lambda w: w.buys and takes(w.order.client_id), opening, closing)
    events += buys.play()
    if any(isinstance(w, Package) and takes(w.order.client_id) for w in floor.working.values()):
        events += _Packages(floor, moment + INSTANT, bids, asks, middle, takes, opening, closing).play()
    return events


class _Side(Session):
    """The orders of one side at one price."""

    __slots__ = ("_middle",)

    def __init__(
        self,
        floor: Floor,
        moment: datetime,
        prices: Mapping[str, PriceBar],
        middle: Mapping[str, Decimal],
        takes: Callable[[Working], bool],
        opening: bool,
        closing: bool,
    ) -> None:
        floor.opening, self._middle = opening, middle
        super().__init__(floor, moment, prices, closing=closing)
        self._due, self._packages = [w for w in self._due if takes(w)], []
        self._marks = {symbol: middle[symbol] for symbol in self._marks}

    def _after(self) -> None:
        """Options and margin are looked at in the middle, not at one side's price."""
        self._bars = {symbol: _bar(price, None) for symbol, price in self._middle.items()}
        super()._after()


class _Packages(_Side):
    """Orders for packages: what each of their legs buys at the ask, what it sells at the bid."""

    __slots__ = ("_asks", "_bids")

    def __init__(
        self,
        floor: Floor,
        moment: datetime,
        bids: Mapping[str, PriceBar],
        asks: Mapping[str, PriceBar],
        middle: Mapping[str, Decimal],
        takes: Takes,
        opening: bool,
        closing: bool,
    ) -> None:
        self._bids, self._asks = bids, asks
        super().__init__(floor, moment, middle_bars(middle), middle, lambda w: False, opening, closing)
        due = [w for w in floor.working.values() if isinstance(w, Package) and w.since < moment]
        self._packages = [w for w in due if takes(w.order.client_id)]

    def _bar_of(self, leg: Working) -> PriceBar | None:
        return (self._asks if leg.buys else self._bids).get(leg.symbol)


def middle_bars(middle: Mapping[str, Decimal]) -> Mapping[str, PriceBar]:
    """Bars of the middle prices, for valuing."""
    return {symbol: _bar(price, None) for symbol, price in middle.items()}


def _bar(price: Decimal, size: Decimal | None) -> PriceBar:
    return PriceBar(price, price, price, price, size)


def _check(floor: Floor, moment: datetime, touches: Mapping[str, Touch]) -> None:
    if floor.matched is not None and moment <= floor.matched:
        raise InputError(f"matching does not go back: it stands at {iso(floor.matched)}, asked for {iso(moment)}")
    for symbol, touch in touches.items():
        if not (touch.bid.is_finite() and touch.ask.is_finite() and 0 < touch.bid <= touch.ask):
            raise DataError(f"{symbol} cannot have a bid of {touch.bid} and an ask of {touch.ask}")
