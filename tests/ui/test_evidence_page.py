"""The evidence page without a browser: which strategy it shows, and what it says of each kind of evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aura_lib.backtest.evidence import Policy
from aura_lib.core import Binding, Evidence, Examination, Finding, Mode, Settings, encode
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.ui import Evidence as Page

EXAMINED = datetime(2022, 1, 3, 12, tzinfo=UTC)
FINDINGS = (
    Finding("causality", 0.0, 0.0, False, True, "Nothing moved.", (Mode.PAPER, Mode.LIVE)),
    Finding("warm_up", 0.5, 1.0, False, True, "252 bars.", (Mode.PAPER, Mode.LIVE)),
    Finding("deflated_sharpe", 0.41, 0.95, True, False, "Luck <b>alone</b> would do.", (Mode.LIVE,)),
    Finding("other_universe", None, 0.5, True, None, "There is one name only.", ()),
)
EXAMINATION = Examination(FINDINGS, "Not enough for live after 9 trials.", trials=9, policy=Policy.shipped().id)


def evidence(notebook: str, days: int = 0, **changes: object) -> Evidence:
    one = Evidence(
        f"run-{notebook}", Binding("c", "p", "s"), f"notebooks/strategies/{notebook}.ipynb", {"lookback": 126}, {},
        "snap", {"annual_return": 0.123, "max_drawdown": -0.3}, EXAMINED + timedelta(days=days), EXAMINATION, 252,
    )  # fmt: skip
    return replace(one, **changes)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")


def recorded(settings: Settings, *some: Evidence) -> None:
    with Ledger.open(settings) as ledger:
        for one in some:
            ledger.journal.append(SYSTEM, "evidence", encode(one))


def test_without_evidence_it_says_how_to_get_some(settings: Settings) -> None:
    assert "aura backtest NOTEBOOK" in Page(settings).heading().html
    with Ledger.open(settings):
        assert "No evidence yet" in Page(settings).heading().html


def test_the_strategy_examined_last_comes_first_and_another_can_be_chosen(settings: Settings) -> None:
    recorded(settings, evidence("old", 1), evidence("new", 2), evidence("old", 0))
    page = Page(settings)
    heading, verdict = page.heading(), page.verdict()
    assert page.state is not None and page.state.evidence.run == "run-new"
    assert "Not enough for live" in verdict.html and "Paper: may be promoted" in verdict.html
    heading.ask("strategy", "1")
    assert page.state.evidence.run == "run-old"
    heading.ask("strategy", "7")  # from a page that is older than the list
    assert page.state.evidence.run == "run-old"


def test_every_finding_stands_with_its_threshold_its_outcome_and_who_needs_it(settings: Settings) -> None:
    recorded(settings, evidence("one"))
    shown = Page(settings).findings().html
    for text in (
        "Deflated Sharpe ratio",
        "0.41",
        "≥ 0.95",
        "failed",
        "not judged",
        "paper and live",
        "advice",
        "2 of 4",
    ):
        assert text in shown
    assert "<b>alone</b>" not in shown, "what a strategy says is text"


def test_a_leak_refuses_paper_too(settings: Settings) -> None:
    leak = (replace(FINDINGS[0], value=3.0, passed=False), *FINDINGS[1:])
    recorded(settings, evidence("one", examination=replace(EXAMINATION, findings=leak)))
    verdict = Page(settings).verdict().html
    assert "Paper: refused" in verdict and "Live: refused" in verdict


@pytest.mark.parametrize(
    "examination",
    [
        None,
        Examination((), "Not examined: the bars end too early"),
        replace(EXAMINATION, findings=FINDINGS[1:]),
        replace(EXAMINATION, findings=(replace(FINDINGS[0], value=None, passed=None), *FINDINGS[1:])),
    ],
)
def test_what_was_not_judged_opens_no_account(settings: Settings, examination: Examination | None) -> None:
    recorded(settings, evidence("one", examination=examination))
    verdict = Page(settings).verdict().html
    assert "Paper: refused" in verdict and "Live: refused" in verdict


def test_evidence_of_before_there_were_examinations_is_shown_as_what_it_is(settings: Settings) -> None:
    recorded(settings, evidence("one", examination=None, warmup_bars=0))
    page = Page(settings)
    assert "only statistics were recorded" in page.verdict().html
    assert "not examined" in page.numbers().html and "+12.3%" in page.numbers().html
    assert page.out_of_sample().drawn or page.out_of_sample().words


def test_loosened_thresholds_are_told(settings: Settings) -> None:
    recorded(settings, evidence("one", examination=replace(EXAMINATION, loosened=("pbo",))))
    assert "Thresholds loosened" in Page(settings).heading().html


def test_variants_that_could_not_be_replayed_stand_behind_a_fold(settings: Settings) -> None:
    figures = {"robustness": {"neighbourhood": {"left_out": {"window=277": "needs 277 closes", "window=302": "<b>"}}}}
    recorded(settings, evidence("one", examination=replace(EXAMINATION, figures=figures)))
    shown = Page(settings).findings().html
    assert "<summary>2 variants could not be replayed</summary>" in shown
    assert "Neighbours: Sharpe kept: window=277: needs 277 closes" in shown and "<b>" not in shown


def test_a_finding_that_failed_stands_out_and_the_trials_are_those_it_was_corrected_for(settings: Settings) -> None:
    recorded(settings, evidence("one"))
    page = Page(settings)
    assert '<td class="aura-bad">failed</td>' in page.findings().html
    numbers = page.numbers().html
    assert ">9</dd>" in numbers and "0 in the ledger, 0 abandoned" in numbers
