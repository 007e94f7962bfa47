"""What a check before the trade is told: the book, prices and their times, the hours, what was sent of late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from aura_lib.core import Account, Calendar, Instrument, Order, utc

# How long before the open and after the close a market also trades; markets that are not here do not.
_UNITED_STATES = (timedelta(hours=5, minutes=30), timedelta(hours=4))
EXTENDED: Mapping[str, tuple[timedelta, timedelta]] = dict.fromkeys(
    ("XNYS", "XNAS", "ARCX", "XASE", "BATS"), _UNITED_STATES
)


@dataclass(frozen=True, slots=True)
class Price:
    """A price, and when it was made. One without a time is no price to trade at."""

    value: Decimal
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Trading:
    """The hours of a market around a moment.

    `state` is open, break, pre, post or closed; `session` the one that is on or comes next, `opens` and `closes` its
    hours; `last_open` and `last_close` those of the session that ended last; `day_start` is the close that gains and
    losses of the day are counted from: the one before the session that is on, or ended last. UTC.
    """

    state: str
    session: date
    opens: datetime
    closes: datetime
    last_open: datetime
    last_close: datetime
    day_start: datetime

    @staticmethod
    def at(calendar: Calendar, moment: datetime) -> Trading:
        """The hours around a moment. One that the calendar does not reach raises InputError."""
        now = utc(moment)
        status = calendar.status(now)
        place = int(calendar.closes.searchsorted(now, side="right"))  # of the session that is on or comes next
        opens, closes = utc(calendar.opens[place]), utc(calendar.closes[place])
        before, ended = (utc(moments[max(place - 1, 0)]) for moments in (calendar.opens, calendar.closes))
        state = _outside(calendar.name, now, ended, opens) if status.state == "closed" else status.state
        start = ended if status.state in ("open", "break") else utc(calendar.closes[max(place - 2, 0)])
        return Trading(state, calendar.sessions[place].date(), opens, closes, before, ended, start)


def _outside(calendar: str, now: datetime, ended: datetime, opens: datetime) -> str:
    before, after = EXTENDED.get(calendar, (timedelta(0), timedelta(0)))
    if opens - before <= now < opens:
        return "pre"
    return "post" if now < ended + after else "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that the checks know. Nothing is asked for: what is not handed in is not known.

    `account` is the whole account, `book` the one that trades. `orders` are the live orders of the account, of all
    books, and `legs` the client ids of the exits of brackets and pairs among them; `recent` are the orders of the last
    minutes, whatever became of them. `prices` have the time they were made.
    `trading` None: the hours mean nothing (a clock that jumps from close to close), so they are not checked, and
    prices are fresh at any age that `max_price_age` allows. `instruments` (symbol → as the venue knows it) None: not
    told; else what is missing in it is unknown. `halted` are symbols that do not trade now. `opening` and
    `account_opening` are equity when the day began, of the book and the account; None: unknown. `buying_power` is the
    broker's own figure where it tells one. `account_short`: whether another book of the account may be short.
    """

    now: datetime
    origin: str
    account: Account
    book: Account
    prices: Mapping[str, Price]
    orders: Sequence[Order] = ()
    legs: frozenset[str] = frozenset()
    recent: Sequence[Order] = ()
    trading: Trading | None = None
    instruments: Mapping[str, Instrument] | None = None
    sectors: Mapping[str, str] = field(default_factory=dict)
    halted: frozenset[str] = frozenset()
    opening: Decimal | None = None
    account_opening: Decimal | None = None
    buying_power: Decimal | None = None
    account_short: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", utc(self.now, "now"))
