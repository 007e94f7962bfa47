"""`aura order` and `aura rebalance`: shown first, sent with --yes by a real desk, refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aura_lib import data
from aura_lib.cli import app
from aura_lib.cli.rebalance import read
from aura_lib.core import InputError, Mode, OrderStatus, Settings
from aura_lib.execution import Terms, advance, open_account, wait_until
from aura_lib.execution.service import DeskProcess
from aura_lib.ledger import AccountView, Ledger

SOURCE = "sample:ohlcv"


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "240"})


def told(*arguments: str) -> Any:
    shown = aura(*arguments, "--json")
    assert shown.stdout, shown.stderr
    return json.loads(shown.stdout)


@cache
def moment(bar: int) -> datetime:
    return data.load(source=SOURCE).times[bar].to_pydatetime()


def settled(desk: DeskProcess, holds: Callable[[AccountView], bool]) -> None:
    """Wait until it holds."""
    with Ledger.open() as ledger:
        wait_until(lambda: holds(ledger.account("hand")), "what was asked", ledger, "hand", desk)


@pytest.fixture
def account(aura_home: Path) -> Path:
    """A funded account whose clock stands near the end of the sample; no desk is at work."""
    with Ledger.open() as ledger:
        open_account(ledger, Terms("hand", source=SOURCE))
        body = {"book": "manual", "amount": Decimal(100_000), "request": 0, "key": "money", "why": "test"}
        ledger.journal.append("hand", "cash", body)
        ledger.control.set_clock("hand", moment(-300))
        with ledger.write() as connection:
            ledger.control.clock_done(connection, "hand", moment(-300))
    return aura_home


@pytest.fixture
def desk(account: Path) -> Iterator[DeskProcess]:
    """Its desk, at work for a whole test: the one that each command brings along then waits for the lease."""
    with DeskProcess(Settings.load(), "hand") as working:
        yield working


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Buy 10 AAPL at the market"),
        (("--limit", "20"), "Buy 10 AAPL at 20 or better"),
        (("--stop", "70"), "once it trades at 70"),
        (("--stop", "70", "--limit", "71"), "at 71 or better once it trades at 70"),
        (("--trail", "5%"), "trails by 5 %"),
        (("--trail", "2.5"), "trails by 2.5"),
        (("--take-profit", "90", "--stop-loss", "10"), "then take profit at 90 or stop loss at 10"),
        (("--in-force", "GTC"), "good till cancelled"),
        (("--money", "--limit", "2"), "Buy 5 AAPL at 2 or better"),
    ],
)
def test_options_make_the_order_that_they_name_and_nothing_is_sent(
    account: Path, options: tuple[str, ...], says: str
) -> None:
    shown = aura("order", "buy", "hand", "aapl", "10", *options)
    assert says in shown.output and "Nothing was sent: add --yes." in shown.output, shown.output
    with Ledger.open() as ledger:
        assert ledger.inbox.after("hand") == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("buy", "nobody", "AAPL", "1"), 2, "no account 'nobody'; open accounts: hand"),
        (("buy", "hand/other", "AAPL", "1"), 2, "has no book 'other'; books: manual. Money opens one: aura account"),
        (("buy", "hand", "NOPE", "1"), 2, "NOPE is not traded"),
        (("buy", "hand", "AAPL", "1,5"), 2, "'1,5' is no number; write 1000 or 0.5"),
        (("buy", "hand", "AAPL", "0"), 2, "must be above zero"),
        (("buy", "hand", "AAPL", "0.5"), 2, "no multiple of the lot 1"),
        (("buy", "hand", "AAPL", "1", "--limit", "3", "--trail", "2"), 2, "a trailing stop order has no --limit"),
        (("buy", "hand", "AAPL", "1", "--in-force", "ever"), 2, "time in force is one of day, gtc, ioc"),
        (("sell", "hand", "AAPL", "1", "--oco"), 2, "a oco order needs take_profit"),
        (("cancel", "hand", "nothing"), 2, "has no order 'nothing'; aura order list hand"),
        (("replace", "hand", "nothing", "--limit", "3"), 2, "has no order 'nothing'"),
        (("replace", "hand", "nothing"), 2, "say what shall be different"),
        (("list", "nobody"), 2, "no account 'nobody'"),
        (("slice", "hand", "hold", "AAPL", "10", "--over", "60"), 2, "side is one of buy, sell, not 'hold'"),
        (("slice", "hand", "buy", "AAPL", "10", "--over", "0"), 2, "a number of minutes above zero"),
        (("slice", "hand", "buy", "AAPL", "10", "--over", "9", "--start", "today"), 2, "written with its zone"),
        (("slice", "hand", "buy", "AAPL", "10", "--over", "9", "--slices", "0"), 2, "1 to"),
    ],
)
def test_what_is_wrong_is_a_sentence(account: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    shown = aura("order", *arguments)
    assert (shown.exit_code, says in shown.stderr) == (code, True), shown.output


def test_what_the_desk_would_refuse_is_not_sent_and_has_its_exit_code(account: Path) -> None:
    shown = aura("order", "buy", "hand", "AAPL", "1000000", "--yes")
    assert shown.exit_code == 5 and "would be refused by buying_power" in shown.output
    with Ledger.open() as ledger:
        assert ledger.inbox.after("hand") == []


def test_real_money_is_told(aura_home: Path) -> None:
    with Ledger.open() as ledger:
        open_account(ledger, Terms("real", Mode.LIVE, broker="alpaca", clock="wall", source=SOURCE))
        body = {"book": "manual", "amount": Decimal(1000), "request": 0, "key": "money", "why": "test"}
        ledger.journal.append("real", "cash", body)
    assert "on LIVE account real" in aura("order", "buy", "real", "AAPL", "1").output


@pytest.mark.slow
def test_an_order_lives_from_the_ticket_to_the_cancel(desk: DeskProcess) -> None:
    low = ("order", "buy", "hand", "AAPL", "10", "--limit", "1.5", "--in-force", "gtc", "--yes", "--key", "once")
    first = told(*low)["sent"]
    assert (first["side"], first["quantity"]) == ("buy", "10")
    settled(desk, lambda view: view.orders[first["client_id"]].status is OrderStatus.ACCEPTED)
    assert told(*low)["sent"]["client_id"] == first["client_id"], "the same key is sent once"
    assert [o["client_id"] for o in told("order", "list", "hand")["orders"]] == [first["client_id"]]
    shown = told("order", "replace", "hand", first["client_id"], "--limit", "1.4")
    assert shown["sent"] is None and shown["to"] == {"limit_price": "1.4"}
    new = told("order", "replace", "hand", first["client_id"], "--limit", "1.4", "--yes")["sent"]
    assert new["how"] == "at 1.4 or better"
    assert told("order", "cancel", "hand", new["client_id"], "-r", "enough")["cancel"] == "asked"
    settled(desk, lambda view: not view.live)
    assert told("order", "list", "hand")["orders"] == []
    states = {o["client_id"]: o["status"] for o in told("order", "list", "hand", "--all")["orders"]}
    assert states == {first["client_id"]: "replaced", new["client_id"]: "cancelled"}


@pytest.mark.slow
def test_a_sliced_order_is_shown_asked_for_listed_and_cancelled(desk: DeskProcess) -> None:
    cut = ("order", "slice", "hand", "buy", "MSFT", "100", "--over", "60", "--slices", "7", "--name", "cut")
    parts = told(*cut)["slices"]
    assert sum(Decimal(p["part"]) for p in parts) == 100 and {p["part"] for p in parts} == {"14", "15"}
    assert told(*cut, "--yes")["asked"] is True
    assert [s["name"] for s in told("order", "list", "hand")["slices"]] == ["cut"]
    assert told("order", "cancel", "hand", "cut")["cancel"] == "asked"
    settled(desk, lambda view: not view.sliced)
    assert told("order", "list", "hand")["slices"] == []


@pytest.mark.slow
def test_a_book_is_brought_to_its_targets(desk: DeskProcess) -> None:
    plan = told("rebalance", "hand", "AAPL=0.3", "MSFT=40%")
    assert (plan["orders"], plan["proposed"], [leg["symbol"] for leg in plan["legs"]]) == (2, None, ["AAPL", "MSFT"])
    with Ledger.open() as ledger:
        assert ledger.inbox.after("hand") == [], "looking sends nothing"
    sent = told("rebalance", "hand", "AAPL=0.3", "MSFT=40%", "--propose", "--key", "month")
    assert sent["proposed"]["approved"] == 2
    with Ledger.open() as ledger:
        advance(ledger, "hand", moment(-299), desk)
        held = ledger.account("hand").account("manual").holdings
    assert held == {leg["symbol"]: Decimal(str(leg["quantity"])) for leg in plan["legs"]}
    again = told("rebalance", "hand", "MSFT=40%", "--min-trade", "5000")  # the price has moved a little
    assert [(leg["symbol"], leg["side"]) for leg in again["legs"]] == [("AAPL", "sell")]
    assert again["lots"] and again["legs"][0]["lots"] == 1
    assert told("rebalance", "hand", "MSFT=40%", "--min-trade", "5000", "--keep-others")["legs"] == []


def test_targets_come_from_a_file_or_as_texts(tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text("symbol,weight,note\naapl, 0.25,x\nMSFT,30%,\n", encoding="utf-8")
    assert read((), file) == read(("AAPL=0.25", "msft=30%"), None) == {"AAPL": 0.25, "MSFT": 0.3}


@pytest.mark.parametrize(
    ("texts", "content", "says"),
    [
        ((), None, "either as SYMBOL=WEIGHT or in a file"),
        (("AAPL=1",), "symbol,weight\n", "one of the two"),
        (("AAPL",), None, "expected SYMBOL=WEIGHT such as AAPL=0.3 or AAPL=30%, not 'AAPL'"),
        (("AAPL=much",), None, "AAPL=much: a weight is a number"),
        (("AAPL=0.1", "aapl=0.2"), None, "AAPL has two targets"),
        ((), "name,share\nAAPL,1\n", "needs the columns symbol and weight"),
    ],
)
def test_targets_that_make_no_sense_are_refused(
    tmp_path: Path, texts: tuple[str, ...], content: str | None, says: str
) -> None:
    file = None if content is None else tmp_path / "t.csv"
    if file is not None and content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read(texts, file)


def test_targets_above_the_whole_are_refused(account: Path) -> None:
    shown = aura("rebalance", "hand", "AAPL=0.7", "MSFT=0.7")
    assert shown.exit_code == 2 and "weights sum to 1.4" in shown.stderr
