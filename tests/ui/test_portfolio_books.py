"""The portfolio page of an account with lots: what was gained adds up, and every button gives its file."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from aura_lib.core import Settings
from aura_lib.ui import Panel, Portfolio
from aura_lib.ui.portfolio import FILES
from tests.ledger.seeded import seed


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = Settings.load({"AURA_HOME": str(tmp_path_factory.mktemp("seeded"))})
    seed(made)
    return made


@pytest.fixture
def page(settings: Settings) -> Portfolio:
    return Portfolio(settings=settings)


def rows(panel: Panel) -> list[list[str]]:
    soup = BeautifulSoup(panel.html, "html.parser")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.select("tbody tr")]


def test_what_was_gained_is_the_equity_less_what_was_paid_in(page: Portfolio) -> None:
    assert page.state is not None
    assert page.state.book is None  # the whole account, of two books
    assert sum(page.state.gains.values()) == pytest.approx(page.state.equity.iloc[-1] - 120_000, abs=0.5)
    assert [row[0] for row in rows(page.gains())] == ["Realised", "Unrealised", "Income", "Fees", "In all"]


def test_money_that_came_later_is_no_return(page: Portfolio) -> None:
    assert page.state is not None
    assert page.state.equity.iloc[0] == pytest.approx(100_000, abs=50)
    assert page.state.statistics["total_return"] < 0.15  # the 20,000 that came in March are not in it
    assert page.state.paid.sum() == pytest.approx(120_000)


def test_every_lot_is_on_the_page_with_what_it_cost(page: Portfolio) -> None:
    assert page.state is not None
    assert len(rows(page.lots())) == len(page.state.lots[0])
    assert len(rows(page.closed_lots())) == len(page.state.lots[1])
    assert {row[2] for row in rows(page.income())} == {"dividend"}


def test_another_book_is_chosen_by_the_selector(page: Portfolio) -> None:
    heading, lots = page.heading(), page.lots()
    heading.ask("book", str(page.books.index(("paper", "swing"))))
    assert {row[0] for row in rows(lots)} == {"swing"}


def test_the_owner_is_told_and_stays_text(page: Portfolio) -> None:
    html = page.heading().html
    assert "Owner Ada &lt;Lovelace&gt;" in html


@pytest.mark.parametrize("value", FILES)
def test_a_button_gives_its_file(page: Portfolio, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, bytes]] = []
    panel = page.export()
    monkeypatch.setattr(panel, "deliver", lambda name, content: given.append((name, content)))
    panel.ask("export", value)
    ((name, content),) = given
    what, _, kind = value.partition(".")
    assert name == f"paper-{what}-2021-12-31.{kind}"
    if kind == "csv":
        assert "USD" in set(pd.read_csv(io.BytesIO(content))["currency"])
    elif kind == "parquet":
        assert "USD" in set(pd.read_parquet(io.BytesIO(content))["currency"])
    else:
        assert b"Statement 2021-12: paper of Ada &lt;Lovelace&gt;" in content


def test_a_button_that_is_none_gives_nothing(page: Portfolio, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = page.export()
    monkeypatch.setattr(panel, "deliver", lambda *given: pytest.fail(str(given)))
    for value in ("secrets.csv", "../lots.csv", ""):
        panel.ask("export", value)


def test_the_files_of_an_account_are_handed_over_as_bytes(tmp_path: Path) -> None:
    panel, sent = Panel("<p>x</p>"), []
    panel.send = lambda said, buffers: sent.append((said, buffers))
    panel.deliver("lots.csv", b"a,b\n")
    assert sent == [({"file": "lots.csv"}, [b"a,b\n"])]
