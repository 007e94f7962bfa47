"""Figures of a book: its curve, its falls, its months, its holdings and what trading cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About, between, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import Theme, ThemeName
from aura_lib.risk import measures

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["costs", "drawdown", "equity", "monthly_returns", "rolling", "weights"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SESSIONS_A_YEAR = 252
NAMED = 7  # holdings with a colour of their own: as many as can be told apart
FIRST, SECOND = 1, 2  # in the legend; the first is drawn last, on top
DUST = 5e-4  # a share of equity that is rounding, not cash


def equity(
    equity: pd.Series,
    benchmark: pd.Series | None = None,
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
    log: bool = False,
    rebase: float | None = None,
    drawdowns: int = 0,
    toggle: bool = False,
) -> go.Figure:
    """What the book is worth over time, against a benchmark that starts at the same value.

    `equity` is in `about.currency`, indexed by aware times; `benchmark` may be in any unit (an index level).
    With `rebase` both start at that number instead, 100 for instance. `log` makes equal percentages equally
    tall. NaN is a gap in the line. The deepest `drawdowns` lie shaded under the lines, from the high to the
    recovery; `toggle` puts two buttons on the figure that change the axis.
    """
    look = themes.theme(theme)
    book = checked(equity, "equity")
    index = _benchmark(benchmark, book)
    name = about.against(benchmark)
    unit = about.currency if rebase is None else f"index, start = {rebase:g}"
    figure = canvas.blank(
        f"Equity of {about.subject}" + (f" against {name}" if name else ""),
        f"{_sentence(unit)}{', logarithmic' if log else ''}"
        + (f"; {name} rebased to the same start" if name and rebase is None else "")
        + (f"; shaded: the {drawdowns} deepest drawdowns" if drawdowns else ""),
        about,
        theme,
        canvas.times(book),
    )
    figure.update_yaxes(title_text=unit)
    figure.update_yaxes({"type": "log", "exponentformat": "B"} if log else {"tickformat": ","})
    if book.empty:
        return canvas.nothing(figure)
    first = float(book.iloc[0])
    start = first if rebase is None else float(rebase)
    if len(index):
        level = index * _over(start, float(index.dropna().iloc[0]))
        canvas.line(figure, level, name, about, look.benchmark, ",.2f", legendrank=SECOND)
    scaled = book if rebase is None else book * _over(start, first)
    canvas.line(figure, scaled, about.subject, about, look.accent, ",.2f", width=2, legendrank=FIRST)
    _shade(figure, measures.drawdowns(book).head(drawdowns), book, about, look)
    if toggle:
        _axis_buttons(figure, look)
    return figure


def _shade(figure: go.Figure, falls: pd.DataFrame, book: pd.Series, about: About, look: Theme) -> None:
    ends = [fall.recovery if fall.recovery is not pd.NaT else book.index[-1] for fall in falls.itertuples()]
    starts = about.wall(pd.DatetimeIndex(list(falls["peak"]), tz="UTC"))
    for start, end in zip(starts, about.wall(pd.DatetimeIndex(ends, tz="UTC")), strict=True):
        figure.add_vrect(start, end, fillcolor=look.loss, opacity=0.09, line_width=0, layer="below")


def _axis_buttons(figure: go.Figure, look: Theme) -> None:
    """Two buttons, linear and logarithmic, at the top right."""
    buttons = [
        {"label": label, "method": "relayout", "args": [{"yaxis.type": kind, "yaxis.autorange": True}]}
        for label, kind in (("linear", "linear"), ("log", "log"))
    ]
    menu = {
        "type": "buttons",
        "direction": "left",
        "showactive": False,  # its colour cannot be chosen, and is white on black
        "x": 1,
        "xanchor": "right",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 4},
        "bgcolor": look.panel,
        "bordercolor": look.rule,
        "borderwidth": 1,
        "font": {"size": 10, "color": look.muted},
        "buttons": buttons,
    }
    figure.update_layout(updatemenus=[menu])


def drawdown(
    equity: pd.Series,
    benchmark: pd.Series | None = None,
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """How far the book stands below its highest value so far, as a fraction ≤ 0, against a benchmark."""
    look = themes.theme(theme)
    book = _underwater(checked(equity, "equity"))
    index = _underwater(_benchmark(benchmark, book))
    name = about.against(benchmark)
    title = f"Drawdown of {about.subject}" + (f" against {name}" if name else "")
    figure = canvas.blank(title, _deepest(book, about), about, theme, canvas.times(book))
    figure.update_yaxes(title_text="below the highest value so far, %", tickformat=".0%", rangemode="tozero")
    if book.dropna().empty:
        return canvas.nothing(figure)
    if len(index):
        canvas.line(figure, index, name, about, look.benchmark, ".2%", legendrank=SECOND)
    canvas.line(figure, book, about.subject, about, look.accent, ".2%", legendrank=FIRST)
    figure.update_traces(selector=-1, fill="tozeroy", fillcolor=look.accent_fill)
    return figure


def monthly_returns(returns: pd.Series, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """A heat map of returns by calendar month, years downwards, with the return of each year at the right.

    `returns` are simple returns a bar, decimal; they are compounded within each month of `about.zone`. Colour
    is centred on zero and ends at the largest month. A month without a return is left blank.
    """
    look = themes.theme(theme)
    known = checked(returns, "returns").dropna()
    figure = canvas.blank(
        f"Monthly returns of {about.subject}",
        "Per cent, compounded; blue is a gain, orange a loss",
        about,
        theme,
        canvas.times(known),
    )
    figure.update_xaxes(title_text="month", type="category", showline=False, ticks="")
    figure.update_yaxes(title_text="year", type="category", dtick=1, showgrid=False)
    figure.update_layout(hovermode="closest")
    if known.empty:
        return canvas.nothing(figure)
    by_month, by_year, bars = _calendar(known, about)
    limit = float(np.nanmax(np.abs(by_month.to_numpy()))) or 0.01
    scale = [[0.0, look.loss], [0.5, look.flat], [1.0, look.gain]]
    _months(figure, by_month, bars, about, scale, limit)
    _years(figure, by_year, about)
    figure.update_xaxes(range=[-0.5, 12.5])
    figure.update_yaxes(range=[len(by_year) - 0.5, -0.5])
    figure.update_layout(height=208 + 22 * len(by_month))
    figure.layout.meta["min_width"] = 560
    return figure


def weights(weights: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light", top: int = NAMED) -> go.Figure:
    """Where the money is over time: the largest holdings by name, the others together, and cash.

    `weights` is time × symbol, fractions of equity; each row holds until the next. NaN is not held. The `top`
    symbols by average size get a colour of their own (7 at most). Shorts and borrowed cash are stacked below zero.
    """
    look = themes.theme(theme)
    if not 1 <= top <= NAMED:
        raise InputError(f"top={top}: between 1 and {NAMED} holdings can be told apart by colour")
    held = checked(weights, "weights").fillna(0.0)
    figure = canvas.blank(f"Holdings of {about.subject}", "Share of equity", about, theme, canvas.times(held))
    figure.update_yaxes(title_text="share of equity, %", tickformat=".0%")
    held = held.loc[:, (held != 0).any()]
    if held.empty:
        return canvas.nothing(figure)
    named, rest = _largest(held, top)
    parts = pd.concat([named, rest], axis=1)
    colours = [*look.series[: named.shape[1]], *_quiet(rest, look)]
    for (name, share), colour in zip(parts.items(), colours, strict=True):
        long, short = share.clip(lower=0.0), share.clip(upper=0.0)
        sides = [side for side in (long, short) if side.any()]
        for number, side in enumerate(sides):
            canvas.stack(figure, side, str(name), about, colour, hover=".1%", showlegend=not number)
    figure.update_layout(barmode="relative", bargap=0, margin_t=112)  # the legend may take two lines
    return figure


def rolling(
    returns: pd.Series,
    benchmark: pd.Series | None = None,
    window: int = 63,
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
    periods: float = SESSIONS_A_YEAR,
) -> go.Figure:
    """Volatility and Sharpe ratio over the last `window` bars, annualised with `periods` bars a year.

    `returns` and `benchmark` are simple returns a bar, decimal. Sharpe = mean / standard deviation × √periods, with
    a risk-free rate of zero (Sharpe, The Sharpe Ratio, J. Portfolio Management 1994); none where nothing moved.
    """
    if window < 2:
        raise InputError(f"window={window}: a standard deviation needs at least 2 returns")
    look = themes.theme(theme)
    book = checked(returns, "returns").dropna()
    name = about.against(benchmark)
    lines = [(about.subject, book, look.accent, FIRST)]
    if benchmark is not None:
        lines.insert(0, (name, checked(benchmark, "benchmark").dropna(), look.benchmark, SECOND))
    figure = canvas.blank(
        f"Rolling volatility and Sharpe ratio of {about.subject}" + (f" against {name}" if name else ""),
        f"Last {window} sessions, annualised with {periods:g}; risk-free rate 0",
        about,
        theme,
        canvas.times(book),
        rows=2,
    )
    figure.update_yaxes(title_text="volatility, % a year", tickformat=".0%", rangemode="tozero", row=1)
    figure.update_yaxes(title_text="Sharpe ratio, a year", row=2, zeroline=True, zerolinecolor=look.rule)
    figure.update_layout(height=500)
    if len(book) < window:
        return canvas.nothing(figure, f"nothing yet: {window} returns are needed, {len(book)} are here")
    for label, values, colour, rank in lines:
        volatility, sharpe = _rolling(values, window, canvas.times(book), periods)
        canvas.line(figure, volatility, label, about, colour, ".1%", row=1, legendrank=rank)
        canvas.line(figure, sharpe, label, about, colour, ".2f", row=2, showlegend=False)
    return figure


def costs(fills: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """What trading has cost so far: commission and, where it is known, slippage, cumulated fill by fill.

    `fills` has a row a fill with `time` (aware), `fee` and perhaps `slippage`, in `about.currency`
    (`tables.fills` makes one). A NaN cost is not known and counts as none.
    """
    look = themes.theme(theme)
    paid = _paid(fills)
    total = formats.money(float(paid.to_numpy().sum()), about.currency)
    what = f"{total} over {len(fills):,} fills" if len(paid) else "Commission and slippage"
    figure = canvas.blank(f"Trading costs of {about.subject}", f"Cumulative; {what}", about, theme, canvas.times(paid))
    figure.update_yaxes(title_text=f"cumulative costs, {about.currency}", tickformat=",", rangemode="tozero")
    if paid.empty:
        return canvas.nothing(figure)
    running = paid.cumsum()
    for name, colour in zip(running.columns, (look.accent, look.series[5]), strict=False):
        canvas.stack(figure, running[name], str(name), about, colour, hover=",.2f")
    return figure


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _over(a: float, b: float) -> float:
    return a / b if b else float("nan")


def _benchmark(benchmark: pd.Series | None, book: pd.Series) -> pd.Series:
    if benchmark is None:
        return book.iloc[:0]
    return between(checked(benchmark, "benchmark"), book)


def _underwater(values: pd.Series) -> pd.Series:
    top = values.cummax()
    below: pd.Series = values / top.where(top > 0) - 1
    return below


def _deepest(book: pd.Series, about: About) -> str:
    depths = book.dropna()
    if depths.empty or depths.min() == 0:
        return "Fall from the highest value so far"
    times, low = canvas.times(depths), int(depths.to_numpy().argmin())
    peak = int(np.flatnonzero(depths.to_numpy()[:low] == 0)[-1])
    on, since = (formats.day(times[row], about.zone) for row in (low, peak))
    deepest = formats.percent(depths.iloc[low])
    return f"Fall from the highest value so far; deepest {deepest} on {on}, from the high of {since}"


def _calendar(returns: pd.Series, about: About) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    local = about.wall(canvas.times(returns))
    keys = [local.year, local.month]
    months = (1 + returns).groupby(keys).prod().sub(1).unstack()
    bars = returns.groupby(keys).size().unstack()
    years = (1 + returns).groupby(local.year).prod().sub(1)
    every = range(int(months.index.min()), int(months.index.max()) + 1)
    grids = [frame.reindex(index=every, columns=range(1, 13)).set_axis(MONTHS, axis=1) for frame in (months, bars)]
    return grids[0], years.reindex(every), grids[1]


def _months(
    figure: go.Figure, values: pd.DataFrame, bars: pd.DataFrame, about: About, scale: list[list[Any]], limit: float
) -> None:
    import plotly.graph_objects as go

    written = [["" if np.isnan(v) else _bare(v) for v in row] for row in values.to_numpy()]
    figure.add_trace(
        go.Heatmap(
            z=values.to_numpy(),
            x=list(MONTHS),
            y=[str(year) for year in values.index],
            text=written,
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=bars.to_numpy(),
            colorscale=scale,
            zmin=-limit,
            zmax=limit,
            showscale=False,
            xgap=1,
            ygap=1,
            hoverongaps=False,
            hovertemplate=f"%{{x}} %{{y}}, {formats.zone_name(about.zone)} time<br>%{{z:+.2%}} in %{{customdata}} bars"
            "<extra></extra>",
        )
    )


def _years(figure: go.Figure, values: pd.Series, about: About) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=["Year"] * len(values),
            y=[str(year) for year in values.index],
            text=[_bare(value) for value in values],
            customdata=values.to_numpy(),
            mode="text",
            textfont={"size": 11},
            showlegend=False,
            hovertemplate=f"%{{y}}, {formats.zone_name(about.zone)} time<br>%{{customdata:+.2%}}<extra></extra>",
        )
    )


def _bare(value: float) -> str:
    return formats.percent(value).removesuffix("%").removeprefix("+").replace(formats.NOTHING, "")


def _largest(held: pd.DataFrame, top: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The largest holdings, and what is left: the others together, and cash."""
    size = held.abs().mean().sort_values(ascending=False, kind="stable")
    named, small = held[list(size.index[:top])], held[list(size.index[top:])]
    cash = 1 - held.sum(axis=1)
    cash = cash.where(cash.abs() > DUST, 0.0)
    rest = {f"{small.shape[1]} others": small.sum(axis=1)} if small.shape[1] else {}
    return named, pd.DataFrame({**rest, "cash": cash} if cash.any() else rest, index=held.index)


def _quiet(rest: pd.DataFrame, look: Theme) -> list[str]:
    return [look.cash if name == "cash" else look.others for name in rest.columns]


def _rolling(values: pd.Series, window: int, over: pd.DatetimeIndex, periods: float) -> tuple[pd.Series, pd.Series]:
    deviation = values.rolling(window).std()
    mean = values.rolling(window).mean()
    sharpe = mean / deviation.where(deviation > 1e-12) * np.sqrt(periods)
    volatility = deviation * np.sqrt(periods)
    warm = slice(over[0], over[-1])
    return volatility.dropna().loc[warm], sharpe.loc[volatility.dropna().index].loc[warm]


def _paid(fills: pd.DataFrame) -> pd.DataFrame:
    if not len(fills):
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC"))
    missing = {"time", "fee"} - set(fills.columns)
    if missing:
        raise InputError(
            f"fills need the columns time and fee; missing: {sorted(missing)}; given: {list(fills.columns)}"
        )
    known = {"fee": "commission", "slippage": "slippage"}
    amounts = fills.set_index("time")[[name for name in known if name in fills]].rename(columns=known)
    numbers = amounts.astype("float64")
    ordered = numbers.where(np.isfinite(numbers), 0.0).groupby(level=0).sum().sort_index()
    return checked(ordered, "fills")
