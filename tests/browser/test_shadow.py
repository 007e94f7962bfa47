"""A shadow in a real browser: what it says is never sent, light and dark, wide and small, and what axe finds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from aura_lib.core import Settings
from tests.browser.lab import Server, lab
from tests.journey.conftest import ROOT
from tests.shadowed import seed

PATIENCE = 60_000  # milliseconds
GIVEN_UP = "document.body.innerText.includes('Error displaying widget')"
COMPLETE = "document.querySelectorAll('section.aura-panel').length >= 3"
DRAWN = "document.querySelectorAll('.aura-plot[data-ready]').length >= 2"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`aura up` over a copy of the project and a home with a shadow."""
    base = tmp_path_factory.mktemp("shadow")
    project = base / "project"
    for name in ("dashboards", "notebooks", "jobs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, project / name)
    seed(Settings.load({"AURA_HOME": str(base / "home")}))
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


def opened(page: Page, up: Server) -> Page:
    """The page with all of its pieces.

    Jupyter's widget manager waits four seconds for the kernel to tell its widgets, and gives those up that come later:
    on a busy machine a person would load the page again.
    """
    for _ in range(4):
        page.goto(up.address("dashboards/shadow"), timeout=PATIENCE)
        page.wait_for_function(f"({DRAWN}) || ({GIVEN_UP})", timeout=PATIENCE)
        page.wait_for_function(f"({COMPLETE}) || ({GIVEN_UP})", timeout=PATIENCE)
        if not page.evaluate(GIVEN_UP):
            break
    expect(page.get_by_role("heading", name="Withheld orders", exact=True)).to_be_visible(timeout=PATIENCE)
    return page


def test_what_was_withheld_and_what_the_market_made_of_it_is_on_one_page(page: Page, up: Server) -> None:
    opened(page, up)
    expect(page).to_have_title("Shadow · Aura")
    expect(page.locator(".aura-marks")).to_contain_text("nothing was sent")
    expect(page.locator(".aura-heading")).to_contain_text("As of 31 Dec 2021")
    rows = {title: page.locator("section", has=page.get_by_role("heading", name=title, exact=True)).locator("tbody tr")
            for title in ("Decisions", "Withheld orders", "Refused, by rule")}  # fmt: skip
    assert {title: row.count() for title, row in rows.items()} == {
        "Decisions": 11, "Withheld orders": 42, "Refused, by rule": 2,
    }  # fmt: skip
    for name in ("Withheld orders of ghost", "What prices did after the orders of ghost"):
        expect(page.get_by_role("figure", name=name)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(chromium: Browser, up: Server, theme: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = opened(context.new_page(), up)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    told = [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in found.response["violations"]]
    context.close()
    assert told == []


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Browser, up: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = opened(context.new_page(), up)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
