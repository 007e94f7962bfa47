"""Whatever is ordered, changed, cancelled, moved and restarted, in whatever order: the venue's books hold together."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aura_lib.execution.brokers.rehearsal import Venue
from aura_lib.execution.brokers.rehearsal.control import served
from aura_lib.execution.brokers.rehearsal.routes import Request
from aura_lib.execution.brokers.rehearsal.weather import Weather
from tests.execution.rehearsal.test_rehearsal_scenarios import balanced
from tests.rehearsal import rehearsal_venue

SYMBOL, SIDE = st.sampled_from(["AAPL", "MSFT"]), st.sampled_from(["buy", "buy", "sell"])
NEAR = st.integers(1, 12)  # so far from the last price
MOVE = st.integers(-14, 14)
SHAPE = st.sampled_from(
    ["market", "limit", "stop", "stop_limit", "trailing_stop", "bracket", "bracket", "limit bracket", "oco", "oto"]
)
STEP = st.one_of(
    st.tuples(st.just("order"), SHAPE, SYMBOL, SIDE, st.integers(1, 20), st.tuples(MOVE, NEAR, NEAR)),
    st.tuples(st.just("order"), SHAPE, SYMBOL, SIDE, st.integers(1, 20), st.tuples(MOVE, NEAR, NEAR)),
    st.tuples(st.just("money"), SYMBOL, st.integers(1, 5000)),
    st.tuples(st.just("tick"), SYMBOL, MOVE, st.sampled_from([None, None, "3", "15"])),
    st.tuples(st.just("tick"), SYMBOL, MOVE, st.none()),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("patch"), st.integers(0, 30), MOVE, st.sampled_from([None, "5", "50"])),
    st.tuples(st.just("pass"), st.sampled_from([1, 5, 12, 30])),
    st.tuples(st.just("halt"), st.booleans()),
    st.tuples(st.just("restart")),
)


def ordered(price: int, shape: str, symbol: str, side: str, qty: int, moves: tuple[int, int, int]) -> dict[str, Any]:
    """An order as a person would place it at a price: stops and profits on their sides of it."""
    move, take, loss = moves
    sign = 1 if side == "buy" else -1
    kind = {"bracket": "market", "limit bracket": "limit", "oco": "limit", "oto": "market"}.get(shape, shape)
    force = "gtc" if move % 3 else "day"
    words: dict[str, Any] = {"symbol": symbol, "side": side, "qty": str(qty), "type": kind, "time_in_force": force}
    entry = price + move if shape in ("limit", "stop_limit") else price - sign * take
    if kind in ("limit", "stop_limit"):
        words["limit_price"] = str(entry)
    if kind in ("stop", "stop_limit"):
        words["stop_price"] = str(price + sign * loss)
    if kind == "trailing_stop":
        words["trail_price"] = str(take)
    if shape == "oco":
        sign = -sign  # it closes
        words["limit_price"] = str(price + sign * take)
        words["take_profit"] = {"limit_price": words["limit_price"]}
    elif "bracket" in shape:
        words["take_profit"] = {"limit_price": str(price + sign * take)}
    if shape in ("oco", "oto") or "bracket" in shape:
        words["order_class"] = shape.removeprefix("limit ")
        words["stop_loss"] = {"stop_price": str(price - sign * loss - (take if shape == "limit bracket" else 0) * sign)}
    return words


def ask(venue: Venue, method: str, path: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return served(venue, Weather(), Request(method, path, {}, content))


def act(venue: Venue, step: tuple[Any, ...]) -> str:
    """Do one thing; what came of it, for counting."""
    kind = step[0]
    if kind in ("order", "money", "tick"):
        symbol = step[2] if kind == "order" else step[1]
        price = int(venue.market.price(symbol) or 0)
    if kind == "order":
        answer = ask(venue, "POST", "/v2/orders", ordered(price, *step[1:]))
        assert answer.status in (200, 403, 422)
        return f"{step[1]} {answer.status}"
    if kind == "money":
        words = {"symbol": step[1], "side": "buy", "type": "market", "time_in_force": "day", "notional": str(step[2])}
        assert ask(venue, "POST", "/v2/orders", words).status in (200, 403)
    elif kind == "tick":
        venue.tick(step[1], str(max(price + step[2], 50)), step[3])
    elif kind in ("cancel", "patch"):
        names = list(venue.open) or list(venue.tickets)
        if names:
            path = f"/v2/orders/{names[step[1] % len(names)]}"
            if kind == "cancel":
                assert ask(venue, "DELETE", path).status in (204, 422)
            else:
                ticket = venue.tickets[names[step[1] % len(names)]]
                moved = {n: str(p + step[2]) for n in ("limit_price", "stop_price") if (p := getattr(ticket, n))}
                change = moved | ({} if step[3] is None else {"qty": step[3]})
                assert ask(venue, "PATCH", path, change).status in (200, 403, 422)
    elif kind == "pass":
        venue.advance(venue.market.now + timedelta(hours=step[1]))
    elif kind == "halt":
        venue.halt("AAPL") if step[1] else venue.resume("AAPL")
    else:
        told = wire(venue)
        venue.reload()
        assert wire(venue) == told
    return kind


def wire(venue: Venue) -> list[Any]:
    """Everything that is told of the account, without the time."""
    orders = ask(venue, "GET", "/v2/orders").body
    return [orders, *(ask(venue, "GET", f"/v2/{path}").body for path in ("account", "positions", "account/activities"))]


def held_together(venue: Venue) -> None:
    balanced(venue)
    working = {order.client_id for order in venue.exchange.open_orders}
    for ticket in venue.tickets.values():
        assert 0 <= ticket.filled <= ticket.asked or (ticket.notional and ticket.size is None and not ticket.filled)
        assert (ticket.id in venue.open) == ticket.open
        if ticket.status == "filled":
            assert ticket.filled == ticket.asked
        if ticket.type == "limit" and ticket.average is not None and ticket.limit_price is not None:
            sign = 1 if ticket.side == "buy" else -1  # never worse than its limit
            assert sign * (ticket.average - ticket.limit_price) <= 0, ticket
        if ticket.open and not ticket.parent:  # what is open can still be filled
            assert ticket.waits or ticket.engine in working, ticket
        if ticket.open and ticket.parent:
            head = venue.tickets[ticket.parent]
            assert head.open or f"{head.engine}/exit" in working, (ticket, head)
    known = {t.engine for t in venue.open.values()}
    assert working <= known, "an order works that no ticket stands for"
    for symbol, position in venue.exchange.account.positions.items():
        exits = [t for t in venue.open.values() if t.symbol == symbol and t.side == "sell" and not t.parent]
        if position.quantity > 0:  # more is never promised than is there
            assert sum((t.left for t in exits if t.order_class == "simple"), Decimal(0)) <= position.quantity


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(STEP, min_size=1, max_size=14))
def test_the_books_hold_together(steps: list[tuple[Any, ...]]) -> None:
    venue = rehearsal_venue()
    for step in steps:
        act(venue, step)
        held_together(venue)
    venue.close()
