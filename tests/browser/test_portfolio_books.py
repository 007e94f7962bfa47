"""The portfolio of an account with tax lots in a real browser, light and wide, dark and small; and its files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from aura_lib.core import Settings
from tests.browser.lab import Server, lab
from tests.journey.conftest import ROOT
from tests.ledger.seeded import seed

PATIENCE = 60_000  # milliseconds
DRAWN = "document.querySelectorAll('.aura-plot[data-ready]').length >= 4"
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`aura up` over a copy of the project and a small account with two books."""
    base = tmp_path_factory.mktemp("books")
    project = base / "project"
    for name in ("dashboards", "notebooks", "jobs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, project / name)
    seed(Settings.load({"AURA_HOME": str(base / "home")}))
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


def opened(page: Page, up: Server) -> Page:
    page.goto(up.address("dashboards/portfolio?account=paper"), timeout=PATIENCE)
    page.wait_for_function(DRAWN, timeout=PATIENCE)
    expect(page.get_by_role("heading", name="Tax lots", exact=True)).to_be_visible(timeout=PATIENCE)
    return page


def test_lots_and_gains_are_there_and_another_book_is_chosen(page: Page, up: Server, errors: list[str]) -> None:
    opened(page, up)
    rows = page.locator("section", has=page.get_by_role("heading", name="Tax lots", exact=True)).locator("tbody tr")
    both = rows.count()
    assert {rows.nth(place).locator("td").first.inner_text() for place in range(both)} == {"core", "swing"}
    for title in ("Profit and loss", "Closed lots", "Income", "Export"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.locator(".aura-marks")).to_contain_text("Owner Ada <Lovelace>")
    page.get_by_label("Account").select_option(label="paper · swing")
    expect(rows.first.locator("td").first).to_have_text("swing", timeout=PATIENCE)
    assert rows.count() < both
    assert errors == []


def test_the_files_come_as_downloads(page: Page, up: Server, tmp_path: Path) -> None:
    opened(page, up)
    for label, name in (
        ("Lots, CSV", "paper-lots-2021-12-31.csv"),
        ("Blotter, Parquet", "paper-blotter-2021-12-31.parquet"),
        ("Statement of the month", "paper-statement-2021-12-31.html"),
    ):
        with page.expect_download(timeout=PATIENCE) as waiting:
            page.get_by_role("button", name=label, exact=True).click()
        assert waiting.value.suggested_filename == name
        waiting.value.save_as(tmp_path / name)
    assert {"core", "swing"} <= set(pd.read_csv(tmp_path / "paper-lots-2021-12-31.csv")["book"])
    assert len(pd.read_parquet(tmp_path / "paper-blotter-2021-12-31.parquet")) == 37
    assert "Statement 2021-12" in (tmp_path / "paper-statement-2021-12-31.html").read_text()


def test_on_a_telephone_in_the_dark_nothing_is_wider_than_the_page(chromium: Browser, up: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    try:
        page = opened(context.new_page(), up)
        assert page.evaluate(WIDER) is False
        box = page.get_by_role("button", name="Lots, CSV", exact=True).bounding_box()
        assert box is not None and box["height"] >= 32
    finally:
        context.close()
