"""Days on which something else fails: a database that cannot be written, a clock that jumps back, an option's end."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
import sqlalchemy

from aura_lib.access import who
from aura_lib.core import AssetClass, Bars, BrokerUnavailable, Instrument, Intent, LedgerError, OrderStatus, Right, Side
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import Desk
from aura_lib.execution.feed import Feed
from tests.execution.test_desk import Wrapped, exhaust


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)  # what a server lets one write, the server says
def test_on_a_read_only_database_nothing_is_sent_and_nothing_is_lost(floor: Any) -> None:
    seen: list[Wrapped] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Wrapped(venue)) or seen[-1])
    exhaust(desk)
    floor.propose(3, ("AAA", "buy", 1))
    engine, only = floor.ledger._database._engine, {"on": True}

    def read_only(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA query_only = {int(only['on'])}")

    engine.dispose()
    sqlalchemy.event.listen(engine, "connect", read_only)
    with pytest.raises(LedgerError, match="readonly"):
        exhaust(desk)
    assert seen[0].submits == 0
    only["on"] = False
    engine.dispose()
    floor.ledger.control.release(desk.seat.lease)
    again = floor.desk(3)
    floor.settle(again, 4)
    assert floor.view().account("m").holdings == {"AAA": 1}


def test_a_clock_that_jumps_back_neither_fills_again_nor_loses_an_order(floor: Any) -> None:
    class Jumpy:
        """A wall clock that somebody sets back."""

        def __init__(self, moment: datetime) -> None:
            self.moment = moment

        def now(self) -> datetime:
            return self.moment

    clock: Any = Jumpy(floor.time(3))
    lease = floor.ledger.control.acquire("paper", 60)
    venue = floor.broker_of(clock)
    desk = Desk(floor.ledger, floor.terms, lease, venue, Feed(floor.bars), clock, floor.vault.public_key, floor.home)
    desk.start()
    floor.propose(3, ("AAA", "buy", 10))
    exhaust(desk)
    clock.moment = floor.time(4)
    desk.woken.set()
    desk.cycle()
    assert [o.status for o in floor.view().orders.values()] == [OrderStatus.FILLED]
    clock.moment = floor.time(2)
    floor.propose(4, ("AAA", "sell", 4), origin="second")
    exhaust(desk)
    desk.woken.set()
    desk.cycle()
    assert len(floor.view().fills) == 1 and len(floor.view().live) == 1, "no bar comes twice"
    clock.moment = floor.time(5)
    desk.woken.set()
    desk.cycle()
    assert floor.view().account("m").holdings == {"AAA": 6} and floor.view().drift == ""


def test_a_desk_that_never_heard_its_broker_takes_no_ticket_until_it_has(floor: Any) -> None:
    class Deaf(Wrapped):
        """A venue whose answers about the account do not arrive."""

        down = True

        def snapshot(self) -> Any:
            if self.down:
                raise BrokerUnavailable("no answer")
            return self.venue.snapshot()

    seen: list[Deaf] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(Deaf(venue)) or seen[-1])
    floor.propose(3, ("AAA", "buy", 1), origin=f"ticket:{who()}")
    exhaust(desk)
    (told,) = floor.view().verdicts.values()
    assert [d.rule for d in told.decisions] == ["drift"] and "not heard" in told.decisions[0].value
    assert seen[0].submits == 0 and not floor.view().compared, "N-I14: start-up agrees, or trading does not start"
    seen[0].down = False
    desk._ask()
    floor.propose(4, ("AAA", "buy", 1), origin=f"ticket:{who()}")
    exhaust(desk)
    assert seen[0].submits == 1 and floor.view().compared


def test_an_option_that_expires_is_booked_in_its_book_and_the_ledger_agrees_with_the_venue(floor: Any) -> None:
    expiry = floor.time(6).date()
    option = Instrument(
        "AAA210112P00050000", AssetClass.OPTION, multiplier=Decimal(100), underlying="AAA", expiry=expiry,
        strike=Decimal(50), right=Right.PUT,
    )  # fmt: skip
    close = floor.bars.close.copy()
    close[option.symbol] = 0.5  # far out of the money: it ends worthless
    instruments = {**floor.bars.instruments, option.symbol: option}
    bars = Bars({"close": pd.DataFrame(close)}, source="made up", instruments=instruments)
    floor.bars = bars
    floor.broker_of = lambda clock: PaperBroker(floor.home / "brokers" / "p.db", Feed(bars), clock, floor.terms.costs)
    desk = floor.desk(3)
    floor.put(3, Intent(option, Side.BUY, Decimal(2)))
    floor.settle(desk, 4)
    assert floor.view().account("m").holdings == {option.symbol: 2}
    floor.settle(desk, 8)
    view = floor.view()
    assert view.account("m").holdings == {} and view.drift == ""
    assert [(b.kind.value, b.quantity) for b in view.bookings if b.instrument] == [("expiry", -2)]
