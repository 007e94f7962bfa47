"""A demo's home goes into an archive and comes back: it trades nothing twice, and the proof still holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.journey.conftest import Journey, aura
from tests.journey.test_demo import traded

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


def test_a_restored_demo_goes_on_where_it_was_and_differs_in_nothing(journey: Journey, tmp_path: Path) -> None:
    home, file = tmp_path / "restored", tmp_path / "demo.tar.gz"
    made = json.loads(aura(journey.home, "backup", str(file), "--json").stdout)
    assert set(made["heads"]) == {"paper", "system"}
    done = aura(home, "restore", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert traded(home) == traded(journey.home)
    again = aura(home, "job", "run", "momentum_paper", "--from", "2021-12-31", "--to", "2022-11-30", "--json")
    assert [run["attempt"] for run in json.loads(again.stdout)] == [1] * 12, "every slot was done, none ran again"
    assert traded(home) == traded(journey.home)
    parity = json.loads(aura(home, "parity", "momentum_paper", "--json").stdout)
    assert parity["differ"] == 0 and parity["compared"] == journey.answer["parity"]
    assert json.loads(aura(home, "ledger", "verify", "--json").stdout)["ok"] is True
    shutil.rmtree(home)
