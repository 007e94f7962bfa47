"""What the checks before a trade are told of an account: its books, orders, prices, hours, and what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import takewhile

from aura_lib.core import (
    Booking,
    BookingKind,
    Calendar,
    DataError,
    Fill,
    InputError,
    Order,
    OrderType,
    Transfer,
    utc,
)
from aura_lib.execution.accounts import Terms
from aura_lib.execution.feed import Feed
from aura_lib.execution.limits import Rulebook
from aura_lib.ledger import AccountView
from aura_lib.risk.pretrade import Context, TradeLimits, Trading, Use, usage

PAIRS = frozenset({OrderType.BRACKET, OrderType.OCO})
MINUTE = 60.0
LATE = timedelta(days=7)  # that an entry may be written after its time
ZERO = Decimal(0)


def context(
    view: AccountView,
    terms: Terms,
    feed: Feed,
    limits: TradeLimits,
    *,
    book: str,
    origin: str,
    now: datetime,
    buying_power: Decimal | None = None,
    halted: frozenset[str] = frozenset(),
) -> Context:
    """The context of an order of a book, of some origin, at a moment.

    On an account whose time is replayed the hours are not checked: it only ever stands at the close of a bar.
    Raises DataError when the feed has no prices at that moment.
    """
    now = utc(now)
    stood = (
        None if terms.clock == "wall" else now
    )  # a clock that was set back, or a broker's that is ahead, hides nothing
    of_day = (limits.max_daily_loss, limits.max_account_daily_loss) != (None, None)
    hours = _hours(terms, now) if of_day or terms.clock == "wall" else None
    start = _start(view, feed, limits, hours, book)
    return Context(
        now=now,
        origin=origin,
        account=view.account(as_of=stood),
        book=view.account(book, stood),
        prices=feed.stamped(now),
        orders=view.live_orders(),
        legs=_legs(view),
        recent=_recent(view, limits, now),
        trading=hours if terms.clock == "wall" else None,
        instruments=feed.bars.instruments,
        sectors=_sectors(terms.source) if limits.max_sector_weight is not None or limits.sector_caps else {},
        halted=halted,
        opening=start[0],
        account_opening=start[1],
        buying_power=buying_power,
        account_short=terms.limits.short,
    )


def in_use(rules: Rulebook, view: AccountView, feed: Feed, *, book: str, user: str, at: datetime) -> list[Use]:
    """The limits of a book, as they bind a user there, each with what is taken of it at a moment."""
    limits = rules.effective(book, user)
    return usage(context(view, rules.terms, feed, limits, book=book, origin="", now=at), limits)


def _hours(terms: Terms, now: datetime) -> Trading | None:
    try:
        return Trading.at(Calendar.of(terms.calendar), now)
    except InputError:  # the calendar does not reach: what hangs on it is not known
        return None


def _start(
    view: AccountView, feed: Feed, limits: TradeLimits, hours: Trading | None, book: str
) -> tuple[Decimal | None, Decimal | None]:
    """What the book and the account were worth when the day began, where a limit asks for it."""
    wanted = (limits.max_daily_loss, limits.max_account_daily_loss)
    if hours is None or wanted == (None, None):
        return None, None
    of_book, of_account = (
        None if limit is None else _worth(view, feed, name, hours.day_start)
        for limit, name in zip(wanted, (book, None), strict=True)
    )
    return of_book, of_account


def _worth(view: AccountView, feed: Feed, book: str | None, at: datetime) -> Decimal | None:
    """What it was worth at a moment, with what came and went since: money paid in or out is no gain or loss."""
    try:
        return view.account(book, at).equity(feed.prices(at)) + _came(view, book, at)
    except DataError:
        return None


def _came(view: AccountView, book: str | None, since: datetime) -> Decimal:
    """Money and units that came since a moment, less what went, in the account's currency; units at what they cost."""
    total = ZERO
    for event in reversed(view.events):
        if isinstance(event, Fill):
            if event.time < since - LATE:
                break
        elif event.time > since and event.currency == view.currency:
            total += _moved(event, book)
    return total


def _moved(event: Booking | Transfer, book: str | None) -> Decimal:
    multiplier = event.instrument.multiplier if event.instrument else ZERO
    value = event.cash + event.quantity * (event.price or ZERO) * multiplier
    if isinstance(event, Transfer):
        return value * ((event.target == book) - (event.source == book))
    brought = event.kind in (BookingKind.DEPOSIT, BookingKind.IMPORT) and book in (None, event.book)
    return value if brought else ZERO


def _legs(view: AccountView) -> frozenset[str]:
    return frozenset(o.client_id for o in view.live_orders() if o.parent and _is_pair(view.orders.get(o.parent)))


def _is_pair(order: Order | None) -> bool:
    return order is not None and order.intent.type in PAIRS


def _recent(view: AccountView, limits: TradeLimits, now: datetime) -> list[Order]:
    """The orders of as long as a limit looks back; none where none does."""
    rated = limits.orders_per_minute is not None or limits.account_orders_per_minute is not None
    seconds = max(MINUTE if rated else 0.0, limits.duplicate_seconds or 0.0)
    since = now - timedelta(seconds=seconds)
    return list(takewhile(lambda order: order.time > since, reversed(view.orders.values()))) if seconds else []


@cache
def _sectors(source: str) -> Mapping[str, str]:
    """Symbol → sector, as the source lists them; nothing where it lists none."""
    from aura_lib import data

    listed = data.universe(source).table()
    return dict(zip(listed["symbol"], listed["sector"], strict=True))
