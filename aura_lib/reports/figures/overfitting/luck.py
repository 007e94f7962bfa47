"""What the best of so many trials shows by luck, and where the one that was chosen stands to it."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

import numpy as np

from aura_lib.core.errors import InputError
from aura_lib.reports import formats, themes
from aura_lib.reports.about import ABOUT, About
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.overfitting.splits import _sheet, _year
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from numpy.typing import NDArray

LEVEL = 0.95
POINTS = 120
EULER = 0.5772156649015329
FEWEST = 100  # trials up to which the curve is drawn at least


class Deflated(Protocol):
    """What is drawn of a `backtest.DeflatedSharpe`; Sharpe ratios per period."""

    @property
    def probability(self) -> float:
        """That the true one is above what luck shows."""
        ...

    @property
    def sharpe(self) -> float:
        """Of the chosen trial."""
        ...

    @property
    def error(self) -> float:
        """Its standard error."""
        ...

    @property
    def benchmark(self) -> float:
        """The expected maximum of the trials."""
        ...

    @property
    def trials(self) -> float:
        """Their effective number."""
        ...

    @property
    def sharpe_variance(self) -> float:
        """Of their Sharpe ratios."""
        ...


def deflated_sharpe(
    found: Deflated, *, count: int | None = None, periods: int = 252, about: About = ABOUT, theme: ThemeName = "light"
) -> go.Figure:
    """The highest Sharpe ratio to expect of N trials without skill, for every N, and the one that was found.

    The line is the expected maximum (Bailey & López de Prado 2014), the dot where this search stands on it, the band
    what the true ratio may be (95 %, two-sided): a finding is one whose band is above the dot. `found` is a
    `backtest.DeflatedSharpe`, `count` how many trials there were before their correlation, `periods` are of a year.
    """
    look, year = themes.theme(theme), _year(periods)
    if count is not None and count < 1:
        raise InputError(f"count={count!r} must be a number of trials")
    worth = f"worth {found.trials:,.0f} independent ones" if count and count > found.trials else "all different"
    figure = _sheet(
        f"Luck and {about.subject}",
        f"{formats.count(count or found.trials)} trials, {worth}: {formats.ratio(found.sharpe * year)} found, "
        f"{formats.ratio(found.benchmark * year)} by luck; more than luck with probability "
        f"{formats.percent(found.probability, sign=False)}",
        about,
        theme,
    )
    figure.update_xaxes(title_text="independent trials without skill", type="log", hoverformat=",.0f", dtick=1)
    figure.update_yaxes(title_text="Sharpe ratio, a year", rangemode="tozero", tickformat=".1f")
    most = max(10 * found.trials, FEWEST, count or 1)
    trials = np.geomspace(1, most, POINTS)
    luck = _expected(trials, found.sharpe_variance) * year
    _line(figure, trials, luck, "the best by luck", look.loss)
    _observed(figure, found, trials, year, look)
    _dot(figure, found, year, look)
    _named(figure, "the best by luck", most, float(luck[-1]), "right", look.loss_text)
    _named(figure, "found", 1, found.sharpe * year, "left", look.accent)
    return figure


def _expected(trials: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """The expected maximum of each number of trials: the formula of `backtest.expected_maximum_sharpe`."""
    quantile = NormalDist().inv_cdf
    standard = [
        0.0 if n <= 1 else max(0.0, -(1 - EULER) * quantile(1 / n) - EULER * quantile(1 / (n * np.e))) for n in trials
    ]
    return np.asarray(np.sqrt(variance) * np.array(standard), "float64")


def _observed(figure: go.Figure, found: Deflated, trials: NDArray[np.float64], year: float, look: Theme) -> None:
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * found.error
    figure.add_hrect(
        (found.sharpe - reach) * year, (found.sharpe + reach) * year, fillcolor=look.accent_fill, line_width=0,
        layer="below",
    )  # fmt: skip
    _line(figure, trials[[0, -1]], np.full(2, found.sharpe * year), "found", look.accent)


def _named(figure: go.Figure, text: str, trials: float, sharpe: float, anchor: str, colour: str) -> None:
    """The name of a line above one of its ends. A logarithmic axis wants the power of ten."""
    figure.add_annotation(
        name=text, text=text, x=float(np.log10(trials)), y=sharpe, xanchor=anchor, yanchor="bottom", showarrow=False,
        xshift=4 if anchor == "left" else -4, font={"size": 11, "color": colour},
    )  # fmt: skip


def _line(figure: go.Figure, x: NDArray[np.float64], y: NDArray[np.float64], name: str, colour: str) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=x, y=y, mode="lines", name=canvas.safe(name), line={"color": colour, "width": 2},
            hovertemplate="%{y:.2f} of %{x:,.0f} trials<extra></extra>",
        )
    )  # fmt: skip


def _dot(figure: go.Figure, found: Deflated, year: float, look: Theme) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=[found.trials], y=[found.benchmark * year], mode="markers", name="this search",
            marker={"color": look.loss_text, "size": 11, "line": {"color": look.panel, "width": 2}},
            hovertemplate="%{y:.2f} of %{x:,.0f} trials<extra></extra>",
        )
    )  # fmt: skip
