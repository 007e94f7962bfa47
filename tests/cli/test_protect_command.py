"""`aura protect`: rules asked of the desk, listed as it keeps them, refused in a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aura_lib.cli import app
from aura_lib.cli.protect import read
from aura_lib.core import InputError
from aura_lib.execution import Terms, open_account
from aura_lib.execution.protection import Guard
from aura_lib.execution.requests import answer
from aura_lib.ledger import Ledger


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["protect", *arguments], env={"COLUMNS": "240"})


@pytest.fixture
def account(aura_home: Path) -> None:
    with Ledger.open() as ledger:
        open_account(ledger, Terms("paper"))
        ledger.journal.append("paper", "cash", {"book": "m", "amount": Decimal(1000), "request": 0, "key": "k"})


def answered() -> None:
    """What a desk would make of the requests that wait."""
    with Ledger.open() as ledger:
        view = ledger.account("paper")
        for request in ledger.inbox.asked("paper", view.request):
            for line in answer(view, Terms("paper"), request, datetime(2021, 1, 4, tzinfo=UTC)):
                ledger.journal.append("paper", *line)


def test_a_rule_is_asked_for_listed_and_dropped(account: None) -> None:
    asked = aura("set", "paper/m", "floor", "--stop-loss", "0.05", "-r", "sleep well")
    assert asked.exit_code == 0 and "stop loss 0.05 in book m" in asked.output
    answered()
    rules = json.loads(aura("list", "--json").stdout)["rules"]
    assert [(r["name"], r["rule"], r["symbol"]) for r in rules] == [("floor", "stop loss 0.05", "every one")]
    assert aura("remove", "paper", "floor", "-r", "enough").exit_code == 0
    answered()
    assert "Protection: none" in aura("list").output


@pytest.mark.parametrize(
    ("given", "more", "wanted"),
    [
        ({"stop_loss": "0.05"}, {}, (Guard.STOP_LOSS, Decimal("0.05"), None, None)),
        ({"take_profit": "at"}, {"symbol": "A", "price": "12.5"}, (Guard.TAKE_PROFIT, None, Decimal("12.5"), None)),
        ({}, {"sessions": 5}, (Guard.TIME, None, None, 5)),
        ({"drawdown": "0.1"}, {}, (Guard.DRAWDOWN, Decimal("0.1"), None, None)),
    ],
)
def test_options_become_one_rule(given: dict[str, str], more: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    rule = read("r", "m", given, **{"symbol": "", "sessions": 0, "price": "", **more})
    assert (rule.guard, rule.fraction, rule.price, rule.sessions) == wanted


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "paper", "x", "--stop-loss", "0.1", "-r", "r"), "ACCOUNT/BOOK"),
        (("set", "paper/m", "x", "-r", "r"), "given: none"),
        (("set", "paper/m", "x", "--stop-loss", "0.1", "--trailing", "0.1", "-r", "r"), "given: stop_loss, trailing"),
        (("set", "paper/m", "x", "--stop-loss", "much", "-r", "r"), "is no number"),
        (("set", "paper/m", "x", "--stop-loss", "at", "-r", "r"), "a price comes with"),
        (("set", "paper/m", "x", "--stop-loss", "2", "-r", "r"), "must be under 1"),
        (("set", "nowhere/m", "x", "--stop-loss", "0.1", "-r", "r"), "no account 'nowhere'"),
        (("set", "paper/m", "x", "--stop-loss", "0.1", "-r", ""), "for a reason"),
        (("list", "nowhere"), "no account 'nowhere'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(account: None, arguments: tuple[str, ...], message: str) -> None:
    refused = aura(*arguments)
    assert refused.exit_code == 2 and message in refused.output


def test_a_price_needs_the_word_at() -> None:
    with pytest.raises(InputError, match="a price comes with --stop-loss at"):
        read("r", "m", {"stop_loss": "0.1"}, "A", 0, "12")
