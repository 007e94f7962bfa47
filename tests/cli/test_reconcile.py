"""`aura reconcile`: what differs is shown, and what a person wants written is written by the desk."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aura_lib.access.permissions import FILE
from aura_lib.cli import app
from aura_lib.core import Booking, BookingKind, Fill, Side, encode
from aura_lib.execution.reconcile import Kind
from tests.execution.conftest import Floor
from tests.execution.conftest import floor as floor

D10 = Decimal(10)
pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def here(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command works on the ledger of the floor."""
    monkeypatch.setenv("AURA_DATABASE_URL", ledger_url)


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def aura(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["reconcile", "paper", *words], env={"COLUMNS": "250"})
    return result.exit_code, result.output


def adrift(floor: Floor) -> None:
    """Somebody takes money out at the broker."""
    desk = floor.desk()
    desk.seat.broker.deposit("elsewhere", Decimal(-250))  # type: ignore[attr-defined]
    floor.settle(desk, 1)
    floor.ledger.control.release(desk.seat.lease)


def test_an_account_that_agrees_says_since_when(floor: Floor) -> None:
    desk = floor.desk()
    floor.settle(desk, 1)
    code, told = aura()
    assert code == 0 and "ledger and broker agree, they last agreed at 2021-01-05" in told


def test_a_difference_is_shown_mended_once_and_gone(floor: Floor, aura_home: Path) -> None:
    aura_home.mkdir()
    adrift(floor)
    code, told = aura("--json")
    (difference,) = json.loads(told)["differences"]
    assert code == 1 and (difference["kind"], difference["ours"]) == (Kind.CASH, "100000")
    code, shown = aura()
    assert code == 1 and difference["id"] in shown and "booking -250" in shown and "New orders are halted" in shown
    for _ in range(2):  # asked twice, written once
        code, told = aura("--mend", difference["id"], "--reason", "a wire nobody told of")
        assert code == 0 and "No desk serves paper now" in told
    desk = floor.desk(1)
    assert floor.view().account().cash == 99_750
    floor.settle(desk, 2)
    assert not floor.view().drift and not floor.view().differences
    (mended,) = floor.ledger.journal.entries("paper", kinds=("mended",))
    assert (mended.body["what"], mended.body["reason"]) == (difference["id"], "a wire nobody told of")
    assert len(floor.ledger.journal.entries("paper", kinds=("booking",))) == 1
    code, told = aura("--mend", difference["id"], "--reason", "again")
    assert code == 2 and "found no difference" in told


def test_a_position_transferred_in_halts_explains_itself_and_is_taken_in_by_a_person(
    floor: Floor, aura_home: Path
) -> None:
    aura_home.mkdir()
    desk, instrument = floor.desk(), floor.bars.instruments["AAA"]
    told = Booking("acats", BookingKind.IMPORT, Decimal(0), "USD", floor.time(0), instrument, Decimal(50), price=D10)
    desk.seat.broker.book(told)  # type: ignore[attr-defined]
    floor.settle(desk, 1)
    floor.propose(1, ("AAA", "buy", 1))
    while desk.cycle():
        pass
    (verdict,) = floor.view().verdicts.values()
    assert [d.rule for d in verdict.decisions] == ["drift"], "nothing new until a person has looked"
    floor.ledger.control.release(desk.seat.lease)
    found = json.loads(aura("--json")[1])["differences"]
    assert {d["subject"]: (d["ours"], d["theirs"]) for d in found} == {
        "AAA": ("0", "50"), "cash USD": ("99500", "100000"),
    }  # fmt: skip
    for difference in found:
        assert aura("--mend", difference["id"], "--reason", "my old broker's")[0] == 0
    floor.settle(floor.desk(1), 2)
    view = floor.view()
    assert (view.drift, view.account("").holdings, view.account().cash) == ("", {"AAA": 50}, 100_000)


def test_mending_needs_a_reason_a_difference_and_the_right_to_it(floor: Floor, aura_home: Path) -> None:
    aura_home.mkdir()
    adrift(floor)
    (difference,) = floor.view().differences
    assert aura("--mend", difference["id"])[0] == 2
    assert aura("--mend", "nothing", "--reason", "why not")[0] == 2
    (aura_home / FILE).write_text("users: {somebody: [{do: all, on: all}]}\n")
    code, told = aura("--mend", difference["id"], "--reason", "mine")
    assert code == 7 and "may not" in told
    assert not floor.ledger.inbox.asked("paper", floor.view().request)


def test_a_request_for_entries_that_the_desk_did_not_offer_is_refused(floor: Floor) -> None:
    adrift(floor)
    (difference,) = floor.view().differences
    forged = [{**difference["mending"][0], "body": {"booking": {}, "cursor": ""}}]
    body = {"difference": difference["id"], "entries": forged, "who": "me", "reason": "mine"}
    floor.ledger.inbox.ask("paper", "mend", body, "forged")
    floor.desk(1)
    refused = floor.ledger.journal.find("paper", "forged")
    assert refused is not None and refused.kind == "request.refused" and "not what it was" in refused.body["why"]


def test_what_the_broker_tells_meanwhile_takes_the_offer_back(floor: Floor) -> None:
    adrift(floor)
    (difference,) = floor.view().differences
    bought = (Side.BUY, Decimal(1), Decimal(250), Decimal(0), floor.time(1))
    fill = Fill("late", "", "paper", "m", floor.bars.instruments["AAA"], *bought)
    floor.ledger.journal.append("paper", "fill", {"fill": encode(fill), "cursor": "1"}, "fill:late")
    code, told = aura("--mend", difference["id"], "--reason", "late")
    assert code == 2 and "it found: none" in told
