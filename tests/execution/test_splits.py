"""A split while the desk runs: the holding, the orders that wait and the rules of protection are what they were."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from aura_lib.access import who
from aura_lib.core import Bars, BookingKind, Intent, OrderStatus, OrderType, Side, TimeInForce
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.feed import Feed
from aura_lib.execution.protection import Guard, Protection, protect
from aura_lib.ledger.accounting import tax_lots

D = Decimal
SPLIT, RATIO = 12, 4  # AAA splits four for one at this session


def as_traded(bars: Bars) -> Bars:
    """The same market as it traded: a quarter of the price from the split on, to the cent."""
    closes = bars.close.copy()
    closes.loc[closes.index[SPLIT:], "AAA"] = (closes["AAA"].iloc[SPLIT:] / RATIO).round(2)
    return Bars({"close": closes}, source="made up", adjustment="")


def table(bars: Bars, **more: float) -> pd.DataFrame:
    row = {"time": bars.times[SPLIT], "symbol": "AAA", "dividend": float("nan"), "split": float(RATIO), **more}
    return pd.DataFrame([row])


@pytest.fixture
def market(floor: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The floor over prices as they traded; both the desk and its venue are told of the split."""
    floor.bars, floor.more = as_traded(floor.bars), {}

    def feed(bars: Bars) -> Feed:
        return Feed(bars, actions=lambda bars: table(bars, **floor.more))

    monkeypatch.setitem(type(floor).desk.__globals__, "Feed", feed)
    file = floor.home / "brokers" / "paper.db"
    floor.broker_of = lambda clock: PaperBroker(file, feed(floor.bars), clock, floor.terms.costs)
    return floor


def bought(floor: Any, quantity: int = 10) -> Any:
    desk = floor.desk(3)
    floor.propose(3, ("AAA", "buy", quantity))
    floor.settle(desk, 5)
    assert floor.view().account("m").holdings == {"AAA": D(quantity)}
    return desk


def price(floor: Any, session: int) -> Decimal:
    return D(repr(float(floor.bars.close["AAA"].iloc[session])))


def guard(floor: Any, kind: Guard, **more: Any) -> None:
    rule = Protection("rule", "m", kind, **more)
    protect(floor.ledger, floor.home, "paper", rule, who=who(), reason="test", key=f"k:{more}")


def exits(floor: Any) -> list[Any]:
    return [o for o in floor.view().orders.values() if o.basket.startswith("protection:")]


def test_the_holding_its_lots_and_the_venue_s_are_split_and_agree(market: Any) -> None:
    desk = bought(market)
    cost = market.view().account("m").positions["AAA"].average_cost
    market.settle(desk, SPLIT + 2)
    view = market.view()
    assert [b.kind for b in view.bookings] == [BookingKind.SPLIT]
    position = view.account("m").positions["AAA"]
    assert (position.quantity, position.average_cost) == (D(40), cost / RATIO)
    assert [lot.quantity for lot in tax_lots(view).open()] == [D(40)]
    assert (view.drift, desk.seat.broker.snapshot().holdings["AAA"].quantity) == ("", D(40))


def test_orders_that_wait_are_read_again_in_units_of_now(market: Any) -> None:
    desk = bought(market)
    instrument = market.bars.instruments["AAA"]
    rests = Intent(instrument, Side.SELL, D(4), OrderType.LIMIT, D("500.00"), time_in_force=TimeInForce.GTC)
    stops = Intent(instrument, Side.SELL, D(3), OrderType.STOP, stop_price=D("60.00"), time_in_force=TimeInForce.GTC)
    market.put(5, rests, origin="one")
    market.put(5, stops, origin="two")
    market.settle(desk, SPLIT + 3)
    view = market.view()
    told = {o.intent.type: o.intent for o in view.live_orders()}
    assert [r for v in view.verdicts.values() for r in v.decisions if not r.approved] == []
    assert (told[OrderType.LIMIT].quantity, told[OrderType.LIMIT].limit_price) == (D(16), D("125.00"))
    assert (told[OrderType.STOP].quantity, told[OrderType.STOP].stop_price) == (D(12), D("15.00"))
    assert view.drift == ""


def test_an_order_that_waits_over_a_split_is_filled_whole_and_nothing_differs(market: Any) -> None:
    desk = bought(market)
    instrument = market.bars.instruments["AAA"]
    lowest = min(price(market, n) for n in range(SPLIT + 1, 30))
    stop = (lowest + D("0.01")) * RATIO
    assert stop < min(price(market, n) for n in range(6, SPLIT)), "it would be filled before the split"
    market.put(5, Intent(instrument, Side.SELL, D(5), OrderType.STOP, stop_price=stop, time_in_force=TimeInForce.GTC))
    market.settle(desk, 29)
    view = market.view()
    (order,) = [o for o in view.orders.values() if o.intent.type is OrderType.STOP]
    assert (order.status, order.filled, order.intent.quantity) == (OrderStatus.FILLED, D(20), D(20))
    assert (view.account("m").holdings, view.drift) == ({"AAA": D(20)}, "")


@pytest.mark.parametrize("restart", [False, True])
def test_a_trailing_stop_does_not_take_a_split_for_a_fall(market: Any, restart: bool) -> None:
    desk = bought(market)
    guard(market, Guard.TRAILING, fraction=D("0.2"))
    market.settle(desk, SPLIT - 1)
    if restart:
        market.ledger.control.release(desk.seat.lease)
        desk = market.desk(SPLIT - 1)
    market.settle(desk, 29)
    assert exits(market) == [] and market.view().account("m").holdings == {"AAA": D(40)}


def test_a_trailing_stop_goes_by_the_best_price_in_units_of_now(market: Any) -> None:
    desk = bought(market)
    guard(market, Guard.TRAILING, fraction=D("0.02"))
    best, due = D(0), 0
    for session in range(5, 30):
        whole = price(market, session) * (RATIO if session >= SPLIT else 1)
        best = max(best, whole)
        if session > 5 and whole <= best * D("0.98"):
            due = session
            break
    assert due, "this market never falls two per cent"
    market.settle(desk, 29)
    (order,) = exits(market)
    assert order.time == market.time(due)


def test_a_stop_at_a_price_stands_where_it_stood(market: Any) -> None:
    desk = bought(market)
    low = min(price(market, n) * (RATIO if n >= SPLIT else 1) for n in range(5, 30))
    guard(market, Guard.STOP_LOSS, symbol="AAA", price=(low - 1).quantize(D("0.01")))
    market.settle(desk, 29)
    assert exits(market) == []  # a quarter of the price is far under it, and yet no fall


def test_until_the_broker_has_booked_a_split_no_price_of_it_says_anything(
    market: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prices are split in the morning, the broker tells of it later."""
    file = market.home / "brokers" / "paper.db"
    market.broker_of = lambda clock: PaperBroker(file, Feed(market.bars), clock, market.terms.costs)
    desk = bought(market)
    guard(market, Guard.STOP_LOSS, fraction=D("0.3"))
    market.settle(desk, SPLIT + 2)
    assert exits(market) == []


def test_an_order_is_filled_over_a_split_however_the_clock_goes(market: Any) -> None:
    """Bar by bar the split is told before the fill, in one go after it: the books are the same."""
    desk = bought(market)
    instrument = market.bars.instruments["AAA"]
    stop = (min(price(market, n) for n in range(SPLIT + 1, 30)) + D("0.01")) * RATIO
    market.put(5, Intent(instrument, Side.SELL, D(5), OrderType.STOP, stop_price=stop, time_in_force=TimeInForce.GTC))
    for session in range(6, 30):
        market.settle(desk, session)
    view = market.view()
    assert (view.account("m").holdings, view.drift, view.unbooked) == ({"AAA": D(20)}, "", [])


def test_a_dividend_on_prices_as_they_traded_is_booked(market: Any) -> None:
    market.more.update(dividend=0.5, split=float("nan"))
    desk = bought(market)
    cash = market.view().account("m").cash
    market.settle(desk, SPLIT + 1)
    account = market.view().account("m")
    assert (account.income, account.cash - cash) == (D(5), D(5))


def test_prices_that_are_adjusted_have_no_actions(market: Any) -> None:
    feed = Feed(market.bars, actions=lambda bars: None)
    assert (
        feed.actions(market.time(0), market.time(29))
        == []
        == Feed(market.bars).actions(market.time(0), market.time(29))
    )
    told = Feed(market.bars, actions=table)
    assert [a.split for a in told.actions(market.time(0), market.time(29))] == [D(RATIO)]
    assert told.actions(market.time(SPLIT), market.time(29)) == []
