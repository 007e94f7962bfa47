"""`aura limits`: shown with their use and their changes, set by name, refused in a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aura_lib.access import who
from aura_lib.cli import app
from aura_lib.cli.limits import read
from aura_lib.core import InputError
from aura_lib.data import load
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["limits", *arguments], env={"COLUMNS": "240"})


@pytest.fixture
def account(aura_home: Path) -> None:
    with Ledger.open() as ledger:
        open_account(ledger, Terms("paper"))
        ledger.journal.append("paper", "cash", {"book": "m", "amount": Decimal(1000), "request": 1, "key": "k"})
        ledger.control.set_clock("paper", datetime(2020, 6, 30, 20, tzinfo=UTC))
        with ledger.write() as connection:
            ledger.control.clock_done(connection, "paper", datetime(2020, 6, 30, 20, tzinfo=UTC))


def test_limits_are_set_shown_and_taken_back(account: None) -> None:
    done = aura("set", "paper/m", "max_gross=0.8", "sector:Energy=0.2", "restricted=B,A", "-r", "a calmer book")
    assert done.exit_code == 0, done.output
    shown = json.loads(aura("show", "paper/m", "--json").stdout)
    assert shown["limits"]["max_gross"] == 0.8
    assert shown["limits"]["sector_caps"] == {"Energy": 0.2}
    assert shown["limits"]["restricted"] == ["A", "B"]
    assert {"book": "m", "limit": "max_gross", "used": "0.00", "of": "0.8", "by": ""} in shown["use"]
    change = shown["changes"][0]
    assert (change["scope"], change["who"], change["reason"]) == ("paper/m", who(), "a calmer book")
    assert aura("set", "paper/m", "max_gross=unset", "-r", "as before").exit_code == 0
    assert json.loads(aura("show", "paper/m", "--json").stdout)["limits"]["max_gross"] == 1.0
    page = aura("show", "paper").output
    assert "max_position_weight" in page and "a calmer book" in page and "as before" in page


def test_the_caps_of_sectors_are_changed_one_by_one(account: None) -> None:
    for text in ("sector:Energy=0.2", "sector:Banks=0.3", "sector:Energy=unset"):
        assert aura("set", "paper", text, "-r", "test").exit_code == 0
    assert json.loads(aura("show", "paper", "--json").stdout)["limits"]["sector_caps"] == {"Banks": 0.3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nowhere"), "no account 'nowhere'"),
        (("set", "paper/x", "collar=0.1", "-r", "r"), "no book 'x'"),
        (("set", "paper", "colar=0.1", "-r", "r"), "no limit is called colar"),
        (("set", "paper", "collar", "-r", "r"), "expected NAME=VALUE"),
        (("set", "paper", "collar=much", "-r", "r"), "expected a number"),
        (("set", "paper", "collar=nan", "-r", "r"), "must be a finite number"),
        (("set", "paper", "collar=0.1", "-r", ""), "needs a reason"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(account: None, arguments: tuple[str, ...], message: str) -> None:
    refused = aura(*arguments)
    assert refused.exit_code == 2
    assert message in refused.output


def test_loosening_without_leave_is_refused(account: None, aura_home: Path) -> None:
    file = aura_home / "permissions.yaml"
    file.write_text("users: {nobody: [{do: view, on: all}]}\n")
    file.chmod(0o600)
    assert aura("set", "paper", "max_gross=0.5", "-r", "tighter").exit_code == 0
    refused = aura("set", "paper", "max_gross=0.9", "-r", "looser")
    assert refused.exit_code == 7 and "may not `limits` on paper" in refused.output


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["collar=none", "short=true", "crossing=No", "max_orders=5"],
         {"collar": None, "short": True, "crossing": False, "max_orders": 5}),
        (["restricted=none"], {"restricted": []}),
        (["collar=unset", "max_order_value=1e6"], {"collar": "unset", "max_order_value": 1e6}),
    ],
)  # fmt: skip
def test_values_are_read_by_what_they_look_like(texts: list[str], wanted: dict[str, Any]) -> None:
    assert read(texts) == wanted


def test_a_name_without_a_value_is_refused() -> None:
    for text in ("collar=", "=1", " =1"):
        with pytest.raises(InputError, match="expected NAME=VALUE"):
            read([text])


def test_the_sample_has_prices_at_the_clock_of_these_tests() -> None:
    assert len(load(as_of="2020-06-30").instruments) > 1
