"""The order is sent, and what comes back says nothing, too little, or something untrue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from aura_lib.execution.brokers.rehearsal.answers import missing
from aura_lib.execution.brokers.rehearsal.mishaps import outside, reject
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import scenario
from aura_lib.execution.brokers.rehearsal.submission import submit
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, HTML, LOOK_UP, ORDERS, Fault, Reply, Scene, Weather

ASK = "mark it unknown, look its client id up among open and closed orders, and never send it again unasked"
UNKNOWN = "an answer that cannot be read after the bytes have left is unknown, not refused"


def error(status: int, message: str, code: int = 0) -> Reply:
    """An error in the words of the interface."""
    return Reply(status, json.dumps({"code": code or status * 100_000, "message": message}).encode())


def accepted(reply: Reply, **words: Any) -> Fault:
    """The venue books the order; something else is answered."""
    return Fault("POST", ORDERS, reply, good=True, **words)


@scenario("timeout-after-accept", "POST books the order and never answers", "scrtlabs/catalyst#315", ASK)
def _timeout(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(hang=True)))


@scenario(
    "504-after-accept", "POST books the order and answers 504", "nautechsystems/nautilus_trader#4215",
    "evidence for the id ends every retry; 'must be unique' means that the first one is there, not that it was refused",
)  # fmt: skip
def _gateway_timeout(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(504, "gateway timeout")))


@scenario("502-html-after-accept", "POST books the order and answers 502 with a page", "tedchou12/webull#158", UNKNOWN)
def _bad_gateway(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(502, HTML, "text/html")))


@scenario(
    "503-after-accept", "POST books the order and answers 503, overloaded", "hummingbot/hummingbot#6123",
    "overloaded is no refusal: look it up by client id before anything else",
)  # fmt: skip
def _overloaded(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(503, "service overloaded, try again later")))


@scenario(
    "error-but-done", "POST answers 500 with an error, and the order goes through", "alpacahq/Alpaca-API#270", ASK
)
def _error_but_done(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(500, "internal server error occurred")))


@scenario("empty-after-accept", "POST books the order and answers 200 with nothing", "ccxt/ccxt#527", UNKNOWN)
def _empty(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(200, b"")))


@scenario("no-json-after-accept", "POST books the order; half of its JSON comes", "marketcalls/openalgo#721", UNKNOWN)
def _half(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(200, b'{"id": "8c3f')))


@scenario("html-with-200", "POST books the order and answers 200 with a page", "anthonymorast/AllyInvest.py#4", UNKNOWN)
def _page(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(200, HTML, "text/html")))


@scenario("reset-after-accept", "POST books the order and the connection drops", "ccxt/ccxt#7411", ASK)
def _reset(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(Reply(cut=True)))


@scenario(
    "filled-before-look-up", "POST times out, the order fills and is closed: the open list is empty", "ccxt/ccxt#1880",
    "look at closed orders and executions before concluding anything from an empty list",
)  # fmt: skip
def _filled_first(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(504, "gateway timeout"), after=_fill_now))


def _fill_now(scene: Scene) -> None:
    """The market comes to the order."""
    ticket = scene.ticket
    price = ticket.limit_price or ticket.stop_price
    if price is not None and ticket.open:
        scene.venue.tick(ticket.symbol, price)


@scenario(
    "not-found-then-found", "POST times out; the first look-up says 404, the second finds it",
    "hummingbot/hummingbot#601", "not found within the first moments is no proof: ask again by client id",
)  # fmt: skip
def _not_found_yet(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(504, "gateway timeout")))
    weather.faults.append(_unseen())


def _unseen(times: int = 1) -> Fault:
    refused = missing("order not found")
    return Fault("GET", LOOK_UP, error(refused.status, refused.message, refused.code), does=False, times=times)


@scenario(
    "lands-late", "POST times out; the order reaches the book after the first look-up", "ccxt/ccxt#2599",
    "the own id is written before sending, and looked up several times: the order may come after the first",
)  # fmt: skip
def _lands_late(weather: Weather, venue: Venue) -> None:
    held: list[Any] = []
    weather.faults.append(
        Fault("POST", ORDERS, error(504, "gateway timeout"), does=False, before=lambda s: held.append(s.request.body))
    )
    weather.faults.append(_after_look_up(held))


def _after_look_up(held: list[Any]) -> Fault:
    refused = missing("order not found")

    def land(scene: Scene) -> None:
        name = scene.request.query.get("client_order_id")
        for body in [b for b in held if b.get("client_order_id") == name and name not in scene.venue.clients]:
            submit(scene.venue, body)

    return Fault("GET", LOOK_UP, error(refused.status, refused.message, refused.code), does=False, before=land)


@scenario(
    "never-arrived", "POST answers 504 and the order never was", "hummingbot/hummingbot#4224",
    "it may be sent again only after every look-up has said no, and only under the same id",
)  # fmt: skip
def _never_arrived(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("POST", ORDERS, error(504, "gateway timeout"), does=False))


@scenario(
    "refused-for-money-after-fill", "POST times out but fills; whatever is sent again is refused for buying power",
    "scrtlabs/catalyst#317", "after an unknown, a refusal for money is a sign that the first one filled: reconcile",
)  # fmt: skip
def _no_money(weather: Weather, venue: Venue) -> None:
    weather.faults.append(accepted(error(504, "gateway timeout")))
    weather.faults.append(Fault("POST", ORDERS, error(403, "insufficient buying power", 40310000), does=False, times=1))


@scenario(
    "id-of-another-order", "POST answers with an order that somebody else placed", "studerw/td-ameritrade-client#54",
    "bind an answer to an order only when symbol, side, quantity and client id are its own",
)  # fmt: skip
def _another(weather: Weather, venue: Venue) -> None:
    def swap(scene: Scene, body: Any) -> Any:
        symbol = scene.request.body["symbol"]
        words = {"symbol": symbol, "qty": "1", "side": "buy", "type": "limit", "limit_price": "1"}
        return outside(scene.venue, {**words, "time_in_force": "gtc"})

    weather.faults.append(Fault("POST", ORDERS, change=swap, good=True))


@scenario(
    "id-missing", "POST answers 200 with an order that has no id", "gporter0205/schwab-api-client#24",
    "bind by client id or by reading back; until then it is unknown",
)  # fmt: skip
def _no_id(weather: Weather, venue: Venue) -> None:
    def strip(scene: Scene, body: Any) -> Any:
        return {name: value for name, value in body.items() if name not in ("id", "client_order_id")}

    weather.faults.append(Fault("POST", ORDERS, change=strip, good=True))


@scenario(
    "accepted-then-rejected", "POST answers 200, a moment later the order is rejected", "alpacahq/Alpaca-API#107",
    "accepted is not the end: keep listening, and give back what the order had reserved",
)  # fmt: skip
def _rejected_later(weather: Weather, venue: Venue) -> None:
    weather.faults.append(
        Fault("POST", ORDERS, good=True, before=_dry, after=lambda scene: reject(scene.venue, scene.ticket))
    )


def _dry(scene: Scene) -> None:
    """Nothing can be had for a moment, so that what is sent now stays open."""
    from decimal import Decimal

    from aura_lib.execution.brokers.rehearsal.mishaps import thin

    body = scene.request.body
    if isinstance(body, dict) and isinstance(body.get("symbol"), str):
        thin(scene.venue, body["symbol"], Decimal(0))


@scenario(
    "429-storm", "every request answers 429 for a while", "alpacahq/alpaca-py#740",
    "back off with jitter and a limit; nothing that was throttled counts as done",
)  # fmt: skip
def _throttled(weather: Weather, venue: Venue) -> None:
    slow = error(429, "too many requests.")
    weather.faults.append(
        Fault("GET|POST|DELETE|PATCH", r"/v2/.*", replace(slow, headers=(("Retry-After", "1"),)), does=False, times=12)
    )


@scenario(
    "429-html", "POST answers 429 with a page, from in front of the broker", "hummingbot/hummingbot#4987",
    "throttled by a proxy is a refusal only where the broker says so: look it up",
)  # fmt: skip
def _throttled_page(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("POST", ORDERS, Reply(429, HTML, "text/html"), does=False))


@scenario(
    "clock-skew", "the venue's clock is ten minutes ahead, and orders with an old stamp are refused once",
    "sammchardy/python-binance#60", "compare clocks at start; for a submit this is a proven refusal",
)  # fmt: skip
def _skew(weather: Weather, venue: Venue) -> None:
    from datetime import timedelta

    venue.market.skew = timedelta(minutes=10)
    weather.faults.append(
        Fault("POST", ORDERS, error(403, "request timestamp outside of the window", 40310000), does=False)
    )


def restart(weather: Weather, venue: Venue) -> None:
    """The server's process dies after it booked the order, and comes back with what is on disk."""

    def die(scene: Scene) -> None:
        scene.weather.cut_streams()
        scene.venue.reload()

    weather.faults.append(accepted(Reply(cut=True), after=die))
    weather.faults.append(Fault("GET|POST|DELETE|PATCH", r"/v2/.*", Reply(cut=True), does=False, times=2))


scenario(
    "restart", "the broker dies after booking the order, refuses two connections, and is back with its state",
    "nautechsystems/nautilus_trader#5057", "orders of before the restart are found, and can be managed",
)(restart)  # fmt: skip


@scenario(
    "account-restricted", "the account says that trading is blocked; every order is refused",
    "alpacahq/Alpaca-API#168", "read the account's flags; stop and raise it, do not loop",
)  # fmt: skip
def _restricted(weather: Weather, venue: Venue) -> None:
    def block(scene: Scene, body: Any) -> Any:
        return {**body, "trading_blocked": True}

    weather.faults.append(Fault("GET", "/v2/account", change=block, times=FOR_EVER))
    weather.faults.append(
        Fault(
            "POST",
            ORDERS,
            error(403, "account is restricted to liquidation only", 40310000),
            does=False,
            times=FOR_EVER,
        )
    )
