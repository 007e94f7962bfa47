"""The heat map of a metric over two parameters, train beside test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.sweep.table import LOWER, Combinations, Swept, combinations, said, source, written
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 120  # values on an axis; more would be thinner than a pixel on a phone
PRINTED = 150  # cells up to which each has its number


def heat_map(
    sweep: Swept | pd.DataFrame,
    x: str,
    y: str,
    metric: str = "sharpe",
    *,
    fixed: Mapping[str, Any] | None = None,
    chosen: Mapping[str, Any] | None = None,
    parameters: Sequence[str] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """A metric over two parameters of a sweep, train and test beside each other on one scale of colours.

    The other parameters are held at `fixed`; those not in it are, in each cell, at what is best in train, and the
    test cell shows that same combination. `chosen` (all parameters by name; without it the best in train) is marked
    with its neighbourhood: one step each way. Empty cells were not tried, or have no number.
    """
    found = combinations(sweep, metric, parameters)
    _known(found, x, y, fixed or {})
    look = themes.theme(theme)
    cells = _cells(found, x, y, fixed or {})
    mark = _mark(found, cells, chosen)
    parts = list(found.values)
    figure = canvas.sheet(
        f"{found.label} of {about.subject} by {x} and {y}",
        _subtitle(found, cells, x, y, fixed or {}, mark),
        source(about),
        theme,
        columns=len(parts),
        shared_xaxes=False,
        shared_yaxes=True,
        horizontal_spacing=0.04,
    )
    titles = [f"{canvas.safe(x)}{f' ({part})' if part else ''}" for part in parts]
    for column, title in enumerate(titles, start=1):
        figure.update_xaxes(title_text=title, type="category", showline=False, ticks="", col=column)
    figure.update_yaxes(type="category", showgrid=False)
    figure.update_yaxes(title_text=canvas.safe(y), col=1)
    figure.update_layout(hovermode="closest", showlegend=False)
    if cells.empty or found.train.reindex(cells["row"]).isna().all():
        figure.update_yaxes(title_text=canvas.safe(y))
        return canvas.nothing(figure)
    across, up = (_axis(cells[name], None if mark is None else mark[name]) for name in (x, y))
    cells = cells[cells[x].isin(across) & cells[y].isin(up)]
    for column, part in enumerate(parts, start=1):
        _panel(figure, found, cells, part, x, y, across, up, column)
        if mark is not None:
            _ring(figure, across, up, mark[x], mark[y], column, look)
    _colours(figure, found, cells, look)
    figure.update_layout(height=min(720, max(canvas.HEIGHT, 230 + 22 * len(up))), margin_r=84)
    figure.layout.meta["min_width"] = 560 if len(parts) > 1 else 340
    return figure


def _known(found: Combinations, x: str, y: str, fixed: Mapping[str, Any]) -> None:
    wrong = [name for name in (x, y, *fixed) if name not in found.parameters]
    if wrong or x == y:
        raise InputError(
            f"a heat map takes two parameters of {', '.join(found.parameters)} and fixes others; "
            f"given x={x!r}, y={y!r}, fixed={dict(fixed)!r}"
        )
    if set(fixed) & {x, y}:
        raise InputError(f"{sorted(set(fixed) & {x, y})} cannot be on an axis and fixed")


def _cells(found: Combinations, x: str, y: str, fixed: Mapping[str, Any]) -> pd.DataFrame:
    """For each tried pair of values the row of the combination that is best in train."""
    own = found.frame
    for name, value in fixed.items():
        own = own[own[name] == value]
    sign = -1.0 if found.metric in LOWER else 1.0
    ranked = own.assign(row=own.index, rank=(sign * found.train.reindex(own.index)))
    ranked = ranked.sort_values("rank", ascending=False, na_position="last", kind="stable")
    return ranked.drop_duplicates([x, y])


def _mark(found: Combinations, cells: pd.DataFrame, chosen: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if chosen is not None:
        return found.at(found.row(chosen))
    known = cells[cells["rank"].notna()]
    return None if known.empty else found.at(known["row"].iloc[0])


def _subtitle(
    found: Combinations, cells: pd.DataFrame, x: str, y: str, fixed: Mapping[str, Any], mark: Mapping[str, Any] | None
) -> str:
    free = [name for name in found.parameters if name not in (x, y, *fixed)]
    told = [f"{said(fixed)} fixed"] if fixed else []
    told += [f"{', '.join(free)} at the best in each cell"] if free else []
    if mark is not None:
        around = _around(found, cells, x, y, mark)
        text = f"ringed: {said({name: mark[name] for name in found.parameters})}"
        if len(around):
            text += f"; its {len(around)} neighbours {found.written(around.min())} to {found.written(around.max())}"
        told.append(text)
    return "; ".join(told) or f"{len(found.frame):,} combinations"


def _around(found: Combinations, cells: pd.DataFrame, x: str, y: str, mark: Mapping[str, Any]) -> pd.Series:
    """The metric in train of the cells one step away."""
    steps = []
    for name in (x, y):
        values = _values(cells[name])
        steps.append(cells[name].map({value: i for i, value in enumerate(values)}) - values.index(mark[name]))
    near = (steps[0].abs() <= 1) & (steps[1].abs() <= 1) & ((steps[0] != 0) | (steps[1] != 0))
    return found.train.reindex(cells.loc[near, "row"]).dropna()


def _values(column: pd.Series) -> list[Any]:
    return sorted(column.unique(), key=lambda value: (isinstance(value, str), value))


def _axis(column: pd.Series, keep: Any) -> list[Any]:
    """The values of an axis in order; of more than fit, an even selection with the one to keep."""
    values = _values(column)
    if len(values) <= MOST:
        return values
    rows = set(np.linspace(0, len(values) - 1, MOST - 1).astype(int)) | (
        {values.index(keep)} if keep in values else set()
    )
    return [values[row] for row in sorted(rows)]


def _panel(
    figure: go.Figure, found: Combinations, cells: pd.DataFrame, part: str, x: str, y: str,
    across: list[Any], up: list[Any], column: int,
) -> None:  # fmt: skip
    import plotly.graph_objects as go

    z = np.full((len(up), len(across)), np.nan)
    others = np.full(z.shape, "", dtype=object)
    free = [name for name in found.parameters if name not in (x, y)]
    rows, columns = (cells[n].map({v: i for i, v in enumerate(axis)}).to_numpy() for n, axis in ((y, up), (x, across)))
    z[rows, columns] = found.values[part].reindex(cells["row"]).to_numpy()
    if free:
        others[rows, columns] = [", " + said(row) for row in cells[free].to_dict("records")]
    shown = (
        {"text": np.where(np.isnan(z), "", _texts(found, z)), "texttemplate": "%{text}"} if z.size <= PRINTED else {}
    )
    figure.add_trace(
        go.Heatmap(
            x=[written(v) for v in across],
            y=[written(v) for v in up],
            z=z,
            customdata=others,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            hoverongaps=False,
            name=part,
            hovertemplate=f"{canvas.safe(x)} %{{x}}, {canvas.safe(y)} %{{y}}%{{customdata}}: %{{z:{found.spec}}}"
            f"<extra>{part}</extra>",
            **shown,
        ),
        row=1,
        col=column,
    )


def _texts(found: Combinations, z: np.ndarray) -> np.ndarray:
    def text(value: float) -> str:
        return formats.percent(value, digits=0, sign=False) if found.percent else formats.ratio(value)

    return np.array([[text(value) for value in row] for row in z], dtype=object)


def _ring(figure: go.Figure, across: list[Any], up: list[Any], x: Any, y: Any, column: int, look: Theme) -> None:
    """A square around the chosen cell, and a dotted one around its neighbourhood."""
    if x not in across or y not in up:
        return
    i, j = across.index(x), up.index(y)
    for reach, dash, width in ((0.5, "solid", 2), (1.5, "dot", 1.5)):
        figure.add_shape(
            type="rect",
            x0=max(i - reach, -0.5),
            x1=min(i + reach, len(across) - 0.5),
            y0=max(j - reach, -0.5),
            y1=min(j + reach, len(up) - 0.5),
            line={"color": look.ink, "width": width, "dash": dash},
            row=1,
            col=column,
        )


def _colours(figure: go.Figure, found: Combinations, cells: pd.DataFrame, look: Theme) -> None:
    """One scale for all panels: centred on zero where the metric has a sign."""
    drawn = np.concatenate([values.reindex(cells["row"]).to_numpy() for values in found.values.values()])
    drawn = drawn[np.isfinite(drawn)]
    low, high = float(drawn.min()), float(drawn.max())
    if found.metric in LOWER and low >= 0:
        scale, ends = [[0.0, look.flat], [1.0, look.loss]], (0.0, high or 1.0)
    else:
        limit = max(abs(low), abs(high)) or 0.01
        scale, ends = [[0.0, look.loss], [0.5, look.flat], [1.0, look.gain]], (-limit, limit)
    figure.update_layout(
        coloraxis={
            "colorscale": scale,
            "cmin": ends[0],
            "cmax": ends[1],
            "colorbar": {
                "thickness": 10,
                "outlinewidth": 0,
                "tickformat": ".0%" if found.percent else ".2~f",
                "tickfont": {"size": 11, "color": look.muted},
                "title": {"text": found.axis(), "side": "right", "font": {"size": 11, "color": look.muted}},
            },
        }
    )
