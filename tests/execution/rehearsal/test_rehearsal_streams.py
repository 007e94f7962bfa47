"""The unmodified streams of alpaca-py listen to the rehearsal broker; what it serves survives its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.historical import OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import (
    OptionChainRequest,
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    StopLossRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream

from aura_lib.core import utc
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from tests.execution.rehearsal.conftest import trading_client, wait_for
from tests.rehearsal import rehearsal_server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@contextmanager
def listening(broker: Rehearsal) -> Iterator[list[Any]]:
    """The updates that the real stream hands over."""
    heard: list[Any] = []

    async def hear(update: Any) -> None:
        heard.append(update)

    stream = TradingStream(broker.key, broker.secret, paper=True, url_override=broker.stream_url)
    stream._reconnect_min_backoff = stream._reconnect_max_backoff = 0.05
    stream.subscribe_trade_updates(hear)
    thread = Thread(target=stream.run, daemon=True)
    thread.start()
    wait_for(lambda: broker.streams)
    try:
        yield heard
    finally:
        stream.stop()
        thread.join(30)


def market(**words: Any) -> MarketOrderRequest:
    return MarketOrderRequest(
        **{"symbol": "AAPL", "qty": 10, "side": OrderSide.BUY, "time_in_force": TimeInForce.DAY, **words}
    )


def test_the_stream_tells_the_life_of_orders(broker: Rehearsal, client: TradingClient) -> None:
    with listening(broker) as heard:
        broker.venue.tick("AAPL", "200", size="4")
        client.submit_order(market(client_order_id="one"))
        broker.venue.tick("AAPL", "201")
        resting = client.submit_order(
            LimitOrderRequest(symbol="MSFT", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=300)
        )
        client.cancel_order_by_id(resting.id)
        wait_for(lambda: len(heard) >= 5)
    assert [str(getattr(u.event, "value", u.event)) for u in heard] == [
        "new",
        "partial_fill",
        "fill",
        "new",
        "canceled",
    ]
    first, second = heard[1:3]
    assert (first.qty, first.price, first.position_qty, first.order.filled_qty) == (4, 200, 4, "4")
    assert (second.qty, second.price, second.position_qty, second.order.filled_avg_price) == (6, 201, 10, "200.6")
    executions = [a["id"].partition("::")[2] for a in client.get("/account/activities/FILL")]
    assert executions == [str(second.execution_id), str(first.execution_id)]


def test_the_stream_comes_back_after_a_cut(broker: Rehearsal, client: TradingClient) -> None:
    with listening(broker) as heard:
        before = broker.streams[0]
        broker.cut_streams()
        wait_for(lambda: broker.streams and broker.streams[0] is not before)
        client.submit_order(market())
        wait_for(lambda: len(heard) >= 2)
    assert [str(getattr(u.event, "value", u.event)) for u in heard] == ["new", "fill"]


def test_wrong_keys_hear_nothing(broker: Rehearsal) -> None:
    import asyncio
    import json

    from websockets.asyncio.client import connect

    async def ask() -> list[Any]:
        async with connect(broker.stream_url) as socket:
            answers = []
            for said in ('{"action": "listen", "data": {"streams": ["trade_updates"]}}', "nonsense", "[]",
                         '{"action": "authenticate", "data": {"key_id": "x", "secret_key": "y"}}'):  # fmt: skip
                await socket.send(said)
                answers.append(json.loads(await socket.recv()))
            return answers

    told = asyncio.run(ask())
    assert [a["data"].get("status", a["data"].get("message")) for a in told] == [
        "unauthorized", "invalid message", "invalid message", "unauthorized",
    ]  # fmt: skip
    assert not broker.streams


def test_market_data_is_streamed_and_served(broker: Rehearsal) -> None:
    heard: list[Any] = []

    async def hear(told: Any) -> None:
        heard.append(told)

    stream = StockDataStream(broker.key, broker.secret, feed=DataFeed.IEX, url_override=broker.data_url())
    stream.subscribe_trades(hear, "AAPL")
    stream.subscribe_quotes(hear, "AAPL")
    stream.subscribe_bars(hear, "AAPL")
    thread = Thread(target=stream.run, daemon=True)
    thread.start()
    wait_for(lambda: broker.watchers and broker.watchers[0].wants("b", "AAPL"))
    broker.venue.tick("AAPL", "201", size="7")
    broker.venue.tick("MSFT", "1")
    broker.venue.quote("AAPL", "200.5", "201.5")
    broker.venue.tick("AAPL", "203", at=utc("2026-03-02T17:01:00Z"))
    wait_for(lambda: len(heard) >= 4)
    stream.stop()
    thread.join(30)
    trade, quote, bar, _ = heard
    assert (trade.symbol, trade.price, trade.size) == ("AAPL", 201, 7)
    assert (quote.bid_price, quote.ask_price) == (200.5, 201.5)
    assert (bar.open, bar.high, bar.low, bar.close) == (200, 201, 200, 201)

    data = StockHistoricalDataClient(broker.key, broker.secret, url_override=broker.url)
    bars = data.get_stock_bars(StockBarsRequest(symbol_or_symbols=["AAPL"], timeframe=TimeFrame.Minute)).data["AAPL"]
    assert [(b.open, b.close) for b in bars] == [(200, 201), (203, 203)]
    assert data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))["AAPL"].ask_price == 203
    assert data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAPL"))["AAPL"].daily_bar.high == 203


def test_option_chains_are_served_with_their_greeks(broker: Rehearsal, client: TradingClient) -> None:
    found = client.get_option_contracts(
        GetOptionContractsRequest(underlying_symbols=["AAPL"], type="call", expiration_date="2026-03-20", limit=5)
    )
    assert len(found.option_contracts) == 5 and found.next_page_token == "5"
    assert {c.type.value for c in found.option_contracts} == {"call"}
    options = OptionHistoricalDataClient(broker.key, broker.secret, url_override=broker.url)
    chain = options.get_option_chain(OptionChainRequest(underlying_symbol="AAPL", expiration_date="2026-03-20"))
    call, put = chain["AAPL260320C00200000"], chain["AAPL260320P00200000"]
    assert 0.5 < call.greeks.delta < 0.6 and call.greeks.delta - put.greeks.delta == pytest.approx(1)
    # put-call parity (Stoll 1969): C − P = S − K e^(−rT), here with 18.125 days at 4 %
    middle = [(o.latest_quote.bid_price + o.latest_quote.ask_price) / 2 for o in (call, put)]
    assert middle[0] - middle[1] == pytest.approx(200 - 200 * 2.718281828 ** (-0.04 * 18.125 / 365), abs=0.02)


def test_a_restart_goes_on_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "venue.db"
    with rehearsal_server(file, seed=3) as broker:
        client = trading_client(broker)
        client.submit_order(market(client_order_id="filled"))
        bracket = client.submit_order(
            market(
                time_in_force=TimeInForce.GTC, order_class="bracket",
                take_profit=TakeProfitRequest(limit_price=220), stop_loss=StopLossRequest(stop_price=190),
            )
        )  # fmt: skip
        resting = client.submit_order(
            LimitOrderRequest(symbol="MSFT", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=300)
        )
        everything = GetOrdersRequest(status=QueryOrderStatus.ALL)
        before = (client.get_account(), client.get_orders(everything), client.get_all_positions())
        fills = client.get("/account/activities")
    with rehearsal_server(file) as broker:
        client = trading_client(broker)
        assert (client.get_account(), client.get_orders(everything), client.get_all_positions()) == before
        assert client.get("/account/activities") == fills
        with pytest.raises(Exception, match="must be unique"):
            client.submit_order(market(client_order_id="filled"))
        client.cancel_order_by_id(resting.id)
        broker.venue.tick("AAPL", "189")
        assert client.get_order_by_id(bracket.legs[1].id).filled_avg_price == "189"
        assert client.submit_order(market()).id not in {o.id for o in before[1]}


def test_activities_are_paged_and_filtered(broker: Rehearsal, client: TradingClient) -> None:
    for n in range(5):
        client.submit_order(market(qty=n + 1))
    client.post("/../rehearsal/dividend", {"symbol": "AAPL", "amount": "0.5"})
    first = client.get("/account/activities", {"page_size": 2, "direction": "asc"})
    rest = client.get("/account/activities", {"direction": "asc", "page_token": first[-1]["id"]})
    assert [a["qty"] for a in first + rest] == ["1", "2", "3", "4", "5", "15"]
    (dividend,) = client.get("/account/activities/DIV")
    assert (dividend["net_amount"], dividend["per_share_amount"]) == ("7.5", "0.5")
    assert client.get("/account/activities", {"activity_types": "FILL", "after": "2030-01-01"}) == []


def test_the_portfolio_history_has_what_the_account_was_worth(broker: Rehearsal, client: TradingClient) -> None:
    client.submit_order(market())
    broker.venue.tick("AAPL", "210", at=utc("2026-03-02T18:00:00Z"))
    broker.venue.advance(utc("2026-03-03T22:00:00Z"))
    told = client.get_portfolio_history()
    assert told.equity == [100_100, 100_100] and told.base_value == 100_100
    assert client.get_account().last_equity == "100100"
