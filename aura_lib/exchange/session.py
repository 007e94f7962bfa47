"""One bar at the venue: what is due is held against its prices, in the order in which it would have happened."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from aura_lib.core import AssetClass, Booking, BookingKind, DataError, Instrument, OrderStatus, TimeInForce
from aura_lib.core.portfolio import pairs
from aura_lib.exchange import options
from aura_lib.exchange.bars import PriceBar, checked
from aura_lib.exchange.carry import accrue
from aura_lib.exchange.costs.pricing import Priced
from aura_lib.exchange.floor import Event, Floor, Prices
from aura_lib.exchange.margin import police
from aura_lib.exchange.means import Part
from aura_lib.exchange.offers import CLOSE, MARKET, OPEN, WITHIN, Offer, exit_offer, offer, priority, remember
from aura_lib.exchange.working import AT_ONCE, Package, Working, entry_of

ZERO = Decimal(0)
NOWHERE = (ZERO, ZERO, ZERO)
NOTHING = PriceBar(ZERO, ZERO, ZERO, ZERO)  # a package has no bar of its own
NO_PRICE, NOT_REACHED = "no price in its session", "not reached in its session"
NOT_ALL, NOT_NOW, REST = "not all at once", "not at once", "the rest was not filled in time"


class Session:
    """One bar, matched. Nothing has changed until all prices it needs were read and found true."""

    __slots__ = (
        "_bars", "_closing", "_due", "_events", "_first", "_floor", "_marked", "_marks", "_moment", "_packages",
        "_pairs", "_queue", "_room",
    )  # fmt: skip

    def __init__(self, floor: Floor, moment: datetime, prices: Prices, *, closing: bool) -> None:
        self._floor, self._moment, self._closing, self._first = floor, moment, closing, floor.opening
        due = [w for w in floor.working.values() if w.since < moment]
        self._packages = [w for w in due if isinstance(w, Package)] if floor.special else []
        self._due = [w for w in due if not isinstance(w, Package)] if self._packages else due
        self._bars: dict[str, PriceBar | None] = {}
        self._marks: dict[str, Decimal] = {}
        self._room: dict[str, Decimal] = {}
        self._events: list[Event] = []
        self._queue: list[tuple[Any, Working, Offer, PriceBar]] = []
        self._pairs: dict[str, Decimal] = {}
        self._marked = False
        self._read(prices)

    def _read(self, prices: Prices) -> None:
        bars, check, floor = self._bars, self._floor.pricing.check, self._floor
        for w in self._due:
            symbol = w.symbol
            if symbol not in bars:
                bar = bars[symbol] = checked(symbol, prices.get(symbol))
                if bar is not None:
                    check(symbol, bar)
                    if floor.terms.margin:
                        self._marks[symbol] = bar.close
        for leg in [leg for package in self._packages for leg in package.legs]:
            self._look(leg.symbol, prices)
            if (bar := bars[leg.symbol]) is not None:
                check(leg.symbol, bar)
        if not floor.calm or floor.terms.margin:
            self._read_holdings(prices)
        if floor.books.balances:
            self._read_currencies(prices)

    def _read_holdings(self, prices: Prices) -> None:
        for position in self._floor.books.positions.values():
            if position.quantity:
                instrument = position.instrument
                self._look(instrument.symbol, prices)
                if instrument.underlying is not None:
                    self._look(instrument.underlying, prices)
                    if self._closing and options.due(position, self._moment):
                        self._settles(instrument, instrument.underlying)

    def _settles(self, option: Instrument, underlying: str) -> None:
        if underlying not in self._marks and underlying not in self._floor.purse.marks:
            raise DataError(
                f"{option.symbol} expired on {option.expiry}, and no price of its underlying {underlying} was ever "
                "known: hand over the bars of the underlying too"
            )

    def _read_currencies(self, prices: Prices) -> None:
        floor, books = self._floor, self._floor.books
        for currency in books.balances:
            for pair in (*pairs(currency, books.currency), *pairs(books.currency, currency)):
                self._look(pair, prices)
                if pair in self._marks:
                    self._pairs[pair] = self._marks[pair]
                    break
        needed = {w.order.intent.instrument.currency for w in self._due}
        if self._due or floor.terms.margin:
            needed |= {currency for currency, amount in books.balances.items() if amount}
        if floor.terms.margin:
            needed |= {p.instrument.currency for p in books.positions.values() if p.quantity}
        floor.purse.known(needed, self._pairs)

    def _look(self, symbol: str, prices: Prices) -> None:
        if symbol not in self._bars:
            self._bars[symbol] = checked(symbol, prices.get(symbol))
        bar = self._bars[symbol]
        if bar is not None:
            self._marks[symbol] = bar.close

    def play(self) -> list[Event]:
        """All that happens in the bar."""
        floor, events = self._floor, self._events
        before, floor.matched, floor.opening = floor.matched, self._moment, self._closing
        if self._pairs:  # a pair that was never seen before counts from its first bar on
            floor.purse.marks = {**self._pairs, **floor.purse.marks}
            floor.purse.forget()
        if before is not None and not floor.calm:
            events.extend(floor.book(b) for b in list(accrue(floor.purse, before.date(), self._moment)))
        self._line_up()
        queue = self._queue
        while queue:
            key, w, made, bar = heapq.heappop(queue)
            if key[0] == CLOSE:
                self._mark()
            if floor.working.get(w.order.client_id) is not w:
                continue
            if isinstance(w, Package):
                self._trade(w, made.phase)
            else:
                self._execute(w, made, bar)
        self._mark()
        for w in [*self._due, *self._packages]:
            if floor.working.get(w.order.client_id) is w:
                self._end(w)
        if events or not floor.calm:
            self._after()
        return events

    def _line_up(self) -> None:
        at, first, last, bars, queue = self._floor.fills.at, self._first, self._closing, self._bars, self._queue
        for w in self._due:
            bar = bars[w.symbol]
            if bar is not None and (made := offer(w, bar, at, first, last)) is not None:
                queue.append((priority(w, made, self._turn(w)), w, made, bar))
        for package in self._packages:
            for phase in _phases(package, at):
                key = (phase, 1, MARKET, "", 0, package.sequence)  # as one that buys at the market
                queue.append((key, package, Offer(phase, MARKET, ZERO), NOTHING))
        if len(queue) > 1:
            queue.sort()  # a sorted list is a heap; keys differ, their last part is a running number

    def _turn(self, w: Working) -> int:
        """Who goes first at one moment: sells; on margin what makes a position smaller, sells first.

        Before them all what buys back written options on an account that may not be short: their cover is sold after.
        """
        purse = self._floor.purse
        if not (self._floor.terms.margin or purse.writes):
            return int(w.buys)
        position = self._floor.books.positions.get(w.symbol)
        held = ZERO if position is None else position.quantity
        if held < 0 and w.buys and not self._floor.terms.short:
            return -1
        after = held + (w.remaining if w.buys else -w.remaining)
        return w.buys + 2 * (self._floor.terms.margin and abs(after) > abs(held))

    def _mark(self) -> None:
        """From here on accounts are valued at the close of this bar: before it, at the one before."""
        if not self._marked:
            self._marked = True
            self._floor.purse.marks.update(self._marks)
            self._floor.purse.forget()

    def _execute(self, w: Working, made: Offer, bar: PriceBar) -> None:
        floor = self._floor
        wanted = w.remaining
        room = wanted if floor.fills.volume_share is None else self._available(w, bar, wanted)
        whole = w.force is TimeInForce.FOK
        if not room or (whole and room < wanted):
            if whole:
                self._events.append(floor.close(w, OrderStatus.CANCELLED, NOT_ALL))
            return
        if made.maker:
            priced = Priced(made.reference, made.reference, NOWHERE)
        else:
            priced = floor.pricing.taker(w.buys, made.reference, room, bar, made.cap)
        instrument = w.order.intent.instrument
        quantity, fee, obstacle = floor.purse.affordable(
            instrument, w.buys, room, priced.price, maker=made.maker, reduces=w.reduces
        )
        if quantity and not (whole and quantity < wanted):
            self._fill(w, quantity, priced, fee)
            if w.bracket:
                self._protect(w, made, bar, quantity)
        if quantity < room:
            self._events.append(floor.close(w, OrderStatus.CANCELLED, obstacle))
        elif w.filled == w.quantity:
            self._events.append(floor.close(w, OrderStatus.FILLED, ""))

    def _trade(self, w: Package, phase: int) -> None:
        """Trade whole packages at a moment of the bar, when their net price is within the limit; else nothing of them.

        As many as the legs have room for and the account can pay; what it cannot pay is cancelled.
        """
        floor = self._floor
        legs = [
            (leg, n, bar) for leg, n in zip(w.legs, w.ratios, strict=True) if (bar := self._bar_of(leg)) is not None
        ]
        room = min([w.remaining, *(self._available(leg, bar, leg.remaining) // n for leg, n, bar in legs)])
        if len(legs) < len(w.legs) or not room:
            return
        priced = [floor.pricing.taker(leg.buys, _price(bar, phase), room * n, bar, None) for leg, n, bar in legs]
        parts = [Part(leg.instrument, leg.signed, p.price) for leg, p in zip(w.order.intent.legs, priced, strict=True)]
        if w.net is not None and sum(part.signed * part.price for part in parts) > w.net:
            return
        quantity, _, obstacle = floor.purse.packages(parts, room)
        if quantity:
            self._fill_legs(w, quantity, priced)
        if quantity < room:
            self._events.append(floor.close(w, OrderStatus.CANCELLED, obstacle))
        elif w.filled == w.quantity:
            self._events.append(floor.close(w, OrderStatus.FILLED, ""))

    def _fill_legs(self, w: Package, quantity: Decimal, priced: Sequence[Priced]) -> None:
        """So many packages: what is sold pays for what is bought."""
        purse = self._floor.purse
        for leg, n, p in sorted(zip(w.legs, w.ratios, priced, strict=True), key=lambda one: one[0].buys):
            units = quantity * n
            self._fill(leg, units, p, purse.fee(leg.order.intent.instrument, units, p.price, False))
        w.filled, w.executions = w.filled + quantity, w.executions + 1
        purse.watch()

    def _bar_of(self, leg: Working) -> PriceBar | None:
        """The prices that a leg of a package trades at."""
        return self._bars[leg.symbol]

    def _available(self, w: Working, bar: PriceBar, wanted: Decimal) -> Decimal:
        """What the volume share leaves of what is wanted, in whole lots."""
        share, lot = self._floor.fills.volume_share, w.order.intent.instrument.lot
        if share is None or bar.volume is None:
            return wanted
        left = self._room.setdefault(w.symbol, bar.volume * share // lot * lot)
        return min(wanted, left)

    def _fill(self, w: Working, quantity: Decimal, priced: Priced, fee: Decimal) -> None:
        floor = self._floor
        instrument = w.order.intent.instrument
        if w.buys and floor.books.balances and floor.terms.converts:
            self._convert(instrument, quantity * priced.price * instrument.multiplier + fee, w)
        if w.symbol in self._room:
            self._room[w.symbol] -= quantity
        self._events.append(floor.fill(w, quantity, priced, fee, self._moment))

    def _convert(self, instrument: Instrument, payment: Decimal, w: Working) -> None:
        """Buy what is missing of the currency of a purchase."""
        floor = self._floor
        own = floor.books.currency
        for currency, amount, cash in floor.purse.conversions(instrument.currency, payment):
            pair = Instrument(f"{currency}{own}", AssetClass.FX, own, instrument.venue)
            name = f"conversion/{currency}/{w.order.client_id}#{w.executions + 1}"
            kind, note = BookingKind.CONVERSION, f"for {instrument.symbol}"
            self._events.append(floor.book(Booking(name, kind, cash, own, self._moment, pair, amount, note)))

    def _protect(self, w: Working, made: Offer, bar: PriceBar, quantity: Decimal) -> None:
        """Place the exit of a bracket for what was filled now, and hold the rest of the bar against it."""
        floor = self._floor
        exit_order = next((o for o in floor.working.values() if entry_of(o.order.client_id) == w.order.client_id), None)
        if exit_order is None:
            exit_order = w.exit(quantity, self._moment, floor.next())
            floor.add(exit_order)
            if made.phase != CLOSE:
                self._due.append(exit_order)  # the rest of this bar counts for it
        else:
            exit_order.quantity += quantity
        left = exit_offer(exit_order, bar, made.phase)
        if left is not None:
            key = priority(exit_order, left, int(exit_order.buys))
            heapq.heappush(self._queue, (key, exit_order, left, bar))

    def _end(self, w: Working) -> None:
        """What the end of the bar does to an order that is still open."""
        bar, force = self._last_bar(w), w.force
        if bar is not None and not isinstance(w, Package):
            remember(w, bar)
        if force is TimeInForce.GTC:
            return
        at_once, day = force in AT_ONCE, force is TimeInForce.DAY
        if at_once or (self._first if force is TimeInForce.OPG else self._closing):
            told = NO_PRICE if bar is None else REST if w.filled else NOT_NOW if at_once else NOT_REACHED
            status = OrderStatus.EXPIRED if day or not at_once else OrderStatus.CANCELLED
            self._events.append(self._floor.close(w, status, told))

    def _last_bar(self, w: Working) -> PriceBar | None:
        """The bar of an order; a package has none where one of its legs has none."""
        if not isinstance(w, Package):
            return self._bars[w.symbol]
        bars = [self._bars[leg.symbol] for leg in w.legs]
        return None if any(bar is None for bar in bars) else bars[0]

    def _after(self) -> None:
        """What the venue does by itself once the bar is over: options that have come to their end, and margin."""
        floor = self._floor
        if self._closing:
            self._events.extend(self._expire())
        if floor.terms.margin:
            self._events.extend(police(floor, self._bars, self._moment))
        floor.watch()

    def _expire(self) -> Iterator[Event]:
        floor = self._floor
        positions = list(floor.books.positions.values())
        for position in positions if floor.terms.short else sorted(positions, key=options.takes_away):
            if not options.due(position, self._moment):
                continue
            spot = floor.purse.marks.get(position.instrument.underlying or "")
            if spot is not None:
                yield floor.book(options.settle(floor.purse, position, spot, floor.instruments or {}, self._moment))


def _phases(package: Package, at: str) -> tuple[int, ...]:
    """The moments of a bar at which a package may trade: only prices that are of one time add up to a net price."""
    if package.net is not None:
        return OPEN, CLOSE
    return ({"open": OPEN, "close": CLOSE}.get(at, WITHIN),)


def _price(bar: PriceBar, phase: int) -> Decimal:
    return bar.open if phase == OPEN else bar.close if phase == CLOSE else bar.typical
