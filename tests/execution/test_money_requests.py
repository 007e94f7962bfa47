"""Money and holdings that people ask for: written by the desk, known to the venue, refused with the reason."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import Instrument, encode, iso
from aura_lib.ledger.accounting import tax_lots
from tests.execution.conftest import Floor

D = Decimal
numbers = itertools.count(1)


def ask(floor: Floor, kind: str, **body: Any) -> str:
    """Ask, let a desk answer, and give its refusal, if it refused."""
    key = f"{kind}:{next(numbers)}"
    floor.ledger.inbox.ask("paper", kind, {"who": "me", "reason": "test", **body}, key)
    desk = floor.desk(5)
    while desk.cycle():
        pass
    entry = floor.ledger.journal.find("paper", key)
    assert entry is not None
    agrees(floor)
    return str(entry.body.get("why", "")) if entry.kind == "request.refused" else ""


def agrees(floor: Floor) -> None:
    """Ledger and venue were compared, and nothing was found."""
    assert (floor.view().drift, floor.view().unbooked) == ("", [])
    assert floor.view().reconciled is not None


def row(symbol: str, quantity: str, price: str, acquired: str = "2019-03-04T00:00:00+00:00") -> dict[str, Any]:
    return {"instrument": encode(Instrument(symbol)), "quantity": quantity, "price": price, "acquired": acquired}


def venue(floor: Floor) -> tuple[Decimal, dict[str, Decimal]]:
    broker = floor.broker_of(floor.desk(5).seat.clock)
    told = broker.snapshot()
    broker.close()
    return told.cash, {s: h.quantity for s, h in told.holdings.items()}


def test_money_moves_between_books_and_the_venue_does_not_notice(floor: Floor) -> None:
    assert ask(floor, "transfer", **{"from": "m", "to": "new", "amount": "40000"}) == ""
    view = floor.view()
    assert [view.account(b).cash for b in ("m", "new", None)] == [D(60_000), D(40_000), D(100_000)]
    assert venue(floor) == (D(100_000), {})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"from": "m", "to": "new", "amount": "100000.01"}, "book m has 100000 USD"),
        ({"from": "m", "to": "new", "amount": "-5"}, "book m has 100000 USD"),
        ({"from": "m", "to": "new", "amount": "NaN"}, "amount must be a number other than zero"),
        ({"from": "m", "to": "new", "amount": "much"}, "amount must be a number, not 'much'"),
        ({"from": "x", "to": "new", "amount": "5"}, "account paper has no book 'x'; books: m"),
        ({"from": "m", "to": "a b", "amount": "5"}, "a book is named with letters"),
        ({"from": "m", "to": "m", "amount": "5"}, "a transfer needs two books"),
        ({"from": "m", "to": "new", "symbol": "AAA", "quantity": "5"}, "book m holds no AAA"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_with_the_reason(floor: Floor, body: dict[str, Any], why: str) -> None:
    assert why in ask(floor, "transfer", **body)
    assert floor.view().account("m").cash == D(100_000)


def test_what_an_account_had_before_comes_with_its_lots_and_the_venue_has_it_too(floor: Floor) -> None:
    held = [row("AAA", "10", "80"), row("AAA", "5", "90.5", "2020-01-02T00:00:00+00:00"), row("BBB", "3", "0")]
    assert ask(floor, "import", book="old", positions=held, cash="1234.56") == ""
    view = floor.view()
    assert view.account("old").cash == D("1234.56")
    assert view.account("old").positions["AAA"].average_cost == D("83.5")
    assert [(p.quantity, p.cost, f"{p.opened:%Y-%m-%d}") for p in tax_lots(view).open("old")] == [
        (D(10), D(800), "2019-03-04"), (D(5), D("452.5"), "2020-01-02"), (D(3), D(0), "2019-03-04"),
    ]  # fmt: skip
    assert venue(floor) == (D("101234.56"), {"AAA": D(15), "BBB": D(3)})


def test_a_desk_that_died_before_the_venue_was_told_tells_it_at_its_start_and_only_once(floor: Floor) -> None:
    ask(floor, "import", book="old", positions=[row("AAA", "10", "80")], cash="5")
    (floor.home / "brokers" / "paper.db").unlink()  # as if the venue had never heard
    for _ in range(2):
        assert venue(floor) == (D(100_005), {"AAA": D(10)})


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ([row("AAA", "0", "80")], "quantity must be a number other than zero"),
        ([row("AAA", "-5", "1")], "below zero, which a simulated account cannot hold"),
        ([row("AAA", "5", "-1")], "what a unit cost is not negative"),
        ([row("AAA", "5", "8", "2029-01-01T00:00:00+00:00")], "is later than"),
        ([row("AAA", "5", "8", "2019-01-01")], "has no time zone"),
    ],
)
def test_an_import_that_cannot_be_writes_nothing(floor: Floor, held: list[dict[str, Any]], why: str) -> None:
    assert why in ask(floor, "import", book="old", positions=held)
    assert "old" not in floor.view().cash


def test_units_go_to_another_book_with_the_lots_that_were_chosen(floor: Floor) -> None:
    ask(floor, "import", book="old", positions=[row("AAA", "10", "80"), row("AAA", "5", "90")])
    cheap, dear = (lot.id for lot in tax_lots(floor.view()).open("old"))
    wish = {"from": "old", "to": "m", "symbol": "AAA", "quantity": "4"}
    assert "no 6 AAA of lot" in ask(floor, "transfer", **wish, lots=[{"lot": dear, "quantity": "6"}])
    assert "16 cannot leave it" in ask(floor, "transfer", **{**wish, "quantity": "16"})
    assert ask(floor, "transfer", **wish, lots=[{"lot": dear, "quantity": "4"}]) == ""
    assert [(p.book, p.id, p.quantity) for p in tax_lots(floor.view()).open()] == [
        ("old", cheap, D(10)), ("old", dear, D(1)), ("m", dear, D(4)),
    ]  # fmt: skip


def test_a_fee_that_was_wrong_is_corrected_by_hand_here_and_at_the_venue(floor: Floor) -> None:
    told = {"kind": "fee", "cash": "7.25", "currency": "USD", "book": "m"}
    assert "needs a reason" in ask(floor, "booking", booking=told, reason=" ")
    assert ask(floor, "booking", booking=told, reason="charged twice") == ""
    account = floor.view().account("m")
    assert (account.cash, account.fees, floor.view().bookings[-1].note) == (D("100007.25"), D("-7.25"), "charged twice")
    assert venue(floor)[0] == D("100007.25")


def test_a_symbol_change_by_hand_moves_the_holding_and_more_than_is_held_is_refused(floor: Floor) -> None:
    ask(floor, "import", book="old", positions=[row("AAA", "10", "80")])
    told = {
        "kind": "symbol_change", "cash": "0", "currency": "USD", "book": "old", "instrument": encode(Instrument("AAA")),
        "quantity": "-11", "delivered": encode(Instrument("CCC")), "units": "11",
    }  # fmt: skip
    assert "book old holds 10 AAA: 11 cannot leave it" in ask(floor, "booking", booking=told)
    assert ask(floor, "booking", booking={**told, "quantity": "-10", "units": "10"}) == ""
    assert floor.view().account("old").holdings == {"CCC": D(10)}
    assert venue(floor)[1] == {"CCC": D(10)}


def test_an_owner_and_a_method_are_told_and_nonsense_is_refused(floor: Floor) -> None:
    assert ask(floor, "owner", owner="Ada") == ""
    assert ask(floor, "lots", method="average") == ""
    assert "a method is one of fifo, average, not 'lifo'" in ask(floor, "lots", method="lifo")
    assert "has no sale nothing" in ask(floor, "lots", client_id="nothing", lots=[])
    assert (floor.view().owner, floor.view().method) == ("Ada", "average")


def test_money_in_another_currency_is_a_balance_here_and_at_the_venue(floor: Floor) -> None:
    assert ask(floor, "cash", book="m", amount="500", currency="EUR") == ""
    assert "book m has 500, cannot pay 501" in ask(floor, "cash", book="m", amount="-501", currency="EUR")
    assert "three capital letters" in ask(floor, "cash", book="m", amount="5", currency="euro")
    assert dict(floor.view().account("m").balances) == {"EUR": D(500)}
    assert venue(floor)[0] == D(100_000)


def test_money_counts_from_the_moment_of_the_account_s_clock(floor: Floor) -> None:
    floor.desk(0)
    assert ask(floor, "cash", book="m", amount="500") == ""
    entry = floor.ledger.journal.entries("paper", kinds=("cash",))[-1]
    assert entry.body["at"] == iso(floor.time(5))
    view = floor.view()
    assert view.account("m", floor.time(4)).cash == D(100_000)
    assert view.account("m", floor.time(5)).cash == D(100_500)
