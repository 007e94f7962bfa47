"""The office behind the API, without HTTP: accounts of real sizes, and callers that are not kept waiting by others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.access import who
from aura_lib.core import BrokerUnavailable, Fill, Instrument, Intent, NotFound, Order, Settings, Side, encode
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger
from aura_lib.server.api.bodies import Halt, OrderPage, Page
from aura_lib.server.api.office import WAITING, Office, Queue

NOW = datetime(2022, 3, 1, 21, tzinfo=UTC)
ME = who()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office over an account with 500 positions and 1,000 open orders."""
    settings = Settings.load({"AURA_HOME": str(tmp_path)})
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("big", source="sample:ohlcv"))
        body = {"book": "m", "amount": Decimal(10_000_000), "request": 1, "key": "money", "why": "test"}
        with ledger.write() as connection:
            ledger.journal.append_in(connection, "big", "cash", body)
            for n in range(1_000):
                order = Order(f"o{n:04}", "big", "m", "b@1", n, 1, _intent(n % 500), NOW)
                ledger.journal.append_in(connection, "big", "order", {"order": encode(order)})
            for n in range(500):
                i = _intent(n)
                fill = Fill(f"f{n:03}", "", "big", "m", i.instrument, i.side, Decimal(2), Decimal(10), Decimal(1), NOW)
                ledger.journal.append_in(connection, "big", "fill", {"fill": encode(fill), "cursor": str(n)})
        ledger.control.set_clock("big", NOW)
        with ledger.write() as connection:
            ledger.control.clock_done(connection, "big", NOW)
    made = Office(settings)
    yield made
    made.close()


def _intent(n: int) -> Intent:
    return Intent(Instrument(f"S{n:03}"), Side.BUY, Decimal(1))


def test_every_order_and_fill_is_on_exactly_one_page(office: Office) -> None:
    found, page = [], OrderPage(limit=300)
    while True:
        told = office.orders(ME, "big", page)
        found += [row["client_id"] for row in told["rows"]]
        if told["next"] is None:
            break
        page = OrderPage(limit=300, before=told["next"])
    assert found == [f"o{n:04}" for n in reversed(range(1_000))]
    assert len(office.account(ME, "big")["books"][0]["positions"]) == 500
    assert [f["execution_id"] for f in office.fills(ME, "big", Page(symbol="s007"))["rows"]] == ["f007"]


def test_what_has_no_price_is_null_and_cash_is_exact(office: Office) -> None:
    told = office.account(ME, "big")
    assert told["equity"] is None and told["books"][0]["positions"][0]["value"] is None
    assert told["cash"] == str(10_000_000 - 500 * (2 * 10 + 1)) and told["fees"] == "500"


def test_when_all_places_are_taken_more_are_turned_away_and_the_switch_is_not(office: Office) -> None:
    gate = threading.Event()
    held = [office.submit(Queue.DESK, gate.wait) for _ in range(WAITING)]
    try:
        with pytest.raises(BrokerUnavailable, match=f"{WAITING} calls wait .* with the same key"):
            office.submit(Queue.DESK, gate.wait)
        stop = office.submit(Queue.SWITCH, lambda: office.halt(ME, Halt(scope="big", reason="storm")))
        assert stop.result(60)["halted"] and not any(h.done() for h in held)
    finally:
        gate.set()
    assert all(h.result(60) for h in held)
    assert office.submit(Queue.DESK, lambda: 7).result(60) == 7


def test_an_order_of_another_account_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound, match="account big has no order 'o9999'"):
        office.order(ME, "big", "o9999")
