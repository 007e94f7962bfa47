"""The statement of a month adds up to the last digit and is what the books say; so does the blotter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest

from aura_lib.core import DataError, InputError, Transfer, encode, iso
from aura_lib.ledger import AccountView
from aura_lib.ledger.accounting import blotter, month_of, statement
from tests.ledger.journals import BOOKS, NAMES, START, D, Line, entries, fill, random_journal

MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04")
DAY = timedelta(days=1)


def prices(moment: datetime) -> Mapping[str, Decimal]:
    return {symbol: D(moment.month * 10 + place) / 3 for place, symbol in enumerate(NAMES)}


def view_of(*lines: Line) -> AccountView:
    return AccountView("paper").apply(entries(lines))


@pytest.mark.parametrize("book", [*BOOKS, None])
@pytest.mark.parametrize("seed", range(3))
def test_months_add_up_follow_each_other_and_end_where_the_books_do(seed: int, book: str | None) -> None:
    view = view_of(*random_journal(seed, 2_500))
    told = [statement(view, month, prices, book=book) for month in MONTHS]
    assert all(each.adds_up for each in told)
    for before, after in pairwise(told):
        assert before.end == after.start
        assert before.sums[0].closing == after.sums[0].opening
    for each in told:
        account = view.account(book, each.end)
        assert Fraction(each.sums[0].closing) == Fraction(account.cash)
        held: dict[str, Decimal] = {}
        for lot in each.lots:
            held[lot.instrument.symbol] = held.get(lot.instrument.symbol, D(0)) + lot.quantity
        assert {symbol: units for symbol, units in held.items() if units} == account.holdings
    total = sum((each.sums[0].fees for each in told), D(0))
    assert Fraction(-total) == Fraction(view.account(book, told[-1].end).fees)
    income = sum((each.sums[0].income for each in told), D(0))
    assert Fraction(income) == Fraction(view.account(book, told[-1].end).income)


def test_the_statement_of_a_month_by_hand() -> None:
    """Paid in 1,000; 10 at 20 bought, 4 at 25 sold, a fee of 1 each; 6 left, worth 30 each at the end."""
    lines = [
        ("cash", {"book": "core", "amount": "1000", "at": iso(START)}),
        fill(1, "core", "AAA", D(10), D(20), START),
        fill(2, "core", "AAA", D(-4), D(25), START + DAY),
    ]
    told = statement(view_of(*lines), "2024-01", lambda moment: {"AAA": D(30)})
    (row,) = told.sums
    cash = (row.opening, row.deposits, row.bought, row.sold, row.fees, row.closing)
    assert cash == (D(0), D(1_000), D(-200), D(100), D(-2), D(898))
    assert (row.realised, row.unrealised, row.value) == (D(20), D(60), D(1_078))
    assert told.adds_up


def test_money_and_units_between_books_are_in_their_statements_and_not_in_the_account_s() -> None:
    lines = [
        ("cash", {"book": "core", "amount": "1000", "at": iso(START)}),
        fill(1, "core", "AAA", D(10), D(20), START, "0"),
        ("transfer", {"transfer": encode(Transfer("t1", "core", "swing", START, D(100)))}),
        ("transfer", {"transfer": encode(Transfer("t2", "core", "swing", START, instrument=NAMES["AAA"],
                                                  quantity=D(4), price=D(25)))}),
    ]  # fmt: skip
    view = view_of(*lines)
    core, swing, whole = (statement(view, "2024-01", prices, book=book).sums[0] for book in ("core", "swing", None))
    assert [(s.transfers, s.brought, s.closing) for s in (core, swing, whole)] == [
        (D(-100), D(-80), D(700)), (D(100), D(80), D(100)), (D(0), D(0), D(800)),
    ]  # fmt: skip


def test_each_currency_has_its_own_line() -> None:
    lines = [("cash", {"book": "core", "amount": amount, "currency": currency, "at": iso(START)})
             for amount, currency in (("10", "EUR"), ("20", "USD"), ("30", "CHF"))]  # fmt: skip
    told = statement(view_of(*lines), "2024-01", prices)
    assert [(s.currency, s.deposits, s.closing) for s in told.sums] == [
        ("USD", D(20), D(20)), ("CHF", D(30), D(30)), ("EUR", D(10), D(10)),
    ]  # fmt: skip


def test_a_month_is_that_of_the_zone() -> None:
    start, end = month_of("2024-03", "America/New_York")
    assert start == datetime(2024, 3, 1, 5, tzinfo=UTC) - timedelta(microseconds=1)
    assert end == datetime(2024, 4, 1, 4, tzinfo=UTC) - timedelta(microseconds=1)


@pytest.mark.parametrize("month", ["2024", "2024-13", "March", "2024-03-01", ""])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(InputError, match="a month is told as 2024-03"):
        month_of(month)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="in a zone such as America/New_York"):
        month_of("2024-03", "Mars/Olympus")


def test_a_holding_without_a_price_is_an_error_and_no_guess() -> None:
    view = view_of(fill(1, "core", "AAA", D(10), D(20), START))
    with pytest.raises(DataError, match="no price for AAA, of which 10 are held"):
        statement(view, "2024-01", lambda moment: {})


def test_an_account_without_anything_has_an_empty_statement() -> None:
    told = statement(AccountView("paper"), "2024-01", prices)
    assert (told.adds_up, [s.closing for s in told.sums], told.lots) == (True, [D(0)], ())


@pytest.mark.parametrize("book", [*BOOKS, None])
def test_the_cash_of_a_blotter_is_the_cash_of_the_book(book: str | None) -> None:
    view = view_of(*random_journal(4, 600))
    rows = blotter(view, book)
    assert sum(Fraction(row["cash"]) for row in rows) == Fraction(view.account(book).cash)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    trades = [row for row in rows if row["what"] in ("buy", "sell")]
    assert len(trades) == sum(book in (None, f.book) for f in view.fills)


def test_a_blotter_of_a_time_has_what_happened_then() -> None:
    view = view_of(*random_journal(4, 300))
    start, end = START + 2 * DAY, START + 5 * DAY
    rows = blotter(view, after=start, until=end)
    assert rows
    assert all(start < row["time"] <= end for row in rows)
