"""A job runs as the shadow of the account it trades on: its desk is killed again and again, and it sends nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.core import OrderStatus, Settings
from aura_lib.ledger import Ledger
from tests.journey.conftest import ROOT, aura, environment

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]
JOB = """\
notebook: {notebook}
mode: paper
account: ghost
book: momentum
parameters: {{lookback: 126, top: 5}}
"""


def told(home: Path, *words: str) -> Any:
    done = aura(home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def killed_while(ledger: Ledger, command: subprocess.Popen[str], times: int) -> int:
    """Kill the shadow's desk whenever one is at work, a few times; how often it was."""
    seen: set[int] = set()
    while command.poll() is None and len(seen) < times:
        pid = int((ledger.control.holder("ghost") or ":0:").rsplit(":", 2)[1])
        if pid and pid not in seen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                seen.add(pid)
        time.sleep(0.02)
    return len(seen)


def test_a_job_that_shadows_itself_would_have_traded_what_was_traded(copied: Path, tmp_path: Path) -> None:
    job = tmp_path / "ghost.yaml"
    job.write_text(JOB.format(notebook=ROOT / "notebooks" / "strategies" / "momentum.ipynb"))
    opened = told(copied, "account", "open", "ghost", "--shadow-of", "paper")
    assert (opened["shadow_of"], opened["account_class"]) == ("paper", "paper")
    command = [sys.executable, "-m", "aura_lib", "job", "run", str(job), "--from", "2021-12-31", "--to", "2022-02-28"]
    with Ledger.open(Settings.load({"AURA_HOME": str(copied)})) as ledger:
        before = ledger.account("paper").n
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(copied), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as run:
            assert killed_while(ledger, run, times=3), "there was a desk to kill"
            _, said = run.communicate(timeout=300)
        assert run.returncode == 0, said[-2000:]
        view = ledger.account("ghost")
        assert len(view.verdicts) == 3 and {o.status for o in view.orders.values()} == {OrderStatus.WITHHELD}
        assert ledger.account("paper").n == before, "nothing was written to the account it is of"
        assert ledger.journal.verify().ok
    assert not (copied / "brokers" / "ghost.db").exists(), "and no venue ever heard of it"
    found = told(copied, "shadow", "ghost", "--as-of", "2022-03-30")
    assert found["withheld"] == found["would_fill"] == len(view.orders) > 5 and found["refused"] == 0
    assert all(o["price"] == o["live price"] and o["note"] == "" for o in found["orders"])
    signed = [Decimal(o["filled"]) * (1 if o["side"] == "buy" else -1) for o in found["orders"]]
    assert signed == [Decimal(o["live quantity"]) for o in found["orders"]]
    assert {Decimal(d["ahead"]) for d in found["decisions"]} == {0} and Decimal(found["profit"]) != 0
    shown = aura(copied, "shadow", "ghost")
    assert shown.returncode == 0 and "neither is ahead" in shown.stdout
    assert "paper is no shadow" in aura(copied, "shadow", "paper").stderr
