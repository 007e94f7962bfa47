"""The desk's numbers: how fast an order goes out, how many a second, how soon it stands again, how soon it stops.

`AURA_BENCH_ENTRIES` makes the long ledger shorter (1,000,000 entries by default), for machines that are busy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
import pandas as pd

from aura_lib.access import Vault
from aura_lib.core import Bars, Basket, Calendar, Fill, Intent, Order, OrderStatus, OrderType, Side, TimeInForce, encode
from aura_lib.exchange import Exchange, PriceBar
from aura_lib.execution import Terms, open_account
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import Desk
from aura_lib.execution.feed import Feed
from aura_lib.execution.service import rest
from aura_lib.ledger import Ledger
from aura_lib.risk import Limits
from tests.benchmarks.rows import Row, seconds
from tests.execution.conftest import Floor

ENTRIES = int(os.environ.get("AURA_BENCH_ENTRIES", "1000000"))
SYMBOLS, SESSIONS, POSITIONS, OPEN = 1_000, 400, 500, 1_000
TICKETS = 300  # orders one after another, for their latency
BASKETS, LEGS = 20, 100  # orders in a stream, for how many a second
LOW: dict[str, Any] = {"type": OrderType.LIMIT, "limit_price": Decimal("1.00"), "time_in_force": TimeInForce.GTC}


def rows() -> Iterator[Row]:
    """Every number of the desk, each on a ledger of its own."""
    with _floor() as floor:
        yield from _latency(floor, "short", 1_000)
    with _floor() as floor:
        yield Row("desk.orders", _stream(floor), "orders/s", goal=1_000, more_is_better=True)
    with _floor() as floor:
        yield Row("desk.restart", _restart(floor), "s", goal=10)
    with _floor() as floor:
        yield Row("desk.halt", _halt(floor), "s", goal=1)
    with _floor() as floor:
        _fill_up(floor, ENTRIES)
        yield Row(f"desk.verify.{ENTRIES}", seconds(floor.ledger.journal.verify, 1), "s", goal=20)
        yield from _latency(floor, "long", ENTRIES)
    yield Row("desk.exchange", _matches(), "bar-matches/s", goal=1_000_000, more_is_better=True)


# ── a floor: a ledger on disk with full sync, a venue beside it ─────────────────────────────────────────────────────


def _bars() -> Bars:
    closes = Calendar.of("XNYS").closes
    first = int(closes.searchsorted(pd.Timestamp("2019-01-02", tz="UTC")))
    names = [f"S{n:04d}" for n in range(SYMBOLS)]
    walk = np.exp(np.random.default_rng(5).normal(0, 0.01, (SESSIONS, SYMBOLS)).cumsum(axis=0))
    return Bars({"close": pd.DataFrame(np.round(20 * walk, 2), closes[first : first + SESSIONS], names)}, "made up")


BARS = _bars()


@contextmanager
def _floor() -> Iterator[Floor]:
    with TemporaryDirectory() as name, _floor_at(Path(name)) as floor:
        floor.promote()
        floor.fund("1000000000")
        yield floor


@contextmanager
def _floor_at(home: Path) -> Iterator[Floor]:
    with Ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
        terms = open_account(ledger, Terms("paper", limits=Limits(max_orders=10 * SYMBOLS)))

        def venue(clock: Any) -> PaperBroker:
            return PaperBroker(home / "brokers" / "paper.db", Feed(BARS), clock, terms.costs)

        yield Floor(ledger, home, BARS, terms, Vault(home), venue)


def _exhaust(desk: Desk) -> None:
    while desk.cycle():
        pass


def _buy(symbol: int, quantity: int = 10, **more: Any) -> Intent:
    return Intent(BARS.instruments[f"S{symbol:04d}"], Side.BUY, Decimal(quantity), **more)


def _serve(floor: Floor, desk: Desk, over: threading.Event) -> None:
    with closing(floor.ledger.watch()) as watch:
        while not over.is_set():
            before = watch.stamp()
            if not desk.cycle():
                rest(watch, desk, before)


@contextmanager
def _serving(floor: Floor, desk: Desk) -> Iterator[None]:
    """The desk at work in a thread: woken when something is written."""
    over = threading.Event()
    thread = threading.Thread(target=_serve, args=(floor, desk, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Timed:
    """A venue that notes when each order reached it, and may take its time."""

    def __init__(self, venue: PaperBroker, delay: float = 0.0) -> None:
        self.venue, self.delay = venue, delay
        self.reached: dict[str, float] = {}
        self.together = None  # one call an order, as at a real broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def submit(self, order: Order) -> Any:
        self.reached[order.basket] = time.perf_counter()
        if self.delay:
            time.sleep(self.delay)
        return self.venue.submit(order)


def _latency(floor: Floor, name: str, entries: int) -> Iterator[Row]:
    """From before a basket is written to when its order reaches the venue: inbox, verdict, SENDING, wire."""
    taken: list[float] = []
    with _desk_process(floor) as reached:
        for n in range(TICKETS):
            origin = f"o{n}"
            secret, moment = floor.secret(3, origin), floor.time(3)  # a run has its token before it decides
            basket = Basket(origin, moment, "paper", "m", moment, (_buy(n % SYMBOLS, **LOW),), "snap", "r1")
            began = time.perf_counter()
            floor.ledger.inbox.put(basket, secret)
            named, moment_of = reached.readline().split()
            assert named == basket.id
            taken.append(1000 * (float(moment_of) - began))
            time.sleep(0.01)
    taken.sort()
    yield Row(f"desk.sent.{name}.p50", taken[len(taken) // 2], f"ms at {entries} entries", goal=5)
    yield Row(f"desk.sent.{name}.p99", taken[int(len(taken) * 0.99)], f"ms at {entries} entries", goal=25)


@contextmanager
def _desk_process(floor: Floor) -> Iterator[IO[str]]:
    """A desk in a process of its own, which tells of every order that reached the venue, and when (one clock)."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_desk", str(floor.home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin and child.stdout
        assert child.stdout.readline() == "ready\n"
        yield child.stdout
        child.stdin.close()  # it is over


class _Telling(_Timed):
    """A venue that tells its parent of every order that reached it."""

    def submit(self, order: Order) -> Any:
        reached = time.perf_counter()
        told = self.venue.submit(order)
        print(order.basket, reached, flush=True)
        return told


def _be_a_desk(home: Path) -> None:
    over = threading.Event()
    with _floor_at(home) as floor:
        desk = floor.desk(3, wrap=_Telling)
        _exhaust(desk)
        threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
        print("ready", flush=True)
        _serve(floor, desk, over)


def _stream(floor: Floor) -> float:
    """Orders a second through ledger and venue: decided, written, sent, accepted, filled, booked."""
    desk = floor.desk(3)
    _exhaust(desk)
    for n in range(BASKETS):
        floor.put(3, *(_buy((n * LEGS + k) % SYMBOLS) for k in range(LEGS)), origin=f"o{n}")
    began = time.perf_counter()
    _exhaust(desk)
    floor.settle(desk, 4)
    taken = time.perf_counter() - began
    assert len(floor.view().fills) == BASKETS * LEGS
    return BASKETS * LEGS / taken


def _restart(floor: Floor) -> float:
    """From nothing in memory to a reconciled state, with positions and open orders."""
    desk = floor.desk(3)
    for start in range(0, POSITIONS, LEGS):
        floor.put(3, *(_buy(n) for n in range(start, start + LEGS)), origin=f"p{start}")
    floor.settle(desk, 4)
    for start in range(0, OPEN, LEGS):
        floor.put(4, *(_buy(n % SYMBOLS, **LOW) for n in range(start, start + LEGS)), origin=f"w{start}")
    _exhaust(desk)
    desk.seat.broker.close()
    began = time.perf_counter()
    again = floor.desk(4)
    taken = time.perf_counter() - began
    view = again.seat.view
    assert len(view.account().holdings) == POSITIONS and len(view.live) == OPEN and not view.drift
    return taken


def _halt(floor: Floor) -> float:
    """From a halt to the last order that reaches the venue, in the middle of a thousand, each of which takes 5 ms."""
    seen: list[_Timed] = []
    desk = floor.desk(3, wrap=lambda venue: seen.append(_Timed(venue, 0.005)) or seen[-1])
    _exhaust(desk)
    for n in range(OPEN):
        floor.put(3, _buy(n, **LOW), origin=f"o{n}")
    with _serving(floor, desk):
        while len(seen[0].reached) < OPEN // 10:
            time.sleep(0.001)
        floor.ledger.control.switch("paper", True, "measured", "me")
        halted = time.perf_counter()
        time.sleep(2)
    assert len(seen[0].reached) < OPEN
    return max(0.0, max(seen[0].reached.values()) - halted)


def _fill_up(floor: Floor, entries: int) -> None:
    """A long history: orders that were sent, accepted and filled, five entries each."""
    desk = floor.desk(3)
    _exhaust(desk)
    journal, size = floor.ledger.journal, 1_000
    for first in range(0, entries // 5, size):
        lines = [line for n in range(first, min(first + size, entries // 5)) for line in _life(floor, n)]
        with floor.ledger.write() as connection:
            journal.append_many_in(connection, "paper", lines)
    floor.ledger.control.release(desk.seat.lease)
    desk.seat.broker.close()


def _life(floor: Floor, n: int) -> Iterator[tuple[str, dict[str, Any], str | None]]:
    """One order: bought or, every second time, sold again at the same price, so that of a pair nothing is left."""
    side, moment = (Side.BUY, Side.SELL)[n % 2], floor.time(3) - timedelta(days=30)
    instrument = BARS.instruments[f"S{n // 2 % SYMBOLS:04d}"]
    order = Order(f"h{n}", "paper", "m", f"h{n}@x", 0, 1, Intent(instrument, side, Decimal(10)), moment)
    fill = Fill(
        f"h{n}#1", order.client_id, "paper", "m", instrument, side, Decimal(10), Decimal(20), Decimal(0), moment
    )
    yield "order", {"order": encode(order)}, f"order:h{n}"
    for status in (OrderStatus.SENDING, OrderStatus.ACCEPTED):
        yield "status", {"client_id": f"h{n}", "status": status.value, "reason": ""}, None
    yield "fill", {"fill": encode(fill)}, f"fill:h{n}#1"
    yield "status", {"client_id": f"h{n}", "status": "filled", "reason": ""}, None


def _matches() -> float:
    """Bars held against waiting orders, in the exchange alone."""
    exchange, moment = Exchange(Decimal(10**9)), datetime(2021, 1, 4, 21, tzinfo=UTC)
    orders = 100
    for n in range(orders):
        order = Order(f"o{n}", "a", "m", "b", n, 1, _buy(n, **LOW), moment, OrderStatus.SENDING)
        exchange.submit(replace(order, intent=_buy(n, **LOW)), moment)
    bar = PriceBar(Decimal(20), Decimal(21), Decimal(19), Decimal(20))
    prices, bars = {f"S{n:04d}": bar for n in range(orders)}, 2_000
    began = time.perf_counter()
    for n in range(bars):
        exchange.match(moment + timedelta(minutes=n + 1), prices, closing=False)
    return orders * bars / (time.perf_counter() - began)


if __name__ == "__main__":
    _be_a_desk(Path(sys.argv[1]))
