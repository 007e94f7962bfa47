"""What the portfolio page shows of the demo's book, against vectorbt, the fold of its fills, and plain sums."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from aura_lib.core import InputError, Settings
from aura_lib.jobs import job as jobs
from aura_lib.jobs.performance import recorded
from aura_lib.ledger import Ledger
from aura_lib.reports.standing import Standing, books, standing
from aura_lib.ui import Chart, Index, Panel, Portfolio
from tests.journey.conftest import ROOT, Journey, aura

PIECES = (
    "heading", "numbers", "equity", "drawdown", "holdings", "weights", "monthly_returns", "orders", "fills", "runs",
)  # fmt: skip


@pytest.fixture(scope="module")
def settings(journey: Journey) -> Settings:
    return Settings.load({"AURA_HOME": str(journey.home)})


@pytest.fixture(scope="module")
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger(settings.database_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def stands(ledger: Ledger, settings: Settings) -> Standing:
    return standing(ledger, "paper", "momentum", settings=settings)


def test_the_curve_is_the_one_vectorbt_makes_of_the_same_fills(
    stands: Standing, ledger: Ledger, settings: Settings
) -> None:
    traded = recorded(ledger, jobs.load("momentum_paper", ROOT), settings)
    pd.testing.assert_series_equal(stands.equity, traded.equity, check_freq=False, rtol=1e-12)
    pd.testing.assert_series_equal(stands.cash, traded.cash, check_freq=False, rtol=1e-9)
    held = [s for s in traded.weights if traded.weights[s].any()]
    pd.testing.assert_frame_equal(stands.weights[held], traded.weights[held], check_freq=False, check_names=False)
    assert stands.statistics["sharpe"] == pytest.approx(traded.stats["sharpe"])


def test_its_last_value_is_cash_and_holdings_of_the_ledger_to_the_cent(stands: Standing) -> None:
    closes = stands.bars.close.iloc[-1]
    owned = sum((q * Decimal(repr(float(closes[s]))) for s, q in stands.state.holdings.items()), stands.state.cash)
    assert stands.equity.iloc[-1] == pytest.approx(float(owned), abs=0.005)
    table = stands.holdings()
    assert table["value"].sum() + float(stands.state.cash) == pytest.approx(float(owned), abs=0.005)
    assert table["weight"].sum() == pytest.approx(1 - float(stands.state.cash / owned))


def test_profit_is_the_sum_of_realised_and_unrealised_less_fees(stands: Standing) -> None:
    gained = stands.equity.iloc[-1] - stands.equity.iloc[0]
    realised = sum(position.realised for position in stands.state.positions.values())
    unrealised = stands.holdings()["unrealised"].sum()
    assert gained == pytest.approx(float(realised) + unrealised - float(stands.state.fees), abs=1.0)  # prices rounded


def test_the_benchmark_is_held_over_the_same_sessions(stands: Standing) -> None:
    assert stands.benchmark is not None
    assert stands.benchmark.index.equals(stands.equity.index)
    assert stands.index["total_return"] == pytest.approx(stands.benchmark.iloc[-1] / stands.benchmark.iloc[0] - 1)


def test_a_benchmark_that_the_source_does_not_have_is_left_out(ledger: Ledger, settings: Settings) -> None:
    alone = standing(ledger, "paper", "momentum", benchmark="NOSUCH", settings=settings)
    assert alone.benchmark is None and alone.index == {}


def test_the_whole_account_is_its_books_together(stands: Standing, ledger: Ledger, settings: Settings) -> None:
    whole = standing(ledger, "paper", settings=settings)
    assert books(ledger) == [("paper", "momentum")]
    np.testing.assert_allclose(whole.equity, stands.equity)
    assert len(whole.runs) == len(stands.runs) == 12


@pytest.mark.parametrize(("account", "book", "says"), [("papr", None, "no account 'papr'"), ("paper", "x", "no book")])
def test_what_is_not_there_is_named(ledger: Ledger, account: str, book: str | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        standing(ledger, account, book)


# ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────


def soup(panel: Panel) -> BeautifulSoup:
    return BeautifulSoup(panel.html, "html.parser")


def test_every_piece_of_the_page_shows_the_book(settings: Settings) -> None:
    page = Portfolio(settings=settings)
    shown = {name: getattr(page, name)() for name in PIECES}
    assert "USD 1,073,187" in soup(shown["numbers"]).get_text(" ").replace("\xa0", " ").replace("USD  ", "USD ")
    assert [len(soup(shown[name]).select("tbody tr")) for name in ("orders", "fills", "runs")] == [67, 67, 12]
    assert len(soup(shown["runs"]).select("a[data-run]")) == 12
    assert "28 Dec 2022, 16:00 New York" in soup(shown["heading"]).get_text()
    for name in ("equity", "drawdown", "weights", "monthly_returns"):
        assert isinstance(shown[name], Chart) and "momentum" in shown[name].words["title"]
    page.close()


def test_a_page_is_small_enough_to_send(settings: Settings) -> None:
    page = Portfolio(settings=settings)
    sent = sum(len(str(getattr(page, name)().get_state())) for name in PIECES)
    assert sent < 250_000  # bytes; the whole page may transfer 300,000 after the first load
    page.close()


def test_the_page_changes_when_the_ledger_does(copied: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(copied)})
    page = Portfolio(settings=settings)
    heading = page.heading()
    assert not page.look()
    done = aura(copied, "halt", "paper", "--reason", "looking at it")
    assert done.returncode == 0, done.stderr
    assert page.look() and "looking at it" in heading.html
    assert not page.look()
    page.close()


def test_an_empty_home_says_what_to_do_and_makes_no_files(tmp_path: Path) -> None:
    page = Portfolio(settings=Settings.load({"AURA_HOME": str(tmp_path / "none")}))
    assert "aura demo" in page.heading().html
    assert page.numbers().html == "" and page.equity().words == {}
    assert not (tmp_path / "none").exists()


def test_a_page_that_was_empty_fills_when_the_first_run_lands(copied: Path, tmp_path: Path) -> None:
    home = tmp_path / "later"
    page = Portfolio(settings=Settings.load({"AURA_HOME": str(home)}))
    numbers = page.numbers()
    assert numbers.html and "aura demo" in numbers.html  # the first piece tells
    shutil.copytree(copied, home)
    assert page.look() and "1,073,187" in numbers.html
    page.close()


def test_a_ledger_of_a_newer_aura_is_an_error_on_the_page(copied: Path) -> None:
    import sqlite3

    with sqlite3.connect(copied / "ledger.db") as database:
        database.execute("update meta set value = '999' where key = 'version'")
    page = Portfolio(settings=Settings.load({"AURA_HOME": str(copied)}))
    assert "upgrade Aura" in page.heading().html
    index = Index(settings=page.settings)
    assert "upgrade Aura" in index.heading().html


def test_the_index_discovers_dashboards_and_names_a_broken_one(copied: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dashboards"
    shutil.copytree(ROOT / "dashboards", folder)
    (folder / "broken.ipynb").write_text("{not a notebook")
    page = Index(folder, Settings.load({"AURA_HOME": str(copied)}))
    page.heading()
    cards = soup(page.cards()).select("li")
    assert [card.h2.get_text() for card in cards if card.h2] == [
        "Broken",
        "Evidence",
        "Market",
        "Portfolio",
        "Shadow",
        "Trade",
    ]
    assert "is no notebook" in cards[0].get_text() and "paper · momentum" in cards[3].get_text()
    assert len(soup(page.runs()).select("a[data-run]")) == 12
    page.close()
