"""A real `aura up` on a free port of this machine, as a process of its own."""

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

# A test sees the application of JupyterLab as `jupyterapp`; nothing else is different.
EXPOSED = "c.LabApp.expose_app_in_browser = True\n"


@dataclass(frozen=True)
class Server:
    """Where it listens, ending in a slash, and what it demands."""

    url: str
    token: str
    project: Path
    home: Path
    pid: int

    def address(self, path: str) -> str:
        """An address that logs in."""
        return f"{self.url}{path}{'&' if '?' in path else '?'}token={self.token}"


@contextmanager
def lab(project: Path, home: Path, scratch: Path) -> Iterator[Server]:
    """`aura up` over a project, with Jupyter settings of its own in `scratch`."""
    places = {name: scratch / name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["CONFIG"] / "jupyter_lab_config.py").write_text(EXPOSED, encoding="utf-8")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(place) for name, place in places.items()},
        "JUPYTERLAB_SETTINGS_DIR": str(scratch / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(scratch / "workspaces"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHONPATH": str(ROOT),
        "AURA_HOME": str(home),
    }
    command = [sys.executable, "-m", "aura_lib", "up", "--port", "0", "--no-browser", "--json"]
    with (scratch / "log").open("w+b") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            told = _told(process, scratch / "log")
            yield Server(told["url"].partition("?")[0], told["token"], project, home, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)  # it takes its kernels along
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _told(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    """What it says when it is ready."""
    assert process.stdout is not None
    said = ""
    while not said.endswith("}\n"):
        line = process.stdout.readline()
        assert line, f"aura up did not start:\n{log.read_text(errors='replace')[-3000:]}"
        said += line
    told: dict[str, str] = json.loads(said)
    return told
