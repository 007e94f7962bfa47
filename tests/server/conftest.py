"""A real `aura up` on a free port, with a small project of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import nbformat
import psutil
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect

ROOT = Path(__file__).parents[2]
SECRET = "a-key-that-no-dashboard-may-see"

SLIDER = """
import ipywidgets as w, os
slider, label = w.IntSlider(), w.Label("n is 0")
slider.observe(lambda change: setattr(label, "value", f"n is {change.new}"), "value")
print("MODEL", slider.model_id, "PID", os.getpid())
"""
STALE = "from aura_lib.core import DataError\nraise DataError('prices are 12 days old: aura data fetch')"
CELLS = {
    "look": [
        ("markdown", "# Looking around", []),
        ("markdown", "Some *words*.", []),
        ("code", "import os, sys\nprint('QUERY', os.environ['QUERY_STRING'])", ["half"]),
        ("code", "print('NAMES', *sorted(os.environ))", []),
        ("code", "print('HOME', os.environ['AURA_HOME'], 'PID', os.getpid(), 'WARM', 'pandas' in sys.modules)", []),
    ],
    "slider": [("code", SLIDER, []), ("code", "w.VBox([slider, label])", ["wide"])],
    "failing": [
        ("code", "print('before')", ["half"]),
        ("code", "raise ValueError('no prices today\\nand a second line')", ["half"]),
        ("code", STALE, ["half"]),
        ("code", "import sys; print('said to nobody', file=sys.stderr); print('after')", ["half"]),
    ],
    "slow": [("code", "import os, time; time.sleep(1.5); print('PID', os.getpid())", ["half"])],
}


def notebook(path: Path, cells: list[tuple[str, str, list[str]]]) -> None:
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    made = [make[kind](source, metadata={"tags": tags}) for kind, source, tags in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)


def project(folder: Path) -> Path:
    """A project with dashboards, and with things beside them that are nobody's business."""
    (folder / "dashboards" / "deeper").mkdir(parents=True)
    (folder / "aura.toml").touch()
    for name, cells in CELLS.items():
        notebook(folder / "dashboards" / f"{name}.ipynb", cells)
    for hidden in ("secret.ipynb", "dashboards/.hidden.ipynb", "dashboards/deeper/inner.ipynb"):
        notebook(folder / hidden, [("code", "print('OUTSIDE')", [])])
    (folder / "dashboards" / "linked.ipynb").symlink_to(folder / "secret.ipynb")
    (folder / "dashboards" / "picture.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "dashboards" / "notes.txt").write_text("OUTSIDE")
    (folder / "outside.svg").write_text("<svg>OUTSIDE</svg>")
    return folder


def environment(home: Path) -> dict[str, str]:
    own = {"AURA_HOME": str(home), "PYTHONPATH": str(ROOT), "HOME": str(home), "BROKER_API_KEY": SECRET}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "JUPYTER_", "JPY_"))}
    return {**kept, **own}


COMMAND = (sys.executable, "-m", "aura_lib", "up", "--no-browser", "--json", "--port")


@dataclass
class Up:
    """A running `aura up`."""

    folder: Path
    home: Path
    port: int = 0
    told: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Up:
        self.process = subprocess.Popen(
            [*COMMAND, str(self.port)], cwd=self.folder, env=environment(self.home), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            said += line
        self.told = json.loads(said)
        self.address = self.told["url"].partition("/?")[0]
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; its exit code and what it said on the error stream."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)  # it takes its desks along
        return self.process.returncode, errors

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def log(self) -> str:
        return (self.home / "server" / "server.log").read_text()

    def get(self, path: str, *, token: bool = True, **options: Any) -> HTTPResponse:
        return asyncio.run(self.fetch(path, token=token, **options))

    async def fetch(
        self, path: str, *, token: bool = True, headers: dict[str, str] | None = None, **options: Any
    ) -> HTTPResponse:
        """One request, redirects not followed, errors as answers."""
        own = {"Authorization": f"token {self.told['token']}"} if token else {}
        options = {"follow_redirects": False, "request_timeout": 60, "decompress_response": False, **options}
        request = HTTPRequest(f"{self.address}{path}", headers={**own, **(headers or {})}, **options)
        try:
            return await AsyncHTTPClient().fetch(request)
        except HTTPClientError as error:
            if error.response is None:
                raise
            return error.response

    async def page(self, name: str, **query: str) -> str:
        answer = await self.fetch(f"/dashboards/{name}?{urlencode(query)}")
        assert answer.code == 200, answer.body
        return answer.body.decode()

    async def websocket(self, kernel_id: str) -> WebSocketClientConnection:
        address = self.address.replace("http", "ws")
        headers = {"Authorization": f"token {self.told['token']}"}
        return await websocket_connect(
            HTTPRequest(f"{address}/dashboards/api/kernels/{kernel_id}/channels?session_id=tests", headers=headers)
        )


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    base = tmp_path_factory.mktemp("up")
    with Up(project(base / "project"), base / "home") as running:
        yield running


async def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes to hold within so many seconds."""
    for _ in range(int(seconds / 0.05)):
        if holds():
            return True
        await asyncio.sleep(0.05)
    return holds()


def run(work: Awaitable[Any]) -> Any:
    async def inner() -> Any:
        return await work

    return asyncio.run(inner())
