"""One account's desk: the order in which its steps come."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from aura_lib.core import Broker, Calendar, Clock, OrderStatus, SimulatedClock
from aura_lib.execution.accounts import Terms
from aura_lib.execution.desk import stop
from aura_lib.execution.desk.change import cancel_wanted
from aura_lib.execution.desk.poll import poll
from aura_lib.execution.desk.reconcile import reconcile
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.desk.send import send, trade
from aura_lib.execution.desk.settle import settle
from aura_lib.execution.desk.take import answer_requests, fund_again
from aura_lib.execution.feed import Feed
from aura_lib.execution.lines import Line
from aura_lib.execution.protection.keeper import Keeper
from aura_lib.execution.slicing.slicer import Slicer
from aura_lib.ledger import Lease, Ledger, News

POLL_SECONDS = 2.0  # between two questions to a broker that lives by the wall clock, when nothing wakes the desk


class Desk:
    """One account's desk, for as long as it holds the lease. Call `cycle` again and again.

    `key` is the public key whose signature on a promotion counts, `home` where the permissions of people are.
    """

    def __init__(
        self,
        ledger: Ledger,
        terms: Terms,
        lease: Lease,
        broker: Broker,
        feed: Feed,
        clock: Clock,
        key: str,
        home: Path | None = None,
    ) -> None:
        self.seat = Seat(ledger, terms, lease, broker, feed, clock, key, home)
        self.woken = Event()  # set by a broker's stream: there is news, ask for it
        self._polled = time.monotonic()
        self._patience = getattr(broker, "poll_seconds", POLL_SECONDS)
        self._keeper, self._slicer = Keeper(self.seat), Slicer(self.seat)
        self._compared = datetime.max.replace(tzinfo=UTC)  # the last close that ledger and broker were compared after
        self._heard = True  # what the broker had to tell of the present moment

    def start(self) -> None:
        """Read what is written, find out what became of it, and reconcile, before anything new."""
        seat = self.seat
        seat.read()
        stop.remember(seat)
        seat.write([Line("desk.started", {"epoch": seat.lease.epoch, "holder": seat.lease.holder})])
        fund_again(seat)
        answer_requests(seat, seat.news().requests)
        settle(seat)
        self._compared = self._last_close()
        self._ask()
        seat.beat()

    def cycle(self) -> bool:
        """One round of everything that is due, as of one moment of the ledger; whether anything was."""
        seat = self.seat
        news = seat.news()
        worked = answer_requests(seat, news.requests) | trade(seat, news.baskets)
        worked |= cancel_wanted(seat) | send(seat) | settle(seat)
        worked |= stop.carry_on(seat)
        stop.stop_loops(seat)
        worked |= self._by_itself()
        return self._follow_time(news) | worked

    def _by_itself(self) -> bool:
        """What the desk does that nobody proposes now: protection, and the slices that are due."""
        return self._keeper.keep() | self._slicer.work()

    def _follow_time(self, news: News) -> bool:
        if isinstance(self.seat.clock, SimulatedClock):
            return self._follow_clock(self.seat.clock, news)
        if self.woken.is_set() or time.monotonic() - self._polled > self._patience:
            self.woken.clear()
            close = self._last_close()
            if self._ask(always=close > self._compared):
                self._compared = close
        return False

    def _last_close(self) -> datetime:
        return Calendar.of(self.seat.terms.calendar).last_close(self.seat.clock.now())

    def _follow_clock(self, clock: SimulatedClock, news: News) -> bool:
        """Move the simulated clock to where it shall be, once nothing is left to send at the present moment.

        What was asked before the clock was moved belongs to the moment before: who was told of the one has done the
        other.
        """
        seat, asked = self.seat, news.clock
        if asked is None or asked[1] == asked[0] or self._pending():
            return False
        seat.feed.reach(asked[0])
        until = self._step(clock.now(), asked[0]) if self._heard else clock.now()
        clock.advance(until)
        self._heard = self._ask()
        if not self._heard:
            return False  # what was due up to that moment is not known yet
        if self._by_itself() or until < asked[0]:
            return True  # that comes before whoever waits for the clock
        with seat.ledger.write() as connection:
            seat.ledger.control.hold(connection, seat.lease)
            seat.ledger.control.clock_done(connection, seat.terms.name, asked[0])
        return True

    def _step(self, now: datetime, to: datetime) -> datetime:
        """Where the clock goes next: bar by bar while prices are to be looked at, and no further than what is due."""
        bars = self.seat.feed.moments(now, to) if self._keeper.at_work or self._slicer.at_work else []
        due = self._slicer.next_due(now)
        return min([*bars[:1], *([due] if due else []), to])

    def _pending(self) -> bool:
        unsent = self.seat.live(OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN)
        view = self.seat.view
        return bool(unsent or view.cancelling or view.stopping or view.flattening)

    def _ask(self, *, always: bool = True) -> bool:
        """Ask the broker for all that is new, and compare; whether everything was answered."""
        answered = poll(self.seat)
        self._polled = time.monotonic()
        return answered and reconcile(self.seat, always=always)
