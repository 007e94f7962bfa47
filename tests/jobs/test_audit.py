"""The audit adds up every currency of every book, whatever happened to it, and says what no book could take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import AssetClass, BookingKind, Instrument, iso
from aura_lib.execution import Terms, open_account
from aura_lib.jobs import audit as room
from aura_lib.jobs.audit import audit
from aura_lib.ledger import Ledger
from tests.ledger.journals import NAMES, START, D, Line, booking, fill, random_journal

SAP = Instrument("SAP", currency="EUR", venue="XETR")
PAIR = Instrument("EURUSD", AssetClass.FX, lot=D("0.01"), tick=D("0.0001"))


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setattr(room, "_prices", lambda *_: {"AAA": D(7)})  # the rest has none, and counts at cost
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        open_account(opened, Terms("paper"))
        yield opened


def write(ledger: Ledger, *lines: Line) -> None:
    with ledger.write() as connection:
        ledger.journal.append_many_in(connection, "paper", [(kind, body, None) for kind, body in lines])


def traded(number: int, instrument: Instrument, units: str, price: str) -> Line:
    NAMES[instrument.symbol] = instrument
    try:
        return fill(number, "core", instrument.symbol, D(units), D(price), START, "1.5")
    finally:
        del NAMES[instrument.symbol]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_it_adds_up(ledger: Ledger, seed: int) -> None:
    write(ledger, *random_journal(seed, 300))
    found = audit(ledger)
    assert found.ok and {b.book for b in found.books} >= {"core", "swing", "hedge"}


def test_every_currency_adds_up_by_itself(ledger: Ledger) -> None:
    paid: list[Line] = [
        ("cash", {"book": "core", "amount": amount, "currency": currency, "at": iso(START)})
        for amount, currency in (("9000", "USD"), ("5000", "EUR"))
    ]
    convert = booking(3, BookingKind.CONVERSION, D(-110), START, instrument=PAIR, quantity=D(100), book="core")
    write(
        ledger,
        *paid,
        traded(1, SAP, "20", "101"),
        traded(2, SAP, "-5", "111"),
        traded(4, PAIR, "1000", "1.12"),
        convert,
    )
    found = audit(ledger)
    assert found.ok, found.line()
    told = {b.currency: b for b in found.books}
    assert (told["EUR"].cash, told["EUR"].realised, told["EUR"].fees) == (D("4632"), D(50), D(3))
    assert told["EUR"].paid_in == D(5000) + 1000 + 100 and told["USD"].cash == D(9000) - 1120 - D("1.5") - 110
    assert "holds in 1 book(s)" in found.line()


def test_corporate_actions_add_up(ledger: Ledger) -> None:
    more = {"book": "core"}
    old, new = NAMES["AAA"], NAMES["BBB"]
    write(
        ledger,
        fill(1, "core", "AAA", D(100), D(10), START),
        booking(2, BookingKind.RETURN_OF_CAPITAL, D(1500), START, instrument=old, **more),
        fill(3, "core", "AAA", D(100), D(10), START),
        booking(4, BookingKind.SPIN_OFF, D(0), START, instrument=old, delivered=new, units=D(40),
                basis=D("0.2"), **more),
        booking(5, BookingKind.MERGER, D(800), START, instrument=old, quantity=D(-200), delivered=new, units=D(10),
                price=D(9), **more),
        booking(6, BookingKind.DELISTING, D(0), START, instrument=new, quantity=D(-50), **more),
    )  # fmt: skip
    found = audit(ledger)
    assert found.ok and [b.cash for b in found.books] == [D(-2) - 2000 + 1500 + 800]


def test_what_no_book_could_take_is_told(ledger: Ledger) -> None:
    write(ledger, booking(1, BookingKind.EXPIRY, D(0), START, instrument=NAMES["AAA"], quantity=D(-5), book="core"))
    found = audit(ledger)
    assert found.unbooked == ("paper: book core holds 0 AAA: 5 cannot leave it",)
    assert "Waiting for a person, since no book could take it: paper: book core holds 0 AAA" in found.line()


def test_a_wrong_sum_is_not_passed_over() -> None:
    zero = Decimal(0)
    wrong = room.Sums("paper", "core", "EUR", D(5), zero, D(4), zero, zero, zero)
    assert not wrong.ok and room.Sums("paper", "core", "EUR", D(5), zero, D(5), zero, zero, zero).ok


def test_times_of_the_journal_are_not_needed_to_add_up(ledger: Ledger) -> None:
    late = datetime.fromisoformat("2020-01-02T15:00:00+00:00")
    write(ledger, fill(1, "core", "AAA", D(1), D(5), START), fill(2, "core", "AAA", D(1), D(6), late))
    assert audit(ledger).ok
