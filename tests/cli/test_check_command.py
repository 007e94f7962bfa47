"""`aura check`: what it finds, in words and as JSON, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib import data
from aura_lib.cli import app
from tests.backtest.causality import world

HONEST = """
def decide(market, account, mandate):
    return hold([market.close[names].pct_change(10).iloc[-1].idxmax()], market)
"""
LEAKING = """
after = bars.close.shift(-1)
def decide(market, account, mandate):
    return hold([(after.loc[market.as_of, names] / market.close[names].iloc[-1]).idxmax()], market)
"""


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", world.load)


def notebook(folder: Path, source: str) -> Path:
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for text in (world.FIRST, source, world.LAST)
    ]
    file = folder / "idea.ipynb"
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return file


def test_an_honest_notebook_passes_with_its_warm_up(tmp_path: Path) -> None:
    given = CliRunner().invoke(app, ["check", str(notebook(tmp_path, HONEST)), "--json"])
    answer = json.loads(given.stdout)
    assert given.exit_code == 0 and answer["clean"] and answer["warmup"]["bars"] == 11


def test_a_leak_is_told_by_source_and_by_decision_with_exit_code_1(tmp_path: Path) -> None:
    file = notebook(tmp_path, LEAKING)
    given = CliRunner().invoke(app, ["check", str(file), "--json"])
    findings = json.loads(given.stdout)["findings"]
    assert given.exit_code == 1 and {f["by"] for f in findings} == {"source", "decisions"}
    assert (findings[0]["cell"], findings[0]["line"]) == (2, 2)


def test_a_notebook_without_a_strategy_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "none.ipynb"
    file.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    given = CliRunner().invoke(app, ["check", str(file)])
    assert given.exit_code != 0 and "no cell calls aura.run" in given.stderr
