"""What became of the best of each half of history in the other half: its rank, and its Sharpe ratio."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

BINS = 40
DOTS = 2_000  # more would be one cloud
NO_TIMES = pd.DatetimeIndex([], tz="UTC")


class Splits(Protocol):
    """What is drawn of a `backtest.PBO`."""

    @property
    def probability(self) -> float:
        """Share of splits in which the chosen trial ended below the median."""
        ...

    @property
    def loss(self) -> float:
        """Share of splits in which it lost money."""
        ...

    @property
    def slope(self) -> float:
        """Of the line through the Sharpe ratios."""
        ...

    @property
    def intercept(self) -> float:
        """Of the same, per period."""
        ...

    @property
    def trials(self) -> int:
        """How many there were to choose from."""
        ...

    @property
    def logits(self) -> NDArray[np.float64]:
        """ln(ω / (1 − ω)) of the relative rank, one a split."""
        ...

    @property
    def in_sample(self) -> NDArray[np.float64]:
        """Sharpe ratio per period, one a split."""
        ...

    @property
    def out_of_sample(self) -> NDArray[np.float64]:
        """Sharpe ratio per period, one a split."""
        ...


def logits(found: Splits, *, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """How the ranks out of sample of what was best in sample lie, as logits: left of zero is below the median.

    `found` is a `backtest.PBO` (Bailey, Borwein, López de Prado & Zhu 2017).
    """
    look, values = themes.theme(theme), np.asarray(found.logits, "float64")
    figure = _sheet(
        f"Rank out of sample of the best of {about.subject}",
        f"{formats.percent(found.probability, sign=False)} of {len(values):,} splits end below the median of "
        f"{found.trials:,} trials: the probability of backtest overfitting",
        about,
        theme,
    )
    figure.update_xaxes(title_text="logit of the relative rank (0: the median)")
    figure.update_yaxes(title_text="share of splits, %", tickformat=".0%", rangemode="tozero")
    if not len(values):
        return canvas.nothing(figure)
    shares, edges = _binned(values)
    middles = (edges[:-1] + edges[1:]) / 2
    _bars(figure, edges, shares, [look.loss if middle < 0 else look.gain for middle in middles])
    figure.add_vline(0, line={"color": look.rule, "width": 1.5})
    return figure


def degradation(found: Splits, *, periods: int = 252, about: About = ABOUT, theme: ThemeName = "light") -> go.Figure:
    """Sharpe ratio out of sample against that in sample of the best of each split, with the line through them.

    `found` is a `backtest.PBO`; `periods` a year make the ratios annual. At most 2,000 splits are drawn, evenly taken.
    """
    look, year = themes.theme(theme), _year(periods)
    inside, outside = np.asarray(found.in_sample) * year, np.asarray(found.out_of_sample) * year
    figure = _sheet(
        f"In sample and out of sample: {about.subject}",
        f"The best of each of {len(inside):,} splits; it loses money in {formats.percent(found.loss, sign=False)} of "
        f"them; slope {formats.ratio(found.slope, sign=True)}",
        about,
        theme,
    )
    figure.update_xaxes(title_text="Sharpe ratio in sample, a year")
    figure.update_yaxes(title_text="Sharpe ratio out of sample, a year", zeroline=True, zerolinecolor=look.rule)
    if not len(inside):
        return canvas.nothing(figure)
    import plotly.graph_objects as go

    taken = np.unique(np.linspace(0, len(inside) - 1, min(len(inside), DOTS)).astype(int))
    colours = np.where(outside[taken] < 0, look.loss, look.gain)
    figure.add_trace(
        go.Scatter(
            x=inside[taken], y=outside[taken], mode="markers", name="splits",
            marker={"color": colours.tolist(), "size": 5, "opacity": 0.35},
            hovertemplate="in sample %{x:.2f}, out of sample %{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    if math.isfinite(found.slope):
        ends = np.array([inside.min(), inside.max()])
        figure.add_trace(
            go.Scatter(
                x=ends, y=found.intercept * year + found.slope * ends, mode="lines", name="line through all",
                line={"color": look.ink, "width": 2}, hoverinfo="skip",
            )
        )  # fmt: skip
    return figure


def _sheet(title: str, subtitle: str, about: About, theme: ThemeName) -> go.Figure:
    figure = canvas.blank(title, subtitle, about, theme, NO_TIMES)
    figure.update_xaxes(type="linear", hoverformat=".2f")
    figure.update_layout(hovermode="closest", showlegend=False, bargap=0.04)
    return figure


def _year(periods: int) -> float:
    if isinstance(periods, bool) or not isinstance(periods, int) or periods < 1:
        raise InputError(f"periods={periods!r} must be the number of returns a year, as 252")
    return math.sqrt(periods)


def _binned(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares in bins of one width, zero among their edges."""
    reach = max(float(np.abs(values).max()), 0.5)
    width = 2 * reach / BINS
    edges = width * np.arange(np.floor(values.min() / width), np.floor(values.max() / width) + 2)
    counts, edges = np.histogram(values, edges)
    return counts / len(values), edges


def _bars(figure: go.Figure, edges: NDArray[np.float64], shares: NDArray[np.float64], colours: list[str]) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2, y=shares, width=np.diff(edges),
            marker={"color": colours, "line": {"width": 0}},
            customdata=np.column_stack([edges[:-1], edges[1:]]),
            hovertemplate="%{y:.1%} of splits from %{customdata[0]:.2f} to %{customdata[1]:.2f}<extra></extra>",
        )
    )  # fmt: skip
