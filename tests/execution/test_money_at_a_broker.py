"""Money and holdings that are booked by hand at a real broker are there once, whoever tells of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import Holding, InputError, Instrument, Snapshot, encode, iso
from aura_lib.execution import Terms, money
from aura_lib.execution.lines import Line
from aura_lib.execution.reconcile import compare
from aura_lib.execution.reconcile.told import Told
from aura_lib.ledger import AccountView, Request
from aura_lib.ledger.accounting import tax_lots
from tests.ledger.journals import START, entries

D = Decimal
REAL = Terms("paper", broker="alpaca", clock="wall")
KO = Instrument("KO")
IMPORT = {
    "book": "old", "cash": "500", "at": iso(START), "who": "ada", "reason": "day one",
    "positions": [{"instrument": encode(KO), "quantity": "10", "price": "50", "acquired": "2019-03-04T00:00:00+00:00"}],
}  # fmt: skip
AGREED = ("reconciled", {"at": iso(START)})
DRIFT = ("drift", {"what": "it has 10 KO and the ledger none", "at": iso(START)})


def view_of(*lines: Any) -> AccountView:
    return AccountView("paper").apply(entries([(line[0], line[1]) for line in lines]))


def asked(kind: str, **body: Any) -> Request:
    return Request(1, f"{kind}:1", kind, {"at": iso(START), **body})


def differences(view: AccountView, cash: str, held: str) -> list[str]:
    """What a comparison with a broker that has so much finds."""
    holdings = {"KO": Holding(KO, D(held), D(50))} if D(held) else {}
    told = Told(Snapshot(START + timedelta(hours=1), D(cash), "USD", holdings), orders=[])
    return [d.subject for d in compare(view, told, now=START + timedelta(hours=1)).open]


def test_an_import_on_day_one_explains_what_the_broker_holds_and_doubles_nothing() -> None:
    lines = money.bring(AccountView("paper"), REAL, asked("import", **IMPORT))
    assert differences(AccountView("paper"), "500", "10") == ["KO", "cash USD"]
    view = view_of(*[Line(kind, {**body, "key": key}) for kind, body, key in lines])
    assert differences(view, "500", "10") == []
    (lot,) = tax_lots(view).open()
    assert (lot.quantity, lot.cost, lot.opened.year) == (D(10), D(500), 2019)


def test_once_both_sides_agree_nothing_is_booked_besides() -> None:
    view = view_of(AGREED)
    for kind, body in (
        ("import", IMPORT),
        ("cash", {"book": "m", "amount": "5"}),
        ("cash", {"book": "m", "amount": "-5"}),
    ):
        answer = money.bring if kind == "import" else money.cash
        with pytest.raises(InputError, match=r"agrees with alpaca: .*To give a book some of it: aura account transfer"):
            answer(view, REAL, asked(kind, **body))


def test_while_they_differ_an_import_may_explain_it() -> None:
    assert money.bring(view_of(AGREED, DRIFT), REAL, asked("import", **IMPORT))
    assert money.cash(view_of(AGREED, DRIFT), REAL, asked("cash", book="m", amount="5"))


def test_a_simulated_account_is_paid_in_at_any_time() -> None:
    assert money.cash(view_of(AGREED), Terms("paper"), asked("cash", book="m", amount="5"))
