"""What figures are drawn with: an empty sheet with its words, a line, a stack of areas, the empty state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.reports import formats, themes
from aura_lib.reports.about import About
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 440  # pixels
CROWDED = 600  # rows from which lines between areas would hide the areas


def blank(
    title: str, subtitle: str, about: About, theme: ThemeName, times: pd.DatetimeIndex, *, rows: int = 1
) -> go.Figure:
    """A figure with its title, subtitle, time axis and source line, and nothing drawn yet."""
    figure = sheet(title, subtitle, about.line(times), theme, rows=rows)
    zone = formats.zone_name(about.zone)
    figure.update_xaxes(type="date", hoverformat=f"%a %-d %b %Y, %H:%M {zone}")
    figure.update_xaxes(title_text=f"time, {zone}", row=rows)
    return figure


def sheet(
    title: str, subtitle: str, source: str, theme: ThemeName, *, rows: int = 1, columns: int = 1, **panels: Any
) -> go.Figure:
    """A figure with its title, subtitle and source line, and no axis named yet."""
    from plotly.subplots import make_subplots

    shared = {"shared_xaxes": True, "vertical_spacing": 0.08} | panels
    figure = make_subplots(rows=rows, cols=columns, **shared)
    figure.update_layout(
        template=themes.template(themes.theme(theme)),
        title={"text": safe(title), "subtitle": {"text": safe(subtitle)}},
        meta={"title": title, "subtitle": subtitle, "source": source},
        height=HEIGHT,
        uirevision="kept",
    )
    figure.add_annotation(name="source", text=safe(source), xref="paper", yref="paper", x=0, y=0, yshift=-58)
    figure.update_annotations(
        selector={"name": "source"},
        showarrow=False,
        xanchor="left",
        yanchor="top",
        font={"size": 11, "color": themes.theme(theme).muted},
    )
    return figure


def nothing(figure: go.Figure, text: str = "nothing yet") -> go.Figure:
    """The figure in its empty state: what is missing, where the lines would be."""
    figure.add_annotation(name="empty", text=text, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    figure.update_annotations(selector={"name": "empty"}, font={"size": 14})
    figure.update_xaxes(showticklabels=False, ticks="")
    figure.update_yaxes(showticklabels=False, showgrid=False, zeroline=False)
    return figure


def safe(text: str) -> str:
    """Plotly reads tags in its texts; a name is not one."""
    return text.replace("<", "&lt;")


def line(
    figure: go.Figure,
    values: pd.Series,
    name: str,
    about: About,
    colour: str,
    hover: str,
    *,
    row: int = 1,
    width: float = 1.5,
    **more: Any,
) -> None:
    """Add one series as a line; a single value is a marker."""
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=about.wall(times(values)),
            y=values.to_numpy(),
            name=safe(name),
            mode="lines" if len(values) > 1 else "markers",
            line={"color": colour, "width": width},
            marker={"color": colour},
            hovertemplate=f"%{{y:{hover}}}",
            **more,
        ),
        row=row,
        col=1,
    )


def stack(
    figure: go.Figure, values: pd.Series, name: str, about: About, colour: str, *, hover: str, showlegend: bool = True
) -> None:
    """Add one part of a stack of areas; a single row is a bar."""
    import plotly.graph_objects as go

    shared = {
        "x": about.wall(times(values)),
        "y": values.to_numpy(),
        "name": safe(name),
        "legendgroup": name,
        "showlegend": showlegend,
        "hovertemplate": f"%{{y:{hover}}}",
    }
    if len(values) == 1:  # an area needs two edges
        figure.add_trace(go.Bar(**shared, marker={"color": colour, "line": {"width": 0}}))
        return
    gap = 0.5 if len(values) <= CROWDED else 0
    line = {"width": gap, "color": figure.layout.template.layout.plot_bgcolor, "shape": "hv"}
    group = "below" if (values < 0).any() else "above"
    figure.add_trace(go.Scatter(**shared, mode="lines", stackgroup=group, line=line, fillcolor=colour))


def times(values: pd.Series | pd.DataFrame) -> pd.DatetimeIndex:
    """The index of a series or frame that is known to be indexed by times."""
    index = values.index
    assert isinstance(index, pd.DatetimeIndex)
    return index
