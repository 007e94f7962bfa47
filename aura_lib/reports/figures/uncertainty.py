"""Figures of what is not sure: statistics with their intervals, and strategies side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.formats import Kind, Statistic
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

ENDS = ("value", "low", "high")
RATIOS = ("sharpe", "sortino", "calmar", "martin", "gain_to_pain", "information_ratio", "beta")
SHARES = (
    "annual_return", "volatility", "max_drawdown", "average_drawdown", "cvar", "alpha", "tracking_error",
)  # fmt: skip


def intervals(
    described: pd.DataFrame,
    statistics: Sequence[str] = (*RATIOS, *SHARES),
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """Each statistic as a dot with a whisker over its interval: ratios above, percentages below.

    `described` is the table of `backtest.describe` or `backtest.intervals`: statistic × value, low, high. Statistics
    without an interval are left out.
    """
    missing = set(ENDS) - set(described.columns)
    if missing and len(described):
        raise InputError(f"a table of intervals has the columns value, low and high; missing: {sorted(missing)}")
    look = themes.theme(theme)
    table = described if len(described) else pd.DataFrame(columns=list(ENDS))
    rows = table.loc[[n for n in statistics if n in table.index], list(ENDS)].astype("float64").dropna()
    shares = [name for name in rows.index if formats.statistic(str(name)).kind in (Kind.RETURN, Kind.PERCENT)]
    parts = [rows.drop(index=shares), rows.loc[shares]]
    level = formats.percent(table.attrs.get("level", float("nan")), digits=0, sign=False)
    figure = canvas.blank(
        f"How sure the figures of {about.subject} are",
        f"Value and {level} interval; stationary bootstrap, {formats.count(table.attrs.get('draws'))} histories",
        about,
        theme,
        pd.DatetimeIndex([], tz="UTC"),
        rows=2,
    )
    figure.update_xaxes(type="linear", matches=None, showticklabels=True, zeroline=True, zerolinecolor=look.rule)
    figure.update_xaxes(title_text="ratio", row=1)
    figure.update_xaxes(title_text="fraction, %", tickformat=".0%", row=2)
    figure.update_yaxes(title_text="statistic", type="category", autorange="reversed")
    if rows.empty:
        return canvas.nothing(figure)
    for row, part in enumerate(parts, start=1):
        kinds = [formats.statistic(str(name)) for name in part.index]
        _whiskers(figure, part, [one.label for one in kinds], kinds, row, look)
    share = (len(parts[0]) + 1) / (len(rows) + 2)
    upper, lower = [min(1 - share + 0.06, 0.95), 1], [0, max(1 - share - 0.06, 0.05)]
    figure.update_layout(yaxis={"domain": upper}, yaxis2={"domain": lower})
    figure.update_layout(height=230 + 25 * len(rows), hovermode="closest", showlegend=False)
    return figure


def _whiskers(
    figure: go.Figure, rows: pd.DataFrame, names: list[str], kinds: list[Statistic], row: int, look: themes.Theme
) -> None:
    import plotly.graph_objects as go

    value, low, high = (rows[name].to_numpy() for name in ("value", "low", "high"))
    said = [
        f"{name}: {formats.value(v, one.kind)} ({formats.value(a, one.kind)} to {formats.value(b, one.kind)})"
        for name, one, v, a, b in zip(names, kinds, value, low, high, strict=True)
    ]
    sure = (low > 0) | (high < 0)
    figure.add_trace(
        go.Scatter(
            x=value,
            y=names,
            mode="markers",
            marker={"color": [look.accent if one else look.benchmark for one in sure], "size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": np.maximum(high - value, 0),
                "arrayminus": np.maximum(value - low, 0),
                "color": look.others,
                "thickness": 1.5,
                "width": 4,
            },
            text=said,
            hovertemplate="%{text}<extra></extra>",
        ),
        row=row,
        col=1,
    )


def growth(
    strategies: pd.DataFrame, *, about: About = ABOUT, theme: ThemeName = "light", log: bool = True
) -> go.Figure:
    """What one unit in each of several strategies became: `strategies` is time × name: simple returns."""
    look = themes.theme(theme)
    if strategies.shape[1] > len(look.series):
        raise InputError(f"{strategies.shape[1]} lines cannot be told apart: give {len(look.series)} at most")
    known = checked(strategies, "returns")
    known = known.loc[:, known.notna().any()].fillna(0.0)
    names = ", ".join(map(str, known.columns))
    figure = canvas.blank(
        f"Growth of {about.subject}",
        f"One unit in each of {names}" + (", logarithmic" if log else ""),
        about,
        theme,
        canvas.times(known),
    )
    figure.update_yaxes(title_text="one unit became")
    figure.update_yaxes({"type": "log", "exponentformat": "B"} if log else {"tickformat": ","})
    if known.empty or not known.to_numpy().any():
        return canvas.nothing(figure)
    for (name, values), colour in zip((1 + known).cumprod().items(), look.series, strict=False):
        canvas.line(figure, values, str(name), about, colour, ",.3f")
    return figure


def differences(
    gaps: pd.DataFrame, statistic: str = "sharpe", *, baseline: str = "", about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:  # fmt: skip
    """How far strategies are from a baseline in one statistic, each with its interval; zero is no difference.

    `gaps` is `Comparison.differences`: (statistic, name) × value, low, high.
    """
    table = gaps if len(gaps) else pd.DataFrame(columns=list(ENDS), index=pd.MultiIndex.from_arrays([[], []]))
    known = list(dict.fromkeys(table.index.get_level_values(0)))
    if known and statistic not in known:
        raise InputError(f"no differences of {statistic!r}; there are: {', '.join(known)}")
    look, one = themes.theme(theme), formats.statistic(statistic)
    rows = table.loc[table.index.get_level_values(0) == statistic, list(ENDS)].astype("float64").dropna()
    figure = canvas.blank(
        f"{one.label} of {about.subject}: difference from {baseline or 'the first'}",
        "Dot and interval; a whisker that crosses zero may be chance",
        about,
        theme,
        pd.DatetimeIndex([], tz="UTC"),
    )
    shares = one.kind in (Kind.RETURN, Kind.PERCENT)
    figure.update_xaxes(type="linear", zeroline=True, zerolinecolor=look.muted, title_text=f"difference in {one.label}")
    figure.update_xaxes(tickformat="+.0%" if shares else "+.2~f")
    figure.update_yaxes(title_text="strategy", type="category", autorange="reversed")
    if rows.empty:
        return canvas.nothing(figure)
    names = [canvas.safe(str(name)) for name in rows.index.get_level_values(1)]
    _whiskers(figure, rows, names, [one] * len(rows), 1, look)
    figure.update_layout(height=230 + 28 * len(rows), hovermode="closest", showlegend=False)
    return figure
