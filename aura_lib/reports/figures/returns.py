"""Figures of returns: their years, their distribution, their beta; and how much was traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName
from aura_lib.risk import measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

Each = Literal["day", "month"]
MOST_BINS = 60  # more would be thinner than a pixel on a phone
NAMES = {"day": "daily", "month": "monthly"}


def yearly_returns(
    returns: pd.Series, benchmark: pd.Series | None = None, *, about: About = ABOUT, theme: ThemeName = "light"
) -> go.Figure:
    """The return of each calendar year of `about.zone` as bars, beside those of a benchmark.

    `returns` and `benchmark` are simple returns a bar, decimal, compounded within each year; the first and the
    last year are as long as the data.
    """
    look = themes.theme(theme)
    book = checked(returns, "returns").dropna()
    name = about.against(benchmark)
    bars = [(about.subject, book, look.accent)]
    if benchmark is not None:
        bars.append((name, checked(benchmark, "benchmark").dropna(), look.benchmark))
    figure = canvas.blank(
        f"Yearly returns of {about.subject}" + (f" against {name}" if name else ""),
        "Compounded; the first and the last year as far as the data go",
        about,
        theme,
        canvas.times(book),
    )
    figure.update_xaxes(title_text="year", type="category")
    figure.update_yaxes(title_text="return, %", tickformat=".0%", zeroline=True, zerolinecolor=look.rule)
    if book.empty:
        return canvas.nothing(figure)
    for label, values, colour in bars:
        years = measures.compounded(values.loc[book.index[0] : book.index[-1]], "year", about.zone)
        years = checked(years, label).dropna()
        local = measures.ended(canvas.times(years), about.zone)
        _bars(figure, [str(year) for year in local.year], years, label, colour, "%{y:+.2%}")
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.05)
    return figure


def distribution(
    returns: pd.Series,
    each: Each = "day",
    *,
    level: float = 0.95,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """How often which return came, with historical VaR and CVaR marked.

    `returns` are simple returns a day, decimal; each="month" compounds them within calendar months of `about.zone`
    first. VaR and CVaR are `risk.measures.value_at_risk` and `expected_shortfall` at `level`, of the same returns.
    Bins by Freedman & Diaconis (1981), 60 at most; zero is always an edge.
    """
    if each not in NAMES:
        raise InputError(f"each={each!r}: give 'day' or 'month'")
    look = themes.theme(theme)
    known = checked(returns, "returns").dropna()
    values = measures.compounded(known, each, about.zone) if each == "month" and len(known) else known
    var, cvar = measures.value_at_risk(values, level), measures.expected_shortfall(values, level)
    figure = canvas.blank(
        f"Distribution of {NAMES[each]} returns of {about.subject}",
        f"{len(values):,} {each}s; historical {level:.0%} VaR {formats.percent(var, digits=2)}, "
        f"CVaR {formats.percent(cvar, digits=2)} (the mean beyond it)",
        about,
        theme,
        canvas.times(known),
    )
    figure.update_xaxes(title_text=f"return a {each}, %", type="linear", tickformat=".0%", hoverformat="+.2%")
    figure.update_yaxes(title_text=f"number of {each}s", tickformat=",")
    figure.update_layout(hovermode="closest", bargap=0.04)
    if values.empty:
        return canvas.nothing(figure)
    counts, edges = np.histogram(values.to_numpy(), bins=_edges(values.to_numpy()))
    middles, sides = (edges[:-1] + edges[1:]) / 2, np.column_stack([edges[:-1], edges[1:]])
    zone = formats.zone_name(about.zone)
    _bars(
        figure,
        middles,
        pd.Series(counts, dtype="float64"),
        about.subject,
        [look.loss if middle < var else look.gain for middle in middles],
        f"%{{y:,}} {each}s of %{{customdata[0]:+.2%}} to %{{customdata[1]:+.2%}}, {zone} time<extra></extra>",
        customdata=sides,
        width=np.diff(edges),
    )
    figure.update_layout(showlegend=False)
    _mark(figure, "VaR", f"VaR {formats.percent(var, digits=2)} (historical, {level:.0%})", var, "left", look)
    _mark(figure, "CVaR", f"CVaR {formats.percent(cvar, digits=2)}", cvar, "right", look)
    return figure


def beta(
    returns: pd.Series,
    benchmark: pd.Series,
    window: int = 126,
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """Beta to a benchmark over the last `window` bars: cov(r, b) / var(b), sample moments.

    `returns` and `benchmark` are simple returns a bar, decimal; bars that only one of them has are left out.
    The dotted line is 1: moves like the benchmark.
    """
    if window < 2:
        raise InputError(f"window={window}: a covariance needs at least 2 returns")
    look = themes.theme(theme)
    both = pd.DataFrame({"r": checked(returns, "returns"), "b": checked(benchmark, "benchmark")}).dropna()
    name = about.against(benchmark)
    figure = canvas.blank(
        f"Rolling beta of {about.subject} to {name}", f"Last {window} sessions", about, theme, canvas.times(both)
    )
    figure.update_yaxes(title_text=f"beta to {canvas.safe(name)}, ratio", zeroline=True, zerolinecolor=look.rule)
    if len(both) < window:
        return canvas.nothing(figure, f"nothing yet: {window} returns are needed, {len(both)} are here")
    variance = both["b"].rolling(window).var()
    values = (both["r"].rolling(window).cov(both["b"]) / variance.where(variance > measures.TINY)).dropna()
    canvas.line(figure, values, about.subject, about, look.accent, ".2f")
    figure.add_hline(1.0, line={"color": look.benchmark, "width": 1, "dash": "dot"})
    return figure


def turnover(fills: pd.DataFrame, equity: pd.Series, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """Half the value traded in each calendar year over the mean equity of that year, as bars.

    `fills` has a row a fill with `time` (aware) and `value`, in the currency of `equity`. 100 % is the whole book
    sold and bought once. The first and the last year are as long as the data, and not scaled up.
    """
    look = themes.theme(theme)
    book = checked(equity, "equity").dropna()
    figure = canvas.blank(
        f"Turnover of {about.subject}",
        f"Half the traded value over mean equity, by year; {len(fills):,} fills",
        about,
        theme,
        canvas.times(book),
    )
    figure.update_xaxes(title_text="year", type="category")
    figure.update_yaxes(title_text="turnover in the year, %", tickformat=".0%", rangemode="tozero")
    if book.empty or fills.empty:
        return canvas.nothing(figure)
    missing = {"time", "value"} - set(fills.columns)
    if missing:
        raise InputError(f"fills need the columns time and value; missing: {sorted(missing)}")
    years = canvas.times(book).tz_convert(about.zone).year
    traded = fills["value"].abs().groupby(pd.DatetimeIndex(fills["time"].array).tz_convert(about.zone).year).sum()
    mean = book.groupby(years).mean()
    shares = (traded.reindex(mean.index, fill_value=0.0) / 2 / mean).rename("turnover")
    _bars(figure, [str(year) for year in shares.index], shares, about.subject, look.accent, "%{y:.0%}")
    figure.update_layout(bargap=0.35)
    return figure


def _bars(
    figure: go.Figure, x: object, y: pd.Series, name: str, colour: str | list[str], hover: str, **more: object
) -> None:
    import plotly.graph_objects as go

    marker = {"color": colour, "line": {"width": 0}}
    shown = {"x": x, "y": y.to_numpy(), "name": canvas.safe(name), "marker": marker, "hovertemplate": hover}
    figure.add_trace(go.Bar(**shown, **more))


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins of one width over all values, zero among their edges."""
    low, high = float(values.min()), float(values.max())
    spread = float(np.subtract(*np.quantile(values, [0.75, 0.25])))
    width = max(2 * spread / len(values) ** (1 / 3), (high - low) / MOST_BINS) or max(abs(high), 0.01) / 2
    return width * np.arange(np.floor(low / width), np.floor(high / width) + 2)


def _mark(figure: go.Figure, name: str, text: str, at: float, anchor: str, look: themes.Theme) -> None:
    """A line at a return, with its name above the bars: to the right of the line, or to the left."""
    figure.add_vline(at, line={"color": look.loss_text, "width": 1.5, "dash": "solid" if anchor == "left" else "dot"})
    figure.add_annotation(
        name=name,
        text=text,
        x=at,
        y=1,
        yref="paper",
        yanchor="bottom",
        xanchor=anchor,
        xshift=-3 if anchor == "left" else 3,
        showarrow=False,
        font={"size": 11, "color": look.loss_text},
    )
