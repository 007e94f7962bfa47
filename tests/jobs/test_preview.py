"""A preview decides like a run and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.core import DataError, InputError, RunFailed, Settings, iso
from aura_lib.execution import Terms, open_account
from aura_lib.jobs.job import Job, load
from aura_lib.jobs.kernels import Zygote
from aura_lib.jobs.preview import Previewed, preview, rows
from aura_lib.jobs.promotion import promote
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.risk import Limits
from tests.jobs.test_runner import RULE, RUN, write

JOB = "notebook: idea.ipynb\nmode: paper\nbook: m\ncapital: 500_000\nparameters: {top: 3}\n"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "my_rule.py").write_text(RULE)
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "mine.yaml").write_text(JOB)
    write(tmp_path, RUN)
    return tmp_path


@pytest.fixture
def job(project: Path) -> Job:
    return load("mine", project)


@pytest.fixture
def runner(project: Path, aura_home: Path, warm: Zygote) -> Iterator[Runner]:
    settings = Settings.load()
    with Ledger.open(settings) as ledger, Runner(settings, ledger, project, warm) as opened:
        yield opened


def written(runner: Runner) -> dict[str, Any]:
    ledger = runner.ledger
    return {
        "entries": ledger.journal.last(), "runs": ledger.runs(), "slots": ledger.control.slots("mine"),
        "baskets": ledger.inbox.after("paper", 0), "requests": ledger.inbox.asked("paper", 0),
        "trials": ledger.journal.entries(SYSTEM, kinds=("trial",)), "clock": ledger.control.clock("paper"),
    }  # fmt: skip


def test_a_preview_shows_the_plan_for_the_latest_slot_the_data_reaches_and_writes_nothing(
    runner: Runner, job: Job
) -> None:
    before = written(runner)
    found = preview(runner, job)
    assert written(runner) == before
    assert not (runner.settings.home / "vault").exists(), "no key is made for a question"
    assert iso(found.slot) == "2022-11-30T21:00:00.000000Z", "the sample ends on 2022-12-28"
    assert [leg.intent.symbol for leg in found.legs] == ["AAPL", "AMD", "BAC"]
    assert len(found.approved) == 3
    assert found.equity == found.book.cash == 500_000
    for leg in found.legs:  # 0.9 / 3 of equity, two percent of it kept in cash, rounded down to a whole share
        assert leg.price is not None and leg.value is not None and leg.after is not None
        assert leg.intent.quantity == Decimal("0.3") * 500_000 * Decimal("0.98") // leg.price
        assert leg.before == 0 and leg.after == leg.value / 500_000
    traded = float(sum(leg.value for leg in found.legs if leg.value is not None))
    assert float(found.cost) == pytest.approx(traded * (5e-4 + 1.0005e-4), abs=0.02), "5 bp slippage, 1 bp commission"
    assert found.turnover == pytest.approx(traded / 500_000 / 2)
    assert found.notes == ("book m is not open yet: its opening capital is taken, all in cash",)


def test_a_preview_needs_no_promotion_and_says_why_there_is_none(runner: Runner, job: Job, project: Path) -> None:
    assert "no evidence was recorded" in preview(runner, job).not_promoted
    runner.research(job.notebook, job.parameters)
    assert "never promoted" in preview(runner, job).not_promoted
    promote(runner.ledger, runner.settings, job.notebook, job.parameters, "paper", project)
    assert preview(runner, job).not_promoted == ""
    (project / "my_rule.py").write_text(RULE.replace("0.9", "0.8"))
    assert "my_rule.py" in preview(runner, job).not_promoted


def test_the_limits_of_the_account_are_the_ones_that_judge(runner: Runner, job: Job) -> None:
    open_account(runner.ledger, Terms("paper", limits=Limits(max_position_weight=0.2, restricted=("AMD",))))
    found = preview(runner, job, "2021-12-31")
    assert [leg.decision.rule for leg in found.legs] == ["max_position_weight", "restricted", "max_position_weight"]
    assert found.approved == () and found.cost == 0 and found.turnover == 0
    (first, *_) = rows(found)
    assert first["approved"] is False and "against 0.2" in str(first["verdict"])


def test_what_stands_in_the_way_of_a_run_is_noted(runner: Runner, job: Job) -> None:
    open_account(runner.ledger, Terms("paper"))
    runner.ledger.control.switch("paper", True, "storm", "me")
    runner.ledger.control.set_clock("paper", preview(runner, job).slot)
    assert not any("has passed" in note for note in preview(runner, job).notes)
    found: Previewed = preview(runner, job, "2022-01-31")
    assert any("paper halted: storm" in note for note in found.notes)
    assert any("has passed: the clock of account paper is at 2022-11-30" in note for note in found.notes)


@pytest.mark.parametrize(
    ("at", "error", "message"),
    [
        ("2022-11-29", InputError, "no slot of 'XNYS month-end close'"),
        ("2022-11-27", InputError, "no XNYS session"),
        ("2022-12-30", DataError, "none for the slot 2022-12-30"),
        ("1989-12-29", DataError, "none for the slot 1989-12-29"),
    ],
)
def test_a_slot_that_cannot_be_previewed_is_refused_with_the_reason(
    runner: Runner, job: Job, at: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        preview(runner, job, at)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((RUN.replace("mode=mode", 'mode="research"'),), r"write mode=mode"),
        ((RUN, "1 / 0"), r"cell 3: ZeroDivisionError"),
        (("print(1)",), r"without calling aura\.run"),
        ((RUN.replace("book=book", 'book="other"'),), r"this run is for m at .*, not for other"),
    ],
)
def test_a_notebook_that_cannot_run_cannot_be_previewed(
    runner: Runner, job: Job, project: Path, cells: tuple[str, ...], message: str
) -> None:
    write(project, *cells)
    before = written(runner)
    with pytest.raises(RunFailed, match=message):
        preview(runner, job)
    assert written(runner) == before
