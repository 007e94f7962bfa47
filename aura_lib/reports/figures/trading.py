"""Figures of trading: how much was at stake, which holdings paid, what it cost, how round trips ended."""

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

TRIP = ("symbol", "entry time", "exit time", "return", "profit", "open")
SIDES = ("gross", "net", "long", "short")
MOST_BARS = 16  # sources of profit with a bar of their own
FEWEST_BARS = 6  # what a figure has room for at least, so that a single bar is no wall
TICKS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # days
SMALLEST, LARGEST = 4.0, 18.0  # pixels, of a round trip's dot


def exposures(shares: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """How much of equity is at stake over time: gross, net, and long and short where something was short.

    `shares` is time × side as in `Backtest.exposures`: fractions of equity, `short` zero or below. Other columns, or
    none of these, raise InputError.
    """
    look = themes.theme(theme)
    unknown = set(shares.columns) - set(SIDES)
    if unknown:
        raise InputError(f"exposures have the columns {', '.join(SIDES)}, not {list(shares.columns)}")
    held = checked(shares, "exposures")
    shorts = "short" in held and bool((held["short"] < 0).any())
    mean = {name: formats.percent(float(held[name].mean()), sign=False) for name in held} if len(held) else {}
    shown = ("gross", "net") if shorts else ("gross",)
    words = [f"{name if shorts else 'invested'} {mean[name]} on average" for name in shown if name in mean]
    subtitle = "Share of equity" + (f"; {'; '.join(words)}" if words else "")
    figure = canvas.blank(f"Exposure of {about.subject}", subtitle, about, theme, canvas.times(held))
    figure.update_yaxes(title_text="share of equity, %", tickformat=".0%", zeroline=True, zerolinecolor=look.rule)
    if held.empty or not held.to_numpy().any():
        return canvas.nothing(figure)
    colours = dict(zip(SIDES, (look.accent, look.series[1], look.gain, look.loss), strict=True))
    for name in [side for side in SIDES if side in held and (shorts or side in ("gross", "net"))]:
        if name == "net" and not shorts and "gross" in held:
            continue  # the same line twice
        canvas.line(figure, held[name], name if shorts else "invested", about, colours[name], ".1%")
    return figure


def attribution(
    profit: pd.Series, *, about: About = ABOUT, theme: ThemeName = "light", top: int = MOST_BARS
) -> go.Figure:
    """Where the profit came from: one bar a source (symbol, cash, currency), largest gain first, costs included.

    `profit` is source → amount in `about.currency`. The `top` largest by size have a bar, the others one together;
    all of them sum to the whole profit.
    """
    look = themes.theme(theme)
    known = profit.dropna().astype("float64")
    known = known[known != 0]
    whole = formats.money(float(known.sum()), about.currency, digits=0)
    figure = canvas.blank(
        f"Where the profit of {about.subject} came from",
        f"By source, costs included; {whole} in all",
        about,
        theme,
        pd.DatetimeIndex([], tz="UTC"),
    )
    figure.update_xaxes(title_text=f"profit, {about.currency}", type="linear", tickformat=",", hoverformat=",.2f")
    figure.update_xaxes(zeroline=True, zerolinecolor=look.rule)
    figure.update_yaxes(title_text="source", type="category", showgrid=False, autorange="reversed")
    if known.empty:
        return canvas.nothing(figure)
    largest = known.abs().sort_values(ascending=False, kind="stable").index
    shown = known[largest[:top]].sort_values(ascending=False, kind="stable")
    rest = known[largest[top:]]
    if len(rest):
        shown = pd.concat([shown, pd.Series({f"{len(rest)} others": float(rest.sum())})])
    _across(figure, shown, look, about.currency)
    figure.update_layout(height=180 + 22 * len(shown))
    return figure


def cost_kinds(costs: pd.Series, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """What trading and holding cost, one bar a kind (commission, spread, slippage, impact, borrow), largest first.

    `costs` is kind → amount in `about.currency`; kinds that cost nothing are named under the title.
    """
    look = themes.theme(theme)
    known = costs.fillna(0.0).astype("float64")
    paid, free = known[known != 0].sort_values(ascending=False, kind="stable"), known[known == 0]
    whole = formats.money(float(known.sum()), about.currency, digits=0)
    none = f"; none for {', '.join(map(str, free.index))}" if len(free) else ""
    figure = canvas.blank(
        f"Costs of {about.subject} by kind", f"{whole} in all{none}", about, theme, pd.DatetimeIndex([], tz="UTC")
    )
    figure.update_xaxes(title_text=f"costs, {about.currency}", type="linear", tickformat=",", rangemode="tozero")
    figure.update_yaxes(title_text="kind", type="category", showgrid=False, autorange="reversed")
    if paid.empty:
        return canvas.nothing(figure)
    _across(figure, paid, look, about.currency, one=look.accent)
    figure.update_layout(height=200 + 26 * len(paid))
    return figure


def trades(trips: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """Round trips: how long each was held against what it returned, larger where more money was made or lost.

    `trips` has `symbol`, `entry time`, `exit time`, `return`, `profit` and `open`, as `Backtest.trades`; what is
    still open is left out.
    """
    look = themes.theme(theme)
    missing = set(TRIP) - set(trips.columns)
    if missing and len(trips):
        raise InputError(f"round trips lack the columns {sorted(missing)}")
    given = trips if len(trips) else pd.DataFrame(columns=list(TRIP))
    closed = given[~given["open"].astype(bool)]
    won = float((closed["profit"] > 0).mean()) if len(closed) else float("nan")
    figure = canvas.blank(
        f"Round trips of {about.subject}",
        f"{len(closed):,} closed, {formats.percent(won, sign=False)} with a profit; the larger, the more money",
        about,
        theme,
        pd.DatetimeIndex(closed["exit time"].array if len(closed) else [], tz="UTC"),
    )
    figure.update_xaxes(title_text="held, calendar days (logarithmic)", type="log", hoverformat=".1f")
    figure.update_xaxes(tickvals=list(TICKS), ticktext=[formats.quantity(days) for days in TICKS])
    figure.update_yaxes(title_text="return, %", tickformat=".0%", zeroline=True, zerolinecolor=look.rule)
    figure.update_layout(hovermode="closest")
    if closed.empty:
        return canvas.nothing(figure)
    begun, ended = (pd.DatetimeIndex(closed[name].array) for name in ("entry time", "exit time"))
    days = np.maximum((ended - begun).total_seconds().to_numpy() / 86_400, 1 / 24)
    made = closed["profit"].to_numpy(dtype="float64")
    area = np.sqrt(np.abs(made) / (np.abs(made).max() or 1.0))
    for name, colour, part in (("gained", look.gain, made > 0), ("lost", look.loss, made <= 0)):
        _dots(figure, name, colour, part, days, closed, SMALLEST + (LARGEST - SMALLEST) * area, about)
    return figure


def _dots(
    figure: go.Figure, name: str, colour: str, part: np.ndarray, days: np.ndarray, closed: pd.DataFrame,
    size: np.ndarray, about: About,
) -> None:  # fmt: skip
    import plotly.graph_objects as go

    rows = closed[part]
    said = [
        f"{canvas.safe(str(symbol))}, to {formats.day(ended, about.zone)}: {formats.money(profit, about.currency)}"
        for symbol, ended, profit in zip(rows["symbol"], rows["exit time"], rows["profit"], strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=days[part],
            y=rows["return"].to_numpy(dtype="float64"),
            name=name,
            mode="markers",
            marker={"color": colour, "size": np.round(size[part], 1), "opacity": 0.6, "line": {"width": 0}},
            text=said,
            hovertemplate="%{text}<br>%{y:+.2%} in %{x:.1f} days<extra></extra>",
        )
    )


def _across(figure: go.Figure, values: pd.Series, look: themes.Theme, currency: str, one: str = "") -> None:
    """Horizontal bars with their amounts."""
    import plotly.graph_objects as go

    amounts = values.to_numpy()
    figure.add_trace(
        go.Bar(
            x=amounts,
            y=[canvas.safe(str(name)) for name in values.index],
            orientation="h",
            marker={"color": one or [look.gain if a > 0 else look.loss for a in amounts], "line": {"width": 0}},
            text=[formats.count(a) for a in amounts],
            textposition="outside",
            textfont={"size": 11, "color": look.muted},
            cliponaxis=False,
            showlegend=False,
            hovertemplate=f"%{{y}}: {currency} %{{x:,.2f}}<extra></extra>",
        )
    )
    low, high = min(0.0, float(amounts.min())), max(0.0, float(amounts.max()))
    room = (high - low) * 0.16 or 1.0
    figure.update_xaxes(range=[low - room * (low < 0), high + room * (high > 0)])
    figure.update_yaxes(range=[max(len(values), FEWEST_BARS) - 0.5, -0.5], autorange=False)
    figure.update_layout(hovermode="closest", bargap=0.3)
