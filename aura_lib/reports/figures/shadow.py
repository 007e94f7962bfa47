"""Figures of a shadow: what its withheld orders would have made beside its account, and what prices did after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

SIDES = ("shadow", "live")
WIDTH = 0.5  # of the room between two horizons, over which the dots of one are spread
MOST = 4_000  # dots a horizon; more would be a blot


def beside(profits: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """What a shadow's decisions would have made, added up, beside what the account made on its own.

    `profits` is time (until when a decision counts) × `shadow` and `live`, amounts in `about.currency` against doing
    nothing. A decision of which one of the two is not known is left out of both. Other columns raise InputError.
    """
    look = themes.theme(theme)
    if len(profits) and set(profits.columns) != set(SIDES):
        raise InputError(f"profits have the columns {' and '.join(SIDES)}, not {list(profits.columns)}")
    given = checked(profits if len(profits) else pd.DataFrame(columns=list(SIDES)), "profits")
    known = given.dropna()
    total = known.cumsum()
    last = (
        [formats.money(float(total[side].iloc[-1]), about.currency, digits=0) for side in SIDES] if len(total) else []
    )
    lost = len(given) - len(known)
    words = f"shadow {last[0]}, account {last[1]}" if last else "What would have been made, and what was"
    more = f"; {lost} decisions that cannot be valued are left out" if lost else ""
    figure = canvas.blank(
        f"Withheld orders of {about.subject} beside its account",
        f"Profit against doing nothing over {len(known):,} decisions: {words}{more}",
        about,
        theme,
        canvas.times(total),
        rows=2,
    )
    figure.update_yaxes(
        title_text=f"added up, {about.currency}", tickformat=",", zeroline=True, zerolinecolor=look.rule, row=1
    )
    figure.update_yaxes(
        title_text=f"shadow ahead, {about.currency}", tickformat=",", zeroline=True, zerolinecolor=look.rule, row=2
    )
    if known.empty:
        return canvas.nothing(figure)
    canvas.line(figure, total["shadow"], "shadow, never sent", about, look.accent, ",.2f", width=2)
    canvas.line(figure, total["live"], "account, as it traded", about, look.benchmark, ",.2f")
    ahead = known["shadow"] - known["live"]
    _bars(figure, ahead, about, look)
    figure.update_yaxes(domain=[0.36, 1.0], row=1)
    figure.update_yaxes(domain=[0.0, 0.26], row=2)
    return figure


def _bars(figure: go.Figure, ahead: pd.Series, about: About, look: themes.Theme) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Bar(
            x=about.wall(canvas.times(ahead)),
            y=ahead.to_numpy(),
            marker={"color": [look.gain if a >= 0 else look.loss for a in ahead], "line": {"width": 0}},
            name="ahead, by decision",
            showlegend=False,
            hovertemplate="%{y:+,.2f}",
        ),
        row=2,
        col=1,
    )


def markouts(moves: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """How far prices went in the favour of each order after its fill: a dot an order, their mean a line.

    `moves` is order × horizon in basis points of the fill's price, horizons in the order of time; NaN where one has
    not come yet.
    """
    look = themes.theme(theme)
    numbers = moves.astype("float64").replace([np.inf, -np.inf], np.nan).dropna(axis=1, how="all")
    means, counts = numbers.mean(), numbers.notna().sum()
    told = [
        f"{name} {mean:+.1f} ({count:,})".replace("-", formats.MINUS)
        for name, mean, count in zip(numbers.columns, means, counts, strict=True)
    ]
    figure = canvas.blank(
        f"What prices did after the orders of {about.subject}",
        "Mean in basis points (orders): " + "; ".join(told) if told else "In basis points of the fill's price",
        about,
        theme,
        pd.DatetimeIndex([], tz="UTC"),
    )
    figure.update_xaxes(
        title_text="after the fill", type="linear", tickvals=list(range(len(means))),
        ticktext=list(map(str, means.index)), range=[-0.6, max(len(means), 1) - 0.4], hoverformat="",
    )  # fmt: skip
    figure.update_yaxes(title_text="in the order's favour, bps", tickformat=",", zeroline=True, zerolinecolor=look.rule)
    figure.update_layout(hovermode="closest", height=canvas.HEIGHT)
    if numbers.empty or not len(means):
        return canvas.nothing(figure)
    for place, name in enumerate(numbers):
        _dots(figure, numbers[name].dropna()[-MOST:], place, str(name), look)
    _means(figure, means, look)
    return figure


def _dots(figure: go.Figure, moves: pd.Series, place: int, name: str, look: themes.Theme) -> None:
    import plotly.graph_objects as go

    spread = np.linspace(-0.5, 0.5, len(moves)) * WIDTH if len(moves) > 1 else np.zeros(len(moves))
    figure.add_trace(
        go.Scatter(
            x=place + spread,
            y=moves.to_numpy(),
            mode="markers",
            marker={"color": [look.gain if m >= 0 else look.loss for m in moves], "size": 5, "opacity": 0.55},
            text=[canvas.safe(str(label)) for label in moves.index],
            showlegend=False,
            hovertemplate=f"%{{text}}: %{{y:+,.1f}} bps after {name}<extra></extra>",
        )
    )


def _means(figure: go.Figure, means: pd.Series, look: themes.Theme) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=list(range(len(means))),
            y=means.to_numpy(),
            name="mean",
            mode="lines+markers" if len(means) > 1 else "markers",
            line={"color": look.accent, "width": 2},
            marker={"color": look.accent, "size": 9, "symbol": "diamond"},
            hovertemplate="mean %{y:+,.1f} bps<extra></extra>",
        )
    )
