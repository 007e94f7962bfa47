"""What a bar offers an order: whether it is filled in it, when in the bar, and at which reference price.

Of a bar only four prices are known, not the path between them. The open comes first and the close last; what lies
between comes in an order that is assumed to be the worse for the trader:

- At the open: market orders of the "open" model and OPG orders; stops that the open has passed (a gap: they fill at
  the open, not at their price); limits that the open betters (they fill at the open, not at their price).
- Within: stops inside the bar, at their price; then limits inside the bar, at their price. Of a stop and a profit
  target in one bar the stop counts. A market order of the "vwap" model fills at the typical price.
- Late, only what must have come after another event of the bar: a trailing stop that the close lies beyond, measured
  from the bar's own best price; the exits of an entry made within the bar (the stop when it is inside the bar, the
  target only when the close is beyond it); a stop-limit order whose limit the close betters.
- At the close: market orders of the "close" model and CLS orders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from aura_lib.core import TimeInForce
from aura_lib.exchange.bars import PriceBar
from aura_lib.exchange.fills import At
from aura_lib.exchange.working import AT_ONCE, Working

OPEN, WITHIN, LATE, CLOSE = range(4)
MARKET, STOP, LIMIT = range(3)  # who comes first at one moment of the bar


class Offer(NamedTuple):
    """When in the bar, who comes first at that moment, the reference price, a limit to the price, and who waited."""

    phase: int
    rank: int
    reference: Decimal
    cap: Decimal | None = None
    maker: bool = False


def offer(w: Working, bar: PriceBar, at: At, first: bool, last: bool) -> Offer | None:
    """What a bar offers an order; `first` and `last` say whether it is the first and the last of its session."""
    if w.stop is None and not w.trailing:
        return _market(w, bar, at, first, last) if w.limit is None else _limited(w, bar, at, first, last)
    if w.triggered:
        return _limit(w, bar, w.stop_limit) if w.stop_limit is not None else Offer(OPEN, MARKET, bar.open)
    stopped = _trailing(w, bar) if w.trailing else _stopped(w, bar, w.stop)
    target = None if w.limit is None else _limit(w, bar, w.limit)
    if stopped is None or (target is not None and target.phase < stopped.phase):
        return target
    return stopped


def _market(w: Working, bar: PriceBar, at: At, first: bool, last: bool) -> Offer | None:
    if w.force is TimeInForce.OPG:
        return Offer(OPEN, MARKET, bar.open) if first else None
    if w.force is TimeInForce.CLS:
        return Offer(CLOSE, MARKET, bar.close) if last else None
    if at == "close":
        return Offer(CLOSE, MARKET, bar.close)
    return Offer(OPEN, MARKET, bar.open) if at == "open" else Offer(WITHIN, MARKET, bar.typical)


def _limited(w: Working, bar: PriceBar, at: At, first: bool, last: bool) -> Offer | None:
    """A limit order; one that must be filled at once or in an auction looks at that one price only."""
    if w.force in AT_ONCE or w.force is TimeInForce.OPG or w.force is TimeInForce.CLS:
        there = _market(w, bar, at, first, last)
        marketable = there is not None and _within(w.buys, there.reference, w.limit)
        return there._replace(rank=LIMIT, cap=w.limit) if there is not None and marketable else None
    return _limit(w, bar, w.limit)


def _within(buys: bool, price: Decimal, limit: Decimal | None) -> bool:
    return limit is None or (price <= limit if buys else price >= limit)


def _limit(w: Working, bar: PriceBar, limit: Decimal | None) -> Offer | None:
    if limit is None:
        return None
    if w.buys:
        if bar.low > limit:
            return None
        better = bar.open <= limit
    else:
        if bar.high < limit:
            return None
        better = bar.open >= limit
    return Offer(OPEN, LIMIT, bar.open, limit) if better else Offer(WITHIN, LIMIT, limit, limit, maker=True)


def _passed(buys: bool, price: Decimal, stop: Decimal) -> bool:
    return price >= stop if buys else price <= stop


def _stopped(w: Working, bar: PriceBar, stop: Decimal | None) -> Offer | None:
    if stop is None or not _passed(w.buys, bar.high if w.buys else bar.low, stop):
        return None
    limit = w.stop_limit
    if _passed(w.buys, bar.open, stop):
        return Offer(OPEN, STOP, bar.open) if limit is None else _limit(w, bar, limit)
    if _within(w.buys, stop, limit):
        return Offer(WITHIN, STOP, stop, limit)
    late = limit is not None and _within(w.buys, bar.close, limit)
    return Offer(LATE, LIMIT, limit, limit, maker=True) if late and limit is not None else None


def _trailing(w: Working, bar: PriceBar) -> Offer | None:
    if w.extreme is not None and _passed(w.buys, bar.open, w.level(w.extreme)):
        return Offer(OPEN, STOP, bar.open)
    level = w.level(_better(w, bar.open))
    if _passed(w.buys, bar.high if w.buys else bar.low, level):
        return Offer(WITHIN, STOP, level)
    level = w.level(_better(w, bar.low if w.buys else bar.high))
    return Offer(LATE, STOP, level) if _passed(w.buys, bar.close, level) else None


def _better(w: Working, price: Decimal) -> Decimal:
    if w.extreme is None:
        return price
    return min(w.extreme, price) if w.buys else max(w.extreme, price)


def exit_offer(w: Working, bar: PriceBar, entered: int) -> Offer | None:
    """What the rest of the bar offers the exit of a bracket whose entry was filled at a moment of the same bar."""
    if entered == CLOSE:
        return None
    if entered == OPEN:
        return offer(w, bar, "close", first=False, last=False)
    stopped = None if w.stop is None else _stopped(w, bar, w.stop)
    if stopped is not None and w.stop is not None:
        return Offer(LATE, STOP, w.stop, stopped.cap)
    if w.limit is not None and _within(w.buys, bar.close, w.limit):
        return Offer(LATE, LIMIT, w.limit, w.limit, maker=True)
    return None


def remember(w: Working, bar: PriceBar) -> None:
    """What an order that is still open keeps of a bar: that its stop was reached, or the best price so far."""
    if w.trailing:
        if not w.triggered:
            w.triggered = _trailing(w, bar) is not None
        w.extreme = _better(w, bar.low if w.buys else bar.high)
    elif w.stop is not None and not w.triggered:
        w.triggered = _passed(w.buys, bar.high if w.buys else bar.low, w.stop)


def priority(w: Working, made: Offer, turn: int) -> tuple[int, int, int, str, Decimal | int, int]:
    """The order of execution in a bar: its moment, then who frees means first, market before stop before limit.

    After that time counts for market orders, and for the others symbol, price (the stop that is reached first, the
    better limit) and time. `turn` says who frees means: the lower, the sooner.
    """
    if made.rank == MARKET:
        return made.phase, turn, MARKET, "", 0, w.sequence
    key = made.cap if made.rank == LIMIT and made.cap is not None else made.reference
    rising = w.buys if made.rank == STOP else not w.buys
    return made.phase, turn, made.rank, w.symbol, key if rising else -key, w.sequence
