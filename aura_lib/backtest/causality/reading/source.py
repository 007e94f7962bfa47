"""The source of a notebook as cells of plain Python, and the comments that answer for a line."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aura_lib.core import InputError

ANSWER = re.compile(r"#\s*causal:\s*(\S.*)?$")


@dataclass(frozen=True)
class Cell:
    """One code cell: its number among the code cells (0: a plain source), its lines, its tree."""

    number: int
    lines: tuple[str, ...]
    tree: ast.Module
    answered: Mapping[int, str] = field(default_factory=dict)

    def text(self, line: int) -> str:
        """The text of a line, counted from 1."""
        return self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""


def cells(given: str | Path | Any) -> list[Cell]:
    """The code cells of a notebook (its path), of a list of cell sources, or one source as it is."""
    if isinstance(given, list | tuple):
        return [_cell(number, str(text)) for number, text in enumerate(given, start=1)]
    path = given if isinstance(given, Path) else _as_path(given)
    if path is None:
        return [_cell(0, str(given))]
    if not path.is_file():
        raise InputError(f"no notebook at {path}")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [_cell(0, text)]
    try:
        found = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path.name} is no Jupyter notebook (nbformat 4)") from None
    return [_cell(number, _joined(cell.get("source", ""))) for number, cell in enumerate(found, start=1)]


def _joined(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source)


def _as_path(given: Any) -> Path | None:
    text = str(given)
    if "\n" not in text and text.endswith((".ipynb", ".py")):
        return Path(text)
    return None


def _cell(number: int, text: str) -> Cell:
    plain = plain_python(text)
    try:
        tree = ast.parse(plain)
    except SyntaxError as error:
        where = f"cell {number}, " if number else ""
        raise InputError(f"{where}line {error.lineno}: {error.msg}: this is no Python") from None
    return Cell(number, tuple(text.splitlines()), tree, _answers(plain))


def plain_python(text: str) -> str:
    """The source with the lines only IPython knows (magics, shell) blanked."""
    lines = text.splitlines()
    if lines and lines[0].startswith("%%"):
        return "\n" * len(lines)
    return "\n".join("pass" if re.match(r"[%!?]", line) else line for line in lines) + "\n"


def _answers(text: str) -> dict[int, str]:
    """Line → reason of a comment `# causal: reason`, for its own line; a comment alone answers for the next one."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and (match := ANSWER.match(token.string)):
            alone = not token.line[: token.start[1]].strip()
            found[token.start[0] + alone] = (match[1] or "").strip()
    return found
