"""The figures of a search: what they show, what they mark, and what they say where there is nothing."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from aura_lib.backtest import expected_maximum_sharpe
from aura_lib.core import InputError
from aura_lib.reports import About, figures, picture, themes
from aura_lib.reports.figures import sweep

ABOUT = About(
    subject="sma <b>crossover</b>", source="sample, snapshot 3f9a", as_of=datetime(2022, 7, 25, 20, tzinfo=UTC)
)
PARAMETERS = ["fast", "slow", "kind"]
EVERY = pytest.mark.parametrize("name", sweep.__all__)


def table(parts: tuple[str, ...] = ("train", "test")) -> pd.DataFrame:
    """Combinations whose Sharpe ratio is best at (20, 60, ema) in train and at (40, 100, sma) in test."""
    rows = []
    for fast, slow, kind in itertools.product((10, 20, 30, 40), (40, 60, 80, 100), ("ema", "sma")):
        if fast >= slow:
            continue
        for fold, part in itertools.product(range(2), parts):
            top = (40, 100, "sma") if part == "test" else (20, 60, "ema")
            away = abs(fast - top[0]) / 10 + abs(slow - top[1]) / 20 + (kind != top[2])
            rows.append({"fast": fast, "slow": slow, "kind": kind, "fold": fold, "part": part,
                         "sharpe": 2 - away / 2 + (0.1 if fold else -0.1), "max_drawdown": -0.1 * away - 0.05,
                         "volatility": 0.1 + 0.01 * away})  # fmt: skip
    return pd.DataFrame(rows)


def measured() -> pd.DataFrame:
    rows = [(c, b, c * b * 1e-9, 5.0 + b / 1e4) for c in (100, 10_000, 1_000_000) for b in (1000, 5000)]
    return pd.DataFrame(rows, columns=["combinations", "bars", "seconds", "megabytes"])


def draw(name: str, given: pd.DataFrame | None = None, **options: Any) -> go.Figure:
    function: Callable[..., go.Figure] = getattr(sweep, name)
    wanted = inspect.signature(function).parameters
    if name == "growth":
        return function(measured() if given is None else given, about=ABOUT, **options)
    if "x" in wanted:
        options = {"x": "fast", "y": "slow", **options}
    if "parameter" in wanted:
        options = {"parameter": "fast", **options}
    return function(table() if given is None else given, parameters=PARAMETERS, about=ABOUT, **options)


def notes(figure: go.Figure) -> dict[str, str]:
    return {note.name: note.text for note in figure.layout.annotations}


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for one in part.values():
            yield from strings(one)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from strings(one)


# ── every figure ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_figures_are_where_the_others_are() -> None:
    assert figures.sweep is sweep and len(sweep.__all__) == 6


@EVERY
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_says_what_it_is_about_in_the_colours_of_its_theme(name: str, theme: str) -> None:
    figure = draw(name, theme=theme)
    assert type(figure) is go.Figure and figure.data
    assert "sma &lt;b>crossover&lt;/b>" in figure.layout.title.text and figure.layout.title.subtitle.text
    assert notes(figure)["source"] == "Source: sample, snapshot 3f9a · as of 25 Jul 2022, 16:00 New York"
    for key in figure.layout:
        if key.startswith(("xaxis", "yaxis")):
            axis = figure.layout[key]
            assert axis.title.text or axis.matches or axis.visible is False, key
    used = {text for text in strings(figure.to_plotly_json()) if text.startswith(("#", "rgb"))}
    assert used <= {*themes.theme(theme).colours, "rgba(0, 0, 0, 0)"}
    assert figure.to_json() == draw(name, theme=theme).to_json()


@EVERY
@pytest.mark.parametrize("nothing", ["no rows", "no columns", "no numbers"])
def test_a_figure_of_nothing_says_so_and_keeps_its_title(name: str, nothing: str) -> None:
    whole = measured() if name == "growth" else table()
    numbers = [c for c in whole.columns if c not in (*PARAMETERS, "fold", "part")]
    empty = {
        "no rows": whole.iloc[:0],
        "no columns": pd.DataFrame(),
        "no numbers": whole.assign(**dict.fromkeys(numbers, math.nan)),
    }
    figure = draw(name, empty[nothing])
    assert notes(figure)["empty"].startswith("nothing yet") and figure.layout.title.text and not figure.data


@EVERY
def test_a_single_combination_is_drawn(name: str) -> None:
    one = measured().iloc[:1] if name == "growth" else table(("train",)).iloc[:1]
    assert draw(name, one).data


@EVERY
def test_a_column_that_is_missing_is_named(name: str) -> None:
    whole = measured().drop(columns="seconds") if name == "growth" else table().drop(columns="sharpe")
    with pytest.raises(InputError, match="seconds" if name == "growth" else "sharpe"):
        draw(name, whole)


def test_a_table_needs_the_names_of_its_parameters() -> None:
    with pytest.raises(InputError, match="parameters="):
        sweep.heat_map(table(), "fast", "slow")


# ── heat map ────────────────────────────────────────────────────────────────────────────────────────────────────────


def cells(trace: go.Heatmap) -> dict[tuple[str, str], float]:
    return {(x, y): trace.z[j][i] for j, y in enumerate(trace.y) for i, x in enumerate(trace.x)}


def test_each_cell_is_the_best_in_train_and_test_is_the_same_combination() -> None:
    train, test = map(cells, draw("heat_map").data)
    assert train["20", "60"] == pytest.approx(2.0) and test["20", "60"] == pytest.approx(2 - (2 + 2 + 1) / 2)
    assert test["40", "100"] == pytest.approx(1.5)  # of ema, the better one in train; sma would be 2 in test
    assert math.isnan(train["40", "40"]) and len(train) == 16


def test_what_is_not_on_an_axis_is_said_and_can_be_fixed() -> None:
    text = draw("heat_map").layout.title.subtitle.text
    assert text.startswith("kind at the best in each cell; ringed: fast 20, slow 60, kind ema; its 8 neighbours")
    fixed = draw("heat_map", fixed={"kind": "sma"})
    assert fixed.layout.title.subtitle.text.startswith("kind sma fixed")
    assert cells(fixed.data[0])["20", "60"] == pytest.approx(1.5)


def test_the_chosen_cell_is_ringed_with_its_neighbourhood_in_both_parts() -> None:
    figure = draw("heat_map", chosen={"fast": 30, "slow": 80, "kind": "sma"})
    shapes = [(s.xref, s.x0, s.x1, s.y0, s.y1) for s in figure.layout.shapes]
    assert shapes == [("x", 1.5, 2.5, 1.5, 2.5), ("x", 0.5, 3.5, 0.5, 3.5),
                      ("x2", 1.5, 2.5, 1.5, 2.5), ("x2", 0.5, 3.5, 0.5, 3.5)]  # fmt: skip


def test_both_parts_share_one_scale_centred_on_zero() -> None:
    axis = draw("heat_map").layout.coloraxis
    assert axis.cmin == -axis.cmax == pytest.approx(-2.0)
    assert all(trace.coloraxis == "coloraxis" for trace in draw("heat_map").data)
    assert draw("heat_map", metric="volatility").layout.coloraxis.cmin == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"x": "fast", "y": "fast"}, "two parameters"),
        ({"x": "speed"}, "x='speed'"),
        ({"fixed": {"speed": 1}}, "fixed="),
        ({"fixed": {"fast": 10}}, "cannot be on an axis and fixed"),
        ({"chosen": {"fast": 10}}, "must name fast, slow, kind"),
        ({"chosen": {"fast": 11, "slow": 60, "kind": "sma"}}, "is none of the 30 combinations"),
    ],
)
def test_a_heat_map_of_what_is_not_there_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        draw("heat_map", **options)


def test_more_values_than_a_screen_has_room_for_are_thinned_and_the_best_stays() -> None:
    rows = pd.DataFrame(itertools.product(range(500), range(3)), columns=["a", "b"])
    best = rows.assign(sharpe=np.where((rows["a"] == 333) & (rows["b"] == 1), 5.0, 0.1))
    (drawn,) = sweep.heat_map(best, "a", "b", parameters=["a", "b"]).data
    assert len(drawn.x) <= 121 and "333" in drawn.x and np.nanmax(drawn.z) == 5.0


# ── the others ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_profile_holds_the_others_and_marks_the_chosen_value_and_its_neighbours() -> None:
    figure = draw("profile")
    train, test = figure.data
    assert list(train.x) == [10, 20, 30, 40] and list(train.y) == pytest.approx([1.5, 2.0, 1.5, 1.0])
    assert list(test.y) == pytest.approx([2 - (d + 2 + 1) / 2 for d in (3, 2, 1, 0)])
    assert [(s.type, s.x0, s.x1) for s in figure.layout.shapes] == [("rect", 10, 30), ("line", 20, 20)]
    assert "slow 60, kind ema as chosen" in figure.layout.title.subtitle.text


def test_a_profile_of_words_has_no_line_of_numbers() -> None:
    figure = draw("profile", parameter="kind")
    assert figure.layout.xaxis.type == "category" and list(figure.data[0].x) == ["ema", "sma"]


def test_where_nothing_was_tried_beside_the_chosen_the_best_of_each_value_is_shown_and_said() -> None:
    drawn = pd.DataFrame({"a": [1, 2, 3], "b": [0.3, 0.7, 0.1], "sharpe": [0.5, 1.5, 1.0]})
    figure = sweep.profile(drawn, "a", parameters=["a", "b"])
    assert (
        list(figure.data[0].y) == [0.5, 1.5, 1.0] and "b at the best of each value" in figure.layout.title.subtitle.text
    )


def test_the_best_so_far_never_falls_and_its_test_is_told_beside_it() -> None:
    dots, best, test = draw("convergence").data
    assert len(dots.x) == 30 and (np.diff(best.y) >= 0).all() and best.y[-1] == pytest.approx(2.0)
    assert test.y[-1] == pytest.approx(2 - (2 + 2 + 1) / 2) and best.x[-1] == 30
    assert "the best, 2.00, was number" in draw("convergence").layout.title.subtitle.text


def test_the_best_so_far_of_a_metric_where_less_is_better_never_rises() -> None:
    best = draw("convergence", metric="volatility").data[1]
    assert (np.diff(best.y) <= 0).all() and best.y[-1] == pytest.approx(0.1)


def test_every_combination_is_a_line_through_its_parameters() -> None:
    (lines,) = draw("parallel_coordinates").data
    assert [d.label for d in lines.dimensions] == ["fast", "slow", "kind", "train", "test"]
    assert {len(d["values"]) for d in lines.dimensions} == {30} and lines.dimensions[2].ticktext == ("ema", "sma")
    np.testing.assert_allclose(lines.line.color, lines.dimensions[3]["values"])
    assert "drag along an axis to filter" in draw("parallel_coordinates").layout.title.subtitle.text


def test_of_very_many_combinations_an_even_selection_with_the_best_is_drawn() -> None:
    many = pd.DataFrame({"a": np.arange(20_000), "sharpe": np.sin(np.arange(20_000) / 500)})
    (lines,) = sweep.parallel_coordinates(many, parameters=["a"]).data
    assert len(lines.line.color) <= 3000 and max(lines.line.color) == many["sharpe"].max()


def test_the_trials_are_judged_against_luck_among_as_many_as_were_tried() -> None:
    values = table(("train",)).groupby(PARAMETERS)["sharpe"].mean()
    luck = expected_maximum_sharpe(1000, values.var())
    figure = draw("trials", count=1000)
    assert sum(figure.data[0].y) == 30 and notes(figure)["luck"] == f"luck alone {luck:.2f}"
    assert f"{luck:.2f} that luck gives the best of 1,000 without skill" in figure.layout.title.subtitle.text
    with pytest.raises(InputError, match="count=0"):
        draw("trials", count=0)


def test_growth_is_drawn_over_the_bars_walked_through_beside_what_is_in_proportion() -> None:
    figure = draw("growth")
    lines = {(t.name, t.yaxis): t for t in figure.data}
    seconds = lines["", "y"]
    np.testing.assert_allclose(seconds.y, np.array(seconds.x) * 1e-9)
    assert lines["in proportion", "y"].y[0] == pytest.approx(seconds.y[0])
    assert {figure.layout[a].type for a in ("xaxis", "xaxis2", "yaxis", "yaxis2")} == {"log"}


def test_a_picture_of_cells_rings_one_and_leaves_out_what_has_no_number() -> None:
    values = pd.DataFrame([[1.0, -0.5], [math.nan, 0.0]], index=pd.Index(["a", "b"], name="<y>"), columns=["c", "d"])
    drawn = picture.cells(values, "Sharpe <ratio>", marked=(0, 0))
    assert drawn.count("<rect") == 4 and drawn.count('fill="none" stroke="currentColor"') == 1
    assert "&lt;y&gt;" in drawn and "<ratio>" not in drawn
    assert drawn.count(picture.BELOW) == 1
