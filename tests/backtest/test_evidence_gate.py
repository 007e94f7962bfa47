"""The gate: no account opens for what was not examined, not judged, judged by other thresholds, or failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aura_lib.backtest.evidence import Policy, objections
from aura_lib.core import Binding, Evidence, Examination, Finding, Mode

BOTH = (Mode.PAPER, Mode.LIVE)
CAUSAL = Finding("causality", 0.0, 0.0, False, True, "Nothing moved.", BOTH)
WARM = Finding("warm_up", 0.4, 1.0, False, True, "101 bars of 252.", BOTH)


def recorded(*findings: Finding, verdict: str = "Not enough for live: pbo.", policy: str = "") -> Evidence:
    examination = Examination(findings, verdict, policy=policy or Policy.shipped().id)
    binding = Binding("c", "p", "s")
    return Evidence("r1", binding, "n.ipynb", {}, {}, "s", {}, datetime(2022, 1, 3, tzinfo=UTC), examination)


def why(evidence: Evidence, to: Mode = Mode.PAPER) -> str:
    return "; ".join(objections(evidence, to, Policy.shipped()))


def test_paper_opens_when_its_required_findings_were_judged_and_passed() -> None:
    assert why(recorded(CAUSAL, WARM)) == ""


def test_without_any_examination_nothing_opens() -> None:
    assert why(replace(recorded(), examination=None)) == "Nothing was examined: only statistics were recorded."


def test_an_examination_that_raised_opens_nothing_and_says_what_it_raised() -> None:
    raised = Examination((), "Not examined: these bars end too early")
    assert why(replace(recorded(), examination=raised)) == "Not examined: these bars end too early"


@pytest.mark.parametrize(("kept", "absent"), [(WARM, "causality"), (CAUSAL, "warm_up")])
def test_a_required_finding_that_is_absent_blocks(kept: Finding, absent: str) -> None:
    assert why(recorded(kept)) == f"{absent}: required, and the evidence does not have it"


def test_a_required_finding_that_was_not_judged_blocks() -> None:
    unknown = replace(CAUSAL, value=None, passed=None, meaning="It could not be checked: too few slots")
    assert why(recorded(unknown, WARM)) == "causality: not judged: It could not be checked: too few slots"


def test_a_required_finding_that_failed_blocks() -> None:
    failed = replace(CAUSAL, value=2.0, passed=False, meaning="2 decisions moved.")
    assert why(recorded(failed, WARM)) == "causality: 2 decisions moved."


def test_a_finding_that_says_of_itself_that_nobody_requires_it_is_required_all_the_same() -> None:
    """What is required is said by the policy, not by the record."""
    failed = replace(CAUSAL, value=2.0, passed=False, required_for=())
    assert "causality" in why(recorded(failed, WARM))


def test_live_needs_every_finding_the_policy_names_for_it() -> None:
    said = why(recorded(CAUSAL, WARM), Mode.LIVE)
    assert said.startswith("Not enough for live: pbo.")
    for name in Policy.shipped().required(Mode.LIVE)[2:]:
        assert f"{name}: required, and the evidence does not have it" in said
    others = [Finding(n, 1.0, 0.0, True, True, "Fine.", (Mode.LIVE,)) for n in Policy.shipped().required(Mode.LIVE)[1:]]
    assert why(recorded(CAUSAL, *others), Mode.LIVE) == ""


def test_what_was_judged_by_other_thresholds_is_judged_again_first() -> None:
    assert "other thresholds than policy.yaml has now" in why(recorded(CAUSAL, WARM, policy="0123"))


def test_a_project_may_spare_the_warm_up_and_never_causality(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "evidence.yaml").write_text(
        "findings:\n  causality: {required_for: []}\n  warm_up: {required_for: [live]}\n"
    )
    policy = Policy.load(root=tmp_path)
    assert objections(recorded(CAUSAL, policy=policy.id), Mode.PAPER, policy) == ()
    assert policy.required(Mode.PAPER) == ("causality",) and "causality" in policy.required(Mode.LIVE)
    assert set(policy.loosened) == {"causality", "warm_up"}


@pytest.mark.parametrize("said", ["causality: {at_most: 9}", "causality: {excused_by: placebo}"])
def test_leaks_that_a_project_allows_or_excuses_block_all_the_same(tmp_path: Path, said: str) -> None:
    file = tmp_path / "evidence.yaml"
    file.write_text(f"findings:\n  {said}\n")
    policy = Policy.load(file)
    leaks = replace(CAUSAL, value=2.0, passed=True, meaning="2 decisions moved. Excused.")
    assert objections(recorded(leaks, WARM, policy=policy.id), Mode.PAPER, policy) == (
        "causality: 2 decisions moved. Excused.",
    )
