"""The traces of a chart of candles, and its tail: what of it changes while the market moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.reports import themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.market import STUDIES, digits
from aura_lib.reports.themes import ThemeName

TICKS = 9  # labels that fit under a narrow chart
PRICE, VOLUME, PANE, GAP = 268, 62, 84, 10  # pixels


def _week(times: pd.DatetimeIndex) -> Any:
    """The number of a Monday's week since 1970."""
    return (times.as_unit("s").asi8 // 86_400 + 3) // 7


# What a label may stand at, from fine to coarse: the number whose change it marks, and how it is written.
UNITS: tuple[tuple[Callable[[pd.DatetimeIndex], Any], str], ...] = (
    (lambda t: t.day_of_year * 24 + t.hour, "%H:%M"),
    (lambda t: t.day_of_year * 8 + t.hour // 3, "%H:%M"),
    (lambda t: t.day_of_year, "%-d %b"),
    (lambda t: _week(t), "%-d %b"),
    (lambda t: _week(t) // 2, "%-d %b"),
    (lambda t: t.month, "%b %Y"),
    (lambda t: t.quarter, "%b %Y"),
    *((lambda t, years=years: t.year // years, "%Y") for years in (1, 2, 5, 10)),
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace: what of it stays, and its values, a row a bar. `axis` is the number of its y axis, from 1."""

    axis: int
    look: dict[str, Any]
    values: dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of candles before it is drawn: categories, traces, what marks the last price, and its axes."""

    labels: list[str]
    traces: tuple[Trace, ...]
    ticks: dict[str, Any]
    marks: dict[str, Any]
    axes: tuple[dict[str, Any], ...]
    height: int


def plot(
    frame: pd.DataFrame,
    studies: Mapping[str, pd.DataFrame],
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
    intraday: bool = False,
    log: bool = False,
) -> Plot:
    """The chart of checked bars (a row a bar; close, and what else there is of open, high, low, volume)."""
    look = themes.theme(theme)
    times = about.wall(pd.DatetimeIndex(frame.index))
    panes = [name for name in studies if STUDIES[name].pane]
    volume = "volume" in frame and bool(frame["volume"].notna().any())
    traces = [_prices(frame, look, about)]
    if volume:
        traces.append(_volume(frame, look))
    for number, name in enumerate(name for name in studies if name not in panes):
        traces += _overlay(name, studies[name], look.series[(number + 1) % len(look.series)])
    for place, name in enumerate(panes, 2 + volume):
        traces += _pane(name, studies[name], place, look)
    titles = [about.currency, *(["volume"] if volume else []), *(STUDIES[name].label for name in panes)]
    levels = [(), *([()] if volume else []), *(STUDIES[name].levels for name in panes)]
    return Plot(
        _labels(times, intraday), tuple(traces), _ticks(times), _marks(frame, look, log), _axes(titles, levels, log),
        _height(len(titles), volume),
    )  # fmt: skip


def tail(made: Plot, first: int, source: str) -> dict[str, Any]:
    """What a page needs to bring a chart up to date whose first `first` bars have not changed: JSON."""
    traces = [
        {"x": made.labels[first:], **{name: _plain(values[first:]) for name, values in trace.values.items()}}
        for trace in made.traces
    ]
    return {"from": first, "traces": traces, "layout": {"xaxis": made.ticks, **made.marks}, "source": source}


def _plain(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _prices(frame: pd.DataFrame, look: themes.Theme, about: About) -> Trace:
    places = digits(float(frame["close"].iloc[-1]))
    if not {"open", "high", "low"} <= set(frame):
        kept = _line(1, frame["close"].rename("Close"), look.accent, len(frame))
        return Trace(1, {**kept.look, "hovertemplate": f"%{{y:,.{places}f}}"}, kept.values)
    hover = "<br>".join(f"{name} %{{{name}:,.{places}f}}" for name in ("open", "high", "low", "close"))
    style = {
        "type": "candlestick", "name": about.subject.replace("<", "&lt;"), "showlegend": False,
        "increasing": {"line": {"color": look.gain, "width": 1}, "fillcolor": look.gain},
        "decreasing": {"line": {"color": look.loss, "width": 1}, "fillcolor": look.loss},
        "hovertemplate": hover + "<extra></extra>",
    }  # fmt: skip
    return Trace(1, style, {name: frame[name].to_numpy() for name in ("open", "high", "low", "close")})


def _volume(frame: pd.DataFrame, look: themes.Theme) -> Trace:
    style = {
        "type": "bar", "name": "Volume", "showlegend": False, "marker": {"color": look.others, "line": {"width": 0}},
        "hovertemplate": "%{y:,.4~s}",
    }  # fmt: skip
    return Trace(2, style, {"y": frame["volume"].to_numpy()})


def _line(axis: int, values: pd.Series, colour: str, rows: int, hover: str = ",.2f") -> Trace:
    style = {
        "type": "scatter", "name": str(values.name), "mode": "lines" if rows > 1 else "markers",
        "line": {"color": colour, "width": 1.4}, "marker": {"color": colour}, "hovertemplate": f"%{{y:{hover}}}",
    }  # fmt: skip
    return Trace(axis, style, {"y": values.to_numpy()})


def _overlay(name: str, lines: pd.DataFrame, colour: str) -> list[Trace]:
    """The lines of one study over the prices, in one colour and with one entry in the legend."""
    drawn = []
    for number, column in enumerate(lines):
        made = _line(1, lines[column], colour, len(lines))
        legend = {"name": STUDIES[name].label, "legendgroup": name, "showlegend": number == 0}
        hover = f"{lines[column].name} {made.look['hovertemplate']}<extra></extra>"
        drawn.append(Trace(1, {**made.look, **legend, "hovertemplate": hover}, made.values))
    return drawn


def _pane(name: str, lines: pd.DataFrame, axis: int, look: themes.Theme) -> list[Trace]:
    drawn = []
    for number, (column, values) in enumerate(lines.items()):
        if column in STUDIES[name].bars:
            style = {
                "type": "bar", "name": str(column), "marker": {"color": look.cash, "line": {"width": 0}},
                "showlegend": False, "hovertemplate": "%{y:,.2f}",
            }  # fmt: skip
            drawn.append(Trace(axis, style, {"y": values.to_numpy()}))
        else:
            made = _line(axis, values, (look.accent, look.series[1])[number % 2], len(lines))
            drawn.append(Trace(axis, {**made.look, "showlegend": False}, made.values))
    return drawn


def _labels(times: pd.DatetimeIndex, intraday: bool) -> list[str]:
    """One text a bar, all different: the hour that a change of the clock brings twice is counted."""
    texts = list(times.strftime("%a %-d %b %Y, %H:%M" if intraday else "%a %-d %b %Y"))
    if len(set(texts)) == len(texts):
        return texts
    seen: dict[str, int] = {}
    for text in texts:
        seen[text] = seen.get(text, 0) + 1
    count: dict[str, int] = {}
    for place, text in enumerate(texts):
        count[text] = count.get(text, 0) + 1
        texts[place] = text if count[text] == 1 else f"{text} ({count[text]})"
    return texts


def _ticks(times: pd.DatetimeIndex) -> dict[str, Any]:
    """Where labels stand: at the first bar of each hour, day, week … whatever gives no more than fit."""
    tried = ((_changes(np.asarray(unit(times))), written) for unit, written in UNITS)
    nothing = np.empty(0, dtype=np.int64), "%Y"
    places, written = next((found for found in tried if 1 <= len(found[0]) <= TICKS), nothing)
    return {"tickmode": "array", "tickvals": places.tolist(), "ticktext": list(times[places].strftime(written))}


def _changes(parts: np.ndarray) -> np.ndarray:
    return np.flatnonzero(parts[1:] != parts[:-1]) + 1


def _marks(frame: pd.DataFrame, look: themes.Theme, log: bool) -> dict[str, Any]:
    """A line at the last price, and the price on it."""
    price = float(frame["close"].iloc[-1])
    line = {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": price, "y1": price,
        "line": {"color": look.benchmark, "width": 1, "dash": "dot"},
    }  # fmt: skip
    words = {
        "name": "last", "text": f"{price:,.{digits(price)}f}", "xref": "paper", "x": 1, "xanchor": "left",
        "yref": "y", "y": math.log10(price) if log else price, "yanchor": "middle", "showarrow": False,
        "font": {"size": 11, "color": look.ink}, "bgcolor": look.panel, "borderpad": 1,
    }  # fmt: skip
    return {"shapes": [line], "annotations": [words]}


def _height(rows: int, volume: bool) -> int:
    return PRICE + (VOLUME if volume else 0) + PANE * (rows - 1 - volume) + GAP * (rows - 1)


def _axes(titles: list[str], levels: list[tuple[float, ...]], log: bool) -> tuple[dict[str, Any], ...]:
    volume = len(titles) > 1 and titles[1] == "volume"
    height, top, made = _height(len(titles), volume), 0, []
    for number, title in enumerate(titles):
        tall = PRICE if number == 0 else VOLUME if number == 1 and volume else PANE
        domain = [max(0.0, 1 - (top + tall) / height), 1 - top / height]
        axis: dict[str, Any] = {
            "title": {"text": title},
            "domain": domain,
            "anchor": "x",
            "nticks": 6 if number == 0 else 3,
        }
        if number == 0:
            axis |= {"type": "log", "exponentformat": "B"} if log else {"tickformat": ","}
        elif title == "volume":
            axis |= {"tickformat": "~s", "rangemode": "tozero"}
        elif levels[number]:
            axis |= {"tickmode": "array", "tickvals": list(levels[number])}
            axis |= {"range": [0, 100]} if max(levels[number]) > 0 else {}
        made.append(axis)
        top += tall + GAP
    return tuple(made)
