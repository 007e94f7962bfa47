"""The quality of bars on one figure: which check found something when, and in which symbols."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars
from aura_lib.reports import themes
from aura_lib.reports.about import About
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from aura_lib.data.quality import Quality

CELLS = 100  # over time: on a usual screen each is some pixels wide
SHOWN = 30  # symbols with a row of their own: more cannot be read
ROW, FRAME = 20, 250  # pixels of a row, and of everything around the rows
BETWEEN = 1.5  # rows of nothing between the maps
ALL = "(all symbols)"
KINDS = ("warning", "error", "set aside")  # what a cell can be, from mild to grave: 1, 2, 3


STYLE = f"body{{font:13px {themes.FONT};margin:24px}}td,th{{padding:2px 12px 2px 0;text-align:left}}"
KIND = {"warn": 1, "error": 2}


def quality(given: Quality | Bars, *, theme: ThemeName = "light", zone: str = "") -> go.Figure:
    """Two maps over time: checks above, symbols below; a cell is coloured by the worst that was found in it.

    Up to 30 symbols have a row each; of more those with the most findings, and the subtitle counts the others. A cell
    tells on hovering what was found, how often, and in how many symbols.

    Args:
        given: the report of `data.check`, or Bars, which are checked first.
        theme: light or dark.
        zone: IANA time zone of the time axis; the one of the exchange when not given.
    """
    report = _checked(given)
    found = _rows(report)
    times = report.times if len(report.times) else pd.DatetimeIndex(found["time"])
    about = About(report.source, source=report.source, zone=zone or _zone(report))
    symbols, left = _symbols(report, found)
    edges = _edges(times)
    title = f"Quality of {report.source}" + (f", {report.frequency}" if report.frequency else "")
    figure = canvas.blank(title, _subtitle(report, edges, left), about, theme, times, rows=2)
    if found.empty:
        figure.update_yaxes(title_text="check", row=1).update_yaxes(title_text="symbol", row=2)
        return canvas.nothing(figure, "nothing was found" if report.bars else "nothing yet")
    checks = list(found.groupby("check")["kind"].agg(["max", "size"]).sort_values(["max", "size"]).index)
    for row, (name, labels) in enumerate((("check", checks), ("symbol", symbols[::-1])), start=1):
        _draw(figure, row, name, labels, found, edges, about, theme)
    _shape(figure, len(checks), len(symbols), theme)
    return figure


def quality_page(given: Sequence[Quality], path: Path | str) -> Path:
    """Write the maps and tables of some reports as one HTML file that opens anywhere, offline; its path.

    Raises InputError when it cannot be written.
    """
    from aura_lib.reports.html import write_whole

    parts = []
    for number, report in enumerate(given):
        figure = quality(report)
        parts.append(figure.to_html(full_html=False, include_plotlyjs=number == 0, config={"displaylogo": False}))
        tables = (report.table(), report.quarantine.table())
        parts += [table.to_html(index=False, border=0) for table in tables if len(table)]
    body = "".join(parts) or "<p>nothing yet</p>"
    title, style = "<title>Quality of the data</title>", f"<style>{STYLE}</style>"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8">{title}{style}{body}</html>'
    return write_whole(Path(path).absolute(), page)


def _checked(given: Quality | Bars) -> Quality:
    if isinstance(given, Bars):
        from aura_lib.data.quality import check

        return check(given)
    return given


def _zone(report: Quality) -> str:
    from aura_lib.core import Calendar

    return Calendar.of(report.calendar).zone if report.calendar else "UTC"


def _rows(report: Quality) -> pd.DataFrame:
    """One row a bar that something was found in: check, symbol, time, kind (1 warning, 2 error, 3 set aside)."""
    parts = [
        pd.DataFrame({"time": _when(f), "check": f.check, "symbol": f.symbol or ALL, "kind": KIND[f.severity]})
        for f in report.findings
    ]
    aside = report.quarantine.rows
    parts.append(pd.DataFrame({"time": aside["time"], "check": aside["check"], "symbol": aside["symbol"], "kind": 3}))
    return pd.concat(parts, ignore_index=True)


def _when(finding: Any) -> pd.DatetimeIndex:
    return finding.times if len(finding.times) else pd.DatetimeIndex([finding.first])


def _symbols(report: Quality, found: pd.DataFrame) -> tuple[list[str], int]:
    """Which symbols have a row, the worst first when not all have one, and how many with findings have none."""
    worst = found.groupby("symbol")["kind"].agg(["max", "size"]).sort_values(["max", "size"], ascending=False)
    hit = list(worst.index)
    if len(report.names) <= SHOWN:
        return [*([ALL] if ALL in hit else []), *report.names], 0
    return hit[:SHOWN], max(0, len(hit) - SHOWN)


def _edges(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Cells of equal length from the first bar to the last."""
    if not len(times):
        return times
    first, last = times[0], times[-1] + pd.Timedelta(seconds=1)
    return pd.date_range(first, last, periods=min(CELLS, max(len(times), 2)) + 1)


def _subtitle(report: Quality, edges: pd.DatetimeIndex, left: int) -> str:
    warned = len(report.findings) - len(report.errors)
    counts = (
        f"{_many(len(report.errors), 'error')}, {_many(warned, 'warning')}, {_many(len(report.quarantine), 'row')} "
    )
    size = f"set aside in {_many(report.bars, 'bar')} of {_many(report.symbols, 'symbol')}"
    cell = f"; a cell is {_long(edges[1] - edges[0])}" if len(edges) > 1 else ""
    more = f"; {left} more symbols with findings are not drawn" if left else ""
    return f"{counts}{size}{cell}{more}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _long(span: pd.Timedelta) -> str:
    for unit, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if span.total_seconds() >= 2 * seconds:
            return f"{span.total_seconds() / seconds:.0f} {unit}"
    return f"{span.total_seconds():.0f} seconds"


# ---- drawing -------------------------------------------------------------------------------------------------------
def _draw(
    figure: go.Figure, row: int, name: str, labels: list[str], found: pd.DataFrame, edges: pd.DatetimeIndex,
    about: About, theme: ThemeName,
) -> None:  # fmt: skip
    import plotly.graph_objects as go

    level, text = _cells(name, labels, found, edges)
    counts = found[name].value_counts()
    figure.add_trace(
        go.Heatmap(
            x=about.wall(edges),
            y=[canvas.safe(f"{label} ({counts.get(label, 0):,})") for label in labels],
            z=level,
            text=text,
            colorscale=_scale(theme),
            zmin=0.5,
            zmax=len(KINDS) + 0.5,
            showscale=False,
            xgap=1,
            ygap=2,
            hoverongaps=False,
            name=name,
            hovertemplate="%{y}<br>%{text}<extra></extra>",
        ),
        row=row,
        col=1,
    )
    figure.update_yaxes(title_text=name, showgrid=False, type="category", row=row)


def _cells(name: str, labels: list[str], found: pd.DataFrame, edges: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """The worst kind in each cell (NaN: nothing), and what to say of it."""
    other = "symbol" if name == "check" else "check"
    known = found[found[name].isin(labels)]
    cell = np.clip(edges.searchsorted(pd.DatetimeIndex(known["time"]), side="right") - 1, 0, len(edges) - 2)
    level = np.full((len(labels), len(edges) - 1), np.nan)
    text = np.full(level.shape, "", dtype=object)
    place = {label: number for number, label in enumerate(labels)}
    for (label, column), of in known.assign(cell=cell).groupby([name, "cell"]):
        spot = place[str(label)], int(str(column))
        level[spot] = of["kind"].max()
        counts = of[other].value_counts()
        told = ", ".join(f"{which} {count}" for which, count in counts.head(4).items())
        more = f" and {len(counts) - 4} more" if len(counts) > 4 else ""
        days = f"{of['time'].min():%Y-%m-%d}" + ("" if len(of) == 1 else f" to {of['time'].max():%Y-%m-%d}")
        text[spot] = canvas.safe(f"{KINDS[of['kind'].max() - 1]}, {days}: {told}{more}")
    return level, text


def _colours(theme: ThemeName) -> tuple[str, str, str]:
    look = themes.theme(theme)
    return look.series[1], look.loss, look.series[0]


def _scale(theme: ThemeName) -> list[list[Any]]:
    steps = []
    for number, colour in enumerate(_colours(theme)):
        steps += [[number / len(KINDS), colour], [(number + 1) / len(KINDS), colour]]
    return steps


def _shape(figure: go.Figure, checks: int, symbols: int, theme: ThemeName) -> None:
    """Heights by the number of rows, and a legend that names the colours."""
    import plotly.graph_objects as go

    rows = checks + symbols + BETWEEN
    figure.update_layout(
        height=FRAME + ROW * rows,
        hovermode="closest",
        yaxis={"domain": [1 - checks / rows, 1.0]},
        yaxis2={"domain": [0.0, symbols / rows]},
    )
    for kind, colour in zip(KINDS, _colours(theme), strict=True):
        marker = {"color": colour, "symbol": "square", "size": 11}
        figure.add_trace(
            go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=kind, hovertemplate="%{x}"), row=1, col=1
        )
    figure.update_xaxes(showgrid=False)
