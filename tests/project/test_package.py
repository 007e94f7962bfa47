"""The package as a whole, by discovery: light to import, every public name explained, every example true."""

from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.readme_tree import ROOT

HEAVY = {
    "alpaca", "cvxpy", "IPython", "jupyter_client", "matplotlib", "nbclient", "nbformat", "numba", "numpy", "pandas",
    "papermill", "plotly", "pyarrow", "pydantic", "pypfopt", "scipy", "skfolio", "sklearn", "sqlalchemy", "statsmodels",
    "vectorbt", "yfinance",
}  # fmt: skip


def _modules() -> dict[str, Path]:
    paths = sorted((ROOT / "aura_lib").rglob("*.py"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


MODULES = _modules()


def _loaded_by(statement: str) -> set[str]:
    show = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert _loaded_by("import aura_lib") & HEAVY == set()


def test_importing_the_command_loads_nothing_heavy() -> None:
    assert _loaded_by("import aura_lib.cli") & HEAVY == set()


def test_the_package_says_what_it_offers() -> None:
    import aura_lib

    assert [name for name in aura_lib.__all__ if not hasattr(aura_lib, name)] == []
    assert (ROOT / "aura_lib" / "py.typed").is_file()


def _public(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{prefix}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{prefix}.{node.name}")


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_explained(module: str) -> None:
    source = ast.parse(MODULES[module].read_text("utf-8"))
    explained = [(module, source), *_public(source.body, module)]
    assert [name for name, node in explained if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if ">>>" in path.read_text("utf-8")])
def test_the_examples_in_the_docstrings_are_true(module: str) -> None:
    result = doctest.testmod(
        importlib.import_module(module), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"
