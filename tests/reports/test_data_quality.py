"""The map of what the checks found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from aura_lib import reports
from aura_lib.core import Bars
from aura_lib.data import quality, sources, synthesis
from aura_lib.reports import themes
from tests.reports.test_figures import notes, strings


def admitted(symbols: int, bad: str = "high_below_low+zero+stale", years: int = 1) -> quality.Quality:
    options = synthesis.Options.parse(f"symbols={symbols},years={years}" + (f",bad={bad}" if bad else ""))
    frames = synthesis.frames(options, range(symbols), "1d")
    return quality.admit(frames, source=str(options), frequency="1d", calendar="XNYS").report


def maps(figure: go.Figure) -> tuple[Any, Any]:
    checks, symbols = (trace for trace in figure.data if trace.type == "heatmap")
    return checks, symbols


@pytest.fixture(scope="module")
def few() -> quality.Quality:
    return admitted(5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_map_says_its_subject_its_source_its_zone_and_its_counts(few: quality.Quality, theme: Any) -> None:
    figure = reports.quality(few, theme=theme)
    assert figure.layout.title.text == f"Quality of {few.source}, 1d"
    assert figure.layout.title.subtitle.text.startswith(
        "0 errors, 10 warnings, 10 rows set aside in 252 bars of 5 symbols; a cell is 4 days"
    )
    assert notes(figure)["source"] == f"Source: {few.source} · as of 31 Dec 2015, 16:00 New York"
    assert figure.layout.xaxis2.title.text == "time, New York"
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == ("check", "symbol")
    used = {text for text in strings(figure.to_plotly_json()) if text.startswith(("#", "rgb"))}
    assert used <= {*themes.theme(theme).colours, "rgba(0, 0, 0, 0)"}


def test_few_symbols_have_a_row_each_with_their_count(few: quality.Quality) -> None:
    checks, symbols = maps(reports.quality(few))
    assert list(checks.y) == ["gap (10)", "stale (40)", "high below low (5)", "not positive (5)"]
    assert list(symbols.y) == [f"SYN000{n} (12)" for n in (5, 4, 3, 2, 1)], "the first is on top"


def test_a_cell_is_where_and_as_bad_as_what_was_found(few: quality.Quality) -> None:
    _, symbols = maps(reports.quality(few, zone="UTC"))
    edges = pd.DatetimeIndex(symbols.x).tz_localize("UTC")
    row = np.asarray(symbols.z)[-1]  # SYN0001, on top
    expected = np.full(len(edges) - 1, np.nan)
    for finding in (f for f in few.findings if f.symbol == "SYN0001"):
        for moment in finding.times:
            expected[int((edges <= moment).sum()) - 1] = 1
    for moment in few.quarantine.rows.query("symbol == 'SYN0001'")["time"]:
        expected[int((edges <= moment).sum()) - 1] = 3
    np.testing.assert_array_equal(row, expected)
    told = [text for text in np.asarray(symbols.text)[-1] if text]
    assert any(text.startswith("set aside, 2015-") and "not positive 1" in text for text in told)


def test_of_many_symbols_the_worst_are_drawn_and_the_others_counted() -> None:
    report = admitted(80)
    figure = reports.quality(report)
    _, symbols = maps(figure)
    assert len(symbols.y) == 30 and "; 50 more symbols with findings are not drawn" in figure.layout.title.subtitle.text
    assert figure.layout.height < 1100


def test_nothing_found_is_said() -> None:
    figure = reports.quality(admitted(3, bad=""))
    assert notes(figure)["empty"] == "nothing was found" and not figure.data
    empty = quality.check(pd.DataFrame(columns=["A"], index=pd.DatetimeIndex([], tz="UTC"), dtype="float64"))
    assert notes(reports.quality(empty))["empty"] == "nothing yet"


def test_bars_are_checked_first_and_what_concerns_all_has_a_row_of_its_own() -> None:
    source = sources.get("sample")
    bars = source.fetch(("AAPL", "KO"))
    _, symbols = maps(reports.quality(Bars({"close": bars.close.drop(bars.times[500])}, "<b>mine</b>")))
    assert list(symbols.y) == ["KO (5)", "AAPL (1)", "(all symbols) (1)"]
    figure = reports.quality(bars)
    assert len(figure.to_json()) < 60_000
    assert all(trace.hovertemplate for trace in figure.data)
