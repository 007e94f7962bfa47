"""Replay: stored history as if it came now, at any speed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Event as Flag

import numpy as np

from aura_lib.core import Bar, Bars, InputError
from aura_lib.data.stream.events import Deliver, Traits

__all__ = ["Replay"]

BATCH = 512  # bars given on at once at the greatest speed


class Replay:
    """Bars in the order of time: all symbols of one moment together, then those of the next.

    Args:
        bars: the history. A symbol without a close at a moment has no bar there; a missing open, high or low is the
            close.
        speed: moments a second (2: every half second the next bar of every symbol), or "max": as fast as it is
            listened to.
        name: what it is called; `replay:<source>` when not given.
    """

    traits = Traits(live=False)

    def __init__(self, bars: Bars, speed: float | str = 1.0, name: str = "") -> None:
        if speed != "max" and not (isinstance(speed, int | float) and 0 < speed < float("inf")):
            raise InputError(f"speed={speed!r}: a positive number of bars a second, or 'max'")
        self.name = name or f"replay:{bars.source}"
        self.calendar = bars.calendar
        self.frequency = bars.frequency
        self._bars = bars
        self._wait = 0.0 if isinstance(speed, str) else 1.0 / speed

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Flag) -> None:
        """Deliver all bars, then return."""
        moments = self._moments(self._bars.select(symbols))
        if self._wait:
            self._paced(moments, deliver, stopped)
        else:
            self._at_once(moments, deliver, stopped)

    def _paced(self, moments: Iterator[list[Bar]], deliver: Deliver, stopped: Flag) -> None:
        due = time.monotonic()
        for batch in moments:
            if stopped.wait(max(due - time.monotonic(), 0.0)):
                return
            deliver(batch)
            due = max(due + self._wait, time.monotonic() - self._wait)  # a slow listener is not made up for

    def _at_once(self, moments: Iterator[list[Bar]], deliver: Deliver, stopped: Flag) -> None:
        batch: list[Bar] = []
        for bars in moments:
            batch.extend(bars)
            if len(batch) >= BATCH:
                if stopped.is_set():
                    return
                deliver(batch)
                batch = []
        if batch and not stopped.is_set():
            deliver(batch)

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Bar]:
        """The bars closed in (after, until]."""
        found = self._moments(self._bars.select(symbols).between(after, until))
        return [bar for bars in found for bar in bars if bar.time > after]

    def _moments(self, bars: Bars) -> Iterator[list[Bar]]:
        """The bars of one moment after the other; converted a piece at a time, so that memory stays flat."""
        symbols, frequency = bars.symbols, bars.frequency
        rows = max(BATCH // len(symbols), 1)
        close = bars.close.to_numpy()
        fields = [bars.fields[n].to_numpy() if n in bars.fields else None for n in ("open", "high", "low", "volume")]
        for first in range(0, len(bars), rows):
            cut = slice(first, first + rows)
            times = bars.times[cut].to_pydatetime()
            closes = close[cut]
            prices = [closes if f is None else np.where(np.isnan(f[cut]), closes, f[cut]) for f in fields[:3]]
            volumes = np.full(closes.shape, np.nan) if fields[3] is None else fields[3][cut]
            columns = zip(*(array.tolist() for array in (*prices, closes, volumes)), strict=True)
            for moment, row in zip(times, columns, strict=True):
                yield [
                    Bar(symbol, moment, o, h, low, c, v, frequency)
                    for symbol, o, h, low, c, v in zip(symbols, *row, strict=True)
                    if c == c
                ]
