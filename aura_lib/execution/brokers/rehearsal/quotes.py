"""Market data as the wire tells it: bars, trades, quotes, snapshots, option contracts and chains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from aura_lib.core import Instrument, Right, option_of
from aura_lib.exchange.rounds import Touch
from aura_lib.execution.brokers.rehearsal.activities import moment
from aura_lib.execution.brokers.rehearsal.answers import invalid, missing
from aura_lib.execution.brokers.rehearsal.assets import asset_id, chain
from aura_lib.execution.brokers.rehearsal.market import NEW_YORK, Day, Tape
from aura_lib.execution.brokers.rehearsal.routes import Request, Response, route
from aura_lib.execution.brokers.rehearsal.tickets import stamp, text
from aura_lib.execution.brokers.rehearsal.venue import Venue

STEPS = {"Min": 60, "T": 60, "Hour": 3600, "H": 3600}
MOST = 10_000
VOLATILITY, RATE = 0.3, 0.04  # of the options that nobody has quoted
YEAR = 365.0
SPREAD = Decimal("0.01")  # half of it, of those options


def symbols(request: Request) -> list[str]:
    """The symbols that a query asks for."""
    found = [s for s in request.query.get("symbols", "").split(",") if s]
    if not found:
        raise invalid("symbols is required")
    return found


# ── bars and trades ─────────────────────────────────────────────────────────────────────────────────────────────────


def bar(kept: Day) -> dict[str, Any]:
    """A bar."""
    names = {"t": stamp(kept.start), "o": kept.open, "h": kept.high, "l": kept.low, "c": kept.close, "v": kept.volume}
    told = {n: float(v) if isinstance(v, Decimal) else v for n, v in names.items()}
    return {**told, "n": kept.trades, "vw": float((kept.high + kept.low + kept.close) / 3)}


def _bars(venue: Venue, symbol: str, timeframe: str) -> list[Day]:
    """The bars of a symbol, from the minutes and days that the market remembers."""
    unit = timeframe.lstrip("0123456789")
    number = timeframe.removesuffix(unit)
    tape = venue.market.tapes.get(symbol, Tape())
    if unit in ("Day", "D"):
        return tape.days
    if unit not in STEPS or not number.isdecimal() or not int(number):
        raise invalid(f"invalid timeframe: {timeframe}")
    return grouped(tape.minutes, int(number) * STEPS[unit])


def grouped(minutes: list[Day], step: int) -> list[Day]:
    """Minutes put together to longer bars."""
    made: list[Day] = []
    for one in minutes:
        start = datetime.fromtimestamp(int(one.start.timestamp()) // step * step, UTC)
        if not made or made[-1].start != start:
            made.append(Day(start, one.open, one.high, one.low, one.close, one.volume, one.trades))
        else:
            last = made[-1]
            last.high, last.low, last.close = max(last.high, one.high), min(last.low, one.low), one.close
            last.volume, last.trades = last.volume + one.volume, last.trades + one.trades
    return made


def _paged(name: str, rows: list[tuple[str, dict[str, Any]]], request: Request) -> Response:
    """`limit` counts rows of all symbols together; the token of a page is where the next begins."""
    limit, token = request.query.get("limit") or "1000", request.query.get("page_token") or "0"
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST or not token.isdecimal():
        raise invalid(f"limit must be between 1 and {MOST}, and page_token one that was told")
    first, last = int(token), int(token) + int(limit)
    told: dict[str, list[dict[str, Any]]] = {}
    for symbol, row in rows[first:last]:
        told.setdefault(symbol, []).append(row)
    return Response(200, {name: told, "next_page_token": str(last) if last < len(rows) else None})


def _all_bars(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    start, end = moment(request.query, "start"), moment(request.query, "end")
    timeframe = request.query.get("timeframe", "")
    with venue.lock:
        rows = [
            (symbol, bar(kept))
            for symbol in sorted(symbols(request))
            for kept in _bars(venue, symbol, timeframe)
            if (start is None or kept.start >= start) and (end is None or kept.start <= end)
        ]
    return _paged("bars", rows, request)


# ── the latest ──────────────────────────────────────────────────────────────────────────────────────────────────────


def touch(venue: Venue, symbol: str) -> Touch | None:
    """The best prices of a symbol; those of an option that nobody quoted come from its model."""
    kept = venue.market.tape(symbol).touch
    if kept is not None:
        return kept
    asset = venue.market.listing.find(symbol)
    if asset is None or not asset.option:
        return None
    value = modelled(venue, asset.instrument)
    if value is None:
        return None
    price = max(Decimal(str(round(value["price"], 2))), SPREAD * 2)
    return Touch(price - SPREAD, price + SPREAD)


def quote(venue: Venue, symbol: str) -> dict[str, Any] | None:
    """The latest quote."""
    found = touch(venue, symbol)
    if found is None:
        return None
    sizes = [float(size) if size is not None else 100.0 for size in (found.ask_size, found.bid_size)]
    at = stamp(venue.market.tape(symbol).time or venue.market.now)
    return {
        "t": at, "ap": float(found.ask), "as": sizes[0], "ax": "V", "bp": float(found.bid), "bs": sizes[1], "bx": "V",
        "c": ["R"], "z": "C",
    }  # fmt: skip


def trade(venue: Venue, symbol: str) -> dict[str, Any] | None:
    """The latest trade."""
    tape = venue.market.tapes.get(symbol)
    if tape is None or tape.last is None:
        return None
    size = 0.0 if tape.size is None else float(tape.size)
    return {
        "t": stamp(tape.time or venue.market.now),
        "p": float(tape.last),
        "s": size,
        "x": "V",
        "c": ["@"],
        "i": 1,
        "z": "C",
    }


def snapshot(venue: Venue, symbol: str) -> dict[str, Any] | None:
    """Everything that is the latest of a symbol."""
    tape = venue.market.tapes.get(symbol)
    if tape is None or (tape.last is None and tape.touch is None):
        return None
    return {
        "latestTrade": trade(venue, symbol), "latestQuote": quote(venue, symbol),
        "minuteBar": bar(tape.minutes[-1]) if tape.minutes else None,
        "dailyBar": bar(tape.days[-1]) if tape.days else None,
        "prevDailyBar": bar(tape.days[-2]) if len(tape.days) > 1 else None,
    }  # fmt: skip


def _latest(name: str, what: Any) -> Any:
    def tell(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
        with venue.lock:
            told = {symbol: what(venue, symbol) for symbol in symbols(request)}
        known = {symbol: found for symbol, found in told.items() if found is not None}
        return Response(200, {name: known} if name else known)

    return tell


def latest_bar(venue: Venue, symbol: str) -> dict[str, Any] | None:
    """The latest minute."""
    tape = venue.market.tapes.get(symbol)
    return bar(tape.minutes[-1]) if tape is not None and tape.minutes else None


for _path in ("/v2/stocks/bars", "/v1beta3/crypto/*/bars", "/v1beta1/options/bars"):
    route("GET", _path)(_all_bars)
for _kind, _what in (("quotes", quote), ("trades", trade), ("bars", latest_bar)):
    route("GET", f"/v2/stocks/{_kind}/latest")(_latest(_kind, _what))
    route("GET", f"/v1beta3/crypto/*/latest/{_kind}")(_latest(_kind, _what))
    route("GET", f"/v1beta1/options/{_kind}/latest")(_latest(_kind, _what))
route("GET", "/v2/stocks/snapshots")(_latest("", snapshot))
route("GET", "/v1beta3/crypto/*/snapshots")(_latest("snapshots", snapshot))


# ── options ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def modelled(venue: Venue, option: Instrument) -> dict[str, float] | None:
    """Black and Scholes (1973): the price of an option and its Greeks, at one volatility; None without a spot."""
    spot = venue.market.price(option.underlying or "")
    if spot is None or option.expiry is None or option.strike is None:
        return None
    expires = datetime.combine(option.expiry, datetime.min.time(), NEW_YORK) + timedelta(hours=16)
    years = max((expires - venue.market.now).total_seconds() / 86_400 / YEAR, 1 / YEAR / 24)
    s, k, v, r, root = float(spot), float(option.strike), VOLATILITY, RATE, math.sqrt(years)
    d1 = (math.log(s / k) + (r + v * v / 2) * years) / (v * root)
    d2, discount, density = d1 - v * root, math.exp(-r * years), math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    sign = 1 if option.right is Right.CALL else -1
    price = sign * (s * _normal(sign * d1) - k * discount * _normal(sign * d2))
    theta = -s * density * v / (2 * root) - sign * r * k * discount * _normal(sign * d2)
    return {
        "price": price, "delta": sign * _normal(sign * d1), "gamma": density / (s * v * root),
        "theta": theta / YEAR, "vega": s * density * root / 100,
        "rho": sign * k * years * discount * _normal(sign * d2) / 100,
    }  # fmt: skip


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def contract_told(option: Instrument, price: Decimal | None, today: date) -> dict[str, Any]:
    """A contract as the wire lists it."""
    right, name = option.right, option.underlying or ""
    assert right is not None and option.strike is not None and option.expiry is not None
    return {
        "id": str(asset_id(option.symbol)), "symbol": option.symbol,
        "name": f"{name} {option.expiry:%b %d %Y} {option.strike} {right.value.title()}", "status": "active",
        "tradable": True, "expiration_date": option.expiry.isoformat(), "root_symbol": name,
        "underlying_symbol": name, "underlying_asset_id": str(asset_id(name)), "type": right.value,
        "style": "american", "strike_price": text(option.strike), "multiplier": "100", "size": "100",
        "open_interest": "100", "open_interest_date": today.isoformat(), "close_price": text(price),
        "close_price_date": today.isoformat(),
    }  # fmt: skip


def listed(venue: Venue, underlying: str, query: Mapping[str, str]) -> list[Instrument]:
    """The contracts on a share that a query wants, by expiry, right and strike."""
    spot = venue.market.price(underlying)
    if spot is None or "/" in underlying:
        return []
    today = venue.market.now.astimezone(NEW_YORK).date()
    found = {c.symbol: c for c in chain(underlying, spot, today)}
    for symbol, asset in venue.market.listing.all.items():
        if asset.option and option_of(symbol).underlying == underlying:
            found[symbol] = option_of(symbol)
    return sorted((c for c in found.values() if _wanted(c, query, today)), key=lambda c: (c.expiry, c.right, c.strike))


def _wanted(option: Instrument, query: Mapping[str, str], today: date) -> bool:
    assert option.expiry is not None and option.strike is not None and option.right is not None
    day, strike, kind = option.expiry.isoformat(), option.strike, query.get("type")
    if kind not in (None, "", "call", "put"):
        raise invalid("type must be call or put")
    try:
        low, high = (
            Decimal(query.get(f"strike_price_{end}") or limit) for end, limit in (("gte", "0"), ("lte", "1e9"))
        )
    except ArithmeticError:
        raise invalid("strike_price is not a number") from None
    return (
        option.expiry >= today
        and (not kind or option.right.value == kind)
        and low <= strike <= high
        and day in (query.get("expiration_date") or day)
        and (query.get("expiration_date_gte") or day) <= day <= (query.get("expiration_date_lte") or day)
    )


def _page(found: list[Any], query: Mapping[str, str], usual: int) -> tuple[list[Any], str | None]:
    limit, token = query.get("limit") or str(usual), query.get("page_token") or "0"
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST or not token.isdecimal():
        raise invalid(f"limit must be between 1 and {MOST}, and page_token one that was told")
    last = int(token) + int(limit)
    return found[int(token) : last], str(last) if last < len(found) else None


@route("GET", "/v2/options/contracts")
def _contracts(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    names = [s for s in request.query.get("underlying_symbols", "").split(",") if s]
    with venue.lock:
        today = venue.market.now.astimezone(NEW_YORK).date()
        wanted = names or [s for s, a in venue.market.listing.all.items() if not a.option]
        found = [c for name in wanted for c in listed(venue, name, request.query)]
        page, token = _page(found, request.query, 100)
        told = [contract_told(c, venue.market.price(c.symbol), today) for c in page]
    return Response(200, {"option_contracts": told, "next_page_token": token})


@route("GET", "/v2/options/contracts/*")
def _contract(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        asset = venue.market.listing.find(parts[0])
        if asset is None or not asset.option:
            raise missing(f"option contract not found for {parts[0]}")
        today = venue.market.now.astimezone(NEW_YORK).date()
        return Response(200, contract_told(asset.instrument, venue.market.price(asset.symbol), today))


def option_snapshot(venue: Venue, symbol: str) -> dict[str, Any] | None:
    """The latest of a contract, with its implied volatility and Greeks."""
    asset = venue.market.listing.find(symbol)
    value = None if asset is None or not asset.option else modelled(venue, asset.instrument)
    if value is None:
        return None
    greeks = {name: round(value[name], 6) for name in ("delta", "gamma", "rho", "theta", "vega")}
    return {
        "latestQuote": quote(venue, symbol), "latestTrade": trade(venue, symbol), "impliedVolatility": VOLATILITY,
        "greeks": greeks,
    }  # fmt: skip


route("GET", "/v1beta1/options/snapshots")(_latest("snapshots", option_snapshot))


@route("GET", "/v1beta1/options/snapshots/*")
def _chain(venue: Venue, request: Request, parts: tuple[str, ...]) -> Response:
    with venue.lock:
        page, token = _page(listed(venue, parts[0], request.query), request.query, 100)
        told = {c.symbol: option_snapshot(venue, c.symbol) for c in page}
    return Response(200, {"snapshots": told, "next_page_token": token})
