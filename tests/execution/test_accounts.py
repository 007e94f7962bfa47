"""Accounts are opened once, on terms that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from aura_lib.core import InputError, Mode
from aura_lib.exchange import Costs
from aura_lib.execution import Terms, account_terms, find_terms, open_account, paper_account
from aura_lib.ledger import Ledger


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger(ledger_url) as opened:
        yield opened


def test_an_account_is_opened_once_on_its_terms(ledger: Ledger) -> None:
    terms = Terms("second", costs=Costs(commission_bps=Decimal(3)))
    assert open_account(ledger, terms) == open_account(ledger, terms) == account_terms(ledger, "second")
    with pytest.raises(InputError, match=r"opened with other terms \(costs\)"):
        open_account(ledger, Terms("second"))
    assert paper_account(ledger, "second") == terms
    assert find_terms(ledger, "third") is None
    with pytest.raises(InputError, match="no account 'third'; open accounts: second"):
        account_terms(ledger, "third")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "system"}, "named with letters"),
        ({"name": "ALL"}, "named with letters"),
        ({"name": "a/b"}, "named with letters"),
        ({"name": "x", "account_class": Mode.LIVE}, "at paper it is paper, not live"),
        ({"name": "x", "broker": "elsewhere"}, "its broker is one of paper, alpaca, not 'elsewhere'"),
        ({"name": "x", "broker": "alpaca"}, "the clock is the wall's"),
        ({"name": "x", "clock": "sun"}, "its clock is one of replay, wall, not 'sun'"),
    ],
)
def test_what_does_not_exist_yet_is_said_plainly(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Terms(**wrong)
