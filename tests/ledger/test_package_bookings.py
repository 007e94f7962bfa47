"""What becomes of the legs of a spread, in the ledger: positions, cash and gain, worked out by hand.

The rules are those of the Options Clearing Corporation (an assigned call delivers a hundred shares at its strike, an
exercised put does, an index is settled in cash) and of the tax office (Publication 550, 2024: premiums belong to the
shares that are delivered).
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from aura_lib.core import AssetClass, Booking, BookingKind, Fill, Instrument, Intent, Order, OrderStatus, encode, utc
from aura_lib.ledger import AccountView, Entry
from aura_lib.ledger.accounting import tax_lots
from tests.options import C105, C110, DEBIT, P90, P95, SHARE

D = Decimal
AT = utc("2021-01-04T21:00:00+00:00")


class Book:
    """A ledger that is written by hand."""

    def __init__(self) -> None:
        self.view, self.n = AccountView("paper"), 0
        self.write("cash", {"book": "m", "amount": "20000", "key": "in", "why": ""})
        wish = Intent.of_legs(DEBIT, D(1), D("0.60"))
        self.write("order", {"order": encode(Order("one", "paper", "m", "b", 0, 1, wish, AT, OrderStatus.ACCEPTED))})

    def write(self, kind: str, body: dict[str, Any]) -> None:
        self.n += 1
        self.view.apply([Entry(self.n, "paper", self.n, "", kind, None, body, "")])

    def fill(self, instrument: Instrument, units: int, price: str) -> None:
        side = "buy" if units > 0 else "sell"
        name = f"f{self.n}"
        told = Fill(name, f"one/{instrument.symbol}", "paper", "m", instrument, side, D(abs(units)), D(price), D(0), AT)  # type: ignore[arg-type]
        self.write("fill", {"fill": encode(told), "cursor": name})

    def end(self, kind: BookingKind, option: Instrument, units: int, cash: str, shares: int = 0, day: int = 5) -> None:
        at, name = AT + timedelta(days=day), f"b{self.n}"
        delivered = (SHARE, D(shares)) if shares else (None, D(0))
        told = Booking(name, kind, D(cash), "USD", at, option, D(units), "", *delivered)
        self.write("booking", {"booking": encode(told), "cursor": name})

    @property
    def held(self) -> dict[str, Decimal]:
        return dict(self.view.account("m").holdings)


def spread() -> Book:
    """The call of 105 for 1.40 and that of 110 written for 0.80: 60 paid."""
    book = Book()
    book.fill(C105, 1, "1.40")
    book.fill(C110, -1, "0.80")
    assert book.view.account("m").cash == 19_940
    return book


def test_both_legs_expire_worthless_and_what_was_paid_is_lost() -> None:
    book = spread()
    book.end(BookingKind.EXPIRY, C105, -1, "0")
    book.end(BookingKind.EXPIRY, C110, 1, "0")
    assert (book.held, book.view.account("m").cash, book.view.unbooked) == ({}, 19_940, [])
    assert sum(lot.realised for lot in tax_lots(book.view).closed) == -60


def test_the_written_leg_is_assigned_early_and_the_other_stays_until_it_is_exercised() -> None:
    book = spread()
    book.end(BookingKind.ASSIGNMENT, C110, 1, "11000", -100, day=2)  # a hundred shares are owed, 110 was paid for each
    assert book.held == {C105.symbol: 1, "AAA": -100} and book.view.account("m").cash == 30_940
    book.end(BookingKind.EXERCISE, C105, -1, "-10500", 100, day=3)
    assert (book.held, book.view.account("m").cash, book.view.unbooked) == ({}, 20_440, [])  # 500 of width less 60
    assert sum(lot.realised for lot in tax_lots(book.view).closed) == 440


def test_an_exercised_put_and_an_assigned_one_meet_in_the_shares() -> None:
    book = Book()
    book.fill(P95, 1, "1.10")
    book.fill(P90, -1, "0.60")
    book.end(BookingKind.ASSIGNMENT, P90, 1, "-9000", 100)
    assert book.held == {P95.symbol: 1, "AAA": 100}
    book.end(BookingKind.EXERCISE, P95, -1, "9500", -100)
    assert (book.held, book.view.account("m").cash) == ({}, 20_450)  # 500 less the 50 paid
    assert sum(lot.realised for lot in tax_lots(book.view).closed) == 450


def test_a_spread_on_an_index_is_settled_in_cash() -> None:
    words = {"multiplier": D(100), "underlying": "NDX", "expiry": C105.expiry, "right": C105.right}
    low, high = (Instrument(f"NDX{k}", AssetClass.OPTION, strike=D(k), **words) for k in (15_000, 15_100))  # type: ignore[arg-type]
    book = Book()
    book.fill(low, 1, "80")
    book.fill(high, -1, "40")
    book.end(BookingKind.EXERCISE, low, -1, "20000")  # settled at 15,200
    book.end(BookingKind.ASSIGNMENT, high, 1, "-10000")
    assert (book.held, book.view.account("m").cash) == ({}, 20_000 - 4_000 + 10_000)
    assert sum(lot.realised for lot in tax_lots(book.view).closed) == 6_000


def test_an_assignment_of_more_than_is_written_is_not_booked_and_told() -> None:
    book = spread()
    book.end(BookingKind.ASSIGNMENT, C110, 2, "22000", -200)
    assert book.held == {C105.symbol: 1, C110.symbol: -1} and len(book.view.unbooked) == 1
