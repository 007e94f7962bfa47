"""The evidence page: what it draws is what was found, in both themes, offline, with and without data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aura_lib import reports
from aura_lib.core import Examination, Finding, InputError, Mode
from aura_lib.reports.figures import evidence, evidence_panel, noise_experiment
from aura_lib.reports.figures.evidence import PANELS, drawable

LIVE = (Mode.LIVE,)
FINDINGS = (
    Finding("causality", 0.0, 0.0, False, True, "280 comparisons, nothing moved.", (Mode.PAPER, Mode.LIVE)),
    Finding("deflated_sharpe", 0.41, 0.95, True, False, "Sharpe <0.9> against 0.8.", LIVE),
    Finding("pbo", 0.6, 0.2, False, True, "Often. Excused: probability of loss is 0.", LIVE),
    Finding("delay", None, 0.5, True, None, "It could not be measured.", LIVE),
    Finding("other_universe", 1e9, 0.5, True, True, "Always.", ()),
)
CHOICES = [
    {"from": f"202{n}-01-04", "to": f"202{n}-12-31", "params": {"top": 3}, "in_sample": 1.0, "out_of_sample": None}
    for n in range(2)
]
FIGURES = {
    "walk_forward": {
        "times": ["2020-01-03", "2020-01-06", "2020-01-07"], "out_of_sample": [1.0, 1.1, 1.2],
        "as_it_is": [1.0, 1.2, 1.3], "choices": CHOICES, "sharpe": 0.8, "in_sample": 1.1,
    },
    "cpcv": {"sharpes": [0.5, -0.1, None, 0.9], "in_sample": 1.1},
    "trials": {"sharpes": [0.1, 0.5, 0.9], "count": 3, "independent": 2.5, "expected_best": 0.8, "chosen": 0.9},
    "neighbourhood": {
        "names": ["lookback", "top"], "x": [63, 126], "y": [3, 5], "sharpes": [[0.5, 0.6], [None, 0.9]],
        "chosen": [126, 5],
    },
    "robustness": {
        "delay": {"sharpes": {"a bar later": 0.8}, "own": 0.9, "note": ""},
        "placebo": {"placebos": [0.1, 0.5, 0.7], "own": 0.9, "note": ""},
    },
}  # fmt: skip
FOUND = Examination(FINDINGS, "Enough for paper, not for live: deflated sharpe 0.41.", 3, "abc", (), FIGURES, 1.0)
EMPTY = Examination((), "Not examined: too few decisions.")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_draws_every_finding_and_every_picture(theme: str) -> None:
    figure = evidence(FOUND, subject="momentum", theme=theme)  # type: ignore[arg-type]
    assert figure.layout.title.text == "Evidence of momentum"
    assert "not for live" in figure.layout.title.subtitle.text
    _, dots = figure.data[:2]
    assert len(dots.y) == len(FINDINGS) and [label[-1] for label in dots.y] == ["✓", "–", "✓", "✗", "✓"]
    places = dict(zip([label.split("  ")[0] for label in dots.y], dots.x, strict=True))
    assert places["Deflated Sharpe ratio"] < 0.5 < places["Causality: leaks"]
    assert places["Probability of overfitting"] < 0.5, "an excuse does not move a value"
    assert places["Other universes: Sharpe kept"] == 1.0 and places["A bar later: Sharpe kept"] == 0.5
    assert not any(note.text == "not judged" for note in figure.layout.annotations)


def test_an_excused_finding_is_told_from_a_passed_one() -> None:
    figure = evidence_panel(FOUND, "findings")
    words = [note.text for note in figure.layout.annotations]
    assert "live, excused" in words and "∞" in words and "≥ 0.95" in words


@pytest.mark.parametrize("name", list(PANELS))
def test_each_picture_stands_alone_and_says_when_there_is_nothing(name: str) -> None:
    assert evidence_panel(FOUND, name).data
    empty = evidence_panel(EMPTY, name)
    assert any(note.text == "not judged" for note in empty.layout.annotations)
    assert name in drawable(FOUND) and not drawable(EMPTY)


def test_an_unknown_picture_is_refused() -> None:
    with pytest.raises(InputError, match="no panel 'heat'"):
        evidence_panel(FOUND, "heat")


def test_the_heat_map_frames_what_was_chosen() -> None:
    figure = evidence_panel(FOUND, "neighbourhood")
    heat, (frame,) = figure.data[0], figure.layout.shapes
    assert list(heat.x) == ["63", "126"] and list(heat.y) == ["3", "5"]
    assert (frame.x0 + frame.x1) / 2 == pytest.approx(1) and (frame.y0 + frame.y1) / 2 == pytest.approx(1)


def test_the_offline_page_holds_the_verdict_and_every_finding_and_loads_nothing(tmp_path: Path) -> None:
    moment = datetime(2021, 11, 30, 21, tzinfo=UTC)
    file = reports.evidence_page(
        FOUND, tmp_path / "e.html", title="momentum", statistics={"sharpe": 0.9, "total_return": 1.0}, as_of=moment
    )
    page = file.read_text("utf-8")
    assert "Enough for paper, not for live" in page and "Evidence: momentum" in page
    assert "Sharpe &lt;0.9&gt; against" in page, "texts are escaped"
    head = page.split("<script", 1)[0]
    assert "http" not in head.replace("http-equiv", "")
    with pytest.raises(InputError, match="needs an examination and its moment"):
        reports.evidence_page(FOUND, tmp_path / "f.html")


def test_the_table_has_a_row_a_finding() -> None:
    table = reports.evidence_table(FOUND)
    assert list(table["outcome"]) == ["passed", "failed", "passed", "not judged", "passed"]
    assert list(table["required for"]) == ["paper and live", "live", "live", "live", "advice"]
    assert reports.evidence_table(EMPTY).empty


def test_the_noise_experiment_counts_who_passes() -> None:
    one = {"sharpe": 1.0, "deflated": 0.4, "passed": False}
    figure = noise_experiment({"noise": [one] * 3, "planted": [{**one, "passed": True, "deflated": 0.99}]})
    assert figure.layout.title.subtitle.text == "noise: 0.0% of 3 searches pass · planted: 100.0% of 1 searches pass"
    assert sum(len(trace.x) for trace in figure.data) == 4
    with pytest.raises(InputError, match="must map noise and planted"):
        noise_experiment({"noise": [one]})
