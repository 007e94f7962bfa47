"""The look of panels and figures: one sheet, in the colours of `reports.themes`, light and dark."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from importlib import resources

from aura_lib.reports import themes

# A page says its theme as Aura's pages do (data-theme), or as JupyterLab does; else the reader's system says it.
_DARK = ':root[data-theme="dark"], body[data-jp-theme-light="false"]'
_SYSTEM = ':root:not([data-theme]):not(:has(body[data-jp-theme-light="true"]))'


@cache
def sheet() -> str:
    """The style sheet of every panel, figure and dashboard."""
    look = resources.files("aura_lib.ui").joinpath("static", "aura.css").read_text("utf-8")
    dark = _colours(themes.DARK)
    return (
        f":root {{ {_colours(themes.LIGHT)} --aura-font: {themes.FONT}; color-scheme: light dark }}\n"
        f"{_DARK} {{ {dark} }}\n@media (prefers-color-scheme: dark) {{ {_SYSTEM} {{ {dark} }} }}\n{look}"
    )


def _colours(look: themes.Theme) -> str:
    values = {name: value for name, value in asdict(look).items() if name != "series"}
    return " ".join(f"--aura-{name.replace('_', '-')}: {value};" for name, value in values.items())
