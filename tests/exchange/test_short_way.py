"""Market orders of a cash account take a short way through the exchange: it ends where the long one does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import DataError, Instrument, Side, TimeInForce
from aura_lib.exchange import Costs, Exchange, FillModel, HalfSpread, PriceBar
from tests.backtest.scenarios import SLOT, order

D = Decimal
LOTS = {"A": Instrument("A"), "B": Instrument("B", lot=D("0.01"), multiplier=D(2)), "C": Instrument("C", lot=D(100))}


def price(rng: Random) -> Any:
    if rng.random() < 0.1:
        return rng.choice([D("NaN"), PriceBar(D(5), D(6), D(4), D(5), D(0))])
    if rng.random() < 0.03:
        return D(rng.choice(["-1", "0", "Infinity", "0.0000001"]))
    a, b, c, d = (D(rng.randint(1, 9000)) / 100 for _ in range(4))
    return rng.choice([a, PriceBar(a, max(a, b, c, d), min(a, b, c, d), b, rng.choice([None, D(1000)]))])


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_both_ways_tell_the_same_events_and_end_in_the_same_state(seed: int) -> None:
    rng = Random(seed)
    spread = rng.choice([None, HalfSpread(D(rng.randint(0, 20)))])
    costs = Costs(D(rng.randint(0, 50)), D(rng.randint(0, 5)), D(rng.randint(0, 50)), spread=spread)
    at: Any = rng.choice(["open", "close", "vwap"])
    ways = [Exchange(D(rng.randint(0, 1) * 9000), costs, fills=FillModel(at)) for _ in range(2)]
    ways[1] = Exchange(ways[0].account.cash, costs, fills=FillModel(at))
    ways[1]._floor.short = False
    for n in range(8):
        for k in range(rng.randint(0, 4)):
            name, side = rng.choice("ABC"), rng.choice(list(Side))
            force = rng.choice([TimeInForce.DAY, TimeInForce.GTC])
            quantity = str(rng.randint(1, 60) * LOTS[name].lot)
            wish = order(name, side, quantity, instrument=LOTS[name], time_in_force=force, client_id=f"{n}/{k}")
            for way in ways:
                way.submit(wish, SLOT + timedelta(days=n))
        prices = {s: price(rng) for s in "ABC" if rng.random() < 0.95}
        closing = rng.random() < 0.8
        told = [_matched(way, n, prices, closing) for way in ways]
        assert told[0] == told[1]
        assert ways[0].state() == ways[1].state()


def _matched(way: Exchange, n: int, prices: dict[str, Any], closing: bool) -> Any:
    try:
        events = way.match(SLOT + timedelta(days=n, hours=1), prices, closing=closing)
    except DataError as error:
        return str(error)
    parts = [(e.spread, e.slippage, e.impact) for e in events if hasattr(e, "slippage")]
    return events, parts
