"""The evidence of a strategy on one page: every finding against its threshold, and the pictures behind them.

Each function takes what `backtest.evidence` returns (or a recorded `Evidence`) and draws from the data in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import Evidence, Examination, Finding, InputError
from aura_lib.reports import themes
from aura_lib.reports.figures import canvas
from aura_lib.reports.figures.evidence_words import LABELS, excused, number, required, threshold
from aura_lib.reports.themes import Theme, ThemeName

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW, FRAME, PANEL = 25, 150, 330  # pixels: of a finding, of the words around them, of a panel
MARKS = {True: "✓", False: "✗", None: "–"}


def evidence(given: Examination | Evidence, *, subject: str = "", theme: ThemeName = "light") -> go.Figure:
    """One page: the verdict, the findings against their thresholds, and six pictures.

    Out-of-sample equity, the trials with what the best of worthless ones would show, the neighbourhood of the
    parameters, the paths of the cross-validation, robustness, and the placebos. `subject` names the strategy.
    """
    from plotly.subplots import make_subplots

    found, look = _examined(given), themes.theme(theme)
    top = FRAME + ROW * len(found.findings)
    heights = [top - FRAME, PANEL, PANEL, PANEL]
    figure = make_subplots(
        rows=4, cols=2, specs=[[{"colspan": 2}, None], *[[{}, {}]] * 3], row_heights=heights,
        vertical_spacing=0.075, horizontal_spacing=0.11,
        subplot_titles=["Findings and thresholds", *(name for name, _ in PANELS.values())],
    )  # fmt: skip
    _words(figure, found, look, sum(heights) + FRAME + 3 * 95, _of("Evidence", subject), found.verdict, 860)
    _findings(figure, found.findings, look, 1, 1)
    for place, (_, draw) in enumerate(PANELS.values()):
        row, column = 2 + place // 2, 1 + place % 2
        if not draw(figure, found.figures, look, row, column):
            _missing(figure, look, row, column)
    return figure


def evidence_panel(
    given: Examination | Evidence, name: str, *, subject: str = "", theme: ThemeName = "light"
) -> go.Figure:
    """One picture of the page by its name: findings, out_of_sample, trials, neighbourhood, paths, robustness, placebo.

    An unknown name raises InputError.
    """
    from plotly.subplots import make_subplots

    found, look = _examined(given), themes.theme(theme)
    if name != "findings" and name not in PANELS:
        raise InputError(f"there is no panel {name!r}: give findings, {', '.join(PANELS)}")
    figure = make_subplots(rows=1, cols=1)
    if name == "findings":
        height, title = FRAME + ROW * len(found.findings), _of("Findings and thresholds", subject)
        _words(figure, found, look, height, title, found.verdict, 640)
        _findings(figure, found.findings, look, 1, 1)
        return figure
    meaning = found.finding(BEHIND.get(name, ""))
    _words(figure, found, look, canvas.HEIGHT, PANELS[name][0], meaning.meaning if meaning else "", 0)
    if not PANELS[name][1](figure, found.figures, look, 1, 1):
        _missing(figure, look, 1, 1)
    return figure


def drawable(given: Examination | Evidence) -> list[str]:
    """The names of the pictures that there are data for."""
    from plotly.subplots import make_subplots

    found, look = _examined(given), themes.theme("light")
    blank = make_subplots(rows=1, cols=1)
    blank.update_layout(template=themes.template(look))
    return [name for name, (_, draw) in PANELS.items() if draw(blank, found.figures, look, 1, 1)]


def _examined(given: Examination | Evidence) -> Examination:
    found = given.examination if isinstance(given, Evidence) else given
    return found if found is not None else Examination((), "Nothing was examined: only statistics were recorded.")


def _of(title: str, subject: str) -> str:
    return f"{title} of {subject}" if subject else title


def _words(
    figure: go.Figure, found: Examination, look: Theme, height: int, title: str, said: str, width: int
) -> None:  # fmt: skip
    source = f"Policy {found.policy[:12] or 'none'} · {found.trials:,} trials counted · returns after costs"
    lines = _wrapped(said, 118 if width else 88)
    figure.update_layout(
        template=themes.template(look),
        title={"text": canvas.safe(title), "subtitle": {"text": "<br>".join(canvas.safe(line) for line in lines)}},
        meta={"title": title, "subtitle": said, "source": source, "min_width": width},
        height=height, showlegend=False, hovermode="closest", margin={"t": 100 + 16 * len(lines), "b": 80},
    )  # fmt: skip
    figure.update_annotations(font={"size": 13, "color": look.ink}, xanchor="center")
    figure.add_annotation(
        name="source", text=canvas.safe(source), xref="paper", yref="paper", x=0, y=0, yshift=-50, showarrow=False,
        xanchor="left", yanchor="top", font={"size": 11, "color": look.muted},
    )  # fmt: skip


def _wrapped(text: str, width: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, width) or [""]


# ---- the findings --------------------------------------------------------------------------------------------------
def _findings(figure: go.Figure, findings: tuple[Finding, ...], look: Theme, row: int, column: int) -> None:
    import plotly.graph_objects as go

    shown = findings[::-1]
    labels = [f"{canvas.safe(LABELS.get(f.name, f.name))}  {MARKS[f.passed]}" for f in shown]
    colours = [_colour(f, look) for f in shown]
    places = [_place(f) for f in shown]
    bars = go.Bar(
        x=[place - 0.5 for place in places], base=0.5, y=labels, orientation="h", width=0.5, marker_color=colours,
        hoverinfo="skip",
    )  # fmt: skip
    dots = go.Scatter(
        x=places, y=labels, mode="markers", marker={"size": 9, "color": colours, "line": {"width": 0}},
        customdata=[[_hover(f.meaning), number(f.value), threshold(f)] for f in shown],
        hovertemplate="%{customdata[1]}, %{customdata[2]}<br>%{customdata[0]}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=row, col=column)
    figure.add_trace(dots, row=row, col=column)
    axes = figure.get_subplot(row, column)
    figure.update_xaxes(
        range=[-0.02, 1.72], tickvals=[0.12, 0.5, 0.88], ticktext=["fails", "threshold", "passes"], showline=False,
        ticks="", row=row, col=column,
    )  # fmt: skip
    figure.update_yaxes(ticks="", tickfont={"size": 12, "color": look.ink}, row=row, col=column)
    figure.add_vline(0.5, line={"color": look.ink, "width": 1}, row=row, col=column)
    for label, finding, colour in zip(labels, shown, colours, strict=True):
        for x, text, ink in ((1.04, number(finding.value), colour), (1.2, threshold(finding), look.muted)):
            _beside(figure, axes, x, label, text, ink)
        _beside(figure, axes, 1.42, label, required(finding) + (", excused" if excused(finding) else ""), look.muted)


def _colour(finding: Finding, look: Theme) -> str:
    return look.others if finding.passed is None or excused(finding) else look.gain if finding.passed else look.loss


def _beside(figure: go.Figure, axes: Any, x: float, label: str, text: str, ink: str) -> None:
    figure.add_annotation(
        x=x, y=label, xref=axes.yaxis.anchor, yref=axes.xaxis.anchor, text=canvas.safe(text), showarrow=False,
        xanchor="left", font={"size": 12, "color": ink},
    )  # fmt: skip


def _hover(text: str) -> str:
    return "<br>".join(_wrapped(canvas.safe(text), 70))


def _place(finding: Finding) -> float:
    """Where a value stands between failing (0), its threshold (0.5) and passing (1): each on a scale of its own."""
    if finding.value is None:
        return 0.5
    value, bound = finding.value, finding.threshold
    if bound == 0:
        away = 0.35 if value == 0 else float(np.clip(abs(value) / 0.4, 0.06, 0.5))
        right = value >= 0 if finding.at_least else value <= 0
        return 0.5 + away if right else 0.5 - away
    beyond = 1 - bound if 0.5 < bound < 1 or (not finding.at_least and bound < 1) else bound
    further = value > bound
    away = 0.5 * min(abs(value - bound) / (beyond if further else abs(bound)), 1.0)
    place = 0.5 + away if further == finding.at_least else 0.5 - away
    return float(np.clip(place, 0.0, 1.0))


# ---- the pictures --------------------------------------------------------------------------------------------------
def _missing(figure: go.Figure, look: Theme, row: int, column: int) -> None:
    axes = figure.get_subplot(row, column)
    figure.add_annotation(
        text="not judged", x=0.5, y=0.5, xref=f"{axes.yaxis.anchor} domain", yref=f"{axes.xaxis.anchor} domain",
        showarrow=False, font={"size": 13, "color": look.muted},
    )  # fmt: skip
    figure.update_xaxes(showticklabels=False, ticks="", range=[0, 1], row=row, col=column)
    figure.update_yaxes(showticklabels=False, showgrid=False, range=[0, 1], row=row, col=column)


def _out_of_sample(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    walk = data.get("walk_forward") or {}
    curves = walk if walk.get("times") else data.get("equity") or {}
    if not curves.get("times"):
        return False
    lines = (("as_it_is", "as it is", look.benchmark), ("out_of_sample", "out of sample", look.accent))
    for name, label, colour in lines:
        if name not in curves:
            continue
        figure.add_trace(
            go.Scatter(
                x=curves["times"], y=curves[name], mode="lines", line={"color": colour, "width": 1.8}, name=label,
                hovertemplate=f"%{{x|%-d %b %Y}}: %{{y:.2f}}, {label}<extra></extra>",
            ),
            row=row, col=column,
        )  # fmt: skip
        _named(figure, row, column, f"{label}: {curves[name][-1]:.2f}", colour, 1.0 if name == "as_it_is" else 0.92)
    figure.update_yaxes(title_text="growth of 1, log scale", type="log", dtick="D1", row=row, col=column)
    figure.update_xaxes(type="date", row=row, col=column)
    for choice in walk.get("choices", ())[1:]:
        figure.add_vline(choice["from"], line={"color": look.grid, "width": 1, "dash": "dot"}, row=row, col=column)
    return True


def _trials(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    found = data.get("trials") or {}
    if not found.get("sharpes"):
        return False
    bins = go.Histogram(
        x=found["sharpes"], nbinsx=40, marker={"color": look.others, "line": {"width": 0.5, "color": look.panel}},
        hovertemplate="%{y} trials of Sharpe %{x}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bins, row=row, col=column)
    best, own = found["expected_best"], found["chosen"]
    _mark(figure, row, column, best, f"best of {found['count']:,} by luck {best:.2f}", look.loss, 1.0)
    _mark(figure, row, column, own, f"chosen {own:.2f}", look.accent, 0.88)
    figure.update_xaxes(title_text="Sharpe ratio of a trial, annual", row=row, col=column)
    few = {"dtick": 1} if len(found["sharpes"]) <= 20 else {}  # no half trials
    figure.update_yaxes(title_text="trials", **few, row=row, col=column)
    return True


def _named(figure: go.Figure, row: int, column: int, text: str, colour: str, height: float) -> None:
    """The name of a line in its colour, in the corner where growth leaves room."""
    axes = figure.get_subplot(row, column)
    figure.add_annotation(
        x=0.02, y=height, xref=f"{axes.yaxis.anchor} domain", yref=f"{axes.xaxis.anchor} domain", text=text,
        showarrow=False, xanchor="left", yanchor="top", font={"size": 11, "color": colour},
    )  # fmt: skip


def _mark(figure: go.Figure, row: int, column: int, x: float, text: str, colour: str, height: float) -> None:
    axes = figure.get_subplot(row, column)
    figure.add_vline(x, line={"color": colour, "width": 2}, row=row, col=column)
    figure.add_annotation(
        x=x, y=height, xref=axes.yaxis.anchor, yref=f"{axes.xaxis.anchor} domain", text=f" {text} ", showarrow=False,
        xanchor="auto", font={"size": 11, "color": colour}, bgcolor=figure.layout.template.layout.paper_bgcolor,
        opacity=0.9,
    )  # fmt: skip


def _neighbourhood(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    found = data.get("neighbourhood") or {}
    if not found.get("sharpes"):
        return False
    across, *down = found["names"]
    xs, ys = [str(x) for x in found["x"]], [str(y) if y is not None else "" for y in found["y"]]
    texts = [[number(v) for v in line] for line in found["sharpes"]]
    heat = go.Heatmap(
        x=xs, y=ys, z=found["sharpes"], text=texts, texttemplate="%{text}", textfont={"size": 12}, xgap=2, ygap=2,
        colorscale=[[0, look.flat], [1, look.gain]], showscale=False,
        hovertemplate=f"{across} %{{x}}, {down[0] if down else ''} %{{y}}: Sharpe %{{text}}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(heat, row=row, col=column)
    chosen = [str(one) for one in found["chosen"]]
    if chosen[0] in xs:
        x, y = xs.index(chosen[0]), ys.index(chosen[1]) if len(chosen) > 1 and chosen[1] in ys else 0
        box = {"x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.48, "y1": y + 0.48}
        figure.add_shape(type="rect", **box, line={"color": look.ink, "width": 2}, row=row, col=column)
    figure.update_xaxes(
        title_text=f"{across} (framed: chosen)", type="category", showline=False, ticks="", row=row, col=column
    )
    figure.update_yaxes(title_text=down[0] if down else "", type="category", row=row, col=column)
    return True


def _paths(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    found = data.get("cpcv") or {}
    ratios = [ratio for ratio in found.get("sharpes") or () if ratio is not None]
    if not ratios:
        return False
    order = sorted(ratios)
    bars = go.Bar(
        x=[f"{place}" for place in range(1, len(order) + 1)], y=order,
        marker={"color": [look.gain if ratio > 0 else look.loss for ratio in order]}, width=0.6,
        text=[f"{ratio:.2f}" for ratio in order], textposition="outside", cliponaxis=False,
        hovertemplate="path %{x}: Sharpe %{y:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=row, col=column)
    if found.get("in_sample"):
        note = {
            "text": f"in sample {found['in_sample']:.2f}", "font": {"size": 11, "color": look.muted}, "xanchor": "left",
            "x": 0,
        }  # fmt: skip
        dotted = {"color": look.benchmark, "dash": "dot"}
        figure.add_hline(found["in_sample"], line=dotted, row=row, col=column, annotation=note)
    figure.update_xaxes(title_text="path, from worst to best", type="category", row=row, col=column)
    figure.update_yaxes(title_text="Sharpe ratio, annual", zeroline=True, zerolinecolor=look.rule, row=row, col=column)
    return True


def _robustness(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    drawn = False
    own = None
    for name in ("other_universe", "price_noise", "delay", "neighbourhood"):
        found = (data.get("robustness") or {}).get(name) or {}
        ratios = {label: ratio for label, ratio in (found.get("sharpes") or {}).items() if ratio is not None}
        if not ratios:
            continue
        own, drawn = found.get("own"), True
        figure.add_trace(
            go.Scatter(
                x=list(ratios.values()), y=[LABELS[name]] * len(ratios), mode="markers", text=list(ratios),
                marker={"size": 10, "color": look.accent, "opacity": 0.75},
                hovertemplate="%{text}: Sharpe %{x:.2f}<extra></extra>",
            ),
            row=row, col=column,
        )  # fmt: skip
    if own is not None:
        note = {"text": f"as it is {own:.2f}", "font": {"size": 11, "color": look.muted}}
        dotted = {"color": look.benchmark, "dash": "dot"}
        figure.add_vline(own, line=dotted, row=row, col=column, annotation=note)
        figure.update_xaxes(rangemode="tozero", row=row, col=column)
    figure.update_xaxes(title_text="Sharpe ratio, annual; a dot is a variant", row=row, col=column)
    return drawn


def _placebo(figure: go.Figure, data: Mapping[str, Any], look: Theme, row: int, column: int) -> bool:
    import plotly.graph_objects as go

    found = (data.get("robustness") or {}).get("placebo") or {}
    if not found.get("placebos"):
        return False
    bins = go.Histogram(
        x=found["placebos"], nbinsx=40, marker={"color": look.others, "line": {"width": 0.5, "color": look.panel}},
        hovertemplate="%{y} placebos of Sharpe %{x}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bins, row=row, col=column)
    _mark(figure, row, column, found["own"], f"the signal {found['own']:.2f}", look.accent, 1.0)
    figure.update_xaxes(title_text="Sharpe ratio before costs, annual", row=row, col=column)
    figure.update_yaxes(title_text="placebos", row=row, col=column)
    return True


BEHIND = {
    "out_of_sample": "walk_forward", "trials": "deflated_sharpe", "neighbourhood": "neighbourhood", "paths": "cpcv",
    "robustness": "price_noise", "placebo": "placebo",
}  # fmt: skip
PANELS: dict[str, tuple[str, Callable[[Any, Mapping[str, Any], Theme, int, int], bool]]] = {
    "out_of_sample": ("Out of sample, as the walk-forward traded it", _out_of_sample),
    "trials": ("The trials, and what their best shows by luck", _trials),
    "neighbourhood": ("Neighbouring parameters: Sharpe ratio", _neighbourhood),
    "paths": ("Cross-validation: each path's Sharpe ratio", _paths),
    "robustness": ("Robustness: the same idea, a little different", _robustness),
    "placebo": ("Placebos: the same weights, other names and times", _placebo),
}
