"""The systemd units: absolute, without secrets, accepted by systemd itself; and what happens where there is none."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.cli.service import units
from aura_lib.core import Settings

ROOT = Path(__file__).parents[2]


def aura(*arguments: str) -> tuple[int, dict, str]:
    shown = CliRunner().invoke(app, ["service", *arguments, "--json"])
    return shown.exit_code, json.loads(shown.stdout) if shown.stdout.strip() else {}, shown.stderr


def parsed(text: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    return unit


def test_a_unit_is_absolute_restarts_after_a_failure_and_holds_no_secret(
    aura_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURA_DATABASE_URL", "postgresql://me:secret@db/aura")
    found = {unit.name: parsed(unit.text)["Service"] for unit in units(Settings.load(), ROOT, None)}
    assert set(found) == {"aura-scheduler.service", "aura-up.service"}
    for service in found.values():
        assert Path(service["WorkingDirectory"]) == ROOT and ROOT.is_absolute()
        assert shlex.split(service["Environment"]) == [f"AURA_HOME={aura_home}"]
        assert shlex.split(service["ExecStart"])[:3] == [sys.executable, "-m", "aura_lib"]
        assert service["Restart"] == "on-failure" and service["RestartPreventExitStatus"] == "2"
    assert shlex.split(found["aura-scheduler.service"]["ExecStart"])[3:] == ["job", "schedule"]
    assert shlex.split(found["aura-up.service"]["ExecStart"])[3:] == ["up", "--no-browser"]
    assert "secret" not in "".join(unit.text for unit in units(Settings.load(), ROOT, None))


def test_systemd_itself_finds_nothing_wrong_also_with_an_awkward_folder(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        return  # the other tests read the text
    home = tmp_path / '100% of it\'s "mine"'
    home.mkdir()
    for unit in units(Settings.load({"AURA_HOME": str(home)}), tmp_path, None):
        file = tmp_path / unit.name
        file.write_text(unit.text, encoding="utf-8")
        told = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(file)], capture_output=True, text=True, check=False
        )
        assert unit.name not in told.stderr, told.stderr


def test_print_shows_them_and_writes_nothing(aura_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    code, found, _ = aura("print", "scheduler")
    assert code == 0 and list(found) == ["aura-scheduler.service"]
    assert not (tmp_path / "config").exists() and not aura_home.exists()
    assert aura("print", "moon")[0] == 2


FAKE = """#!/bin/sh
echo "$@" >> "$0.said"
case "$2" in is-active) echo active;; esac
test ! -e "$0.dead"
"""


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that notes what it is asked: a test must not change the services of who runs it."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return program


def test_install_status_uninstall(systemctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config" / "systemd" / "user"
    assert [unit["installed"] for unit in aura("status")[1]["units"]] == ["no", "no"]
    code, found, _ = aura("install")
    assert code == 0 and [(u["installed"], u["state"]) for u in found["units"]] == [("yes", "active")] * 2
    assert sorted(p.name for p in folder.iterdir()) == ["aura-scheduler.service", "aura-up.service"]
    monkeypatch.setenv("AURA_HOME", str(tmp_path / "another"))
    assert aura("status", "up")[1]["units"][0]["installed"] == "yes, for other settings"
    assert aura("uninstall", "up")[1] == {"removed": ["aura-up.service"]}
    assert aura("uninstall")[1] == {"removed": ["aura-scheduler.service"]}
    assert aura("uninstall")[1] == {"removed": []} and list(folder.iterdir()) == []
    said = systemctl.with_name("systemctl.said").read_text().splitlines()
    acts = [line for line in said if "enable" in line or "disable" in line or "reload" in line]
    assert acts == [
        "--user daemon-reload",
        "--user enable --now aura-scheduler.service",
        "--user enable --now aura-up.service",
        "--user disable --now aura-up.service",
        "--user daemon-reload",
        "--user disable --now aura-scheduler.service",
        "--user daemon-reload",
    ]


def test_without_systemd_it_says_what_to_run_and_writes_nothing(systemctl: Path, tmp_path: Path) -> None:
    systemctl.with_name("systemctl.dead").touch()
    code, _, told = aura("install")
    assert code == 2 and "aura job schedule; aura up --no-browser" in told
    assert not (tmp_path / "config").exists()
    assert aura("status")[1]["systemd"] is False
