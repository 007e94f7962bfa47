"""The view of an account: fed at once or piece by piece it is the same, and it is what a slow computation says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Account, BookingKind, LedgerError, iso
from aura_lib.ledger import AccountView
from aura_lib.ledger.views import course
from tests.ledger.journals import BOOKS, NAMES, START, D, Line, booking, entries, fill, random_journal
from tests.oracle.plain_account import WHOLE, Book, books_of

NEAR = Fraction(1, 10**12)


def view_of(lines: list[Line]) -> AccountView:
    return AccountView("paper").apply(entries(lines))


def same(account: Account, book: Book) -> None:
    assert (Fraction(account.cash), Fraction(account.fees)) == (book.cash, book.fees)
    assert Fraction(account.income) == book.income
    assert {s: Fraction(q) for s, q in account.holdings.items()} == {
        s: h.units for s, h in book.held.items() if h.units
    }
    for symbol, position in account.positions.items():
        held = book.held[symbol]
        assert abs(Fraction(position.average_cost) - held.cost) < NEAR
        assert abs(Fraction(position.realised) - held.gained) < NEAR * 1_000


@pytest.mark.parametrize("seed", range(6))
def test_every_book_and_the_whole_account_are_what_fractions_say(seed: int) -> None:
    lines = random_journal(seed, 400)
    view, plain = view_of(lines), books_of(lines)
    assert view.unbooked == []
    same(view.account(), plain.pop(WHOLE))
    assert set(view.cash) == set(plain)
    for name, book in plain.items():
        same(view.account(name), book)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 150), max_size=5), hour=st.integers(-5, 160))
def test_fed_piece_by_piece_it_is_the_view_that_was_rebuilt(seed: int, cuts: list[int], hour: int) -> None:
    lines = random_journal(seed, 150)
    all_entries, moment = list(entries(lines)), START + timedelta(hours=hour)
    pieces, start = AccountView("paper"), 0
    for cut in [*sorted(c for c in cuts if c <= len(lines)), len(lines)]:
        pieces.apply(all_entries[start:cut])
        pieces.account("core", moment), pieces.account()  # asking in between changes nothing
        start = max(start, cut)
    rebuilt = view_of(lines)
    for book in (None, *BOOKS):
        assert pieces.account(book) == rebuilt.account(book)
        assert pieces.account(book, moment) == rebuilt.account(book, moment)
    assert (pieces.fills, pieces.events, pieces.cash) == (rebuilt.fills, rebuilt.events, rebuilt.cash)


@pytest.mark.parametrize("seed", range(3))
def test_a_book_as_it_stood_at_any_moment_knows_what_came_late_and_nothing_after(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "STEP", 16)
    monkeypatch.setattr(course, "MARKS", 8)  # marks are made and thinned out many times
    lines = [line for line in random_journal(seed, 500) if not _shared(line) and not _moved(line)]
    view = view_of(lines)
    for hour in range(-3, 510, 37):
        moment = START + timedelta(hours=hour)
        plain = books_of(lines, iso(moment))
        for book in BOOKS:
            same(view.account(book, moment), plain.get(book, Book()))
        same(view.account(None, moment), plain[WHOLE])


def _shared(line: Line) -> bool:
    """What several books share is shared by what they held when it was written, not by what they held as of then."""
    return line[0] == "booking" and not line[1]["booking"]["book"]


def _moved(line: Line) -> bool:
    """What units cost on their way from book to book is what was known when they went."""
    return line[0] == "transfer" and line[1]["transfer"]["instrument"] is not None


def test_a_busted_fill_is_as_if_it_had_never_been() -> None:
    lines = [line for line in random_journal(3, 300) if not _shared(line) and not _moved(line)]
    fills = [body["fill"] for kind, body in lines if kind == "fill"]
    for victim in (fills[0], fills[len(fills) // 2], fills[-1]):
        told = {"execution_id": victim["execution_id"], "why": "the venue took it back"}
        view, without = view_of([*lines, ("bust", told)]), books_of([*lines, ("bust", told)])
        same(view.account(victim["book"]), without[victim["book"]])
        same(view.account(), without[WHOLE])
        assert victim["execution_id"] not in {f.execution_id for f in view.fills}
        assert len(view.fills) == len(fills) - 1


def test_a_bust_of_a_fill_nobody_knows_changes_nothing() -> None:
    lines = [fill(1, "core", "AAA", D(5), D(10), START)]
    assert view_of([*lines, ("bust", {"execution_id": "other", "why": ""})]).account() == view_of(lines).account()


def test_a_fact_that_no_book_can_take_is_kept_aside_and_the_rest_is_booked() -> None:
    split = booking(1, BookingKind.SPLIT, D(0), START, instrument=NAMES["BBB"], quantity=D(5), book="core")
    view = view_of([split, fill(2, "core", "AAA", D(5), D(10), START)])
    assert view.account("core").holdings == {"AAA": D(5)}
    ((_, why),) = view.unbooked
    assert "a split cannot turn 0 units into 5" in why


def test_what_could_not_be_booked_for_want_of_a_fill_is_booked_when_it_comes() -> None:
    end = booking(1, BookingKind.EXPIRY, D(0), START, instrument=NAMES["AAA"], quantity=D(-5), book="core")
    view = view_of([end])
    assert [why for _, why in view.unbooked] == ["book core holds 0 AAA: 5 cannot leave it"]
    view.apply(list(entries([end, fill(2, "core", "AAA", D(5), D(10), START)]))[1:])
    assert (view.unbooked, view.account("core").holdings) == ([], {})


def test_a_dividend_of_the_account_is_shared_by_what_its_books_hold_to_the_cent() -> None:
    lines = [fill(1, "core", "AAA", D(2), D(10), START, "0"), fill(2, "swing", "AAA", D(1), D(10), START, "0")]
    view = view_of([*lines, booking(3, BookingKind.DIVIDEND, D("0.10"), START, instrument=NAMES["AAA"])])
    assert (view.account("core").income, view.account("swing").income) == (D("0.07"), D("0.03"))
    assert view.account().income == D("0.10")


def test_a_split_of_the_account_gives_each_book_whole_units_that_add_up() -> None:
    lines = [fill(1, "core", "AAA", D(7), D(10), START), fill(2, "swing", "AAA", D(3), D(10), START)]
    view = view_of([*lines, booking(3, BookingKind.SPLIT, D(0), START, instrument=NAMES["AAA"], quantity=D(5))])
    held = [view.account(book).quantity("AAA") for book in ("core", "swing", None)]
    assert held in ([D(10), D(5), D(15)], [D(11), D(4), D(15)])
    assert all(units % 1 == 0 for units in held)


def test_money_that_comes_counts_from_then_on_and_in_old_ledgers_since_ever() -> None:
    later = START + timedelta(days=9)
    view = view_of([("cash", {"book": "core", "amount": "5", "request": 1}),
                    ("cash", {"book": "core", "amount": "7", "request": 2, "at": iso(later)})])  # fmt: skip
    assert [view.account("core", t).cash for t in (START, later)] == [D(5), D(12)]
    assert (view.opening("core").cash, view.request) == (D(12), 2)


def test_what_happens_in_another_currency_opens_a_balance_in_it() -> None:
    lines = [("cash", {"book": "core", "amount": "5", "currency": "EUR", "at": iso(START)})]
    account = view_of([*lines]).account()
    assert (account.cash, dict(account.balances)) == (D(0), {"EUR": D(5)})
    assert account.equity({"EURUSD": D("1.1")}) == D("5.5")


def test_an_entry_of_a_later_aura_is_not_passed_over() -> None:
    with pytest.raises(LedgerError, match="unknown kind 'sorcery'; upgrade Aura"):
        view_of([("sorcery", {})])


def test_the_work_of_a_question_does_not_grow_with_the_number_of_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    booked = [0]
    book = course._book
    monkeypatch.setattr(course, "_book", lambda *given: (booked.__setitem__(0, booked[0] + 1), book(*given)))
    for count in (2_000, 8_000):
        lines = [fill(n, "core", "AAA", D(1), D(10), START + timedelta(seconds=n)) for n in range(count)]
        view = view_of(lines)
        booked[0] = 0
        assert view.account("core").quantity("AAA") == count
        assert booked[0] == 0
        assert view.account("core", START + timedelta(seconds=count - 5)).quantity("AAA") == count - 4
        assert booked[0] <= course.STEP
    assert Decimal(count) == view.account().quantity("AAA")
