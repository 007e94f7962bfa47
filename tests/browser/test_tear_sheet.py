"""The tear sheet in a real Chromium: quiet, offline, in both themes, on a desk and on a phone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser

from aura_lib import backtest, reports
from aura_lib.core import Mandate
from tests.backtest.scenarios import market_of, random_targets, times


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = market_of(np.random.default_rng(5), 400, 4, volatility=0.012)
    mandate = Mandate(bars.symbols, capital=Decimal(1_000_000))
    traded = backtest.run(random_targets(3), bars, mandate, schedule="XNYS week-end close")
    index = pd.Series(100.0 + np.arange(400) * 0.1, index=times(400), name="index")
    return reports.tear_sheet(traded, index, draws=100).write(tmp_path_factory.mktemp("sheet") / "sheet.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_draws_everything_and_asks_nobody(
    chromium: Browser, sheet: Path, errors: list[str], theme: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page, asked = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(sheet.as_uri())
    page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 16", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure .errorbars, figure .errorbar").count() > 5, "intervals have whiskers"
    assert errors == [] and not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    context.close()


def test_the_axis_of_the_curve_can_be_changed(chromium: Browser, sheet: Path) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(sheet.as_uri())
    page.wait_for_function("document.querySelector('.plot')?._fullLayout?.yaxis.type === 'log'", timeout=60_000)
    page.locator(".updatemenu-button").first.click()
    page.wait_for_function("document.querySelector('.plot')._fullLayout.yaxis.type === 'linear'")
    context.close()
