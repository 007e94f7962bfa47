"""A job refuses a history shorter than the warm-up that was measured for exactly its binding."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aura_lib.core import Binding, DataError, Evidence, Settings, decode, encode
from aura_lib.jobs.context import Context
from aura_lib.jobs.run import _market
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import SYSTEM, Ledger
from tests.backtest.causality.world import made_bars

BARS = made_bars(100)
SLOT = BARS.end
TESTED = Binding("cells", "values", "sources")


def context(warmup: int) -> Context:
    return Context("r1", "n.ipynb", TESTED.id, Path("results.json"), "j", SLOT, "paper", "m", warmup=warmup)


def evidence(bars: int, binding: Binding = TESTED) -> Evidence:
    return Evidence("r0", binding, "n.ipynb", {}, {}, "", {}, datetime(2020, 1, 2, tzinfo=UTC), warmup_bars=bars)


def test_a_run_refuses_fewer_bars_than_its_evidence_needs() -> None:
    with pytest.raises(DataError, match=r"have 100 up to .* needs 101 to decide as it was tested: load a longer"):
        _market(BARS, SLOT, "m", context(101))


def test_a_run_takes_as_many_bars_as_its_evidence_needs() -> None:
    assert len(_market(BARS, SLOT, "m", context(100)).bars) == 100
    assert len(_market(BARS, SLOT, "m", context(0)).bars) == 100


def test_the_warm_up_belongs_to_one_binding_and_the_newest_evidence_counts(aura_home: Path, tmp_path: Path) -> None:
    settings = Settings.load()
    with Ledger.open(settings) as ledger:
        for n, bars in enumerate((300, 253)):
            ledger.journal.append(SYSTEM, "evidence", encode(evidence(bars)), key=f"evidence:{n}")
        runner = Runner(settings, ledger, tmp_path)
        assert runner._warm_up_of(TESTED.id) == 253
        assert runner._warm_up_of(Binding("edited", "values", "sources").id) == 0


def test_evidence_from_before_there_was_a_warm_up_can_be_read() -> None:
    old = {name: value for name, value in encode(evidence(7)).items() if name != "warmup_bars"}
    assert decode(Evidence, old).warmup_bars == 0
