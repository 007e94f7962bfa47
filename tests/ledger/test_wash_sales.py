"""Wash sales: losses are deferred, never lost; amounts are those of published examples or of a slow computation."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import BookingKind, InputError
from aura_lib.ledger import AccountView
from aura_lib.ledger.accounting import TaxLots, statement, tax_lots
from tests.ledger.journals import BOOKS, NAMES, D, Line, booking, entries, fill, random_journal
from tests.oracle.plain_wash import Trade, shares_of

DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 2, 15, tzinfo=UTC)


def view_of(*lines: Line, name: str = "paper") -> AccountView:
    return AccountView(name).apply(entries(lines))


def trade(
    number: int, day: str, units: str, value: str, book: str = "core", symbol: str = "AAA", fee: str = "0"
) -> Line:
    """So many units, for a value as a whole, at 15:00 of a day."""
    at = datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC)
    return fill(number, book, symbol, D(units), D(value) / abs(D(units)), at, fee)


def washed(*lines: Line) -> TaxLots:
    return tax_lots(view_of(*lines), wash_sales=True)


def test_the_loss_goes_into_the_cost_of_what_was_bought_again() -> None:
    """IRS Publication 550, "Wash sales", example 1: 100 for 1,000, sold for 750, 100 again for 800."""
    lots = washed(
        trade(1, "2024-03-01", "100", "1000"),
        trade(2, "2024-06-03", "-100", "750"),
        trade(3, "2024-07-03", "100", "800"),
    )
    assert [(c.realised, c.washed) for c in lots.closed] == [(D(0), D(250))]
    assert [(p.cost, p.deferred) for p in lots.open()] == [(D(1050), D(250))]


@pytest.mark.parametrize(("day", "deferred"), [("2024-07-03", D(250)), ("2024-07-04", D(0))])
def test_thirty_days_count_and_thirty_one_do_not(day: str, deferred: Decimal) -> None:
    for sale, again in (("2024-06-03", day), (day, "2024-06-03")):
        lines = [trade(1, "2024-03-01", "100", "1000"), trade(2, sale, "-100", "750"), trade(3, again, "100", "800")]
        lines.sort(key=lambda line: str(line[1]["fill"]["time"]))
        assert [p.deferred for p in washed(*lines).open()] == [deferred]


@pytest.mark.parametrize(("price", "cost"), [("90", "110"), ("70", "90")])
def test_what_the_new_share_costs(price: str, cost: str) -> None:
    """Treasury Regulation §1.1091-2, examples 1 and 2: a share of 100, sold for 80, bought again for 90; for 70."""
    lots = washed(
        trade(1, "2010-05-05", "1", "100"), trade(2, "2015-01-15", "-1", "80"), trade(3, "2015-02-02", "1", price)
    )
    assert [p.cost for p in lots.open()] == [D(cost)]


def test_what_was_bought_before_the_sale_counts_and_what_it_does_not_cover_is_a_loss() -> None:
    """Treasury Regulation §1.1091-1(h), example 2: 100 for 5,000; 50 for 2,750; 25 for 1,125; the 100 go for 4,000."""
    lots = washed(
        trade(1, "2014-09-22", "100", "5000"),
        trade(2, "2014-12-22", "50", "2750"),
        trade(3, "2014-12-29", "25", "1125"),
        trade(4, "2015-01-05", "-100", "4000"),
    )
    (closed,) = lots.closed
    assert (closed.washed, closed.realised) == (D(750), D(-250))
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(50), D(3250)), (D(25), D(1375))]


def test_what_was_bought_first_after_the_sale_takes_its_place() -> None:
    """Treasury Regulation §1.1091-1(h), example 3: 100 for 5,000 go for 4,000; then 50 on each of four days."""
    again = [trade(10 + n, f"2016-02-{16 + n}", "50", "2000") for n in range(4)]
    lots = washed(trade(1, "2014-09-15", "100", "5000"), trade(2, "2016-02-01", "-100", "4000"), *again)
    assert [(c.realised, c.washed) for c in lots.closed] == [(D(0), D(1000))]
    assert [p.deferred for p in lots.open()] == [D(500), D(500), D(0), D(0)]


def test_the_time_of_what_was_sold_counts_for_what_took_its_place() -> None:
    """IRS Publication 550: the holding period of the new stock includes that of the old one."""
    lots = washed(
        trade(1, "2023-03-01", "10", "1000"),
        trade(2, "2023-12-28", "-10", "900"),  # 302 days
        trade(3, "2024-01-10", "10", "900"),
        trade(4, "2024-03-13", "-10", "1100"),  # 63 more: 365, one too few in a leap year
        trade(5, "2024-06-03", "10", "1000", symbol="BBB"),
    )
    last = lots.closed[-1]
    assert (last.realised, last.days, last.term) == (D(100), 365, "short")
    longer = washed(
        trade(1, "2023-03-01", "10", "1000"), trade(2, "2023-12-28", "-10", "900"),
        trade(3, "2024-01-10", "10", "900"), trade(4, "2024-03-20", "-10", "1100"),
    )  # fmt: skip
    assert (longer.closed[-1].days, longer.closed[-1].term) == (372, "long")


def test_selling_a_part_of_one_purchase_is_no_wash_sale() -> None:
    """Revenue Ruling 56-602."""
    lots = washed(trade(1, "2024-03-01", "100", "1000"), trade(2, "2024-03-11", "-40", "300"))
    assert [(c.realised, c.washed) for c in lots.closed] == [(D(-100), D(0))]


def test_a_unit_takes_the_place_of_one_only_and_is_a_lot_of_its_own() -> None:
    lots = washed(
        trade(1, "2024-01-02", "60", "600"), trade(2, "2024-02-01", "-40", "200"),
        trade(3, "2024-02-05", "50", "300"), trade(4, "2024-02-06", "-20", "100"),
    )  # fmt: skip
    assert [(c.quantity, c.washed, c.realised) for c in lots.closed] == [
        (D(40), D(200), D(0)), (D(20), D(50), D(-50)),
    ]  # fmt: skip
    assert [(p.id, p.quantity, p.deferred) for p in lots.open()] == [("x3", D(40), D(200)), ("x3", D(10), D(50))]


def test_another_book_s_purchase_counts_too() -> None:
    lots = washed(
        trade(1, "2024-01-02", "10", "100"), trade(2, "2024-02-01", "-10", "60"),
        trade(3, "2024-02-02", "10", "60", book="swing"),
    )  # fmt: skip
    assert [c.washed for c in lots.gone("core")] == [D(40)]
    assert [p.deferred for p in lots.open("swing")] == [D(40)]


def test_another_account_s_purchase_counts_and_only_the_account_s_own_lots_are_told() -> None:
    mine = view_of(trade(1, "2024-01-02", "10", "100"), trade(2, "2024-02-01", "-10", "60"))
    other = view_of(trade(3, "2024-02-02", "10", "60"), name="second")
    alone, both = tax_lots(mine, wash_sales=True), tax_lots(mine, wash_sales=True, beside=[other])
    assert ([c.washed for c in alone.gone()], [c.washed for c in both.gone()]) == ([D(0)], [D(40)])
    assert both.open() == []
    turned = tax_lots(other, wash_sales=True, beside=[mine])
    assert ([p.deferred for p in turned.open()], turned.gone()) == ([D(40)], [])


def test_fees_are_part_of_the_loss() -> None:
    lots = washed(
        trade(1, "2024-01-02", "10", "100", fee="1"), trade(2, "2024-02-01", "-10", "60", fee="2"),
        trade(3, "2024-02-02", "10", "60"),
    )  # fmt: skip
    assert [(c.washed, c.net) for c in lots.closed] == [(D(43), D(0))]


def test_a_loss_of_a_short_sale_waits_in_the_next_short_sale() -> None:
    """Internal Revenue Code §1091(e)."""
    lots = washed(
        trade(1, "2024-01-02", "-10", "100"), trade(2, "2024-02-01", "10", "130"), trade(3, "2024-02-02", "-10", "130"),
        trade(4, "2024-06-03", "10", "90"),
    )  # fmt: skip
    assert [(c.realised, c.washed) for c in lots.closed] == [(D(0), D(30)), (D(10), D(0))]  # -30 and +40


def test_a_split_between_makes_as_many_more_take_the_place() -> None:
    lots = washed(
        trade(1, "2024-01-02", "20", "200"), trade(2, "2024-02-01", "-10", "60"),
        booking(3, BookingKind.SPLIT, D(0), FIRST + 35 * DAY, instrument=NAMES["AAA"], quantity=D(10), book="core"),
        trade(4, "2024-02-10", "15", "45"),
    )  # fmt: skip
    assert [c.washed for c in lots.closed] == [D(30)]  # 15 of 20


def test_nothing_else_is_a_wash_sale() -> None:
    gain = washed(
        trade(1, "2024-01-02", "10", "100"), trade(2, "2024-02-01", "-10", "110"), trade(3, "2024-02-02", "10", "90")
    )
    other = washed(
        trade(1, "2024-01-02", "10", "100"), trade(2, "2024-02-01", "-10", "60"),
        trade(3, "2024-02-02", "10", "60", symbol="BBB"),
    )  # fmt: skip
    assert [c.washed for lots in (gain, other) for c in lots.closed] == [D(0), D(0)]


def test_average_costs_and_wash_sales_do_not_go_together() -> None:
    turn: Line = ("lots", {"method": "average"})
    with pytest.raises(InputError, match="lot by lot, not with average costs"):
        tax_lots(view_of(turn), wash_sales=True)
    with pytest.raises(InputError, match="lot by lot"):
        tax_lots(view_of(), wash_sales=True, method="average")


def test_a_month_s_statement_with_wash_sales_adds_up_and_takes_a_loss_back_when_the_same_is_bought() -> None:
    view = view_of(
        ("cash", {"book": "core", "amount": "1000"}),
        trade(1, "2024-01-02", "10", "100"), trade(2, "2024-01-25", "-10", "60"), trade(3, "2024-02-05", "10", "60"),
    )  # fmt: skip
    told = [statement(view, m, lambda moment: {"AAA": D(7)}, wash_sales=True) for m in ("2024-01", "2024-02")]
    assert all(each.adds_up for each in told)
    assert [each.sums[0].realised for each in told] == [D(-40), D(40)]
    assert [each.sums[0].unrealised for each in told] == [D(0), D(-30)]  # 70 for what costs 100 now


def random_trades(seed: int, count: int) -> list[Trade]:
    rng = np.random.default_rng(seed)
    held: dict[str, int] = defaultdict(int)
    found: list[Trade] = []
    for number in range(count):
        book, units = str(rng.choice(BOOKS)), int(rng.integers(1, 9))
        if held[book] and rng.random() < 0.5:
            units = -min(units, held[book])
        held[book] += units
        day = (FIRST + timedelta(days=number * 3)).date()
        found.append((f"x{number}", book, units, Fraction(int(rng.integers(50, 150))), day))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_share_by_share_it_is_what_a_slow_computation_says(seed: int) -> None:
    trades = random_trades(seed, 120)
    lines = [
        fill(
            int(name[1:]),
            book,
            "AAA",
            D(units),
            D(int(price)),
            datetime(day.year, day.month, day.day, 15, tzinfo=UTC),
            "0",
        )
        for name, book, units, price, day in trades
    ]
    lots, plain = washed(*lines), shares_of(trades)
    told: dict[tuple[str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    for closed in lots.closed:
        row = told[closed.id, closed.book]
        row[0] += Fraction(closed.realised)
        row[1] += Fraction(closed.washed)
    for lot in lots.open():
        told[lot.id, lot.book][2] += Fraction(lot.deferred)
    expected: dict[tuple[str, str], list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    for share in plain:
        row = expected[share.trade, share.book]
        row[0] += share.gain + share.washed
        row[1] += share.washed
        row[2] += share.deferred if share.sold is None else 0
    near = Fraction(1, 10**20)
    assert any(row[1] for row in expected.values()) and set(told) == set(expected)
    for key, row in expected.items():
        assert all(abs(a - b) < near for a, b in zip(told[key], row, strict=True)), key


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 200))
def test_what_is_deferred_is_what_gains_lack(seed: int, count: int) -> None:
    """Whatever happens, gains with wash sales, less what still waits in open lots, are the gains without."""
    view = view_of(*random_journal(seed, count))
    plain, lots = tax_lots(view, method="fifo"), tax_lots(view, wash_sales=True)
    with_it = sum((Fraction(c.realised) for c in lots.closed), Fraction(0))
    waiting = sum((Fraction(p.deferred) for p in lots.open()), Fraction(0))
    assert abs(with_it - waiting - sum((Fraction(c.realised) for c in plain.closed), Fraction(0))) < Fraction(1, 10**20)
    units = [sum((Fraction(p.quantity) for p in each.open()), Fraction(0)) for each in (plain, lots)]
    assert units[0] == units[1]
    assert all(c.net <= 0 or not c.washed for c in lots.closed)
