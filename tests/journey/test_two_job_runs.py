"""Two `aura job run` of one job at the same time: each slot runs once, and both tell the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aura_lib.core import Settings
from aura_lib.jobs.audit import audit
from aura_lib.ledger import Ledger
from tests.journey.conftest import ROOT, Journey, environment
from tests.journey.test_demo import researched

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
SLOTS = ["2021-12-31T21:00:00.000000Z", "2022-01-31T21:00:00.000000Z"]


def test_two_that_race_run_each_slot_once_and_both_succeed(journey: Journey, tmp_path: Path) -> None:
    home = researched(journey, tmp_path / "home")
    command = [sys.executable, "-m", "aura_lib", "job", "run", "momentum_paper", "--json"]
    span = ["--from", "2021-12-31", "--to", "2022-01-31"]
    both = [
        subprocess.Popen(
            [*command, *span],
            cwd=ROOT,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [racer.communicate(timeout=200) for racer in both]
    assert [racer.returncode for racer in both] == [0, 0], [err[-1000:] for _, err in told]
    one, other = (json.loads(out) for out, _ in told)
    assert one == other and [run["slot"] for run in one] == SLOTS
    with Ledger.open(Settings.load({"AURA_HOME": str(home)})) as ledger:
        succeeded = [run.slot for run in ledger.runs("momentum_paper") if run.status == "succeeded"]
        assert sorted(succeeded) == SLOTS and {run.attempt for run in ledger.runs("momentum_paper")} == {1}
        assert len(ledger.account("paper").verdicts) == 2 and audit(ledger).ok
        orders = {o.client_id for o in ledger.account("paper").orders.values()}
    with Ledger.open(Settings.load({"AURA_HOME": str(journey.home)})) as ledger:
        alone = ledger.account("paper")
        months = {b for b, v in alone.verdicts.items() if v.basket.slot.isoformat()[:7] in ("2021-12", "2022-01")}
        assert orders == {o.client_id for o in alone.orders.values() if o.basket in months}, "as one alone would have"
