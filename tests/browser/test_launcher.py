"""JupyterLab's launcher in a real browser: a card, a name, a notebook that runs through."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.lab import Server

# The notebook that is open: for each code cell its number (null until it ran) and the names of its errors.
CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === 'code' && cell.sharedModel.source)
  .map(cell => [cell.executionCount,
                cell.outputs.toJSON().filter(output => output.output_type === 'error').map(error => error.evalue)])"""


@pytest.fixture
def launcher(page: Page, server: Server) -> Page:
    page.goto(f"{server.url}lab?token={server.token}&reset")
    card(page, "Dashboard").wait_for(timeout=30_000)
    return page


def card(page: Page, label: str) -> Locator:
    return page.locator(".jp-LauncherCard[data-category=Aura]").filter(has_text=label)


def dialog(page: Page) -> Locator:
    return page.locator(".jp-Dialog")


def run_all(page: Page) -> list[Any]:
    """Run all cells from the menu; the cells when the last one is done."""
    page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(f"() => ({CELLS})().every(([count, errors]) => count) || ({CELLS})().some(c => c[1].length)")
    found: list[Any] = page.evaluate(CELLS)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("label", "file"),
    [
        ("Strategy notebook", "notebooks/strategies/strategy_1.ipynb"),
        ("Dashboard", "dashboards/dashboard_1.ipynb"),
    ],
)
def test_a_card_makes_a_notebook_that_opens_and_runs_through(
    launcher: Page, server: Server, errors: list[str], label: str, file: str
) -> None:
    launcher.set_default_timeout(60_000)
    card(launcher, label).focus()
    launcher.keyboard.press("Enter")
    expect(dialog(launcher)).to_contain_text(f"New {label.lower()}")
    launcher.keyboard.press("Enter")  # the name that is offered
    launcher.wait_for_function("file => jupyterapp.shell.currentWidget?.context?.path === file", arg=file)
    assert (server.project / file).is_file()
    assert not card(launcher, label).is_visible(), "the notebook takes the launcher's place"
    cells = run_all(launcher)
    assert len(cells) > 3 and not any(failed for _, failed in cells), cells
    assert errors == []


def test_a_name_that_cannot_be_is_told_and_asked_again(launcher: Page, server: Server) -> None:
    launcher.keyboard.press("Control+Shift+C")
    launcher.keyboard.type("Aura: new")
    found = launcher.locator(".lm-CommandPalette-itemLabel")
    expect(found).to_have_text(["Aura: new dashboard", "Aura: new research notebook", "Aura: new strategy notebook"])
    found.last.click()
    dialog(launcher).locator("input").fill("My idea 2!")
    launcher.keyboard.press("Enter")
    expect(dialog(launcher)).to_contain_text("cannot name a notebook")
    launcher.keyboard.press("Enter")
    asked = dialog(launcher).locator("input")
    expect(asked).to_have_value("My idea 2!")
    launcher.keyboard.press("Escape")
    expect(dialog(launcher)).to_have_count(0)
    expect(launcher.locator(".jp-LauncherCard[data-category=Aura]")).to_have_count(3)
    assert not list(server.project.rglob("*dea*"))
