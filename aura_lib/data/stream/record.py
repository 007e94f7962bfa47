"""Record: live bars become history, a batch at a time, in the store.

They are a series of their own, `stream:<name of the stream>`, as traded: a vendor's own history is refreshed from its
last bar on, and bars that came live after a pause would hide what is missing before them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from aura_lib.core import Bar, Bars, DataError, InputError, Settings
from aura_lib.data import store
from aura_lib.data.stream.events import Event
from aura_lib.data.stream.feed import Feed
from aura_lib.data.stream.flow import Flow
from aura_lib.data.stream.listening import Listener

__all__ = ["Recorder", "record"]

MOST = 100_000  # bars that may wait for a store that does not take them
FIELDS = ("open", "high", "low", "close", "volume")


def record(feed: Feed, flow: Flow | None = None, *, every: float = 60.0, settings: Settings | None = None) -> Recorder:
    """Keep the bars of a feed from now on.

    Args:
        feed: live bars; a replay is history already and is refused.
        flow: a step of the feed, where it is not the feed itself: `record(feed, feed.every("1m"))` of ticks.
        every: seconds between two writes; a process that is killed loses at most as much. A stream that counts its
            messages as read (Kafka) is written with every batch, and loses nothing.
        settings: where the store is; from the environment when not given.

    Returns:
        The recorder: `.bars()` is what was kept, `.listener.close()` ends it.
    """
    if not feed.traits.live:
        raise InputError(f"{feed.source} is history already: record a live stream")
    recorder = Recorder(feed, 0.0 if feed.traits.settles else every, settings or Settings.load())
    recorder.listener = (flow or feed).listen(recorder, essential=feed.traits.settles)
    return recorder


class Recorder:
    """Collects bars and puts them into the store; a listener of a feed."""

    listener: Listener

    def __init__(self, feed: Feed, every: float, settings: Settings) -> None:
        self.source = f"stream:{feed.source}"
        self.kept = 0
        self.snapshot = ""
        self._calendar = feed.calendar
        self._every = every
        settings.ensure_home()
        self._store = store.at(settings)
        self._waiting: list[Bar] = []
        self._written = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take a bar; other events are nothing to record."""
        if isinstance(event, Bar):
            self._waiting.append(event)

    def settle(self) -> None:
        """Write, if it is time to. A store that fails is tried again; what it does not take is told when it is lost."""
        if self._waiting and time.monotonic() - self._written >= self._every:
            self.finish()

    def finish(self) -> None:
        """Write what waits."""
        waiting = self._waiting
        self._written = time.monotonic()
        try:
            for frequency in sorted({bar.frequency for bar in waiting}):
                bars = _joined([bar for bar in waiting if bar.frequency == frequency], self.source, self._calendar)
                self.snapshot = self._store.add(bars).snapshot
        except DataError as error:
            if len(waiting) > MOST:
                self._waiting = []
                raise DataError(f"{len(waiting)} bars were lost, the store did not take them: {error}") from error
            raise
        self.kept += len(waiting)
        self._waiting = []

    def bars(self) -> Bars:
        """All that is kept of this stream in the frequency that was written last; DataError when nothing is."""
        if not self.snapshot:
            raise DataError(f"nothing of {self.source} is kept yet: it is written every {self._every:.0f} s")
        return self._store.get(self.snapshot)


def _joined(bars: list[Bar], source: str, calendar: str) -> Bars:
    """Single bars as a panel; NaN where a symbol has none."""
    times = sorted({bar.time for bar in bars})
    symbols = sorted({bar.symbol for bar in bars})
    row, column = ({key: n for n, key in enumerate(keys)} for keys in (times, symbols))
    values: Mapping[str, np.ndarray] = {name: np.full((len(times), len(symbols)), np.nan) for name in FIELDS}
    for bar in bars:
        for name in FIELDS:
            values[name][row[bar.time], column[bar.symbol]] = getattr(bar, name)
    index = pd.DatetimeIndex(times).as_unit("us")
    frames = {name: pd.DataFrame(array, index, symbols) for name, array in values.items()}
    return Bars(frames, source, bars[0].frequency, calendar=calendar, adjustment="")
