"""Which request is answered by what: the trading interface, version 2. It knows no transport."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

from aura_lib.execution.brokers.rehearsal import activities, listing
from aura_lib.execution.brokers.rehearsal.answers import Refused, invalid, malformed, missing
from aura_lib.execution.brokers.rehearsal.cancelling import cancel, cancel_all
from aura_lib.execution.brokers.rehearsal.market import NEW_YORK
from aura_lib.execution.brokers.rehearsal.replacing import replace
from aura_lib.execution.brokers.rehearsal.submission import submit
from aura_lib.execution.brokers.rehearsal.venue import Venue


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def body(self) -> Any:
        """The JSON that came with it; what is none is Refused."""
        try:
            return json.loads(self.content or b"{}", parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise malformed("request body format is invalid") from None


def _no_number(told: str) -> float:
    raise ValueError(told)


@dataclass(frozen=True)
class Response:
    """What is answered: a status, and JSON unless `body` is None."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Venue, Request, tuple[str, ...]], Response]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, path: str) -> Callable[[Route], Route]:
    """Let a function answer a method on a path; `*` in it is one part of the path."""
    pattern = re.compile("([^/]+)".join(map(re.escape, path.split("*"))) + "/?")

    def add(function: Route) -> Route:
        ROUTES.append((method, pattern, function))
        return function

    return add


def answer(venue: Venue, request: Request) -> Response:
    """The answer to a request whose keys were right. Nothing that comes in raises."""
    known = False
    for method, pattern, function in ROUTES:
        parts = pattern.fullmatch(request.path)
        if parts is None:
            continue
        known = True
        if method != request.method:
            continue
        try:
            return function(venue, request, tuple(map(unquote, parts.groups())))
        except Refused as refused:
            return Response(refused.status, refused.body)
    if known:
        return Response(405, {"code": 40510000, "message": "method not allowed"})
    return Response(404, {"code": 40410000, "message": "endpoint not found."})


# ── account ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@route("GET", "/v2/account")
def _account(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        return Response(200, activities.account(venue))


@route("GET", "/v2/account/configurations")
def _configurations(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, venue.configuration)


@route("PATCH", "/v2/account/configurations")
def _configure(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    body = request.body
    if not isinstance(body, Mapping):
        raise malformed("request body format is invalid")
    for name in ("no_shorting", "suspend_trade", "fractional_trading"):
        if not isinstance(body.get(name, False), bool):
            raise invalid(f"{name} must be a boolean")
    with venue.turn():
        venue.configuration |= {k: v for k, v in body.items() if k in activities.CONFIGURATION and v is not None}
    return Response(200, venue.configuration)


@route("GET", "/v2/account/activities")
def _activities(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, activities.activity_list(venue, request.query))


@route("GET", "/v2/account/activities/*")
def _activities_of(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, activities.activity_list(venue, request.query, parts[0]))


@route("GET", "/v2/account/portfolio/history")
def _history(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, activities.portfolio_history(venue, request.query))


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@route("POST", "/v2/orders")
def _submit(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, submit(venue, request.body))


@route("GET", "/v2/orders")
def _orders(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, listing.orders(venue, request.query))


@route("DELETE", "/v2/orders")
def _cancel_all(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(207, cancel_all(venue))


@route("GET", "/v2/orders:by_client_order_id")
def _by_client_id(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, listing.by_client_id(venue, request.query.get("client_order_id", "")))


@route("GET", "/v2/orders/*")
def _order(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    nested = request.query.get("nested", "false").lower() == "true"
    with venue.lock:
        return Response(200, venue.order(venue.ticket(parts[0]), nested=nested))


@route("PATCH", "/v2/orders/*")
def _replace(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, replace(venue, parts[0], request.body))


@route("DELETE", "/v2/orders/*")
def _cancel(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    cancel(venue, parts[0])
    return Response(204)


# ── positions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@route("GET", "/v2/positions")
def _positions(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        return Response(200, activities.positions(venue))


@route("DELETE", "/v2/positions")
def _close_all(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(207, listing.close_positions(venue, request.query))


@route("GET", "/v2/positions/*")
def _position(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        return Response(200, activities.position(venue, activities.find_position(venue, parts[0])))


@route("DELETE", "/v2/positions/*")
def _close(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return Response(200, listing.close_position(venue, parts[0], request.query))


@route("POST", "/v2/positions/*/exercise")
def _exercise(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    from aura_lib.core import BrokerRejected

    with venue.turn():
        kept = activities.find_position(venue, parts[0])
        try:
            booking = venue.exchange.exercise(kept.instrument.symbol, kept.quantity, venue.market.stamp())
        except BrokerRejected as refused:
            raise invalid(str(refused)) from refused
        venue.book([booking])
    return Response(200)


# ── what is listed, and when ────────────────────────────────────────────────────────────────────────────────────────


@route("GET", "/v2/assets")
def _assets(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    status, kind, exchange = (request.query.get(n) for n in ("status", "asset_class", "exchange"))
    told = [asset.told() for asset in venue.market.listing.all.values() if not asset.option]
    return Response(
        200,
        [
            a
            for a in told
            if (not status or a["status"] == status)
            and (not kind or a["class"] == kind)
            and (not exchange or a["exchange"] == exchange)
        ],
    )


@route("GET", "/v2/assets/*")
def _asset(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    asset = venue.market.listing.find(parts[0])
    if asset is None:
        raise missing(f"asset not found for {parts[0]}")
    return Response(200, asset.told())


@route("GET", "/v2/assets/*/*")
def _pair(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    return _asset(venue, request, ("/".join(parts),))


@route("GET", "/v2/clock")
def _clock(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        return Response(200, venue.market.clock())


@route("GET", "/v2/calendar")
def _calendar(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    calendar, today = venue.market.calendar, venue.market.now.astimezone(NEW_YORK).date()
    start = _day(request, "start", today - timedelta(days=365))
    end = _day(request, "end", today + timedelta(days=90))
    days = [s.date() for s in calendar.sessions[calendar.sessions.slice_indexer(str(start), str(end))]]
    told = []
    for day in days:
        opens, closes = (moment.astimezone(NEW_YORK) for moment in (calendar.open(day), calendar.close(day)))
        told.append(
            {
                "date": day.isoformat(), "open": f"{opens:%H:%M}", "close": f"{closes:%H:%M}",
                "session_open": "0400", "session_close": "2000",
            }
        )  # fmt: skip
    return Response(200, told)


def _day(request: Request, name: str, default: date) -> date:
    told = request.query.get(name)
    if not told:
        return default
    try:
        return date.fromisoformat(told[:10])
    except ValueError:
        raise invalid(f"{name} is not a date: {told}") from None
