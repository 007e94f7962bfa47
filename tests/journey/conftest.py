"""One `aura demo` for the whole session, shared by all workers; tests that change something take a copy."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def environment(home: Path) -> dict[str, str]:
    """What a newcomer's shell has, and AURA_HOME."""
    kept = {n: os.environ[n] for n in ("PATH", "HOME", "LANG", "TMPDIR") if n in os.environ}
    return {**kept, "AURA_HOME": str(home)}


def aura(home: Path, *arguments: str, root: Path = ROOT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the `aura` command as it is installed, or from a copy of the project (`root`)."""
    return subprocess.run(
        [sys.executable, "-m", "aura_lib", *arguments],
        cwd=root,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass(frozen=True)
class Journey:
    """A finished demo: its home, what it printed on both streams, and its answer."""

    home: Path
    progress: str
    answer: Mapping[str, Any]


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The demo, run once in a fresh AURA_HOME."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with (shared / "journey.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = shared / "journey.json"
        if not told.exists():
            done = aura(shared / "journey-home", "demo", "--json", timeout=600)
            told.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    code, out, err = json.loads(told.read_text())
    assert code == 0, err[-3000:]
    return Journey(shared / "journey-home", err, json.loads(out))


@pytest.fixture
def copied(journey: Journey, tmp_path: Path) -> Path:
    """A copy of the demo's home, to be changed at will."""
    home = tmp_path / "home"
    shutil.copytree(journey.home, home)
    return home


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of the project's sources, to be edited at will; run with `aura(..., root=...)`."""
    target = tmp_path / "project"
    target.mkdir()
    for name in ("aura_lib", "notebooks", "jobs"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, target / name)
    return target


Edit = Callable[[Path], None]
