"""The life of an order at the simulated exchange."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from aura_lib.core import (
    Account,
    AssetClass,
    BrokerRejected,
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Side,
    TimeInForce,
    canonical,
)
from aura_lib.exchange import Closed, Costs, Exchange
from tests.backtest.scenarios import SLOT, order

FREE = Costs(Decimal(0), Decimal(0), Decimal(0))
DAY = timedelta(days=1)
A, B = Instrument("A"), Instrument("B")


def holding(quantity: int, cash: int = 0, costs: Costs = FREE) -> Exchange:
    return Exchange(Decimal(cash), costs, positions={"A": Position(A, Decimal(quantity), Decimal(10))})


def prices(**given: str | int) -> dict[str, Decimal]:
    return {symbol: Decimal(price) for symbol, price in given.items()}


def fills(events: list[Fill | Closed]) -> list[Fill]:
    return [event for event in events if isinstance(event, Fill)]


def test_an_order_fills_at_the_first_match_after_it_was_accepted_never_at_its_own_bar() -> None:
    exchange = Exchange(Decimal(1000), Costs(Decimal(10), Decimal(0), Decimal(50)))
    assert exchange.submit(order("A", Side.BUY, 10), SLOT).status is OrderStatus.ACCEPTED
    assert exchange.match(SLOT, prices(A=10)) == []
    fill, closed = exchange.match(SLOT + DAY, prices(A=20))
    assert isinstance(fill, Fill)
    assert (fill.price, fill.fee, fill.time) == (
        Decimal("20.1"),
        Decimal("0.201"),
        SLOT + DAY,
    )  # 20 × 1.005; 201 × 10 bps
    assert (fill.execution_id, fill.client_id, fill.account, fill.book) == ("buy-A#1", "buy-A", "a", "b")
    assert closed == Closed("buy-A", OrderStatus.FILLED)
    assert exchange.account.cash == Decimal(1000) - Decimal(201) - Decimal("0.201")
    assert exchange.open_orders == ()


def test_sells_come_before_buys_and_pay_for_them() -> None:
    exchange = holding(10)
    exchange.submit(order("B", Side.BUY, 5), SLOT)
    exchange.submit(order("A", Side.SELL, 10), SLOT)
    done = fills(exchange.match(SLOT + DAY, prices(A=10, B=20)))
    assert [(f.symbol, f.side) for f in done] == [("A", Side.SELL), ("B", Side.BUY)]
    assert exchange.account.cash == 0
    assert exchange.account.holdings == {"B": Decimal(5)}


def test_within_a_side_the_order_of_submission_counts() -> None:
    exchange = Exchange(Decimal(30), FREE)
    for name in ("C", "A", "B"):
        exchange.submit(order(name, Side.BUY, 1), SLOT)
    events = exchange.match(SLOT + DAY, prices(A=10, B=10, C=20))
    assert [f.symbol for f in fills(events)] == ["C", "A"]
    assert events[-1] == Closed("buy-B", OrderStatus.CANCELLED, "insufficient cash")


def test_a_buy_the_cash_cannot_pay_is_cut_to_the_lots_it_can_and_the_rest_cancelled() -> None:
    exchange = Exchange(Decimal(100), Costs(Decimal(100), Decimal(0), Decimal(0)))  # 1 % commission
    exchange.submit(order("A", Side.BUY, 50), SLOT)
    fill, closed = exchange.match(SLOT + DAY, prices(A=3))
    assert isinstance(fill, Fill)
    assert fill.quantity == 33  # 33 × 3 × 1.01 = 99.99; a 34th would need 103.02
    assert closed == Closed("buy-A", OrderStatus.CANCELLED, "insufficient cash")
    assert exchange.account.cash == Decimal("0.01")
    found = exchange.find("buy-A")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.CANCELLED, Decimal(33))


def test_a_buy_of_which_not_one_lot_can_be_paid_is_cancelled_without_a_fill() -> None:
    exchange = Exchange(Decimal(5), FREE)
    exchange.submit(order("A", Side.BUY, 50), SLOT)
    assert exchange.match(SLOT + DAY, prices(A=6)) == [Closed("buy-A", OrderStatus.CANCELLED, "insufficient cash")]


def test_a_minimum_commission_counts_in_what_can_be_paid() -> None:
    exchange = Exchange(Decimal(100), Costs(Decimal(0), Decimal(95), Decimal(0)))
    exchange.submit(order("A", Side.BUY, 9), SLOT)
    assert [f.quantity for f in fills(exchange.match(SLOT + DAY, prices(A=1)))] == [5]
    assert exchange.account.cash == 0


def test_lots_smaller_than_one_are_cut_to_whole_lots() -> None:
    coin = Instrument("A", AssetClass.CRYPTO, lot=Decimal("0.001"))
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1, instrument=coin), SLOT)
    assert [f.quantity for f in fills(exchange.match(SLOT + DAY, prices(A=30_000)))] == [Decimal("0.003")]


def test_a_sell_above_the_holding_is_cut_to_it() -> None:
    exchange = holding(3)
    exchange.submit(order("A", Side.SELL, 10), SLOT)
    fill, closed = exchange.match(SLOT + DAY, prices(A=10))
    assert isinstance(fill, Fill)
    assert fill.quantity == 3
    assert closed == Closed("sell-A", OrderStatus.CANCELLED, "insufficient holdings")


def test_a_fraction_of_a_lot_stays_when_whole_lots_are_sold() -> None:
    exchange = Exchange(Decimal(0), FREE, positions={"A": Position(A, Decimal("10.5"), Decimal(10))})
    exchange.submit(order("A", Side.SELL, 11), SLOT)
    assert [f.quantity for f in fills(exchange.match(SLOT + DAY, prices(A=10)))] == [10]
    assert exchange.account.holdings == {"A": Decimal("0.5")}


def test_a_sell_whose_fee_nobody_can_pay_is_cancelled() -> None:
    exchange = holding(1, costs=Costs(Decimal(0), Decimal(50), Decimal(0)))
    exchange.submit(order("A", Side.SELL, 1), SLOT)
    assert exchange.match(SLOT + DAY, prices(A=10)) == [Closed("sell-A", OrderStatus.CANCELLED, "insufficient cash")]
    assert exchange.account.cash == 0


@pytest.mark.parametrize("quote", [{}, {"A": Decimal("NaN")}])
def test_a_day_order_without_a_price_expires_and_a_good_till_cancelled_one_waits(quote: dict[str, Decimal]) -> None:
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1, client_id="day"), SLOT)
    exchange.submit(order("A", Side.BUY, 1, client_id="gtc", time_in_force=TimeInForce.GTC), SLOT)
    assert exchange.match(SLOT + DAY, quote) == [Closed("day", OrderStatus.EXPIRED, "no price in its session")]
    assert [o.client_id for o in exchange.open_orders] == ["gtc"]
    assert [f.client_id for f in fills(exchange.match(SLOT + 2 * DAY, prices(A=10)))] == ["gtc"]


def test_a_client_id_is_used_once_for_ever() -> None:
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    with pytest.raises(BrokerRejected, match="client id must be unique: buy-A"):
        exchange.submit(order("A", Side.BUY, 1), SLOT)
    exchange.match(SLOT + DAY, prices(A=10))
    with pytest.raises(BrokerRejected, match="client id must be unique: buy-A"):
        exchange.submit(order("A", Side.BUY, 1), SLOT + DAY)
    assert exchange.account.holdings == {"A": Decimal(1)}


def test_matching_a_moment_twice_fills_nothing_twice_and_never_goes_back() -> None:
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    assert len(fills(exchange.match(SLOT + DAY, prices(A=10)))) == 1
    exchange.submit(order("A", Side.BUY, 2, client_id="late"), SLOT)  # arrives behind the match: it waits for the next
    assert exchange.match(SLOT + DAY, prices(A=10)) == []
    with pytest.raises(InputError, match="does not go back"):
        exchange.match(SLOT, prices(A=10))
    assert [f.client_id for f in fills(exchange.match(SLOT + 2 * DAY, prices(A=10)))] == ["late"]


def test_a_cancelled_order_never_fills_and_only_an_open_one_can_be_cancelled() -> None:
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    assert exchange.cancel("buy-A") == Closed("buy-A", OrderStatus.CANCELLED, "cancelled on request")
    assert exchange.match(SLOT + DAY, prices(A=10)) == []
    with pytest.raises(BrokerRejected, match="it is cancelled"):
        exchange.cancel("buy-A")
    with pytest.raises(BrokerRejected, match="unknown"):
        exchange.cancel("nobody")


def test_find_tells_the_life_of_an_order_and_nothing_of_one_it_never_had() -> None:
    exchange = Exchange(Decimal(100), FREE)
    assert exchange.find("buy-A") is None
    exchange.submit(order("A", Side.BUY, 2), SLOT)
    found = exchange.find("buy-A")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.ACCEPTED, 0)
    exchange.match(SLOT + DAY, prices(A=10))
    found = exchange.find("buy-A")
    assert found is not None
    assert (found.status, found.filled, found.reason) == (OrderStatus.FILLED, 2, "")


def _wish(**changes: object) -> Order:
    return Order("x", "a", "b", "basket", 0, 1, Intent(A, Side.BUY, Decimal(1), **changes), SLOT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refused", "error", "told"),
    [
        (_wish(type=OrderType.LIMIT, limit_price=Decimal("9.001")), BrokerRejected, "no multiple of the tick 0.01"),
        (_wish(type=OrderType.STOP, stop_price=Decimal(9), time_in_force=TimeInForce.FOK), InputError, "day or gtc"),
        (order("I", Side.BUY, 1, instrument=Instrument("I", AssetClass.INDEX)), BrokerRejected, "is an index"),
        (order("E", Side.BUY, 1, instrument=Instrument("E", currency="EUR")), InputError, "trades in EUR"),
        (order("A", Side.BUY, 1).to(OrderStatus.CANCELLED), InputError, "is cancelled: only a new order"),
    ],
)
def test_what_it_cannot_do_is_said_and_changes_nothing(refused: Order, error: type[Exception], told: str) -> None:
    exchange = Exchange(Decimal(100), FREE)
    before = exchange.state()
    with pytest.raises(error, match=told):
        exchange.submit(refused, SLOT)
    assert exchange.state() == before


def test_a_price_that_cannot_be_stops_the_match_before_anything_happened() -> None:
    exchange = Exchange(Decimal(100), FREE)
    exchange.submit(order("A", Side.BUY, 1), SLOT)
    exchange.submit(order("B", Side.BUY, 1), SLOT)
    before = exchange.state()
    with pytest.raises(DataError, match="B cannot trade at -1"):
        exchange.match(SLOT + DAY, prices(A=10, B=-1))
    assert exchange.state() == before


def test_an_opening_below_zero_is_refused() -> None:
    with pytest.raises(InputError, match="below zero"):
        Exchange(Decimal(-1), FREE)
    with pytest.raises(InputError, match="below zero"):
        holding(-1)


def test_money_can_be_paid_in_and_out_but_not_more_than_there_is() -> None:
    exchange = Exchange(Decimal(0), FREE)
    exchange.deposit(Decimal(100))
    exchange.deposit(Decimal(-40))
    assert exchange.account.cash == 60
    with pytest.raises(InputError, match="cannot withdraw 61: the cash is 60"):
        exchange.deposit(Decimal(-61))


def test_its_state_is_json_and_a_restored_exchange_goes_on_as_if_nothing_had_happened() -> None:
    def play(moments: list[datetime], *, restarting: bool) -> tuple[list[str], str]:
        exchange, told = Exchange(Decimal(1000), Costs(), "paper"), []
        for n, moment in enumerate(moments):
            exchange.submit(order("A", Side.BUY, 3 + n, client_id=f"a{n}"), moment)
            exchange.submit(order("B", Side.BUY, 1, client_id=f"b{n}", time_in_force=TimeInForce.GTC), moment)
            if restarting:
                exchange = Exchange.restore(json.loads(canonical(exchange.state())))
            quote = prices(A=100) if n % 2 else prices(A=90, B=11)
            told += [str(event) for event in exchange.match(moment + DAY, quote)]
            if restarting:
                exchange = Exchange.restore(json.loads(canonical(exchange.state())))
        return told, canonical(exchange.state())

    moments = [SLOT + n * DAY for n in range(4)]
    assert play(moments, restarting=True) == play(moments, restarting=False)


def test_a_state_that_is_none_is_refused_by_what_is_missing() -> None:
    with pytest.raises(InputError, match="account"):
        Exchange.restore({"costs": {}, "matched": None, "working": [], "closed": []})


def test_it_opens_with_what_an_account_holds() -> None:
    account = Account("a", Decimal(5), positions={"A": Position(A, Decimal(2), Decimal(10))}, fees=Decimal(7))
    assert Exchange.of(account, FREE).account == account
