"""The trading page in a real browser: a bracket bought and filled, an order refused by a limit, a change, a halt."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from aura_lib.core import OrderStatus, Settings
from aura_lib.ledger import AccountView, Ledger
from tests.browser.lab import Server, lab
from tests.journey.conftest import ROOT

pytestmark = pytest.mark.slow
SLOW = 90_000  # milliseconds that a desk may take to start on a busy machine


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`aura up` over the dashboards, with an empty home; it brings the desks."""
    base = tmp_path_factory.mktemp("trade")
    project = base / "project"
    shutil.copytree(ROOT / "dashboards", project / "dashboards")
    (project / "aura.toml").touch()
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


def account(up: Server) -> AccountView:
    """The practice account as the ledger has it."""
    with Ledger.open(Settings.load({"AURA_HOME": str(up.home)})) as ledger:
        return ledger.account("practice")


def practising(page: Page, up: Server) -> Page:
    """The page with an open practice account, and a desk at work."""
    page.goto(up.address("dashboards/trade"))
    expect(page.get_by_text(re.compile("Open a practice account|Its desk is at work")).first).to_be_visible(
        timeout=SLOW
    )
    first = page.get_by_role("button", name="Open a practice account")
    if first.is_visible():
        first.click()
    expect(page.get_by_text("Its desk is at work")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile(r"^\$100,000\.00|^\$99,")).first).to_be_visible(timeout=SLOW)
    return page


def table(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name=name)


def send(page: Page) -> None:
    page.get_by_role("button", name="Review order").click()
    page.get_by_role("button", name="Send to paper").click()


def test_a_bracket_is_bought_and_filled_a_limit_refuses_and_a_halt_ends_it(
    page: Page, up: Server, errors: list[str]
) -> None:
    practising(page, up)
    expect(page.get_by_text("Simulated trading: no real money")).to_be_visible()
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))

    page.get_by_label("How much").fill("100")
    page.get_by_label("Type").select_option("bracket")
    page.get_by_label("Take profit").fill("90")
    page.get_by_label("Stop loss", exact=True).fill("10")
    expect(page.get_by_text("Would be approved")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("→ $9", exact=False)).to_be_visible()  # cash of the book, before and after
    send(page)
    expect(page.get_by_text("Approved and on its way")).to_be_visible(timeout=SLOW)
    expect(table(page, "Orders")).to_contain_text("accepted", timeout=SLOW)

    page.get_by_role("button", name="Next bar").click()
    expect(table(page, "Fills")).to_contain_text("AAPL", timeout=SLOW)
    expect(table(page, "Positions")).to_contain_text("100", timeout=SLOW)
    expect(table(page, "Orders")).to_contain_text("target 90, stop 10", timeout=SLOW)

    page.get_by_label("How much").fill("100000")
    expect(page.get_by_text("Would be refused: buying power")).to_be_visible(timeout=SLOW)
    send(page)
    expect(page.get_by_text("rejected by buying_power")).to_be_visible(timeout=SLOW)

    page.get_by_label("Why", exact=True).fill("enough for today")
    page.get_by_role("button", name="Halt practice").click()
    expect(page.get_by_text("practice halted: enough for today").first).to_be_visible(timeout=SLOW)
    expect(table(page, "Orders")).to_contain_text("cancelled", timeout=SLOW)
    assert loads == [] and errors == [], "nothing was loaded anew"

    view = account(up)
    bracket = [o for o in view.orders.values() if o.intent.symbol == "AAPL"]
    assert sorted(o.status for o in bracket) == [OrderStatus.CANCELLED, OrderStatus.FILLED]
    assert [f.quantity for f in view.fills if f.symbol == "AAPL"] == [100] and view.account().quantity("AAPL") == 100

    page.get_by_label("Why it may trade again").fill("a new day")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Trading is allowed")).to_be_visible(timeout=SLOW)


def test_a_resting_order_is_changed_and_cancelled_and_what_was_typed_stays(page: Page, up: Server) -> None:
    practising(page, up)
    page.get_by_label("Symbol").fill("MSFT")
    page.get_by_label("How much").fill("7")
    page.get_by_label("Type").select_option("limit")
    page.get_by_label("In force").select_option("gtc")
    page.get_by_label("Limit price").first.fill("20")
    expect(page.get_by_text("Would be approved")).to_be_visible(timeout=SLOW)
    send(page)
    row = table(page, "Orders").get_by_role("row").filter(has_text="MSFT").filter(has_text="accepted")
    expect(row).to_contain_text("20", timeout=SLOW)
    page.get_by_label("How much").fill("3")  # the next ticket, half written, while the page moves
    row.locator("summary").click()
    row.get_by_label("Limit price").fill("19")
    row.get_by_role("button", name="Change").click()
    at_19 = page.get_by_role("cell", name="19", exact=True)  # an order's name may have these digits too
    changed = table(page, "Orders").get_by_role("row").filter(has_text="MSFT").filter(has=at_19)
    expect(changed).to_contain_text("accepted", timeout=SLOW)
    expect(page.get_by_label("How much")).to_have_value("3")
    changed.get_by_role("button", name="Cancel").click()
    expect(changed).to_contain_text("cancelled", timeout=SLOW)
    left = [o for o in account(up).orders.values() if o.intent.symbol == "MSFT"]
    assert sorted(o.status for o in left) == [OrderStatus.CANCELLED, OrderStatus.REPLACED]
    assert account(up).account().quantity("MSFT") == 0


def test_what_is_wrong_with_a_ticket_is_said_while_it_is_written(page: Page, up: Server) -> None:
    practising(page, up)
    page.get_by_label("How much").fill("1,5")
    expect(page.get_by_role("alert")).to_contain_text("'1,5' is no number; write 1000 or 0.5", timeout=SLOW)
    page.get_by_label("How much").fill("10")
    page.get_by_label("Symbol").fill("NOPE")
    expect(page.get_by_role("alert")).to_contain_text("NOPE is not traded", timeout=SLOW)
    assert page.get_by_role("button", name="Send to paper").count() == 0


def test_targets_become_a_plan_that_is_looked_at_and_then_proposed(page: Page, up: Server) -> None:
    practising(page, up)
    before = len(account(up).orders)
    page.get_by_text("Bring a book to its target weights").click()
    page.get_by_label("Targets").fill("IBM=20% GOOG=10%")
    page.get_by_label("leave the rest alone").check()
    page.get_by_role("button", name="Show the plan").click()
    plan = page.get_by_role("table", name="Orders of the plan")
    expect(plan).to_contain_text("IBM", timeout=SLOW)
    expect(plan).to_contain_text("approved")
    assert len(account(up).orders) == before, "looking sends nothing"
    page.get_by_role("button", name="Propose to paper").click()
    expect(page.get_by_text("2 of 2 orders were approved")).to_be_visible(timeout=SLOW)
    expect(table(page, "Orders")).to_contain_text("GOOG", timeout=SLOW)


def test_the_switch_acts_although_the_pages_kernel_and_the_desk_hang(page: Page, up: Server) -> None:
    practising(page, up)
    hanging = psutil.Process(up.pid).children(recursive=True)
    for process in hanging:
        process.send_signal(signal.SIGSTOP)
    try:
        page.get_by_label("Why", exact=True).fill("all hangs")
        page.get_by_role("button", name="Halt practice").click()
        expect(page.get_by_text("Halted: no new order leaves.")).to_be_visible(timeout=SLOW)
        with Ledger.open(Settings.load({"AURA_HOME": str(up.home)})) as ledger:
            assert ledger.control.halted("practice") == "practice halted: all hangs"
    finally:
        for process in hanging:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
    expect(page.get_by_text("practice halted: all hangs").first).to_be_visible(timeout=SLOW)
    page.get_by_label("Why it may trade again").fill("all is well")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Trading is allowed")).to_be_visible(timeout=SLOW)


def test_it_fits_a_phone_and_can_be_read_by_a_machine(chromium: Browser, up: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    try:
        practising(page, up)
        expect(table(page, "Orders")).to_be_visible(timeout=SLOW)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]})
        assert found.violations_count == 0, found.generate_report()
    finally:
        context.close()
