"""The command: every one has help and --json, and bad input is a sentence with its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from aura_lib.cli import app

ROOT = Path(__file__).parents[2]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(get_command(app)))


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_that_reads_well_and_json(path: tuple[str, ...]) -> None:
    shown = aura(*path, "--help")
    assert shown.exit_code == 0
    assert COMMANDS[path].help and COMMANDS[path].help.strip().endswith(".")
    assert "--json" in shown.output


def test_the_root_lists_every_room_and_tells_the_version() -> None:
    shown = aura("--help").output
    assert all(path[0] in shown for path in COMMANDS)
    assert aura("--version").output.startswith("aura ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["backtest", "gone.ipynb"], 2, "no notebook at"),
        (["promote", "gone.ipynb"], 2, "no notebook at"),
        (["job", "run", "gone", "--from", "2022-01-31", "--to", "2022-01-31"], 2, "no job 'gone'"),
        (["job", "run", "momentum_paper", "--from", "2022-01-30", "--to", "2022-01-31"], 2, "is no XNYS session"),
        (["job", "run", "momentum_paper", "--from", "2022-03-31", "--to", "2022-01-31"], 2, "after its end"),
        (["job", "run", "momentum_paper", "--from", "2022-01-03", "--to", "2022-01-04"], 2, "has no slot between"),
        (["new", "strategy", "no name"], 2, "for instance no_name"),
        (["preview", "gone"], 2, "no job 'gone'"),
        (["preview", "momentum_paper", "--at", "2022-01-30"], 2, "is no XNYS session"),
        (["parity", "momentum_paper"], 2, "no account 'paper'"),
        (["runs", "show", "nothing"], 2, "no run 'nothing'"),
        (["account", "show", "nobody"], 2, "no account 'nobody'"),
        (["halt", "nobody"], 2, "no account 'nobody'"),
        (["resume", "ALL", "--reason", " "], 2, "needs a reason"),
        (["data", "fetch", "--source", "moon"], 2, "moon"),
    ],
)
def test_bad_input_is_a_sentence_with_its_exit_code(
    arguments: list[str], code: int, message: str, aura_home: Path
) -> None:
    shown = aura(*arguments)
    assert shown.exit_code == code, shown.output
    assert message in shown.stderr.replace("\n", " ")
    assert "Traceback" not in shown.output
    as_json = aura(*arguments, "--json")
    assert as_json.exit_code == code
    assert message in json.loads(as_json.stderr)["message"]


def test_an_aura_home_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AURA_HOME", str(tmp_path / "file" / "home"))
    shown = aura("runs", "list")
    assert shown.exit_code == 2
    assert "cannot be written" in shown.stderr


def test_an_empty_ledger_verifies_and_has_no_runs(aura_home: Path) -> None:
    assert json.loads(aura("ledger", "verify", "--json").output)["ok"] is True
    assert json.loads(aura("runs", "list", "--json").output) == []
    assert "nothing yet" in aura("runs").output


def test_the_kill_switch_is_turned_and_told(aura_home: Path) -> None:
    assert json.loads(aura("halt", "ALL", "--reason", "storm", "--json").output)["halted"] is True
    assert json.loads(aura("resume", "ALL", "--reason", "over", "--json").output)["halted"] is False
    assert json.loads(aura("ledger", "verify", "--json").output)["entries"] == 2


def test_an_export_overwrites_nothing(aura_home: Path, tmp_path: Path) -> None:
    aura("halt", "ALL", "--reason", "storm")
    target = tmp_path / "journal.jsonl"
    assert aura("ledger", "export", str(target)).exit_code == 0
    (line,) = target.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["kind"] == "halt"
    assert aura("ledger", "export", str(target)).exit_code == 2


def test_the_jobs_of_the_project_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rows = json.loads(aura("job", "list", "--json").output)
    assert {row["job"] for row in rows} == {file.stem for file in (ROOT / "jobs").glob("*.yaml")}
