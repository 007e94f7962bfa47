"""A desk at rest: it wakes when anybody writes to the ledger, or the broker's stream tells of something."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from aura_lib.core import Listener
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.service import _listening, rest
from aura_lib.ledger import Ledger


def test_what_another_process_writes_changes_the_stamp_and_reading_does_not(floor: Any, ledger_url: str) -> None:
    before = floor.ledger.stamp()
    floor.ledger.inbox.asked("paper")
    assert floor.ledger.stamp() == before
    with Ledger(ledger_url) as other:
        other.control.switch("paper", True, "storm", "me")
    assert (floor.ledger.stamp() is None) if before is None else (floor.ledger.stamp() != before)


def test_a_stream_wakes_the_desk_and_is_told_to_stop_with_it(floor: Any) -> None:
    class Streams:
        """A venue with a stream that tells of something at once, and then waits."""

        def __init__(self, venue: PaperBroker) -> None:
            self.venue = venue
            self.over = threading.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.venue, name)

        def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
            wake()
            stopped.wait(60)
            self.over.set()

    seen: list[Streams] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Streams(venue)) or seen[-1])
    assert isinstance(seen[0], Listener)
    with _listening(desk, desk.seat.broker):
        assert desk.woken.wait(60)
        rest(floor.ledger, desk, floor.ledger.stamp())  # returns at once: it is awake
        assert not seen[0].over.is_set()
    assert seen[0].over.wait(60)
