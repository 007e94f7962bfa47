"""What corporate actions do to lots and positions; amounts are those of published examples, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from aura_lib.core import Booking, BookingKind, InputError, decode, encode
from aura_lib.ledger import AccountView
from aura_lib.ledger.accounting import tax_lots
from tests.ledger.journals import NAMES, START, D, Line, booking, entries, fill

DAY = timedelta(days=1)
OLD, NEW = NAMES["AAA"], NAMES["BBB"]
CENT = D("0.01")


def view_of(*lines: Line) -> AccountView:
    return AccountView("paper").apply(entries(lines))


def action(kind: BookingKind, cash: str = "0", number: int = 50, **more: Any) -> Line:
    return booking(number, kind, D(cash), START + DAY, **{"instrument": OLD, "book": "core", **more})


def bought(units: str, price: str, number: int = 1) -> Line:
    return fill(number, "core", "AAA", D(units), D(price), START + number * timedelta(hours=1), "0")


def costs(view: AccountView) -> dict[str, list[tuple[Decimal, Decimal]]]:
    found: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for lot in tax_lots(view).open():
        found.setdefault(lot.instrument.symbol, []).append((lot.quantity, lot.cost))
    return found


def gains(view: AccountView) -> list[Decimal]:
    return [closed.realised for closed in tax_lots(view).closed]


def positions_say_the_same(view: AccountView) -> None:
    """Where there is one lot a symbol, what a position costs and gained is what its lots say."""
    lots, near = tax_lots(view), Fraction(1, 10**12)
    for symbol, position in view.account("core").positions.items():
        held = [lot for lot in lots.open("core") if lot.instrument.symbol == symbol]
        gained = sum((Fraction(c.realised) for c in lots.gone("core") if c.instrument.symbol == symbol), Fraction(0))
        assert Fraction(position.quantity) == sum((Fraction(lot.quantity) for lot in held), Fraction(0))
        cost = sum((Fraction(lot.cost) for lot in held), Fraction(0))
        assert abs(Fraction(position.quantity) * Fraction(position.average_cost) - cost) < near
        assert abs(Fraction(position.realised) - gained) < near


def test_a_stock_dividend_spreads_the_cost_and_its_fraction_is_sold() -> None:
    """IRS Publication 550, "Fractional shares": one share of 100, a dividend of 5 % that is paid out with 10."""
    view = view_of(
        bought("1", "100"),
        action(BookingKind.STOCK_DIVIDEND, quantity=D("0.05")),
        action(BookingKind.CASH_IN_LIEU, "10", 51, quantity=D("-0.05")),
    )
    ((units, cost),) = costs(view)["AAA"]
    assert (units, cost.quantize(CENT)) == (D(1), D("95.24"))
    assert [gain.quantize(CENT) for gain in gains(view)] == [D("5.24")]
    positions_say_the_same(view)


def test_capital_that_comes_back_lowers_the_cost_to_nothing_and_then_is_a_gain() -> None:
    """IRS Publication 550, "Nondividend distributions": stock of 100, first 80 and later 30 come back."""
    first = [bought("1", "100"), action(BookingKind.RETURN_OF_CAPITAL, "80")]
    assert costs(view_of(*first)) == {"AAA": [(D(1), D(20))]}
    view = view_of(*first, action(BookingKind.RETURN_OF_CAPITAL, "30", 51))
    assert (costs(view), gains(view)) == ({"AAA": [(D(1), D(0))]}, [D(10)])
    assert (view.account("core").cash, view.account("core").income) == (D(10), D(0))  # -100 + 80 + 30, no income
    positions_say_the_same(view)


def test_capital_comes_back_to_every_lot_by_its_units() -> None:
    view = view_of(bought("10", "1"), bought("30", "5", 2), action(BookingKind.RETURN_OF_CAPITAL, "80"))
    assert costs(view) == {"AAA": [(D(10), D(0)), (D(30), D(90))]}  # 2 a unit: 20 on what cost 10, 60 on 150
    assert gains(view) == [D(10)]


@pytest.mark.parametrize(("cost", "gain", "new_cost"), [("85", "75", "85"), ("200", "0", "125"), ("110", "65", "100")])
def test_the_cash_of_a_merger_is_a_gain_as_far_as_there_is_one_and_a_loss_is_none(
    cost: str, gain: str, new_cost: str
) -> None:
    """Treasury Regulation §1.356-1(c): stock worth 100 and 75 besides for stock that cost 85; 200; 110 by hand."""
    told = action(BookingKind.MERGER, "75", quantity=D(-1), delivered=NEW, units=D(2), price=D(50))
    view = view_of(bought("1", cost), told)
    assert costs(view) == {"BBB": [(D(2), D(new_cost))]}
    assert gains(view) == ([D(gain)] if D(gain) else [])
    positions_say_the_same(view)


def test_each_lot_of_a_merger_has_its_own_gain() -> None:
    """Revenue Ruling 68-23: a loss on one block does not lower the gain on another."""
    told = action(BookingKind.MERGER, "100", quantity=D(-20), delivered=NEW, units=D(20), price=D(20))
    view = view_of(bought("10", "10"), bought("10", "40", 2), told)  # a unit brings 20 and 5 in cash
    assert costs(view) == {"BBB": [(D(10), D(100)), (D(10), D(350))]}
    assert gains(view) == [D(50)]
    assert [lot.opened for lot in tax_lots(view).open()] == [START + timedelta(hours=n) for n in (1, 2)]


def test_a_spin_off_divides_what_every_lot_cost_and_its_fraction_is_sold() -> None:
    """As IBM spun off Kyndryl in 2021: one for five, 4.2 % of the cost by Form 8937; 227 shares at 28, 0.4 paid out."""
    view = view_of(
        bought("227", "28"),
        action(BookingKind.SPIN_OFF, delivered=NEW, units=D("45.4"), basis=D("0.042")),
        booking(51, BookingKind.CASH_IN_LIEU, D("8.18"), START + DAY, instrument=NEW, quantity=D("-0.4"), book="core"),
    )
    assert costs(view) == {"AAA": [(D(227), D("6089.048"))], "BBB": [(D(45), D("264.6"))]}
    assert gains(view) == [D("5.828")]  # 8.18 - 266.952 * 0.4 / 45.4
    assert {lot.opened for lot in tax_lots(view).open()} == {START + timedelta(hours=1)}
    positions_say_the_same(view)


def test_what_was_spun_off_is_as_old_as_what_it_came_from() -> None:
    told = action(BookingKind.SPIN_OFF, delivered=NEW, units=D(3), basis=D("0.25"))
    sold = fill(9, "core", "BBB", D(-3), D(10), START + 367 * DAY, "0")  # a year and a day, 2024 is a leap year
    (closed,) = tax_lots(view_of(bought("3", "8"), told, sold)).closed
    assert (closed.realised, closed.term) == (D(24), "long")


def test_a_reverse_split_with_cash_in_lieu_keeps_cost_and_date() -> None:
    """One for ten of 25 that cost 100: 2.5, of which 2 stay with 80, and 0.5 that cost 20 is paid out with 30."""
    view = view_of(
        bought("25", "4"),
        action(BookingKind.SPLIT, quantity=D("-22.5")),
        action(BookingKind.CASH_IN_LIEU, "30", 51, quantity=D("-0.5")),
    )
    assert (costs(view), gains(view)) == ({"AAA": [(D(2), D(80))]}, [D(10)])
    positions_say_the_same(view)


def test_a_new_symbol_keeps_cost_and_date() -> None:
    view = view_of(bought("5", "4"), action(BookingKind.SYMBOL_CHANGE, quantity=D(-5), delivered=NEW, units=D(5)))
    assert costs(view) == {"BBB": [(D(5), D(20))]}
    positions_say_the_same(view)


@pytest.mark.parametrize("left", ["0", "3"])
def test_what_is_delisted_is_a_loss_of_all_it_cost_but_what_is_left(left: str) -> None:
    view = view_of(bought("5", "4"), action(BookingKind.DELISTING, left, quantity=D(-5)))
    assert (costs(view), gains(view), view.account("core").holdings) == ({}, [D(left) - 20], {})
    positions_say_the_same(view)


def test_who_is_short_pays_capital_back_and_owes_what_is_spun_off() -> None:
    view = view_of(
        bought("-10", "20"),
        action(BookingKind.RETURN_OF_CAPITAL, "-30"),
        action(BookingKind.SPIN_OFF, "0", 51, delivered=NEW, units=D(-2), basis=D("0.1")),
    )
    assert costs(view) == {"AAA": [(D(-10), D(-153))], "BBB": [(D(-2), D(-17))]}
    positions_say_the_same(view)


@pytest.mark.parametrize("method", ["fifo", "average"])
def test_every_action_leaves_what_was_paid_and_gained_in_the_account(method: str) -> None:
    """Cash, and holdings at cost, are what was paid in and what was gained, after each."""
    lines = [("cash", {"book": "core", "amount": "10000"}), bought("100", "10"), bought("50", "30", 2)]
    steps = [
        action(BookingKind.STOCK_DIVIDEND, quantity=D(15)),
        action(BookingKind.RETURN_OF_CAPITAL, "33", 51),
        action(BookingKind.SPIN_OFF, "0", 52, delivered=NEW, units=D(55), basis=D("0.3")),
        action(BookingKind.SPLIT, "0", 53, quantity=D(-110)),
        action(BookingKind.MERGER, "700", 54, quantity=D(-55), delivered=NEW, units=D(20), price=D(17)),
        booking(55, BookingKind.DELISTING, D(1), START + DAY, instrument=NEW, quantity=D(-75), book="core"),
    ]
    for count in range(len(steps) + 1):
        view = view_of(*lines, *steps[:count])  # type: ignore[arg-type]
        lots = tax_lots(view, method=method)
        at_cost = sum((Fraction(lot.cost) for lot in lots.open()), Fraction(0))
        gained = sum((Fraction(c.realised) for c in lots.closed), Fraction(0))
        assert abs(Fraction(view.account("core").cash) + at_cost - 10_000 - gained) < Fraction(1, 10**20), count
        assert view.unbooked == []


def test_what_the_whole_account_is_told_of_goes_to_its_books_by_what_they_hold() -> None:
    lines = [fill(1, "core", "AAA", D(30), D(10), START, "0"), fill(2, "swing", "AAA", D(10), D(10), START, "0")]
    told = booking(3, BookingKind.SPIN_OFF, D(0), START, instrument=OLD, delivered=NEW, units=D(2), basis=D("0.5"))
    view = view_of(*lines, told, booking(4, BookingKind.RETURN_OF_CAPITAL, D(4), START, instrument=OLD))
    assert [view.account(b).quantity("BBB") for b in ("core", "swing", None)] == [D("1.5"), D("0.5"), D(2)]
    assert [view.account(b).cash for b in ("core", "swing")] == [D(-297), D(-99)]
    assert view.unbooked == []


def test_an_action_on_what_is_not_held_is_kept_aside_and_changes_nothing() -> None:
    for told in (
        action(BookingKind.RETURN_OF_CAPITAL, "5"),
        action(BookingKind.SPIN_OFF, delivered=NEW, units=D(5), basis=D("0.5")),
        action(BookingKind.STOCK_DIVIDEND, quantity=D(5)),
        action(BookingKind.DELISTING, quantity=D(-5)),
    ):
        view = view_of(told)
        assert len(view.unbooked) == 1 and view.account().holdings == {} and view.account().cash == 0


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("spin_off", {"delivered": NEW, "units": D(5)}, "basis, the part of the cost"),
        ("spin_off", {"delivered": NEW, "units": D(5), "basis": D(2)}, "from 0 to 1"),
        ("spin_off", {"basis": D("0.5")}, "needs what is delivered"),
        ("spin_off", {"quantity": D(1), "delivered": NEW, "units": D(5), "basis": D(1)}, "changes cash only"),
        ("return_of_capital", {"instrument": None}, "needs the instrument"),
        ("dividend", {"basis": D("0.5")}, "basis, the part of the cost"),
        ("merger", {"quantity": D(-1), "price": D(5)}, "no price of its own"),
        ("merger", {"quantity": D(-1), "delivered": NEW, "units": D(1), "price": D(-5)}, "need what one cost"),
        ("delisting", {}, "needs an instrument and a quantity"),
    ],
)
def test_an_action_that_says_too_little_or_too_much_is_refused(kind: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Booking("b", BookingKind(kind), D(1), "USD", START, **{"instrument": OLD, **given})


def test_a_booking_of_before_there_were_spin_offs_is_read_as_it_was() -> None:
    told = encode(Booking("b", BookingKind.DIVIDEND, D(1), "USD", START, OLD))
    del told["basis"]
    assert decode(Booking, told) == Booking("b", BookingKind.DIVIDEND, D(1), "USD", START, OLD)


@pytest.mark.parametrize(
    ("opened", "sold", "term"),
    [
        ("2023-03-01", "2024-03-01", "short"),  # 366 days, and yet one year: the leap day is in it
        ("2023-03-01", "2024-03-02", "long"),
        ("2024-02-29", "2025-02-28", "short"),
        ("2024-02-29", "2025-03-01", "long"),
        ("2022-01-03", "2023-01-03", "short"),
        ("2022-01-03", "2023-01-04", "long"),
    ],
)
def test_more_than_a_year_is_counted_by_the_calendar(opened: str, sold: str, term: str) -> None:
    """IRS Publication 550, "Holding period": it begins on the day after; one year ends on the same date."""
    first, last = (datetime.fromisoformat(day).replace(hour=15, tzinfo=UTC) for day in (opened, sold))
    view = view_of(
        fill(1, "core", "AAA", D(1), D(20), first),
        fill(2, "core", "AAA", D(-1), D(30), last),
        fill(3, "core", "BBB", D(-1), D(20), first),
        fill(4, "core", "BBB", D(1), D(10), last),
    )
    assert [c.term for c in tax_lots(view).closed] == [term, "short"]  # what closes a short sale is short-term
