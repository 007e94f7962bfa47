"""A job on an account with a wall clock: real desk, real kernels, and a clock that is moved as the months go by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aura_lib.core import Settings
from aura_lib.jobs.audit import audit
from aura_lib.ledger import Ledger
from tests.journey.conftest import aura, environment

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

DRIVER = """
import logging, sys
from datetime import datetime
from aura_lib.core import Settings
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import Scheduler
from aura_lib.ledger import Ledger

class Hands:
    time = datetime.fromisoformat(sys.argv[1])
    def now(self): return self.time

logging.basicConfig(level=logging.INFO)
settings, clock = Settings.load(), Hands()
with Ledger.open(settings) as ledger:
    scheduler = Scheduler(Runner(settings, ledger), ["monthly"], clock=clock)
    for moment in sys.argv[2:]:
        clock.time = datetime.fromisoformat(moment)
        scheduler.tick()
"""
FIRST, SECOND = "2022-03-31T20:00:00.000000Z", "2022-05-31T20:00:00.000000Z"  # 16:00 in New York, in summer
SLEPT_OVER = "2022-04-29T20:00:00.000000Z"


def test_slots_fire_as_they_come_one_is_slept_over_and_parity_holds(copied: Path, project_copy: Path) -> None:
    job = (project_copy / "jobs" / "momentum_paper.yaml").read_text(encoding="utf-8")
    job = job.replace("account: paper", "account: by-the-clock")
    (project_copy / "jobs" / "monthly.yaml").write_text(job, encoding="utf-8")
    opened = aura(copied, "account", "open", "by-the-clock", "--clock", "wall", root=project_copy)
    assert opened.returncode == 0, opened.stderr
    moments = (
        "2022-03-31T12:00+00:00", "2022-03-31T20:05+00:00", "2022-04-05T22:00+00:00",
        "2022-05-03T08:00+00:00", "2022-05-31T20:10+00:00", "2022-06-02T22:00+00:00",
    )  # fmt: skip
    command = [sys.executable, "-c", DRIVER, *moments]
    done = subprocess.run(
        command, cwd=project_copy, env=environment(copied), capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(aura(copied, "runs", "list", "--job", "monthly", "--json", root=project_copy).stdout)
    last = {row["slot"]: row["status"] for row in rows}
    assert last == {FIRST: "succeeded", SLEPT_OVER: "missed", SECOND: "succeeded"}, done.stderr[-2000:]
    parity = json.loads(aura(copied, "parity", "monthly", "--json", root=project_copy).stdout)
    assert parity["differ"] == 0 and parity["compared"]["slot"] == 2 and parity["compared"]["fill"] > 5
    with Ledger.open(Settings.load({"AURA_HOME": str(copied)})) as ledger:
        assert audit(ledger).ok
        before = ledger.journal.last()
    again = subprocess.run(
        command, cwd=project_copy, env=environment(copied), capture_output=True, timeout=200, check=False
    )
    assert again.returncode == 0
    with Ledger.open(Settings.load({"AURA_HOME": str(copied)})) as ledger:
        assert ledger.journal.last() == before, "the same months again do nothing"
