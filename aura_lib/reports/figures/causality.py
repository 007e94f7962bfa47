"""Figures of the causality and the warm-up check: where decisions moved, and how much history they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from aura_lib.backtest.causality import Causality
    from aura_lib.backtest.warmup import Warmup


def causality(found: Causality, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """Which decisions moved when everything after a cut was changed: a square for each decision and cut.

    A decision below its cut must not move. The number in a square is how far it did: the sum of the absolute
    differences of its weights, 1 for other answers; empty squares are cuts before the decision, where it may.
    """
    import plotly.graph_objects as go

    look, moves = themes.theme(theme), found.moves
    many = len(found.findings)
    said = "nothing moved" if found.clean else f"{many} finding{'s' if many > 1 else ''}"
    subtitle = f"{sum(found.compared.values()):,} comparisons: {said}"
    times = canvas.times(moves)
    figure = canvas.blank(f"Causality of {about.subject}", subtitle, about, theme, times)
    if moves.empty:
        return canvas.nothing(figure)
    days = [formats.day(moment, about.zone) for moment in times]
    cuts = [formats.day(moment, about.zone) for moment in pd.DatetimeIndex(moves.columns)]
    values = moves.to_numpy(dtype="float64")
    figure.add_trace(
        go.Heatmap(
            z=np.where(np.isnan(values), np.nan, values > 0).astype(float),
            x=cuts,
            y=days,
            customdata=values,
            text=[["" if not v > 0 else f"{v:.2g}" for v in row] for row in values],
            texttemplate="%{text}",
            textfont={"size": 10},
            colorscale=[[0, look.flat], [1, look.loss]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate="decision of %{y}<br>changed after %{x}: moved by %{customdata:.3g}<extra></extra>",
        )
    )
    zone = formats.zone_name(about.zone)
    figure.update_xaxes(type="category", title_text=f"everything after this was changed, {zone}", hoverformat=None)
    figure.update_yaxes(type="category", autorange="reversed", title_text="decision")
    figure.update_layout(hovermode="closest")
    return figure


def warmup(found: Warmup, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """How far a decision on a short history is from that on all of it, by the length of the history.

    The dotted line is the shortest history at which instruments, sides and quantities are equal. A window with which
    the strategy raised is not drawn; differences of zero are drawn at the bottom.
    """
    import plotly.graph_objects as go

    look = themes.theme(theme)
    said = str(found)
    last = pd.DatetimeIndex([found.slots[-1]])
    figure = canvas.blank(f"Warm-up of {about.subject}", said[:1].upper() + said[1:], about, theme, last)
    figure.update_xaxes(type="log", title_text="history, bars", hoverformat=",")
    figure.update_yaxes(title_text="largest difference of weights", tickformat=".0e", type="log")
    drawn = found.curve.dropna(subset="difference")
    if drawn.empty:
        return canvas.nothing(figure, "every shorter history raised an error")
    floor = 1e-16
    figure.add_trace(
        go.Scatter(
            x=drawn["bars"].to_numpy(),
            y=drawn["difference"].clip(lower=floor).to_numpy(),
            customdata=drawn[["difference", "equal"]].to_numpy(),
            mode="lines+markers",
            line={"color": look.accent, "width": 1.5},
            marker={"color": [look.accent if equal == 1 else look.loss for equal in drawn["equal"]], "size": 6},
            hovertemplate="%{x:,} bars<br>apart %{customdata[0]:.2g}<br>%{customdata[1]:.0%} equal<extra></extra>",
            showlegend=False,
        )
    )
    if found.settled:
        figure.add_vline(found.bars, line={"color": look.benchmark, "width": 1, "dash": "dot"})
    figure.update_layout(hovermode="closest")
    return figure
