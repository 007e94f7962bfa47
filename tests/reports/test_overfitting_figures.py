"""The figures of doubt: what they say, that they draw what was found, and their colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from aura_lib import backtest
from aura_lib.core import InputError
from aura_lib.reports import About, themes
from aura_lib.reports.figures import overfitting

ABOUT = About(subject="momentum <b>paper</b>", source="sample")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    returns = np.random.default_rng(3).normal(0.0002, 0.01, (800, 30))
    deflated = backtest.deflated_sharpe(returns[:, 0] + 0.001, trials=30, sharpe_variance=0.0016)
    splits = backtest.pbo(returns, 12)
    return {"logits": splits, "degradation": splits, "deflated_sharpe": deflated}


def draw(name: str, found: dict[str, Any], **options: Any) -> go.Figure:
    function: Callable[..., go.Figure] = getattr(overfitting, name)
    return function(found[name], **{"about": ABOUT, **options})


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for one in part.values():
            yield from strings(one)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from strings(one)


@pytest.mark.parametrize("name", overfitting.__all__)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_figure_of_doubt_has_words_units_a_source_and_its_theme_s_colours(
    found: dict[str, Any], name: str, theme: str
) -> None:
    figure = draw(name, found, theme=theme)
    assert type(figure) is go.Figure and figure.data
    assert "momentum &lt;b>paper&lt;/b>" in figure.layout.title.text and figure.layout.title.subtitle.text
    assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text
    assert [note.text for note in figure.layout.annotations if note.name == "source"] == ["Source: sample · as of –"]
    used = {text for text in strings(figure.to_plotly_json()) if text.startswith(("#", "rgb"))}
    assert used <= {*themes.theme(theme).colours, "rgba(0, 0, 0, 0)"}
    assert all(trace.hovertemplate or trace.hoverinfo == "skip" for trace in figure.data)
    assert figure.to_json() == draw(name, found, theme=theme).to_json()


def test_the_bars_of_the_logits_are_all_splits_and_zero_parts_them(found: dict[str, Any]) -> None:
    figure, splits = draw("logits", found), found["logits"]
    (bars,) = figure.data
    assert sum(bars.y) == pytest.approx(1)
    below = sum(y for y, (_, high) in zip(bars.y, bars.customdata, strict=True) if high <= 1e-9)
    assert below == pytest.approx(np.mean(splits.logits < 0))
    assert f"{splits.probability:.1%}" in figure.layout.title.subtitle.text


def test_the_line_of_the_degradation_goes_through_its_dots(found: dict[str, Any]) -> None:
    figure, splits = draw("degradation", found, periods=52), found["degradation"]
    dots, line = figure.data
    fit = np.polyfit(splits.in_sample, splits.out_of_sample, 1)
    assert (line.y[1] - line.y[0]) / (line.x[1] - line.x[0]) == pytest.approx(fit[0])
    assert set(np.round(dots.x, 9)) <= set(np.round(splits.in_sample * np.sqrt(52), 9))


def test_the_search_stands_on_the_line_of_luck(found: dict[str, Any]) -> None:
    figure, deflated = draw("deflated_sharpe", found, count=500), found["deflated_sharpe"]
    luck, observed, search = figure.data
    assert observed.y[0] == pytest.approx(deflated.sharpe * np.sqrt(252))
    assert np.interp(np.log(30), np.log(luck.x), luck.y) == pytest.approx(search.y[0], rel=1e-3)
    expected = [backtest.expected_maximum_sharpe(n, 0.0016) * np.sqrt(252) for n in luck.x]
    assert luck.y == pytest.approx(expected)
    (band,) = figure.layout.shapes
    assert (band.y0 + band.y1) / 2 == pytest.approx(observed.y[0])
    assert "500 trials, worth 30 independent ones" in figure.layout.title.subtitle.text


def test_a_year_of_no_periods_is_refused(found: dict[str, Any]) -> None:
    for name in ("degradation", "deflated_sharpe"):
        with pytest.raises(InputError, match="periods=0 must be the number of returns a year"):
            draw(name, found, periods=0)
    with pytest.raises(InputError, match="count=0 must be a number of trials"):
        draw("deflated_sharpe", found, count=0)
