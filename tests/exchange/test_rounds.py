"""Rounds: a bid and an ask, sizes, halts, auctions, latency and rejects; held against a plain book."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import (
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Order,
    OrderType,
    Position,
    Side,
    TimeInForce,
    utc,
)
from aura_lib.exchange import Closed, Costs, Exchange, FillModel, Terms
from aura_lib.exchange.busts import bust
from aura_lib.exchange.conditions import Latency, Rejects
from aura_lib.exchange.rounds import Touch, play

START = utc("2026-03-02T15:00:00Z")
SHARE, OTHER = Instrument("AAPL"), Instrument("MSFT")
STEP = timedelta(milliseconds=1)
HELD = Decimal(10_000)


def venue(**words: Any) -> Exchange:
    free = Costs(commission_bps=Decimal(0), slippage_bps=Decimal(0))
    words.setdefault("terms", Terms(short=True, max_gross=Decimal(100)))
    return Exchange(Decimal(1_000_000), free, fills=FillModel(volume_share=Decimal(1)), **words)


def order(name: str, side: str = "buy", quantity: int = 10, **words: Any) -> Order:
    instrument = words.pop("instrument", SHARE)
    return Order(name, "a", "a", "a", 0, 1, Intent(instrument, Side(side), Decimal(quantity), **words), START)


def limit(name: str, side: str, quantity: int, price: Any, force: str = "gtc") -> Order:
    return order(
        name, side, quantity, type=OrderType.LIMIT, limit_price=Decimal(price), time_in_force=TimeInForce(force)
    )


def touch(bid: Any, ask: Any, bid_size: Any = None, ask_size: Any = None) -> dict[str, Touch]:
    sizes = (None if size is None else Decimal(size) for size in (bid_size, ask_size))
    return {"AAPL": Touch(Decimal(bid), Decimal(ask), *sizes)}


def fills(events: list[Any]) -> list[tuple[str, Decimal, Decimal]]:
    return [(e.client_id, e.quantity, e.price) for e in events if isinstance(e, Fill)]


def test_buys_pay_the_ask_and_sells_get_the_bid() -> None:
    exchange = venue()
    exchange.submit(order("buy"), START)
    exchange.submit(order("sell", "sell", 4), START)
    events = play(exchange, START + STEP, touch("99.9", "100.1"))
    assert fills(events) == [("sell", 4, Decimal("99.9")), ("buy", 10, Decimal("100.1"))]


def test_a_limit_inside_the_spread_waits() -> None:
    exchange = venue()
    exchange.submit(limit("bid", "buy", 10, "100"), START)
    assert play(exchange, START + STEP, touch("99", "101")) == []
    assert fills(play(exchange, START + 2 * STEP, touch("98", "100"))) == [("bid", 10, 100)]


def test_only_those_who_take_part_are_matched_and_end() -> None:
    exchange = venue()
    for name in ("in", "out"):
        exchange.submit(limit(name, "buy", 10, "100", "day"), START)
    events = play(exchange, START + STEP, touch("98", "99"), takes=lambda name: name == "in", closing=True)
    assert fills(events) == [("in", 10, 99)]
    assert [o.client_id for o in exchange.open_orders] == ["out"]


def test_an_auction_has_one_price_for_all_and_ends_what_it_does_not_fill() -> None:
    exchange = venue()
    forces = TimeInForce.OPG, TimeInForce.CLS
    for force in forces:
        exchange.submit(order(f"market-{force}", time_in_force=force), START)
        exchange.submit(limit(f"low-{force}", "buy", 5, "90", force), START)
        exchange.submit(limit(f"high-{force}", "buy", 5, "110", force), START)
    one = {"AAPL": Touch.at(Decimal(100))}
    for n, (force, words) in enumerate(zip(forces, ({"opening": True}, {"closing": True}), strict=True)):
        events = play(exchange, START + (n + 1) * STEP, one, **words)
        assert fills(events) == [(f"market-{force}", 10, 100), (f"high-{force}", 5, 100)]
        assert [e.client_id for e in events if isinstance(e, Closed) and e.status == "expired"] == [f"low-{force}"]
    assert exchange.open_orders == ()


def test_what_is_halted_has_no_price_and_does_not_trade() -> None:
    exchange = venue()
    exchange.submit(order("halted", time_in_force=TimeInForce.GTC), START)
    exchange.submit(order("other", instrument=OTHER), START)
    assert fills(play(exchange, START + STEP, {"MSFT": Touch.at(Decimal(5))})) == [("other", 10, 5)]
    assert fills(play(exchange, START + 2 * STEP, touch(100, 100))) == [("halted", 10, 100)]


@pytest.mark.parametrize(("bid", "ask"), [("101", "100"), ("0", "1"), ("-1", "1"), ("NaN", "1"), ("1", "Infinity")])
def test_prices_that_cannot_be_change_nothing(bid: str, ask: str) -> None:
    exchange = venue()
    exchange.submit(order("x"), START)
    before = exchange.state()
    with pytest.raises(DataError):
        play(exchange, START + STEP, touch(bid, ask))
    assert exchange.state() == before


def test_time_does_not_go_back() -> None:
    exchange = venue()
    play(exchange, START, touch(1, 1))
    with pytest.raises(InputError, match="does not go back"):
        play(exchange, START - STEP, touch(1, 1))


def plain_book(orders: list[tuple[str, int, int]], rounds: list[tuple[int, int, int, int]]) -> dict[str, int]:
    """What limit orders of one side after the other come to: best price first, then who came first; all by hand."""
    left = {n: quantity for n, (_, quantity, _) in enumerate(orders)}
    done = {str(n): 0 for n in left}
    for bid, ask, bid_size, ask_size in rounds:
        for side, price, size in (("sell", bid, bid_size), ("buy", ask, ask_size)):
            sign = 1 if side == "buy" else -1
            queue = sorted((-sign * worth, n) for n, (s, _, worth) in enumerate(orders) if s == side)
            for key, n in queue:
                worth = -sign * key
                if sign * worth >= sign * price:
                    part = min(left[n], size)
                    left[n], size = left[n] - part, size - part
                    done[str(n)] += part
    return done


ORDERS = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 30), st.integers(95, 105)), max_size=8)
ROUNDS = st.lists(
    st.tuples(st.integers(94, 106), st.integers(0, 3), st.integers(1, 40), st.integers(1, 40)), max_size=5
)


@given(ORDERS, ROUNDS)
def test_price_then_time_decide_who_gets_what_there_is(orders: list[Any], rounds: list[Any]) -> None:
    # without margin: there what makes a position smaller comes before price and time
    exchange = venue(terms=Terms(), positions={"AAPL": Position(SHARE, HELD, Decimal(100))})
    for n, (side, quantity, price) in enumerate(orders):
        exchange.submit(limit(str(n), side, quantity, price), START)
    told, got = [], {str(n): Decimal(0) for n in range(len(orders))}
    for n, (bid, spread, bid_size, ask_size) in enumerate(rounds):
        told.append((bid, bid + spread, bid_size, ask_size))
        for event in play(exchange, START + (n + 1) * STEP, touch(*told[-1])):
            if isinstance(event, Fill):
                got[event.client_id] += event.quantity
                assert event.price == (bid + spread if event.side is Side.BUY else bid)
    assert got == plain_book(orders, told)
    held = sum((q if orders[int(n)][0] == "buy" else -q for n, q in got.items()), Decimal(0))
    assert exchange.account.positions["AAPL"].quantity == HELD + held


@given(st.text(max_size=20), st.integers(0, 2**32), st.floats(0, 1))
def test_latency_and_rejects_belong_to_an_order_not_to_when_it_is_asked_for(
    name: str, seed: int, chance: float
) -> None:
    latency = Latency(STEP, 4 * STEP, seed)
    assert STEP <= latency.of(name) <= 5 * STEP
    assert latency.of(name) == Latency(STEP, 4 * STEP, seed).of(name)
    assert Rejects(chance, seed).refuses(name) is Rejects(chance, seed).refuses(name)
    assert not Rejects(0, seed).refuses(name) and Rejects(1, seed).refuses(name)


def test_rejects_come_as_often_as_they_should() -> None:
    refused = sum(Rejects(0.2, 7).refuses(f"order-{n}") for n in range(10_000))
    assert abs(refused - 2_000) < 4 * (10_000 * 0.2 * 0.8) ** 0.5  # four standard deviations of the binomial


@pytest.mark.parametrize("chance", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(chance: float) -> None:
    with pytest.raises(InputError):
        Rejects(chance)
    with pytest.raises(InputError):
        Latency(-STEP)


def test_a_busted_trade_leaves_no_trace_in_money_or_holdings() -> None:
    exchange = venue()
    exchange.submit(order("x"), START)
    (fill, _) = play(exchange, START + STEP, touch(100, 100))
    assert isinstance(fill, Fill)
    bust(exchange, fill)
    assert exchange.account.cash == 1_000_000 and exchange.account.positions["AAPL"].quantity == 0


@pytest.mark.parametrize(
    ("trades", "busted", "left"),
    [  # (signed quantity, price), which of them is taken back, and (units, average cost, realised) by hand
        ([(10, 100), (30, 120)], 0, (30, 120, 0)),
        ([(10, 100), (30, 120)], 1, (10, 100, 0)),
        ([(40, 100), (-10, 130)], 1, (40, 100, 0)),
        ([(-40, 100), (10, 70), (10, 80)], 1, (-30, 100, 200)),
        ([(10, 100)], 0, (0, 0, 0)),
    ],
)
def test_a_position_after_a_bust_is_what_the_other_trades_make(
    trades: list[tuple[int, int]], busted: int, left: tuple[int, int, int]
) -> None:
    exchange, fills = venue(), []
    for n, (signed, price) in enumerate(trades):
        exchange.submit(order(f"o{n}", "buy" if signed > 0 else "sell", abs(signed)), START)
        events = play(exchange, START + STEP * (n + 1), {"AAPL": Touch.at(Decimal(price))})
        fills += [e for e in events if isinstance(e, Fill)]
    bust(exchange, fills[busted])
    others = [t for n, t in enumerate(trades) if n != busted]
    position = exchange.account.positions["AAPL"]
    assert (position.quantity, position.average_cost, position.realised) == left
    assert exchange.account.cash == 1_000_000 - sum(q * p for q, p in others)
