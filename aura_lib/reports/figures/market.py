"""Figures of markets: prices, and what is computed from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import themes
from aura_lib.reports.about import ABOUT, About, checked
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go


def prices(
    prices: pd.DataFrame,
    *,
    about: About = ABOUT,
    theme: ThemeName = "light",
    log: bool = False,
    what: str = "Prices",
    unit: str = "",
) -> go.Figure:
    """One line a column, over time: prices, or whatever else (`what`) is computed from them.

    `prices` is time × name, in `unit` (`about.currency` when not given). NaN is a gap in the line. `log` makes equal
    percentages equally tall. More lines than the theme has colours raise InputError.
    """
    look = themes.theme(theme)
    lines = checked(prices, "prices")
    if lines.shape[1] > len(look.series):
        raise InputError(f"{lines.shape[1]} lines cannot be told apart: draw {len(look.series)} columns at most")
    unit = unit or about.currency
    subtitle = ", ".join(map(str, lines.columns)) + (", logarithmic" if log else "")
    figure = canvas.blank(f"{what} of {about.subject}", subtitle or unit, about, theme, canvas.times(lines))
    figure.update_yaxes(title_text=unit)
    figure.update_yaxes({"type": "log", "exponentformat": "B"} if log else {"tickformat": ","})
    lines = lines.loc[:, lines.notna().any()]
    if lines.empty:
        return canvas.nothing(figure)
    for (name, values), colour in zip(lines.items(), look.series, strict=False):
        canvas.line(figure, values, str(name), about, colour, ",.4~g")
    return figure
