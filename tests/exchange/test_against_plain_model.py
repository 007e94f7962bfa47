"""Whatever orders come and whatever bars: the exchange does what a plain model in fractions does, to the last digit."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Account, Fill, Instrument, Intent, Order, OrderType, Side, TimeInForce, canonical, fold
from aura_lib.exchange import Closed, Costs, Exchange, FillModel, PriceBar
from tests.backtest.scenarios import SLOT
from tests.oracle.plain_exchange import Venue

D = Decimal
LASTING = (TimeInForce.DAY, TimeInForce.GTC)


def bar(rng: Random) -> PriceBar | None:
    """A bar around 100, now and then none at all."""
    prices = [D(rng.randint(80, 120)) for _ in range(4)]
    volume = rng.choice([None, D(rng.randint(1, 300))])
    return None if rng.random() < 0.1 else PriceBar(prices[0], max(prices), min(prices), prices[1], volume)


def wish(rng: Random) -> dict[str, Any]:
    """The fields of an intent that makes sense."""
    kind, side = rng.choice(list(OrderType)), rng.choice(list(Side))
    told: dict[str, Any] = {"type": kind, "side": side, "quantity": D(rng.randint(1, 60))}
    told["time_in_force"] = rng.choice(list(TimeInForce) if kind in (OrderType.MARKET, OrderType.LIMIT) else LASTING)
    if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        told["limit_price"] = D(rng.randint(70, 130))
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
        told["stop_price"] = D(rng.randint(70, 130))
    if kind is OrderType.TRAILING_STOP:
        told |= rng.choice([{"trail_amount": D(7)}, {"trail_percent": D(5)}, {"trail_amount": D("0.5")}])
    if kind is OrderType.OCO:
        low, high = D(rng.randint(75, 99)), D(rng.randint(101, 125))
        take, loss = (low, high) if side is Side.BUY else (high, low)
        told |= {"take_profit": take, "stop_loss": loss}
    if kind is OrderType.BRACKET:
        told |= {"side": Side.BUY, "take_profit": D(rng.randint(106, 125))}
        if rng.random() < 0.7:
            told["stop_loss"] = D(rng.randint(75, 94))
        told |= rng.choice([{}, {"limit_price": D(97)}, {"stop_price": D(103)}, {"limit_price": D(104)}])
    return told


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_fills_prices_fees_and_ends_equal_those_of_the_plain_model(seed: int) -> None:
    rng = Random(seed)
    at: Any = rng.choice(["open", "close", "vwap"])
    share, cash, bps = rng.choice([None, D("0.1"), D("0.5")]), rng.randint(0, 20_000), rng.choice([D(0), D(10)])
    exchange = Exchange(D(cash), Costs(bps, D(0), bps), fills=FillModel(at, share))
    plain = Venue(cash, at=at, share=share, commission_bps=bps, slippage_bps=bps)
    done: list[Fill] = []
    restarts = rng.randint(0, 8)
    for n in range(8):
        for k in range(rng.randint(0, 4)):
            intent = Intent(Instrument(rng.choice("AB")), **wish(rng))
            exchange.submit(Order(f"{n}/{k}", "a", "b", "", k, 1, intent, SLOT), SLOT + timedelta(days=n))
            plain.submit(**_plainly(f"{n}/{k}", intent))
        bars = {s: b for s in "AB" if (b := bar(rng)) is not None}
        if n == restarts:
            exchange = Exchange.restore(json.loads(canonical(exchange.state())))
        events = exchange.match(SLOT + timedelta(days=n, hours=1), bars)
        plain.bar({s: tuple(q) for s, q in bars.items()})
        done += [e for e in events if isinstance(e, Fill)]
        ends = {e.client_id: e.status.value for e in events if isinstance(e, Closed)}
        assert [_told(f) for f in done] == plain.trades
        assert {k: v for k, v in plain.ends.items() if k in ends} == ends
        assert {o.client_id for o in exchange.open_orders} == {o["id"] for o in plain.open}
        assert exchange.account.cash == plain.cash >= 0
    assert fold(Account("exchange", D(cash)), done) == exchange.account


def _told(fill: Fill) -> tuple[str, str, Fraction, Fraction, Fraction]:
    return fill.client_id, fill.side.value, Fraction(fill.quantity), Fraction(fill.price), Fraction(fill.fee)


def _plainly(name: str, intent: Intent) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": name,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "type": intent.type.value,
        "quantity": Fraction(intent.quantity),
        "force": intent.time_in_force.value,
    }
    names = {"stop": intent.stop_price, "amount": intent.trail_amount, "percent": intent.trail_percent}
    limit = "stop_limit" if intent.type is OrderType.STOP_LIMIT else "limit"
    names |= {limit: intent.limit_price}
    if intent.type is OrderType.OCO:
        names |= {"limit": intent.take_profit, "stop": intent.stop_loss}
    else:
        names |= {"take": intent.take_profit, "loss": intent.stop_loss}
    return told | {name: Fraction(value) for name, value in names.items() if value is not None}
