"""What a trader waits for: the portfolio page in a real Chromium, beside plain Voila on a comparable page."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import psutil
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, TimeoutError, ViewportSize, sync_playwright

from tests.benchmarks.rows import Row
from tests.browser.conftest import PROGRAMS
from tests.browser.lab import lab

ROOT = Path(__file__).parents[2]
COLD, WARM = 3, 5
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
DRAWN = (
    "document.querySelectorAll('.aura-plot[data-ready]').length >= 4"
    " && document.querySelectorAll('.aura table').length >= 4"
)
# The same numbers from the same ledger, as a notebook would show them without Aura's widgets.
PEER = """import ipywidgets, pandas, plotly.io
from aura_lib.ledger import Ledger
from aura_lib.reports import figures
from aura_lib.reports.standing import standing
s = standing(Ledger.find(), "paper", "momentum")
---
ipywidgets.IntSlider()
---
figures.equity(s.equity, s.benchmark, about=s.about)
---
figures.drawdown(s.equity, s.benchmark, about=s.about)
---
figures.weights(s.weights, about=s.about)
---
figures.monthly_returns(s.returns, about=s.about)
---
s.holdings()
---
s.orders_table()
---
s.fills_table()
---
s.runs_table()"""
PEER_DRAWN = (
    "document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4"
    " && document.querySelectorAll('table').length >= 4 && document.querySelector('.widget-slider')"
)


@dataclass
class View:
    """One view of a page: seconds, bytes, and what should not have happened."""

    usable: float
    paint: float
    bytes: int
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


class NotDrawn(RuntimeError):
    """A page that never showed everything. Plain Voila's does that now and then: its figures race its widgets."""


def rows() -> Iterator[Row]:
    """The suite `door`."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        base = Path(folder)
        home, project = base / "home", _project(base / "project")
        environment = {**os.environ, "AURA_HOME": str(home), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "aura_lib", "demo"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        with (
            lab(project, home, base / "jupyter") as ours,
            _voila(project, environment) as plain,
            _voila(project, environment, "--preheat_kernel=True", "--pool_size=2") as heated,
        ):
            time.sleep(10)  # warm parents and pools
            pages = {
                "ours": (ours.address("dashboards/portfolio"), DRAWN),
                "plain": (plain, PEER_DRAWN),
                "preheated": (heated, PEER_DRAWN),
            }
            cold = {name: [] for name in pages}
            for _ in range(COLD):  # side by side: one of each in turn
                for name, page in pages.items():
                    cold[name].append(_patiently(name, lambda page=page: _once(browser, *page)))
            warm = {name: _warm(playwright, base / f"profile-{name}", name, *page) for name, page in pages.items()}
            gone = _gone(browser, *pages["ours"], ours.pid)
        browser.close()
    yield from _rows(cold, warm, gone)


def _rows(cold: dict[str, list[View]], warm: dict[str, list[View]], gone: float) -> Iterator[Row]:
    for peer in ("plain", "preheated"):
        for goal, kind, views in ((5.0, "cold", cold), (2.5, "warm", warm)):
            ours, theirs = (median(view.usable for view in views[name]) for name in ("ours", peer))
            yield Row(f"door.usable.{kind}.{peer}", ours, "s", goal, f"{peer} Voila", theirs)
    yield Row("door.first_paint", median(v.paint for v in warm["ours"]), "s", 0.3, "plain Voila",
              median(v.paint for v in warm["plain"]))  # fmt: skip
    yield Row("door.reload", median(v.bytes for v in warm["ours"]) / 1e6, "MB", 0.3, "plain Voila",
              median(v.bytes for v in warm["plain"]) / 1e6)  # fmt: skip
    yield Row("door.first_load", median(v.bytes for v in cold["ours"]) / 1e6, "MB", None, "plain Voila",
              median(v.bytes for v in cold["plain"]) / 1e6)  # fmt: skip
    every = [*cold["ours"], *warm["ours"]]
    yield Row("door.console_errors", sum(len(v.errors) for v in every), "errors", 0)
    yield Row("door.foreign_requests", sum(len(v.foreign) for v in every), "requests", 0, "plain Voila",
              sum(len(v.foreign) for v in cold["plain"]))  # fmt: skip
    yield Row("door.kernel_gone", gone, "s", 15)


def _project(folder: Path) -> Path:
    shutil.copytree(ROOT / "dashboards", folder / "dashboards")
    (folder / "aura.toml").touch()
    (folder / "peer").mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in PEER.split("\n---\n")]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "peer" / "peer.ipynb")
    return folder


def _chromium() -> str:
    found = next((found for found in map(shutil.which, PROGRAMS) if found), None)
    assert found, "no Chromium on this machine: install your system's package (Debian: apt-get install chromium)"
    return found


@contextmanager
def _voila(project: Path, environment: dict[str, str], *options: str) -> Iterator[str]:
    """Voila as it comes, over the peer's page; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "voila", "peer.ipynb", f"--port={port}", "--no-browser", *options]
    process = subprocess.Popen(
        command, cwd=project / "peer", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _context(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport=VIEWPORT)


def _settle() -> None:
    """Wait until the machine is idle (a preheated pool refills itself after every view), for ten seconds at most."""
    for _ in range(20):
        if psutil.cpu_percent(interval=0.5) < 15:
            return


def _once(browser: Browser, address: str, drawn: str) -> View:
    """The first view of a browser that knows nothing yet."""
    context = _context(browser)
    try:
        return _view(context.new_page(), address, drawn)
    finally:
        context.close()


def _warm(playwright: Playwright, profile: Path, name: str, address: str, drawn: str) -> list[View]:
    """Views of a browser that was here before, each in a new tab: a browser with a profile keeps compiled scripts."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=_chromium(), args=["--no-sandbox"], viewport=VIEWPORT
    )
    again = partial(_patiently, name, lambda: _again(context, address, drawn))
    try:
        again()
        return [again() for _ in range(WARM)]
    finally:
        context.close()


def _patiently(name: str, look: Callable[[], View]) -> View:
    """A view; of a peer the first that shows everything, of ours the first."""
    for _ in range(1 if name == "ours" else 5):
        with suppress(NotDrawn):
            return look()
    return look()


def _again(context: BrowserContext, address: str, drawn: str) -> View:
    page = context.new_page()
    try:
        return _view(page, address, drawn)
    finally:
        page.close()


def _view(page: Page, address: str, drawn: str) -> View:
    _settle()
    errors: list[str] = []
    foreign: list[str] = []
    transferred: list[int] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda r: foreign.append(r.url) if not r.url.startswith(_own(address)) else None)
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda told: transferred.append(int(told["encodedDataLength"])))
    wire.on("Network.webSocketFrameReceived", lambda told: transferred.append(_frame(told)))
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    try:
        page.wait_for_function(drawn, timeout=20_000)
    except TimeoutError:
        raise NotDrawn(f"{address} did not show everything; console: {errors[:3]}") from None
    usable = time.perf_counter() - began
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN") / 1000
    page.wait_for_timeout(300)
    return View(usable, paint, sum(transferred), errors, foreign)


def _own(address: str) -> tuple[str, ...]:
    return (address.split("/", 3)[0] + "//" + address.split("/", 3)[2], "data:", "blob:")


def _frame(told: dict[str, Any]) -> int:
    """Bytes of a frame; those of a binary one are told in base64."""
    response = told["response"]
    size = len(response["payloadData"])
    return size * 3 // 4 if response["opcode"] == 2 else size


def _gone(browser: Browser, address: str, drawn: str, pid: int) -> float:
    """Seconds from closing a tab until its kernel is gone."""

    def kernels() -> int:
        return sum(len(child.children()) for child in psutil.Process(pid).children())

    while kernels():
        time.sleep(0.2)
    context = _context(browser)
    _view(context.new_page(), address, drawn)
    assert kernels() == 1, json.dumps([p.cmdline() for p in psutil.Process(pid).children(recursive=True)])
    context.close()
    began = time.perf_counter()
    while kernels() and time.perf_counter() - began < 60:
        time.sleep(0.05)
    return time.perf_counter() - began
