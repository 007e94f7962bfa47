"""Parallel coordinates: every combination a line through its parameters to its metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.reports import themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.sweep.table import LOWER, TEST, Combinations, Swept, combinations, source, written
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST = 3000  # lines; more would hide each other
NAMED = 16  # values up to which an axis names each


def parallel_coordinates(
    sweep: Swept | pd.DataFrame,
    metric: str = "sharpe",
    *,
    parameters: Sequence[str] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """Each combination as a line through its parameters to its metric, coloured by it; drag on an axis to filter.

    With folds the last two axes are train and test, and the colour is of train. Of more than 3,000 combinations
    an even selection by rank is drawn, the best among them. Combinations without a number are left out.
    """
    import plotly.graph_objects as go

    found = combinations(sweep, metric, parameters)
    look = themes.theme(theme)
    known = found.train.dropna().sort_values(ascending=found.metric not in LOWER, kind="stable")
    rows = known.index[np.unique(np.linspace(0, len(known) - 1, MOST).astype(int))] if len(known) else known.index
    figure = canvas.sheet(
        f"Every combination of {about.subject} and its {found.label}", _subtitle(found, len(rows)), source(about), theme
    )
    figure.update_xaxes(visible=False, title_text="parameter")
    figure.update_yaxes(visible=False, title_text=found.axis())
    if not len(rows):
        return canvas.nothing(figure)
    frame = found.frame.loc[rows]
    dimensions = [_parameter(name, frame[name]) for name in found.parameters]
    for part, values in found.values.items():
        label = part or found.label  # the title names the metric
        dimensions.append({"label": label, "values": values.reindex(rows).to_numpy(),
                           "tickformat": ".0%" if found.percent else ".2~f"})  # fmt: skip
    colours = known.reindex(rows).to_numpy()
    limit = float(np.abs(colours).max()) or 0.01
    scale = [[0.0, look.loss], [0.5, look.cash], [1.0, look.gain]]
    figure.add_trace(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": colours, "colorscale": scale, "cmin": -limit, "cmax": limit},
            unselected={"line": {"color": look.grid, "opacity": 0.3}},
            labelfont={"size": 12, "color": look.ink},
            tickfont={"size": 11, "color": look.muted},
            rangefont={"size": 1, "color": look.panel},  # the ticks say it
        )
    )
    figure.update_layout(margin={"t": 118, "l": 72, "r": 84})
    figure.layout.meta["min_width"] = 110 * len(dimensions) + 120
    return figure


def _subtitle(found: Combinations, drawn: int) -> str:
    missing = int(found.train.isna().sum())
    told = f"{drawn:,} of {len(found.frame):,} combinations; drag along an axis to filter"
    told += "; coloured by train" if TEST in found.values else ""
    return told + (f"; {missing:,} without a number left out" if missing else "")


def _parameter(name: str, values: pd.Series) -> dict[str, Any]:
    """An axis: numbers where they lie, words one below the other."""
    distinct = list(dict.fromkeys(values))
    words = any(isinstance(v, bool | np.bool_) or not isinstance(v, int | float | np.number) for v in distinct)
    label = canvas.safe(name)
    if words:
        order = {value: i for i, value in enumerate(sorted(distinct, key=str))}
        return {"label": label, "values": values.map(order).to_numpy(), "tickvals": list(order.values()),
                "ticktext": [written(value) for value in order]}  # fmt: skip
    axis: dict[str, Any] = {"label": label, "values": values.to_numpy(dtype="float64")}
    if len(distinct) <= NAMED:
        ticks = sorted(distinct)
        axis |= {"tickvals": ticks, "ticktext": [written(value) for value in ticks]}
    return axis
