"""The Sharpe ratios of all trials, against the best that no skill at all would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.sweep.table import Swept, combinations, source
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 60


def trials(
    sweep: Swept | pd.DataFrame,
    metric: str = "sharpe",
    *,
    count: float | None = None,
    parameters: Sequence[str] | None = None,
    about: About = ABOUT,
    theme: ThemeName = "light",
) -> go.Figure:
    """How the Sharpe ratios of all trials are distributed, the best one and the best one that luck would give.

    Luck's is the expected maximum of `count` independent trials without skill whose Sharpe ratios vary as these do
    (Bailey & López de Prado, The Deflated Sharpe Ratio, 2014, eq. 1). `count` is the number of all trials of the
    family, or of the effectively independent ones (default: those shown). Values are of train where there are folds.
    """
    from aura_lib.backtest import expected_maximum_sharpe

    found = combinations(sweep, metric, parameters)
    values = found.train.dropna().to_numpy()
    tried = float(len(values) if count is None else count)
    if not tried >= 1 and (count is not None or len(values)):
        raise InputError(f"count={count!r}: a number of trials from 1 is expected")
    look = themes.theme(theme)
    luck = expected_maximum_sharpe(tried, float(values.var(ddof=1))) if len(values) > 1 else math.nan
    figure = canvas.sheet(
        f"{found.label} of all trials of {about.subject}", _subtitle(values, tried, luck), source(about), theme
    )
    figure.update_xaxes(title_text=found.axis())
    figure.update_yaxes(title_text="number of trials", tickformat=",", rangemode="tozero")
    figure.update_layout(hovermode="closest", bargap=0.04, showlegend=False)
    if not len(values):
        return canvas.nothing(figure)
    _histogram(figure, values, look)
    best = float(values.max())
    _mark(figure, "best", f"best {formats.ratio(best)}", best, look.ink, "dot", 0)
    if math.isfinite(luck):
        _mark(figure, "luck", f"luck alone {formats.ratio(luck)}", luck, look.loss_text, "solid", 1)
    figure.update_layout(margin_t=118)
    return figure


def _subtitle(values: np.ndarray, tried: float, luck: float) -> str:
    if not len(values):
        return "no trial has a number"
    told = (
        f"{len(values):,} trials, mean {formats.ratio(float(values.mean()))}, best {formats.ratio(float(values.max()))}"
    )
    if not math.isfinite(luck):
        return told
    verdict = "more than" if values.max() > luck else "no more than"
    return f"{told}: {verdict} the {formats.ratio(luck)} that luck gives the best of {tried:,.0f} without skill"


def _histogram(figure: go.Figure, values: np.ndarray, look: Theme) -> None:
    import plotly.graph_objects as go

    low, high = float(values.min()), float(values.max())
    bins = int(np.clip(2 * len(values) ** (1 / 3), 1, BINS)) if high > low else 1
    counts, edges = np.histogram(values, bins=bins, range=(low, high) if high > low else (low - 0.05, low + 0.05))
    figure.add_trace(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts.astype("float64"),
            width=np.diff(edges),
            marker={"color": look.accent, "line": {"width": 0}},
            customdata=np.column_stack([edges[:-1], edges[1:]]),
            hovertemplate="%{y:,} trials of %{customdata[0]:.2f} to %{customdata[1]:.2f}<extra></extra>",
        )
    )


def _mark(figure: go.Figure, name: str, text: str, at: float, colour: str, dash: str, line: int) -> None:
    figure.add_vline(at, line={"color": colour, "width": 1.5, "dash": dash})
    figure.add_annotation(
        name=name, text=text, x=at, y=1, yref="paper", yanchor="bottom", yshift=14 * line, xanchor="right",
        xshift=4, showarrow=False, font={"size": 11, "color": colour},
    )  # fmt: skip
