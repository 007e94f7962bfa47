"""The desk as a process of its own: `python -m aura_lib.execution.service ACCOUNT`, and how a command keeps one."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from aura_lib.core import Broker, BrokerUnavailable, Clock, LedgerError, Listener, Settings, SimulatedClock, utc
from aura_lib.ledger import Lease, LeaseLost, Ledger, Watch

if TYPE_CHECKING:
    from aura_lib.execution.accounts import Terms
    from aura_lib.execution.desk import Desk
    from aura_lib.execution.feed import Feed
    from aura_lib.execution.shadow.desk import ShadowDesk

log = logging.getLogger(__name__)

LEASE_SECONDS = 5.0
LOOK_SECONDS = 0.1  # after which a desk looks around although nothing was written
PAUSE_SECONDS = 1.0  # before a desk starts again whose ledger could not be written
PATIENCE = 60.0  # seconds a command waits for a desk before it says that there is none
HUNG = 25.0  # seconds without a sign of life after which a desk is replaced


def serve(settings: Settings, account: str, lease_seconds: float, going: Callable[[], bool]) -> None:
    """Be the desk of an account: wait for the lease, work, and start afresh whenever lease or ledger is lost."""
    with Ledger.open(settings) as ledger:
        while going():
            try:
                lease = ledger.control.acquire(account, lease_seconds)
                if lease is None:
                    time.sleep(min(0.1, lease_seconds / 5))
                    continue
                _work(settings, ledger, account, lease, going)
                ledger.control.release(lease)
            except LeaseLost as lost:
                log.warning("desk %s: %s; starting from what is written", account, lost)
            except LedgerError as error:  # a full disk, a server that went away: nothing is sent that was not written
                log.error("desk %s: %s; trying again", account, error)
                time.sleep(PAUSE_SECONDS)


def _work(settings: Settings, ledger: Ledger, account: str, lease: Lease, going: Callable[[], bool]) -> None:
    from aura_lib.access import Vault
    from aura_lib.execution.accounts import account_terms, opened
    from aura_lib.execution.brokers.paper import PaperBroker
    from aura_lib.execution.connect import clock_of, connect, feed_of
    from aura_lib.execution.desk import Desk

    terms = account_terms(ledger, account)
    feed = feed_of(terms, settings)
    clock = clock_of(terms, _moment(ledger, account, feed.bars.start))
    if terms.shadow_of:
        _look_on(settings, ledger, terms, lease, feed, clock, going)
        return
    broker = connect(terms, settings, feed, clock, opened(ledger, account))
    if isinstance(clock, SimulatedClock) and isinstance(broker, PaperBroker):
        clock.advance(max(clock.now(), broker.time()))
    try:
        desk = Desk(ledger, terms, lease, broker, feed, clock, Vault(settings.home).public_key, settings.home)
        desk.start()
        with closing(ledger.watch()) as watch, _listening(desk, broker, watch):
            _rounds(watch, desk, going)
    finally:
        broker.close()


def _look_on(
    settings: Settings,
    ledger: Ledger,
    terms: Terms,
    lease: Lease,
    feed: Feed,
    clock: Clock,
    going: Callable[[], bool],
) -> None:
    """Be the desk of a shadow: it sees a broker and has none."""
    from aura_lib.access import Vault
    from aura_lib.execution.accounts import account_terms
    from aura_lib.execution.shadow.desk import ShadowDesk
    from aura_lib.execution.shadow.onlooker import onlooker

    broker = onlooker(ledger, account_terms(ledger, terms.shadow_of), settings, clock)
    try:
        desk = ShadowDesk(ledger, terms, lease, broker, feed, clock, Vault(settings.home).public_key, settings.home)
        desk.start()
        with closing(ledger.watch()) as watch:
            _rounds(watch, desk, going)
    finally:
        broker.close()


def _rounds(watch: Watch, desk: Desk | ShadowDesk, going: Callable[[], bool]) -> None:
    while going():
        before = watch.stamp()
        if not desk.cycle():
            rest(watch, desk, before)


def rest(watch: Watch, desk: Desk | ShadowDesk, before: int) -> None:
    """Wait until somebody writes to the ledger, or the broker's stream tells of something, but not for long."""
    if not desk.woken.is_set():
        watch.wait(before, LOOK_SECONDS)


@contextmanager
def _listening(desk: Desk, broker: Broker, watch: Watch) -> Iterator[None]:
    """While it lasts, the broker's stream wakes the desk, where there is one."""
    if not isinstance(broker, Listener):
        yield
        return
    stopped = threading.Event()

    def wake() -> None:
        desk.woken.set()
        watch.wake()

    thread = threading.Thread(target=broker.listen, args=(wake, stopped), name="broker-stream", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(5)


def _moment(ledger: Ledger, account: str, first: datetime) -> datetime:
    """Where the simulated clock stands: up to where the desk before us had processed."""
    asked = ledger.control.clock(account)
    return asked[1] if asked and asked[1] else first


def main(argv: list[str] | None = None) -> None:
    """Run until told to stop (SIGTERM, SIGINT), or until the parent is gone."""
    parser = argparse.ArgumentParser(prog="aura desk")
    parser.add_argument("account")
    parser.add_argument("--lease", type=float, default=LEASE_SECONDS)
    parser.add_argument("--child", action="store_true", help="end with the process that started it")
    options = parser.parse_args(argv)
    logging.basicConfig(format="%(asctime)s %(message)s")
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    parent = os.getppid()
    serve(
        Settings.load(),
        options.account,
        options.lease,
        going=lambda: not stopped and (not options.child or os.getppid() == parent),
    )


class DeskProcess:
    """A desk that lives as long as the command that needs it. One that dies or hangs is replaced."""

    def __init__(self, settings: Settings, account: str, lease_seconds: float = LEASE_SECONDS) -> None:
        self._settings, self._account, self._lease = settings, account, lease_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log = settings.home / "logs" / f"desk-{account}.log"
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"watch-desk-{account}", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the desk while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the desk and keep it running until `stop`."""
        self.ensure()
        self._watcher.start()

    def ensure(self) -> None:
        """Start the desk process, unless it lives."""
        if self.pid is not None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        options = [self._account, "--child", "--lease", str(self._lease)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "aura_lib.execution.service", *options],
                env={**os.environ, **self._settings.child_environment()},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._born = time.monotonic()

    def _watch(self) -> None:
        with Ledger.open(self._settings) as ledger:
            while not self._over.wait(0.1):
                age = ledger.control.age(f"desk:{self._account}")
                if self.pid is not None and time.monotonic() - self._born > HUNG and (age is None or age > HUNG):
                    self._kill()
                self.ensure()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()  # SIGKILL ends a stopped process too
            self._process.wait()

    def stop(self) -> None:
        """Let the desk finish its step and end."""
        self._over.set()
        if self._watcher.is_alive():
            self._watcher.join()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._kill()

    def __enter__(self) -> DeskProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def last_words(self) -> str:
        """The end of the desk's log, for an error message."""
        return _tail(self._log)


def _tail(file: Path, lines: int = 3) -> str:
    try:
        return " | ".join(file.read_text(errors="replace").strip().splitlines()[-lines:])
    except OSError:
        return ""


def wait_until(
    done: Callable[[], bool],
    what: str,
    ledger: Ledger,
    account: str,
    desk: DeskProcess | None = None,
    patience: float = PATIENCE,
) -> None:
    """Wait for the desk. No sign of life from any desk for `patience` seconds raises BrokerUnavailable."""
    started, pause = time.monotonic(), 0.002
    while not done():
        age = ledger.control.age(f"desk:{account}")
        silent = min(time.monotonic() - started, age if age is not None else float("inf"))
        if silent > patience:
            words = f" It said last: {desk.last_words()}" if desk else ""
            raise BrokerUnavailable(f"no desk serves account {account}, waited {silent:.0f} s for {what}.{words}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def advance(ledger: Ledger, account: str, to: datetime, desk: DeskProcess | None = None) -> None:
    """Move an account's simulated clock and wait until its desk has processed all that was due."""
    moment = utc(to)
    ledger.control.set_clock(account, moment)

    def done() -> bool:
        clock = ledger.control.clock(account)
        if clock is None:
            raise LedgerError(f"account {account} lost its simulated clock")
        return clock[1] is not None and clock[1] >= moment

    wait_until(done, f"its clock to reach {moment.isoformat()}", ledger, account, desk)


if __name__ == "__main__":
    main()
