"""The desk as a process: one that dies or hangs is replaced, and it ends with the command that needed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aura_lib.core import BrokerUnavailable, Settings
from aura_lib.execution import service
from aura_lib.execution.service import DeskProcess, advance
from aura_lib.ledger import Ledger
from tests.journey.conftest import ROOT, environment

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


def wait(done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture
def settings(copied: Path) -> Settings:
    return Settings.load({"AURA_HOME": str(copied)})


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.open(settings) as opened:
        yield opened


def alive(ledger: Ledger) -> bool:
    age = ledger.control.age("desk:paper")
    return age is not None and age < 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_desk_that_dies_or_hangs_is_replaced(
    settings: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(service, "HUNG", 8.0)
    with DeskProcess(settings, "paper", lease_seconds=1.0) as desk:
        wait(lambda: alive(ledger))
        first = desk.pid
        assert first is not None
        os.kill(first, number)
        wait(lambda: desk.pid not in (None, first) and alive(ledger))
        clock = ledger.control.clock("paper")
        assert clock is not None
        advance(ledger, "paper", clock[0], desk)
    assert desk.pid is None
    assert ledger.journal.verify().ok


def test_a_desk_ends_with_the_command_that_needed_it(copied: Path, ledger: Ledger) -> None:
    starter = (
        "import time; from aura_lib.core import Settings; from aura_lib.execution import DeskProcess\n"
        "desk = DeskProcess(Settings.load(), 'paper'); desk.start(); print(desk.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, cwd=ROOT, env=environment(copied), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait(lambda: alive(ledger))
        parent.kill()
    wait(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def test_without_any_desk_the_caller_is_told(settings: Settings, ledger: Ledger) -> None:
    with pytest.raises(BrokerUnavailable, match="no desk serves account nobody"):
        service.wait_until(lambda: False, "a sign of life", ledger, "nobody", patience=0.2)
