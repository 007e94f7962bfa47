"""Small pictures beside a table: SVG that needs no script, at home on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd

from aura_lib.reports import formats
from aura_lib.reports.about import ABOUT, About, checked

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 190, 74, 30, 44  # pixels
POINTS = 400  # of a line; more would fall on the same pixels
ROW, LABEL, VALUE = 19, 84, 56  # pixels: height of a bar's row, width of its name and of its number
BELOW = "#c8702a"
ACCENT = "#3f87c7"  # three times as light as black paper, and as dark as white: seen on both


def curve(equity: pd.Series, *, about: About = ABOUT) -> str:
    """What a book is worth over time, on a logarithmic axis, as SVG text.

    `equity` is positive, in `about.currency`, indexed by aware times; NaN is left out.
    """
    title = f"Equity of {about.subject}, {about.currency}, logarithmic"
    return _lines(checked(equity, "equity").to_frame("equity"), title, about)


def closes(close: pd.DataFrame, *, about: About = ABOUT) -> str:
    """Prices over time, time × symbol, on a logarithmic axis; several symbols each start at 1. NaN is left out."""
    known = close.dropna(axis="columns", how="all")
    if known.shape[1] == 1:
        return _lines(known, f"Close of {known.columns[0]}, {about.currency}, logarithmic", about)
    first = known.bfill().to_numpy(dtype="float64")[:1]
    return _lines(known.div(first if len(first) else 1.0), "Closes, each from 1, logarithmic", about)


def bars(rows: Mapping[str, tuple[float, ...]], title: str) -> str:
    """Fractions as bars, a row a name, as SVG text. Of two, the first is drawn pale above; the last has its number."""
    height = 24 + ROW * len(rows)
    extent = [value for values in rows.values() for value in values] or [0.0]
    low, high = min(0.0, *extent), max(0.0, *extent)
    scale = (WIDTH / 2 - LABEL - VALUE) / ((high - low) or 1.0)
    inside = "".join(
        _bar(name, values, 24 + ROW * number, LABEL - low * scale, scale)
        for number, (name, values) in enumerate(rows.items())
    )
    return _svg(title, inside, WIDTH // 2, height)


def cells(values: pd.DataFrame, title: str, *, marked: tuple[int, int] | None = None) -> str:
    """Numbers as a field of colours, blue above zero and orange below, stronger is further, as SVG text.

    The first row is at the bottom; NaN is left blank. `marked` is the row and column of one cell to be ringed.
    """
    rows, columns = values.shape
    numbers = values.to_numpy(dtype="float64")
    limit = float(np.nanmax(np.abs(numbers))) if np.isfinite(numbers).any() else 0.0
    across, up = min(28.0, (WIDTH / 2 - LEFT) / max(columns, 1)), min(20.0, 260 / max(rows, 1))
    base = 24 + up * rows
    drawn = "".join(
        _cell(numbers[row, column], limit, LEFT + across * column, base - up * (row + 1), across, up)
        for row in range(rows)
        for column in range(columns)
        if np.isfinite(numbers[row, column])
    )
    if marked is not None:
        drawn += (
            f'<rect x="{LEFT + across * marked[1]:.1f}" y="{base - up * (marked[0] + 1):.1f}" width="{across:.1f}" '
            f'height="{up:.1f}" fill="none" stroke="currentColor" stroke-width="2"/>'
        )
    words = [_word(str(values.index[i]), LEFT - 6, base - up * (i + 0.5) + 4, "end") for i in _few(rows, up, 14)]
    words += [
        _word(str(values.columns[i]), LEFT + across * (i + 0.5), base + 16, "middle")
        for i in _few(columns, across, 8 * max((len(str(name)) for name in values.columns), default=1) + 6)
    ]
    names = [str(name) for name in (values.columns.name, values.index.name) if name is not None]
    axes = ", ".join(f"{name} {where}" for name, where in zip(names, ("to the right", "upwards"), strict=False))
    return _svg(title, drawn + "".join(words) + _word(axes, LEFT, base + 34, "start"), WIDTH // 2, int(base + 42))


def _cell(value: float, limit: float, x: float, y: float, width: float, height: float) -> str:
    strength = 0.08 + 0.92 * abs(value) / limit if limit else 0.08
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 1, 0.5):.1f}" height="{max(height - 1, 0.5):.1f}" '
        f'fill="{ACCENT if value >= 0 else BELOW}" opacity="{strength:.2f}"/>'
    )


def _few(count: int, size: float, room: float) -> range:
    """Which of `count` names have room beside each other."""
    return range(0, count, max(1, int(np.ceil(room / size))))


def _bar(name: str, values: tuple[float, ...], top: float, zero: float, scale: float) -> str:
    thick = (ROW - 5) / len(values)
    drawn = "".join(
        f'<rect x="{zero + min(value, 0.0) * scale:.1f}" y="{top + thick * number:.1f}" '
        f'width="{max(abs(value) * scale, 0.5):.1f}" height="{thick:.1f}" fill="{ACCENT}" '
        f'opacity="{1 if number == len(values) - 1 else 0.45}"/>'
        for number, value in enumerate(values)
    )
    end = zero + max(0.0, *values) * scale + 6
    base = top + ROW / 2 + 2
    return (
        _word(name, LABEL - 8, base, "end") + drawn + _word(formats.percent(values[-1], sign=False), end, base, "start")
    )


def _lines(table: pd.DataFrame, title: str, about: About) -> str:
    """Positive values over time, a line a column; the highest and lowest of several bear their names."""
    known = table.where(table > 0).dropna(how="all")
    times = pd.DatetimeIndex(known.index)
    inside = (
        _drawn(known, times, about)
        if len(known) > 1 and known.size
        else _word("nothing yet", WIDTH / 2, HEIGHT / 2, "middle")
    )
    return _svg(title, _word(about.line(times), 0, HEIGHT - 4, "start") + inside, WIDTH, HEIGHT)


def _drawn(known: pd.DataFrame, times: pd.DatetimeIndex, about: About) -> str:
    names = list(known.columns)
    right = WIDTH - (4 if len(names) == 1 else 52)
    level, moment = np.log(known.to_numpy(dtype="float64")), times.as_unit("s").asi8.astype("float64")
    low, high = float(np.nanmin(level)), float(np.nanmax(level))
    x = LEFT + (moment - moment[0]) / (moment[-1] - moment[0]) * (right - LEFT)
    y = TOP + (high - level) / ((high - low) or 1.0) * (HEIGHT - TOP - BOTTOM)
    base = HEIGHT - BOTTOM
    return (
        f'<line x1="{LEFT}" x2="{right}" y1="{base}" y2="{base}" stroke="currentColor" opacity="0.3"/>'
        + "".join(_line(x, y[:, column], len(names)) for column in range(len(names)))
        + "".join(_word(names[column], right + 6, y[-1, column] + 4, "start") for column in _extremes(level))
        + _word(_short(np.exp(high)), LEFT - 6, TOP + 4, "end")
        + _word(_short(np.exp(low)), LEFT - 6, base, "end")
        + _word(formats.day(times[0], about.zone), LEFT, base + 15, "start")
        + _word(formats.day(times[-1], about.zone), right, base + 15, "end")
    )


def _line(x: np.ndarray, y: np.ndarray, of: int) -> str:
    there = np.flatnonzero(np.isfinite(y))
    rows = there[np.unique(np.linspace(0, len(there) - 1, max(POINTS // of, 100)).astype(int))]
    points = " ".join(f"{x[row]:.1f},{y[row]:.1f}" for row in rows)
    look = 'stroke-width="1.5"' if of == 1 else 'stroke-width="1" opacity="0.6"'
    return f'<polyline points="{points}" fill="none" stroke="{ACCENT}" {look}/>'


def _extremes(level: np.ndarray) -> list[int]:
    """The columns that end highest and lowest, if there are several and both are there at the end."""
    last = level[-1]
    if len(last) == 1 or not np.isfinite(last).any():
        return []
    return sorted({int(np.nanargmax(last)), int(np.nanargmin(last))})


def _short(value: float) -> str:
    return formats.count(value) if value >= 1000 else formats.ratio(value)


def _svg(title: str, inside: str, width: int, height: int) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" width="{width}" '
        f'style="max-width:min(100%,{width}px);height:auto" fill="currentColor" font-size="12" '
        f'xmlns="http://www.w3.org/2000/svg">{_word(title, 0, 14, "start", weight=600)}{inside}</svg>'
    )


def _word(text: str, x: float, y: float, anchor: str, weight: int = 400) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def spark(values: pd.Series | None, width: int = 280, height: int = 112) -> str:
    """A curve without words, as SVG text: a picture for a card. None, or fewer than two values, is a level line."""
    known = np.array([]) if values is None else values.dropna().to_numpy(dtype="float64")
    level = known[np.unique(np.linspace(0, len(known) - 1, width // 2).astype(int))] if len(known) > 1 else np.zeros(2)
    low, spread = float(level.min()), float(level.max() - level.min()) or 1.0
    x = np.linspace(0, width, len(level))
    y = height * (0.85 - 0.65 * (level - low) / spread)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<svg aria-hidden="true" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'xmlns="http://www.w3.org/2000/svg"><polygon points="0,{height} {points} {width},{height}" '
        f'fill="currentColor" opacity="0.12"/><polyline points="{points}" fill="none" stroke="currentColor" '
        f'stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg>'
    )
