"""Lots, blotter and statement as tables, files and a page: exact, with their currency, and with their zone."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from aura_lib.core import Bars, Calendar, DataError, InputError, iso
from aura_lib.execution import Terms
from aura_lib.ledger import AccountView
from aura_lib.ledger.accounting import statement as month_statement
from aura_lib.reports import blotter_table, lots_of, statement, statement_table, write_table
from aura_lib.reports.accounting import closes
from tests.ledger.journals import START, D, Line, entries, fill, random_journal

DAY = timedelta(days=1)


def made_up_bars() -> Bars:
    """Three names with closes of whole cents, from 2023-12-01 for a hundred sessions."""
    days = Calendar.of("XNYS").closes
    first = int(days.searchsorted(pd.Timestamp("2023-12-01", tz="UTC")))
    closes = np.arange(300).reshape(100, 3) / 4 + 10
    return Bars({"close": pd.DataFrame(closes, days[first : first + 100], ["AAA", "BBB", "CCC"])}, source="made up")


BARS = made_up_bars()


def view_of(*lines: Line) -> AccountView:
    return AccountView("paper").apply(entries(lines))


def small() -> AccountView:
    return view_of(
        ("cash", {"book": "core", "amount": "10000", "at": iso(START)}),
        fill(1, "core", "AAA", D(3), D("33.333333"), START),
        fill(2, "core", "AAA", D(-1), D(40), START + DAY),
        fill(3, "core", "BBB", D(7), D(20), START + 3 * DAY),
    )


def test_lots_say_what_a_unit_cost_what_it_is_worth_and_for_how_long_it_is_held() -> None:
    held, closed = lots_of(small(), BARS, as_of=START + 10 * DAY)
    price = closes(BARS)(START + 10 * DAY)["AAA"]
    row = held.iloc[0]
    assert (row["symbol"], row["quantity"], row["cost a unit"], row["price"]) == ("AAA", D(2), D("33.333333"), price)
    assert (row["value"], row["unrealised"]) == (2 * price, 2 * price - D("66.666666"))
    assert (row["days"], row["term"], row["currency"]) == (10, "short", "USD")
    assert closed["realised"].tolist() == [D("6.666667")]


@pytest.mark.parametrize("method", ["fifo", "average"])
def test_a_table_in_a_file_is_the_table(tmp_path: Path, method: str) -> None:
    held, closed = lots_of(view_of(*random_journal(3, 200)), BARS, method=method)
    for name, table in (("held", held), ("closed", closed)):
        text = pd.read_csv(write_table(table, tmp_path / f"{name}.csv"), dtype=str, keep_default_na=False)
        assert [Decimal(cost) for cost in text["cost"]] == table["cost"].tolist()
        assert [datetime.fromisoformat(time) for time in text["acquired"]] == table["acquired"].tolist()
        kept = pq.read_table(write_table(table, tmp_path / f"{name}.parquet")).to_pandas()
        assert kept["cost"].tolist() == table["cost"].tolist()
        assert str(kept["acquired"].dtype).endswith("UTC]")
        assert kept["quantity"].tolist() == table["quantity"].tolist()


def test_an_export_overwrites_nothing_and_knows_two_formats(tmp_path: Path) -> None:
    table = blotter_table(small())
    write_table(table, tmp_path / "a.csv")
    with pytest.raises(InputError, match="overwrites nothing"):
        write_table(table, tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"written as \.csv or \.parquet"):
        write_table(table, tmp_path / "a.xls")


def test_an_empty_account_has_tables_with_their_columns(tmp_path: Path) -> None:
    view = AccountView("paper")
    for table in (*lots_of(view, BARS), blotter_table(view)):
        assert (len(table), "symbol" in table) == (0, True)
        write_table(table, tmp_path / f"{len(table.columns)}.csv")


def test_the_lines_of_a_statement_are_those_that_say_something() -> None:
    view = small()
    table = statement_table(month_statement(view, "2024-01", closes(BARS)))
    lines = list(table.index)
    assert lines[:4] == ["Cash at the start", "Paid in and out", "Bought", "Sold"]
    assert "Dividends and interest" not in lines
    assert table.loc["Cash at the end", "USD"] == view.account().cash


def test_a_statement_is_one_page_that_says_what_it_leaves_out(tmp_path: Path) -> None:
    view = view_of(*random_journal(3, 400), ("owner", {"owner": "Ada <Lovelace>"}))
    page = statement(view, Terms("paper"), "2024-01", BARS, tmp_path / "s.html", book="core").read_text()
    assert "Statement 2024-01: paper · core of Ada &lt;Lovelace&gt;" in page
    for told in ("Cash at the start", "Lots held", "Lots closed", "Blotter", "Wash sales are not treated", "holds"):
        assert told in page
    assert "New York" in page
    assert 'src="http' not in page


def test_a_statement_before_there_are_prices_says_which_is_missing(tmp_path: Path) -> None:
    view = view_of(fill(1, "core", "AAA", D(3), D(33), datetime.fromisoformat("2023-10-02T20:00:00+00:00")))
    with pytest.raises(DataError, match="no price for AAA"):
        statement(view, Terms("paper"), "2023-10", BARS, tmp_path / "s.html")


def test_a_csv_has_plain_numbers_and_times_with_their_zone(tmp_path: Path) -> None:
    text = write_table(blotter_table(small()), tmp_path / "b.csv").read_text()
    first = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).iloc[0]
    assert (first["time"], first["cash"], first["currency"]) == ("2024-01-02T15:00:00+00:00", "10000", "USD")
    assert "E+" not in text


def test_a_loss_that_a_wash_sale_put_off_has_a_column_of_its_own_and_the_page_says_so(tmp_path: Path) -> None:
    view = view_of(
        ("cash", {"book": "core", "amount": "10000", "at": iso(START)}),
        fill(1, "core", "AAA", D(10), D(30), START, "0"),
        fill(2, "core", "AAA", D(-10), D(25), START + DAY, "0"),
        fill(3, "core", "AAA", D(4), D(25), START + 2 * DAY, "0"),
    )
    held, closed = lots_of(view, BARS, wash_sales=True)
    assert (held["cost"].tolist(), held["deferred"].tolist()) == ([D(120)], [D(20)])
    assert (closed["realised"].tolist(), closed["deferred"].tolist()) == ([D(-30)], [D(20)])
    write_table(held, tmp_path / "held.parquet")
    page = statement(view, Terms("paper"), "2024-01", BARS, tmp_path / "s.html", wash_sales=True).read_text()
    assert "Wash sales are deferred as US law has it" in page
    assert lots_of(view, BARS)[0]["deferred"].tolist() == [None]
