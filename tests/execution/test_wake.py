"""A desk at rest: it wakes when anybody writes to the ledger, or the broker's stream tells of something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from aura_lib.core import Listener
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.service import _listening, rest
from aura_lib.ledger import Ledger, Watch

LONG = 120.0  # seconds that nobody waits for unless something is broken


@pytest.fixture
def watch(floor: Any) -> Iterator[Watch]:
    with closing(floor.ledger.watch()) as watch:
        yield watch


def halt(url: str, reason: str = "storm") -> None:
    with Ledger(url) as other:
        other.control.switch("paper", True, reason, "me")


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_another_process_writes_changes_the_stamp_and_reading_does_not(
    floor: Any, watch: Watch, ledger_url: str
) -> None:
    before = watch.stamp()
    floor.ledger.inbox.asked("paper")
    assert watch.stamp() == before
    halt(ledger_url)
    until(lambda: watch.stamp() != before)  # a server tells a moment after


def test_who_rests_is_woken_by_what_is_written(watch: Watch, ledger_url: str) -> None:
    for reason in ("first", "second"):
        before = watch.stamp()
        writer = threading.Timer(0.05, halt, (ledger_url, reason))
        writer.start()
        watch.wait(before, LONG)
        assert watch.stamp() != before
        writer.join()


def test_what_was_written_before_the_rest_ends_it_at_once(watch: Watch, ledger_url: str) -> None:
    before = watch.stamp()
    halt(ledger_url)
    watch.wait(before, LONG)
    assert watch.stamp() != before


def test_a_rest_without_news_ends_with_its_time(watch: Watch) -> None:
    before = watch.stamp()
    watch.wait(before, 0.05)
    watch.wait(before, 0.05)
    assert watch.stamp() == before


def test_a_writer_that_takes_long_wakes_when_it_is_through(floor: Any, watch: Watch) -> None:
    before = watch.stamp()
    with floor.ledger.write() as connection:
        connection.execute(sa.text("INSERT INTO watches VALUES ('long', 'now')"))
        watch.wait(before, 0.05)
        assert watch.stamp() == before, "what is not committed is no news"
    watch.wait(before, LONG)
    assert watch.stamp() != before


def test_a_server_that_ends_the_connection_is_polled_until_it_tells_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL, for real: the connection that hears of commits is killed, and refused for a while."""
    with Ledger(database) as ledger, closing(ledger.watch()) as watch:
        watch.wait(watch.stamp(), 0)
        monkeypatch.setattr("aura_lib.ledger.watch.RECONNECT", 0.2)
        with ledger.write() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE query = 'LISTEN aura' AND datname = current_database()"
                )
            )
        until(lambda: (watch.stamp(), watch._connection)[1] is None)  # type: ignore[attr-defined]
        began, before = time.monotonic(), watch.stamp()
        watch.wait(before, LONG)
        assert time.monotonic() - began < LONG, "who is not told looks for himself"
        halt(database, "while nobody listened")
        until(lambda: watch.stamp() != before)
        assert watch._connection is not None, "and is told again"  # type: ignore[attr-defined]
        before = watch.stamp()
        writer = threading.Timer(0.05, halt, (database, "again"))
        writer.start()
        watch.wait(before, LONG)
        assert watch.stamp() != before
        writer.join()


def test_a_stream_wakes_the_desk_and_is_told_to_stop_with_it(floor: Any, watch: Watch) -> None:
    class Streams:
        """A venue with a stream that tells of something when it is asked to, and then waits."""

        def __init__(self, venue: PaperBroker) -> None:
            self.venue = venue
            self.tell, self.over = threading.Event(), threading.Event()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.venue, name)

        def listen(self, wake: Callable[[], None], stopped: threading.Event) -> None:
            self.tell.wait(LONG)
            wake()
            stopped.wait(LONG)
            self.over.set()

    seen: list[Streams] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Streams(venue)) or seen[-1])
    assert isinstance(seen[0], Listener)
    with _listening(desk, desk.seat.broker, watch):
        seen[0].tell.set()
        while not desk.woken.is_set():
            watch.wait(watch.stamp(), LONG)  # nothing is written: it is the stream that ends this
        assert desk.woken.wait(LONG)
        rest(watch, desk, watch.stamp())  # returns at once: it is awake
        assert not seen[0].over.is_set()
    assert seen[0].over.wait(LONG)
