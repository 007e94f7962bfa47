"""`aura universe`: what people type to find a symbol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib.cli import app

run = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURA_HOME", str(tmp_path))
    return tmp_path


def test_a_company_is_found_by_its_name() -> None:
    said = run.invoke(app, ["universe", "search", "apple"])
    assert said.exit_code == 0 and "AAPL" in said.stdout and "Apple Inc." in said.stdout
    assert "no membership history: it is today's list" in said.stdout


def test_a_search_is_narrowed_and_told_as_json() -> None:
    said = run.invoke(app, ["universe", "search", "p", "--sector", "Energy", "--in", "sample", "--json"])
    assert [row["symbol"] for row in json.loads(said.stdout)["listed"]] == ["CVX", "RRC", "XOM"]
    assert "nothing found" in run.invoke(app, ["universe", "search", "zzzzzz"]).stdout


def test_a_long_list_is_cut_for_people_only() -> None:
    said = run.invoke(app, ["universe", "show", "synthetic:symbols=50"])
    assert "SYN0040" in said.stdout and "SYN0041" not in said.stdout and "and 10 more" in said.stdout


def test_the_members_of_a_day_are_told_or_that_nobody_knows(home: Path) -> None:
    (home / "universes").mkdir()
    (home / "universes" / "mine.members.csv").write_text("symbol,from,to\nA,2001-01-01,2002-12-31\nB,2002-01-01,\n")
    said = run.invoke(app, ["universe", "members", "mine", "--as-of", "2002-06-28"])
    assert said.stdout.strip() == "2 in mine on 2002-06-28: A, B"
    unknown = run.invoke(app, ["universe", "members", "sample", "--as-of", "2002-06-28"])
    assert unknown.exit_code == 3 and "nobody knows who was in it on 2002-06-28" in unknown.stderr
