"""Evidence: what it gathers, how it judges, and that noise does not pass while a true edge does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_lib import backtest
from aura_lib.backtest import Policy, evidence_of_returns, powered_sharpe
from aura_lib.backtest.evidence.judging import Measure, judged, verdict
from aura_lib.core import Evidence, Examination, InputError, Mandate, Mode, canonical, decode, encode
from tests.backtest.noise_experiment import ROWS, TRIALS, experiment, search
from tests.backtest.small_strategies import WEEKLY, leaking, strongest, trending

BARS = trending(3, sessions=400, strength=0.003)
MANDATE = Mandate(BARS.symbols)
PARAMS = {"lookback": 20, "top": 2}
ASKED: dict[str, Any] = {"schedule": WEEKLY, "params": PARAMS, "warmup": 60, "processes": 1}


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AURA_HOME", str(tmp_path_factory.mktemp("home")))
        return backtest.evidence(strongest, BARS, MANDATE, grid={"lookback": [10, 20, 40], "top": [2, 3]}, **ASKED)


def test_every_finding_of_the_policy_is_there_and_says_what_it_means(examined: Examination) -> None:
    assert [finding.name for finding in examined.findings] == list(Policy.shipped().thresholds)
    assert all(finding.meaning.endswith(".") and len(finding.meaning) > 15 for finding in examined.findings)
    assert all(finding.passed is not None for finding in examined.findings)
    assert examined.trials == 6 and examined.policy == Policy.shipped().id


def test_a_true_edge_passes_everything(examined: Examination) -> None:
    assert examined.passed, examined.verdict
    assert examined.verdict.startswith("Enough for live: all 14 required findings passed, after 6 trials")


def test_it_survives_the_ledger_byte_for_byte(examined: Examination) -> None:
    text = canonical(encode(examined))
    assert len(text) < 60_000
    assert canonical(encode(decode(Examination, json.loads(text)))) == text


def test_its_figures_hold_what_they_draw(examined: Examination) -> None:
    figures = examined.figures
    assert np.shape(figures["neighbourhood"]["sharpes"]) == (2, 3)
    assert figures["neighbourhood"]["chosen"] == [20, 2]
    assert len(figures["cpcv"]["sharpes"]) == 7 and len(figures["walk_forward"]["choices"]) == 6
    assert figures["walk_forward"]["out_of_sample"][-1] > 1 and len(figures["robustness"]["placebo"]["placebos"]) == 500


def test_nothing_is_written_and_the_ledgers_trials_are_taken_into_account() -> None:
    grid = {"top": [2, 3]}
    for lookback in range(5, 17):
        backtest.run(strongest, BARS, MANDATE, schedule=WEEKLY, params={"lookback": lookback}, warmup=60)
    many = backtest.evidence(strongest, BARS, MANDATE, grid=grid, **ASKED)
    assert many.trials == 12
    assert backtest.trials(strongest).count == 12, "the evidence counted itself"
    assert len(many.figures["trials"]["sharpes"]) == 12


def test_without_a_grid_there_is_no_choice_to_judge() -> None:
    found = backtest.evidence(strongest, BARS, MANDATE, **ASKED)
    names = {finding.name for finding in found.findings}
    assert {"causality", "warm_up", "deflated_sharpe", "placebo"} <= names
    assert not names & {"walk_forward", "cpcv", "neighbourhood"}
    assert found.trials == 1 and not found.passed, "a live account needs what was not examined"


def test_a_leak_is_not_even_enough_for_paper() -> None:
    found = backtest.evidence(leaking(BARS), BARS, MANDATE, schedule=WEEKLY, warmup=60, processes=1)
    assert found.verdict.startswith("Not enough for paper: causality")
    assert [f.name for f in found.missing(Mode.PAPER)] == ["causality"]


def test_old_evidence_still_decodes_and_says_that_nothing_was_examined() -> None:
    binding = {"notebook": "n", "parameters": "p", "sources": "s"}
    old = {
        "run": "r", "binding": binding, "notebook": "a.ipynb", "parameters": {}, "sources": {}, "snapshot": "",
        "statistics": {"sharpe": 1.0}, "time": "2026-01-02T00:00:00Z",
    }  # fmt: skip
    found = decode(Evidence, old)
    assert (found.passed, found.findings, found.examination) == (False, (), None)
    assert "only statistics" in found.verdict


# ---- judging -------------------------------------------------------------------------------------------------------
def test_a_bound_itself_passes_nan_is_not_judged_and_infinity_is_a_number() -> None:
    rules = Policy.shipped()
    said = [
        Measure("deflated_sharpe", 0.95, "It is."), Measure("placebo", math.nan, "None."),
        Measure("track_record", math.inf, "Ever."), Measure("superior_predictive_ability", 0.0501, "No."),
    ]  # fmt: skip
    assert {f.name: f.passed for f in judged(said, rules)} == {
        "deflated_sharpe": True, "track_record": True, "superior_predictive_ability": False, "placebo": None,
    }  # fmt: skip


def test_an_excuse_excuses_only_when_it_passed_itself() -> None:
    rules = Policy.shipped()
    for loss, passed in ((0.05, True), (0.5, False)):
        found = judged([Measure("pbo", 0.6, "Often."), Measure("loss_probability", loss, "Lost.")], rules)
        assert found[0].passed is passed and ("Excused" in found[0].meaning) is passed


def test_the_verdict_names_what_fails_and_what_was_loosened() -> None:
    rules = Policy.shipped().changed({"deflated_sharpe": {"at_least": 0.5}}, "evidence.yaml")
    found = judged([Measure("deflated_sharpe", 0.4, "No."), Measure("placebo", math.nan, "None.")], rules)
    said = verdict(found, 3, rules.loosened)
    assert said == (
        "Not enough for live: deflated sharpe 0.40, at least 0.50; not judged: placebo, p (after 3 trials). "
        "Thresholds loosened by the project: deflated_sharpe."
    )


def test_what_paper_requires_and_nobody_could_judge_is_not_enough_for_paper() -> None:
    found = judged([Measure("causality", math.nan, "It could not be checked.")], Policy.shipped())
    assert verdict(found, 1) == "Not enough for paper: not judged: causality (after 1 trial)."


# ---- the policy ----------------------------------------------------------------------------------------------------
def test_a_project_overrides_the_policy_where_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "evidence.yaml").write_text(
        "findings:\n  placebo: {at_most: 0.01}\n  other_universe: {required_for: [live]}\n  delay: {at_least: 0.2}\n"
    )
    monkeypatch.chdir(tmp_path)
    rules = Policy.load()
    assert rules.thresholds["placebo"].bound == 0.01 and rules.thresholds["other_universe"].required_for == (Mode.LIVE,)
    assert rules.loosened == ("delay",), "the other two ask for more"
    assert rules.id != Policy.shipped().id and rules.source == "evidence.yaml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("findings: [", "is no YAML"),
        ("thresholds: {}", "must hold one mapping, `findings:`"),
        ("findings: {deflated_sharp: {at_least: 1}}", "did you mean deflated_sharpe"),
        ("findings: {deflated_sharpe: {least: 1}}", "made of at_least, at_most"),
        ("findings: {deflated_sharpe: 0.9}", "made of at_least, at_most"),
        ("findings: {deflated_sharpe: {at_least: high}}", "must be a number, not 'high'"),
        ("findings: {deflated_sharpe: {at_least: .nan}}", "must be a number"),
        ("findings: {deflated_sharpe: {at_most: 0.9}}", "judged by at_least"),
        ("findings: {deflated_sharpe: {at_least: 0.9, at_most: 1}}", "one of them"),
        ("findings: {deflated_sharpe: {required_for: [research]}}", "out of paper and live"),
        ("findings: {deflated_sharpe: {why: 3}}", "why is a sentence"),
        ("findings: {deflated_sharpe: {excused_by: luck}}", "excused_by names no finding"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "evidence.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=told) as error:
        Policy.load(file)
    assert "evidence.yaml" in str(error.value) and str(tmp_path) not in str(error.value)


def test_a_missing_policy_file_is_an_error_and_an_empty_one_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Policy.load(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").touch()
    assert Policy.load(tmp_path / "empty.yaml").id == Policy.shipped().id


def test_every_shipped_threshold_has_its_reason() -> None:
    assert all(len(line.why) > 60 for line in Policy.shipped().thresholds.values())


# ---- of returns ----------------------------------------------------------------------------------------------------
def test_the_powered_sharpe_is_established_as_often_as_it_says() -> None:
    """A plain simulation of its definition: the estimate against the best of the worthless, by normal theory."""
    random, edge = np.random.default_rng(5), powered_sharpe(ROWS, TRIALS) / 252**0.5
    own = edge + random.normal(size=4000) * math.sqrt((1 + edge**2 / 2) / ROWS)
    others = random.normal(size=(4000, TRIALS - 1)) / math.sqrt(ROWS)
    spread = np.column_stack([own, others]).std(axis=1, ddof=1)
    gamma, normal = 0.5772156649, 0.99
    from statistics import NormalDist

    z = NormalDist().inv_cdf
    expected = (1 - gamma) * z(normal) + gamma * z(1 - 1 / (TRIALS * math.e))
    deflated = (own - spread * expected) / np.sqrt((1 + own**2 / 2) / (ROWS - 1))
    assert (deflated >= z(0.95)).mean() == pytest.approx(0.9, abs=0.03)


def test_a_column_and_its_returns_are_the_same_choice() -> None:
    paths = np.random.default_rng(1).normal(0.0003, 0.01, (400, 5))
    one, other = evidence_of_returns(2, paths), evidence_of_returns(paths[:, 2], paths)
    assert one.findings == other.findings and one.trials == 5


def test_more_trials_than_paths_deflate_more() -> None:
    paths = np.random.default_rng(2).normal(0.0005, 0.01, (900, 10))
    few, many = (evidence_of_returns(0, paths, trials=count) for count in (10, 10_000))
    values = [found.finding("deflated_sharpe") for found in (few, many)]
    assert values[0] and values[1] and values[0].value and values[1].value
    assert values[0].value > values[1].value


@pytest.mark.parametrize(
    ("chosen", "paths", "given", "told"),
    [
        (9, np.zeros((50, 2)), {}, "no column of 2 paths"),
        (0, np.full((50, 2), np.nan), {}, "NaN or infinity"),
        (0, np.zeros(50), {}, "a matrix, bars × trials"),
        (np.zeros(40), np.zeros((50, 2)), {}, "40,\\) returns"),
        (0, np.zeros((50, 3)), {"trials": 2}, "at least the 3 paths"),
        (0, [["a"]], {}, "must be numbers"),
    ],
)
def test_returns_that_do_not_fit_are_refused(chosen: Any, paths: Any, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        evidence_of_returns(chosen, paths, **given)


def test_a_sweep_is_judged_by_its_count_its_neighbours_and_twice_the_costs() -> None:
    grid = {"fast": [5, 10, 20], "slow": [40, 60]}
    sweep = backtest.sweep(backtest.rules.sma_crossover, BARS, grid, count=False)
    found = backtest.evidence_of_sweep(sweep, {"fast": 10, "slow": 40})
    names = {finding.name for finding in found.findings}
    assert {"deflated_sharpe", "walk_forward", "neighbourhood", "cost_doubling"} <= names and found.trials >= 6
    assert set(found.figures["robustness"]["neighbourhood"]["sharpes"]) == {"fast=5", "fast=20", "slow=60"}
    dear = found.finding("cost_doubling")
    own = sweep.returns({"fast": 10, "slow": 40})
    assert dear is not None and dear.value is not None
    assert dear.value < (1 + own).prod() ** (252 / (len(own) - 1)) - 1
    canonical(encode(found))


def test_too_short_or_flat_returns_are_not_judged() -> None:
    for paths in (np.random.default_rng(0).normal(size=(30, 3)) * 0.01, np.zeros((300, 2))):
        found = evidence_of_returns(0, paths)
        deflated = found.finding("deflated_sharpe")
        assert deflated is not None and deflated.passed is None and not found.passed


def test_searches_over_noise_do_not_pass_and_a_true_edge_does() -> None:
    edge = powered_sharpe(ROWS, TRIALS)
    noise = [search(seed, alike=alike) for seed in range(10_000, 10_003) for alike in (0.0, 0.5)]
    true = [search(seed, edge=edge) for seed in range(10_000, 10_005)]
    assert not any(one["passed"] for one in noise)
    assert sum(one["passed"] for one in true) >= 3


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_of_a_thousand_searches_over_noise_one_in_twenty_passes_at_most_and_of_true_edges_four_in_five_do() -> None:
    made = experiment(1000, 200, first=10_000)
    assert np.mean([one["passed"] for one in made["noise"]]) <= 0.05
    assert np.mean([one["passed"] for one in made["planted"]]) >= 0.80


def test_a_compiled_rule_is_examined_like_a_strategy_and_its_sweep_counts() -> None:
    grid = {"fast": [5, 10], "slow": list(range(20, 80, 5))}
    sweep = backtest.sweep(backtest.rules.sma_crossover, BARS, grid, count=False)
    chosen = {"fast": 5, "slow": 40}
    found = backtest.evidence(
        backtest.rules.sma_crossover, BARS, MANDATE, schedule=WEEKLY, params=chosen, warmup=80, sweep=sweep, processes=1
    )
    assert found.trials == sweep.count == 24
    leaks = found.finding("causality")
    assert leaks is not None and leaks.passed, leaks
