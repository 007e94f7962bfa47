"""Who did what: every act that the journal tells, by whom and why, in the order they were written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aura_lib.core import Booking, BookingKind, Transfer, encode
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.ledger.views import acts
from tests.ledger.journals import NAMES, START, D, booking, fill

ADA = {"who": "ada", "reason": "she said so"}


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    told = Booking("b", BookingKind.FEE, D("-2.5"), "USD", START, account="paper", book="core")
    moved = [
        Transfer("t", "core", "swing", START, D(5)),
        Transfer("u", "core", "swing", START, instrument=NAMES["AAA"], quantity=D(2)),
    ]
    with Ledger(ledger_url) as opened:
        append = opened.journal.append
        append(SYSTEM, "account.opened", {"name": "paper", "broker": "paper"})
        append("paper", "cash", {"book": "core", "amount": "100", "currency": "EUR", **ADA})
        opened.control.switch("paper", True, "a bad day", "ada")
        append("paper", *fill(1, "core", "AAA", D(5), D(10), START))
        append("paper", *booking(2, BookingKind.DIVIDEND, D(1), START, instrument=NAMES["AAA"]))
        append("paper", "booking", {"booking": encode(told), **ADA})
        for each in moved:
            append("paper", "transfer", {"transfer": encode(each), **ADA})
        opened.control.switch("paper", False, "better now", "bob")
        append(
            SYSTEM, "limits", {"scope": "paper/core", "limits": {"max_order_value": "50"}, "who": "bob", "reason": "x"}
        )
        append(SYSTEM, "promotion", {"notebook": "momentum.ipynb", "account_class": "live", "who": "ada"})
        append("paper", "lots", {"method": "average", **ADA})
        append("paper", "lots", {"client_id": "c", "lots": [{"lot": "x", "quantity": "2"}], **ADA})
        append("paper", "cancel.asked", {"client_id": "", **ADA})
        rule = {"name": "stop", "guard": "stop_loss", "symbol": "AAA", "book": "core"}
        append("paper", "protection", {"set": rule, **ADA})
        append("paper", "protection", {"triggered": {"rule": "stop", "symbol": "AAA", "why": "fell", "since": "-"}})
        append("paper", "protection", {"removed": "stop", **ADA})
        append("paper", "sliced", {"cancel": "twap", **ADA})
        append("paper", "mended", {"what": "d1", "entries": ["fill:x"], **ADA})
        append("paper", "request.refused", {"request": 9, "key": "k", "why": "no", "kind": "cash", "who": "eve"})
        append("paper", "request.refused", {"request": 8, "key": "j", "why": "as old ledgers told it"})
        yield opened


def test_every_act_is_told_with_who_and_why_and_facts_of_a_broker_are_none(ledger: Ledger) -> None:
    told = [(act.who, act.kind, act.what) for act in acts(ledger.journal)]
    assert told == [
        ("", "account.opened", "opened at paper"),
        ("ada", "cash", "100 EUR into core"),
        ("ada", "halt", "halted paper"),
        ("ada", "booking", "fee -2.5 USD"),
        ("ada", "transfer", "5 USD from core to swing"),
        ("ada", "transfer", "2 AAA from core to swing"),
        ("bob", "resume", "resumed paper"),
        ("bob", "limits", "paper/core: max_order_value=50"),
        ("ada", "promotion", "momentum.ipynb to live"),
        ("ada", "lots", "average for all books"),
        ("ada", "lots", "c: x 2"),
        ("ada", "cancel.asked", "cancel all orders"),
        ("ada", "protection", "stop set: stop_loss of AAA in core"),
        ("", "protection", "stop came to bear: fell"),
        ("ada", "protection", "stop removed"),
        ("ada", "sliced", "twap cancelled"),
        ("ada", "mended", "mended d1: fill:x"),
        ("eve", "request.refused", "cash was asked for, and refused"),
        ("", "request.refused", "was asked for, and refused"),
    ]


def test_acts_of_one_person_one_kind_or_one_account(ledger: Ledger) -> None:
    assert [act.kind for act in acts(ledger.journal, who="bob")] == ["resume", "limits"]
    assert [act.reason for act in acts(ledger.journal, kind="halt")] == ["a bad day"]
    ledger.control.switch("ALL", True, "worse", "bob")
    assert [act.who for act in acts(ledger.journal, account="ALL")] == ["bob"]
    assert acts(ledger.journal, kind="fill") == []
