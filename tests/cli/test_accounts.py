"""`aura account`: money in and out, what was held before, books, lots and statements, at the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.core import Settings
from aura_lib.execution import DeskProcess, Terms, advance, open_account
from aura_lib.ledger import Ledger
from tests.ledger.seeded import seed

run = CliRunner()


def told(*words: str) -> Any:
    """What a command says with --json; it has to succeed."""
    said = run.invoke(app, ["account", *words, "--json"])
    assert said.exit_code == 0, said.stderr
    return json.loads(said.stdout)


def refused(*words: str) -> str:
    said = run.invoke(app, ["account", *words])
    assert said.exit_code in (2, 3), said.stdout
    return " ".join(said.stderr.split())


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home: Path = tmp_path_factory.mktemp("seeded")
    seed(Settings.load({"AURA_HOME": str(home)}))
    return home


@pytest.fixture
def books(seeded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_HOME", str(seeded))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with an open account whose desk is at work, so that no command has to start one."""
    home: Path = tmp_path_factory.mktemp("served")
    settings = Settings.load({"AURA_HOME": str(home)})
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("paper"))
        with DeskProcess(settings, "paper") as desk:
            advance(ledger, "paper", pd.Timestamp("2020-06-30T20:00:00Z").to_pydatetime(), desk)
            yield home


@pytest.fixture
def desk(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_HOME", str(served))


def test_money_is_paid_in_moved_and_paid_out(desk: None) -> None:
    told("deposit", "paper", "first", "1,000.50")
    told("transfer", "paper", "first", "second", "--amount", "400")
    told("withdraw", "paper", "second", "150", "--reason", "rent")
    cash = told("show")["cash"]
    assert (cash["first"], cash["second"]) == ("600.50", "250")
    assert "book second has 250, cannot pay 251" in refused("withdraw", "paper", "second", "251")
    assert "amount must be above zero" in refused("deposit", "paper", "core", "0")
    assert "amount must be a number such as 1250.50, not 'lots'" in refused("deposit", "paper", "core", "lots")
    assert "either --amount, or --symbol" in refused("transfer", "paper", "core", "swing")
    assert "no account 'papr'" in refused("deposit", "papr", "core", "5")


def test_what_was_held_before_is_shown_first_and_booked_once(desk: None, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    file.write_text("Symbol,Quantity,Price,Acquired\nAAPL,10,50.25,2015-03-04\nKO,3,40,\n", encoding="utf-8-sig")
    shown = run.invoke(app, ["account", "import", "paper", str(file), "--book", "old"]).stdout
    assert "2 lots that cost 622.50 and no cash" in " ".join(shown.split())
    assert "nothing is written yet" in " ".join(shown.split())
    assert "old" not in told("show")["cash"]
    for _ in range(2):
        assert told("import", "paper", str(file), "--book", "old", "--yes")["booked"] is True
    held = {row["symbol"]: row["quantity"] for row in told("show")["positions"] if row["book"] == "old"}
    assert held == {"AAPL": "10", "KO": "3"}
    (lot,) = [row for row in told("lots", "--book", "old")["rows"] if row["symbol"] == "AAPL"]
    assert (lot["cost"], lot["acquired"], lot["term"]) == ("502.50", "2015-03-04T00:00:00+00:00", "long")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("symbol,quantity\nAAPL,1\n", "has no column price"),
        ("symbol,quantity,price\nAAPL,ten,5\n", "line 2: quantity of AAPL is 'ten'"),
        ("symbol,quantity,price\nAAPL,1,5\n,1,5\n", "line 3: quantity of no symbol"),
        ("symbol,quantity,price,acquired\nAAPL,1,5,soon\n", "line 2: acquired='soon'"),
        ("symbol,quantity,price\nNOSUCH,1,5\n", "sample has no prices of NOSUCH"),
        ("", "has no column symbol, quantity, price; it has nothing"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_line(desk: None, tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "old.csv"
    file.write_text(text)
    assert why in refused("import", "paper", str(file), "--yes")


def test_a_fee_by_hand_an_owner_and_a_method(desk: None) -> None:
    told("deposit", "paper", "fees", "10")
    told("book", "paper", "fee", "--cash", "2.5", "--book", "fees", "--reason", "charged twice")
    assert told("show")["cash"]["fees"] == "12.5"
    assert "a booking is one of deposit, dividend" in refused("book", "paper", "gift", "--reason", "x")
    told("owner", "paper", "Ada")
    assert told("show")["owner"] == "Ada"
    assert "a method is one of fifo, average, not 'lifo'" in refused("lots", "paper", "--set-method", "lifo")


def test_lots_blotter_and_statement_are_told_and_written(books: None, tmp_path: Path) -> None:
    lots, closed = told("lots")["rows"], told("lots", "--closed")["rows"]
    assert {row["book"] for row in lots} == {"core", "swing"}
    assert {row["how"] for row in closed} == {"trade"}
    assert len(told("blotter")["rows"]) == 30 + 2 + 5
    later = told("blotter", "--after", "2021-12-01T00:00:00+00:00")["rows"]
    assert 0 < len(later) < 5
    assert "has no time zone" in refused("blotter", "--after", "2021-12-01T00:00:00")
    told("lots", "--to", str(tmp_path / "lots.parquet"))
    assert len(pd.read_parquet(tmp_path / "lots.parquet")) == len(lots)
    assert "overwrites nothing" in refused("lots", "--to", str(tmp_path / "lots.parquet"))


def test_the_statement_of_a_month_is_told_and_written_as_a_page(books: None, tmp_path: Path) -> None:
    rows = {row["line"]: row["USD"] for row in told("statement", "paper", "2021-04")["rows"]}
    assert rows["Cash at the start"] is not None
    page = tmp_path / "s.html"
    told("statement", "paper", "2021-04", "--book", "core", "--to", str(page))
    assert "Statement 2021-04: paper · core of Ada &lt;Lovelace&gt;" in page.read_text()
    assert "a month is told as 2024-03" in refused("statement", "paper", "April")
    assert "has no book 'x'; books: core, swing" in refused("statement", "paper", "2021-04", "--book", "x")


def test_corporate_actions_are_booked_by_hand_and_reach_the_lots_and_the_venue(desk: None, tmp_path: Path) -> None:
    file = tmp_path / "acted.csv"
    file.write_text("symbol,quantity,price,acquired\nMSFT,10,100,2015-03-04\nJPM,10,85,2015-03-04\n")
    told("import", "paper", str(file), "--book", "acted", "--yes")
    by = ("--book", "acted", "--reason", "told by the company")
    told("book", "paper", "spin_off", "--symbol", "MSFT", "--into", "KO", "--units", "5", "--basis", "0.25", *by)
    told("book", "paper", "return_of_capital", "--symbol", "MSFT", "--cash", "50", *by)
    merged = ("--symbol", "JPM", "--quantity=-10", "--into", "PG", "--units", "10", "--cash", "750", "--price", "100")
    told("book", "paper", "merger", *merged, *by)
    rows = {row["symbol"]: float(row["cost"]) for row in told("lots", "--book", "acted")["rows"]}
    assert rows == {"MSFT": 700, "KO": 250, "PG": 850}  # of 1,000 a quarter, and 50 back; 850 - 750 + 750
    (gain,) = told("lots", "--book", "acted", "--closed")["rows"]
    assert (gain["how"], gain["realised"]) == ("merger", "750")
    assert "from 0 to 1" in refused(
        "book", "paper", "spin_off", "--symbol", "MSFT", "--into", "KO", "--units", "5", "--basis", "25", *by
    )
    assert told("show")["drift"] == ""


def test_wash_sales_are_treated_where_it_is_asked_for(books: None) -> None:
    plain, washed = told("lots", "--closed")["rows"], told("lots", "--closed", "--wash-sales")["rows"]
    assert {row["deferred"] for row in plain} == {None}
    assert sum(float(row["quantity"]) for row in plain) == pytest.approx(sum(float(row["quantity"]) for row in washed))
    assert told("statement", "paper", "2021-04", "--wash-sales")["rows"]


def test_who_did_what_is_told_and_written(desk: None, tmp_path: Path) -> None:
    told("deposit", "paper", "logged", "10", "--reason", "for the log")
    said = run.invoke(app, ["ledger", "log", "--kind", "cash", "--json"])
    last = json.loads(said.stdout)["acts"][-1]
    assert (last["account"], last["what"], last["reason"]) == ("paper", "10 into logged", "for the log")
    assert last["who"]
    said = run.invoke(app, ["ledger", "log", "--to", str(tmp_path / "log.csv")])
    assert said.exit_code == 0 and "for the log" in (tmp_path / "log.csv").read_text()
