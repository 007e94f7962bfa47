"""The trading page without a browser: what its pieces say of accounts that are simulated, live, halted or not there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import Fill, Instrument, Intent, Mode, Order, Settings, Side, encode
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


def test_a_plan_is_shown_follows_the_account_and_is_forgotten_with_it(settings: Settings) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
        body = {"book": "manual", "amount": Decimal(10_000), "request": 1, "key": "money", "why": "test"}
        ledger.journal.append("practice", "cash", body, key="money")
        page = Trade(settings=settings)
        plan = page.plan()
        plan.ask("plan", json.dumps({"targets": "AAPL=50%, ibm=0.25", "book": "manual", "lots": "fifo"}))
        assert "Send 2 orders to paper account practice?" in words(plan.html)
        assert "Turnover" in words(plan.html) and "Estimated cost" in words(plan.html)
        ledger.journal.append("practice", "cash", {**body, "amount": Decimal(-9_990), "key": "out"}, key="out")
        assert page.look()
        assert "Propose to paper" not in plan.html, "there is nothing left to buy with"
    page.close()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"targets": " "}, "write targets such as AAPL=30% MSFT=25%"),
        ({"targets": "AAPL"}, "expected SYMBOL=WEIGHT such as AAPL=0.3 or AAPL=30%, not &#x27;AAPL&#x27;"),
        ({"targets": "AAPL=80% IBM=70%"}, "weights sum to 1.5"),
        ({"targets": "<b>=1"}, "no price at the moment of decision: targets [&#x27;&lt;B&gt;&#x27;]"),
        ({"targets": "AAPL=1", "book": "lost"}, "no book &#x27;lost&#x27;"),
        ({"targets": "AAPL=1", "lots": "mine"}, "lots are chosen by least_tax"),
    ],
)
def test_targets_that_make_no_sense_are_told(settings: Settings, form: dict[str, str], says: str) -> None:
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
        body = {"book": "manual", "amount": Decimal(10_000), "request": 1, "key": "money", "why": "test"}
        ledger.journal.append("practice", "cash", body, key="money")
    page = Trade(settings=settings)
    plan = page.plan()
    plan.ask("plan", json.dumps(form))
    assert says in plan.html
    page.close()


def test_five_hundred_positions_and_a_thousand_open_orders_are_told_in_full_numbers(settings: Settings) -> None:
    """The page holds the newest 500 open orders, and says that there are more."""
    now = datetime(2011, 3, 7, 21, tzinfo=UTC)
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("practice", source=SOURCE))
        with ledger.write() as connection:
            body = {"book": "m", "amount": Decimal(1_000_000), "request": 1, "key": "money", "why": "test"}
            ledger.journal.append_in(connection, "practice", "cash", body)
            for n in range(1_000):
                i = Intent(Instrument(f"S{n % 500:03}"), Side.BUY, Decimal(1))
                order = Order(f"o{n:04}", "practice", "m", "ticket:me@1", n, 1, i, now)
                ledger.journal.append_in(connection, "practice", "order", {"order": encode(order)})
                if n < 500:
                    fill = Fill(
                        f"f{n}", "", "practice", "m", i.instrument, i.side, i.quantity, Decimal(10), Decimal(0), now
                    )
                    ledger.journal.append_in(connection, "practice", "fill", {"fill": encode(fill), "cursor": str(n)})
        ledger.control.set_clock("practice", now)
        with ledger.write() as connection:
            ledger.control.clock_done(connection, "practice", now)
    page = Trade(settings=settings)
    assert "1,000 open; the newest 500 of 1,000 are here." in words(page.orders().html)
    assert page.positions().html.count('data-ask="close"') == 500
    assert "500 fills" in words(page.numbers().html)
    page.close()
