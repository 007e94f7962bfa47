"""Evidence under the runner: recorded with its findings, asked at promotion, shown by the command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aura_lib.backtest.evidence import Policy
from aura_lib.core import Evidence, Examination, Finding, Mode, NotPromoted, Settings, encode
from aura_lib.jobs.promotion import candidate, promote
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import SYSTEM, Ledger
from tests.cli.test_command import aura
from tests.jobs.test_runner import PARAMETERS, RUN, project, runner, write, zygote

__all__ = ["project", "runner", "zygote"]

WITH_GRID = RUN.replace("params=dict(top=top)", 'params=dict(top=top), grid={"top": [2, 3, 4]}')
LEAK = """\
import aura_lib as aura
bars = aura.data.load(start="1990-01-02", as_of=as_of)
mandate = aura.Mandate(bars.symbols)
def decide(market, account, mandate, top):
    later = bars.close.loc[market.as_of:].iloc[:20]
    rise = (later.iloc[-1] / later.iloc[0]).sort_values(ascending=False)
    return aura.TargetWeights(dict.fromkeys(rise.index[:top], 0.9 / top), market.as_of)
aura.run(decide, bars, mandate, params=dict(top=top), schedule=schedule, mode=mode, as_of=as_of, book=book)"""


@pytest.mark.slow
def test_the_runner_records_findings_and_verdict_and_counts_no_trial_for_them(runner: Runner, project: Path) -> None:
    run = runner.research(write(project, WITH_GRID))
    (evidence,) = runner.ledger.evidence()
    assert evidence.examination is not None and len(evidence.findings) == 19
    assert evidence.verdict.startswith("Enough for paper, not for live") and not evidence.passed
    assert evidence.examination.trials == 3, "the cells of the grid"
    assert len(runner.ledger.journal.entries(SYSTEM, kinds=("trial", "sweep"))) == 1, "what the person ran"
    assert "examination" not in run.results
    made = promote(runner.ledger, runner.settings, project / "idea.ipynb", {}, "paper", project)
    assert made.account_class is Mode.PAPER
    with pytest.raises(NotPromoted, match=r"to live: Enough for paper, not for live: .*aura evidence"):
        promote(runner.ledger, runner.settings, project / "idea.ipynb", {}, "live", project)


@pytest.mark.slow
def test_a_notebook_that_reads_the_future_is_not_promoted_to_paper(runner: Runner, project: Path) -> None:
    runner.research(write(project, LEAK, parameters=PARAMETERS))
    (evidence,) = runner.ledger.evidence()
    assert evidence.verdict.startswith("Not enough for paper: causality")
    with pytest.raises(NotPromoted, match="cannot be promoted to paper: causality: "):
        promote(runner.ledger, runner.settings, project / "idea.ipynb", {}, "paper", project)


CAUSAL = Finding("causality", 0.0, 0.0, False, True, "Nothing moved.", (Mode.PAPER, Mode.LIVE))
WARM = Finding("warm_up", 0.4, 1.0, False, True, "101 bars of 252.", (Mode.PAPER, Mode.LIVE))


@pytest.mark.parametrize(
    ("examination", "why"),
    [
        (None, "Nothing was examined"),
        (Examination((), "Not examined: the bars end too early"), "Not examined: the bars end too early"),
        (Examination((WARM,), "Enough for paper."), "causality: required, and the evidence does not have it"),
        (Examination((replace(CAUSAL, passed=None), WARM), "Enough."), "causality: not judged"),
        (Examination((replace(CAUSAL, passed=False), WARM), "Enough."), "causality: Nothing moved"),
        (Examination((CAUSAL, WARM), "Enough for paper."), ""),
    ],
)
def test_paper_is_for_what_was_judged(
    project: Path, aura_home: Path, examination: Examination | None, why: str
) -> None:
    notebook, settings = write(project, RUN), Settings.load()
    now, found = (
        candidate(notebook, {}, project).bound,
        examination and replace(examination, policy=Policy.shipped().id),
    )
    with Ledger.open(settings) as ledger:
        evidence = Evidence(
            "r1",
            now.binding,
            "idea.ipynb",
            now.parameters,
            now.sources,
            "s",
            {},
            datetime(2022, 1, 3, tzinfo=UTC),
            found,
        )
        ledger.journal.append(SYSTEM, "evidence", encode(evidence))
        if not why:
            assert promote(ledger, settings, notebook, {}, "paper", project).account_class is Mode.PAPER
            return
        with pytest.raises(NotPromoted, match=f"cannot be promoted to paper: {why}.*run r1"):
            promote(ledger, settings, notebook, {}, "paper", project)
        assert not ledger.journal.entries(SYSTEM, kinds=("promotion",))


COMPUTED = """\
import aura_lib as aura
bars = aura.data.load(start="1990-01-02", as_of=as_of)
mandate = aura.Mandate(bars.symbols)
rise = bars.close.iloc[20:].set_axis(bars.times[:-20]) / bars.close.iloc[:-20]
def decide(market, account, mandate, top):
    known = rise.loc[: market.as_of].iloc[-1].sort_values(ascending=False)
    return aura.TargetWeights(dict.fromkeys(known.index[:top], 0.9 / top), market.as_of)
aura.run(decide, bars, mandate, params=dict(top=top), schedule=schedule, mode=mode, as_of=as_of, book=book)"""
READ = COMPUTED.replace(
    "bars.close.iloc[20:].set_axis(bars.times[:-20]) / bars.close.iloc[:-20]", "bars.close"
).replace("    known", "    choice = open('idea.ipynb').read(1)\n    known")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "told"), [(COMPUTED, "the cells see another future"), (READ, "cell 2, line 6: choice")]
)
def test_what_an_earlier_cell_computed_of_the_future_or_decide_reads_of_a_file_is_not_promoted(
    runner: Runner, project: Path, cell: str, told: str
) -> None:
    """Asked alone, these decisions do not move: the notebook's cells and source are judged with them."""
    runner.research(write(project, cell))
    with pytest.raises(NotPromoted, match=f"to paper: causality: .*{told}"):
        promote(runner.ledger, runner.settings, project / "idea.ipynb", {}, "paper", project)


@pytest.mark.slow
def test_the_command_shows_the_last_evidence_and_writes_its_page(runner: Runner, project: Path) -> None:
    runner.research(write(project, RUN), {"top": 2})
    page = project / "page.html"
    found = json.loads(aura("evidence", "--json", "--html", str(page)).stdout)
    assert found["notebook"] == "idea.ipynb" and found["passed"] is False
    assert {f["name"] for f in found["examination"]["findings"]} >= {"causality", "deflated_sharpe", "placebo"}
    assert "Evidence: idea" in page.read_text("utf-8")
