"""a reading of the source of a notebook: what in it looks ahead, by its syntax tree"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aura_lib.backtest.causality.finding import Finding
from aura_lib.backtest.causality.reading import outside
from aura_lib.backtest.causality.reading.names import Names
from aura_lib.backtest.causality.reading.rules import ANYWHERE, FUTURE, Hit
from aura_lib.backtest.causality.reading.source import Cell, cells

__all__ = ["scan"]


def scan(notebook: str | Path | list[str] | tuple[str, ...] | Any) -> list[Finding]:
    """What in the code cells of a notebook reads the future, or cannot be repeated.

    `notebook` is a path (.ipynb or .py), a list of cell sources, or one source. Names are followed through
    assignments, loops, defaults and calls. What is made only of what a strategy is given (`market`) is the past, and
    may be filled, ranked and fitted. A line that is meant is answered for by a comment with a reason,
    `# causal: <reason>`, on it or alone above it; without a reason it is told all the same. A universe that is a list
    typed into the notebook is a warning: who typed it knew who survived.

    Returns the findings in order: `kind` is the rule, `cell` and `line` count from 1. Raises InputError for what is
    no notebook and no Python.
    """
    given = cells(notebook)
    names = Names.of(given)
    return [finding for cell in given for finding in _of(cell, names)]


def _of(cell: Cell, names: Names) -> list[Finding]:
    found: dict[tuple[int, str], Finding] = {}
    for node in ast.walk(cell.tree):
        for hit in _hits(node, names):
            line = getattr(hit.node, "lineno", 0)
            finding = _finding(cell, line, hit)
            if finding is not None:
                found.setdefault((line, hit.rule), finding)
    return [found[key] for key in sorted(found)]


def _hits(node: ast.AST, names: Names) -> Iterator[Hit]:
    for rule in (*ANYWHERE, *outside.RULES):
        yield from rule(node, names)
    hits = [hit for rule in FUTURE for hit in rule(node, names)]
    if hits and not names.past_only(node):
        yield from hits


def _finding(cell: Cell, line: int, hit: Hit) -> Finding | None:
    """The finding, unless a comment with a reason answers for a line of the statement."""
    last = getattr(hit.node, "end_lineno", line) or line
    answers = [cell.answered[n] for n in range(line, last + 1) if n in cell.answered]
    if any(answers):
        return None
    where = f"cell {cell.number}, line {line}" if cell.number else f"line {line}"
    why = hit.why + ("; `# causal:` needs a reason behind it" if answers else "")
    return Finding(
        hit.rule, where, cell.text(line), why, hit.instead, cell.number, line, cell.text(line), warning=hit.warning
    )
