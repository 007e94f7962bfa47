"""JupyterLab with Aura's launcher on a free port of this machine, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.project.readme_tree import ROOT

EXTENSIONS = {"ServerApp": {"jpserver_extensions": {"tests.browser.lab": True}}}
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
CONFIG = """
from aura_lib.server.launcher import LABEXTENSIONS
c.LabApp.extra_labextensions_path = [str(LABEXTENSIONS)]
c.LabApp.expose_app_in_browser = True
c.LabApp.extension_manager = "readonly"
c.ServerApp.open_browser = False
c.ServerApp.port = 0
c.ServerApp.allow_root = True
"""


@dataclass(frozen=True)
class Server:
    """Where it listens, ending in a slash, and what it demands."""

    url: str
    token: str
    project: Path


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "tests.browser.lab"}]


def _load_jupyter_server_extension(app: Any) -> None:
    from aura_lib.server.launcher import handlers

    app.web_app.add_handlers(".*$", handlers(app.base_url))


@contextmanager
def lab(project: Path, home: Path, scratch: Path, root: Path | None = None) -> Iterator[Server]:
    """JupyterLab over a project (or over `root`, another folder), with settings of its own in `scratch`."""
    places = {name: scratch / name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    for place in places.values():
        place.mkdir(parents=True)
    (places["CONFIG"] / "jupyter_server_config.json").write_text(json.dumps(EXTENSIONS), encoding="utf-8")
    (places["CONFIG"] / "labconfig").mkdir()
    (places["CONFIG"] / "labconfig" / "page_config.json").write_text(json.dumps(PAGE), encoding="utf-8")
    (places["CONFIG"] / "jupyter_lab_config.py").write_text(CONFIG, encoding="utf-8")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(place) for name, place in places.items()},
        "JUPYTERLAB_SETTINGS_DIR": str(scratch / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(scratch / "workspaces"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHONPATH": str(ROOT),
        "AURA_HOME": str(home),
    }
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={root or project}"]
    with (scratch / "log").open("w+b") as log:
        process = subprocess.Popen(command, env=environment, cwd=project, stdout=log, stderr=log)
        try:
            yield Server(*_told(process, places["RUNTIME"], scratch / "log"), project)
        finally:
            process.send_signal(signal.SIGTERM)  # it takes its kernels along
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _told(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> tuple[str, str]:
    """Its address and its token, as soon as it has told them."""
    file, deadline = runtime / f"jpserver-{process.pid}.json", time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            return told["url"].replace("localhost", "127.0.0.1"), told["token"]
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")
