"""The market around the venue: what time it is, who is open, the best prices, what was traded, who is halted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core import Calendar, InputError, iso, utc
from aura_lib.exchange.rounds import INSTANT, Touch
from aura_lib.execution.brokers.rehearsal.assets import Listing

NEW_YORK = ZoneInfo("America/New_York")
EARLY, LATE = time(4), time(20)  # extended hours of US shares, New York
ZERO = Decimal(0)
Watcher = Callable[[str, str], None]  # "t", "q" or "b", and the symbol
KEPT = 2_000  # bars kept a symbol


@dataclass
class Day:
    """What a symbol did in a stretch of time."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    trades: int = 0

    def add(self, price: Decimal, size: Decimal | None) -> None:
        """One more trade."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume, self.trades = self.volume + (size or ZERO), self.trades + 1


@dataclass
class Tape:
    """What is known of a symbol: its best prices, its last trade, the minutes and days so far."""

    touch: Touch | None = None
    last: Decimal | None = None
    size: Decimal | None = None
    time: datetime | None = None
    previous: Decimal | None = None  # the close of the session before
    opened: date | None = None  # the session whose first price was seen
    minutes: list[Day] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)


class Market:
    """Prices and time, moved by hand or by whoever plays bars. It knows nothing of accounts.

    `clock`, when given, says what time it is (it never goes back here); without one time stands until it is moved.
    """

    def __init__(
        self,
        listing: Listing,
        now: datetime,
        calendar: Calendar | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.listing, self.calendar, self._clock = listing, calendar or Calendar.of("XNYS"), clock
        self._now = utc(now, "now")
        self.skew = timedelta(0)  # what its clock is told wrong by
        self.halted: set[str] = set()
        self.tapes: dict[str, Tape] = {}
        self.watchers: list[Watcher] = []  # who is told of trades, quotes and finished minutes

    @property
    def now(self) -> datetime:
        """What time it is here."""
        if self._clock is not None:
            self._now = max(self._now, self._clock())
        return self._now

    def stamp(self) -> datetime:
        """A moment of its own: later than every one before, with room for the one right behind it."""
        self._now = self.now + 2 * INSTANT
        return self._now

    def move(self, to: datetime) -> None:
        """Let time pass; it does not go back."""
        moment = utc(to, "to")
        if moment < self._now:
            raise InputError(f"time does not go back: it is {iso(self._now)}, not yet {iso(moment)}")
        self._now = moment

    # ── hours ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_open(self) -> bool:
        """Whether shares trade in regular hours."""
        return self.calendar.status(self.now).is_open

    @property
    def extended(self) -> bool:
        """Whether shares trade before the open or after the close."""
        local = self.now.astimezone(NEW_YORK)
        return not self.is_open and self.calendar.is_session(local.date()) and EARLY <= local.time() < LATE

    def trades(self, symbol: str, *, extended: bool = False) -> bool:
        """Whether a symbol can trade now: shares from the first price of their session on.

        `extended` orders can also be filled outside of regular hours.
        """
        if symbol in self.halted:
            return False
        if "/" in symbol:
            return True
        if self.is_open:
            return self.tape(symbol).opened == self.session
        return extended and self.extended

    @property
    def session(self) -> date:
        """The session that is on, or the last one that was."""
        status = self.calendar.status(self.now)
        if status.is_open and status.session is not None:
            return status.session
        return self.calendar.last_close(self.now).astimezone(NEW_YORK).date()

    def bells(self, until: datetime) -> Iterator[tuple[datetime, str]]:
        """The closes, and the ends of extended hours, after now and up to a moment, in order."""
        now = self.now
        last = self.calendar.last_close(now)
        for at in (last, *map(utc, self.calendar.closes_between(now + INSTANT, until))):
            if at > now:
                yield at, "close"
            late = datetime.combine(at.astimezone(NEW_YORK).date(), LATE, NEW_YORK).astimezone(UTC)
            if now < late <= until:
                yield late, "late"

    def clock(self) -> dict[str, Any]:
        """The clock as the wire tells it."""
        now, opens, closes = self.now, self.calendar.opens, self.calendar.closes
        stamp = _timestamp(now)
        told = {"timestamp": now + self.skew, "next_open": utc(opens[int(opens.searchsorted(stamp, side="right"))])}
        told["next_close"] = utc(closes[int(closes.searchsorted(stamp, side="right"))])
        words: dict[str, Any] = {name: moment.astimezone(NEW_YORK).isoformat() for name, moment in told.items()}
        return {**words, "is_open": self.is_open}

    # ── prices ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tape(self, symbol: str) -> Tape:
        """What is known of a symbol."""
        return self.tapes.setdefault(symbol, Tape())

    def price(self, symbol: str) -> Decimal | None:
        """What a unit is worth now: the last trade, else the middle."""
        tape = self.tapes.get(symbol)
        if tape is None:
            return None
        return tape.last if tape.last is not None else tape.touch.middle if tape.touch else None

    def trade(self, symbol: str, price: Decimal, size: Decimal | None) -> None:
        """Note a trade; it is also the best price of both sides until a quote comes."""
        tape, now = self.tape(symbol), self.now
        tape.last, tape.size, tape.time, tape.touch = price, size, now, Touch.at(price, size)
        minute = now.replace(second=0, microsecond=0)
        if tape.minutes and tape.minutes[-1].start != minute:
            self._tell("b", symbol)
        _add(tape.minutes, minute, price, size)
        day = datetime.combine(now.astimezone(NEW_YORK).date(), time(0), NEW_YORK).astimezone(UTC)
        if tape.days and tape.days[-1].start != day:
            tape.previous = tape.days[-1].close
        _add(tape.days, day, price, size)
        self._tell("t", symbol)

    def quote(self, symbol: str, touch: Touch) -> None:
        """Note a quote."""
        tape = self.tape(symbol)
        tape.touch, tape.time = touch, self.now
        self._tell("q", symbol)

    def _tell(self, kind: str, symbol: str) -> None:
        for watcher in list(self.watchers):
            watcher(kind, symbol)


def _add(bars: list[Day], start: datetime, price: Decimal, size: Decimal | None) -> None:
    if not bars or bars[-1].start != start:
        bars.append(Day(start, price, price, price, price))
        del bars[:-KEPT]
    bars[-1].add(price, size)


def _timestamp(moment: datetime) -> Any:
    import pandas as pd

    return pd.Timestamp(moment)
