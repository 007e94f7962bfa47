"""Figures of the causality and the warm-up check."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aura_lib import reports
from aura_lib.backtest.causality import Causality, Finding
from aura_lib.backtest.warmup import Warmup
from aura_lib.reports import About

ABOUT = About(subject="momentum <b>", source="sample")
TIMES = pd.date_range("2020-01-03 21:00", periods=3, freq="W-FRI", tz="UTC")


def found(moved: float) -> Causality:
    moves = pd.DataFrame(np.triu(np.zeros((3, 3))), TIMES, TIMES).where(np.triu(np.ones((3, 3))) > 0)
    moves.iloc[1, 1] = moved
    findings = (Finding("look-ahead", "2020-01-10", "moves"),) if moved else ()
    return Causality(findings, {"changed": 1_200}, moves)


def test_a_moved_decision_is_marked_and_the_squares_before_it_are_empty() -> None:
    figure = reports.causality(found(0.4), about=ABOUT)
    (map_,) = figure.data
    assert map_.z[1][1] == 1 and map_.z[0][0] == 0 and np.isnan(map_.z[1][0]) and map_.text[1][1] == "0.4"
    assert "1,200 comparisons: 1 finding" in figure.layout.meta["subtitle"]


def test_a_clean_check_says_so_and_an_empty_one_too() -> None:
    assert "nothing moved" in reports.causality(found(0.0), about=ABOUT).layout.meta["subtitle"]
    empty = Causality((), {}, pd.DataFrame(index=TIMES[:0], columns=TIMES[:0]))
    assert any(note.name == "empty" for note in reports.causality(empty, about=ABOUT).layout.annotations)


def test_the_warm_up_curve_marks_where_decisions_are_equal() -> None:
    curve = pd.DataFrame({"bars": [1, 2, 4], "equal": [0.0, 0.5, 1.0], "difference": [np.nan, 0.3, 0.0]})
    figure = reports.warmup(Warmup(4, True, False, (TIMES[-1].to_pydatetime(),), curve), about=ABOUT)
    assert list(figure.data[0].x) == [2, 4] and figure.data[0].y[1] > 0
    assert figure.layout.shapes[0].x0 == 4 and "4 bars decide" in figure.layout.meta["subtitle"]
