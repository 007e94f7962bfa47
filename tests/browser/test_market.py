"""The market page in a real browser: searched by keyboard, moved by a replay, left open, whole when a source is not."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from tests.browser.lab import Server, lab
from tests.journey.conftest import ROOT

pytestmark = pytest.mark.slow

DRAWN = "document.querySelectorAll('.aura-plot[data-ready]').length >= 1"
LAST = """(() => { const {x, close} = document.querySelector('.aura-plot')._fullData[0];
  return [x.length, x[x.length - 1], close[close.length - 1]]; })()"""
BROKEN = ["nonsense", "alpaca", "sample:ohlcv"]
SIX = ("AAPL", "GOOG", "IBM", "MSFT", "NASDAQ", "SP500")


def dashboard(folder: Path, name: str, lines: list[str]) -> None:
    """A notebook in the project's folder of dashboards, a cell a line."""
    cells = [nbformat.v4.new_code_cell(line, metadata={"tags": ["third"]}) for line in lines]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`aura up` over the dashboards, and two that only tests need, with an empty home."""
    base = tmp_path_factory.mktemp("market")
    project = base / "project"
    shutil.copytree(ROOT / "dashboards", project / "dashboards")
    (project / "aura.toml").touch()
    pieces = ("heading", "quote", "toggles", "chart", "watchlist", "data")
    start = f"import aura_lib as aura\npage = aura.ui.Market({BROKEN}, ['AAPL'])"
    dashboard(project / "dashboards", "broken", [start, *(f"page.{piece}()" for piece in pieces)])
    six = f"import aura_lib as aura\npage = aura.ui.Market(['sample:ohlcv'], {list(SIX)})"
    dashboard(project / "dashboards", "six", [six, "page.heading()", *(f"page.chart({one!r})" for one in SIX)])
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Every address the page asked for."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


@pytest.fixture
def market(page: Page, up: Server, asked: list[str]) -> Page:
    """The page, with its first chart drawn."""
    page.goto(up.address("dashboards/market"))
    page.wait_for_function(DRAWN, timeout=60_000)
    return page


def chosen(page: Page) -> Locator:
    return page.get_by_role("region", name="Quote")


def toggle(page: Page, group: str, name: str) -> Locator:
    return page.get_by_role("group", name=group).get_by_role("button", name=name, exact=True)


def seek(page: Page, text: str) -> Locator:
    """Type into the search box, as somebody at a keyboard does; the first thing found."""
    page.keyboard.press("Escape")
    page.locator("body").press("/")
    box = page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()
    box.fill(text)
    first = page.get_by_role("option").first
    expect(first).to_be_visible(timeout=20_000)
    return first


def choose(page: Page, text: str) -> None:
    """Search, and take what is found first."""
    seek(page, text)
    page.keyboard.press("Enter")


# what moves ----------------------------------------------------------------------------------------------------------


def test_prices_move_while_nobody_touches_the_page_and_it_says_of_when_they_are(
    market: Page, up: Server, asked: list[str], errors: list[str]
) -> None:
    expect(chosen(market)).to_contain_text("Replay of sample:ohlcv at ")
    expect(chosen(market)).to_contain_text(re.compile(r"\d{1,2} \w{3} 201\d, 1[36]:00 New York"))
    price = chosen(market).locator("[data-cell=price]")
    clock = chosen(market).locator("[data-cell=clock]")
    chart, told, moment, loads = market.evaluate(LAST), price.inner_text(), clock.inner_text(), []
    watched = market.locator("[data-cell='MSFT@sample:ohlcv price']")
    other = watched.inner_text()
    market.on("framenavigated", lambda frame: loads.append(frame.url))
    expect(price).not_to_have_text(told, timeout=10_000)
    expect(clock).not_to_have_text(moment, timeout=10_000)
    expect(watched).not_to_have_text(other, timeout=10_000)
    market.wait_for_function(f"JSON.stringify({LAST}) !== {json.dumps(json.dumps(chart, separators=(',', ':')))}")
    assert market.evaluate(LAST)[0] >= chart[0] and loads == [] and errors == []
    expect(market.locator("html")).not_to_have_class(re.compile("aura-silent"))
    assert [url for url in asked if not url.startswith((up.url, "data:", "blob:"))] == [], "no other host is asked"


def test_the_status_of_each_market_is_told_in_its_own_time(market: Page) -> None:
    marks = market.get_by_role("list", name="Markets")
    expect(marks).to_contain_text(re.compile(r"XNYS (open, closes|closed, opens).* \d\d:\d\d:\d\d New York"))
    expect(marks).to_contain_text(re.compile(r"(XBOM|XNSE) (open, closes|closed, opens).* Kolkata"), timeout=60_000)
    expect(marks).to_contain_text(re.compile(r"24/7 open.* UTC"), timeout=60_000)
    before = marks.inner_text()
    expect(marks).not_to_have_text(before, timeout=5_000)


# by keyboard ---------------------------------------------------------------------------------------------------------


def test_a_symbol_is_found_and_opened_by_keyboard(market: Page, errors: list[str]) -> None:
    first = seek(market, "m")
    expect(first).to_have_attribute("aria-selected", "true")
    market.keyboard.press("ArrowDown")
    second = market.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    symbol = second.locator("b").inner_text()
    market.keyboard.press("Enter")
    expect(chosen(market).get_by_role("heading")).to_contain_text(symbol)
    choose(market, "ibm")
    expect(chosen(market).get_by_role("heading")).to_contain_text("IBM")
    expect(market.get_by_role("figure")).to_contain_text("IBM, 3 months", timeout=15_000)
    seek(market, "no such thing")
    expect(market.get_by_role("option")).to_have_text("Nothing found")
    market.keyboard.press("Escape")
    expect(market.get_by_role("listbox")).to_be_hidden()
    assert errors == []


def test_the_address_may_name_the_symbol(page: Page, up: Server) -> None:
    page.goto(up.address("dashboards/market?symbol=GOOG"))
    expect(page.get_by_role("figure")).to_contain_text("GOOG, 3 months", timeout=60_000)


# the chart -----------------------------------------------------------------------------------------------------------


def test_timeframes_change_the_axis_and_one_day_says_that_it_needs_bars_within_it(market: Page) -> None:
    counts, words = {}, {}
    for name in ("1M", "1Y", "5Y", "Max"):
        toggle(market, "Timeframe", name).click()
        expect(toggle(market, "Timeframe", name)).to_have_attribute("aria-pressed", "true")
        span = {"1M": "1 month", "1Y": "1 year", "5Y": "5 years", "Max": "all there is"}[name]
        expect(market.get_by_role("figure")).to_contain_text(f"AAPL, {span}", timeout=15_000)
        market.wait_for_timeout(300)
        counts[name] = market.evaluate(LAST)[0]
        words[name] = market.get_by_role("figure").inner_text()
    assert counts["1M"] < 30 < counts["1Y"] < 300
    assert counts["5Y"] <= 460 and counts["Max"] <= 460, "long histories are gathered into fewer bars"
    assert "daily bars" in words["1Y"] and "weekly bars" in words["5Y"] and "monthly bars" in words["Max"]
    day = toggle(market, "Timeframe", "1D")
    expect(day).to_have_attribute("aria-disabled", "true")
    expect(day).to_have_attribute("title", re.compile("sample:ohlcv has 1d bars only"))
    day.focus()
    market.keyboard.press("Enter")
    expect(toggle(market, "Timeframe", "Max")).to_have_attribute("aria-pressed", "true")


def test_studies_come_and_go_and_a_change_of_theme_draws_what_was_sent_since(market: Page) -> None:
    """After some seconds of changes, another theme is drawn from the figure and its end: nothing may be lost."""
    names = "document.querySelector('.aura-plot').data.map((trace) => trace.name)"
    for study in ("SMA 20", "MACD 12, 26, 9"):
        toggle(market, "Studies", study).click()
    market.wait_for_function(f"{names}.includes('SMA 20') && {names}.includes('MACD')")
    toggle(market, "Studies", "MACD 12, 26, 9").click()
    market.wait_for_function(f"!{names}.includes('MACD')")
    market.wait_for_timeout(4000)
    counts = "document.querySelector('.aura-plot')._fullData.map((trace) => (trace.y ?? trace.close).length)"
    paper = "getComputedStyle(document.querySelector('.aura-plot .main-svg')).backgroundColor"
    before, light = market.evaluate(counts), market.evaluate(paper)
    assert len(set(before)) == 1, "every trace has a value a bar"
    market.get_by_role("button", name="Dark colours").click()
    market.wait_for_function(f"{paper} !== '{light}'")
    after = market.evaluate(counts)
    assert len(set(after)) == 1 and after[0] >= before[0]
    market.get_by_role("button", name="Light colours").click()
    market.wait_for_function(f"{paper} === '{light}'")


# lists ---------------------------------------------------------------------------------------------------------------


def test_the_watchlist_is_kept_across_sessions(market: Page, up: Server) -> None:
    rows = market.get_by_role("table", name="Watchlist")
    choose(market, "FB@sample:ohlcv")
    chosen(market).get_by_role("button", name="Add to watchlist").click()
    expect(rows.get_by_role("button", name="FB", exact=True)).to_be_visible()
    rows.get_by_role("button", name="Remove JPM from the watchlist").click()
    expect(rows.get_by_role("button", name="JPM", exact=True)).to_have_count(0)
    market.goto(up.address("dashboards/market"))
    market.wait_for_function(DRAWN, timeout=60_000)
    expect(rows.get_by_role("button", name="FB", exact=True)).to_be_visible(timeout=30_000)
    expect(rows.get_by_role("button", name="JPM", exact=True)).to_have_count(0)
    rows.get_by_role("button", name="FB", exact=True).click()
    expect(chosen(market).get_by_role("heading")).to_contain_text("FB")
    chosen(market).get_by_role("button", name="Remove from watchlist").click()
    expect(rows.get_by_role("button", name="FB", exact=True)).to_have_count(0)


def test_movers_are_ranked_and_open(market: Page) -> None:
    gained = market.get_by_role("table", name="Gainers").get_by_role("row")
    expect(gained).not_to_have_count(1, timeout=30_000)
    changes = [float(text.strip("+%")) for text in gained.locator("td.aura-gain").all_inner_texts()]
    assert changes == sorted(changes, reverse=True) and changes[-1] > 0
    first = gained.nth(1).get_by_role("button")
    symbol = first.inner_text()
    first.click()
    expect(chosen(market).get_by_role("heading")).to_contain_text(symbol)


# other markets -------------------------------------------------------------------------------------------------------


def test_an_indian_market_is_in_rupees_and_has_a_day_of_minutes_and_coins_trade_around_the_clock(
    market: Page, errors: list[str]
) -> None:
    expect(market.get_by_role("table", name="Watchlist")).to_contain_text("₹", timeout=90_000)
    market.get_by_role("table", name="Watchlist").get_by_role("button", name="SYN0001", exact=True).click()
    expect(chosen(market)).to_contain_text("₹")
    expect(chosen(market)).to_contain_text("Synthetic: a market that never was")
    toggle(market, "Timeframe", "1D").click()
    expect(market.get_by_role("figure")).to_contain_text("5-minute bars", timeout=60_000)
    expect(market.get_by_role("figure")).to_contain_text("Kolkata")
    count, label, _ = market.evaluate(LAST)
    assert 30 <= count <= 80 and re.search(r"\d\d:\d[05]$", label)
    market.wait_for_function(f"{LAST}[1] !== '{label}'", timeout=20_000)
    coin = market.get_by_role("table", name="Watchlist").locator("button[data-ask=open][value*='kind=crypto']")
    expect(coin).to_be_visible(timeout=60_000)
    coin.click()
    expect(chosen(market)).to_contain_text("24/7 · USD")
    expect(chosen(market).locator("[data-cell=price]")).to_contain_text("$")
    expect(chosen(market).locator("[data-cell=clock]")).to_contain_text("UTC")
    assert errors == []


# how it looks --------------------------------------------------------------------------------------------------------


def test_on_a_phone_it_can_be_used(chromium: Browser, up: Server) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(up.address("dashboards/market"))
    page.wait_for_function(DRAWN, timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("combobox", name="Search").tap()
    page.keyboard.type("msft")
    page.get_by_role("option").first.tap()
    expect(chosen(page).get_by_role("heading")).to_contain_text("MSFT")
    toggle(page, "Timeframe", "1Y").tap()
    expect(page.get_by_role("figure")).to_contain_text("MSFT, 1 year", timeout=15_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_axe_finds_nothing_to_complain_about_in_either_theme(market: Page) -> None:
    seek(market, "a")
    for theme in ("light", "dark"):
        market.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect(market.locator("html")).to_have_attribute("data-theme", theme)
        market.wait_for_timeout(1000)
        found = Axe().run(market, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        told = [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in found.response["violations"]]
        assert told == []


# a source that fails -------------------------------------------------------------------------------------------------


def test_a_source_that_fails_says_why_and_the_others_go_on(page: Page, up: Server, errors: list[str]) -> None:
    page.goto(up.address("dashboards/broken"))
    page.wait_for_function(DRAWN, timeout=60_000)
    alerts = page.get_by_role("alert")
    expect(alerts.filter(has_text="nonsense failed")).to_contain_text("no data source 'nonsense'")
    expect(alerts.filter(has_text="alpaca failed")).to_be_visible()
    price = chosen(page).locator("[data-cell=price]")
    told = price.inner_text()
    expect(price).not_to_have_text(told, timeout=10_000)
    alerts.filter(has_text="nonsense failed").get_by_role("button", name="Try again").click()
    expect(alerts.filter(has_text="nonsense failed")).to_contain_text("no data source 'nonsense'")
    expect(page.locator("body")).not_to_contain_text("Traceback")
    assert errors == []


# left open -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """What a page and its kernel use at a moment: seconds of CPU since they began, bytes."""

    time: float
    kernel: float
    tab: float
    memory: int
    heap: int


class Watch:
    """Measures the kernel of the one page that is open, and the tab."""

    def __init__(self, page: Page, up: Server) -> None:
        self._tab: CDPSession = page.context.new_cdp_session(page)
        self._tab.send("Performance.enable")
        (self._kernel,) = [kernel for child in psutil.Process(up.pid).children() for kernel in child.children()]

    def sample(self) -> Sample:
        self._tab.send("HeapProfiler.collectGarbage")
        found = {metric["name"]: metric["value"] for metric in self._tab.send("Performance.getMetrics")["metrics"]}
        used = self._kernel.cpu_times()
        memory = self._kernel.memory_info().rss
        return Sample(
            time.monotonic(), used.user + used.system, found["TaskDuration"], memory, int(found["JSHeapUsedSize"])
        )

    def over(self, seconds: float, every: float) -> list[Sample]:
        """Samples, the first at once."""
        found = [self.sample()]
        while found[-1].time - found[0].time < seconds:
            time.sleep(every)
            found.append(self.sample())
        return found


def share(first: Sample, last: Sample, of: str) -> float:
    """Of one core, how much was used between two samples."""
    return float((getattr(last, of) - getattr(first, of)) / (last.time - first.time))


def slope(samples: list[Sample], of: str) -> float:
    """Bytes a minute, by least squares."""
    minutes = [(sample.time - samples[0].time) / 60 for sample in samples]
    return float(np.polyfit(minutes, [getattr(sample, of) for sample in samples], 1)[0])


def six_charts(chromium: Browser, up: Server, seconds: float, every: float) -> tuple[list[Sample], int]:
    """Six charts that move each second, for a while; and how often the first was changed."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(up.address("dashboards/six"))
    page.wait_for_function("document.querySelectorAll('.aura-plot[data-ready]').length === 6", timeout=60_000)
    page.evaluate("""() => { window.drawn = 0;
      document.querySelector('.aura-plot').on('plotly_afterplot', () => { window.drawn += 1; }); }""")
    page.wait_for_timeout(5000)  # warm
    samples = Watch(page, up).over(seconds, every)
    drawn = int(page.evaluate("window.drawn"))
    context.close()
    return samples, drawn


def settled(up: Server) -> None:
    """Wait until the kernels of the pages before are gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not any(child.children() for child in psutil.Process(up.pid).children()):
            return
        time.sleep(0.2)


def test_six_charts_that_move_stay_light(chromium: Browser, up: Server) -> None:
    settled(up)
    samples, drawn = six_charts(chromium, up, 30, 3)
    assert drawn >= 20, "the charts moved all the time"
    assert share(samples[0], samples[-1], "kernel") < 0.6 and share(samples[0], samples[-1], "tab") < 0.8
    assert samples[-1].memory - samples[0].memory < 25e6
    assert samples[-1].heap - samples[0].heap < 15e6


def test_a_tab_that_nobody_looks_at_draws_nothing_and_is_current_when_it_is_looked_at(market: Page) -> None:
    market.evaluate("""() => { window.hide = (hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
      };
      window.drawn = 0;
      document.querySelector('.aura-plot').on('plotly_afterplot', () => { window.drawn += 1; }); }""")
    market.wait_for_function("window.drawn >= 2", timeout=10_000)
    market.evaluate("window.hide(true)")
    market.wait_for_timeout(1000)
    before, seen = market.evaluate("window.drawn"), market.evaluate(LAST)
    market.wait_for_timeout(4000)
    assert market.evaluate("window.drawn") == before
    market.evaluate("window.hide(false)")
    market.wait_for_function(f"{LAST}[0] > {seen[0]} || {LAST}[1] !== '{seen[1]}'", timeout=3_000)
    assert market.evaluate("window.drawn") <= before + 3, "once for all that came meanwhile"


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_six_charts_updated_every_second_for_ten_minutes_keep_cpu_and_memory_flat(
    chromium: Browser, up: Server
) -> None:
    settled(up)
    samples, drawn = six_charts(chromium, up, 600, 10)
    minutes = [[s for s in samples if 60 * n <= s.time - samples[0].time <= 60 * (n + 1)] for n in range(10)]
    told = {
        f"{of} {when}": round(share(part[0], part[-1], of), 3)
        for of in ("kernel", "tab")
        for when, part in (("first minute", minutes[0]), ("last minute", minutes[-1]))
    }
    later = samples[len(samples) // 6 :]
    told |= {f"{of} MB a minute": round(slope(later, of) / 1e6, 3) for of in ("memory", "heap")}
    told |= {
        "memory MB": round(samples[-1].memory / 1e6, 1),
        "heap MB": round(samples[-1].heap / 1e6, 1),
        "drawn": drawn,
    }
    print(json.dumps(told))
    assert drawn >= 500
    for of in ("kernel", "tab"):
        assert told[f"{of} last minute"] <= 1.5 * told[f"{of} first minute"] + 0.05, told
    assert told["memory MB a minute"] < 2 and told["heap MB a minute"] < 1, told
