"""The picture of what sweeps cost: it shows what was measured, and that says what the page says."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.growth import DOCS, MEASURED, POINTS, THEMES, figure, stamp

TEXT = MEASURED.read_text("utf-8")
ROWS = pd.DataFrame(json.loads(TEXT)["sweeps"]).assign(work=lambda r: r["combinations"] * r["bars"])


def series(words: str) -> pd.DataFrame:
    return ROWS[ROWS["series"].str.contains(words)].sort_values("work")


def test_the_figure_shows_the_measured_numbers_and_no_others() -> None:
    drawn = [trace for trace in figure(TEXT).data if trace.name != "in proportion"]
    for trace in drawn:
        column = "seconds" if trace.yaxis == "y" else "megabytes"
        own = ROWS[ROWS["series"] == trace.name].sort_values("work")
        assert np.array_equal(trace.x, own["work"]) and np.array_equal(trace.y, own[column])
    assert len(drawn) == 2 * ROWS["series"].nunique() and len(ROWS) == len(POINTS)


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_were_made_from_the_file_as_it_is(theme: str) -> None:
    drawn = (DOCS / "gallery" / f"growth-{theme}.svg").read_text("utf-8")
    assert stamp(TEXT) in drawn, "measured again? python -m tests.benchmarks.growth draw"
    assert "Time and memory of sweeps" in drawn


@pytest.mark.parametrize("words", ["best 1,000 kept", "all kept", "more bars"])
def test_time_grows_in_proportion_to_bars_and_to_combinations(words: str) -> None:
    own = series(words).query("seconds > 0.05")  # below it is mostly the call
    slope = np.polyfit(np.log(own["work"]), np.log(own["seconds"]), 1)[0]
    assert 0.8 < slope < 1.2


def test_memory_grows_with_the_results_that_are_kept_and_not_with_the_grid() -> None:
    best, everything = series("best 1,000 kept"), series("all kept")
    assert best["combinations"].max() / best["combinations"].min() > 900
    assert best["megabytes"].max() < 10
    grown = everything["megabytes"].iloc[-1] / everything["megabytes"].iloc[-2]
    assert grown > 5  # ten times as many rows


def test_the_page_tells_the_measured_figures() -> None:
    page = (DOCS.parent / "README.md").read_text("utf-8")
    told = re.search(r"A thousand times the grid takes (\d+) times the time and (\d+) MB instead of (\d+)", page)
    assert told is not None
    first, last = series("best 1,000 kept").iloc[0], series("best 1,000 kept").iloc[-1]
    measured = last["seconds"] / first["seconds"], last["megabytes"], first["megabytes"]
    assert tuple(map(int, told.groups())) == tuple(round(each) for each in measured)
    assert all(f"docs/gallery/growth-{theme}.svg" in page for theme in THEMES)
