"""A job refuses bars that research only warns of: the run fails with the findings, and nothing is proposed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from aura_lib.core import Calendar, RunFailed, Settings, Side
from aura_lib.data import quality
from aura_lib.execution import Terms, open_account
from aura_lib.jobs.job import Job, load
from aura_lib.jobs.kernels import Zygote
from aura_lib.jobs.preview import preview
from aura_lib.jobs.promotion import promote
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import Ledger
from tests.jobs.test_runner import RULE, RUN, write

pytestmark = pytest.mark.slow
# Eight identical closes from 2015-06-24 on are planted in SYN0001.
SOURCE = "synthetic:bad=stale,symbols=3,years=1"
LOAD = RUN.replace('start="1990-01-02"', f'source="{SOURCE}"')
SLOT = Calendar.of("XNYS").close(date(2015, 6, 30))
JOB = "notebook: idea.ipynb\nmode: paper\nbook: m\nparameters: {top: 3, as_of: '2015-12-31'}\n"


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "my_rule.py").write_text(RULE)
    (tmp_path / "jobs").mkdir()
    write(tmp_path, LOAD)
    return tmp_path


@pytest.fixture
def runner(project: Path, aura_home: Path, warm: Zygote) -> Iterator[Runner]:
    settings = Settings.load()
    with Ledger.open(settings) as ledger, Runner(settings, ledger, project, warm) as opened:
        yield opened


def job(project: Path, said: str = "") -> Job:
    (project / "jobs" / "mine.yaml").write_text(JOB + said)
    return load("mine", project)


def promoted(runner: Runner, project: Path) -> Job:
    mine = job(project)
    open_account(runner.ledger, Terms("paper"))
    runner.research(mine.notebook, mine.parameters)  # research is told, and goes on
    promote(runner.ledger, runner.settings, mine.notebook, mine.parameters, "paper", project)
    return mine


def test_a_paper_run_on_stale_bars_fails_with_the_findings_and_proposes_nothing(runner: Runner, project: Path) -> None:
    mine = promoted(runner, project)
    with pytest.raises(RunFailed, match=r"DataError: the bars of synthetic.*refused by the paper policy.*stale SYN"):
        runner.slot(mine, SLOT)
    (run,) = runner.ledger.runs("mine")
    assert run.status == "failed" and "stale SYN0001" in run.error and "quality: {stale: warn}" in run.error
    assert run.basket == "" and list(runner.ledger.inbox.after("paper", 0)) == []


def test_a_preview_says_the_same(runner: Runner, project: Path) -> None:
    open_account(runner.ledger, Terms("paper"))
    with pytest.raises(RunFailed, match=r"refused by the paper policy.*stale SYN0001"):
        preview(runner, job(project), "2015-06-30")
    found = preview(runner, job(project, "quality: {stale: warn}\n"), "2015-06-30")
    assert len(found.legs) == 3 and {leg.intent.side for leg in found.legs} == {Side.BUY}
    assert quality.Policy.of({"stale": "warn"}, "paper").action("stale") == "warn"


def test_a_slot_long_after_is_not_stopped_by_what_was_then(runner: Runner, project: Path) -> None:
    open_account(runner.ledger, Terms("paper"))
    assert len(preview(runner, job(project), "2015-11-30").legs) == 3


def test_a_live_job_refuses_what_research_and_paper_are_only_told_of(runner: Runner, project: Path) -> None:
    """Apple fell by half on a month's last session: a profit warning, and no split on record explains it."""
    write(project, RUN.replace('start="1990-01-02"', '["AAPL", "IBM", "MSFT"], source="sample:unadjusted"'))
    open_account(runner.ledger, Terms("paper"))
    assert len(preview(runner, job(project), "2000-09-29").legs) == 3
    with pytest.raises(
        RunFailed, match=r"refused by the live policy, 1 finding\(s\): jump AAPL: close moved by -51\.9%"
    ):
        preview(runner, job(project, "quality: live\n"), "2000-09-29")
    assert len(preview(runner, job(project, "quality: {level: live, jump: warn}\n"), "2000-09-29").legs) == 3
