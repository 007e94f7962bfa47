"""A curve as a small picture: SVG that needs no script, in the colours of the page it stands on."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from aura_lib.reports import formats
from aura_lib.reports.about import ABOUT, About, checked

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 190, 74, 30, 44  # pixels
POINTS = 400  # more would fall on the same pixels


def curve(equity: pd.Series, *, about: About = ABOUT) -> str:
    """What a book is worth over time, on a logarithmic axis, as SVG text.

    `equity` is positive, in `about.currency`, indexed by aware times; NaN is left out. Lines and words take the
    colour of the text around them, so that the picture is at home in a light and in a dark notebook.
    """
    known = checked(equity, "equity").dropna()
    known = known[known > 0]
    title = f"Equity of {about.subject}, {about.currency}, logarithmic"
    times = pd.DatetimeIndex(known.index)
    inside = _drawn(known, times, about) if len(known) > 1 else _word("nothing yet", WIDTH / 2, HEIGHT / 2, "middle")
    words = _word(title, 0, 14, "start", weight=600) + _word(about.line(times), 0, HEIGHT - 4, "start")
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'style="max-width:100%;height:auto" fill="currentColor" font-size="11" '
        f'xmlns="http://www.w3.org/2000/svg">{words}{inside}</svg>'
    )


def _drawn(known: pd.Series, times: pd.DatetimeIndex, about: About) -> str:
    rows = np.unique(np.linspace(0, len(known) - 1, POINTS).astype(int))
    level, moment = np.log(known.to_numpy()), times.as_unit("s").asi8.astype("float64")
    low, high = float(level.min()), float(level.max())
    spread = (high - low) or 1.0
    x = LEFT + (moment - moment[0]) / (moment[-1] - moment[0]) * (WIDTH - LEFT - 4)
    y = TOP + (high - level) / spread * (HEIGHT - TOP - BOTTOM)
    points = " ".join(f"{x[row]:.1f},{y[row]:.1f}" for row in rows)
    base = HEIGHT - BOTTOM
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - 4}" y1="{base}" y2="{base}" stroke="currentColor" opacity="0.3"/>'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        + _word(formats.count(float(known.max())), LEFT - 6, TOP + 4, "end")
        + _word(formats.count(float(known.min())), LEFT - 6, base, "end")
        + _word(formats.day(times[0], about.zone), LEFT, base + 15, "start")
        + _word(formats.day(times[-1], about.zone), WIDTH - 4, base + 15, "end")
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
