"""Bars played as a market: each one becomes the prices it had, at their time, at any speed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import NamedTuple

import numpy as np
import pandas as pd

from aura_lib.core import Bars, Calendar, InputError, utc
from aura_lib.execution.brokers.rehearsal.venue import Venue

TICK = Decimal("0.0001")
FIELDS = ("open", "high", "low", "close", "volume")
CLOSE = timedelta(seconds=30)  # the last price of a bar comes this long before it ends


class Print(NamedTuple):
    """A price of a symbol at a moment, and how much was traded at it (None: nobody knows)."""

    time: datetime
    symbol: str
    price: Decimal
    size: Decimal | None


def prints(bars: Bars, calendar: Calendar) -> Iterator[Print]:
    """Four prices a bar and symbol, in the order of time: open, the two ends by the shorter way, and close.

    A bar begins where the one before ended, a daily one with its session.
    """
    previous: datetime | None = None
    nothing = np.full(bars.close.shape, np.nan)
    frames = [bars.fields[n].to_numpy() if n in bars.fields else nothing for n in FIELDS]
    for place, stamp in enumerate(bars.times):
        end = utc(stamp)
        start = _start(end, previous, calendar)
        length = end - start
        rows = [(s, _prices([float(f[place, n]) for f in frames])) for n, s in enumerate(bars.symbols)]
        for step in range(4):
            at = end - CLOSE if step == 3 and length > 2 * CLOSE else start + length * (step * 0.3 + 0.01)
            yield from (Print(at, symbol, row[0][step], row[1]) for symbol, row in rows if row is not None)
        previous = end


def _start(end: datetime, previous: datetime | None, calendar: Calendar) -> datetime:
    place = int(calendar.opens.searchsorted(pd.Timestamp(end), side="left")) - 1
    opened = utc(calendar.opens[max(place, 0)])
    return opened if previous is None else max(opened, previous)


def _prices(told: list[float]) -> tuple[list[Decimal], Decimal | None] | None:
    o, h, low, c, volume = told
    if not np.isfinite(c):
        return None
    o, h, low = (p if np.isfinite(p) else c for p in (o, h, low))
    path = [o, low, h, c] if c >= o else [o, h, low, c]
    size = Decimal(int(volume / 4)) if np.isfinite(volume) and volume >= 4 else None
    return [max(Decimal(repr(p)).quantize(TICK), TICK) for p in path], size


def replay(venue: Venue, bars: Bars, *, speed: float, stopped: Event) -> None:
    """Play bars into a venue until they are over or `stopped` is set; `speed` of 60 makes a minute a second.

    A speed of 0 does not wait at all. What lies before the venue's time is left out.
    """
    if not speed >= 0:
        raise InputError(f"speed must be zero or more, not {speed}")
    now = venue.market.now
    for one in prints(bars, venue.market.calendar):
        if one.time <= venue.market.now and one.time < now:
            continue
        if speed and stopped.wait(max((one.time - now).total_seconds() / speed, 0.0)):
            return
        if stopped.is_set():
            return
        now = one.time
        venue.tick(one.symbol, one.price, one.size, at=max(one.time, venue.market.now))
