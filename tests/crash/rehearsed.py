"""Rehearsed worlds: the desk with Alpaca's adapter dies while the rehearsal broker misbehaves.

The day and what is asked of it are those of `tests.execution.test_rehearsed`. Besides whatever the scenario does, the
desk dies (an exception that nothing catches) at a step drawn from a seed: a transaction of the ledger, before it, in
the middle and after it, or a request to the broker, before it has left and after it was answered.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aura_lib.core import OrderStatus
from aura_lib.execution.brokers.alpaca.door import Door
from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS, begin
from aura_lib.execution.desk.seat import Seat
from aura_lib.ledger.database import Database
from tests.crash.fast import STAGE, Killed, instrument, nothing
from tests.crash.tally import Tally
from tests.execution.test_rehearsed import ROUNDS, Stage, day, mended
from tests.rehearsal import rehearsal_server

# what the issue names: a 504 after it was taken, lost and doubled fills, late ones, a cut, a storm, and so on
NAMED = (
    "504-after-accept", "lost-fill", "doubled-events", "late-fill-after-cancel", "cut-before-update", "429-storm",
    "stale-account", "partial-then-reject", "price-gap", "halt", "clock-skew", "restart",
)  # fmt: skip
STEPS = 260  # about as many as a day has; a death drawn beyond its end does not come
ENDED = (OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.REJECTED)


class World(Stage):
    """A day on which the desk dies at some of its steps."""

    lives, steps, kills = 1, 0, frozenset[int]()

    def play(self, rounds: int = ROUNDS) -> None:
        for _ in range(rounds):
            self._work(lambda: self.desk.cycle())
            self._market()

    def _market(self) -> None:
        """The market trades, and five seconds pass: a round of a desk that has nothing to say."""
        with patch.object(type(self.desk), "cycle", lambda _: False):
            super().play(1)

    def restart(self) -> None:
        self.lives += 1
        self._work(super().restart)

    def _work(self, work: Callable[[], Any]) -> None:
        """Work at the desk; when it dies, another one starts from what is written."""
        again, done = super().restart, False
        while not done:
            self.desk.woken.set()
            STAGE.step, STAGE.cut = self._step, self._step  # type: ignore[method-assign,assignment]
            try:
                work()
                done = True
            except Killed:
                self.lives, work = self.lives + 1, again
            finally:
                STAGE.step = STAGE.cut = nothing  # type: ignore[method-assign,assignment]

    def _step(self, *_: Any) -> None:
        self.steps += 1
        if self.steps in self.kills:
            raise Killed


@contextmanager
def stepping() -> Iterator[None]:
    """While it lasts, transactions of the ledger and requests to the broker are steps."""
    me, original, back = threading.get_ident(), Door._once, instrument(Database, "write")

    def once(self: Door, plain: Any, method: str, url: str, **options: Any) -> Any:
        if threading.get_ident() != me:
            return original(self, plain, method, url, **options)
        STAGE.step()
        answer = original(self, plain, method, url, **options)
        STAGE.step()
        return answer

    try:
        with patch.object(Door, "_once", once), patch.object(Seat, "may_ask", lambda *_: True):
            yield
    finally:
        back()


def play(folder: Path, name: str, seed: int) -> tuple[int, int, int, bool]:
    """One day; the desks it took, orders that are there twice, orders that are gone, whether the position is wrong."""
    luck = random.Random(seed)
    folder.mkdir()
    with rehearsal_server() as rehearsal:
        world = World(rehearsal, folder)
        world.kills = frozenset(luck.randint(1, STEPS) for _ in range(2))
        begin(name, rehearsal.weather, rehearsal.venue)
        with stepping():
            day(world)
            rehearsal.weather.clear()
            world.play()
        try:
            return (world.lives, *count(world))
        finally:
            world.close()


def count(world: World) -> tuple[int, int, bool]:
    view, venue = world.view, world.venue
    known = Counter(t.client_order_id for t in venue.tickets.values())
    ours = [o for o in view.orders.values() if o.book == "m"]
    legs = Counter((o.basket, o.leg) for o in ours if not o.parent)
    strangers = {
        t.client_order_id for t in venue.tickets.values() if not t.parent and not t.client_order_id.startswith("web")
    } - set(view.orders)
    executions = Counter(f.execution_id for f in view.fills)
    twice = sum(n - 1 for counted in (known, legs, executions) for n in counted.values()) + len(strangers)
    there = {o.client_id: venue.tickets.get(venue.clients.get(o.client_id, "")) for o in ours}
    gone = sum(1 for o in ours if there[o.client_id] is None and (o.status not in ENDED or o.filled)) + (2 - len(legs))
    try:
        mended(world)
    except AssertionError:
        return twice, gone, True
    return twice, gone, False


def matrix(folder: Path, runs: Sequence[tuple[str, int]]) -> tuple[list[Tally], list[tuple[str, int]]]:
    """The counts of each scenario, of days (scenario, seed), and the days that came out wrong."""
    tallies = {name: Tally("desk, with a real line", name) for name, _ in runs}
    wrong: list[tuple[str, int]] = []
    for n, (name, seed) in enumerate(runs):
        found = play(folder / f"day-{n}", name, seed)
        tallies[name].add(*found)
        if any(found[1:]):
            wrong.append((name, seed))
    return list(tallies.values()), wrong


__all__ = ["NAMED", "SCENARIOS", "matrix"]
