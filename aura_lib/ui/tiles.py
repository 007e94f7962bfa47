"""Tiles: the few numbers that are read first, each with its label and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def tiles(rows: Iterable[tuple[str, str, str]]) -> str:
    """Label, value and what stands beside it, as HTML; the unit before a number is small."""
    inside = "".join(
        f'<div><dt>{escape(label)}</dt><dd class="aura-value">{_unit_small(value)}</dd>'
        f'<dd class="aura-beside">{escape(beside)}</dd></div>'
        for label, value, beside in rows
    )
    return f'<dl class="aura-tiles">{inside}</dl>'


def _unit_small(value: str) -> str:
    unit, space, number = escape(value).rpartition(" ")
    return f"<small>{unit}</small> {number}" if space else number
