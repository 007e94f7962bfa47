"""Jobs at a real broker on bad days: every order exactly once, or a sentence why there is none.

The scheduler, the desk and the broker's server are real, the desk in this process: it works when it is told to. Of a
run only the kernel is missing: its basket is put into the inbox under a token, as a kernel does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib.access import Vault, who
from aura_lib.cli import app
from aura_lib.core import (
    Basket,
    Binding,
    Instrument,
    Intent,
    Mode,
    OrderStatus,
    Promotion,
    Run,
    RunStatus,
    Settings,
    Side,
    WallClock,
    encode,
    iso,
)
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys
from aura_lib.execution.brokers.alpaca.door import Door, Pace
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, Fault, Reply
from aura_lib.execution.desk import Desk
from aura_lib.execution.feed import Feed
from aura_lib.execution.gate import run_key
from aura_lib.execution.reconcile import mending
from aura_lib.jobs import live
from aura_lib.jobs import scheduler as scheduling
from aura_lib.jobs.job import Job
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import Scheduler
from aura_lib.ledger import SYSTEM, Ledger, Token, this_process
from tests.jobs.at_broker import (
    FRI,
    MINUTE,
    MON,
    MON_OPEN,
    NEXT_FRI,
    holds,
    job_text,
    open_at,
    open_market,
    posts,
    prices,
    sent,
    venue_at,
    write_project,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BINDING = Binding("cells", "parameters", "sources")
THU_NIGHT = FRI - timedelta(hours=20)
DOWN = Reply(503, b"<html>Service Unavailable</html>")
WISHES = {"AAPL": 10, "IBM": 20}


class Hand:
    """A wall clock that is moved by hand."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time


class Day:
    """An account at the broker with its scheduler and desk, and a market that is moved by hand."""

    def __init__(self, root: Path, ledger: Ledger, settings: Settings, rehearsal: Rehearsal, kind: Mode) -> None:
        self.root, self.ledger, self.settings, self.rehearsal, self.kind = root, ledger, settings, rehearsal, kind
        self.clock = Hand(THU_NIGHT)
        self.runner = Runner(settings, ledger, root)
        self.vault = Vault(settings.ensure_home())
        self.stack = ExitStack()
        self.desk: Desk | None = None
        self.down: Callable[[], None] = lambda: None  # what happens between the basket and the desk
        self.ran: list[datetime] = []
        self.takes_baskets = True

    # ---- what stands in for the kernel -----------------------------------------------------------------------------
    def run(self, runner: Runner, job: Job, slot: datetime, desk: object) -> Run:
        run = f"r{len(self.ran)}"
        claim = self.ledger.control.claim(job.name, slot, run)
        if claim is None:
            return self.ledger.runs(job.name)[-1]
        self.ran.append(slot)
        begun = Run(
            run, job.name, iso(slot), claim.attempt, job.mode, "idea.ipynb", BINDING, {}, RunStatus.RUNNING, slot,
            who=who(),
        )  # fmt: skip
        self.ledger.journal.append(SYSTEM, "run", encode(begun), key=run_key(run))
        basket = self.put(job, slot, run)
        self.down()
        if self.takes_baskets:
            self.work(lambda: bool(self.ledger.account("real").verdicts))
        with self.ledger.write() as connection:
            self.ledger.control.finish(connection, claim, "succeeded")
        return replace(begun, basket=basket.id)

    def put(self, job: Job, slot: datetime, run: str) -> Basket:
        wishes = tuple(Intent(Instrument(s, venue="XNAS"), Side.BUY, Decimal(q)) for s, q in WISHES.items())
        basket = Basket(job.name, slot, "real", "m", slot, wishes, "snap", run)
        token = Token(run, job.name, iso(slot), "real", "m", BINDING.id)
        return self.ledger.inbox.put(basket, self.ledger.control.issue(token, 3600))

    # ---- the desk --------------------------------------------------------------------------------------------------
    def sit(self) -> Desk:
        """A new desk, as after a start: the one before is gone without a word."""
        self.leave()
        terms = scheduling.account_terms(self.ledger, "real")
        keys = Keys(Mode.PAPER, self.rehearsal.key, self.rehearsal.secret, self.rehearsal.url)
        door = Door(keys, pace=Pace(per_minute=1_000_000), timeout=(60.0, 60.0))
        broker = AlpacaBroker(keys, "real", grace=0.0, door=door, clock=self.clock)
        self.stack.callback(broker.close)
        lease = self.ledger.control.acquire("real", 3600)
        assert lease is not None
        key = self.vault.public_key
        desk = Desk(self.ledger, terms, lease, broker, Feed(prices()), self.clock, key, self.settings.home)
        desk.start()
        self.desk = desk
        return desk

    def leave(self) -> None:
        """Killed: its lease is taken over at once, which a real one waits for."""
        if self.desk is not None:
            self.ledger.control.release(self.desk.seat.lease)
            self.desk = None

    def work(self, done: Callable[[], bool] | None = None) -> None:
        """The desk works until something came about, or else until nothing is left to do."""
        desk, end = self.desk, time.monotonic() + 120
        assert desk is not None
        while True:
            desk.woken.set()
            busy = desk.cycle()
            view = desk.seat.view
            unsettled = [o for o in view.live.values() if o.status in (OrderStatus.SENDING, OrderStatus.UNKNOWN)]
            if done() if done is not None else not (busy or unsettled):
                return
            assert time.monotonic() < end, f"it never came: {list(view.orders.values())}"

    # ---- the days --------------------------------------------------------------------------------------------------
    def scheduler(self, grace: timedelta = timedelta(hours=1)) -> Scheduler:
        return Scheduler(self.runner, ["job"], clock=self.clock, grace=grace)

    def opened(self) -> None:
        """The account is open, the notebook promoted, the opening balance taken in, the book has its capital."""
        promotion = Promotion(BINDING, self.kind, "idea.ipynb", "run", "me", datetime.now(UTC), self.vault.public_key)
        signed = replace(promotion, signature=self.vault.sign(promotion.message()))
        self.ledger.journal.append(SYSTEM, "promotion", encode(signed))
        desk = self.sit()
        self.clock.time += MINUTE
        desk.woken.set()
        desk.cycle()
        view = self.ledger.account("real")
        mending.ask(self.ledger, view, view.differences[0]["id"], who="me", reason="opening balance")
        self.work()
        body = {"book": "m", "amount": "60000", "who": "me", "reason": "opening capital"}
        self.ledger.inbox.ask("real", "allocate", body, "opening")
        self.work()
        assert self.ledger.account("real").account("m").cash == 60_000

    def close(self) -> None:
        """Friday's close, and five minutes."""
        self.rehearsal.venue.advance(FRI + MINUTE)
        self.clock.time = FRI + 5 * MINUTE

    def open(self) -> None:
        """Monday's open, and a minute."""
        self.clock.time = MON_OPEN + MINUTE
        open_market(self.rehearsal, MON_OPEN, MON)

    def missed(self) -> list[str]:
        return [run.error for run in self.ledger.runs("job") if run.status is RunStatus.MISSED]

    def once(self) -> None:
        """Every wish is one order at the broker, whole, and both sides agree."""
        self.work()
        view = self.ledger.account("real")
        assert sorted(sent(self.rehearsal)) == sorted(view.orders) and len(view.orders) == len(WISHES)
        assert view.account("m").holdings == WISHES == holds(self.rehearsal), view.orders
        assert not view.drift and not view.live


class Standing:
    """A desk process that somebody else is: the test's own desk in this process."""

    def __init__(self, *_: object) -> None:
        self.stopped = False

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True

    def last_words(self) -> str:
        return ""

    def __enter__(self) -> Standing:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@pytest.fixture
def day(tmp_path: Path, aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    write_project(tmp_path, {"job": job_text("paper", "real")})
    settings = Settings.load()
    with Server(Rehearsal(venue_at(THU_NIGHT))) as rehearsal, Ledger.open(settings) as ledger:
        open_at(ledger, "real", Mode.PAPER, THU_NIGHT, monkeypatch)
        made = Day(tmp_path, ledger, settings, rehearsal, Mode.PAPER)
        monkeypatch.setattr(scheduling, "run_slot", made.run)
        monkeypatch.setattr(scheduling, "DeskProcess", Standing)
        made.opened()
        with made.stack:
            yield made


def test_orders_of_a_close_wait_at_the_broker_and_trade_at_the_next_open(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
        assert day.ran == [FRI] and len(sent(day.rehearsal)) == 2 and not holds(day.rehearsal)
        assert {o.status for o in day.ledger.account("real").orders.values()} == {OrderStatus.ACCEPTED}
        scheduler.tick()
        day.open()
        day.once()
    fills = day.ledger.account("real").fills
    opens = prices().open.loc[MON]
    assert {f.symbol: float(f.price) for f in fills} == {s: float(opens[s]) for s in WISHES}
    assert posts(day.rehearsal) == 2


def test_two_schedulers_send_a_slot_once(day: Day) -> None:
    with day.scheduler() as one, day.scheduler() as other:
        for scheduler in (one, other):
            scheduler.tick()
        day.close()
        for scheduler in (one, other, one):
            scheduler.tick()
    assert day.ran == [FRI]
    day.open()
    day.once()
    assert posts(day.rehearsal) == 2


def test_a_scheduler_killed_behind_the_basket_runs_the_slot_again_and_nothing_is_sent_twice(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as dead:
        holder = this_process(dead.pid)
        dead.kill()
    day.close()
    job = scheduling.jobs.load("job", day.root)
    day.ledger.control.claim("job", FRI, "r-dead")
    with day.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE slots SET holder = ?", (holder,))
    day.put(job, FRI, "r-dead")  # the kernel had proposed when its scheduler was killed
    day.work()
    with day.scheduler() as again:
        again.tick()
    assert day.ran == [FRI], "the slot was run again"
    day.open()
    day.once()
    assert posts(day.rehearsal) == 2


@pytest.mark.parametrize("takes", [False, True])
def test_a_broker_that_is_down_at_the_slot_gets_every_order_once_when_it_is_back(day: Day, takes: bool) -> None:
    """It answers 503 to everything; `takes` says whether it takes the orders all the same."""
    weather = day.rehearsal.weather

    def down() -> None:
        weather.faults.append(Fault("POST", "/v2/orders", DOWN, times=FOR_EVER, does=takes))
        weather.faults.append(Fault("GET", "/v2/.*", DOWN, times=FOR_EVER, does=False))

    day.down = down
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
    assert {o.status for o in day.ledger.account("real").orders.values()} == {OrderStatus.UNKNOWN}
    weather.clear()
    day.work()
    assert len(sent(day.rehearsal)) == 2
    day.open()
    day.once()
    assert posts(day.rehearsal) == (2 if takes else 4), "what never arrived was sent again, under the same name"


def test_a_desk_that_dies_between_slot_and_open_is_followed_by_one_that_books_the_fills(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
    day.leave()
    day.open()  # filled while nobody looks
    assert not day.ledger.account("real").fills
    day.sit()
    day.once()
    assert posts(day.rehearsal) == 2


def test_a_slot_waits_until_it_is_known_what_became_of_the_orders_before_it(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
        day.leave()
        day.open()  # filled, and no desk was told
        day.rehearsal.venue.advance(NEXT_FRI + MINUTE)
        day.clock.time = NEXT_FRI + 5 * MINUTE
        scheduler.tick()
        assert day.ran == [FRI], "its book would lack what it holds, and it would buy it again"
        day.sit()
        day.work()
        day.clock.time += MINUTE
        day.down = lambda: None
        scheduler.tick()
        assert day.ran == [FRI, NEXT_FRI]


def test_a_slot_that_waited_in_vain_is_missed_for_the_reason_that_it_waited_for(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
        day.leave()
        day.clock.time = NEXT_FRI + 5 * MINUTE
        scheduler.tick()
        day.clock.time = NEXT_FRI + timedelta(hours=2)
        scheduler.tick()
    (why,) = day.missed()
    assert why.startswith(f"2 orders of book m were good until {iso(MON)} at the latest, and the broker has not told")


def test_a_late_slot_is_run_while_its_session_lasts_and_is_missed_after_it(day: Day) -> None:
    write_project(day.root, {"job": job_text("paper", "real", "on_missed: {once_within: 90h}\n")})
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        day.clock.time = FRI + timedelta(hours=40)  # Sunday
        scheduler.tick()
    assert day.ran == [FRI]
    day.open()
    day.once()


def test_a_slot_whose_session_is_over_is_missed_and_says_so(day: Day) -> None:
    write_project(day.root, {"job": job_text("paper", "real", "on_missed: all\n")})
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        day.clock.time = MON + MINUTE
        scheduler.tick()
    assert day.ran == [] and not sent(day.rehearsal)
    assert day.missed() == [f"the session that its orders were for ended at {iso(MON)}: none was made"]


def test_a_basket_that_nobody_took_in_time_is_refused_leg_by_leg(day: Day) -> None:
    day.takes_baskets = False
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
    day.leave()
    day.open()
    day.rehearsal.venue.advance(MON + MINUTE)
    day.clock.time = MON + MINUTE
    day.sit()
    day.work()
    (verdict,) = day.ledger.account("real").verdicts.values()
    assert [(d.approved, d.rule) for d in verdict.decisions] == [(False, "too_late")] * 2
    assert "when its session ended" in verdict.decisions[0].limit
    assert not sent(day.rehearsal)


def test_orders_that_did_not_go_out_before_their_session_was_over_expire_with_a_sentence(day: Day) -> None:
    weather = day.rehearsal.weather
    day.down = lambda: weather.faults.append(Fault("POST|GET", "/v2/.*", DOWN, times=FOR_EVER, does=False))
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        scheduler.tick()
    day.open()
    day.rehearsal.venue.advance(MON + MINUTE)
    day.clock.time = MON + MINUTE
    weather.clear()
    day.work()
    orders = list(day.ledger.account("real").orders.values())
    assert {o.status for o in orders} == {OrderStatus.EXPIRED}
    assert {o.reason for o in orders} == {"never arrived; its session had passed before it was sent"}
    assert not sent(day.rehearsal) and not day.ledger.account("real").drift


def test_a_halt_holds_what_a_job_sends(day: Day) -> None:
    with day.scheduler() as scheduler:
        scheduler.tick()
        day.close()
        day.ledger.control.switch("real", True, "a person says so", "me")
        scheduler.tick()
    (verdict,) = day.ledger.account("real").verdicts.values()
    assert {d.rule for d in verdict.decisions} == {"halted"} and not sent(day.rehearsal)


def test_the_command_runs_the_slot_that_is_due_once_and_tells_who_follows_its_orders(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(day.root)
    monkeypatch.setattr(live, "run_slot", day.run)
    monkeypatch.setattr(live, "DeskProcess", Standing)
    monkeypatch.setattr(WallClock, "now", lambda _: day.clock.time)
    day.close()
    told = CliRunner().invoke(app, ["job", "run", "job", "--json"])
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    assert [(o["symbol"], o["status"]) for o in answer["orders"]] == [("AAPL", "accepted"), ("IBM", "accepted")]
    assert (answer["slot"], answer["until"]) == (iso(FRI), iso(MON))
    shown = " ".join(CliRunner().invoke(app, ["job", "run", "job"]).output.split())
    assert (
        "Fills are booked by the desk of real: `aura job schedule`, `aura up` and `aura desk real` keep one." in shown
    )
    assert posts(day.rehearsal) == 2 and day.ran == [FRI]
    refused = CliRunner().invoke(app, ["job", "run", "job", "--from", "2012-01-06", "--to", "2012-01-06"])
    assert refused.exit_code == 2 and "where the past cannot be traded" in " ".join(refused.stderr.split())
    listed = json.loads(CliRunner().invoke(app, ["job", "list", "--json"]).stdout)
    assert [(row["job"], row["account"], row["at"]) for row in listed] == [("job", "real", "alpaca paper")]
