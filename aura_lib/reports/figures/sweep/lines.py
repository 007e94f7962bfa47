"""A metric along one parameter, and the best so far as a search goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.sweep.table import LOWER, TEST, Combinations, Swept, combinations, said, source, written
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

DOTS = 2000  # of trials; more would be one cloud


def profile(
    sweep: Swept | pd.DataFrame,
    parameter: str,
    metric: str = "sharpe",
    *,
    chosen: Mapping[str, Any] | None = None,
    parameters: Sequence[str] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """A metric along one parameter, all others as `chosen` has them (without it: as the best in train has them).

    The chosen value and its neighbours are marked: a good one stands on a plateau. Where the sweep did not try
    other values with the same others (a random search), each value is shown at its best in train, and that is said.
    """
    found = combinations(sweep, metric, parameters)
    if parameter not in found.parameters:
        raise InputError(f"no parameter {parameter!r}; the sweep has {', '.join(found.parameters)}")
    look = themes.theme(theme)
    row = found.best if chosen is None else found.row(chosen)
    line, told = _along(found, parameter, row)
    figure = canvas.sheet(f"{found.label} of {about.subject} along {parameter}", told, source(about), theme)
    figure.update_xaxes(title_text=canvas.safe(parameter))
    figure.update_yaxes(title_text=found.axis(), tickformat=".0%" if found.percent else "", zeroline=True,
                        zerolinecolor=look.rule)  # fmt: skip
    figure.update_layout(hovermode="closest")
    if row is None or line.empty:
        return canvas.nothing(figure)
    values = line[parameter].tolist()
    plain = all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in values)
    at = values if plain else [written(value) for value in values]
    figure.update_xaxes(type="linear" if plain else "category")
    for part, colour in zip(found.values, (look.accent, look.benchmark), strict=False):
        _line(figure, at, found.values[part].reindex(line.index), part or found.label, colour, parameter, found)
    if found.frame.loc[row, parameter] in values:  # after the lines: plotly marks no empty panel
        _neighbours(figure, at, values.index(found.frame.loc[row, parameter]), plain, look)
    figure.update_layout(showlegend=len(found.values) > 1)
    return figure


def _along(found: Combinations, parameter: str, row: Any) -> tuple[pd.DataFrame, str]:
    """A row for each value of the parameter, in order, and what the other parameters are."""
    if row is None:
        return found.frame.iloc[:0], "no combination has a number"
    others = {name: found.frame.loc[row, name] for name in found.parameters if name != parameter}
    same = found.frame
    for name, value in others.items():
        same = same[same[name] == value]
    told = f"marked: {said({parameter: found.frame.loc[row, parameter]})}"
    if len(same) > 1 or not others:
        return _sorted(same, parameter), f"{told}; {said(others)} as chosen" if others else told
    sign = -1.0 if found.metric in LOWER else 1.0
    ranked = found.frame.loc[(sign * found.train).sort_values(ascending=False, kind="stable").index]
    return _sorted(
        ranked.drop_duplicates(parameter), parameter
    ), f"{told}; {', '.join(others)} at the best of each value"


def _sorted(rows: pd.DataFrame, parameter: str) -> pd.DataFrame:
    return rows.iloc[sorted(range(len(rows)), key=lambda i: (isinstance(v := rows[parameter].iloc[i], str), v))]


def _neighbours(figure: go.Figure, at: list[Any], i: int, plain: bool, look: Theme) -> None:
    """A band from one neighbour of the chosen value to the other, and a line at the value."""
    left, right = max(i - 1, 0), min(i + 1, len(at) - 1)
    edges = (at[left], at[right]) if plain else (left, right)
    if left != right:
        figure.add_vrect(edges[0], edges[1], fillcolor=look.accent_fill, line_width=0, layer="below")
    figure.add_vline(at[i] if plain else i, line={"color": look.ink, "width": 1.5, "dash": "dot"})


def _line(
    figure: go.Figure, at: list[Any], values: pd.Series, name: str, colour: str, parameter: str, found: Combinations
) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=at,
            y=values.to_numpy(),
            name=canvas.safe(name),
            mode="lines+markers" if len(at) > 1 else "markers",
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": 6},
            hovertemplate=f"{canvas.safe(parameter)} %{{x}}: %{{y:{found.spec}}}<extra>{canvas.safe(name)}</extra>",
        )
    )


def convergence(
    sweep: Swept | pd.DataFrame,
    metric: str = "sharpe",
    *,
    parameters: Sequence[str] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """The best so far as a search went on, in the order of its trials, each trial a dot.

    With folds the best is that of the train part; the dotted line is the test part of the same combination.
    """
    found = combinations(sweep, metric, parameters)
    look = themes.theme(theme)
    figure = canvas.sheet(
        f"Search for the best {found.label} of {about.subject}", _best_said(found), source(about), theme
    )
    figure.update_xaxes(title_text="trial, in the order tried")
    figure.update_yaxes(title_text=found.axis(), tickformat=".0%" if found.percent else "", zeroline=True,
                        zerolinecolor=look.rule)  # fmt: skip
    figure.update_layout(hovermode="closest")
    if found.best is None:
        return canvas.nothing(figure)
    _dots(figure, found, look)
    steps = _best_rows(found)
    ends = [*steps, len(found.frame) - 1]
    own = found.train.reindex([*steps, steps[-1]]).to_numpy()
    _steps(figure, ends, own, "best so far" + (" (train)" if TEST in found.values else ""), look.accent, found)
    if TEST in found.values:
        same = found.values[TEST].reindex([*steps, steps[-1]]).to_numpy()
        _steps(figure, ends, same, "the same in test", look.loss, found, dash="dot")
    figure.update_layout(margin_t=112)  # the legend may take two lines
    return figure


def _best_said(found: Combinations) -> str:
    if found.best is None:
        return f"{len(found.frame):,} trials, none with a number"
    best = found.train[found.best]
    return (
        f"{len(found.frame):,} trials; the best, {found.written(best)}, was number {found.best + 1:,}: "
        f"{said(found.at(found.best))}"
    )


def _best_rows(found: Combinations) -> list[int]:
    """The trials that were better than all before them."""
    sign = -1.0 if found.metric in LOWER else 1.0
    values = (sign * found.train).fillna(-np.inf).to_numpy()
    before = np.concatenate([[-np.inf], np.maximum.accumulate(values)[:-1]])
    return np.flatnonzero(values > before).tolist()


def _dots(figure: go.Figure, found: Combinations, look: Theme) -> None:
    import plotly.graph_objects as go

    known = found.train.dropna()
    shown = known.iloc[np.unique(np.linspace(0, len(known) - 1, DOTS).astype(int))]
    named = found.frame.loc[shown.index].to_dict("records")
    figure.add_trace(
        go.Scatter(
            x=shown.index.to_numpy() + 1,
            y=shown.to_numpy(),
            name="a trial",
            mode="markers",
            marker={"color": look.others, "size": 4, "opacity": 0.6},
            customdata=[canvas.safe(said(row)) for row in named],
            hovertemplate=f"trial %{{x}}, %{{customdata}}: %{{y:{found.spec}}}<extra></extra>",
        )
    )


def _steps(
    figure: go.Figure, rows: list[int], values: np.ndarray, name: str, colour: str, found: Combinations, dash: str = ""
) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=np.array(rows) + 1,
            y=values,
            name=name,
            mode="lines" if len(set(rows)) > 1 else "markers",
            line={"color": colour, "width": 2, "shape": "hv", "dash": dash or "solid"},
            marker={"color": colour},
            hovertemplate=f"from trial %{{x}}: %{{y:{found.spec}}}<extra>{name}</extra>",
        )
    )
