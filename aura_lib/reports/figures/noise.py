"""The figure of the noise experiment: how searches over nothing, and searches with a true edge, are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import InputError
from aura_lib.reports import themes
from aura_lib.reports.figures import canvas
from aura_lib.reports.themes import ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

SIDES = ("noise", "planted")


def noise_experiment(results: Mapping[str, Sequence[Mapping[str, Any]]], *, theme: ThemeName = "light") -> go.Figure:
    """The best in-sample Sharpe ratio of each search against its deflated one, over noise and with a planted edge.

    `results` maps "noise" and "planted" to one mapping a search: `sharpe` (annual, of what was chosen), `deflated`
    (the deflated Sharpe ratio, a probability) and `passed` (the whole verdict). Missing keys raise InputError.
    """
    import plotly.graph_objects as go

    wanted = ("sharpe", "deflated", "passed")
    if set(results) != set(SIDES) or any(not set(wanted) <= set(one) for side in SIDES for one in results[side]):
        raise InputError(f"results must map noise and planted to searches with {', '.join(wanted)}")
    look = themes.theme(theme)
    shares = {side: float(np.mean([one["passed"] for one in results[side]])) for side in SIDES if results[side]}
    told = " · ".join(
        f"{side}: {shares[side]:.1%} of {len(results[side]):,} searches pass" for side in SIDES if side in shares
    )
    figure = go.Figure()
    title = "What the evidence says of searches over noise, and of a true edge"
    figure.update_layout(
        template=themes.template(look), title={"text": title, "subtitle": {"text": told}},
        meta={"title": title, "subtitle": told, "source": "Seeded simulation"}, height=canvas.HEIGHT,
        hovermode="closest",
    )  # fmt: skip
    colours = {"noise": look.loss, "planted": look.gain}
    for side in SIDES:
        for passed, symbol in ((False, "circle-open"), (True, "circle")):
            chosen = [one for one in results[side] if bool(one["passed"]) is passed]
            figure.add_trace(
                go.Scatter(
                    x=[one["sharpe"] for one in chosen], y=[one["deflated"] for one in chosen], mode="markers",
                    name=f"{side}, {'passes' if passed else 'refused'} ({len(chosen):,})",
                    marker={"size": 6, "symbol": symbol, "color": colours[side], "opacity": 0.75},
                    hovertemplate="Sharpe %{x:.2f}, deflated %{y:.2f}<extra>" + side + "</extra>",
                )
            )  # fmt: skip
    figure.update_xaxes(title_text="Sharpe ratio of what the search chose, annual, in sample", type="linear")
    figure.update_yaxes(title_text="deflated Sharpe ratio, probability", range=[-0.03, 1.03])
    figure.add_hline(0.95, line={"color": look.rule, "dash": "dot"})
    return figure if shares else canvas.nothing(figure)
