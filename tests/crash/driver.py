"""The crash matrix: kill or freeze one process between two steps of an order's life, run again, compare.

    python tests/crash/driver.py FOLDER SEED [SEED ...]      prints one JSON line a seed

A world is a ledger, a venue, a job over six weekly slots, and the processes of the real thing: a command that
replays the job, its desk, and a kernel for each slot. They are forks of this one instead of fresh interpreters,
and the kernel calls `aura.run` without papermill; everything else is the shipped code. A step is each transaction
of the ledger, each call of the venue and each report of a kernel: before it begins, in the middle with the file to
itself, and after it is through.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import random
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd

from aura_lib import data
from aura_lib.access import Vault, who
from aura_lib.core import (
    TERMINAL,
    UNSETTLED,
    Bars,
    Calendar,
    Intent,
    Mandate,
    Mode,
    Order,
    OrderStatus,
    OrderType,
    Promotion,
    RunFailed,
    RunStatus,
    Settings,
    Side,
    TargetWeights,
    TimeInForce,
    encode,
)
from aura_lib.execution import DeskProcess, advance, cancel, halt, paper_account, ticket
from aura_lib.execution import replace as change
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.desk import client_id
from aura_lib.execution.service import serve
from aura_lib.jobs import run as aura_run
from aura_lib.jobs.context import Context
from aura_lib.jobs.execute import Execution
from aura_lib.jobs.job import Job, load
from aura_lib.jobs.notebook import bind
from aura_lib.jobs.replay import replay
from aura_lib.jobs.runner import Runner, Task
from aura_lib.ledger import SYSTEM, Ledger, frozen, surely_dead, this_process
from aura_lib.ledger.database import Database

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
START, END = "2021-01-08", "2021-02-12"  # six Fridays
LEASE = 0.4  # seconds; a frozen desk has slept past it when another one answers
UNSENT = UNSETTLED | {OrderStatus.APPROVED}
ROLES = ("desk", "runner", "kernel")
FREE, LEDGER, VENUE = HELD = (b".", b"L", b"V")  # what a process has to itself at a step
frozen.PATIENCE = 0.2  # seconds, as short as the lease
SIGNS_OF_LIFE = ("renew", "beat")  # transactions that come by the clock, not by the life of an order
PARAMETERS = """\
schedule: str = "XNYS week-end close"  # when it decides
mode: str = "paper"  # research, paper or live
as_of: str = "2021-01-08"  # the slot
book: str = "m"  # whose holdings
"""


def made_up() -> Bars:
    closes = Calendar.of("XNYS").closes
    first = int(closes.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))
    steps = np.random.default_rng(3).normal(0, 0.02, (40, len(SYMBOLS)))
    prices = np.round(np.array([100.0, 50.0, 20.0, 5.0]) * np.exp(steps.cumsum(axis=0)), 2)
    return Bars(
        {"close": pd.DataFrame(prices, closes[first : first + 40], list(SYMBOLS))}, source="sample", snapshot="made-up"
    )


BARS = made_up()
data.load = lambda *_, **__: BARS  # type: ignore[assignment]


def decide(market: Any, account: Any, mandate: Mandate) -> TargetWeights:
    """Two of the four names, others every week, so that each slot sells and buys."""
    week = len(market.bars) // 5
    chosen = [SYMBOLS[week % 4], SYMBOLS[(week + 1 + week // 4) % 4]]
    return TargetWeights(dict.fromkeys(chosen, 0.45), market.as_of)


@dataclass
class Fault:
    """What happens to whom at which step; at most once in a world."""

    role: str = ""
    step: int = 0
    signal: int = signal.SIGKILL
    orphans: bool = False  # a kernel outlives its runner


@dataclass
class World:
    folder: Path
    fault: Fault
    lease: float = LEASE

    @property
    def settings(self) -> Settings:
        return Settings.load({"AURA_HOME": str(self.folder / "home")})

    def build(self) -> None:
        notebook = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
                nbformat.v4.new_code_cell("import aura_lib as aura"),
            ]
        )
        self.folder.mkdir(parents=True)
        (self.folder / "pyproject.toml").touch()
        (self.folder / "jobs").mkdir()
        nbformat.write(notebook, self.folder / "s.ipynb")
        (self.folder / "jobs" / "weekly.yaml").write_text("notebook: s.ipynb\nmode: paper\nbook: m\ncapital: 100000\n")
        self.settings.ensure_home()
        with Ledger.open(self.settings) as ledger:
            paper_account(ledger)
            self._promote(ledger)

    def _promote(self, ledger: Ledger) -> None:
        job = self.job()
        bound = bind(job.notebook, job.notebook.read_bytes(), {}, self.folder)
        vault = Vault(self.settings.home)
        promotion = Promotion(bound.binding, Mode.PAPER, "s.ipynb", "r", "me", datetime.now(UTC), vault.public_key)
        signed = replace(promotion, signature=vault.sign(promotion.message()))
        ledger.journal.append(SYSTEM, "promotion", encode(signed))

    def job(self) -> Job:
        return load("weekly", self.folder)

    # ---- steps -----------------------------------------------------------------------------------------------------
    def play(self, role: str) -> None:
        """From here on this process is a desk, runner or kernel, and its steps count."""
        counter = self.folder / f"steps-{role}"

        def reach() -> None:
            with counter.open("ab") as file:  # counted over all processes of the role
                file.write(STAGE.held)
            if role != self.fault.role or counter.stat().st_size < self.fault.step:
                return
            fired = self.folder / "fired"
            if not fired.exists():
                fired.write_text(str(os.getpid()))
                os.kill(os.getpid(), self.fault.signal)

        STAGE.reach = reach

    # ---- processes -------------------------------------------------------------------------------------------------
    def command(self) -> None:
        """`aura job run weekly`: ends with exit code 0 when all slots are done, 3 when a run failed."""
        nursery = Nursery()
        self.play("runner")
        with (
            Ledger.open(self.settings) as ledger,
            ForkRunner(self.settings, ledger, self, nursery) as runner,
            ForkDesk(self, nursery) as desk,
        ):
            try:
                replay(runner, self.job(), START, END, desk=desk)
                self.person(ledger, desk)
            except RunFailed:
                os._exit(3)

    def person(self, ledger: Ledger, desk: DeskProcess) -> None:
        """What somebody does by hand after the last slot: all of it again when the command is run again."""
        me = {"who": who(), "settings": self.settings}
        aaa, bbb = (BARS.instruments[name] for name in SYMBOLS[:2])
        bracket = Intent(aaa, Side.BUY, Decimal(3), OrderType.BRACKET, take_profit=Decimal(900), stop_loss=Decimal(1))
        low = Intent(bbb, Side.BUY, Decimal(5), OrderType.LIMIT, Decimal(1), time_in_force=TimeInForce.GTC)
        basket = ticket(ledger, (bracket, low), account="paper", book="m", key="t", **me).basket
        waiting = client_id("paper", basket.origin, basket.slot, 1)
        until(lambda: ledger.account("paper").orders[waiting].status not in UNSENT)
        new = change(ledger, "paper", waiting, limit_price=Decimal(2), key="r", **me)
        until(lambda: ledger.account("paper").orders[new.client_id].status not in UNSENT)
        advance(ledger, "paper", BARS.times[32].to_pydatetime(), desk)
        cancel(ledger, "paper", new.client_id, key="c", **me)
        until(lambda: ledger.account("paper").orders[new.client_id].status in TERMINAL)
        halt(ledger, "paper", reason="the end", flatten=True, key="h", **me)
        advance(ledger, "paper", BARS.times[34].to_pydatetime(), desk)

    def kernel(self, environment: dict[str, str], given: dict[str, Any]) -> None:
        if not self.fault.orphans:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        os.environ.update(environment)
        self.play("kernel")
        call = {name: given[name] for name in ("schedule", "as_of", "mode", "book")}
        aura_run.run(decide, BARS, Mandate(SYMBOLS, capital=100_000), **call)

    def desk(self) -> None:
        self.play("desk")
        parent = os.getppid()
        stopped = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
        serve(self.settings, "paper", self.lease, going=lambda: not stopped and os.getppid() == parent)


def until(done: Callable[[], bool]) -> None:
    """Wait for the desk to have done something that will be done."""
    while not done():
        time.sleep(0.005)


class STAGE:
    """What this process does at each of its steps."""

    reach: Callable[[], None] = staticmethod(lambda: None)
    held = FREE  # what it has to itself


def instrument(kind: Any, name: str, held: bytes) -> None:
    """Make a transaction of the shipped code three steps: before it begins, in the middle, and after it is through."""
    original = getattr(kind, name)

    @contextmanager
    def stepping(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        counts = sys._getframe(2).f_code.co_name not in SIGNS_OF_LIFE
        if counts:
            STAGE.reach()
        before = STAGE.held
        try:
            with original(self, *args, **kwargs) as value:
                STAGE.held = held
                yield value
                if counts:
                    STAGE.reach()
        finally:
            STAGE.held = before
        if counts:
            STAGE.reach()

    setattr(kind, name, stepping)


def _reporting(context: Context, results: Any, report: Any = Context.report) -> None:
    STAGE.reach()
    report(context, results)
    STAGE.reach()


instrument(Database, "write", LEDGER)
instrument(PaperBroker, "_session", VENUE)
Context.report = _reporting  # type: ignore[method-assign]


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Nursery:
    """A child without threads that forks a command's desks and kernels: a fork of a threaded process may hang.

    It ends with the command. A child ends its line (a pipe) with its exit code; a killed one ends it with nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fork(lambda: self._serve(theirs))
        theirs.close()

    def _serve(self, asked: socket.socket) -> None:
        self._mine.close()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped at once
        while request := asked.recv(1 << 16):
            line, end = os.pipe()
            pid = os.fork()
            if not pid:
                asked.close()
                _be(pickle.loads(request), end)
            os.close(end)
            socket.send_fds(asked, [str(pid).encode()], [line])
            os.close(line)

    def bear(self, work: Callable[..., None], *arguments: Any) -> tuple[int, int]:
        """A child that does the work; its pid and its line."""
        with self._lock:
            self._mine.send(pickle.dumps((work, arguments)))
            told, (line, *_), _, _ = socket.recv_fds(self._mine, 64, 1)
        return int(told), line


def _be(request: tuple[Callable[..., None], tuple[Any, ...]], end: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    work, arguments = request
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os.write(end, bytes([code]))
        os._exit(code)


class ForkDesk(DeskProcess):
    """A DeskProcess whose process is a fork."""

    def __init__(self, world: World, nursery: Nursery) -> None:
        super().__init__(world.settings, "paper", world.lease)
        self._world, self._nursery, self._child = world, nursery, ""

    @property
    def pid(self) -> int | None:
        return None if not self._child or surely_dead(self._child) else int(self._child.split(":")[1])

    def ensure(self) -> None:
        self._born = time.monotonic()
        if self.pid is None:
            pid, line = self._nursery.bear(World.desk, self._world)
            os.close(line)
            self._child = this_process(pid)

    def stop(self) -> None:
        self._over.set()
        self._watcher.join()
        deadline = time.monotonic() + 10
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGTERM)
        while self.pid is not None and self._world.fault.signal != signal.SIGSTOP and time.monotonic() < deadline:
            time.sleep(0.005)


class ForkRunner(Runner):
    """A Runner whose kernels are forks that call `aura.run` at once."""

    def __init__(self, settings: Settings, ledger: Ledger, world: World, nursery: Nursery) -> None:
        super().__init__(settings, ledger, world.folder)
        self._world, self._nursery = world, nursery

    def warm_up(self) -> Any:
        return None

    def _execute(self, task: Task, context: Context, secret: str, on_cell: Any) -> Execution:
        environment = {**self.settings.child_environment(), **context.environment(secret)}
        _, line = self._nursery.bear(World.kernel, self._world, environment, dict(task.bound.resolved))
        with os.fdopen(line, "rb") as told:
            code = told.read()  # until it ends, however it ends
        return _execution(code[0] if code else -signal.SIGKILL)


def _execution(code: int) -> Execution:
    status = RunStatus.SUCCEEDED if code == 0 else RunStatus.FAILED
    return Execution(
        status=status, error="" if code == 0 else f"kernel ended with {code}", cell=None, seconds=0.0, kernel_pid=None
    )


# ---- what came of it -----------------------------------------------------------------------------------------------
def outcome(world: World) -> dict[str, Any]:
    """Everything that must be the same whatever was killed."""
    with Ledger.open(world.settings) as ledger:
        view = ledger.account("paper")
        verified = ledger.journal.verify()
        slots = [(s.slot, s.status) for s in ledger.control.slots("weekly")]
        good = [r.slot for r in ledger.runs("weekly") if r.status == "succeeded"]
        name = names_of(view.orders.values())
        orders = sorted(
            (name(o.client_id), name(o.basket), o.leg, o.status.value, str(o.filled), str(o.intent.quantity))
            for o in view.orders.values()
        )
        fills = sorted(
            (name(f.execution_id), str(f.quantity), str(f.price), str(f.fee), f.time.isoformat()) for f in view.fills
        )
        told = venue_of(world)
        venue = {k: sorted(map(name, v)) if isinstance(v, list) else v for k, v in told.items()}
        return {
            "verified": verified.problem, "slots": slots, "succeeded": sorted(good), "orders": orders, "fills": fills,
            "cash": str(view.account("m").cash),
            "holdings": {s: str(q) for s, q in sorted(view.account("m").holdings.items())},
            "drift": view.drift, **venue,
        }  # fmt: skip


def names_of(orders: Iterable[Order]) -> Callable[[str], str]:
    """The ids of what was done by hand hang on the moment it was done: they are named by what they are."""
    known: dict[str, str] = {}
    for order in orders:
        if order.basket.startswith("ticket:"):
            known[order.basket] = "ticket"
            known[order.client_id] = f"replaces {known[order.parent]}" if order.parent else f"ticket {order.leg}"

    def name(text: str) -> str:
        for long, short in known.items():
            text = text.replace(long, short)
        return text

    return name


def venue_of(world: World) -> dict[str, Any]:
    with sqlite3.connect(world.folder / "home" / "brokers" / "paper.db") as database:
        state = json.loads(database.execute("SELECT state FROM venue").fetchone()[0])
        fills = sorted(row[0] for row in database.execute("SELECT execution_id FROM fills"))
        known = sorted(row[0] for row in database.execute("SELECT client_id FROM orders"))
    database.close()
    return {"venue orders": known, "venue fills": fills, "venue cash": state["account"]["cash"]}


def finish(pid: int, seconds: float = 90) -> int:
    """Exit code of a child; killed when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 999


def live(world: World) -> list[int]:
    """Build a world and run its command, again and again until it succeeds; the exit codes."""
    world.build()
    standby = fork(world.desk) if world.fault.signal == signal.SIGSTOP else 0
    codes = [finish(fork(world.command))]
    while codes[-1] != 0 and len(codes) < 4:
        codes.append(finish(fork(world.command)))
    fired = world.folder / "fired"
    if standby:
        if fired.exists():
            wake(int(fired.read_text()))
        os.kill(standby, signal.SIGTERM)
        finish(standby, 10)
    return codes


def wake(pid: int) -> None:
    """Let a frozen desk go on for a moment, then end it."""
    try:
        os.kill(pid, signal.SIGCONT)
        time.sleep(2 * LEASE)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def fault_of(seed: int, steps: dict[str, bytes]) -> Fault:
    """The fault of a seed: roles in turn, every fourth desk fault a freeze, the step drawn over all that must come.

    The freezes are in turn with nothing, with the ledger and with the venue's file to itself.
    """
    rng = random.Random(seed)
    role = ROLES[seed % 3]
    if role == "desk" and seed % 4 == 0:
        held = HELD[seed // 12 % 3][0]
        return Fault(role, rng.choice([n for n, was in enumerate(steps[role], 1) if was == held]), signal.SIGSTOP)
    return Fault(role, rng.randint(1, len(steps[role])), signal.SIGKILL, rng.random() < 0.5)


def main(folder: Path, seeds: list[int]) -> None:
    # No lease runs out in the reference, so that no desk starts twice: its steps are those that no world can avoid.
    reference = World(folder / "reference", Fault(), lease=600.0)
    assert live(reference) == [0]
    expected = outcome(reference)
    steps = {role: (reference.folder / f"steps-{role}").read_bytes() for role in ROLES}
    counts = {role: len(all_of) for role, all_of in steps.items()}
    print(json.dumps({"steps": counts, "expected": expected}), flush=True)
    for seed in seeds:
        world = World(folder / f"seed-{seed}", fault_of(seed, steps))
        codes = live(world)
        found = outcome(world)
        differs = {key: [expected[key], found[key]] for key in expected if found[key] != expected[key]}
        fired = (world.folder / "fired").exists()
        held = steps[world.fault.role][world.fault.step - 1 : world.fault.step].decode()
        line = {"seed": seed, "role": world.fault.role, "step": world.fault.step, "signal": int(world.fault.signal)}
        line |= {"held": held, "lives": len(codes)}
        print(json.dumps({**line, "fired": fired, "codes": codes, "differs": differs}), flush=True)
        if not differs:
            shutil.rmtree(world.folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
