"""Tax lots: they add up to the positions, their gains to the change of equity, by any method."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import AssetClass, BookingKind, Instrument, Right, Transfer, encode, iso
from aura_lib.ledger import AccountView
from aura_lib.ledger.accounting import Closed, Method, TaxLots, tax_lots
from tests.ledger.journals import BOOKS, NAMES, START, D, Line, booking, entries, fill, random_journal
from tests.oracle.plain_lots import lots_of

NEAR = Fraction(1, 10**20)
DAY = timedelta(days=1)
CALL = Instrument(
    "AAA240216C00100000", AssetClass.OPTION, multiplier=D(100), underlying="AAA", expiry=date(2024, 2, 16),
    strike=D(100), right=Right.CALL,
)  # fmt: skip
PUT = Instrument(
    "AAA240216P00100000", AssetClass.OPTION, multiplier=D(100), underlying="AAA", expiry=date(2024, 2, 16),
    strike=D(100), right=Right.PUT,
)  # fmt: skip


def view_of(*lines: Line) -> AccountView:
    return AccountView("paper").apply(entries(lines))


def with_splits(seed: int, count: int) -> list[Line]:
    """A random journal with two-for-one splits of what some book holds."""
    lines = random_journal(seed, count)
    for place in range(count // 4, len(lines), max(count // 4, 1)):
        view = view_of(*lines[:place])
        last = max((event.time for event in view.events), default=START)  # all that is written is of before it
        for book in BOOKS:
            for symbol, units in view.account(book).holdings.items():
                told = booking(
                    10_000 + place, BookingKind.SPLIT, D(0), last, instrument=NAMES[symbol], quantity=units, book=book
                )
                return [*lines[:place], told, *[line for line in lines[place:] if line[0] != "transfer"]]
    return lines


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("seed", range(4))
def test_lots_and_gains_are_what_fractions_say(seed: int, method: Method) -> None:
    lines = with_splits(seed, 300)
    ours, plain = tax_lots(view_of(*lines), method=method), lots_of(lines, method is Method.AVERAGE)
    expected = [
        (book, symbol, lot.name, lot.units, lot.since)
        for (book, symbol), held in sorted(plain.lots.items()) for lot in held
    ]  # fmt: skip
    opened = sorted(ours.open(), key=lambda lot: (lot.book, lot.instrument.symbol))
    assert [(p.book, p.instrument.symbol, p.id, Fraction(p.quantity), p.opened) for p in opened] == expected
    costs = [lot.units * lot.price for _, held in sorted(plain.lots.items()) for lot in held]
    assert all(abs(Fraction(lot.cost) - cost) < NEAR for lot, cost in zip(opened, costs, strict=True))
    for mine, theirs in zip(ours.closed, plain.gone, strict=True):
        assert (mine.id, mine.book, mine.opened, mine.closed) == (theirs.name, theirs.book, theirs.since, theirs.at)
        assert Fraction(mine.quantity) == theirs.units
        assert abs(Fraction(mine.realised) - theirs.gain) < NEAR
        assert abs(Fraction(mine.fee) - theirs.fee) < NEAR


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 150), method=st.sampled_from(Method))
def test_lots_are_the_positions_and_gains_less_fees_are_the_change_of_equity(
    seed: int, count: int, method: Method
) -> None:
    lines = with_splits(seed, count)
    view = view_of(*lines)
    lots = tax_lots(view, method=method)
    prices = {symbol: D(17 + place * 31) / 7 for place, symbol in enumerate(NAMES)}
    for book in (*BOOKS, None):
        held: dict[str, Fraction] = defaultdict(Fraction)
        for lot in lots.open(book):
            held[lot.instrument.symbol] += Fraction(lot.quantity)
        account = view.account(book)
        assert {s: q for s, q in held.items() if q} == {s: Fraction(q) for s, q in account.holdings.items()}
        value = Fraction(account.cash) + sum(q * Fraction(prices[s]) for s, q in held.items())
        gained = sum(Fraction(c.realised) for c in lots.gone(book))
        waiting = sum(
            Fraction(p.quantity) * Fraction(prices[p.instrument.symbol]) - Fraction(p.cost) for p in lots.open(book)
        )
        paid = sum(Fraction(amount) for name, amount in view.cash.items() if book in (None, name))
        brought = sum(Fraction(cost) for name, _, cost in lots.brought if book in (None, name))
        assert value == paid + brought + gained + waiting + Fraction(account.income) - Fraction(account.fees)


def test_first_in_first_out_by_hand() -> None:
    """Bought 10 at 10 and 10 at 12, sold 15 at 15: gains 10·5 + 5·3 = 65, five of the second lot stay."""
    lines = [fill(1, "core", "AAA", D(10), D(10), START), fill(2, "core", "AAA", D(10), D(12), START + DAY),
             fill(3, "core", "AAA", D(-15), D(15), START + 2 * DAY)]  # fmt: skip
    lots = tax_lots(view_of(*lines))
    assert [(c.quantity, c.realised, c.days) for c in lots.closed] == [(D(10), D(50), 2), (D(5), D(15), 1)]
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(5), D(60))]
    assert [round(c.fee, 6) for c in lots.closed] == [D("1.666667"), D("0.833333")]  # 1 + 10/15 and 5/10 + 5/15
    assert sum((c.fee for c in lots.closed), D(0)) + lots.open()[0].fee == D(3)
    average = tax_lots(view_of(*lines), method="average")
    assert [c.realised for c in average.closed] == [D(40), D(20)]
    assert average.open()[0].cost == D(55)


def test_a_sale_takes_the_lots_that_were_chosen_and_the_rest_by_the_method() -> None:
    lines = [fill(n, "core", "AAA", D(10), D(10 + n), START + n * DAY) for n in range(1, 4)]
    chosen = ("lots", {"client_id": "c9", "lots": [{"lot": "x3", "quantity": "4"}, {"lot": "x2", "quantity": "2"}]})
    view = view_of(*lines, chosen, fill(9, "core", "AAA", D(-7), D(20), START + 9 * DAY))
    assert [(c.id, c.quantity, c.realised) for c in tax_lots(view).closed] == [
        ("x3", D(4), D(28)), ("x2", D(2), D(16)), ("x1", D(1), D(9)),
    ]  # fmt: skip


def test_chosen_lots_are_used_up_over_several_fills_of_one_order() -> None:
    lines = [fill(n, "core", "AAA", D(10), D(10 + n), START + n * DAY) for n in (1, 2)]
    chosen = ("lots", {"client_id": "c9", "lots": [{"lot": "x2", "quantity": "5"}]})
    sold = [
        fill(9, "core", "AAA", D(-3), D(20), START + 9 * DAY),
        fill(9, "core", "AAA", D(-3), D(20), START + 9 * DAY),
    ]
    sold[1][1]["fill"]["execution_id"] = "x10"
    assert [(c.id, c.quantity) for c in tax_lots(view_of(*lines, chosen, *sold)).closed] == [
        ("x2", D(3)), ("x2", D(2)), ("x1", D(1)),
    ]  # fmt: skip


def test_a_method_counts_from_when_it_was_set_and_for_its_book() -> None:
    buys = [fill(n, book, "AAA", D(10), D(10 * n), START) for n, book in ((1, "core"), (3, "core"), (5, "swing"))]
    sells = [fill(10 + n, "core", "AAA", D(-5), D(50), START + DAY) for n in (0, 1, 2)]
    turn = ("lots", {"method": "average"})
    back = ("lots", {"method": "fifo", "book": "core"})
    closed = tax_lots(view_of(*buys, sells[0], turn, sells[1], back, sells[2])).closed
    # 10 at 10, 10 at 30: first in first out 5 at 10; then 15 left for 350, on average 23 1/3; then what was averaged
    assert [round(c.cost, 6) for c in closed] == [D(50), D("116.666667"), D("116.666667")]


def test_a_short_is_a_lot_and_what_crosses_zero_opens_the_other_side() -> None:
    lots = tax_lots(view_of(fill(1, "core", "AAA", D(-10), D(20), START), fill(2, "core", "AAA", D(15), D(12), START)))
    (closed,) = lots.closed
    assert (closed.quantity, closed.cost, closed.proceeds, closed.realised) == (D(-10), D(120), D(200), D(80))
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(5), D(60))]


@pytest.mark.parametrize(("days", "term"), [(0, "short"), (366, "short"), (367, "long")])  # 2024 has a leap day
def test_a_gain_is_long_term_after_more_than_a_year(days: int, term: str) -> None:
    view = view_of(fill(1, "core", "AAA", D(1), D(20), START), fill(2, "core", "AAA", D(-1), D(30), START + days * DAY))
    assert [(c.days, c.term) for c in tax_lots(view).closed] == [(days, term)]


def option(kind: BookingKind, instrument: Instrument, contracts: str, cash: str, units: str) -> Line:
    more: dict[str, Any] = {"delivered": NAMES["AAA"], "units": D(units)} if units != "0" else {}
    return booking(99, kind, D(cash), START + DAY, instrument=instrument, quantity=D(contracts), book="core", **more)


def premium(instrument: Instrument, contracts: int) -> Line:
    NAMES[instrument.symbol] = instrument
    try:
        return fill(1, "core", instrument.symbol, D(contracts), D(3), START, "0")
    finally:
        del NAMES[instrument.symbol]


def test_what_an_exercised_call_cost_goes_into_the_shares() -> None:
    """IRS Publication 550: the cost of the call is added to the basis of the shares."""
    lots = tax_lots(view_of(premium(CALL, 1), option(BookingKind.EXERCISE, CALL, "-1", "-10000", "100")))
    assert lots.closed == []
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(100), D(10_300))]


def test_what_an_assigned_put_brought_lowers_the_cost_of_the_shares() -> None:
    lots = tax_lots(view_of(premium(PUT, -1), option(BookingKind.ASSIGNMENT, PUT, "1", "-10000", "100")))
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(100), D(9_700))]


def test_what_an_assigned_call_brought_is_added_to_the_sale_of_the_shares() -> None:
    lines = [fill(7, "core", "AAA", D(100), D(90), START, "0"), premium(CALL, -1)]
    (closed,) = tax_lots(view_of(*lines, option(BookingKind.ASSIGNMENT, CALL, "1", "10000", "-100"))).closed
    assert (closed.cost, closed.proceeds, closed.how) == (D(9_000), D(10_300), "assignment")


def test_what_an_exercised_put_cost_is_taken_off_the_sale_of_the_shares() -> None:
    lines = [fill(7, "core", "AAA", D(100), D(90), START, "0"), premium(PUT, 1)]
    (closed,) = tax_lots(view_of(*lines, option(BookingKind.EXERCISE, PUT, "-1", "10000", "-100"))).closed
    assert (closed.cost, closed.proceeds) == (D(9_000), D(9_700))


def test_an_option_that_expires_loses_what_it_cost_and_a_sold_one_keeps_what_it_brought() -> None:
    bought = tax_lots(view_of(premium(CALL, 2), option(BookingKind.EXPIRY, CALL, "-2", "0", "0")))
    sold = tax_lots(view_of(premium(CALL, -2), option(BookingKind.EXPIRY, CALL, "2", "0", "0")))
    assert [(c.realised, c.how) for c in (*bought.closed, *sold.closed)] == [(D(-600), "expiry"), (D(600), "expiry")]


def merger(cash: str, units: str, kind: BookingKind = BookingKind.MERGER) -> Line:
    return booking(
        9, kind, D(cash), START + DAY, instrument=NAMES["AAA"], quantity=D(-30), book="core",
        **({"delivered": NAMES["BBB"], "units": D(units)} if D(units) else {}),
    )  # fmt: skip


BOUGHT = [fill(1, "core", "AAA", D(10), D(10), START, "0"), fill(2, "core", "AAA", D(20), D(40), START, "0")]


def test_a_new_symbol_keeps_lots_costs_and_dates() -> None:
    lots = tax_lots(view_of(*BOUGHT, merger("0", "30", BookingKind.SYMBOL_CHANGE)))
    told = [(p.instrument.symbol, p.id, p.quantity, p.cost, p.opened) for p in lots.open()]
    assert told == [("BBB", "x1", D(10), D(100), START), ("BBB", "x2", D(20), D(800), START)]


def test_the_cash_of_a_merger_lowers_what_the_new_units_cost_and_what_is_more_is_a_gain() -> None:
    lots = tax_lots(view_of(*BOUGHT, merger("600", "15")))  # 20 a unit: 200 on what cost 100, 400 on what cost 800
    assert [(p.quantity, p.cost) for p in lots.open()] == [(D(5), D(0)), (D(10), D(400))]
    assert [(c.id, c.realised, c.how) for c in lots.closed] == [("x1", D(100), "merger")]


def test_a_merger_for_cash_alone_closes_every_lot() -> None:
    lots = tax_lots(view_of(*BOUGHT, merger("1500", "0")))
    assert ([c.realised for c in lots.closed], lots.open()) == ([D(400), D(200)], [])


def test_a_transfer_takes_lots_with_their_cost_and_date_and_gains_nothing() -> None:
    told = Transfer("t", "core", "swing", START + DAY, instrument=NAMES["AAA"], quantity=D(15), price=D(99))
    view = view_of(*BOUGHT, ("transfer", {"transfer": encode(told)}))
    assert [(p.book, p.id, p.quantity, p.cost, p.opened) for p in tax_lots(view).open()] == [
        ("core", "x2", D(15), D(600), START),
        ("swing", "x1", D(10), D(100), START),
        ("swing", "x2", D(5), D(200), START),
    ]
    assert tax_lots(view).closed == []


def test_what_was_sold_outside_a_book_and_is_taken_from_it_later_is_a_sale_of_the_book_s_lots() -> None:
    sold = fill(3, "", "AAA", D(-15), D(50), START + 400 * DAY, "0")
    told = Transfer("t", "core", "", START + 401 * DAY, instrument=NAMES["AAA"], quantity=D(15))
    lots = tax_lots(view_of(*BOUGHT, sold, ("transfer", {"transfer": encode(told)})))
    assert [(c.id, c.quantity, c.realised, c.days, c.term) for c in lots.closed] == [
        ("x1", D(10), D(400), 400, "long"), ("x2", D(5), D(50), 400, "long"),
    ]  # fmt: skip
    assert [(p.book, p.quantity) for p in lots.open()] == [("core", D(15))]


def test_imported_units_are_as_old_as_they_are_and_go_first() -> None:
    old = datetime(2019, 5, 6, tzinfo=UTC)
    told = booking(5, BookingKind.IMPORT, D(0), START + DAY, instrument=NAMES["AAA"], quantity=D(4), price=D(3),
                   acquired=old, book="core")  # fmt: skip
    imported = ("import", {"book": "core", "positions": [told[1]["booking"]]})
    view = view_of(BOUGHT[0], imported, fill(8, "core", "AAA", D(-5), D(10), START + 2 * DAY))
    assert [(c.id, c.quantity, c.realised, c.term) for c in tax_lots(view).closed] == [
        ("b5", D(4), D(28), "long"), ("x1", D(1), D(0), "short"),
    ]  # fmt: skip


def test_lots_as_of_a_moment_know_nothing_later() -> None:
    view = view_of(*BOUGHT, fill(3, "core", "AAA", D(-30), D(50), START + DAY))
    assert [p.id for p in tax_lots(view, as_of=START).open()] == ["x1", "x2"]
    assert tax_lots(view).open() == []


def test_a_price_with_many_digits_loses_none() -> None:
    price, units = D("123456789.123456789"), D("98765432.123456789")
    lots = tax_lots(view_of(fill(1, "core", "AAA", units, price, START), fill(2, "core", "AAA", -units, D(1), START)))
    (closed,) = lots.closed
    assert Fraction(closed.cost) == Fraction(price) * Fraction(units)


def test_currencies_stay_apart_and_a_pair_that_is_money_is_no_lot() -> None:
    euro = Instrument("SAP", currency="EUR", venue="XETR")
    pair = Instrument("EURUSD", AssetClass.FX, lot=D("0.01"), tick=D("0.0001"))
    NAMES.update(SAP=euro, EURUSD=pair)
    try:
        lines = [("cash", {"book": "core", "amount": "50", "currency": "EUR", "at": iso(START)}),
                 fill(1, "core", "EURUSD", D(1000), D("1.1"), START, "0"),
                 fill(2, "core", "SAP", D(5), D(100), START, "0")]  # fmt: skip
    finally:
        del NAMES["SAP"], NAMES["EURUSD"]
    view = view_of(*lines)
    assert [(p.instrument.symbol, p.instrument.currency, p.cost) for p in tax_lots(view).open()] == [
        ("SAP", "EUR", D(500))
    ]
    assert dict(view.account("core").balances) == {"EUR": D(550)}


def test_what_is_closed_says_what_it_brought_after_fees() -> None:
    closed = Closed("x", "core", NAMES["AAA"], D(1), START, START, D(10), D(15), D(2), "trade", "y")
    assert (closed.realised, closed.net) == (D(5), D(3))
    assert TaxLots().open() == []
    assert Decimal(0) == sum((c.net for c in TaxLots().closed), D(0))
