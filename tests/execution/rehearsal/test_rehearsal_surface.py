"""Every row of the interface, asked by the unmodified clients of alpaca-py: what is answered is a model of theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from alpaca.data.enums import OptionsFeed
from alpaca.data.historical import CryptoHistoricalDataClient, OptionHistoricalDataClient, StockHistoricalDataClient
from alpaca.data.live import CryptoDataStream, OptionDataStream
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoSnapshotRequest,
    OptionBarsRequest,
    OptionLatestQuoteRequest,
    OptionLatestTradeRequest,
    OptionSnapshotRequest,
    StockLatestBarRequest,
    StockLatestTradeRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, AssetStatus, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)

from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from tests.execution.rehearsal.conftest import wait_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CALL, PAIR = "AAPL260320C00200000", "BTC/USD"


def buy(client: TradingClient, symbol: str = "AAPL", qty: float = 10, **words: Any) -> Any:
    force = TimeInForce.GTC if "/" in symbol else TimeInForce.DAY
    return client.submit_order(
        MarketOrderRequest(symbol=symbol, qty=qty, side=OrderSide.BUY, time_in_force=force, **words)
    )


def rest(client: TradingClient, symbol: str = "MSFT", price: float = 390, name: str | None = None) -> Any:
    return client.submit_order(
        LimitOrderRequest(
            symbol=symbol, qty=2, side=OrderSide.BUY, time_in_force=TimeInForce.GTC, limit_price=price,
            client_order_id=name,
        )
    )  # fmt: skip


def test_the_account_and_how_it_is_set_up(client: TradingClient) -> None:
    account = client.get_account()
    assert (account.status.value, account.currency, account.cash) == ("ACTIVE", "USD", "100000")
    assert client.get_account_configurations().suspend_trade is False


def test_orders_are_listed_by_status_symbol_side_time_and_number(client: TradingClient) -> None:
    filled, first, second = buy(client), rest(client, name="first"), rest(client, "AAPL", 150)
    both = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    assert {o.id for o in both} == {first.id, second.id}
    (closed,) = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED))
    assert closed.id == filled.id and closed.filled_avg_price == "200"
    of_one = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, symbols=["MSFT"]))
    assert [o.id for o in of_one] == [first.id]
    assert not client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, side=OrderSide.SELL))
    assert len(client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=2, direction="asc"))) == 2
    late = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, after=first.submitted_at))
    assert [o.id for o in late] == [second.id]
    assert client.get_order_by_id(first.id).client_order_id == "first"
    assert client.get_order_by_client_id("first").id == first.id


def test_one_order_is_replaced_and_one_cancelled(client: TradingClient) -> None:
    old = rest(client)
    new = client.replace_order_by_id(old.id, ReplaceOrderRequest(limit_price=391.0))
    assert (new.replaces, client.get_order_by_id(old.id).replaced_by) == (old.id, new.id)
    client.cancel_order_by_id(new.id)
    assert client.get_order_by_id(new.id).status.value == "canceled"


def test_all_orders_are_cancelled_at_once_with_a_word_on_each(client: TradingClient) -> None:
    placed = {rest(client).id, rest(client, "AAPL", 150).id}
    answers = client.cancel_orders()
    assert {a.id for a in answers} == placed and {a.status for a in answers} == {200}
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN)) == []


def test_positions_are_told_and_closed_by_part_by_quantity_and_all(client: TradingClient) -> None:
    buy(client)
    buy(client, "MSFT", 4)
    assert {p.symbol: p.qty for p in client.get_all_positions()} == {"AAPL": "10", "MSFT": "4"}
    position = client.get_open_position("AAPL")
    assert (position.avg_entry_price, position.side.value, position.asset_class.value) == ("200", "long", "us_equity")
    client.close_position("AAPL", ClosePositionRequest(qty="3"))
    client.close_position("AAPL", ClosePositionRequest(percentage="100"))
    client.close_position("MSFT", ClosePositionRequest(percentage="50"))
    assert {p.symbol: p.qty for p in client.get_all_positions()} == {"MSFT": "2"}
    rest(client, "AAPL", 150)
    (closed,) = client.close_all_positions(cancel_orders=True)
    assert (closed.symbol, closed.status) == ("MSFT", 200)
    assert client.get_all_positions() == [] == client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))


def test_the_history_of_what_it_was_worth(broker: Rehearsal, client: TradingClient) -> None:
    buy(client)
    broker.venue.advance(broker.venue.market.now + timedelta(minutes=1))
    broker.venue.tick("AAPL", "210")
    history = client.get_portfolio_history(GetPortfolioHistoryRequest(period="1D", timeframe="1Min"))
    assert history.equity[-1] == 100_100 and history.profit_loss[-1] == 100
    assert len(history.timestamp) == len(history.equity) == len(history.profit_loss_pct)


def test_what_is_listed_and_when_it_trades(client: TradingClient) -> None:
    active = client.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE, asset_class=AssetClass.US_EQUITY))
    assert {"AAPL", "MSFT"} <= {a.symbol for a in active} and "GONE" not in {a.symbol for a in active}
    pairs = client.get_all_assets(GetAssetsRequest(asset_class=AssetClass.CRYPTO))
    assert [a.symbol for a in pairs] == [PAIR]
    assert client.get_asset("AAPL").tradable and client.get_asset(PAIR).asset_class is AssetClass.CRYPTO
    clock = client.get_clock()
    assert clock.is_open and clock.next_close.astimezone(UTC) == datetime(2026, 3, 2, 21, tzinfo=UTC)
    days = client.get_calendar(GetCalendarRequest(start=date(2026, 3, 2), end=date(2026, 3, 6)))
    assert [d.date for d in days] == [date(2026, 3, n) for n in range(2, 7)]
    assert (days[0].open.hour, days[0].close.hour) == (9, 16)


def test_one_contract_is_told_by_its_symbol(client: TradingClient) -> None:
    contract = client.get_option_contract(CALL)
    assert (contract.symbol, contract.underlying_symbol, contract.strike_price) == (CALL, "AAPL", 200)
    assert contract.expiration_date == date(2026, 3, 20)


def test_stocks_have_latest_trades_and_bars(broker: Rehearsal) -> None:
    data = StockHistoricalDataClient(broker.key, broker.secret, url_override=broker.url)
    assert data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="AAPL"))["AAPL"].price == 200
    assert data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AAPL"))["AAPL"].close == 200


def test_crypto_has_quotes_trades_bars_and_snapshots(broker: Rehearsal) -> None:
    broker.venue.quote(PAIR, "49990", "50010")
    data = CryptoHistoricalDataClient(broker.key, broker.secret, url_override=broker.url)
    quote = data.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols=PAIR))[PAIR]
    assert (quote.bid_price, quote.ask_price) == (49_990, 50_010)
    assert data.get_crypto_latest_trade(CryptoLatestTradeRequest(symbol_or_symbols=PAIR))[PAIR].price == 50_000
    assert data.get_crypto_latest_bar(CryptoLatestBarRequest(symbol_or_symbols=PAIR))[PAIR].close == 50_000
    (bar,) = data.get_crypto_bars(CryptoBarsRequest(symbol_or_symbols=PAIR, timeframe=TimeFrame.Minute)).data[PAIR]
    assert bar.high == 50_000
    assert data.get_crypto_snapshot(CryptoSnapshotRequest(symbol_or_symbols=PAIR))[PAIR].latest_trade.price == 50_000


def test_options_have_quotes_trades_bars_and_snapshots(broker: Rehearsal, client: TradingClient) -> None:
    broker.venue.tick(CALL, "5.10")
    broker.venue.quote(CALL, "5.00", "5.20")
    data = OptionHistoricalDataClient(broker.key, broker.secret, url_override=broker.url)
    quote = data.get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=CALL))[CALL]
    assert (quote.bid_price, quote.ask_price) == (5, 5.2)
    assert data.get_option_latest_trade(OptionLatestTradeRequest(symbol_or_symbols=CALL))[CALL].price == 5.1
    (bar,) = data.get_option_bars(OptionBarsRequest(symbol_or_symbols=CALL, timeframe=TimeFrame.Minute)).data[CALL]
    assert bar.close == 5.1
    snapshot = data.get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=CALL))[CALL]
    assert snapshot.latest_quote.ask_price == 5.2 and 0 < snapshot.greeks.delta < 1
    assert buy(client, CALL, 1).symbol == CALL and client.get_open_position(CALL).avg_entry_price == "5.2"


@pytest.mark.parametrize("kind", ["crypto", "option"])
def test_the_streams_of_crypto_and_options_tell_trades_and_quotes(broker: Rehearsal, kind: str) -> None:
    heard: list[Any] = []

    async def hear(told: Any) -> None:
        heard.append(told)

    stream: Any
    if kind == "crypto":
        symbol = PAIR
        stream = CryptoDataStream(broker.key, broker.secret, url_override=broker.data_url("/v1beta3/crypto/us"))
    else:
        symbol, words = CALL, {"url_override": broker.data_url("/v1beta1/indicative")}
        stream = OptionDataStream(broker.key, broker.secret, feed=OptionsFeed.INDICATIVE, **words)
    stream.subscribe_trades(hear, symbol)
    stream.subscribe_quotes(hear, symbol)
    thread = Thread(target=stream.run, daemon=True)
    thread.start()
    wait_for(
        lambda: broker.watchers and broker.watchers[0].wants("q", symbol) and broker.watchers[0].wants("t", symbol)
    )
    broker.venue.tick(symbol, "7")
    broker.venue.quote(symbol, "6", "8")
    wait_for(lambda: len(heard) >= 2)
    stream.stop()
    thread.join(30)
    assert (heard[0].symbol, heard[0].price) == (symbol, 7)
    assert (heard[1].bid_price, heard[1].ask_price) == (6, 8)
