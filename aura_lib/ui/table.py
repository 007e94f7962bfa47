"""A frame as an HTML table: words at the left, numbers at the right, losses in their colour, links to their pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from aura_lib.reports import formats, tables

LONG = 48  # characters from which a cell may break over lines
BAD = ("failed", "not judged", "raised", "killed")  # outcomes that people look for
GAINS = ("change", "return", "unrealised", "realised")  # columns whose sign is what people look for


def table_html(
    frame: pd.DataFrame, caption: str, *, currency: str = "USD", zone: str = formats.ZONE, empty: str = "nothing yet"
) -> str:
    """A frame as people read it (see `tables.readable`), as HTML; without rows it says `empty`.

    A column named "run" holds ids of runs: each is a link to the output of its notebook.
    """
    words = tables.readable(frame, currency=currency, zone=zone)
    inside = rows_html(words, caption, names=[str(name) for name in frame.columns], empty=empty)
    return f'<div class="aura-scroll" role="region" aria-label="{escape(caption)}">{inside}</div>'


def rows_html(
    words: pd.DataFrame, caption: str, *, names: Sequence[str] | None = None, empty: str = "nothing yet"
) -> str:
    """A frame that is text already as a plain HTML table; `names` are what its columns were called before."""
    columns = [words[name].tolist() for name in words.columns]
    names = [""] * len(columns) if names is None else names
    sides = ["aura-number" if tables.is_numeric(cells) else "" for cells in columns]
    labelled = not tables.counts_rows(words)
    heads = [("", "")] * labelled + list(zip(map(str, words.columns), sides, strict=True))
    rows = []
    for number, cells in enumerate(zip(*columns, strict=True) if columns else ()):
        first = f'<th scope="row">{escape(str(words.index[number]))}</th>' if labelled else ""
        rows.append(f"<tr>{first}{''.join(map(_cell, cells, sides, names))}</tr>")
    if not rows:
        rows = [f'<tr><td class="aura-quiet" colspan="{max(len(heads), 1)}">{escape(empty)}</td></tr>']
    named = any(text.strip() for text, _ in heads)  # facts have no headings
    head = "".join(_head(text, side) for text, side in heads)
    top = f"<thead><tr>{head}</tr></thead>" if named else ""
    return f'<table aria-label="{escape(caption)}">{top}<tbody>{"".join(rows)}</tbody></table>'


def _head(text: str, side: str) -> str:
    """A heading; over a column that has none stands an empty cell."""
    return f'<th scope="col" class="{side}">{escape(text)}</th>' if text.strip() else "<td></td>"


def _cell(cell: Any, side: str, name: str) -> str:
    text = str(cell)
    shown = escape(text)
    if name == "run":  # the page knows where the server keeps them
        shown = f'<a data-run="{shown}" target="_blank" rel="noopener">{shown}</a>'
    loss = side and text.startswith(formats.MINUS)
    gain = side and name.lower() in GAINS and any(digit in text for digit in "123456789")
    bad = name == "outcome" and text in BAD
    tone = "aura-bad" if bad else "aura-loss" if loss else "aura-gain" if gain else ""
    kinds = [side or ("aura-long" if len(text) > LONG else ""), tone]
    return f'<td class="{" ".join(filter(None, kinds))}">{shown}</td>'
