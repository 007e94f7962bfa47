"""The figure of a quote page: candles, volume, and studies over them or below."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import market_chart, themes
from aura_lib.reports.about import ABOUT, About, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.market import digits
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

RIGHT = 62  # pixels at the right, for the last price
AROUND = 184  # pixels of title, labels and source, as in every figure of this shelf


def candles(
    candles: pd.DataFrame,
    *,
    studies: Mapping[str, pd.DataFrame] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
    span: str = "",
    what: str = "daily",
    log: bool = False,
    levels: Mapping[str, float] | None = None,
) -> go.Figure:
    """Candles with volume below, or a line where there are only closes; nights and holidays take no room.

    Args:
        candles: a row a bar (its closing moment), with close, in `about.currency`, and any of open, high, low, volume.
            A row without a close is left out.
        studies: name in `reports.market.STUDIES` → its lines, with the same rows.
        about: whose prices, from where.
        theme: light or dark.
        span: how much time is shown, for the title.
        what: of which time each bar is: "5-minute", "daily" …
        log: makes equal percentages equally tall.
        levels: name → price, each a dashed line across: what a holding cost, where orders wait.
    """
    if len(candles.columns) and "close" not in candles:
        raise InputError(f"candles need a column 'close'; given: {', '.join(map(str, candles.columns))}")
    frame = checked(candles, "candles")
    frame = frame[frame["close"].notna()] if len(frame) else frame
    title = f"{about.subject}{', ' if span else ''}{span}"
    subtitle = f"{what} bars{', logarithmic' if log else ''}"
    figure = canvas.blank(title, subtitle, about, theme, canvas.times(frame))
    figure.update_yaxes(title_text=about.currency)
    if frame.empty:
        return canvas.nothing(figure)
    lines = {name: values.reindex(frame.index) for name, values in (studies or {}).items()}
    made = market_chart.plot(frame, lines, about=about, theme=theme, intraday=what[0].isdigit(), log=log)
    figure = _drawn(figure, made)
    for name, price in (levels or {}).items():
        _level(figure, name, price, themes.theme(theme), log=log)
    return figure


def _level(figure: go.Figure, name: str, price: float, look: themes.Theme, *, log: bool) -> None:
    """A dashed line at a price, with its name at the left."""
    colour = look.loss if "stop" in name else look.gain if "target" in name else look.accent
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, yref="y", y0=price, y1=price,
        line={"color": colour, "width": 1, "dash": "dash"},
    )  # fmt: skip
    figure.add_annotation(
        text=f"{name} {price:,.{digits(price)}f}".replace("<", "&lt;"), xref="paper", x=0, xanchor="left", yref="y",
        y=math.log10(price) if log else price, yanchor="bottom", showarrow=False,
        font={"size": 11, "color": colour}, bgcolor=look.panel, borderpad=1,
    )  # fmt: skip


def _drawn(figure: go.Figure, made: market_chart.Plot) -> go.Figure:
    traces = [
        {
            **trace.look,
            "x": made.labels,
            **trace.values,
            "xaxis": "x",
            "yaxis": "y" if trace.axis == 1 else f"y{trace.axis}",
        }
        for trace in made.traces
    ]
    figure.add_traces(traces)
    last = f"y{len(made.axes)}" if len(made.axes) > 1 else "y"
    figure.layout.meta = {**figure.layout.meta, "right": RIGHT}
    figure.update_layout(
        margin={"r": RIGHT},
        height=made.height + AROUND, hoversubplots="axis", bargap=0.25, shapes=made.marks["shapes"],
        **{f"yaxis{number}" if number > 1 else "yaxis": axis for number, axis in enumerate(made.axes, 1)},
    )  # fmt: skip
    figure.update_xaxes(
        type="category", anchor=last, rangeslider={"visible": False}, unifiedhovertitle={"text": "%{x}"},
        showspikes=True, spikethickness=1, spikedash="dot", spikemode="across", spikesnap="cursor", **made.ticks,
    )  # fmt: skip
    for note in made.marks["annotations"]:
        figure.add_annotation(note)
    return figure
