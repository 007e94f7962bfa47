"""A preview of a slot that was run decides what the run decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aura_lib.core import Settings
from aura_lib.ledger import Ledger
from tests.journey.conftest import aura

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


def test_a_preview_of_a_past_slot_equals_what_was_proposed_and_decided_there(copied: Path) -> None:
    shown = aura(copied, "preview", "momentum_paper", "--at", "2022-06-30", "--json")
    assert shown.returncode == 0, shown.stderr[-1500:]
    found = json.loads(shown.stdout)
    with Ledger.open(Settings.load({"AURA_HOME": str(copied)})) as ledger:
        verdicts = ledger.account("paper").verdicts
    verdict = verdicts[f"momentum_paper@{found['slot']}"]
    proposed = [(i.symbol, i.side.value, str(i.quantity), i.reason) for i in verdict.basket.intents]
    assert {side for _, side, _, _ in proposed} == {"buy", "sell"}
    assert [(leg["symbol"], leg["side"], leg["quantity"], leg["reason"]) for leg in found["legs"]] == proposed
    assert [leg["approved"] for leg in found["legs"]] == [d.approved for d in verdict.decisions]
    assert found["promoted"] is True
    assert any("was run already" in note for note in found["notes"])


def test_a_preview_after_the_demo_says_what_it_would_do_and_changes_nothing(copied: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(copied)})
    with Ledger.open(settings) as ledger:
        before = ledger.journal.last()
    shown = aura(copied, "preview", "momentum_paper")
    assert shown.returncode == 0, shown.stderr[-1500:]
    assert "Nothing was sent." in shown.stdout and "Promoted" in shown.stdout
    with Ledger.open(settings) as ledger:
        assert ledger.journal.last() == before
