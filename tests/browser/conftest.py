"""A real Chromium, and JupyterLab in a project of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.lab import Server, lab
from tests.journey.conftest import journey

expect.set_options(timeout=30_000)  # a machine may be busy: what is there at once costs nothing

__all__ = ["journey"]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")  # not longer: while it lives, asyncio takes this thread for one that runs a loop
def chromium() -> Iterator[Browser]:
    """Chromium as the system has it, without a window."""
    program = next((found for found in map(shutil.which, PROGRAMS) if found), None)
    if program is None:
        pytest.skip("no Chromium on this machine: install your system's package (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, errors: list[str]) -> Iterator[Page]:
    """A page of its own, at the size of a small laptop; what it complains about is in `errors`."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    made = context.new_page()
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield made
    context.close()


@pytest.fixture
def errors() -> list[str]:
    """What a page wrote to its console as an error, or raised."""
    return []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab over an empty project, with a home of its own."""
    base = tmp_path_factory.mktemp("lab")
    project = base / "project"
    project.mkdir()
    (project / "aura.toml").touch()
    with lab(project, base / "home", base / "jupyter") as running:
        yield running
