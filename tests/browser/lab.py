"""`aura up` on a free port of this machine, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.project.readme_tree import ROOT

CONFIG = {"LabApp": {"expose_app_in_browser": True}}  # as `jupyterapp`, so that a test can ask it


@dataclass(frozen=True)
class Server:
    """Where it listens, ending in a slash, the token it demands, and the folder it shows."""

    url: str
    token: str
    project: Path


@contextmanager
def lab(project: Path, home: Path, scratch: Path) -> Iterator[Server]:
    """JupyterLab over a project, with settings of its own in `scratch`; ended with its kernels."""
    places = {f"JUPYTER_{name}_DIR": scratch / name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["JUPYTER_CONFIG_DIR"] / "jupyter_lab_config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    environment = {
        **os.environ,
        **{name: str(place) for name, place in places.items()},
        "JUPYTERLAB_SETTINGS_DIR": str(scratch / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(scratch / "workspaces"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHONPATH": str(ROOT),
        "AURA_HOME": str(home),
    }
    command = [sys.executable, "-m", "aura_lib", "up", "--port", "0", "--no-browser", "--json"]
    with (scratch / "log").open("w+b") as log:
        process = subprocess.Popen(command, env=environment, cwd=project, stdout=subprocess.PIPE, stderr=log)
        try:
            told = _told(process, scratch / "log")
            yield Server(told["url"].partition("?")[0], told["token"], project)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _told(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """What it says about itself, as soon as it has said it."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line.decode()
        if line.rstrip() == b"}":
            found: dict[str, str] = json.loads(said)
            return found
    raise AssertionError(f"aura up did not start:\n{log.read_text(errors='replace')[-3000:]}")
