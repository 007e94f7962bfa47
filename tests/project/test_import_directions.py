"""The import contracts of pyproject.toml hold, and they bite."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.readme_tree import ROOT

LINTER = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINTER, "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def test_imports_point_downward() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr


PLANTED = {  # file: (what is written into it, the contract that must name it)
    "utils.py": ("", "every room has its place"),
    "exchange/upward.py": ("import aura_lib.reports", "every room has its place"),
    "core/facade.py": ("import aura_lib", "front door"),
    "indicators/memory.py": ("import aura_lib.ledger", "thinking rooms"),
    "strategies/fetching.py": ("def f():\n    import requests", "thinking rooms"),
    "data/sources/meeting.py": ("import aura_lib.data.sources.sample", "adapters"),
    "reports/arrays.py": ("import vectorbt", "vectorbt"),
    "backtest/optimum.py": ("from cvxpy import Variable", "cvxpy"),
    "plan/learning.py": ("import sklearn.linear_model", "scikit-learn"),
    "jobs/drawing.py": ("import plotly.express", "plotly"),
    "execution/running.py": ("import papermill", "notebooks (papermill"),
    "jobs/table.py": ("import sqlalchemy", "SQL"),
    "jobs/web.py": ("import httpx", "the network"),
    "execution/streaming.py": ("import confluent_kafka", "Kafka"),
    "core/testing.py": ("import tests.oracle", "does not know"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Contract → complaint, for a copy of the package with every violation planted in it."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(ROOT / "pyproject.toml", folder)
    copy = folder / "aura_lib"
    shutil.copytree(ROOT / "aura_lib", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file, (body, _) in PLANTED.items():
        room = (copy / file).parent
        if room.with_suffix(".py").is_file():  # a room that still is one file
            room.mkdir()
            room.with_suffix(".py").rename(room / "__init__.py")
        (copy / file).write_text(body + "\n", "utf-8")
    told = lint(folder).stdout.partition("Broken contracts")[2]
    sections = re.split(r"\n\n(\S.*(?:\n\S.*)*)\n-{4,}\n", told)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


@pytest.mark.parametrize("file", PLANTED)
def test_a_planted_violation_is_found(file: str, broken: dict[str, str]) -> None:
    _, contract = PLANTED[file]
    complaint = next((text for name, text in broken.items() if contract in name), "")
    assert f"aura_lib.{file.removesuffix('.py').replace('/', '.')}" in complaint, list(broken)
