"""The trading page without a browser: what its pieces say of accounts that are simulated, live, halted or not there."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import Mode, Settings
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger
from aura_lib.ui.trade import Trade

SOURCE = "sample:ohlcv"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load({"AURA_HOME": str(tmp_path)})


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_without_an_account_it_offers_a_practice_account_and_opens_it(settings: Settings) -> None:
    page = Trade(settings=settings)
    heading = page.heading()
    assert "Open a practice account with 100,000 USD" in words(heading.html)
    heading.ask("practise", "1")
    assert "PAPER Simulated trading: no real money." in words(heading.html)
    assert "No desk is at work" in words(heading.html), "nobody started one"
    with Ledger.open(settings) as ledger:
        (request,) = ledger.inbox.asked("practice")
    assert (request.kind, request.body["amount"]) == ("cash", "100000")
    page.close()


def test_real_money_is_told_unmistakably(settings: Settings) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("real", Mode.LIVE, broker="alpaca", clock="wall", source=SOURCE))
    page = Trade(settings=settings)
    heading, ticket = page.heading(), page.ticket()
    assert "LIVE Orders on this page trade real money." in words(heading.html)
    assert "PAPER" not in heading.html and "aura-live-form" in ticket.html
    assert "Next bar" not in heading.html, "nobody moves the clock on the wall"
    page.close()


def test_a_preview_follows_what_happens_meanwhile(settings: Settings) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
        body = {"book": "manual", "amount": Decimal(10_000), "request": 1, "key": "money", "why": "test"}
        ledger.journal.append("practice", "cash", body, key="money")
        page = Trade(settings=settings)
        review = page.review()
        form = {"symbol": "AAPL", "side": "buy", "size": "100", "by": "quantity", "type": "market", "book": "manual"}
        review.ask("review:typed", json.dumps(form))
        assert "Would be approved by every check." in words(review.html)
        ledger.control.switch("practice", True, "enough", "me")
        assert page.look()
        assert "Would be refused : halted: practice halted: enough" in words(review.html)
    page.close()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("no json", "the page sent no form: reload it"),
        (json.dumps(["a", "list"]), "the page sent no form: reload it"),
        (json.dumps({"symbol": "<b>", "size": "1"}), "&lt;B&gt; is not traded on this account"),
        (json.dumps({"symbol": "AAPL", "size": "many"}), "Quantity: &#x27;many&#x27; is no number"),
    ],
)
def test_what_a_page_sends_is_not_believed(settings: Settings, form: str, says: str) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
    page = Trade(settings=settings)
    review = page.review()
    review.ask("review:typed", form)
    assert says in review.html
    page.close()


def test_an_account_that_is_not_there_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
    monkeypatch.setenv("QUERY_STRING", "account=nobody")
    page = Trade(settings=settings)
    assert "no account &#x27;nobody&#x27;; open accounts: practice" in page.heading().html
    page.close()
