"""Card: a title, a few lines, a table and perhaps a picture, as HTML in a notebook and as text in a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import pandas as pd

from aura_lib.reports import tables
from aura_lib.ui.table import rows_html

# Colours are those of the notebook's own theme, light or dark.
_STYLE = (
    ".aura-card{font-variant-numeric:tabular-nums;max-width:960px}"
    ".aura-card .aura-line{opacity:.75;margin:0}"
    ".aura-card .aura-body{display:flex;flex-wrap:wrap;align-items:flex-start;gap:4px 28px;margin-top:6px}"
    ".aura-card .aura-body svg{flex:1 1 480px}"
    ".aura-card .aura-rows{overflow-x:auto;max-width:100%}"
    # two classes: a notebook's own rules for tables put everything at the right
    ".aura-card .aura-rows table{border-collapse:collapse;margin:0;font-size:12px}"
    ".aura-card .aura-rows :is(th,td){padding:2px 14px 2px 0;text-align:left;white-space:nowrap;max-width:none}"
    ".aura-card .aura-rows .aura-number{text-align:right}"
    ".aura-card .aura-rows .aura-long{white-space:normal;min-width:24ch;overflow-wrap:anywhere}"
    ".aura-card .aura-rows thead th{border-bottom:1px solid currentColor;font-weight:600}"
    ".aura-card .aura-rows tbody th{font-weight:600}"
)


@dataclass(frozen=True, eq=False)
class Card:
    """What a noun or a question looks like. `picture` is trusted SVG; everything else is escaped.

    `more` counts the rows that the table leaves out. The text of the card has no picture.
    """

    title: str
    lines: tuple[str, ...] = ()
    table: pd.DataFrame | None = None
    more: int = 0
    picture: str = ""
    currency: str = "USD"
    words: pd.DataFrame | None = field(init=False)

    def __post_init__(self) -> None:
        words = None if self.table is None else tables.readable(self.table, currency=self.currency)
        object.__setattr__(self, "words", words)

    def html(self) -> str:
        """The card as HTML that loads nothing."""
        lines = "".join(f'<p class="aura-line">{escape(line)}</p>' for line in self._lines())
        rows = "" if self.words is None else f'<div class="aura-rows">{rows_html(self.words, self.title)}</div>'
        return (
            f'<div class="aura-card"><style>{_STYLE}</style><strong>{escape(self.title)}</strong>'
            f'{lines}<div class="aura-body">{rows}{self.picture}</div></div>'
        )

    def text(self) -> str:
        """The card for a terminal."""
        table = [] if self.table is None else [tables.as_text(self.table, currency=self.currency)]
        return "\n".join([self.title, *self._lines(), *table])

    def _lines(self) -> tuple[str, ...]:
        return (*self.lines, f"{self.more:,} more rows are not shown") if self.more else self.lines

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return self.text()
