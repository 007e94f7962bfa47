"""Tables: numbers in frames, words at the edge."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Fill, InputError, Instrument, Side
from aura_lib.reports import Link, tables

ROWS = {
    "my_book": {"sharpe": 1.1, "total_return": 0.2, "costs": 1234.5, "n_orders": 118, "tail_ratio": 0.9},
    "S&P 500": {"sharpe": 0.6, "total_return": -0.1},
}


def test_a_summary_has_known_statistics_in_one_order_and_the_others_after_them() -> None:
    table = tables.summary(ROWS)
    assert list(table.columns) == ["n_orders", "costs", "total_return", "sharpe", "tail_ratio"]
    assert list(table.index) == ["my_book", "S&P 500"]
    assert (table.dtypes == "float64").all()
    assert np.isnan(table.loc["S&P 500", "costs"])


def test_a_summary_is_read_statistic_by_statistic_against_the_second_subject() -> None:
    table = tables.against(tables.summary(ROWS))
    assert list(table.columns) == ["my_book", "S&P 500", "Difference"]
    assert table.loc["Total return"].tolist() == ["+20.0%", "−10.0%", "+30.0 pp"]
    assert table.loc["Costs"].tolist() == ["USD 1,234.50", "–", "–"]
    assert table.loc["Orders"].tolist() == ["118", "–", "–"]


def test_a_summary_of_one_subject_has_no_difference() -> None:
    assert list(tables.against(tables.summary({"book": {"sharpe": 1.0}})).columns) == ["book"]


def test_a_summary_of_nothing_is_empty_and_says_so() -> None:
    assert tables.as_text(tables.against(tables.summary({})), title="Statistics") == "Statistics: nothing yet"


def test_a_statistic_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="statistic sharpe of book must be a number, not 'high'"):
        tables.summary({"book": {"sharpe": "high"}})  # type: ignore[dict-item]


def test_columns_are_written_by_their_unit() -> None:
    table = pd.DataFrame(
        {
            "slot": [pd.Timestamp("2022-11-30 21:00Z"), pd.NaT],
            "orders": [8, 9],
            "turnover": [0.31, np.nan],
            "fees": [Decimal("92.17"), Decimal("1234.5")],
            "price": [125.674, 100.0],
            "approved_by": ["max_weight", None],
        }
    )
    words = tables.readable(table)
    assert list(words.columns) == ["Slot, New York", "Orders", "Turnover", "Fees, USD", "Price", "Approved by"]
    assert words.iloc[0].tolist() == ["2022-11-30 16:00", "8", "31.0%", "92.17", "125.674", "max_weight"]
    assert words.iloc[1].tolist() == ["–", "9", "–", "1,234.50", "100", "–"]


def test_making_a_readable_table_readable_changes_nothing() -> None:
    once = tables.readable(pd.DataFrame({"fees": [1.5], "slot": ["x"]}))
    assert tables.readable(once) is once
    assert tables.as_text(once) == tables.as_text(pd.DataFrame({"fees": [1.5], "slot": ["x"]}))


def test_a_terminal_gets_plain_minus_signs_and_right_aligned_numbers() -> None:
    lines = tables.as_text(tables.against(tables.summary(ROWS)), title="Statistics").splitlines()
    row = next(line for line in lines if "Total return" in line)
    assert row.split() == ["Total", "return", "+20.0%", "-10.0%", "+30.0", "pp"]
    assert {len(line) for line in lines if line.endswith(("+30.0 pp", "+0.50", "–"))} == {len(row)}
    assert "−" not in "".join(lines)
    assert lines[0].strip() == "Statistics"


def test_text_in_a_table_is_text_and_no_markup() -> None:
    text = tables.as_text(pd.DataFrame({"note": ["[red]hot[/red]", ":smile:", "[/nonsense]"]}), title="[b]")
    assert "[red]hot[/red]" in text and ":smile:" in text and "[/nonsense]" in text and "[b]" in text


def test_the_index_is_shown_unless_it_only_counts_rows() -> None:
    assert "AAPL" in tables.as_text(pd.DataFrame({"weight": [0.2]}, index=["AAPL"]))
    assert tables.as_text(pd.DataFrame({"weight": [0.2]})).splitlines()[-1].strip() == "20.0%"


def test_wide_tables_are_not_cut() -> None:
    table = pd.DataFrame({f"column_{i}": ["x" * 20] for i in range(20)})
    assert tables.as_text(table).splitlines()[-1].count("x" * 20) == 20


def test_fills_become_a_table_in_time_order() -> None:
    apple = Instrument("AAPL")

    def fill(number: int, day: int) -> Fill:
        when = datetime(2022, 1, day, 21, tzinfo=UTC)
        return Fill(
            f"e{number}", f"c{number}", "paper", "momentum", apple, Side.BUY,
            Decimal(3), Decimal("10.5"), Decimal("0.01"), when,
        )  # fmt: skip

    table = tables.fills([fill(1, 5), fill(2, 3)])
    assert table["time"].tolist() == [pd.Timestamp("2022-01-03 21:00Z"), pd.Timestamp("2022-01-05 21:00Z")]
    assert table.iloc[0][["symbol", "side", "quantity", "price", "value", "fee"]].tolist() == [
        "AAPL", "buy", 3.0, 10.5, 31.5, 0.01,
    ]  # fmt: skip
    assert list(tables.fills([]).columns) == list(table.columns)


@pytest.mark.parametrize(
    "target",
    ["https://example.org", "javascript:alert(1)", "//example.org/x", "data:text/html,x", "/etc", "\\\\host\\x"],
)
def test_a_link_that_leaves_the_machine_is_refused(target: str) -> None:
    with pytest.raises(InputError, match="links to local files"):
        Link("open", target)


def test_a_link_may_be_a_path_or_a_relative_name() -> None:
    assert str(Link("open", Path("/anywhere/a:b.ipynb"))) == "open"
    assert str(Link("open", "runs/a.ipynb")) == "open"
