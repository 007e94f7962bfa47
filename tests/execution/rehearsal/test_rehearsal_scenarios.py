"""Every scenario changes what is heard on the wire, the same way each time, and the venue's own books stay true."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from aura_lib.core import InputError
from aura_lib.execution.brokers.rehearsal import Venue
from aura_lib.execution.brokers.rehearsal.control import served
from aura_lib.execution.brokers.rehearsal.mishaps import bust
from aura_lib.execution.brokers.rehearsal.routes import Request, Response
from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS, begin, entries, schedule
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from aura_lib.execution.brokers.rehearsal.weather import Weather, perform
from tests.rehearsal import ask, rehearsal_venue

FAIR = ""
BUY = {"symbol": "AAPL", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
BRACKET = {
    **BUY, "symbol": "MSFT", "client_order_id": "bracket", "order_class": "bracket", "time_in_force": "gtc",
    "take_profit": {"limit_price": "480"}, "stop_loss": {"stop_price": "300"},
}  # fmt: skip
REST = {**BUY, "symbol": "MSFT", "type": "limit", "limit_price": "390", "time_in_force": "gtc"}


class Session:
    """A desk's day in requests, and everything that was heard; without a network."""

    def __init__(self, name: str = FAIR, seed: int = 0) -> None:
        self.venue, self.weather = rehearsal_venue(seed=seed), Weather()
        self.heard: list[Any] = []
        self.venue.listeners.append(lambda update: self.heard.extend(self.weather.updates(update)))
        self.weather.cut_streams = self._cut
        if name:
            begin(name, self.weather, self.venue)

    def _cut(self) -> None:
        self.heard.append("cut")
        self.heard += self.weather.replay()

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        request = Request(method, path, query, content)
        told = perform(self.weather, self.venue, request, lambda: served(self.venue, self.weather, request))
        self.heard.append((method, path, (told.status, told.body) if isinstance(told, Response) else told))
        return told

    def look(self, client_id: str) -> None:
        self.ask("GET", "/v2/orders:by_client_order_id", client_order_id=client_id)

    def play(self) -> Session:
        for kind, wish in (("buy", BUY), ("rest", REST), ("late", {**REST, "limit_price": "391"})):
            self.ask("POST", "/v2/orders", {**wish, "client_order_id": kind})
            for _ in range(3):
                self.look(kind)
        self.ask("POST", "/v2/orders", BRACKET)
        for _ in range(4):
            for path in ("/v2/clock", "/v2/account", "/v2/positions", "/v2/account/activities"):
                self.ask("GET", path)
            self.ask("GET", "/v2/orders", nested="true")
        rest, late = (self.venue.find(name) for name in ("rest", "late"))
        if rest is not None:
            self.ask("PATCH", f"/v2/orders/{rest.id}", {"limit_price": "392", "client_order_id": "rest2"})
        if late is not None:
            self.ask("DELETE", f"/v2/orders/{late.id}")
        for name in ("rest", "rest2", "late", "late"):
            self.look(name)
        return self


def balanced(venue: Venue) -> None:
    """Cash and positions are what the activities add up to, and no client id stands for two orders."""
    cash, held = Decimal(100_000), dict[str, Decimal]()
    for told in served(venue, Weather(), Request("GET", "/v2/account/activities")).body:
        if told.get("type") in ("trade_bust", "trade_correct"):
            continue  # of an execution that is not in the list any more
        if told["activity_type"] == "FILL":
            signed = Decimal(told["qty"]) * (1 if told["side"] == "buy" else -1)
            cash -= signed * Decimal(told["price"])
        else:
            signed = Decimal(told.get("qty", 0)) if told["activity_type"] == "SPLIT" else Decimal(0)
            cash += Decimal(told["net_amount"])
        held[told["symbol"]] = held.get(told["symbol"], Decimal(0)) + signed
    account = venue.exchange.account
    assert account.cash == cash
    assert {s: p.quantity for s, p in account.positions.items() if p.quantity} == {s: q for s, q in held.items() if q}
    names = [t.client_order_id for t in venue.tickets.values()]
    assert len(names) == len(set(names))
    assert all(0 <= ticket.filled <= ticket.asked for ticket in venue.tickets.values())


@pytest.fixture(scope="module")
def fair() -> list[Any]:
    return Session().play().heard


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_scenario_changes_what_is_heard_in_one_way_and_leaves_the_books_true(name: str, fair: list[Any]) -> None:
    session = Session(name).play()
    assert session.heard != fair and session.weather.happened
    assert session.heard == Session(name).play().heard
    balanced(session.venue)


def test_there_are_at_least_25_and_each_names_a_public_issue() -> None:
    assert len(SCENARIOS) >= 25
    for scenario in SCENARIOS.values():
        assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", scenario.issue), scenario
        assert scenario.wire and scenario.rule
    assert len({s.issue for s in SCENARIOS.values()}) >= 25


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match="504-after-accept"):
        begin("sunshine", Weather(), rehearsal_venue())
    for entry in (
        "504-after-accept@0",
        "504-after-accept@x",
        "504-after-accept@0s",
        "504-after-accept@-5m",
        "restart@",
    ):
        with pytest.raises(InputError, match="begins at once"):
            schedule([entry], Weather(), rehearsal_venue())


def test_a_scheduled_scenario_begins_with_its_order() -> None:
    session = Session()
    schedule(["504-after-accept@2"], session.weather, session.venue)
    answers = [session.ask("POST", "/v2/orders", {**BUY, "client_order_id": str(n)}) for n in range(3)]
    assert [a.status for a in answers] == [200, 504, 200]


def test_a_scenario_begins_after_a_time_of_the_market_and_several_may() -> None:
    session = Session()
    words = entries("504-after-accept@90s, 503-after-accept@2m,positions-fail@3")
    schedule(words, session.weather, session.venue)

    def buy(name: str) -> int:
        return int(session.ask("POST", "/v2/orders", {**BUY, "qty": "1", "client_order_id": name}).status)

    assert [buy("a"), buy("b")] == [200, 200]
    session.venue.advance(session.venue.market.now + timedelta(seconds=91))
    assert buy("c") == 504
    assert [session.ask("GET", "/v2/positions").status for _ in range(3)] == [500, 500, 200], "it began with the third"
    session.venue.advance(session.venue.market.now + timedelta(seconds=30))
    assert [buy("d"), buy("e")] == [503, 200]


def test_chances_are_a_function_of_the_seed() -> None:
    def storm(seed: int) -> list[Any]:
        session = Session()
        schedule([], session.weather, session.venue, seed=seed, chance=0.5)
        for n in range(20):
            session.ask("POST", "/v2/orders", {**BUY, "qty": "1", "client_order_id": str(n)})
            session.look(str(n))
        balanced(session.venue)
        return session.heard

    assert storm(1) == storm(1)
    assert storm(1) != storm(2)


# ── on a real wire ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_504_makes_the_real_client_send_twice_and_the_id_makes_it_one_order(broker: Rehearsal) -> None:
    from alpaca.common.exceptions import APIError
    from alpaca.trading.requests import MarketOrderRequest

    from tests.execution.rehearsal.conftest import trading_client

    begin("504-after-accept", broker.weather, broker.venue)
    client = trading_client(broker)
    with pytest.raises(APIError, match="must be unique"):
        client.submit_order(MarketOrderRequest(**{**BUY, "client_order_id": "one"}))
    assert [r.method for r in broker.asked] == ["POST", "POST"]
    assert client.get_open_position("AAPL").qty == "10"


def test_a_timeout_and_a_reset_reach_the_client_as_such(broker: Rehearsal) -> None:
    begin("timeout-after-accept", broker.weather, broker.venue)
    with pytest.raises(requests.ReadTimeout):
        ask(broker, "POST", "/v2/orders", {**BUY, "client_order_id": "t"}, timeout=0.5)
    begin("reset-after-accept", broker.weather, broker.venue)
    with pytest.raises(requests.ConnectionError):
        ask(broker, "POST", "/v2/orders", {**BUY, "client_order_id": "r"})
    for name in "tr":
        assert ask(broker, "GET", f"/v2/orders:by_client_order_id?client_order_id={name}").json()["status"] == "filled"


def test_a_page_with_200_is_no_json(broker: Rehearsal) -> None:
    begin("html-with-200", broker.weather, broker.venue)
    answer = ask(broker, "POST", "/v2/orders", BUY)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html"
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_scenario_begins_over_the_wire_and_is_cleared(broker: Rehearsal) -> None:
    assert ask(broker, "POST", "/rehearsal/scenario", {"name": "positions-fail"}).json()["faults"] == 1
    assert ask(broker, "GET", "/v2/positions").status_code == 500
    ask(broker, "POST", "/rehearsal/clear", {})
    assert ask(broker, "GET", "/v2/positions").json() == []
    listed = ask(broker, "GET", "/rehearsal/scenarios").json()
    assert {s["name"] for s in listed} == set(SCENARIOS)


def test_the_hand_on_the_market_moves_time_and_prices(broker: Rehearsal) -> None:
    state = ask(broker, "POST", "/rehearsal/tick", {"symbol": "AAPL", "price": "250.5"}).json()
    assert state["prices"]["AAPL"] == "250.5"
    state = ask(broker, "POST", "/rehearsal/advance", {"to": "2026-03-02T22:00:00Z"}).json()
    assert not state["is_open"]
    assert ask(broker, "POST", "/rehearsal/advance", {"to": "2026-03-02T20:00:00Z"}).json()["now"] == state["now"]
    assert ask(broker, "POST", "/rehearsal/halt", {"symbol": "AAPL"}).json()["halted"] == ["AAPL"]
    assert ask(broker, "POST", "/rehearsal/tick", {"symbol": "AAPL", "price": "-1"}).status_code == 422


# ── what single ones must do ────────────────────────────────────────────────────────────────────────────────────────


def test_a_late_fill_is_booked_on_the_cancelled_order() -> None:
    session = Session("late-fill-after-cancel")
    session.ask("POST", "/v2/orders", {**REST, "client_order_id": "late"})
    ticket = session.venue.find("late")
    assert ticket is not None
    assert session.ask("DELETE", f"/v2/orders/{ticket.id}").status == 204
    assert (ticket.status, ticket.filled) == ("filled", 10)
    assert [u["event"] for u in session.heard if isinstance(u, dict)] == ["new", "canceled", "fill"]


def test_an_order_lands_after_the_first_look_up() -> None:
    session = Session("lands-late")
    session.ask("POST", "/v2/orders", {**BUY, "client_order_id": "x"})
    assert session.venue.find("x") is None
    session.look("x")
    session.look("x")
    looks = [told for told in session.heard if isinstance(told, tuple) and told[1].endswith("client_order_id")]
    assert looks[0][2].status == 404 and looks[1][2][0] == 200


def test_a_busted_trade_gives_everything_back() -> None:
    session = Session()
    session.ask("POST", "/v2/orders", {**BUY, "client_order_id": "x"})
    (fill,) = session.venue.activities
    bust(session.venue, fill["id"].partition("::")[2])
    account = session.venue.exchange.account
    assert (account.cash, account.positions["AAPL"].quantity) == (100_000, 0)
    balanced(session.venue)


def test_a_corrected_trade_is_the_one_it_replaces_at_another_price() -> None:
    session = Session()
    session.ask("POST", "/v2/orders", {**BUY, "client_order_id": "x"})
    (fill,) = session.venue.activities
    bust(session.venue, fill["id"].partition("::")[2], Decimal("201.5"))
    account, ticket = session.venue.exchange.account, session.venue.find("x")
    assert (account.cash, account.positions["AAPL"].quantity) == (100_000 - 2_015, 10)
    assert ticket is not None and (ticket.filled, ticket.average, ticket.status) == (10, Decimal("201.5"), "filled")
    told = [u for u in session.heard if isinstance(u, dict)][-1]
    assert (told["event"], told["previous_execution_id"]) == ("trade_correct", fill["id"].partition("::")[2])
    balanced(session.venue)


def test_orders_and_prices_follow_a_split() -> None:
    session = Session()
    session.ask("POST", "/v2/orders", BUY)
    session.ask("POST", "/v2/orders", {**REST, "symbol": "AAPL", "limit_price": "190", "client_order_id": "rest"})
    session.ask("POST", "/rehearsal/split", {"symbol": "AAPL", "ratio": "2"})
    rest = session.venue.find("rest")
    assert rest is not None and (rest.qty, rest.limit_price) == (20, 95)
    assert session.venue.exchange.account.positions["AAPL"].quantity == 20
    session.venue.tick("AAPL", "94")
    assert (rest.filled, rest.average) == (20, 94)
    balanced(session.venue)
