"""The hand on the market: what a rehearsal is told besides orders, under /rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aura_lib.core import AuraError, iso, utc
from aura_lib.execution.brokers.rehearsal import mishaps
from aura_lib.execution.brokers.rehearsal.answers import invalid, malformed
from aura_lib.execution.brokers.rehearsal.routes import Request, Response, answer
from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS, begin
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import Weather

PREFIX = "/rehearsal/"
_TEXT = ("symbol", "name", "to", "execution_id")


def control(venue: Venue, weather: Weather, request: Request) -> Response:
    """What a request under /rehearsal does to the market, the account or the weather."""
    from aura_lib.execution.brokers.rehearsal.answers import Refused

    action = request.path.removeprefix(PREFIX).strip("/")
    try:
        if request.method == "GET" and action == "scenarios":
            return Response(
                200, [{"name": s.name, "wire": s.wire, "issue": s.issue, "rule": s.rule} for s in SCENARIOS.values()]
            )
        if request.method == "GET" and action == "state":
            return Response(200, _state(venue, weather))
        if request.method != "POST" or action not in _ACTIONS:
            return Response(404, {"code": 40410000, "message": f"there are: {', '.join(sorted(_ACTIONS))}"})
        body = request.body
        if not isinstance(body, Mapping):
            raise malformed("request body format is invalid")
        _ACTIONS[action](venue, weather, body)
        return Response(200, _state(venue, weather))
    except Refused as refused:
        return Response(refused.status, refused.body)
    except AuraError as error:
        return Response(422, {"code": 42210000, "message": str(error)})


def _state(venue: Venue, weather: Weather) -> dict[str, Any]:
    with venue.lock:
        prices = {symbol: str(venue.market.price(symbol)) for symbol in sorted(venue.market.tapes)}
        return {
            "now": iso(venue.market.now), "is_open": venue.market.is_open, "prices": prices,
            "halted": sorted(venue.market.halted), "faults": len([f for f in weather.faults if f.times > 0]),
        }  # fmt: skip


def _symbol(body: Mapping[str, Any]) -> str:
    told = body.get("symbol")
    if not isinstance(told, str) or not told:
        raise invalid("symbol is required")
    return told


def _number(body: Mapping[str, Any], name: str, *, needed: bool = True) -> Decimal:
    told = body.get(name)
    if told is None and not needed:
        return Decimal(-1)
    try:
        return Decimal(str(told))
    except InvalidOperation:
        raise invalid(f"{name} must be a number, not {told!r}") from None


def _size(body: Mapping[str, Any], name: str) -> Decimal | None:
    return None if body.get(name) is None else _number(body, name)


def _tick(venue: Venue, weather: Weather, body: Mapping[str, Any]) -> None:
    venue.tick(_symbol(body), _number(body, "price"), _size(body, "size"))


def _quote(venue: Venue, weather: Weather, body: Mapping[str, Any]) -> None:
    sizes = _size(body, "bid_size"), _size(body, "ask_size")
    venue.quote(_symbol(body), str(_number(body, "bid")), str(_number(body, "ask")), *sizes)


def _advance(venue: Venue, weather: Weather, body: Mapping[str, Any]) -> None:
    if body.get("to") is not None:
        venue.advance(utc(str(body["to"]), "to"))
    else:
        venue.advance(venue.market.now + timedelta(seconds=float(_number(body, "seconds"))))


def _resume(venue: Venue, weather: Weather, body: Mapping[str, Any]) -> None:
    price = _size(body, "price")
    venue.resume(_symbol(body), price)


def _scenario(venue: Venue, weather: Weather, body: Mapping[str, Any]) -> None:
    begin(str(body.get("name")), weather, venue)


_ACTIONS: dict[str, Any] = {
    "tick": _tick,
    "quote": _quote,
    "advance": _advance,
    "halt": lambda venue, weather, body: venue.halt(_symbol(body)),
    "resume": _resume,
    "scenario": _scenario,
    "clear": lambda venue, weather, body: weather.clear(),
    "dividend": lambda venue, weather, body: mishaps.dividend(venue, _symbol(body), _number(body, "amount")),
    "split": lambda venue, weather, body: mishaps.split(venue, _symbol(body), _number(body, "ratio")),
    "deposit": lambda venue, weather, body: mishaps.deposit(venue, _number(body, "amount")),
    "bust": lambda venue, weather, body: mishaps.bust(venue, str(body.get("execution_id")), _size(body, "price")),
    "outside": lambda venue, weather, body: mishaps.outside(venue, body),
}


def served(venue: Venue, weather: Weather, request: Request) -> Response:
    """The answer to any request: of the interface, or of the hand on the market."""
    if request.path.startswith(PREFIX):
        return control(venue, weather, request)
    return answer(venue, request)
