"""Aura's nouns in a real JupyterLab: a table and a picture, readable in a light and in a dark notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Server

NOTEBOOK = """import aura_lib as aura
%load_ext aura_lib
bars = aura.data.load(["AAPL", "KO", "XOM"], start="2018-01-02")
bars
---
%%aura backtest
def decide(market, account, mandate):
    return aura.TargetWeights(dict.fromkeys(mandate.universe, 0.3), market.as_of)
---
backtest.replay.account
---
backtest.replay.orders[-1]
---
market = aura.Market.at(bars, bars.end)
targets = decide(market, None, backtest.mandate)
targets
---
prices = aura.plan.prices_at(market)
aura.plan.rebalance(targets, backtest.replay.account, prices, backtest.mandate, bars.instruments)
---
%%aura backtest
def decide(market, account, mandate):
    return market.nothing"""
# How each output is drawn: its kind, how its cells are aligned, the width of its picture, ink and paper.
OUTPUTS = """() => [...document.querySelectorAll('.jp-CodeCell')].map(cell => ({
  outputs: cell.querySelectorAll('.jp-OutputArea-child').length,
  text: cell.querySelector('.jp-OutputArea-output')?.innerText ?? '',
  sides: [...cell.querySelectorAll('.aura-card td')].map(td => [td.innerText, getComputedStyle(td).textAlign]),
  picture: cell.querySelector('.aura-card svg')?.getBoundingClientRect().width ?? 0,
  ink: cell.querySelector('.aura-card td') && getComputedStyle(cell.querySelector('.aura-card td')).color,
}))"""


def notebook(file: Path) -> None:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in NOTEBOOK.split("\n---\n")])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, file)


def shown(page: Page, theme: str) -> list[Any]:
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    expect(page.locator(f"body[data-jp-theme-name='{theme}']")).to_be_attached()
    found: list[Any] = page.evaluate(OUTPUTS)
    return found


@pytest.mark.slow
def test_nouns_are_tables_and_pictures_in_both_themes_and_an_error_is_the_reader_s_own(
    page: Page, server: Server, errors: list[str]
) -> None:
    notebook(server.project / "nouns.ipynb")
    page.set_default_timeout(60_000)
    page.set_viewport_size({"width": 1280, "height": 4000})  # every cell is drawn
    page.goto(f"{server.url}lab/tree/nouns.ipynb?token={server.token}&reset")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").wait_for()
    *nouns, failed = shown(page, "JupyterLab Light")
    assert [cell["outputs"] for cell in nouns] == [1] * 6, "nothing beside the noun"
    bars, backtest, account, order, targets, plan = nouns
    for pictured in (bars, backtest, account, order, targets, plan):
        assert 200 < pictured["picture"] <= 640
    assert bars["sides"][0] == ["AAPL", "left"] and bars["sides"][-1][1] == "right"
    assert ["filled", "left"] in order["sides"]
    assert "return market.nothing" in failed["text"] and "aura_lib" not in failed["text"]
    assert {cell["ink"] for cell in shown(page, "JupyterLab Dark")[:6]}.isdisjoint(cell["ink"] for cell in nouns)
    assert errors == []
