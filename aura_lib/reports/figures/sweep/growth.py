"""What sweeps cost in time and memory as their grids and bars grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.sweep.table import source
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLUMNS = ("combinations", "bars", "seconds", "megabytes")


def growth(measured: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """Seconds above, megabytes below, over the bars a sweep walked through: combinations × bars.

    `measured` has a row a sweep: combinations, bars, seconds, megabytes (the most memory beyond what was there
    before), and, where lines are to be told apart, `series`. Both axes are logarithmic. The dotted line grows in
    proportion, from the largest sweep down: time that is linear lies along it, memory that is flat lies across.
    """
    missing = [name for name in COLUMNS if name not in measured.columns]
    if missing and len(measured.columns):
        raise InputError(f"measured needs the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    look = themes.theme(theme)
    figure = canvas.sheet(
        f"Time and memory of {about.subject}", "Over combinations × bars, both logarithmic; dotted: in proportion",
        source(about), theme, rows=2, vertical_spacing=0.1,
    )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, exponentformat="power")
    figure.update_xaxes(title_text="combinations × bars", row=2, col=1)
    for row, title in enumerate(("seconds", "memory, megabytes"), start=1):
        figure.update_yaxes(title_text=title, type="log", row=row, col=1)
    figure.update_layout(hovermode="closest", height=560)
    known = measured.dropna(subset=list(COLUMNS)) if len(measured.columns) else measured
    known = known[(known[list(COLUMNS)] > 0).all(axis=1)] if len(known) else known
    if not len(known):
        figure.update_xaxes(title_text="combinations × bars")
        return canvas.nothing(figure)
    parts = known.groupby("series", sort=False) if "series" in known else [("", known)]
    for number, (name, rows) in enumerate(parts):
        _lines(figure, str(name), rows, look.series[number % len(look.series)])
    _proportion(figure, known, look)
    figure.update_layout(showlegend="series" in known, margin_t=112)  # the legend may take two lines
    return figure


def _lines(figure: go.Figure, name: str, rows: pd.DataFrame, colour: str) -> None:
    import plotly.graph_objects as go

    own = rows.assign(steps=rows["combinations"] * rows["bars"]).sort_values("steps")
    for row, (column, unit) in enumerate((("seconds", "s"), ("megabytes", "MB")), start=1):
        figure.add_trace(
            go.Scatter(
                x=own["steps"].to_numpy(dtype="float64"),
                y=own[column].to_numpy(dtype="float64"),
                name=canvas.safe(name),
                legendgroup=name,
                showlegend=row == 1 and bool(name),
                mode="lines+markers" if len(own) > 1 else "markers",
                line={"color": colour, "width": 1.5},
                marker={"color": colour, "size": 6},
                customdata=own[["combinations", "bars"]].to_numpy(),
                hovertemplate=f"%{{customdata[0]:,}} combinations × %{{customdata[1]:,}} bars: %{{y:.3~g}} {unit}"
                f"<extra>{canvas.safe(name)}</extra>",
            ),
            row=row,
            col=1,
        )


def _proportion(figure: go.Figure, known: pd.DataFrame, look: Theme) -> None:
    """The line that what is proportional to the bars walked through would lie along."""
    import plotly.graph_objects as go

    steps = (known["combinations"] * known["bars"]).to_numpy(dtype="float64")
    last = int(np.argmax(steps))
    ends = np.array([steps.min(), steps.max()])
    if ends[0] == ends[1]:
        return
    for row, column in enumerate(("seconds", "megabytes"), start=1):
        y = float(known[column].iloc[last]) * ends / steps[last]
        figure.add_trace(
            go.Scatter(
                x=ends, y=y, name="in proportion", legendgroup="in proportion", showlegend=row == 1, mode="lines",
                line={"color": look.benchmark, "width": 1, "dash": "dot"},
                hovertemplate="in proportion: %{y:.3~g}<extra></extra>",
            ),
            row=row, col=1,
        )  # fmt: skip
