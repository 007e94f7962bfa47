"""Whatever is thrown at the rehearsal broker is answered as the real one answers it, never with an error of ours."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_lib.execution.brokers.rehearsal.control import served
from aura_lib.execution.brokers.rehearsal.routes import Request
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from aura_lib.execution.brokers.rehearsal.weather import Weather
from tests.rehearsal import ask, rehearsal_venue

GOOD: dict[str, Any] = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
LIMIT = {**GOOD, "type": "limit", "limit_price": "190"}


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"symbol": "NOPE"}, 422, 42210000, 'asset "NOPE" not found'),
        ({"symbol": "GONE"}, 422, 42210000, 'asset "GONE" is not active'),
        ({"symbol": None}, 422, 42210000, "symbol is required"),
        ({"qty": "-1"}, 422, 42210000, "qty must be > 0"),
        ({"qty": "0"}, 422, 42210000, "qty must be > 0"),
        ({"qty": None}, 422, 42210000, "qty or notional is required"),
        ({"notional": "100"}, 422, 42210000, "only one of qty or notional is accepted"),
        ({"qty": "a few"}, 400, 40010000, "request body format is invalid: qty must be a number"),
        ({"qty": "NaN"}, 400, 40010000, "request body format is invalid: qty must be a number"),
        ({"qty": True}, 400, 40010000, "request body format is invalid: qty must be a number"),
        ({"qty": "1e40"}, 422, 42210000, "qty is too large"),
        ({"qty": "0.12345678912"}, 422, 42210000, "qty must be limited to 9 decimal places"),
        ({"qty": "0.5", "time_in_force": "gtc"}, 422, 42210000, "fractional orders must be DAY orders"),
        ({"symbol": "BRK.A", "qty": "0.5"}, 422, 42210000, 'asset "BRK.A" is not fractionable'),
        ({"qty": None, "notional": "0.5"}, 403, 40310000, "cost basis must be >= minimal amount of order 1"),
        ({"side": "hold"}, 422, 42210000, "invalid side"),
        ({"type": "guess"}, 422, 42210000, "invalid type"),
        ({"type": None}, 422, 42210000, "type is required"),
        ({"time_in_force": "soon"}, 422, 42210000, "invalid time_in_force"),
        ({"order_class": "duel"}, 422, 42210000, "invalid order_class"),
        ({"limit_price": "5"}, 422, 42210000, "market orders must not have limit price"),
        ({"type": "limit"}, 422, 42210000, "limit orders require limit price"),
        ({"type": "stop"}, 422, 42210000, "stop orders require stop price"),
        ({"type": "trailing_stop"}, 422, 42210000, "trailing stop orders require either trail price or trail percent"),
        ({"type": "limit", "limit_price": "190.123"}, 422, 42210000, "invalid limit_price 190.123."),
        ({"order_class": "bracket"}, 422, 42210000, "bracket orders require take_profit.limit_price"),
        ({"order_class": "bracket", "take_profit": {"limit_price": "190"}, "stop_loss": {"stop_price": "195"}}, 422,
         42210000, "take_profit.limit_price must be > stop_loss.stop_price"),
        ({"order_class": "bracket", "take_profit": {"limit_price": "190"}, "stop_loss": {"stop_price": "180"}}, 422,
         42210000, "take_profit.limit_price must be >= base_price"),
        ({"take_profit": {"limit_price": "190"}}, 422, 42210000, "take_profit is only accepted for bracket"),
        ({"order_class": "bracket", "take_profit": 5}, 400, 40010000, "request body format is invalid"),
        ({"order_class": "mleg"}, 422, 42210000, "legs is required for the mleg order class"),
        ({"client_order_id": "x" * 129}, 422, 42210000, "client_order_id must be no more than 128 characters"),
        ({"client_order_id": 5}, 400, 40010000, "request body format is invalid"),
        ({"extended_hours": True}, 422, 42210000, "extended hours order must be DAY or GTC limit orders"),
        ({"extended_hours": "yes"}, 400, 40010000, "request body format is invalid"),
        ({"symbol": "BTC/USD", "time_in_force": "day"}, 422, 42210000, "invalid crypto time_in_force"),
        ({"symbol": "AAPL260230C00200000"}, 422, 42210000, 'asset "AAPL260230C00200000" not found'),
        ({"qty": "1001"}, 403, 40310000, "insufficient buying power"),
        ({"symbol": "BTC/USD", "side": "sell", "time_in_force": "gtc"}, 403, 40310000, "insufficient qty available"),
    ],
)  # fmt: skip
def test_a_bad_order_is_refused_with_its_reason(
    broker: Rehearsal, change: dict[str, Any], status: int, code: int, message: str
) -> None:
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    answer = ask(broker, "POST", "/v2/orders", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["message"].startswith(message)
    assert ask(broker, "GET", "/v2/orders?status=all").json() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"", b"\xff\xfe", b'{"qty": NaN}', b"[" * 50_000])
def test_a_body_that_is_no_order_is_malformed_or_incomplete(broker: Rehearsal, body: bytes) -> None:
    answer = ask(broker, "POST", "/v2/orders", body)
    assert answer.status_code in (400, 422) and answer.json()["code"] in (40010000, 42210000)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/orders/nobody", 404),
        ("GET", "/v2/orders:by_client_order_id", 404),
        ("GET", "/v2/orders:by_client_order_id?client_order_id=nobody", 404),
        ("DELETE", "/v2/orders/nobody", 404),
        ("PATCH", "/v2/orders/nobody", 404),
        ("GET", "/v2/orders?status=maybe", 422),
        ("GET", "/v2/orders?limit=0", 422),
        ("GET", "/v2/orders?limit=501", 422),
        ("GET", "/v2/orders?after=yesterday", 422),
        ("GET", "/v2/orders?direction=up", 422),
        ("GET", "/v2/positions/AAPL", 404),
        ("GET", "/v2/positions/NOPE", 404),
        ("DELETE", "/v2/positions/AAPL", 404),
        ("GET", "/v2/assets/NOPE", 404),
        ("GET", "/v2/calendar?start=x", 422),
        ("GET", "/v2/account/activities?page_size=0", 422),
        ("GET", "/v2/account/activities?page_token=nothing", 422),
        ("GET", "/v2/account/portfolio/history?period=1X", 422),
        ("GET", "/v2/account/portfolio/history?timeframe=7Min", 422),
        ("GET", "/v2/stocks/bars", 422),
        ("GET", "/v2/stocks/bars?symbols=AAPL&timeframe=1Fortnight", 422),
        ("GET", "/v2/options/contracts?underlying_symbols=AAPL&type=straddle", 422),
        ("GET", "/v2/options/contracts/AAPL", 404),
        ("GET", "/v3/orders", 404),
        ("POST", "/v2/clock", 405),
        ("POST", "/rehearsal/nothing", 404),
        ("POST", "/rehearsal/tick", 422),
    ],
)
def test_a_bad_question_is_answered(broker: Rehearsal, method: str, path: str, status: int) -> None:
    answer = ask(broker, method, path, {} if method != "GET" else None)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) >= {"code", "message"}


@pytest.mark.parametrize(
    "headers", [{}, {"APCA-API-KEY-ID": "no", "APCA-API-SECRET-KEY": "no"}, {"Authorization": "Bearer x"}]
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/account"), ("POST", "/v2/orders"), ("POST", "/rehearsal/tick")]
)
def test_wrong_keys_open_nothing(broker: Rehearsal, headers: dict[str, str], method: str, path: str) -> None:
    answer = ask(broker, method, path, GOOD if method == "POST" else None, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, 40110000)
    assert not broker.venue.tickets


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(), st.text(max_size=8), st.just([]), st.just({}),
    st.sampled_from(["buy", "sell", "AAPL", "BTC/USD", "market", "limit", "stop_limit", "gtc", "ioc", "oco"]),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["symbol", "qty", "notional", "side", "type", "time_in_force", "order_class", "limit_price", "stop_price", "legs",
     "trail_price", "trail_percent", "take_profit", "stop_loss", "extended_hours", "client_order_id", "position_intent"]
)  # fmt: skip
PARTS = st.dictionaries(st.sampled_from(["limit_price", "stop_price"]), VALUES, max_size=2)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.dictionaries(FIELDS, VALUES | PARTS, max_size=5), st.booleans()), max_size=4))
def test_no_body_breaks_the_venue_or_its_books(bodies: list[tuple[dict[str, Any], bool]]) -> None:
    venue = rehearsal_venue()
    weather = Weather()
    for change, limits in bodies:
        body = {**(LIMIT if limits else GOOD), **change}
        content = json.dumps(body).encode()
        answer = served(venue, weather, Request("POST", "/v2/orders", {}, content))
        assert answer.status in (200, 400, 403, 422)
        if answer.status == 200:
            patched = served(venue, weather, Request("PATCH", f"/v2/orders/{answer.body['id']}", {}, content))
            assert patched.status in (200, 400, 403, 422)
    for path in ("/v2/account", "/v2/positions", "/v2/orders", "/v2/account/activities"):
        assert served(venue, weather, Request("GET", path)).status == 200
    cash = Decimal(100_000)
    for activity in served(venue, weather, Request("GET", "/v2/account/activities")).body:
        sign = 1 if activity["side"] == "sell" else -1
        cash += sign * Decimal(activity["qty"]) * Decimal(activity["price"])
    assert venue.exchange.account.cash == cash
    venue.close()


def test_many_at_once_with_one_id_place_one_order(broker: Rehearsal) -> None:
    def send(n: int) -> int:
        return ask(broker, "POST", "/v2/orders", {**GOOD, "client_order_id": f"id-{n % 10}"}).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(80)))
    assert sorted(answers) == [200] * 10 + [422] * 70
    assert ask(broker, "GET", "/v2/positions/AAPL").json()["qty"] == "10"
    fills = ask(broker, "GET", "/v2/account/activities/FILL").json()
    assert len({f["order_id"] for f in fills}) == 10
