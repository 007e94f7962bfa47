"""Colours, light and dark: one table that figures and the HTML report share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from aura_lib.core.errors import InputError

if TYPE_CHECKING:
    import plotly.graph_objects as go

ThemeName = Literal["light", "dark"]
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
# plotly.js 4 offers to send every figure to a cloud: a book's numbers stay here. The others nobody needs.
REMOVED = ("sendChartToCloud", "select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d", "zoom2d", "pan2d")
# The order of Okabe & Ito, Color Universal Design (2008), told apart with every common colour blindness;
# lightness nudged for each background. tests/reports/test_themes.py measures it.
_LIGHT_SERIES = ("#0b6fae", "#e09a05", "#0a9870", "#c873a2", "#58b0e0", "#c9560a", "#e3d53c")
_DARK_SERIES = ("#3f93cf", "#eab13a", "#2fae8b", "#d68fb8", "#8accf0", "#e27a35", "#f1e676")


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of one theme. Every value differs from every other of both themes, so that one can be swapped."""

    page: str
    panel: str
    ink: str
    muted: str
    rule: str
    grid: str
    accent: str
    accent_fill: str
    benchmark: str
    gain: str
    loss: str
    gain_text: str
    loss_text: str
    flat: str
    others: str
    cash: str
    series: tuple[str, ...]

    @property
    def colours(self) -> tuple[str, ...]:
        """Every colour, in one fixed order."""
        plain = [value for name, value in asdict(self).items() if name != "series"]
        return (*plain, *self.series)


LIGHT = Theme(
    page="#f4f0e9",
    panel="#fffdf9",
    ink="#1c1b19",
    muted="#625d55",
    rule="#c9c1b4",
    grid="#ebe5dc",
    accent="#0d5494",
    accent_fill="rgba(13, 84, 148, 0.13)",
    benchmark="#8b8277",
    gain="#2b76b5",
    loss="#c4571d",
    gain_text="#14508c",
    loss_text="#a23c0a",
    flat="#f5f0e7",
    others="#a79e91",
    cash="#dcd5c9",
    series=_LIGHT_SERIES,
)
DARK = Theme(
    page="#0f1114",
    panel="#16191d",
    ink="#e7e4de",
    muted="#a09d97",
    rule="#3d4249",
    grid="#262a30",
    accent="#6db3ee",
    accent_fill="rgba(109, 179, 238, 0.16)",
    benchmark="#8f8b84",
    gain="#3a83bf",
    loss="#cf6a30",
    gain_text="#7fc0f2",
    loss_text="#f0935c",
    flat="#20242a",
    others="#6f757c",
    cash="#343a41",
    series=_DARK_SERIES,
)


def theme(name: str) -> Theme:
    """The theme of that name. Anything but 'light' and 'dark' raises InputError."""
    themes = {"light": LIGHT, "dark": DARK}
    if name not in themes:
        raise InputError(f"theme={name!r}: give 'light' or 'dark'")
    return themes[name]


def swap(target: Theme) -> dict[str, str]:
    """Every colour of the other theme → the colour that stands for it in `target`."""
    other = DARK if target is LIGHT else LIGHT
    return dict(zip(other.colours, target.colours, strict=True))


def template(look: Theme) -> go.layout.Template:
    """The plotly template of a theme: quiet grid, no frame, one set of margins."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": look.grid,
        "linecolor": look.rule,
        "tickcolor": look.rule,
        "zeroline": False,
        "automargin": True,
        "title": {"font": {"size": 11, "color": look.muted}, "standoff": 8},
        "tickfont": {"size": 11, "color": look.muted},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": look.ink},
            "paper_bgcolor": look.panel,
            "plot_bgcolor": look.panel,
            "colorway": list(look.series),
            "margin": {"l": 64, "r": 18, "t": 92, "b": 92},
            "title": {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": 0.98,
                "yanchor": "top",
                "font": {"size": 16, "color": look.ink},
                "subtitle": {"font": {"size": 12, "color": look.muted}},
            },
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 1,
                "yanchor": "bottom",
                "traceorder": "normal",
                "font": {"size": 11, "color": look.ink},
            },
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": look.panel,
                "bordercolor": look.rule,
                "font": {"size": 12, "color": look.ink, "family": FONT},
                "align": "left",
            },
            "modebar": {
                "bgcolor": "rgba(0, 0, 0, 0)",
                "color": look.rule,
                "activecolor": look.accent,
                "remove": list(REMOVED),
            },
            "xaxis": {**axis, "showgrid": False, "showline": True, "ticks": "outside", "ticklen": 4},
            "yaxis": {**axis, "showline": False, "ticks": ""},
        }
    )
