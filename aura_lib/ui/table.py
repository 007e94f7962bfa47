"""A frame as an HTML table: words at the left, numbers at the right, losses in their colour, links to their pages."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from aura_lib.reports import formats, tables

LONG = 48  # characters from which a cell may break over lines
GAINS = ("change", "return", "unrealised", "realised")  # columns whose sign is what people look for


def table_html(
    frame: pd.DataFrame, caption: str, *, currency: str = "USD", zone: str = formats.ZONE, empty: str = "nothing yet"
) -> str:
    """A frame as people read it (see `tables.readable`), as HTML; without rows it says `empty`.

    A column named "run" holds ids of runs: each is a link to the output of its notebook.
    """
    words = tables.readable(frame, currency=currency, zone=zone)
    columns = [words[name].tolist() for name in words.columns]
    sides = ["aura-number" if tables.is_numeric(cells) else "" for cells in columns]
    signed = [str(name).lower() in GAINS for name in frame.columns]
    labelled = not tables.counts_rows(frame)
    heads = [("", "")] * labelled + list(zip(map(str, words.columns), sides, strict=True))
    head = "".join(f'<th scope="col" class="{side}">{escape(text)}</th>' for text, side in heads)
    rows = []
    for number, cells in enumerate(zip(*columns, strict=True) if columns else ()):
        first = f'<th scope="row">{escape(str(words.index[number]))}</th>' if labelled else ""
        rows.append(f"<tr>{first}{''.join(map(_cell, cells, sides, signed, frame.columns))}</tr>")
    if not rows:
        rows = [f'<tr><td class="aura-quiet" colspan="{max(len(heads), 1)}">{escape(empty)}</td></tr>']
    top = f"<thead><tr>{head}</tr></thead>" if any(text.strip() for text, _ in heads) else ""
    return (
        f'<div class="aura-scroll" role="region" aria-label="{escape(caption)}"><table>{top}'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(cell: Any, side: str, signed: bool, name: str) -> str:
    text = escape(str(cell))
    if name == "run":  # the page knows where the server keeps them
        text = f'<a data-run="{text}" target="_blank" rel="noopener">{text}</a>'
    loss = side and str(cell).startswith(formats.MINUS)
    gain = side and signed and any(digit in str(cell) for digit in "123456789")
    names = [side, "aura-loss" if loss else "aura-gain" if gain else "", "aura-long" if len(str(cell)) > LONG else ""]
    return f'<td class="{" ".join(filter(None, names))}">{text}</td>'
