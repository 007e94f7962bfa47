"""Every notebook: short, explained, clean, and it runs from top to bottom. A new one is covered the day it is added."""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from aura_lib.jobs import notebook as notebooks

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "aura_lib" / "jobs" / "templates"  # what `aura new` makes its notebooks from: they run as they are
FILES = sorted([*(ROOT / "notebooks").rglob("*.ipynb"), *TEMPLATES.glob("*.ipynb")])
LESSONS = sorted((ROOT / "notebooks" / "learn").glob("*.ipynb"))
TOLD = [file for file in FILES if file != TEMPLATES / "dashboard.ipynb"]  # a dashboard shows, and tells no story
STRATEGIES = [file for file in FILES if file.parent.name == "strategies" or file == TEMPLATES / "strategy.ipynb"]


def read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)


def code(nb: Any) -> list[Any]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def parsed(cell: Any) -> ast.Module:
    """A cell's Python; a line magic, such as %load_ext, is none."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))


def by_name(files: list[Path]) -> Any:
    return pytest.mark.parametrize("file", files, ids=lambda file: str(file.relative_to(ROOT)))


def test_there_are_notebooks() -> None:
    assert STRATEGIES


@by_name(FILES)
def test_a_notebook_keeps_within_its_budget(file: Path) -> None:
    nb = read(file)
    lines = [len([line for line in cell.source.splitlines() if line.strip()]) for cell in code(nb)]
    assert len(lines) <= 25
    assert statistics.median(lines) <= 5
    assert max(lines) <= 15
    defined = [n.name for c in code(nb) for n in ast.walk(parsed(c)) if isinstance(n, ast.FunctionDef)]
    assert len([name for name in defined if name != "decide"]) <= 1


@by_name(TOLD)
def test_a_notebook_speaks_before_it_computes(file: Path) -> None:
    nb = read(file)
    assert nb.cells[0].cell_type == "markdown" and nb.cells[0].source.startswith("# ")
    for before, cell in zip(nb.cells, nb.cells[1:], strict=False):
        assert cell.cell_type != "code" or before.cell_type == "markdown", f"no sentence before: {cell.source[:60]}"


@by_name(FILES)
def test_a_notebook_is_kept_without_outputs_and_with_the_plain_kernel(file: Path) -> None:
    nb = read(file)
    assert all(not cell.outputs and cell.execution_count is None for cell in code(nb))
    assert nb.metadata.kernelspec.name == "python3" and "widgets" not in nb.metadata
    ids = [cell.id for cell in nb.cells]
    assert len(set(ids)) == len(ids)


@by_name(FILES)
def test_a_notebook_asks_no_clock_and_uses_public_names_only(file: Path) -> None:
    for cell in code(read(file)):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("today", "now", "utcnow"), "a notebook has an as_of parameter instead"
                assert not node.attr.startswith("_"), f"private name {node.attr}"


@by_name(STRATEGIES)
def test_a_strategy_notebook_has_the_parts_and_one_call(file: Path) -> None:
    nb = read(file)
    headings = [
        line for c in nb.cells if c.cell_type == "markdown" for line in c.source.splitlines() if line.startswith("## ")
    ]
    order = ["Data", "Idea", "Signal", "Portfolio", "Test", "Doubts", "Verdict"]
    assert [h[3:] for h in headings if h[3:] in order] == order
    schema = notebooks.parameters(nb, file.name)
    assert {"mode", "as_of", "book", "schedule"} <= set(schema)
    assert all(p.meaning for p in schema.values()), "each parameter says its unit and meaning"
    calls = [
        node
        for cell in code(nb)
        for node in ast.walk(parsed(cell))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "aura.run"
    ]
    assert len(calls) == 1


@by_name(LESSONS)
def test_a_lesson_begins_with_its_question_and_ends_with_doubts_and_something_to_try(file: Path) -> None:
    texts = [cell.source for cell in read(file).cells if cell.cell_type == "markdown"]
    assert texts[0].splitlines()[0].endswith("?")
    assert all(word in texts[0] for word in ("**Data**", "**Method**", "**Verdict**"))
    assert texts[-2].startswith("## Doubts") and texts[-1].startswith("**Try your own:**")
    assert notebooks.parameters(read(file), file.name)


def test_a_new_dashboard_is_a_title_and_a_few_calls_that_each_have_a_place() -> None:
    title, preparation, *shown = read(TEMPLATES / "dashboard.ipynb").cells
    assert title.source.startswith("# ") and "title" in title.metadata.tags
    assert not isinstance(ast.parse(preparation.source).body[-1], ast.Expr), "it shows nothing"
    assert 0 < len(shown) <= 4
    for cell in shown:
        (statement,) = ast.parse(cell.source).body
        assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call), cell.source
        assert set(cell.metadata.tags) & {"wide", "half", "third"}, cell.source


@pytest.mark.slow
@pytest.mark.timeout(300)
@by_name([file for file in FILES if file not in LESSONS])
def test_a_notebook_runs_from_top_to_bottom(file: Path, tmp_path: Path) -> None:
    """nbval, lax: every cell must run; outputs are not compared. Under a minute on the sample data."""
    report = tmp_path / "report.xml"
    command = [
        sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:randomly", "-p", "no:cacheprovider",
        "--timeout=0",  # that of this test binds the whole notebook, not each cell
        f"--junitxml={report}", str(file),
    ]  # fmt: skip
    environment = {**os.environ, "AURA_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'failures="0"' in report.read_text(encoding="utf-8")
