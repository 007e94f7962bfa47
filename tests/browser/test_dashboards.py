"""The dashboards in a real browser: what a trader opens, sees, and sees change."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.lab import Server, lab
from tests.journey.conftest import ROOT, Journey, aura

SECOND = """notebook: notebooks/strategies/momentum.ipynb
mode: paper
account: second
book: trial
capital: 500_000
parameters: {lookback: 126, top: 5}
"""
DRAWN = "document.querySelectorAll('.aura-plot[data-ready]').length >= 4"
# Figures that are higher or wider than the room they have.
CUT_OFF = """[...document.querySelectorAll('.aura-plot')].map((plot) => [plot, plot.querySelector('.main-svg')])
  .filter(([plot, drawn]) => Math.abs(drawn.clientHeight - plot.parentElement.clientHeight) > 1
    || drawn.clientWidth - plot.clientWidth > 1)
  .map(([plot, drawn]) => [drawn.clientHeight, plot.parentElement.clientHeight, drawn.clientWidth, plot.clientWidth])"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(journey: Journey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`aura up` over a copy of the project and of the demo's home."""
    base = tmp_path_factory.mktemp("dashboards")
    project = base / "project"
    for name in ("dashboards", "notebooks", "jobs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, project / name)
    (project / "jobs" / "second.yaml").write_text(SECOND)
    failing = [nbformat.v4.new_code_cell("import aura_lib as aura"), nbformat.v4.new_code_cell("1 / 0")]
    failing.append(nbformat.v4.new_code_cell("aura.ui.Panel('<p>still here</p>')"))
    nbformat.write(nbformat.v4.new_notebook(cells=failing), project / "dashboards" / "failing.ipynb")
    shutil.copytree(journey.home, base / "home")
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Every address the page asked for."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


def run_slots(up: Server, first: str, last: str) -> None:
    done = aura(up.home, "job", "run", "second", "--from", first, "--to", last, root=up.project)
    assert done.returncode == 0, done.stderr[-2000:]


def kernels(up: Server) -> int:
    """Processes below the server that are kernels of dashboards: the children of the warm parent."""
    return sum(len(child.children()) for child in psutil.Process(up.pid).children())


def test_from_the_landing_page_to_the_portfolio_by_keyboard(
    page: Page, up: Server, errors: list[str], asked: list[str]
) -> None:
    page.goto(up.address("dashboards/"))
    card = page.get_by_role("link", name="Portfolio One account or book")
    expect(card).to_contain_text("paper · momentum as of 28 Dec 2022", timeout=30_000)
    expect(page.locator("table").get_by_text("USD 1,073,187")).to_be_visible()
    card.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(DRAWN, timeout=30_000)
    expect(page).to_have_title("Portfolio · Aura")
    expect(page.get_by_role("heading", level=1)).to_have_text("Portfolio")
    expect(page.locator(".aura-tiles")).to_contain_text("1,073,187")
    rows = {title: page.locator("section", has=page.get_by_role("heading", name=title, exact=True)).locator("tbody tr")
            for title in ("Holdings", "Orders", "Fills", "Runs")}  # fmt: skip
    assert {title: row.count() for title, row in rows.items()} == {"Holdings": 5, "Orders": 67, "Fills": 67, "Runs": 12}
    for name in ("Equity of momentum against SP500", "Drawdown", "Holdings of momentum", "Monthly returns"):
        expect(page.get_by_role("figure", name=name)).to_be_visible()
    assert page.evaluate(CUT_OFF) == []
    assert errors == []
    assert [url for url in asked if not url.startswith((up.url, "data:", "blob:"))] == []


def test_a_run_that_lands_moves_the_page_that_is_open(page: Page, up: Server, errors: list[str]) -> None:
    run_slots(up, "2022-03-31", "2022-03-31")
    page.goto(up.address("dashboards/portfolio?account=second&book=trial"))
    runs = page.locator("section", has=page.get_by_role("heading", name="Runs", exact=True)).locator("tbody tr")
    expect(runs).to_have_count(1, timeout=30_000)
    before = page.locator(".aura-tiles").inner_text()
    run_slots(up, "2022-04-29", "2022-04-29")
    expect(runs).to_have_count(2, timeout=15_000)
    expect(page.locator(".aura-heading")).to_contain_text("2 May 2022")  # the venue's clock: the close it filled at
    assert page.locator(".aura-tiles").inner_text() != before
    page.get_by_label("Account").select_option(label="paper · momentum")
    expect(page.locator(".aura-tiles")).to_contain_text("1,073,187")
    assert errors == []


def test_a_run_opens_what_its_notebook_wrote(page: Page, up: Server, errors: list[str]) -> None:
    page.goto(up.address("dashboards/portfolio?account=paper&book=momentum"))
    link = page.locator("a[data-run]").first
    link.wait_for(timeout=30_000)
    page.goto(str(link.evaluate("link => link.href")))
    expect(page.get_by_role("heading", level=1).first).to_contain_text("Run momentum_paper-20221130")
    expect(page.locator(".aura-cells")).to_contain_text("Does momentum pay")
    assert errors == []


def test_the_evidence_of_a_strategy_with_its_thresholds_its_neighbours_and_the_trials_behind_it(
    page: Page, up: Server, errors: list[str], asked: list[str]
) -> None:
    page.goto(up.address("dashboards/"))
    page.get_by_role("link", name="Evidence What a strategy showed").click()
    page.wait_for_function(DRAWN, timeout=30_000)
    expect(page).to_have_title("Evidence · Aura")
    expect(page.get_by_label("Strategy")).to_have_value("0")
    expect(page.locator(".aura-verdict")).to_contain_text("trials")
    expect(page.locator(".aura-panel", has=page.locator(".aura-verdict"))).to_contain_text("Paper: may be promoted")
    findings = page.locator("section", has=page.get_by_role("heading", name="Findings", exact=True))
    assert findings.locator("tbody tr").count() >= 15
    expect(findings).to_contain_text("Deflated Sharpe ratio")
    expect(findings).to_contain_text("≥ 0.95")
    tried = page.locator("section", has=page.get_by_role("heading", name="What was tried", exact=True))
    assert tried.locator("tbody tr").count() >= 1
    for name in (
        "Out of sample",
        "Neighbouring parameters",
        "The trials",
        "Cross-validation",
        "Robustness",
        "Placebos",
    ):
        expect(page.get_by_role("figure", name=name).first).to_be_visible()
    assert page.evaluate(CUT_OFF) == []
    assert errors == []
    assert [url for url in asked if not url.startswith((up.url, "data:", "blob:"))] == []


def test_dark_and_light_change_the_page_and_its_figures(page: Page, up: Server) -> None:
    page.goto(up.address("dashboards/portfolio"))
    page.wait_for_function(DRAWN, timeout=30_000)
    paper = "getComputedStyle(document.querySelector('.aura-plot .main-svg')).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark colours").click()
    page.wait_for_function(f"{paper} !== '{light}'")
    page.reload()
    page.wait_for_function(DRAWN, timeout=30_000)
    assert page.evaluate(paper) != light, "the choice is remembered"


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Browser, up: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    for name in ("portfolio", "evidence", ""):
        page.goto(up.address(f"dashboards/{name}"))
        page.locator(".aura-panel table").first.wait_for(timeout=30_000)
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate(CUT_OFF) == []
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "portfolio", "evidence"])
def test_axe_finds_nothing_to_complain_about(chromium: Browser, up: Server, name: str, theme: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(up.address(f"dashboards/{name}"))
    page.locator(".aura-panel table").nth(1).wait_for(timeout=30_000)
    if name:
        page.wait_for_function(DRAWN, timeout=30_000)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    told = [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in found.response["violations"]]
    context.close()
    assert told == []


def test_closing_the_tab_ends_its_kernel(chromium: Browser, up: Server) -> None:
    deadline = time.monotonic() + 20
    while kernels(up) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert kernels(up) == 0, "those of the tests before are gone"
    context = chromium.new_context()
    page = context.new_page()
    page.goto(up.address("dashboards/portfolio"))
    page.wait_for_function(DRAWN, timeout=30_000)
    assert kernels(up) == 1
    context.close()
    deadline = time.monotonic() + 20
    while kernels(up) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert kernels(up) == 0


def test_a_dashboard_that_raises_says_so_and_shows_the_rest(page: Page, up: Server) -> None:
    page.goto(up.address("dashboards/failing"))
    expect(page.get_by_role("alert")).to_contain_text("ZeroDivisionError: division by zero", timeout=30_000)
    expect(page.get_by_text("still here")).to_be_visible(timeout=30_000)
    expect(page.locator("body")).not_to_contain_text("Traceback")


def test_a_kernel_that_dies_is_told_on_the_page(page: Page, up: Server) -> None:
    page.goto(up.address("dashboards/portfolio"))
    page.wait_for_function(DRAWN, timeout=30_000)
    for child in psutil.Process(up.pid).children():
        for kernel in child.children():
            kernel.kill()
    page.wait_for_selector("html.aura-silent", timeout=30_000, state="attached")


def test_a_ledger_of_a_newer_aura_is_told_on_the_page(page: Page, up: Server) -> None:
    def version(number: str) -> str:
        with sqlite3.connect(up.home / "ledger.db") as database:
            (was,) = database.execute("select value from meta where key = 'version'").fetchone()
            database.execute("update meta set value = ? where key = 'version'", (number,))
        return str(was)

    was = version("999")
    try:
        page.goto(up.address("dashboards/portfolio"))
        expect(page.get_by_role("alert")).to_contain_text("upgrade Aura", timeout=30_000)
    finally:
        version(was)


def test_an_empty_home_offers_the_demo_and_the_page_fills_by_itself(
    page: Page, journey: Journey, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "dashboards", project / "dashboards")
    (project / "aura.toml").touch()
    with lab(project, tmp_path / "home", tmp_path / "jupyter") as empty:
        page.goto(empty.address("dashboards/portfolio"))
        expect(page.get_by_role("heading", name="No account yet")).to_be_visible(timeout=30_000)
        shutil.copytree(journey.home / "data", empty.home / "data")
        with sqlite3.connect(journey.home / "ledger.db") as made, sqlite3.connect(empty.home / "ledger.db") as own:
            made.backup(own)  # one transaction: as if the demo had just been run
        expect(page.locator(".aura-tiles")).to_contain_text("1,073,187", timeout=15_000)
