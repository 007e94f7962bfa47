"""Bars out of ticks, and coarser bars out of finer ones.

When a bar is given on:
- made of bars: as soon as the finer bar that ends with it has come;
- else once anything, of any symbol, is `grace` past its end (ticks: 2 s, bars: 0);
- else, live, once the clock is past its end, by 2 s (ticks) or 30 s (bars): a symbol that went quiet has a bar too.
What comes for a bar that was given on is counted in `late` and left out; so is what lies outside of the sessions, in
`outside`. A time without a trade has no bar. A bar that has not ended when the feed does is not given on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aura_lib.core import Bar, InputError, Tick, iso, step, utc
from aura_lib.data.stream.events import Batch, Event, Reading
from aura_lib.data.stream.flow import Flow
from aura_lib.data.stream.grid import Grid

if TYPE_CHECKING:
    from aura_lib.data.stream.feed import Feed

__all__ = ["Bins"]

NONE = timedelta(0)
GRACE = timedelta(seconds=2)  # a trade is reported after it was made
REPORTED = timedelta(seconds=30)  # ... and a bar after it has ended


class _Growing:
    """A bar that has not ended."""

    __slots__ = ("close", "first", "high", "last", "low", "open", "volume")

    def __init__(self, first: datetime, price: tuple[float, float, float, float], volume: float) -> None:
        self.first = self.last = first
        self.open, self.high, self.low, self.close = price
        self.volume = volume

    def add(self, time: datetime, price: tuple[float, float, float, float], volume: float) -> None:
        opened, high, low, close = price
        if high > self.high:
            self.high = high
        if low < self.low:
            self.low = low
        if time >= self.last:  # one that comes late changes the range, not the close
            self.last, self.close = time, close
        elif time < self.first:
            self.first, self.open = time, opened
        if volume == volume:
            self.volume = volume if self.volume != self.volume else self.volume + volume

    def bar(self, symbol: str, end: datetime, frequency: str) -> Bar:
        return Bar(symbol, end, self.open, self.high, self.low, self.close, self.volume, frequency)


class Bins(Flow):
    """Bars of one frequency on the grid of the feed's calendar."""

    def __init__(self, feed: Feed, frequency: str) -> None:
        super().__init__(feed)
        self.frequency = frequency
        self.late = 0
        self.outside = 0
        self._step = step(frequency)
        self._grid = Grid(frequency, feed.calendar)
        self._growing: dict[tuple[datetime, str], _Growing] = {}
        self._given: dict[str, datetime] = {}  # the end of the last bar given on
        self._newest: datetime | None = None
        self._grace = NONE
        self._due: datetime | None = None

    def take(self, batch: Batch) -> None:
        """Sort events into bars, and give on those that have ended."""
        done: list[Event] = []
        for event in batch:
            bar = event.bar if isinstance(event, Reading) else event
            if isinstance(bar, Bar) and bar.frequency == self.frequency:
                done.append(bar)  # already what was asked for
            elif bar is not None:
                done.extend(self._sort(bar))
        self.give(done)

    def _sort(self, event: Tick | Bar) -> list[Bar]:
        tick = isinstance(event, Tick)
        if isinstance(event, Bar) and step(event.frequency) > self._step:
            raise InputError(f"bars of {self.frequency} cannot be made of bars of {event.frequency}")
        end = self._grid.end(event.time, instant=tick)
        if end is None:
            self.outside += 1
            return []
        if tick:
            self._grace = GRACE
        if self._newest is None or event.time > self._newest:
            self._newest = event.time
        ended = self._ended(self._newest, self._grace)
        given = self._given.get(event.symbol)
        if given is not None and end <= given:
            self.late += 1
            return ended
        self._put(end, event)
        if not tick and event.time == end:
            ended.append(self._give(end, event.symbol))
        return ended

    def _put(self, end: datetime, event: Tick | Bar) -> None:
        if isinstance(event, Tick):
            price, volume = (event.price, event.price, event.price, event.price), event.size
        else:
            price, volume = (event.open, event.high, event.low, event.close), event.volume
        growing = self._growing.get((end, event.symbol))
        if growing is None:
            self._growing[end, event.symbol] = _Growing(event.time, price, volume)
            self._due = end if self._due is None else min(end, self._due)
        else:
            growing.add(event.time, price, volume)

    def _ended(self, now: datetime, grace: timedelta) -> list[Bar]:
        """The bars that ended `grace` before a moment (one that ends at it may still grow), in order."""
        if self._due is None or now < self._due + grace or now == self._due:
            return []
        before = now - grace
        ends = sorted(key for key in self._growing if key[0] <= before and key[0] != now)
        bars = [self._give(*key) for key in ends]
        self._due = min((end for end, _ in self._growing), default=None)
        return bars

    def _give(self, end: datetime, symbol: str) -> Bar:
        self._given[symbol] = end
        return self._growing.pop((end, symbol)).bar(symbol, end, self.frequency)

    def clock(self, now: datetime) -> None:
        """Give on what has ended by the clock."""
        self.give(self._ended(now, self._grace or REPORTED))
        super().clock(now)

    def finish(self, patience: float) -> None:
        """The stream is over: give on what has ended by its last word."""
        newest = self._newest
        ends = sorted(key for key in self._growing if newest is not None and key[0] <= newest)
        self.give([self._give(*key) for key in ends])
        super().finish(patience)

    def forget(self) -> None:
        """Begin anew."""
        self._growing.clear()
        self._given.clear()
        self._newest = self._due = None

    def _own(self) -> Any:
        growing = [
            [iso(end), symbol, iso(g.first), iso(g.last), g.open, g.high, g.low, g.close, g.volume]
            for (end, symbol), g in self._growing.items()
        ]
        return {
            "growing": growing,
            "given": {symbol: iso(end) for symbol, end in self._given.items()},
            "newest": self._newest and iso(self._newest),
        }

    def _restore_own(self, own: Mapping[str, Any]) -> None:
        for end, symbol, first, last, opened, high, low, close, volume in own["growing"]:
            growing = _Growing(utc(first), (opened, high, low, close), volume)
            growing.last = utc(last)
            self._growing[utc(end), symbol] = growing
        self._given = {symbol: utc(end) for symbol, end in own["given"].items()}
        self._newest = utc(own["newest"]) if own["newest"] else None
        self._due = min((end for end, _ in self._growing), default=None)
