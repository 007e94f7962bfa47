"""The unmodified alpaca-py client trades with the rehearsal broker: every type and class, replace, cancel, close."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    OptionLegRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from aura_lib.core import utc
from aura_lib.execution.brokers.rehearsal.server import Rehearsal

BUY, SELL, DAY, GTC = OrderSide.BUY, OrderSide.SELL, TimeInForce.DAY, TimeInForce.GTC


def market(symbol: str = "AAPL", qty: float | None = 10, side: OrderSide = BUY, **words: Any) -> MarketOrderRequest:
    return MarketOrderRequest(symbol=symbol, qty=qty, side=side, **{"time_in_force": DAY, **words})


def limit(price: float, qty: float = 10, side: OrderSide = BUY, **words: Any) -> LimitOrderRequest:
    return LimitOrderRequest(symbol="AAPL", qty=qty, side=side, limit_price=price, **{"time_in_force": DAY, **words})


def refused(code: int, status: int, call: Any, *args: Any) -> str:
    with pytest.raises(APIError) as caught:
        call(*args)
    assert (caught.value.code, caught.value.status_code) == (code, status)
    return str(caught.value.message)


def test_a_market_order_fills_at_the_price_of_the_market(client: TradingClient) -> None:
    order = client.submit_order(market(client_order_id="first"))
    assert order.status is OrderStatus.PENDING_NEW and order.filled_qty == "0"
    found = client.get_order_by_client_id("first")
    assert (found.id, found.status, found.filled_avg_price) == (order.id, OrderStatus.FILLED, "200")
    assert client.get_order_by_id(order.id) == found
    (position,) = client.get_all_positions()
    assert (position.symbol, position.qty, position.avg_entry_price) == ("AAPL", "10", "200")
    account = client.get_account()
    assert (account.cash, account.equity, account.long_market_value) == ("98000", "100000", "2000")


def test_a_client_order_id_is_taken_once_for_the_life_of_the_account(client: TradingClient) -> None:
    client.submit_order(market(client_order_id="once"))
    message = refused(40010001, 422, client.submit_order, market(client_order_id="once"))
    assert message == "client_order_id must be unique"
    resting = client.submit_order(limit(150, client_order_id="gone"))
    client.cancel_order_by_id(resting.id)
    refused(40010001, 422, client.submit_order, limit(150, client_order_id="gone"))
    assert len(client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))) == 2


def test_limit_stop_and_stop_limit_orders_wait_for_their_price(broker: Rehearsal, client: TradingClient) -> None:
    client.submit_order(market(qty=30))
    waiting = [
        client.submit_order(limit(195)),
        client.submit_order(StopOrderRequest(symbol="AAPL", qty=5, side=BUY, time_in_force=GTC, stop_price=210)),
        client.submit_order(
            StopLimitOrderRequest(symbol="MSFT", qty=5, side=BUY, time_in_force=DAY, stop_price=410, limit_price=412)
        ),
    ]
    broker.venue.tick("AAPL", "196")
    assert {client.get_order_by_id(o.id).status for o in waiting} == {OrderStatus.NEW}
    broker.venue.tick("AAPL", "194.5")  # through the limit: at the better price of the gap
    assert client.get_order_by_id(waiting[0].id).filled_avg_price == "194.5"
    broker.venue.tick("AAPL", "212")
    assert client.get_order_by_id(waiting[1].id).filled_avg_price == "212"
    broker.venue.tick("MSFT", "415")  # through the stop, beyond the limit
    assert client.get_order_by_id(waiting[2].id).status is OrderStatus.NEW
    broker.venue.tick("MSFT", "411")
    assert client.get_order_by_id(waiting[2].id).filled_avg_price == "411"


@pytest.mark.parametrize("words", [{"trail_price": 5}, {"trail_percent": 2.5}])
def test_a_trailing_stop_follows_the_best_price(
    broker: Rehearsal, client: TradingClient, words: dict[str, Any]
) -> None:
    client.submit_order(market())
    order = client.submit_order(TrailingStopOrderRequest(symbol="AAPL", qty=10, side=SELL, time_in_force=GTC, **words))
    for price in ("203", "208", "206"):
        broker.venue.tick("AAPL", price)
    assert client.get_order_by_id(order.id).status is OrderStatus.NEW
    broker.venue.tick("AAPL", "202.7")  # 208 less 5 is 203, less 2.5 % is 202.80
    assert client.get_order_by_id(order.id).filled_avg_price == "202.7"


def test_a_bracket_is_closed_at_its_profit_and_its_stop_ends_with_it(broker: Rehearsal, client: TradingClient) -> None:
    order = client.submit_order(
        market(
            time_in_force=GTC, order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=220), stop_loss=StopLossRequest(stop_price=190, limit_price=189),
        )
    )  # fmt: skip
    assert [leg.status for leg in order.legs] == [OrderStatus.HELD, OrderStatus.HELD]
    (nested,) = client.get_orders(GetOrdersRequest(nested=True))
    assert [leg.status for leg in nested.legs] == [OrderStatus.NEW, OrderStatus.HELD]
    (listed,) = client.get_orders()  # the stop is held, and in no list of open orders
    assert listed.id == order.legs[0].id
    broker.venue.tick("AAPL", "220")
    profit, stop = (client.get_order_by_id(leg.id) for leg in order.legs)
    assert (profit.status, profit.filled_avg_price, stop.status) == (OrderStatus.FILLED, "220", OrderStatus.CANCELED)
    assert client.get_all_positions() == [] and client.get_account().cash == "100200"


def test_a_bracket_is_closed_at_its_loss(broker: Rehearsal, client: TradingClient) -> None:
    order = client.submit_order(
        limit(
            199, order_class=OrderClass.BRACKET, take_profit=TakeProfitRequest(limit_price=220),
            stop_loss=StopLossRequest(stop_price=190),
        )
    )  # fmt: skip
    broker.venue.tick("AAPL", "199")
    broker.venue.tick("AAPL", "185")
    profit, stop = (client.get_order_by_id(leg.id) for leg in order.legs)
    assert (profit.status, stop.status, stop.filled_avg_price) == (OrderStatus.CANCELED, OrderStatus.FILLED, "185")


def test_the_legs_of_a_bracket_outlast_an_entry_that_comes_in_parts(broker: Rehearsal, client: TradingClient) -> None:
    broker.venue.tick("AAPL", "200", size="3")
    order = client.submit_order(
        market(
            qty=4, time_in_force=GTC, order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=210), stop_loss=StopLossRequest(stop_price=190),
        )
    )  # fmt: skip
    broker.venue.tick("AAPL", "211")  # closes the first three, and brings the fourth
    profit, stop = (client.get_order_by_id(leg.id) for leg in order.legs)
    assert (profit.status, profit.filled_qty, stop.status) == (OrderStatus.PARTIALLY_FILLED, "3", OrderStatus.HELD)
    assert client.get_open_position("AAPL").qty == "1"
    broker.venue.tick("AAPL", "189")
    profit, stop = (client.get_order_by_id(leg.id) for leg in order.legs)
    assert (profit.status, stop.status, stop.filled_qty) == (OrderStatus.CANCELED, OrderStatus.CANCELED, "1")
    assert client.get_all_positions() == []


def test_cancelling_the_entry_of_a_bracket_cancels_its_legs(client: TradingClient) -> None:
    order = client.submit_order(
        limit(
            150, order_class=OrderClass.BRACKET, take_profit=TakeProfitRequest(limit_price=220),
            stop_loss=StopLossRequest(stop_price=140),
        )
    )  # fmt: skip
    client.cancel_order_by_id(order.id)
    assert {o.status for o in client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))} == {
        OrderStatus.CANCELED
    }
    assert refused(42210000, 422, client.cancel_order_by_id, order.id) == 'order is already in "canceled" state'


def test_an_oco_pair_protects_what_is_held_once(broker: Rehearsal, client: TradingClient) -> None:
    client.submit_order(market())
    pair = client.submit_order(
        LimitOrderRequest(
            symbol="AAPL", qty=10, side=SELL, time_in_force=GTC, order_class=OrderClass.OCO,
            limit_price=220, take_profit=TakeProfitRequest(limit_price=220), stop_loss=StopLossRequest(stop_price=190),
        )
    )  # fmt: skip
    assert client.get_open_position("AAPL").qty_available == "0"
    assert refused(40310000, 403, client.submit_order, market(side=SELL, qty=1)).startswith(
        "insufficient qty available"
    )
    broker.venue.tick("AAPL", "188")
    assert client.get_order_by_id(pair.legs[0].id).filled_avg_price == "188"
    assert client.get_order_by_id(pair.id).status is OrderStatus.CANCELED
    assert client.get_all_positions() == []


def test_an_oto_order_brings_its_one_exit(broker: Rehearsal, client: TradingClient) -> None:
    order = client.submit_order(
        market(order_class=OrderClass.OTO, stop_loss=StopLossRequest(stop_price=190), time_in_force=GTC)
    )
    (leg,) = order.legs
    assert client.get_order_by_id(leg.id).status is OrderStatus.NEW
    broker.venue.tick("AAPL", "190")
    assert client.get_order_by_id(leg.id).status is OrderStatus.FILLED


def test_replacing_gives_a_new_order_and_names_the_old(broker: Rehearsal, client: TradingClient) -> None:
    old = client.submit_order(limit(150))
    new = client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=160, qty=20, client_order_id="second"))
    assert (new.replaces, new.limit_price, new.qty, new.client_order_id) == (old.id, "160", "20", "second")
    before = client.get_order_by_id(old.id)
    assert (before.status, before.replaced_by) == (OrderStatus.REPLACED, new.id)
    message = refused(42210000, 422, client.replace_order_by_id, old.id, ReplaceOrderRequest(qty=5))
    assert message == 'order is already in "replaced" state'
    broker.venue.tick("AAPL", "159")
    assert client.get_order_by_id(new.id).filled_qty == "20"
    refused(40010001, 422, client.replace_order_by_id, client.submit_order(limit(100)).id,
            ReplaceOrderRequest(qty=5, client_order_id="second"))  # fmt: skip


def test_replacing_what_is_filled_in_part_goes_on_with_the_rest(broker: Rehearsal, client: TradingClient) -> None:
    old = client.submit_order(limit(190))
    broker.venue.tick("AAPL", "190", size="4")
    assert client.get_order_by_id(old.id).status is OrderStatus.PARTIALLY_FILLED
    new = client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=191))
    assert new.qty == "6" and client.get_order_by_id(old.id).filled_qty == "4"
    broker.venue.tick("AAPL", "191")
    assert client.get_order_by_id(new.id).filled_qty == "6"
    assert client.get_open_position("AAPL").qty == "10"


def test_a_leg_can_be_moved_before_and_after_the_entry(broker: Rehearsal, client: TradingClient) -> None:
    order = client.submit_order(
        limit(
            199, time_in_force=GTC, order_class=OrderClass.BRACKET, take_profit=TakeProfitRequest(limit_price=220),
            stop_loss=StopLossRequest(stop_price=180),
        )
    )  # fmt: skip
    stop = client.replace_order_by_id(order.legs[1].id, ReplaceOrderRequest(stop_price=185))
    broker.venue.tick("AAPL", "199")
    stop = client.replace_order_by_id(stop.id, ReplaceOrderRequest(stop_price=192))
    broker.venue.tick("AAPL", "193")
    assert client.get_open_position("AAPL").qty == "10"
    broker.venue.tick("AAPL", "191.5")
    assert client.get_order_by_id(stop.id).filled_avg_price == "191.5"
    assert client.get_order_by_id(order.legs[0].id).status is OrderStatus.CANCELED


def test_money_is_turned_into_a_fraction_at_the_price_it_fills_at(client: TradingClient) -> None:
    order = client.submit_order(market(qty=None, notional=333.33))
    filled = client.get_order_by_id(order.id)
    assert (filled.notional, filled.qty, filled.filled_qty) == ("333.33", None, "1.66665")
    assert client.get_account().cash == "99666.67"


@pytest.mark.parametrize(("force", "filled", "status"), [("ioc", "4", "canceled"), ("fok", "0", "canceled")])
def test_at_once_means_what_is_there(
    broker: Rehearsal, client: TradingClient, force: str, filled: str, status: str
) -> None:
    broker.venue.tick("AAPL", "200", size="4")
    order = client.submit_order(limit(201, time_in_force=TimeInForce(force)))
    found = client.get_order_by_id(order.id)
    assert (found.filled_qty, found.status.value) == (filled, status)


def test_day_orders_end_with_the_session_and_gtc_orders_do_not(broker: Rehearsal, client: TradingClient) -> None:
    day, gtc = client.submit_order(limit(150)), client.submit_order(limit(150, time_in_force=GTC))
    late = client.submit_order(limit(150, extended_hours=True))
    broker.venue.advance(utc("2026-03-02T21:30:00Z"))  # half an hour after the close
    assert not client.get_clock().is_open
    assert [client.get_order_by_id(o.id).status.value for o in (day, gtc, late)] == ["expired", "new", "new"]
    broker.venue.tick("AAPL", "149")
    assert [client.get_order_by_id(o.id).status.value for o in (gtc, late)] == ["new", "filled"]


def test_orders_for_the_auctions_fill_at_their_one_price(broker: Rehearsal, client: TradingClient) -> None:
    close = client.submit_order(market(time_in_force=TimeInForce.CLS))
    broker.venue.tick("AAPL", "204")
    assert client.get_order_by_id(close.id).status is OrderStatus.NEW
    refused(42210000, 422, client.submit_order, market(time_in_force=TimeInForce.OPG))
    broker.venue.advance(utc("2026-03-03T01:00:00Z"))
    assert client.get_order_by_id(close.id).filled_avg_price == "204"
    opening = client.submit_order(market(time_in_force=TimeInForce.OPG))
    assert opening.status is OrderStatus.ACCEPTED
    broker.venue.tick("AAPL", "207", at=utc("2026-03-03T14:30:01Z"))
    assert client.get_order_by_id(opening.id).filled_avg_price == "207"


def test_what_comes_while_the_market_is_closed_waits_for_the_open(broker: Rehearsal, client: TradingClient) -> None:
    broker.venue.advance(utc("2026-03-03T02:00:00Z"))
    order = client.submit_order(market())
    worth = client.submit_order(market(symbol="MSFT", qty=None, notional=1000))
    assert order.status is OrderStatus.ACCEPTED
    broker.venue.tick("AAPL", "210", at=utc("2026-03-03T14:30:01Z"))
    broker.venue.tick("MSFT", "500")
    assert client.get_order_by_id(order.id).filled_avg_price == "210"
    assert client.get_order_by_id(worth.id).filled_qty == "2"


def test_positions_are_closed_whole_in_part_and_all_together(client: TradingClient) -> None:
    client.submit_order(market())
    client.submit_order(market(symbol="BTC/USD", qty=0.5, time_in_force=GTC))
    client.close_position("AAPL", ClosePositionRequest(percentage="50"))
    assert client.get_open_position("AAPL").qty == "5"
    client.close_position("AAPL", ClosePositionRequest(qty="2"))
    assert client.get_open_position("AAPL").qty == "3"
    client.submit_order(limit(300, qty=3, side=SELL))
    first = client.close_all_positions()
    assert sorted((a.symbol, a.status) for a in first) == [("AAPL", 403), ("BTCUSD", 200)]
    client.close_all_positions(cancel_orders=True)
    assert client.get_all_positions() == []
    assert refused(40410000, 404, client.get_open_position, "AAPL") == "position does not exist"


def test_a_short_sale_needs_margin_and_a_share_that_can_be_borrowed(client: TradingClient) -> None:
    client.submit_order(market(side=SELL))
    (position,) = client.get_all_positions()
    assert (position.qty, position.side.value, position.market_value) == ("-10", "short", "-2000")
    assert client.get_account().cash == "102000"
    assert "cannot be sold short" in refused(
        40310000, 403, client.submit_order, market(symbol="BRK.A", side=SELL, qty=1)
    )
    assert refused(40310000, 403, client.submit_order, market(qty=11)).startswith("insufficient qty available")
    client.submit_order(market(qty=10))
    assert client.get_all_positions() == []


def test_buying_power_counts_open_orders(client: TradingClient) -> None:
    client.submit_order(limit(100, qty=1500))
    assert client.get_account().buying_power == "50000"
    message = refused(40310000, 403, client.submit_order, limit(100, qty=501))
    assert message == "insufficient buying power"
    client.cancel_orders()
    assert client.get_account().buying_power == "200000"


def test_nobody_trades_with_himself(client: TradingClient) -> None:
    client.submit_order(market())
    client.submit_order(limit(210, side=SELL))
    assert refused(40310000, 403, client.submit_order, market()).startswith("potential wash trade")
    client.submit_order(limit(205))  # under its own offer


def test_several_option_legs_trade_together_or_not_at_all(broker: Rehearsal, client: TradingClient) -> None:
    low, high = "AAPL260320C00200000", "AAPL260320C00210000"
    broker.venue.quote(low, "7.90", "8.00")

    def spread(price: float) -> LimitOrderRequest:
        legs = [
            OptionLegRequest(symbol=low, ratio_qty=1, side=BUY),
            OptionLegRequest(symbol=high, ratio_qty=1, side=SELL),
        ]
        return LimitOrderRequest(qty=2, limit_price=price, time_in_force=DAY, order_class=OrderClass.MLEG, legs=legs)

    order = client.submit_order(spread(4.5))
    assert client.get_order_by_id(order.id).status is OrderStatus.NEW  # one leg has no price
    broker.venue.quote(high, "3.40", "3.50")  # 8.00 less 3.40 is 4.60
    assert client.get_all_positions() == []
    broker.venue.quote(low, "7.80", "7.90")
    assert client.get_order_by_id(order.id).filled_avg_price == "4.5"
    assert {p.symbol: p.qty for p in client.get_all_positions()} == {low: "2", high: "-2"}
    assert client.get_account().cash == "99100"  # 2 × 100 × 4.50


def test_options_settle_when_they_expire(broker: Rehearsal, client: TradingClient) -> None:
    call = "AAPL260306C00190000"
    broker.venue.quote(call, "11", "11.50")
    client.submit_order(market(symbol=call, qty=1))
    broker.venue.tick("AAPL", "205", at=utc("2026-03-06T20:00:00Z"))
    broker.venue.advance(utc("2026-03-06T22:00:00Z"))
    (position,) = client.get_all_positions()
    assert (position.symbol, position.qty) == ("AAPL", "100")
    kinds = [a["activity_type"] for a in client.get("/account/activities")]
    assert kinds == ["OPTRD", "OPEXC", "FILL"]


def test_what_is_halted_does_not_trade_until_it_is_resumed(broker: Rehearsal, client: TradingClient) -> None:
    broker.venue.halt("AAPL")
    order = client.submit_order(market())
    broker.venue.tick("AAPL", "150")
    assert client.get_order_by_id(order.id).filled_qty == "0"
    broker.venue.resume("AAPL", "170")
    assert client.get_order_by_id(order.id).filled_avg_price == "170"


def test_buyers_pay_the_ask_and_sellers_get_the_bid(broker: Rehearsal, client: TradingClient) -> None:
    broker.venue.quote("AAPL", "199.90", "200.10")
    client.submit_order(market())
    client.submit_order(market(side=SELL, qty=4))
    fills = client.get("/account/activities/FILL")
    assert [(f["side"], f["price"], f["qty"]) for f in fills] == [("sell", "199.9", "4"), ("buy", "200.1", "10")]
    assert Decimal(client.get_account().cash) == 100_000 - 10 * Decimal("200.10") + 4 * Decimal("199.90")
