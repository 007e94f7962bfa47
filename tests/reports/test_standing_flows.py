"""Money and units that come while a book trades count from then on, and are no gain."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from aura_lib.core import BookingKind, Transfer, encode, iso
from aura_lib.reports.marking import marked
from tests.ledger.journals import NAMES, D, booking, fill
from tests.reports.test_accounting import BARS, view_of

TIMES = [time.to_pydatetime() for time in BARS.times]
CLOSES = BARS.close["AAA"]


def paid(book: str, amount: str, time: datetime) -> tuple[str, dict[str, str]]:
    return "cash", {"book": book, "amount": amount, "at": iso(time)}


def test_money_of_several_books_counts_from_the_bar_in_which_it_came() -> None:
    view = view_of(paid("a", "100", TIMES[0]), paid("b", "50", TIMES[10]), paid("a", "-30", TIMES[20]))
    equity, _, _, came = marked(view, BARS, None)
    assert equity.iloc[[0, 9, 10, 19, 20, 99]].tolist() == [100, 100, 150, 150, 120, 120]
    assert came[came != 0].tolist() == [100, 50, -30]
    assert marked(view, BARS, "b")[0].iloc[[9, 10]].tolist() == [0, 50]


def test_money_of_old_ledgers_that_do_not_tell_when_counts_from_the_first_bar() -> None:
    view = view_of(("cash", {"book": "a", "amount": "7", "request": 1}))
    assert marked(view, BARS, "a")[0].iloc[0] == 7


def test_units_brought_along_are_worth_their_close_and_no_gain() -> None:
    told = booking(1, BookingKind.IMPORT, D(0), TIMES[5], instrument=NAMES["AAA"], quantity=D(4), price=D(1),
                   book="a")  # fmt: skip
    view = view_of(paid("a", "100", TIMES[0]), ("import", {"book": "a", "positions": [told[1]["booking"]]}))
    equity, cash, units, came = marked(view, BARS, "a")
    assert came.iloc[5] == pytest.approx(4 * CLOSES.iloc[5])
    assert equity.iloc[-1] == pytest.approx(100 + 4 * CLOSES.iloc[-1])
    assert (cash.iloc[-1], units["AAA"].iloc[4], units["AAA"].iloc[5]) == (100, 0, 4)


def test_what_goes_to_another_book_is_neither_its_gain_nor_the_first_one_s_loss() -> None:
    view = view_of(
        paid("a", "1000", TIMES[0]),
        fill(1, "a", "AAA", D(10), D(12), TIMES[1], "0"),
        ("transfer", {"transfer": encode(Transfer("t", "a", "b", TIMES[8], instrument=NAMES["AAA"], quantity=D(4)))}),
        ("transfer", {"transfer": encode(Transfer("u", "a", "b", TIMES[8], D(200)))}),
    )
    one, two, whole = (marked(view, BARS, book) for book in ("a", "b", None))
    pd.testing.assert_series_equal(one[0] + two[0], whole[0])
    moved = 200 + 4 * CLOSES.iloc[8]
    assert (one[3].iloc[8], two[3].iloc[8], whole[3].iloc[8]) == (pytest.approx(-moved), pytest.approx(moved), 0)
