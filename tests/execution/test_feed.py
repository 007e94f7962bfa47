"""A feed that grows: an account on the wall clock fills at bars that did not exist when its desk started."""

from __future__ import annotations

from typing import Any

from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.feed import Feed


def test_a_desk_fills_at_a_bar_that_came_after_it_started(floor: Any) -> None:
    known, asked = [3], []

    def newer() -> Any:
        asked.append(known[0])
        return floor.bars.until(floor.time(known[0]))

    feed = Feed(newer(), newer)
    floor.broker_of = lambda clock: PaperBroker(floor.home / "brokers" / "paper.db", feed, clock, floor.terms.costs)
    desk = floor.desk(3)
    desk.seat.feed = feed
    floor.propose(3, ("AAA", "buy", 10))
    floor.settle(desk, 3)
    assert [o.status.value for o in floor.view().orders.values()] == ["accepted"]
    known[0] = 5
    floor.settle(desk, 5)
    assert {f.time for f in floor.view().fills} == {floor.time(4)} and asked == [3, 5]
    assert floor.view().account("m").holdings == {"AAA": 10} and floor.view().drift == ""


def test_a_feed_asks_only_when_its_bars_end_too_early(floor: Any) -> None:
    asked = []
    feed = Feed(floor.bars, lambda: asked.append(1) or floor.bars)
    feed.reach(floor.time(10))
    assert not asked
    Feed(floor.bars).reach(floor.bars.end.replace(year=2030))
