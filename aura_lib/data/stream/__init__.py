"""Prices as they come: live, polled, or replayed from history; over one process or many.

with data.stream.open(["AAPL", "MSFT"]) as feed:             # replays the sample: no key is needed
    feed.through({"average": rolling.Sma(20)}).listen(print)
    feed.wait()
"""

from __future__ import annotations

from aura_lib.data.stream.events import Gap, Reading, Traits, Trouble
from aura_lib.data.stream.feed import Feed
from aura_lib.data.stream.flow import Flow
from aura_lib.data.stream.grid import Grid
from aura_lib.data.stream.listening import Listener
from aura_lib.data.stream.opening import open
from aura_lib.data.stream.poll import Poll
from aura_lib.data.stream.record import Recorder, record
from aura_lib.data.stream.replay import Replay

__all__ = [
    "Feed",
    "Flow",
    "Gap",
    "Grid",
    "Listener",
    "Poll",
    "Reading",
    "Recorder",
    "Replay",
    "Traits",
    "Trouble",
    "open",
    "record",
]
