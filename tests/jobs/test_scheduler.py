"""The scheduler through its clock: slots come, a laptop sleeps, clocks are set, data are late. No kernel is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from aura_lib import data
from aura_lib.cli import app
from aura_lib.core import InputError, Run, RunFailed, RunStatus, Settings, encode, iso, utc
from aura_lib.execution import Terms, open_account
from aura_lib.jobs import scheduler as scheduling
from aura_lib.jobs.job import Job
from aura_lib.jobs.known import Known
from aura_lib.jobs.replay import replay
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import Scheduler
from aura_lib.ledger import SYSTEM, Ledger

PARAMETERS = """\
schedule: str = "XNYS daily close"  # when it decides
mode: str = "research"  # research, paper or live
as_of: str = "2021-12-31"  # the slot
book: str = "m"  # whose holdings"""
HOUR = timedelta(hours=1)
# Closes of five sessions at 16:00 in New York, written out: Thursday to Wednesday, over a weekend (standard time).
THU, FRI, MON, TUE, WED = (datetime(2022, 1, day, 21, tzinfo=UTC) for day in (6, 7, 10, 11, 12))


class Hands:
    """A clock that is moved by hand, in both directions."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time


def write_job(root: Path, name: str = "j", account: str = "live-paper", more: str = "") -> None:
    (root / "pyproject.toml").touch()
    (root / "jobs").mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell("1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "n.ipynb")
    text = f"notebook: n.ipynb\nmode: paper\nbook: m\naccount: {account}\n{more}"
    (root / "jobs" / f"{name}.yaml").write_text(text)


class Market:
    """A scheduler whose runs are noted instead of executed: (job, slot) in `ran`, and how far its account went."""

    def __init__(self, ledger: Ledger, settings: Settings, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger, self.settings, self.root = ledger, settings, root
        self.clock = Hands(WED)
        self.ran: list[tuple[str, datetime]] = []
        self.fails = 0
        self.takes = timedelta(0)
        self.runner = Runner(settings, ledger, root)
        self.last_bar: datetime | None = None
        monkeypatch.setattr(scheduling, "run_slot", self.run)
        monkeypatch.setattr(scheduling, "DeskProcess", lambda *_: nullcontext())
        monkeypatch.setattr(scheduling, "advance", self.advance)
        if not ledger.journal.find(SYSTEM, "account:live-paper"):
            open_account(ledger, Terms("live-paper", clock="wall"))

    def run(self, runner: Runner, job: Job, slot: datetime, desk: object) -> Run:
        claim = self.ledger.control.claim(job.name, slot, f"r{len(self.ran)}")
        assert claim is not None
        self.ran.append((job.name, slot))
        self.clock.time += self.takes
        status = RunStatus.FAILED if self.fails else RunStatus.SUCCEEDED
        with self.ledger.write() as connection:
            self.ledger.control.finish(connection, claim, status.value)
        if self.fails:
            self.fails -= 1
            raise RunFailed("cell 3: ZeroDivisionError")
        return next(iter(self.ledger.runs()), None) or _some_run(job, slot)

    def advance(self, ledger: Ledger, account: str, to: datetime, desk: object) -> None:
        ledger.control.set_clock(account, to)
        with ledger.write() as connection:
            ledger.control.clock_done(connection, account, to)

    def scheduler(self, *names: str, grace: timedelta = HOUR) -> Scheduler:
        return Scheduler(self.runner, names or ("j",), clock=self.clock, grace=grace)

    def at(self, scheduler: Scheduler, moment: datetime) -> list[datetime]:
        """Move the clock, let the scheduler look; the slots that it ran."""
        before = len(self.ran)
        self.clock.time = moment
        scheduler.tick()
        return [slot for _, slot in self.ran[before:]]

    def missed(self) -> list[datetime]:
        return [utc(run.slot) for run in self.ledger.runs("j") if run.status is RunStatus.MISSED]


def _some_run(job: Job, slot: datetime) -> Run:
    from aura_lib.core import Binding

    binding = Binding("a", "b", "c")
    return Run("r", job.name, iso(slot), 1, job.mode, "n.ipynb", binding, {}, RunStatus.SUCCEEDED, slot)


@pytest.fixture
def market(tmp_path: Path, aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    write_job(tmp_path)
    settings = Settings.load()
    with Ledger.open(settings) as ledger:
        yield Market(ledger, settings, tmp_path, monkeypatch)


def test_each_slot_fires_once_when_it_comes_and_none_from_before_the_first_start(market: Market) -> None:
    market.clock.time = THU - 3 * HOUR
    scheduler = market.scheduler()
    assert market.at(scheduler, THU - 3 * HOUR) == []
    assert market.at(scheduler, THU - timedelta(seconds=1)) == []
    assert market.at(scheduler, THU) == [THU]
    assert market.at(scheduler, THU + timedelta(minutes=1)) == []
    assert market.at(scheduler, FRI + timedelta(minutes=5)) == [FRI]
    assert market.missed() == [], "and a weekend is no slot"
    assert market.ledger.control.clock("live-paper") == (FRI, FRI), "the account follows to the last bar known"


@pytest.mark.parametrize(
    ("policy", "ran", "missed"),
    [
        ("on_missed: skip\n", [], [FRI, MON, TUE]),
        ("on_missed: {once_within: 24h}\n", [TUE], [FRI, MON]),
        ("on_missed: all\n", [FRI, MON, TUE], []),
    ],
)
def test_a_laptop_that_slept_over_three_slots(
    market: Market, policy: str, ran: list[datetime], missed: list[datetime]
) -> None:
    write_job(market.root, more=policy)
    market.clock.time = THU - HOUR
    scheduler = market.scheduler()
    assert market.at(scheduler, THU) == [THU]
    assert market.at(scheduler, TUE + 15 * HOUR) == ran
    assert market.missed() == missed
    assert market.at(scheduler, WED) == [WED], "and then it goes on as ever"


def test_a_scheduler_that_was_killed_knows_from_the_ledger_what_it_missed(market: Market) -> None:
    market.clock.time = THU - HOUR
    market.at(market.scheduler(), THU)
    assert market.at(market.scheduler(), MON + 5 * HOUR) == []
    runs = [run for run in market.ledger.runs("j") if run.status is RunStatus.MISSED]
    assert [utc(run.slot) for run in runs] == [FRI, MON]
    assert runs[1].error == "nobody ran it: seen 5:00:00 late, and on_missed is skip"
    shown = CliRunner().invoke(app, ["runs", "list"]).output
    assert "missed" in shown and "nobody ran it" in shown


def test_a_slot_whose_run_died_with_the_scheduler_is_run_again(market: Market) -> None:
    market.clock.time = THU - HOUR
    market.at(market.scheduler(), THU - HOUR)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as dead:
        from aura_lib.ledger import this_process

        holder = this_process(dead.pid)
        dead.kill()
    market.ledger.control.claim("j", THU, "r-dead")
    with market.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE slots SET holder = ?", (holder,))
    assert market.at(market.scheduler(), THU + timedelta(minutes=5)) == [THU]


def test_two_schedulers_fire_a_slot_once(market: Market) -> None:
    market.clock.time = THU - HOUR
    one, other = market.scheduler(), market.scheduler()
    assert [market.at(s, THU) for s in (one, other)] == [[THU], []]
    assert [market.at(s, MON + 5 * HOUR) for s in (one, other)] == [[], []]
    assert market.missed() == [FRI, MON], "and record a missed one once"


def test_a_clock_that_ran_ahead_and_was_set_right_costs_no_slot(market: Market) -> None:
    market.clock.time = THU - HOUR
    scheduler = market.scheduler()
    market.at(scheduler, THU)
    wrong = WED + 3 * HOUR  # the clock says Wednesday night while it is Thursday night
    assert market.at(scheduler, wrong) == []
    assert market.missed() == [FRI, MON, TUE, WED]
    assert market.at(scheduler, THU + 2 * HOUR) == [], "set right"
    assert market.at(scheduler, FRI) == [FRI], "the real Friday is run"
    assert market.at(market.scheduler(), MON) == [MON]


def test_a_clock_that_was_wrong_at_the_first_start_does_not_hide_the_slots_before_it(market: Market) -> None:
    market.clock.time = WED
    market.scheduler().tick()
    scheduler = market.scheduler()
    market.at(scheduler, THU - HOUR)
    assert market.at(scheduler, THU) == [THU]


def test_late_data_are_waited_for_and_then_the_slot_is_missed_for_that_reason(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, fetched = [THU], []
    bars = data.load()
    monkeypatch.setattr(data, "load", lambda **_: replace(bars.until(known[0]), snapshot=iso(known[0])))
    monkeypatch.setattr(data, "fetch", lambda *_, **__: fetched.append(1))
    monkeypatch.setattr(Known, "_version", lambda *_: iso(known[0]))
    market.clock.time = THU - HOUR
    scheduler = market.scheduler()
    assert market.at(scheduler, THU) == [THU] and not fetched
    assert market.at(scheduler, FRI) == [] and len(fetched) == 1
    assert market.at(scheduler, FRI + HOUR / 2) == [] and len(fetched) == 2, "asked again each round"
    known[0] = FRI
    assert market.at(scheduler, FRI + HOUR * 0.9) == [FRI]
    assert market.at(scheduler, MON) == [] and market.at(scheduler, MON + 2 * HOUR) == []
    (missed,) = [run for run in market.ledger.runs("j") if run.status is RunStatus.MISSED]
    assert missed.error.startswith("DataError: sample has bars to 2022-01-07T21:00")
    market.at(scheduler, WED + 2 * HOUR)  # slept over two more, while the data stood still
    reasons = {utc(run.slot): run.error for run in market.ledger.runs("j") if run.status is RunStatus.MISSED}
    assert all("nobody ran it" in reasons[slot] for slot in (TUE, WED)), "nobody waited for those data"
    assert market.ledger.control.clock("live-paper") == (FRI, FRI), "never beyond the bars there are"


def test_a_file_of_ones_own_that_grows_is_a_source_that_goes_on(market: Market) -> None:
    file = market.root / "prices.csv"

    def write(*days: str) -> None:
        file.write_text("date,symbol,close\n" + "".join(f"{day},{s},10\n" for day in days for s in ("AAA", "BBB")))

    write("2022-01-04", "2022-01-05")
    open_account(market.ledger, Terms("by-file", clock="wall", source=str(file)))
    write_job(market.root, account="by-file")
    market.clock.time = THU - HOUR
    scheduler = market.scheduler()
    assert market.at(scheduler, THU + timedelta(minutes=10)) == [], "the file has no bar of Thursday yet"
    write("2022-01-04", "2022-01-05", "2022-01-06")
    assert market.at(scheduler, THU + timedelta(minutes=20)) == [THU]


def test_a_job_that_decides_on_other_prices_than_its_account_is_refused(market: Market) -> None:
    write_job(market.root)
    cell = nbformat.v4.new_code_cell(PARAMETERS + '\nsource: str = "sample:ohlcv"', metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), market.root / "n.ipynb")
    with pytest.raises(InputError, match=r"prices of sample:ohlcv, its account live-paper trades on those of sample:"):
        market.scheduler()


def test_a_failed_run_is_not_repeated_for_ever(market: Market) -> None:
    market.clock.time, market.fails = THU - HOUR, 1
    scheduler = market.scheduler()
    assert market.at(scheduler, THU) == [THU]
    assert market.at(scheduler, THU + timedelta(minutes=10)) == []
    assert market.at(scheduler, FRI) == [FRI]


@pytest.mark.parametrize(("more", "ran"), [("on_overlap: skip\n", []), ("on_overlap: queue\n", [FRI])])
def test_a_slot_that_comes_while_the_last_run_is_at_work(market: Market, more: str, ran: list[datetime]) -> None:
    write_job(market.root, more=more)
    market.clock.time = THU - HOUR
    scheduler = market.scheduler()
    market.takes = timedelta(hours=26)
    market.at(scheduler, THU)
    market.takes = timedelta(0)
    assert market.at(scheduler, FRI + 3 * HOUR) == ran
    assert market.missed() == [slot for slot in [FRI] if slot not in ran]


def test_a_job_on_a_simulated_clock_is_told_what_to_do_and_the_other_way_round(market: Market) -> None:
    open_account(market.ledger, Terms("paper"))
    write_job(market.root, name="replayed", account="paper")
    with pytest.raises(InputError, match=r"aura job run replayed.*aura account open NAME --clock wall"):
        market.scheduler("replayed")
    write_job(market.root, name="nowhere", account="nobody")
    with pytest.raises(InputError, match="no account 'nobody'"):
        market.scheduler("nowhere")
    from aura_lib.jobs.job import load

    with pytest.raises(InputError, match=r"lives by the wall clock: `aura job schedule j`"):
        replay(market.runner, load("j", market.root), "2022-01-06", "2022-01-07")


def test_a_broken_job_does_not_stop_the_others(market: Market) -> None:
    write_job(market.root, name="other")
    market.clock.time = THU - HOUR
    scheduler = market.scheduler("other", "j")
    market.at(scheduler, THU - HOUR)
    (market.root / "jobs" / "other.yaml").write_text("notebook: gone.ipynb\nmode: paper\nbook: m\n")
    market.at(scheduler, THU)
    assert market.ran == [("j", THU)]


# ---- a process that is stopped like a laptop that sleeps -----------------------------------------------------------
DRIVER = """
import sys, time
from datetime import datetime, timedelta
from pathlib import Path
import pytest
from aura_lib.core import Settings
from aura_lib.ledger import Ledger
from tests.jobs.test_scheduler import Market
start, born = datetime.fromisoformat(sys.argv[2]), float(sys.argv[3])

class Fast:  # a day of the market is a second of the wall clock, which goes on while this process is stopped
    time = property(lambda self: self.now(), lambda self, _: None)
    def now(self):
        return start + timedelta(days=time.time() - born)

with Ledger.open() as ledger:
    market = Market(ledger, Settings.load(), Path(sys.argv[1]), pytest.MonkeyPatch())
    market.clock = Fast()
    scheduler = market.scheduler(grace=timedelta(hours=12))
    scheduler.serve(going=lambda: True, wait=lambda _: time.sleep(0.02))
"""


@pytest.mark.slow
def test_a_stopped_process_wakes_records_what_it_slept_over_and_goes_on(tmp_path: Path, aura_home: Path) -> None:
    write_job(tmp_path)
    data.load()
    start, born = datetime(2022, 1, 3, tzinfo=UTC), time.time()
    command = [sys.executable, "-c", DRIVER, str(tmp_path), start.isoformat(), str(born)]

    def now() -> datetime:
        return start + timedelta(days=time.time() - born)

    def slots(status: str, since: datetime = start) -> list[datetime]:
        with Ledger.open() as ledger:
            found = [(utc(slot.slot), slot.status) for slot in ledger.control.slots("j")]
        return [slot for slot, how in found if how == status and slot > since]

    def until_it_runs(since: datetime) -> None:
        deadline = time.monotonic() + 60
        while not slots("succeeded", since):
            assert time.monotonic() < deadline, "it fires nothing"
            time.sleep(0.1)

    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL, env={**os.environ}
    ) as child:
        until_it_runs(start)
        os.kill(child.pid, signal.SIGSTOP)
        asleep = now()
        time.sleep(5)
        woken = now()
        os.kill(child.pid, signal.SIGCONT)
        until_it_runs(woken)
        child.kill()
    slept = [s for s in slots("missed", asleep) if s < woken - timedelta(hours=12)]
    assert len(slept) >= 2, "five days have two sessions at least"
    assert not [s for s in slots("succeeded", asleep) if s < woken - timedelta(hours=12)]
    both = sorted(slots("missed") + slots("succeeded"))
    assert all((b - a).days <= 4 for a, b in pairwise(both)), "none was forgotten"


def test_the_command_says_when_there_is_nothing_to_schedule(
    tmp_path: Path, aura_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_job(tmp_path, account="paper")
    monkeypatch.chdir(tmp_path)
    aura: Any = CliRunner()
    assert aura.invoke(app, ["account", "open", "paper"]).exit_code == 0
    shown = aura.invoke(app, ["job", "schedule"])
    assert shown.exit_code == 2 and "aura account open NAME --clock wall" in shown.stderr.replace("\n", " ")
    assert aura.invoke(app, ["account", "open", "x", "--clock", "sun"]).exit_code == 2
    assert aura.invoke(app, ["account", "open", "x", "--source", "moon"]).exit_code == 2
    opened = aura.invoke(app, ["account", "open", "live-paper", "--clock", "wall", "--json"])
    assert '"clock": "wall"' in opened.output
    assert encode(Terms("live-paper", clock="wall"))["source"] == "sample"
