"""The tearsheet of a Backtest: complete, offline, true to its numbers."""

from __future__ import annotations

import dataclasses
import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from aura_lib import backtest, reports
from aura_lib.backtest import Backtest
from aura_lib.core import Bars, InputError, Mandate
from aura_lib.reports import About, figures, formats
from aura_lib.reports.performance import drawdown_table, ends_table
from aura_lib.risk import measures
from tests.backtest.scenarios import hold, market_of, times
from tests.oracle import oracle_measures as oracle

SESSIONS = 800


def run(bars: Bars, **weights: float) -> Backtest:
    mandate = Mandate(bars.symbols, capital=Decimal(1_000_000))
    return backtest.run(hold(weights), bars, mandate, schedule="XNYS month-end close")


@pytest.fixture(scope="module")
def traded() -> Backtest:
    bars = market_of(np.random.default_rng(5), SESSIONS, 4, volatility=0.012)
    return run(bars, S00=0.5, S01=0.3)


@pytest.fixture(scope="module")
def index() -> pd.Series:
    steps = np.random.default_rng(6).normal(0.0002, 0.01, SESSIONS).cumsum()
    return pd.Series(3000 * np.exp(steps), index=times(SESSIONS), name="Index <i>")


@pytest.fixture(scope="module")
def page(traded: Backtest, index: pd.Series, tmp_path_factory: pytest.TempPathFactory) -> BeautifulSoup:
    path = reports.tearsheet(
        traded, benchmark=index, path=tmp_path_factory.mktemp("tear") / "t.html", title="A <b>book</b>"
    )
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def two_digits(value: float) -> str:
    return formats.percent(value, digits=2 if abs(value) < 0.1 else 1)


def section(page: BeautifulSoup, title: str) -> dict[str, list[str]]:
    part = next(s for s in page.find_all("section") if s.h2.text == title)
    return {
        (row.th or row.td).text.strip(): [cell.text.strip() for cell in row.find_all("td")]
        for row in part.tbody.find_all("tr")
    }


def test_the_page_has_every_figure_that_people_expect(page: BeautifulSoup) -> None:
    titles = [figure.strong.text for figure in page.find_all("figure")]
    of, against = " of the strategy", " of the strategy against Index <i>"
    assert titles == [
        f"Equity{against}", f"Drawdown{against}", f"How sure the figures{of} are", f"Monthly returns{of}",
        f"Yearly returns{against}", f"Rolling volatility and Sharpe ratio{against}", f"Rolling beta{of} to Index <i>",
        f"Distribution of daily returns{of}", f"Distribution of monthly returns{of}", f"Holdings{of}", f"Exposure{of}",
        f"Turnover{of}", f"Where the profit{of} came from", f"Trading costs{of}", f"Costs{of} by kind",
        f"Round trips{of}",
    ]  # fmt: skip


def test_the_page_asks_nobody_for_anything(page: BeautifulSoup) -> None:
    assert not page.find_all(["link", "img", "iframe"]) and not page.find_all("script", src=True)
    assert "default-src 'none'" in page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]


def test_titles_and_names_are_text(page: BeautifulSoup) -> None:
    assert page.h1.text == "A <b>book</b>" and not page.find_all(["b", "i"], string=re.compile("book|Index"))


def test_the_tails_are_those_of_a_plain_recomputation(page: BeautifulSoup, traded: Backtest, index: pd.Series) -> None:
    shown = section(page, "Risk") | section(page, "Returns") | section(page, "Ratios")
    shown |= section(page, "Shape of the returns")
    subjects = (traded.equity, index)
    expected = [oracle.tail((e.to_numpy()[1:] / e.to_numpy()[:-1] - 1).tolist()) for e in subjects]
    for label, name, write in (
        ("VaR 95%, a day", "var", two_digits),
        ("CVaR 95%, a day", "cvar", two_digits),
        ("Worst day", "worst", two_digits),
        ("Omega ratio", "omega_ratio", formats.ratio),
        ("Skewness", "skewness", formats.ratio),
        ("Excess kurtosis", "excess_kurtosis", formats.ratio),
    ):
        assert [shown[label][0], shown[label][-1]] == [write(figures[name]) for figures in expected], label


def test_the_relation_to_the_benchmark_is_that_of_a_plain_recomputation(
    page: BeautifulSoup, traded: Backtest, index: pd.Series
) -> None:
    shown = section(page, "How it moves with Index <i>")
    book, level = ((e / e.shift(1) - 1).iloc[1:].tolist() for e in (traded.equity, index))
    expected = oracle.relative(book, level, 252)
    assert shown["Beta"][0] == formats.ratio(expected["beta"])
    assert shown["Alpha a year"][0] == two_digits(expected["alpha"])
    assert shown["Information ratio"][0] == formats.ratio(expected["information_ratio"])
    assert set(shown) >= {"Correlation", "Tracking error a year", "Up capture, months", "Down capture, months"}


def test_the_drawdowns_are_those_of_one_walk_along_the_curve(page: BeautifulSoup, traded: Backtest) -> None:
    days = [time.tz_convert("America/New_York").date() for time in traded.equity.index]
    expected = [
        [f"{t:%-d %b %Y}" if t else "not yet" for t in fall[:3]] + [formats.percent(fall[3]), formats.count(fall[4])]
        for fall in oracle.drawdowns(days, traded.equity.tolist())[:10]
    ]
    assert list(section(page, "Deepest drawdowns").values()) == expected


def test_the_best_and_worst_days_carry_their_dates() -> None:
    returns = pd.Series(
        [0.01, -0.02, 0.03], index=pd.to_datetime(["2022-01-31 21:00Z", "2022-02-01 21:00Z", "2022-02-02 21:00Z"])
    )
    table = ends_table(returns, About(), top=1)
    assert table.iloc[0].tolist() == [
        "+3.0% · 2 Feb 2022",
        "−2.0% · 1 Feb 2022",
        "+1.0% · Jan 2022",
        "+0.9% · Feb 2022",
    ]


def test_the_page_says_how_it_is_computed_and_what_is_taken_for_granted(page: BeautifulSoup, traded: Backtest) -> None:
    words = {section.h2.text: section.text for section in page.find_all("section")}
    assert all(text in words["Assumptions"] for text in traded.assumptions.values())
    method = words["How it is computed"]
    assert "Historical value at risk" in method and "252" in method and "Politis & Romano 1994" in method
    assert f"{SESSIONS} sessions" in page.find("ul", {"class": "notices"}).text


def test_without_a_benchmark_the_page_stands_alone(traded: Backtest, tmp_path: Path) -> None:
    page = BeautifulSoup(reports.tearsheet(traded, path=tmp_path / "t.html").read_text("utf-8"), "html.parser")
    assert "beta" not in page.find("main").text.lower() and "Benchmark" not in page.find("main").text
    assert len(page.find_all("figure")) == 15


def test_a_strategy_that_never_traded_has_a_page_too(index: pd.Series, tmp_path: Path) -> None:
    idle = run(market_of(np.random.default_rng(5), 40, 2))
    path = reports.tearsheet(idle, benchmark=index, path=tmp_path / "t.html")
    page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    assert section(page, "Deepest drawdowns") == {"nothing yet": ["nothing yet"]}
    drawn = json.loads(page.find(id="drawn").text)["figures"]
    empty = [f for f in drawn if any(a.get("name") == "empty" for a in f["layout"].get("annotations", ()))]
    assert len(empty) == 9  # rolling, beta, holdings, exposure, turnover, attribution, costs, their kinds, round trips


def test_a_benchmark_that_does_not_reach_over_the_window_is_refused(
    traded: Backtest, index: pd.Series, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="the benchmark has prices for"):
        reports.tearsheet(traded, benchmark=index.iloc[10:], path=tmp_path / "t.html")
    assert not (tmp_path / "t.html").exists()


def test_bars_that_are_not_daily_are_refused(traded: Backtest, tmp_path: Path) -> None:
    weekly = dataclasses.replace(traded, bars=dataclasses.replace(traded.bars, frequency="1w"))
    with pytest.raises(InputError, match="daily bars; these are 1w"):
        reports.tearsheet(weekly, path=tmp_path / "t.html")


# ── its figures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_return_is_in_one_bin_and_zero_is_an_edge(traded: Backtest) -> None:
    (bars,) = figures.distribution(traded.returns).data
    assert bars.y.sum() == len(traded.returns)
    edges = bars.customdata
    assert np.abs(edges).min() == 0 and (edges[1:, 0] == edges[:-1, 1]).all()


def test_the_distribution_marks_historical_var_and_cvar_where_they_are(traded: Backtest) -> None:
    figure = figures.distribution(traded.returns, "month")
    months = measures.compounded(traded.returns, "month")
    marks = [shape.x0 for shape in figure.layout.shapes]
    assert marks == [measures.value_at_risk(months), measures.expected_shortfall(months)]
    assert "historical 95% VaR" in figure.layout.title.subtitle.text
    assert next(a.text for a in figure.layout.annotations if a.name == "VaR").endswith("(historical, 95%)")


def test_the_bars_of_the_years_are_what_the_curve_made(traded: Backtest, index: pd.Series) -> None:
    book, benchmark = figures.yearly_returns(traded.returns, index.pct_change().iloc[1:]).data
    local = traded.equity.tz_convert("America/New_York")
    ends = local.groupby(local.index.year).last()
    starts = ends.shift(1).fillna(traded.equity.iloc[0])
    np.testing.assert_allclose(book.y, ends / starts - 1, rtol=1e-9)
    assert list(book.x) == list(benchmark.x) == [str(year) for year in ends.index]


def test_turnover_is_half_the_traded_value_over_mean_equity(traded: Backtest) -> None:
    (bars,) = figures.turnover(traded.fills_table(), traded.equity).data
    for year, shown in zip(bars.x, bars.y, strict=True):
        value = sum(float(fill.value) for fill in traded.replay.fills if fill.time.year == int(year))
        equity = [v for t, v in traded.equity.items() if t.year == int(year)]
        assert shown == pytest.approx(value / 2 / (sum(equity) / len(equity)))


def test_beta_is_that_of_a_regression_over_its_window(traded: Backtest, index: pd.Series) -> None:
    benchmark = index.pct_change().iloc[1:]
    (line,) = figures.beta(traded.returns, benchmark, 60).data
    last = oracle.relative(traded.returns.tolist()[-60:], benchmark.tolist()[-60:], 252)
    assert line.y[-1] == pytest.approx(last["beta"])
    assert len(line.y) == len(traded.returns) - 59


def test_a_drawdown_table_of_a_rising_curve_is_empty() -> None:
    equity = pd.Series([1.0, 2.0], index=pd.to_datetime(["2022-01-31 21:00Z", "2022-02-01 21:00Z"]))
    assert drawdown_table(equity, About()).empty
