"""`aura new`: what it makes runs as it is, and what is there is never overwritten."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner, Result

from aura_lib.cli import app
from aura_lib.jobs.job import load
from tests.notebooks import test_notebooks as rules

KINDS = {
    "strategy": "notebooks/strategies/quiet_names.ipynb",
    "research": "notebooks/research/quiet_names.ipynb",
    "dashboard": "dashboards/quiet_names.ipynb",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "aura.toml").touch()
    monkeypatch.chdir(root)
    return root


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def told(shown: Result) -> str:
    return shown.stderr.replace("\n", " ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_notebook_keeps_the_rules_of_the_house_and_bears_its_name(project: Path, kind: str) -> None:
    shown = aura("new", kind, "quiet_names", "--json")
    assert json.loads(shown.output)["made"] == KINDS[kind]
    file = project / KINDS[kind]
    rules.test_a_notebook_keeps_within_its_budget(file)
    if kind != "dashboard":
        rules.test_a_notebook_speaks_before_it_computes(file)
    rules.test_a_notebook_is_kept_without_outputs_and_with_the_plain_kernel(file)
    rules.test_a_notebook_asks_no_clock_and_uses_public_names_only(file)
    text = file.read_text(encoding="utf-8")
    assert "my_idea" not in text
    assert nbformat.read(file, as_version=4).cells[0].source.startswith("# quiet_names")
    if kind == "strategy":
        rules.test_a_strategy_notebook_has_the_parts_and_one_call(file)
        assert 'book: str = \\"quiet_names\\"' in text and "def decide(" in text


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_new_strategy_is_tested_promoted_and_previewed_as_it_is(project: Path, aura_home: Path) -> None:
    aura("new", "strategy", "quiet_names")
    tested = aura("backtest", KINDS["strategy"], "--json")
    assert tested.exit_code == 0, tested.stderr[-1500:]
    assert json.loads(tested.output)["statistics"]["n_slots"] > 300
    made = json.loads(aura("new", "job", "nightly", "--notebook", KINDS["strategy"], "--json").output)
    assert made == {"made": "jobs/nightly.yaml", "next": "aura preview nightly"}
    assert aura("promote", KINDS["strategy"]).exit_code == 0
    found = json.loads(aura("preview", "nightly", "--json").output)
    assert found["promoted"] is True, "the book is no part of what is promoted"
    assert found["book"] == "nightly" and found["approved"] == len(found["legs"]) > 0


def test_what_is_there_is_left_alone(project: Path) -> None:
    aura("new", "strategy", "quiet_names")
    file = project / KINDS["strategy"]
    file.write_text("mine", encoding="utf-8")
    again = aura("new", "strategy", "quiet_names")
    assert again.exit_code == 2 and "was left alone" in told(again)
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["", "my idea", "1st", "../up", "a/b", "class", "naïve", "x" * 61, "a.b", "-"])
def test_a_name_that_no_file_book_and_variable_can_have_is_refused(project: Path, name: str) -> None:
    for command in (("strategy",), ("research",), ("dashboard",), ("job", "--notebook", "gone.ipynb")):
        shown = aura("new", *command, "--", name)
        assert shown.exit_code == 2 and "cannot name a notebook or a job" in told(shown)
    assert [path.name for path in project.rglob("*")] == ["aura.toml"]


def test_a_name_nearly_right_comes_with_a_better_one(project: Path) -> None:
    assert "for instance my_idea_2" in told(aura("new", "strategy", "My idea 2!"))


def test_outside_a_project_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = aura("new", "strategy", "quiet_names")
    assert shown.exit_code == 2 and "touch aura.toml" in told(shown)
    assert not (tmp_path / "notebooks").exists()


@pytest.mark.parametrize(("kind", "folder"), [("strategy", "notebooks"), ("dashboard", "dashboards")])
def test_a_folder_that_cannot_be_made_is_named(project: Path, kind: str, folder: str) -> None:
    (project / folder).write_text("in the way")
    shown = aura("new", kind, "quiet_names")
    assert shown.exit_code == 2 and "cannot be written" in told(shown)


def test_a_full_disk_leaves_nothing_half_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        assert source.stat().st_size > 0
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    shown = aura("new", "strategy", "quiet_names")
    assert shown.exit_code == 2 and "cannot be written: No space left on device" in told(shown)
    assert [path.name for path in project.rglob("*") if path.is_file()] == ["aura.toml"]


@pytest.mark.parametrize("words", [("new", "job"), ("job", "new")])
def test_a_new_job_is_one_that_loads(project: Path, words: tuple[str, str]) -> None:
    aura("new", "strategy", "quiet_names")
    (project / "my ideas").mkdir()
    odd = (project / KINDS["strategy"]).rename(project / "my ideas" / "a: b #1.ipynb")
    assert aura(*words, "nightly", "--notebook", str(odd)).exit_code == 0
    job = load("nightly", project)
    assert (job.notebook, job.book, job.mode, job.capital) == (odd, "nightly", "paper", 1_000_000)


def test_a_job_for_a_notebook_it_cannot_run_is_not_made(project: Path) -> None:
    aura("new", "research", "quiet_names")
    for notebook, message in (
        (KINDS["research"], "no parameter mode, book, schedule"),
        ("gone.ipynb", "no notebook at"),
    ):
        shown = aura("new", "job", "nightly", "--notebook", notebook)
        assert shown.exit_code == 2 and message in told(shown)
    assert not (project / "jobs").exists()
