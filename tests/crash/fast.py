"""Fast worlds: a desk in this process that dies by an exception at a step of its own, over a venue that misbehaves.

A story is what people, strategies and the market do to one account, in acts; whoever dies, the act is done again from
its beginning, as a person would who does not know how far it came. A step is each transaction of the ledger and each
call of the venue, before it begins and after it is through. What must come out is what came of the same story in a
world without faults.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aura_lib.access import Vault
from aura_lib.core import (
    BrokerOrder,
    BrokerUnavailable,
    Fill,
    Intent,
    LedgerError,
    Order,
    OrderType,
    OutcomeUnknown,
    Side,
    SimulatedClock,
    Snapshot,
    TimeInForce,
)
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import Desk, change, client_id, settle
from aura_lib.execution.feed import Feed
from aura_lib.ledger import Ledger
from aura_lib.ledger.database import Database
from tests.crash.tally import Tally
from tests.execution.conftest import Floor, made_up_bars

# What befalls the desk or its line, and with what of it: kills, how often a call fails, and what the line does to news.
FAULTS: dict[str, tuple[int, float, frozenset[str]]] = {
    "killed": (1, 0.0, frozenset()),
    "killed twice": (2, 0.0, frozenset()),
    "504 after accept": (1, 0.15, frozenset()),
    "mute for long": (1, 0.4, frozenset()),
    "fills told twice": (1, 0.0, frozenset({"twice"})),
    "fills told late": (1, 0.0, frozenset({"late"})),
    "cut before the update, 429": (1, 0.0, frozenset({"storm"})),
    "stale account": (1, 0.0, frozenset({"stale"})),
    "clock skew": (1, 0.0, frozenset({"skew"})),
    "everything": (3, 0.1, frozenset({"twice", "late", "storm", "stale", "skew"})),
}
STORM = 6  # questions in a row that are refused after a command went through
SKEW = timedelta(minutes=7)
BARS = made_up_bars()
SECONDS_AT_REST = 0.0


class Cut(Exception):
    """The connection to the database is gone, after the commit had left: nobody knows whether it was done."""


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing may catch it."""


@dataclass
class Fault:
    """At which steps the desk dies, and how often the line to the venue fails."""

    kills: list[int] = field(default_factory=list)
    wire: float = 0.0  # how often a call fails, or is answered and the answer lost
    news: frozenset[str] = frozenset()  # what the line does to what it tells: see FAULTS
    seed: int = 0
    cut: frozenset[int] = frozenset()  # transactions that the server ends the connection of, before their commit
    lost: frozenset[int] = frozenset()  # transactions whose commit is done, and the connection ends before it is told


class Line:
    """The line to the venue. What it loses, delays, repeats or tells wrongly is drawn from a seed."""

    def __init__(self, venue: PaperBroker, fault: Fault, luck: random.Random) -> None:
        self.venue, self.fault, self.luck = venue, fault, luck
        self.storm = 0  # questions that are still to be refused
        self.told: Snapshot | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.venue, name)

    def _fails(self) -> bool:
        return self.luck.random() < self.fault.wire

    def _does(self, what: str) -> bool:
        return what in self.fault.news and self.luck.random() < 0.5

    def _command(self, call: Callable[[], Any]) -> Any:
        if self._fails():
            raise OutcomeUnknown("the request was lost") if self.luck.random() < 0.7 else BrokerUnavailable("no line")
        told = call()
        if self._does("storm"):
            self.storm = STORM
        if self._fails():
            raise OutcomeUnknown("504 after the request had arrived")
        return told

    def _asked(self) -> None:
        if self.storm:
            self.storm -= 1
            raise BrokerUnavailable("429")

    def submit(self, order: Order) -> BrokerOrder:
        return self._dated(self._command(lambda: self.venue.submit(order)))

    def replace(self, old: Order, new: Order) -> BrokerOrder:
        return self._dated(self._command(lambda: self.venue.replace(old, new)))

    def cancel(self, name: str) -> None:
        self._command(lambda: self.venue.cancel(name))

    def find(self, name: str) -> BrokerOrder | None:
        self._asked()
        if self._fails():
            raise BrokerUnavailable("429")
        told = self.venue.find(name)
        return None if told is None else self._dated(told)

    def orders(self) -> list[BrokerOrder]:
        self._asked()
        return [self._dated(told) for told in self.venue.orders()]

    def _dated(self, told: BrokerOrder) -> BrokerOrder:
        """By a clock that is ahead, or behind."""
        if told.time is None or not self._does("skew"):
            return told
        return replace(told, time=told.time + SKEW * self.luck.choice((-1, 1)))

    def fills(self, after: str = "") -> list[tuple[str, Fill]]:
        self._asked()
        told = self.venue.fills("" if "twice" in self.fault.news else after)
        if self._does("late"):  # the last ones come another time, when their order has long been called done
            told = told[: self.luck.randint(0, len(told))]
        return told + told if "twice" in self.fault.news else told

    def snapshot(self) -> Snapshot:
        self._asked()
        old, self.told = self.told, self.venue.snapshot()
        return old if old is not None and self._does("stale") else self.told


@dataclass
class World:
    """One story under one fault. `steps` counts over all lives of the desk."""

    folder: Path
    fault: Fault
    steps: int = 0
    lives: int = 0
    url: str = ""  # of the ledger, where it is not a file in the folder
    written: int = 0

    def cut(self, connection: sa.Connection) -> None:
        """Within a transaction of the ledger, before its commit."""
        self.written += 1
        if self.written in self.fault.cut:
            connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    def after(self) -> None:
        """After a transaction of the ledger was committed."""
        if self.written in self.fault.lost:
            raise Cut

    def step(self) -> None:
        self.steps += 1
        if self.steps in self.fault.kills:
            raise Killed

    def play(self) -> None:
        """All acts, each until it is through."""
        luck = random.Random(self.fault.seed)
        acts = list(ACTS)
        while acts:
            self.lives += 1
            with (
                suppress(Killed, Cut, LedgerError) if self.fault.cut or self.fault.lost else suppress(Killed),
                self._life(luck) as (floor, desk),
            ):
                exhaust(desk, floor)
                while acts:
                    acts[0](floor, desk)
                    del acts[0]

    @contextmanager
    def _life(self, luck: random.Random) -> Iterator[tuple[Floor, Desk]]:
        floor = floor_of(self.folder, self.url)
        venue = None
        STAGE.step, STAGE.cut, STAGE.after = self.step, self.cut, self.after
        try:
            asked = floor.ledger.control.clock("paper")
            clock = SimulatedClock(asked[1] if asked and asked[1] else floor.time(3))
            lease = floor.ledger.control.acquire("paper", 60)
            assert lease is not None
            venue = PaperBroker(self.folder / "brokers" / "paper.db", Feed(BARS), clock, floor.terms.costs)
            clock.advance(max(clock.now(), venue.time()))
            line: Any = Line(venue, self.fault, luck)
            desk = Desk(floor.ledger, floor.terms, lease, line, Feed(BARS), clock, floor.vault.public_key, self.folder)
            desk.start()
            yield floor, desk
        finally:
            STAGE.step = STAGE.after = nothing
            STAGE.cut = nothing
            if venue is not None:
                venue.close()
            floor.ledger.close()


def nothing(*_: Any) -> None:
    """Nothing happens."""


class STAGE:
    """What happens at each step of the shipped code."""

    step: Callable[[], None] = staticmethod(nothing)
    cut: Callable[[sa.Connection], None] = staticmethod(nothing)
    after: Callable[[], None] = staticmethod(nothing)


def instrument(kind: Any, name: str) -> Callable[[], None]:
    """Make a transaction of the shipped code two steps: before it begins, and after it is through; how to undo it."""
    original = getattr(kind, name)

    @contextmanager
    def stepping(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        STAGE.step()
        with original(self, *args, **kwargs) as value:
            yield value
            if isinstance(value, sa.Connection):
                STAGE.cut(value)
        if isinstance(value, sa.Connection):
            STAGE.after()
        STAGE.step()

    setattr(kind, name, stepping)
    return lambda: setattr(kind, name, original)


@contextmanager
def instrumented() -> Iterator[None]:
    """While it lasts, steps count, and nobody waits half a second to ask again."""
    undo = [instrument(Database, "write"), instrument(PaperBroker, "_session")]
    waits = settle.ASK_AGAIN, change.ASK_AGAIN
    settle.ASK_AGAIN = change.ASK_AGAIN = SECONDS_AT_REST
    try:
        yield
    finally:
        settle.ASK_AGAIN, change.ASK_AGAIN = waits
        for back in undo:
            back()


# ---- the story -----------------------------------------------------------------------------------------------------
def floor_of(folder: Path, url: str = "") -> Floor:
    ledger = Ledger(url or f"sqlite:///{folder / 'ledger.db'}")
    return Floor(ledger, folder, BARS, open_account(ledger, Terms("paper")), Vault(folder), lambda clock: None)  # type: ignore[arg-type,return-value]


def build(folder: Path, url: str = "") -> None:
    """A ledger with a promoted notebook and a funded book, before its first desk: copied for every world."""
    folder.mkdir(parents=True)
    floor = floor_of(folder, url)
    floor.promote()
    floor.fund()
    floor.ledger.close()


def exhaust(desk: Desk, floor: Floor) -> None:
    """Until nothing is left to do: no order whose outcome is open, no wish that waits."""
    view = desk.seat.view
    for _ in range(2000):
        asked = floor.ledger.control.clock("paper")
        late = asked is not None and asked[0] != asked[1]
        if desk.cycle() or desk._pending() or view.cancelling or view.flattening or late:
            continue
        if settled(desk):
            return
    raise AssertionError(f"the desk does not come to rest: {view.live} {view.cancelling} {view.stopping}")


def settled(desk: Desk) -> bool:
    """Whether the broker has told all, and nothing differs; else it is asked again, as a desk does by the clock."""
    view = desk.seat.view
    told = len(desk.seat.broker.venue.fills()) == len(view.fills)  # type: ignore[attr-defined]
    if told and not view.drift:
        return True
    desk._ask()
    return False


def move(session: int) -> Callable[[Floor, Desk], None]:
    def act(floor: Floor, desk: Desk) -> None:
        floor.ledger.control.set_clock("paper", floor.time(session))
        exhaust(desk, floor)

    return act


def basket(session: int, *wishes: tuple[str, str, int, dict[str, Any]]) -> Callable[[Floor, Desk], None]:
    def act(floor: Floor, desk: Desk) -> None:
        named = BARS.instruments
        floor.put(session, *(Intent(named[s], Side(side), Decimal(q), **more) for s, side, q, more in wishes))
        exhaust(desk, floor)

    return act


def leg(floor: Floor, session: int, number: int) -> str:
    return client_id("paper", "job", floor.time(session), number)


def asking(kind: str, session: int, number: int, **more: Any) -> Callable[[Floor, Desk], None]:
    def act(floor: Floor, desk: Desk) -> None:
        body = {"client_id": leg(floor, session, number), "who": "me", "reason": kind, **more}
        floor.ledger.inbox.ask("paper", kind, body, f"{kind}:{session}:{number}")
        exhaust(desk, floor)

    return act


def stopping(floor: Floor, desk: Desk) -> None:
    if not floor.ledger.control.halted("paper"):
        floor.ledger.control.switch("paper", True, "storm", "me")
    floor.ledger.inbox.ask("paper", "halt", {"who": "me", "reason": "storm", "flatten": True}, "halt")
    exhaust(desk, floor)


def refused(floor: Floor, desk: Desk) -> None:
    """Still halted: nothing of this is sent."""
    floor.put(9, Intent(BARS.instruments["AAA"], Side.BUY, Decimal(5)))
    exhaust(desk, floor)


def limit(price: str) -> dict[str, Any]:
    return {"type": OrderType.LIMIT, "limit_price": Decimal(price), "time_in_force": TimeInForce.GTC}


BRACKET = {"type": OrderType.BRACKET, "take_profit": Decimal("500.00"), "stop_loss": Decimal("2.00")}
MARKET: dict[str, Any] = {}
ACTS: tuple[Callable[[Floor, Desk], None], ...] = (
    basket(3, ("AAA", "buy", 10, MARKET), ("BBB", "buy", 20, limit("1.00")), ("CCC", "buy", 30, BRACKET)),
    asking("replace", 3, 1, quantity=Decimal(12), limit_price=Decimal("1.50")),
    move(4),
    basket(4, ("AAA", "sell", 4, MARKET), ("BBB", "buy", 5, limit("2.00")), ("CCC", "buy", 7, limit("1.00"))),
    asking("cancel", 4, 1),
    asking("replace", 4, 2, quantity=Decimal(9), limit_price=Decimal("400.00")),
    move(5),
    asking("cancel", 3, 0),  # filled since: refused
    basket(5, ("BBB", "buy", 8, MARKET), ("AAA", "buy", 1, limit("3.00"))),
    move(6),
    stopping,
    move(8),
    refused,
    move(9),
)


# ---- what came of it -----------------------------------------------------------------------------------------------
def outcome(folder: Path, url: str = "") -> dict[str, Any]:
    """Everything that must be the same whatever was killed or lost."""
    with Ledger(url or f"sqlite:///{folder / 'ledger.db'}") as ledger:
        view, verified = ledger.account("paper"), ledger.journal.verify()
    with sqlite3.connect(folder / "brokers" / "paper.db") as database:
        ids = sorted(row[0] for row in database.execute("SELECT client_id FROM orders"))
        executions = sorted(row[0] for row in database.execute("SELECT execution_id FROM fills"))
    database.close()
    return {
        "verified": verified.problem,
        "orders": sorted((o.client_id, o.status.value, str(o.filled), o.book) for o in view.orders.values()),
        "fills": sorted((f.execution_id, str(f.quantity), str(f.price), f.time.isoformat()) for f in view.fills),
        "holdings": {book: {s: str(q) for s, q in sorted(view.account(book).holdings.items())} for book in view.books},
        "cash": str(view.account("m").cash),
        "drift": view.drift, "parked": len(view.parked), "live": len(view.live),
        "venue orders": ids, "venue fills": executions,
    }  # fmt: skip


def fault_of(seed: int, steps: int) -> tuple[str, Fault]:
    """The fault of a seed: the families in turn, the steps at which the desk dies drawn over the whole story."""
    luck, name = random.Random(seed), list(FAULTS)[seed % len(FAULTS)]
    kills, wire, news = FAULTS[name]
    return name, Fault(sorted(luck.randint(1, steps) for _ in range(kills)), wire, news, seed)


def matrix(folder: Path, seeds: range) -> tuple[dict[str, Any], dict[str, Tally], list[tuple[int, str, Any]]]:
    """The outcome without faults, the counts of each family, and what differed (seed, family, what)."""
    template, wrong = folder / "template", []
    build(template)
    tallies = {name: Tally("desk", name) for name in FAULTS}
    with instrumented():
        reference = World(folder / "reference", Fault())
        shutil.copytree(template, reference.folder)
        reference.play()
        expected = outcome(reference.folder)
        for seed in seeds:
            name, fault = fault_of(seed, reference.steps)
            world = World(folder / f"seed-{seed}", fault)
            shutil.copytree(template, world.folder)
            world.play()
            found = outcome(world.folder)
            tallies[name].compare(world.lives, found, expected)
            if differs := {k: (expected[k], found[k]) for k in expected if found[k] != expected[k]}:
                wrong.append((seed, name, differs))
            shutil.rmtree(world.folder)
    return expected, tallies, wrong


CUTS = {"cut before its commit": "cut", "cut after its commit, untold": "lost"}


def connections(
    folder: Path, database: Callable[[], AbstractContextManager[str]], part: int, of: int
) -> tuple[list[Tally], list[dict[str, Any]]]:
    """The connection to a real PostgreSQL is ended in one of so many parts of all transactions, in two worlds.

    `database` makes an empty one. Returns the counts, and what differed.
    """
    build(folder / "plain")
    tallies, wrong = [], []
    with instrumented():
        plain = World(folder / "plain", Fault())
        plain.play()
        expected = outcome(folder / "plain")
        for what, name in CUTS.items():
            with database() as url:
                home = folder / name
                build(home, url)
                world = World(home, Fault(**{name: frozenset(range(2 + part, plain.written, of))}), url=url)
                world.play()
                found = outcome(home, url)
            tallies.append(Tally("connection to PostgreSQL", what))
            tallies[-1].compare(world.lives, found, expected)
            wrong += [found] if found != expected else []
    return tallies, wrong
