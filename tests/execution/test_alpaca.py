"""The account at Alpaca: three answers, no second POST, exact numbers, and words that are new."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aura_lib.core import (
    AssetClass,
    BookingKind,
    BrokerRejected,
    BrokerUnavailable,
    InputError,
    Instrument,
    Intent,
    Mode,
    Order,
    OrderStatus,
    OrderType,
    OutcomeUnknown,
    Side,
    TimeInForce,
    option_of,
    utc,
)
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys, activities, missing, words
from aura_lib.execution.brokers.alpaca.door import Door, inside, never_arrived
from aura_lib.execution.brokers.alpaca.listener import Line
from aura_lib.execution.brokers.rehearsal import mishaps
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, HTML, LOOK_UP, ORDER, ORDERS, Fault, Reply
from tests.rehearsal import NOON, rehearsal_server

AAPL = Instrument("AAPL", lot=words.SHARE)
PATIENCE = 60.0  # seconds that a condition may take


def order(client_id: str, quantity: str = "10", side: str = "buy", instrument: Instrument = AAPL, **wish: Any) -> Order:
    for name in ("limit_price", "stop_price", "trail_amount", "trail_percent", "take_profit", "stop_loss"):
        if name in wish:
            wish[name] = Decimal(wish[name])
    intent = Intent(instrument, Side(side), Decimal(quantity), **wish)
    return Order(client_id, "live", "m", "basket", 0, 1, intent, NOON, OrderStatus.SENDING)


def limit(client_id: str, quantity: str = "10", price: str = "150", **wish: Any) -> Order:
    return order(client_id, quantity, type=OrderType.LIMIT, limit_price=price, **wish)


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    with rehearsal_server() as served:
        yield served


def keys_of(rehearsal: Rehearsal) -> Keys:
    return Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url, rehearsal.stream_url)


@pytest.fixture
def broker(rehearsal: Rehearsal) -> Iterator[AlpacaBroker]:
    keys = keys_of(rehearsal)
    made = AlpacaBroker(keys, "live", grace=0, door=Door(keys, timeout=(PATIENCE, PATIENCE)))
    yield made
    made.close()


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


@contextmanager
def impatient(broker: AlpacaBroker, reply: Reply) -> Iterator[None]:
    """Do not wait long for what never comes; for anything else as long as it takes."""
    broker._door._timeout = (PATIENCE, 0.3 if reply.hang else PATIENCE)
    yield
    broker._door._timeout = (PATIENCE, PATIENCE)


def later(broker: AlpacaBroker) -> None:
    """As if the time had passed for which Alpaca wants to be left alone."""
    broker._door._pace._closed_until = float("-inf")


def posts(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    return [r.body for r in rehearsal.asked if r.method == "POST"]


def refusal(status: int, code: int | None, message: str = "no") -> Reply:
    body = {"message": message} if code is None else {"code": code, "message": message}
    return Reply(status, json.dumps(body).encode())


# ── three answers ───────────────────────────────────────────────────────────────────────────────────────────────────

LOST = {
    "504": refusal(504, 50410000), "500": refusal(500, 50010000), "502 html": Reply(502, HTML, "text/html"),
    "429": refusal(429, 42910000, "too many requests"), "429 html": Reply(429, HTML, "text/html"),
    "408": refusal(408, 40810000), "403 html": Reply(403, HTML, "text/html"), "422 no code": refusal(422, None),
    "empty": Reply(200, b""), "html": Reply(200, HTML, "text/html"), "half": Reply(200, b'{"id": "1'),
    "text": Reply(200, b'"ok"'), "redirect": Reply(302, b"", headers=(("Location", "/elsewhere"),)),
    "no order": Reply(200, b"{}"), "cut": Reply(cut=True), "silence": Reply(hang=True),
}  # fmt: skip


@pytest.mark.parametrize("arrives", [True, False], ids=["booked", "never booked"])
@pytest.mark.parametrize("reply", LOST.values(), ids=LOST)
def test_what_may_have_arrived_is_unknown_and_is_sent_once(
    broker: AlpacaBroker, rehearsal: Rehearsal, reply: Reply, arrives: bool
) -> None:
    rehearsal.weather.faults.append(Fault("POST", ORDERS, reply, does=arrives))
    with impatient(broker, reply), pytest.raises(OutcomeUnknown):
        broker.submit(limit("one"))
    until(lambda: len(posts(rehearsal)) == 1)
    later(broker)
    found = broker.find("one")
    assert (found is not None) == arrives and len(posts(rehearsal)) == 1
    if arrives:
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(limit("one"))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(403, 40310000, "insufficient buying power"), "insufficient buying power"),
        (refusal(422, 42210000, "limit price too low"), "limit price too low"),
        (refusal(401, 40110000, "request is not authorized"), "check the account's keys"),
        (refusal(400, 40010000, "malformed"), "malformed"),
        (refusal(404, 40410000, "asset not found"), "asset not found"),
    ],
)
def test_what_alpaca_refuses_in_its_own_words_is_refused(
    broker: AlpacaBroker, rehearsal: Rehearsal, reply: Reply, words: str
) -> None:
    rehearsal.weather.faults.append(Fault("POST", ORDERS, reply, does=False))
    with pytest.raises(BrokerRejected, match=words):
        broker.submit(limit("one"))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_refused_connection_never_arrived(rehearsal: Rehearsal) -> None:
    nowhere = AlpacaBroker(Keys(Mode.PAPER, "K", "S", f"http://127.0.0.1:{closed_port()}"), grace=0)
    for call in (lambda: nowhere.submit(limit("one")), lambda: nowhere.find("one"), nowhere.snapshot, nowhere.orders):
        with pytest.raises(BrokerUnavailable):
            call()
    nowhere.close()


def test_a_host_that_is_none_a_certificate_that_is_none_and_a_slow_connection_never_arrived() -> None:
    import ssl

    from requests import exceptions
    from urllib3.connection import HTTPConnection
    from urllib3.exceptions import (
        MaxRetryError,
        NameResolutionError,
        NewConnectionError,
        ProtocolError,
        ReadTimeoutError,
    )
    from urllib3.exceptions import SSLError as Tls

    to = HTTPConnection("broker.example")
    pool: Any = None
    never = [
        exceptions.ConnectTimeout(),
        exceptions.ConnectionError(MaxRetryError(pool, "/", NameResolutionError("x", to, socket.gaierror()))),
        exceptions.ConnectionError(MaxRetryError(pool, "/", NewConnectionError(to, "refused"))),
        exceptions.SSLError(MaxRetryError(pool, "/", Tls(ssl.SSLCertVerificationError("self-signed")))),
    ]
    perhaps = [
        exceptions.ReadTimeout(ReadTimeoutError(pool, "/", "slow")),
        exceptions.ConnectionError(ProtocolError("aborted", ConnectionResetError())),
        exceptions.SSLError(MaxRetryError(pool, "/", Tls(ssl.SSLError("decryption failed")))),
        exceptions.ChunkedEncodingError(),
        OSError("anything"),
    ]
    assert [never_arrived(e) for e in never] == [True] * 4 and [never_arrived(e) for e in perhaps] == [False] * 5


@pytest.mark.parametrize("reply", [LOST["504"], LOST["html"], LOST["cut"], LOST["silence"], LOST["429"], LOST["empty"]])
def test_a_question_that_is_not_answered_is_no_answer(broker: AlpacaBroker, rehearsal: Rehearsal, reply: Reply) -> None:
    broker.submit(limit("one"))
    questions: dict[str, Callable[[], object]] = {
        LOOK_UP: lambda: broker.find("one"), r"/v2/positions": broker.snapshot, ORDERS: broker.orders,
        r"/v2/account/activities.*": broker.fills, r"/v2/account/activities": broker.bookings,
    }  # fmt: skip
    for path, ask in questions.items():
        rehearsal.weather.clear()
        rehearsal.weather.faults.append(Fault("GET", path, reply))
        later(broker)
        with impatient(broker, reply), pytest.raises(BrokerUnavailable):
            ask()


def test_not_found_in_other_words_proves_nothing(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    for reply in (refusal(404, 40410000, "endpoint not found."), Reply(404, HTML, "text/html"), refusal(404, 404)):
        rehearsal.weather.faults.append(Fault("GET", LOOK_UP, reply, does=False))
        with pytest.raises(BrokerUnavailable):
            broker.find("one")


def test_not_found_proves_nothing_until_the_order_had_time_to_arrive(rehearsal: Rehearsal) -> None:
    now = [1000.0]
    broker = AlpacaBroker(keys_of(rehearsal), grace=10, now=lambda: now[0])
    with pytest.raises(BrokerUnavailable, match="yet"):
        broker.find("of before a crash")  # who was here before may have sent it a moment ago
    now[0] += 11
    assert broker.find("of before a crash") is None
    rehearsal.weather.faults.append(Fault("POST", ORDERS, LOST["504"], does=False))
    with pytest.raises(OutcomeUnknown):
        broker.submit(limit("one"))
    with pytest.raises(BrokerUnavailable, match="yet"):
        broker.find("one")
    now[0] += 11
    assert broker.find("one") is None
    broker.close()


def test_an_answer_about_another_order_is_not_bound_to_ours(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    def another(scene: Any, body: Any) -> Any:
        return {**body, "qty": "7"}

    rehearsal.weather.faults.append(Fault("POST", ORDERS, change=another))
    with pytest.raises(OutcomeUnknown, match="another order"):
        broker.submit(limit("one"))


def test_cancel_and_replace_have_the_same_three_answers(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    broker.submit(limit("one"))
    for method, command in (
        ("DELETE", lambda: broker.cancel("one")),
        ("PATCH", lambda: broker.replace(limit("one"), limit("two", price="151"))),
    ):
        for reply in (LOST["504"], LOST["cut"], LOST["429"], Reply(502, HTML, "text/html")):
            rehearsal.weather.faults.append(Fault(method, ORDER, reply, does=False))
            later(broker)
            with pytest.raises(OutcomeUnknown):
                command()
        later(broker)
        rehearsal.weather.faults.append(Fault(method, ORDER, refusal(422, 42210000, "not cancelable"), does=False))
        with pytest.raises(BrokerRejected, match="not cancelable"):
            command()
    assert broker.find("one") is not None


# ── the client ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_alpaca_py_has_the_inner_parts_that_are_reached_for_and_its_retries_are_off(broker: AlpacaBroker) -> None:
    client = broker._door.client
    assert (client._retry, client._retry_codes, client._use_raw_data) == (0, [], True)
    with pytest.raises(InputError, match=r"has no TradingClient\._gone, which 0\.44 had"):
        inside(client, "_session", "_gone")


def test_numbers_go_out_as_they_are(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    wish = order("one", "1.000000001", time_in_force=TimeInForce.DAY, type=OrderType.LIMIT, limit_price="123.4567")
    body = words.fields(wish)
    assert (body["qty"], body["limit_price"]) == ("1.000000001", "123.4567")
    broker.submit(order("two", "0.123456789"))
    assert posts(rehearsal)[0]["qty"] == "0.123456789", "a float would have gone out with a tail or without its digits"
    assert json.loads(json.dumps(float(Decimal("0.1") + Decimal("0.2")))) == 0.3
    large = Decimal("123456789012345.678")  # more digits than a float has
    assert words.text(large) == "123456789012345.678" and Decimal(repr(float(large))) != large


def test_numbers_come_in_as_they_were_written(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    def as_floats(scene: Any, body: Any) -> Any:
        return {**body, "cash": 1234567890123.25, "equity": 0.1}

    rehearsal.weather.faults.append(Fault("GET", "/v2/account", times=FOR_EVER, change=as_floats))
    snapshot = broker.snapshot()
    assert (snapshot.cash, snapshot.equity) == (Decimal("1234567890123.25"), Decimal("0.1"))


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, {"type": "market", "time_in_force": "day"}),
        ({"type": OrderType.STOP, "stop_price": "190"}, {"type": "stop", "stop_price": "190"}),
        (
            {"type": OrderType.STOP_LIMIT, "stop_price": "190", "limit_price": "189.50"},
            {"type": "stop_limit", "stop_price": "190", "limit_price": "189.5"},
        ),
        ({"type": OrderType.TRAILING_STOP, "trail_percent": "2.5"}, {"type": "trailing_stop", "trail_percent": "2.5"}),
        ({"type": OrderType.TRAILING_STOP, "trail_amount": "1.50"}, {"type": "trailing_stop", "trail_price": "1.5"}),
        (
            {"type": OrderType.BRACKET, "limit_price": "190", "take_profit": "210", "stop_loss": "180"},
            {
                "type": "limit", "limit_price": "190", "order_class": "bracket",
                "take_profit": {"limit_price": "210"}, "stop_loss": {"stop_price": "180"},
            },
        ),
        (
            {"type": OrderType.BRACKET, "stop_price": "205", "take_profit": "210"},
            {"type": "stop", "stop_price": "205", "order_class": "oto", "take_profit": {"limit_price": "210"}},
        ),
        (
            {"type": OrderType.LIMIT, "limit_price": "190", "extended_hours": True},
            {"type": "limit", "limit_price": "190", "extended_hours": True},
        ),
    ],
)  # fmt: skip
def test_an_order_in_alpacas_words(wish: dict[str, Any], expected: dict[str, Any]) -> None:
    told = words.fields(order("one", **wish))
    always = {"symbol": "AAPL", "qty": "10", "side": "buy", "client_order_id": "one", "time_in_force": "day"}
    assert told == always | expected


OPTION = option_of("AAPL260320C00150000")
BITCOIN = Instrument("BTC/USD", AssetClass.CRYPTO, lot=words.SHARE, tick=words.SHARE, venue="24/7")


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (order("x", instrument=OPTION, type=OrderType.TRAILING_STOP, trail_amount="1"), "not possible for options"),
        (order("x", instrument=OPTION, time_in_force=TimeInForce.GTC), "gtc is not possible for options"),
        (order("x", instrument=BITCOIN), "day is not possible for crypto"),
        (order("x", instrument=BITCOIN, type=OrderType.STOP, stop_price="1", time_in_force=TimeInForce.GTC), "crypto"),
        (order("x", "1.5", time_in_force=TimeInForce.GTC), "gtc is not possible for fractions"),
        (order("x", "1.5", type=OrderType.TRAILING_STOP, trail_amount="1"), "not possible for fractions"),
        (order("x", extended_hours=True), "market is not possible for extended hours"),
        (order("x", type=OrderType.STOP, stop_price="1", time_in_force=TimeInForce.OPG), "opg orders"),
        (order("x", instrument=Instrument("EURUSD", AssetClass.FX)), "fx is not among"),
    ],
)
def test_what_alpaca_never_takes_is_refused_before_the_wire(
    broker: AlpacaBroker, rehearsal: Rehearsal, wish: Order, why: str
) -> None:
    assert why in broker.capabilities.refusal(wish.intent)
    with pytest.raises(BrokerRejected, match="alpaca"):
        broker.submit(wish)
    assert not posts(rehearsal)


def test_crypto_and_options_are_traded_and_told_by_their_own_names(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    coin = order("coin", "0.5", instrument=BITCOIN, time_in_force=TimeInForce.GTC)
    assert broker.submit(coin).status in (OrderStatus.FILLED, OrderStatus.ACCEPTED)
    rehearsal.venue.tick("BTC/USD", Decimal(50000))
    assert broker.snapshot().holdings["BTC/USD"].quantity == Decimal("0.5"), "Alpaca's positions say BTCUSD"
    ((_, fill),) = broker.fills()
    assert (fill.symbol, fill.instrument.asset_class, fill.client_id) == ("BTC/USD", AssetClass.CRYPTO, "coin")


# ── words that are new ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_status_that_is_new_is_kept_and_the_order_is_open(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    def renamed(scene: Any, body: Any) -> Any:
        return {**body, "status": "pending_quantum", "time_in_force": "gtx", "type": "hyper"}

    broker.submit(limit("one"))
    rehearsal.weather.faults.append(Fault("GET", LOOK_UP, change=renamed))
    found = broker.find("one")
    assert found is not None and found.status is OrderStatus.ACCEPTED and "pending_quantum" in found.reason
    assert found.intent is None, "a type that is new cannot be said in our words"


@pytest.mark.parametrize("status", sorted(words.OPEN | set(words.STATUSES)))
@pytest.mark.parametrize("filled", ["0", "3"])
def test_every_status_is_one_of_ours(status: str, filled: str) -> None:
    told = {"id": "1", "client_order_id": "c", "status": status, "filled_qty": filled, "qty": "5", "symbol": "A"}
    ours = words.broker_order({**told, "side": "buy", "type": "market", "time_in_force": "day"})
    assert ours.filled == Decimal(filled) and not ours.reason
    if status not in words.STATUSES:
        assert ours.status is (OrderStatus.PARTIALLY_FILLED if filled == "3" else OrderStatus.ACCEPTED)


def test_an_order_from_elsewhere_and_held_legs_are_told(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    body = {"symbol": "MSFT", "qty": "3", "side": "buy", "type": "limit", "limit_price": "390", "time_in_force": "gtc"}
    mishaps.outside(rehearsal.venue, body)
    wish = {"type": OrderType.BRACKET, "limit_price": "150", "take_profit": "250", "stop_loss": "140"}
    broker.submit(order("ours", time_in_force=TimeInForce.GTC, **wish))
    told = {o.client_id: o for o in broker.orders()}
    foreign = next(o for c, o in told.items() if c.startswith("web-"))
    assert foreign.intent is not None and (foreign.intent.symbol, foreign.intent.quantity) == ("MSFT", 3)
    legs = [o for o in told.values() if o.parent == "ours"]
    assert [leg.status for leg in legs] == [OrderStatus.HELD, OrderStatus.HELD]
    assert {leg.intent.type for leg in legs if leg.intent} == {OrderType.LIMIT, OrderType.STOP}
    assert told["ours"].status is OrderStatus.ACCEPTED


def test_a_leg_is_known_by_its_parent_also_to_a_process_that_never_saw_that_one_open(
    broker: AlpacaBroker, rehearsal: Rehearsal
) -> None:
    broker.submit(order("ours", type=OrderType.BRACKET, take_profit="250", stop_loss="140"))
    rehearsal.venue.tick("AAPL", Decimal(200))
    later_one = AlpacaBroker(keys_of(rehearsal), grace=0)
    legs = later_one.orders()
    assert len(legs) == 2 and {leg.parent for leg in legs} == {"ours"}
    later_one.close()


def test_what_is_asked_besides_while_an_answer_is_read_does_not_make_a_taken_order_one_that_never_left(
    broker: AlpacaBroker, rehearsal: Rehearsal
) -> None:
    def chained(scene: Any, body: Any) -> Any:
        return {**body, "replaces": "an-order-from-elsewhere"}

    rehearsal.weather.faults.append(Fault("POST", ORDERS, change=chained))
    rehearsal.weather.faults.append(Fault("GET", ORDER, LOST["504"], does=False))
    with pytest.raises(OutcomeUnknown):
        broker.submit(limit("one"))
    assert broker.find("one") is not None


def test_more_open_orders_than_a_page_are_all_told(broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_lib.execution.brokers.alpaca import broker as module

    for n in range(7):
        broker.submit(limit(f"o{n}", "1", f"{100 + n}"))
    monkeypatch.setattr(module, "PAGE", 3)
    assert sorted(o.client_id for o in broker.orders()) == [f"o{n}" for n in range(7)]
    stuck = [{"id": str(n), "client_order_id": str(n), "submitted_at": "2026-03-02T17:00:00Z"} for n in range(3)]
    monkeypatch.setattr(broker._door, "get", lambda path, **query: stuck)
    with pytest.raises(BrokerUnavailable, match="not all can be told"):
        broker.orders()


def test_a_replacement_of_what_was_filled_meanwhile_is_refused_before_the_wire(
    broker: AlpacaBroker, rehearsal: Rehearsal
) -> None:
    broker.submit(limit("one", price="150"))
    rehearsal.venue.tick("AAPL", Decimal(149), size=4)
    with pytest.raises(BrokerRejected, match="with 4 filled"):
        broker.replace(limit("one"), limit("two", "10", "151"))
    assert not [r for r in rehearsal.asked if r.method == "PATCH"]
    known = replace(limit("one"), filled=Decimal(4))
    answer = broker.replace(known, limit("two", "6", "151"))
    assert answer.parent == "one" and answer.intent is not None and answer.intent.quantity == 6


def test_a_snapshot_is_of_one_moment_or_none(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    def buys(scene: Any) -> None:
        mishaps.outside(
            scene.venue, {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        )

    rehearsal.weather.faults.append(Fault("GET", "/v2/positions", after=buys))
    snapshot = broker.snapshot()
    assert snapshot.cash == 100_000 - 200 and snapshot.holdings["AAPL"].quantity == 1
    rehearsal.weather.faults.append(Fault("GET", "/v2/positions", after=buys, times=FOR_EVER))
    with pytest.raises(BrokerUnavailable, match="changed while"):
        broker.snapshot()


def test_a_blocked_account_says_why(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    def blocked(scene: Any, body: Any) -> Any:
        return {**body, "trading_blocked": True, "status": "ACCOUNT_CLOSED"}

    rehearsal.weather.faults.append(Fault("GET", "/v2/account", times=FOR_EVER, change=blocked))
    assert broker.snapshot().blocked == "trading_blocked, status ACCOUNT_CLOSED"


# ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_executions_are_told_page_by_page_and_from_a_cursor_on(
    broker: AlpacaBroker, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "PAGE", 2)
    for n in range(5):
        broker.submit(order(f"o{n}", "1"))
        rehearsal.venue.advance(rehearsal.venue.market.now + timedelta(minutes=1))
    told = broker.fills()
    assert [f.client_id for _, f in told] == [f"o{n}" for n in range(5)]
    assert [f.client_id for _, f in broker.fills(told[2][0])] == ["o3", "o4"]


def test_an_execution_that_is_written_down_late_is_told_all_the_same(rehearsal: Rehearsal) -> None:
    now = [0.0]
    broker = AlpacaBroker(keys_of(rehearsal), grace=0, now=lambda: now[0])
    for n in range(3):
        broker.submit(order(f"o{n}", "1"))
        rehearsal.venue.advance(rehearsal.venue.market.now + timedelta(minutes=1))
    late = rehearsal.venue.activities.pop(1)
    told = broker.fills()
    assert [f.client_id for _, f in told] == ["o0", "o2"]
    rehearsal.venue.activities.insert(1, late)
    assert broker.fills(told[-1][0]) == [], "it sorts before the cursor"
    now[0] += 61
    assert "o1" in [f.client_id for _, f in broker.fills(told[-1][0])]
    broker.close()


def test_a_cursor_that_was_taken_back_starts_a_day_before_it(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    for n in range(2):
        broker.submit(order(f"o{n}", "1"))
        rehearsal.venue.advance(rehearsal.venue.market.now + timedelta(minutes=1))
    (first, _), (last, fill) = broker.fills()
    mishaps.bust(rehearsal.venue, fill.execution_id.partition("::")[2])
    assert [cursor for cursor, _ in broker.fills(last)] == [first]


def test_what_came_before_the_account_was_kept_here_is_not_told(rehearsal: Rehearsal) -> None:
    since = NOON + timedelta(minutes=1)
    broker = AlpacaBroker(keys_of(rehearsal), since=since, grace=0)
    broker.submit(order("before", "1"))
    rehearsal.venue.advance(NOON + timedelta(minutes=5))
    broker.submit(order("after", "1"))
    assert [f.client_id for _, f in broker.fills()] == ["after"]
    broker.close()


def activity(kind: str, n: int = 0, **more: Any) -> dict[str, Any]:
    return {"id": f"20240301093000{n:03d}::{kind}-{n}", "activity_type": kind, "date": "2024-03-01", **more}


def test_the_time_of_an_activity_is_new_yorks() -> None:
    # the example of Alpaca's documentation: id 20190524113406977, transaction_time 2019-05-24T15:34:06.977Z
    assert activities.time_of("20190524113406977::x") == utc("2019-05-24T15:34:06.977+00:00")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (activity("DIV", net_amount="1.02", symbol="T", qty="2"), (BookingKind.DIVIDEND, "1.02", "T", "0")),
        (activity("DIVNRA", net_amount="-0.3", symbol="T"), (BookingKind.DIVIDEND, "-0.3", "T", "0")),
        (activity("INT", net_amount="-4.10"), (BookingKind.INTEREST, "-4.10", "", "0")),
        (activity("FEE", net_amount="-0.02"), (BookingKind.FEE, "-0.02", "", "0")),
        (activity("CSD", net_amount="1000"), (BookingKind.DEPOSIT, "1000", "", "0")),
        (activity("CSW", net_amount="-50"), (BookingKind.DEPOSIT, "-50", "", "0")),
        (activity("NEWKIND", net_amount="7"), (BookingKind.DEPOSIT, "7", "", "0")),
        (activity("SPLIT", symbol="AAPL", qty="30", net_amount="0"), (BookingKind.SPLIT, "0", "AAPL", "30")),
        (activity("CFEE", symbol="BTC/USD", qty="-0.0012"), (BookingKind.CASH_IN_LIEU, "0", "BTC/USD", "-0.0012")),
        (activity("ACATS", symbol="IBM", qty="5", price="120.5"), (BookingKind.IMPORT, "0", "IBM", "5")),
        (activity("OPEXP", symbol=OPTION.symbol, qty="-2"), (BookingKind.EXPIRY, "0", OPTION.symbol, "-2")),
    ],
)
def test_what_was_no_trade_in_our_words(told: dict[str, Any], expected: tuple[BookingKind, str, str, str]) -> None:
    ((cursor, booking),) = activities.bookings([told], "live")
    kind, cash, symbol, quantity = expected
    assert (cursor, booking.id, booking.account) == (told["id"], told["id"], "live")
    assert (booking.kind, booking.cash, booking.symbol, booking.quantity) == (
        kind, Decimal(cash), symbol, Decimal(quantity),
    )  # fmt: skip


def test_an_exercise_brings_the_shares_that_alpaca_tells_apart() -> None:
    # as in Alpaca's "Non-Trade Activities for Option Events": two calls at 150 exercised
    told = [
        activity("OPTRD", 1, symbol="AAPL", qty="200", net_amount="-30000", price="150"),
        activity("OPEXC", 2, symbol="AAPL230721C00150000", qty="-2", net_amount="0"),
    ]
    ((_, booking),) = activities.bookings(told, "live")
    assert (booking.kind, booking.quantity, booking.cash) == (BookingKind.EXERCISE, -2, -30_000)
    assert booking.delivered is not None and (booking.delivered.symbol, booking.units) == ("AAPL", 200)


def test_a_split_that_takes_all_units_and_gives_others_is_one() -> None:
    told = [activity("SPLIT", 1, symbol="A", qty="-10"), activity("SPLIT", 2, symbol="A", qty="40")]
    ((_, booking),) = activities.bookings(told, "live")
    assert (booking.kind, booking.quantity) == (BookingKind.SPLIT, 30)


def test_what_was_cancelled_and_units_in_words_that_are_new_are_left_to_the_comparison() -> None:
    told = [activity("DIV", net_amount="1", symbol="T", status="canceled"), activity("SPIN", symbol="X", qty="4")]
    assert activities.bookings(told, "live") == []


def test_dividends_and_deposits_of_the_venue_are_told(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    broker.submit(order("one"))
    mishaps.deposit(rehearsal.venue, Decimal(500))
    mishaps.dividend(rehearsal.venue, "AAPL", Decimal("0.25"))
    assert [(b.kind, b.cash) for _, b in broker.bookings()] == [
        (BookingKind.DEPOSIT, 500),
        (BookingKind.DIVIDEND, Decimal("2.5")),
    ]


# ── pace ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_429_alpaca_is_left_alone_for_as_long_as_it_says(broker: AlpacaBroker, rehearsal: Rehearsal) -> None:
    told = Reply(429, b'{"code": 42910000, "message": "slow"}', headers=(("Retry-After", "7"),))
    rehearsal.weather.faults.append(Fault("GET", LOOK_UP, told))
    for _ in range(3):
        with pytest.raises(BrokerUnavailable):
            broker.find("one")
    assert len(rehearsal.asked) == 1, "asked once, and then left alone"


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_named_and_never_shown(rehearsal: Rehearsal, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match="ALPACA_LIVE_API_KEY and ALPACA_LIVE_SECRET_KEY"):
        Keys.from_environment(Mode.LIVE, {"ALPACA_API_KEY": "PKpaper", "ALPACA_SECRET_KEY": "s"})
    assert missing(Mode.PAPER, {"ALPACA_API_KEY": "x"}) == ["ALPACA_SECRET_KEY"]
    rehearsal.key, rehearsal.secret = "PKabc123", "very-secret"
    keys = keys_of(rehearsal)
    broker = AlpacaBroker(keys, grace=0)
    said = [repr(keys), repr(broker)]
    leak = Reply(500, b"PKabc123 very-secret")
    rehearsal.weather.faults.append(Fault("GET|POST|DELETE", "/v2/.*", leak, times=FOR_EVER, does=False))
    for call in (lambda: broker.submit(limit("one")), lambda: broker.find("one"), broker.snapshot, broker.fills):
        with pytest.raises((OutcomeUnknown, BrokerUnavailable)) as caught:
            call()
        said.append(str(caught.value))
    refused = Reply(403, b'{"code": 40310000, "message": "PKabc123 may not, nor very-secret"}')
    rehearsal.weather.clear()
    rehearsal.weather.faults.append(Fault("POST", ORDERS, refused, does=False))
    with pytest.raises(BrokerRejected) as caught:
        broker.submit(limit("one"))
    text = " ".join([*said, str(caught.value), caplog.text])
    assert "PKabc123" not in text and "very-secret" not in text
    broker.close()


def test_keys_of_one_class_do_not_open_the_other_and_live_keys_go_nowhere_else() -> None:
    with pytest.raises(InputError, match="other class"):
        Keys(Mode.PAPER, "AKlive", "s")
    with pytest.raises(InputError, match="other class"):
        Keys(Mode.LIVE, "PKpaper", "s")
    with pytest.raises(InputError, match="nowhere else"):
        Keys(Mode.LIVE, "AKlive", "s", "http://127.0.0.1:1")
    environment = {"ALPACA_LIVE_API_KEY": "AK1", "ALPACA_LIVE_SECRET_KEY": "s", "ALPACA_TRADING_URL": "http://x"}
    assert Keys.from_environment(Mode.LIVE, environment).url is None


def test_a_live_account_is_rehearsed_on_this_machine_only_and_never_with_real_keys() -> None:
    here, stream = "http://127.0.0.1:9000", "ws://localhost:9000/stream"
    keys = Keys(Mode.LIVE, "REHEARSALKEY", "s", here, stream)
    assert (keys.url, keys.stream_url) == (here, stream)
    for url, of_stream in (
        ("https://evil.example", stream),
        (here, "wss://evil.example"),
        (here, None),
        (None, stream),
    ):
        with pytest.raises(InputError, match=r"rehearsed on this machine only: both ALPACA_LIVE_TRADING_URL"):
            Keys(Mode.LIVE, "REHEARSALKEY", "s", url, of_stream)
    environment = {
        "ALPACA_LIVE_API_KEY": "AK1", "ALPACA_LIVE_SECRET_KEY": "s",
        "ALPACA_LIVE_TRADING_URL": here, "ALPACA_LIVE_STREAM_URL": stream,
    }  # fmt: skip
    with pytest.raises(InputError, match="live keys go to Alpaca itself and nowhere else"):
        Keys.from_environment(Mode.LIVE, environment)


# ── the stream ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def heard(rehearsal: Rehearsal) -> Iterator[list[float]]:
    """When a listener was woken; it listens until the test is over."""
    woken: list[float] = []
    stopped = threading.Event()
    line = Line(keys_of(rehearsal), first=0.01, rng=np.random.default_rng(1))
    thread = threading.Thread(target=line.listen, args=(lambda: woken.append(time.monotonic()), stopped), daemon=True)
    thread.start()
    yield woken
    stopped.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_stream_wakes_on_connection_on_news_and_after_it_was_cut(
    broker: AlpacaBroker, rehearsal: Rehearsal, heard: list[float]
) -> None:
    until(lambda: bool(heard) and bool(rehearsal.streams))
    before = len(heard)
    broker.submit(limit("one"))
    until(lambda: len(heard) > before)
    rehearsal.cut_streams()
    until(lambda: not rehearsal.streams)
    before = len(heard)
    until(lambda: bool(rehearsal.streams) and len(heard) > before)


def test_a_mute_stream_wakes_all_the_same_and_is_made_anew(rehearsal: Rehearsal) -> None:
    woken: list[int] = []
    stopped = threading.Event()
    line = Line(keys_of(rehearsal), quiet=0.01, stale=0.2, first=0.01, rng=np.random.default_rng(1))
    connections: list[Any] = []
    connect = line._stream
    line._stream = lambda: connections.append(connect()) or connections[-1]  # type: ignore[method-assign]
    thread = threading.Thread(target=line.listen, args=(lambda: woken.append(1), stopped), daemon=True)
    thread.start()
    until(lambda: len(connections) > 2 and len(woken) > 5)
    stopped.set()
    thread.join(PATIENCE)


def test_the_wait_between_attempts_grows_is_never_the_same_and_has_an_end() -> None:
    line = Line(Keys(Mode.PAPER, "K", "S", "http://127.0.0.1:9"), rng=np.random.default_rng(3))
    waits = [line.wait(n) for n in (1, 2, 3, 50, 50)]
    assert 0.5 <= waits[0] <= 1 and 1 <= waits[1] <= 2 and 2 <= waits[2] <= 4
    assert all(30 <= w <= 60 for w in waits[3:]) and waits[3] != waits[4]


def test_a_stream_with_wrong_keys_tries_on_quietly_and_stops_when_told(rehearsal: Rehearsal) -> None:
    stopped = threading.Event()
    wrong = replace(keys_of(rehearsal), secret="wrong")
    line = Line(wrong, first=0.01, rng=np.random.default_rng(1))
    woken: list[int] = []
    thread = threading.Thread(target=line.listen, args=(lambda: woken.append(1), stopped), daemon=True)
    thread.start()
    stopped.wait(0.2)
    stopped.set()
    thread.join(PATIENCE)
    assert not thread.is_alive() and not woken
