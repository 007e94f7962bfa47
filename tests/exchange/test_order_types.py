"""Orders against bars: when they fill, at which price, and which event of a bar comes first."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import (
    BrokerRejected,
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
)
from aura_lib.exchange import Closed, Costs, Event, Exchange, FillModel, PriceBar
from tests.backtest.scenarios import SLOT

D = Decimal
FREE = Costs(D(0), D(0), D(0))
DAY = timedelta(days=1)
A = Instrument("A")
GTC, IOC, FOK, OPG, CLS = (TimeInForce(t) for t in ("gtc", "ioc", "fok", "opg", "cls"))


def bar(opened: Any, high: Any, low: Any, close: Any, volume: Any = None) -> dict[str, PriceBar]:
    numbers = [D(str(p)) for p in (opened, high, low, close)]
    return {"A": PriceBar(*numbers, None if volume is None else D(volume))}


def venue(cash: int = 100_000, held: int = 0, costs: Costs = FREE, **fills: Any) -> Exchange:
    positions = {"A": Position(A, D(held), D(100))} if held else None
    return Exchange(D(cash), costs, positions=positions, fills=FillModel(**fills))


def place(exchange: Exchange, side: str, quantity: int = 10, day: int = 0, name: str = "o", **told: Any) -> None:
    prices = {k: D(str(v)) if isinstance(v, int | float) else v for k, v in told.items()}
    intent = Intent(A, Side(side), D(quantity), **prices)
    exchange.submit(Order(name, "a", "b", "", 0, 1, intent, SLOT), SLOT + day * DAY)


def trades(events: list[Event]) -> list[tuple[str, int, Decimal]]:
    return [(e.client_id, int(e.signed), e.price) for e in events if isinstance(e, Fill)]


def ends(events: list[Event]) -> dict[str, str]:
    return {e.client_id: e.status.value for e in events if isinstance(e, Closed)}


@pytest.mark.parametrize(("at", "price"), [("open", 10), ("close", 14), ("vwap", 13)])
def test_a_market_order_fills_where_the_model_says(at: str, price: int) -> None:
    exchange = venue(at=at)
    place(exchange, "buy")
    assert trades(exchange.match(SLOT + DAY, bar(10, 16, 9, 14))) == [("o", 10, D(price))]  # (16 + 9 + 14) / 3 = 13


@pytest.mark.parametrize(
    ("side", "limit", "prices", "price"),
    [
        ("buy", 95, (100, 101, 94, 99), 95),  # inside the bar: at the limit
        ("buy", 95, (93, 101, 92, 99), 93),  # the open is better: at the open
        ("buy", 95, (100, 101, 95, 99), 95),  # touched is filled
        ("buy", 95, (100, 101, 96, 99), None),
        ("sell", 105, (100, 106, 99, 100), 105),
        ("sell", 105, (108, 109, 99, 100), 108),
        ("sell", 105, (100, 104, 99, 100), None),
    ],
)
def test_a_limit_fills_at_its_price_or_at_a_better_open(side: str, limit: int, prices: Any, price: int | None) -> None:
    exchange = venue(held=10)
    place(exchange, side, type=OrderType.LIMIT, limit_price=limit)
    events = exchange.match(SLOT + DAY, bar(*prices))
    assert [t[2] for t in trades(events)] == ([] if price is None else [D(price)])
    assert ends(events) == {"o": "expired" if price is None else "filled"}


@pytest.mark.parametrize(
    ("side", "stop", "prices", "price"),
    [
        ("sell", 95, (100, 101, 94, 99), 95),  # inside the bar: at the stop
        ("sell", 95, (90, 97, 89, 96), 90),  # a gap through it: at the open, which is worse
        ("sell", 95, (100, 101, 96, 99), None),
        ("buy", 105, (100, 106, 99, 104), 105),
        ("buy", 105, (110, 112, 104, 106), 110),
    ],
)
def test_a_stop_fills_at_its_price_and_a_gap_through_it_at_the_open(
    side: str, stop: int, prices: Any, price: int | None
) -> None:
    exchange = venue(held=10)
    place(exchange, side, type=OrderType.STOP, stop_price=stop, time_in_force=GTC)
    events = exchange.match(SLOT + DAY, bar(*prices))
    assert [t[2] for t in trades(events)] == ([] if price is None else [D(price)])


def test_a_stop_limit_that_a_gap_leaves_behind_waits_at_its_limit() -> None:
    exchange = venue(held=10)
    place(exchange, "sell", type=OrderType.STOP_LIMIT, stop_price=95, limit_price=94, time_in_force=GTC)
    assert trades(exchange.match(SLOT + DAY, bar(90, 93, 89, 92))) == []  # reached, but nobody pays 94
    assert trades(exchange.match(SLOT + 2 * DAY, bar(92, 97, 91, 96))) == [("o", -10, D(94))]


def test_a_stop_limit_whose_limit_lies_beyond_fills_in_the_same_bar_only_when_the_close_proves_it() -> None:
    for close, expected in ((97, []), (99, [("o", -10, D(98))])):
        exchange = venue(held=10)
        place(exchange, "sell", type=OrderType.STOP_LIMIT, stop_price=95, limit_price=98, time_in_force=GTC)
        assert trades(exchange.match(SLOT + DAY, bar(97, 100, 94, close))) == expected


def test_a_trailing_stop_follows_the_best_price_at_its_distance() -> None:
    for trail in ({"trail_amount": 5}, {"trail_percent": 5}):
        exchange = venue(held=10)
        place(exchange, "sell", type=OrderType.TRAILING_STOP, time_in_force=GTC, **trail)
        assert trades(exchange.match(SLOT + DAY, bar(90, 100, 89, 100))) == []  # the stop stands at 95 now
        assert trades(exchange.match(SLOT + 2 * DAY, bar(97, 98, 94, 96))) == [("o", -10, D(95))]


def test_a_trailing_stop_uses_the_high_of_its_own_bar_only_when_the_close_proves_it() -> None:
    exchange = venue(held=10)
    place(exchange, "sell", type=OrderType.TRAILING_STOP, trail_amount=5, time_in_force=GTC)
    assert trades(exchange.match(SLOT + DAY, bar(90, 100, 88, 96))) == []  # 88 may have come before the 100
    other = venue(held=10)
    place(other, "sell", type=OrderType.TRAILING_STOP, trail_amount=5)
    assert trades(other.match(SLOT + DAY, bar(90, 100, 88, 94))) == [("o", -10, D(95))]  # 94 came after it


def test_a_trailing_buy_follows_the_low() -> None:
    exchange = venue()
    place(exchange, "buy", type=OrderType.TRAILING_STOP, trail_amount=5, time_in_force=GTC)
    exchange.match(SLOT + DAY, bar(100, 101, 90, 91))
    assert trades(exchange.match(SLOT + 2 * DAY, bar(97, 99, 96, 98))) == [("o", 10, D(97))]  # a gap over 95


def test_of_a_stop_and_a_target_in_one_bar_the_stop_counts() -> None:
    exchange = venue(held=10)
    place(exchange, "sell", type=OrderType.OCO, take_profit=110, stop_loss=90)
    assert trades(exchange.match(SLOT + DAY, bar(100, 120, 80, 115))) == [("o", -10, D(90))]


def test_a_target_that_the_open_has_passed_comes_before_the_stop() -> None:
    exchange = venue(held=10)
    place(exchange, "sell", type=OrderType.OCO, take_profit=110, stop_loss=90)
    assert trades(exchange.match(SLOT + DAY, bar(112, 120, 80, 85))) == [("o", -10, D(112))]


def test_a_bracket_enters_and_its_exit_stays_until_one_side_is_reached() -> None:
    exchange = venue(at="open")
    place(exchange, "buy", type=OrderType.BRACKET, take_profit=110, stop_loss=95)
    assert trades(exchange.match(SLOT + DAY, bar(100, 104, 96, 103))) == [("o", 10, D(100))]
    (left,) = exchange.open_orders
    assert (left.client_id, left.intent.side, left.intent.time_in_force) == ("o/exit", Side.SELL, GTC)
    assert trades(exchange.match(SLOT + 2 * DAY, bar(103, 111, 102, 108))) == [("o/exit", -10, D(110))]
    assert exchange.open_orders == ()


@pytest.mark.parametrize(
    ("entry", "prices", "expected"),
    [
        ({}, (100, 111, 99, 105), [("o", 10, 100), ("o/exit", -10, 110)]),  # entered at the open: the rest counts
        ({}, (100, 111, 94, 105), [("o", 10, 100), ("o/exit", -10, 95)]),  # both inside: the stop
        ({"limit_price": 98}, (100, 111, 97, 105), [("o", 10, 98)]),  # the high may have come before the entry
        ({"limit_price": 98}, (100, 112, 97, 111), [("o", 10, 98), ("o/exit", -10, 110)]),  # the close came after
        ({"limit_price": 98}, (100, 112, 94, 111), [("o", 10, 98), ("o/exit", -10, 95)]),  # the worse is assumed
        ({"stop_price": 102}, (100, 105, 94, 104), [("o", 10, 102), ("o/exit", -10, 95)]),
    ],
)
def test_in_the_bar_of_its_entry_a_bracket_assumes_the_worse(entry: Any, prices: Any, expected: Any) -> None:
    exchange = venue(at="open")
    place(exchange, "buy", type=OrderType.BRACKET, take_profit=110, stop_loss=95, **entry)
    assert trades(exchange.match(SLOT + DAY, bar(*prices))) == [(n, q, D(p)) for n, q, p in expected]


def test_a_bracket_that_enters_at_the_close_is_not_hurt_by_what_the_bar_did_before() -> None:
    exchange = venue(at="close")
    place(exchange, "buy", type=OrderType.BRACKET, take_profit=110, stop_loss=95)
    assert trades(exchange.match(SLOT + DAY, bar(100, 120, 80, 100))) == [("o", 10, D(100))]
    assert trades(exchange.match(SLOT + 2 * DAY, bar(100, 101, 96, 97))) == []


def test_the_exit_of_a_bracket_never_sells_more_than_is_there() -> None:
    exchange = venue(at="open")
    place(exchange, "buy", type=OrderType.BRACKET, stop_loss=95)
    exchange.match(SLOT + DAY, bar(100, 101, 99, 100))
    place(exchange, "sell", 7, day=1, name="own")
    exchange.match(SLOT + 2 * DAY, bar(100, 101, 99, 100))
    events = exchange.match(SLOT + 3 * DAY, bar(96, 97, 90, 91))
    assert trades(events) == [("o/exit", -3, D(95))]
    assert exchange.account.holdings == {}


def test_gtc_waits_day_expires_with_the_session_and_not_before() -> None:
    exchange = venue()
    place(exchange, "buy", name="day", type=OrderType.LIMIT, limit_price=90)
    place(exchange, "buy", name="gtc", type=OrderType.LIMIT, limit_price=90, time_in_force=GTC)
    assert exchange.match(SLOT + DAY / 4, bar(100, 101, 99, 100), closing=False) == []
    assert ends(exchange.match(SLOT + DAY / 2, bar(100, 101, 99, 100))) == {"day": "expired"}
    assert trades(exchange.match(SLOT + DAY, bar(91, 92, 89, 90))) == [("gtc", 10, D(90))]


def test_ioc_takes_what_there_is_and_fok_all_or_nothing() -> None:
    exchange = venue(at="open", volume_share=D("0.1"))
    place(exchange, "buy", 10, name="fok", time_in_force=FOK)
    place(exchange, "buy", 10, name="ioc", time_in_force=IOC)
    events = exchange.match(SLOT + DAY, bar(100, 101, 99, 100, volume=60))
    assert trades(events) == [("ioc", 6, D(100))]
    assert ends(events) == {"fok": "cancelled", "ioc": "cancelled"}
    found = exchange.find("ioc")
    assert found is not None
    assert found.filled == 6


def test_an_immediate_limit_looks_at_one_price_only() -> None:
    exchange = venue(at="open")
    place(exchange, "buy", type=OrderType.LIMIT, limit_price=99, time_in_force=IOC)
    events = exchange.match(SLOT + DAY, bar(100, 101, 90, 95))
    assert (trades(events), ends(events)) == ([], {"o": "cancelled"})


def test_auction_orders_fill_at_the_open_or_the_close_of_a_session() -> None:
    exchange = venue(at="open")
    place(exchange, "buy", name="opg", time_in_force=OPG)
    place(exchange, "buy", name="cls", time_in_force=CLS)
    place(exchange, "buy", name="limit", type=OrderType.LIMIT, limit_price=99, time_in_force=OPG)
    events = exchange.match(SLOT + DAY, bar(100, 101, 90, 95), closing=False)
    assert trades(events) == [("opg", 10, D(100))]
    assert ends(events) == {"opg": "filled", "limit": "expired"}
    assert trades(exchange.match(SLOT + DAY * 1.1, bar(95, 98, 94, 97))) == [("cls", 10, D(97))]


def test_a_share_of_the_volume_fills_over_several_bars_and_all_orders_share_it() -> None:
    exchange = venue(at="open", volume_share=D("0.1"))
    place(exchange, "buy", 25, name="one", time_in_force=GTC)
    place(exchange, "buy", 10, name="two", time_in_force=GTC)
    seen = [trades(exchange.match(SLOT + n * DAY, bar(100, 101, 99, 100, volume=155))) for n in (1, 2, 3)]
    assert seen == [[("one", 15, D(100))], [("one", 10, D(100)), ("two", 5, D(100))], [("two", 5, D(100))]]
    assert exchange.open_orders == ()


def test_where_the_volume_is_short_the_better_price_comes_before_the_earlier_order() -> None:
    exchange = venue(volume_share=D("0.1"))
    place(exchange, "buy", name="early", type=OrderType.LIMIT, limit_price=98, time_in_force=GTC)
    place(exchange, "buy", name="late", type=OrderType.LIMIT, limit_price=98, time_in_force=GTC)
    place(exchange, "buy", name="keen", type=OrderType.LIMIT, limit_price=99, time_in_force=GTC)
    events = exchange.match(SLOT + DAY, bar(100, 101, 97, 100, volume=150))
    assert trades(events) == [("keen", 10, D(99)), ("early", 5, D(98))]


def test_what_did_not_trade_is_halted() -> None:
    exchange = venue()
    place(exchange, "buy", name="gtc", time_in_force=GTC)
    place(exchange, "buy", name="day")
    assert ends(exchange.match(SLOT + DAY, bar(100, 101, 99, 100, volume=0))) == {"day": "expired"}
    assert exchange.match(SLOT + 2 * DAY, bar("NaN", "NaN", "NaN", "NaN")) == []
    assert trades(exchange.match(SLOT + 3 * DAY, bar(100, 101, 99, 100, volume=5))) == [("gtc", 10, D(100))]


def test_an_order_can_be_replaced_until_it_is_filled() -> None:
    exchange = venue()
    place(exchange, "buy", type=OrderType.LIMIT, limit_price=90, time_in_force=GTC)
    exchange.match(SLOT + DAY, bar(100, 101, 99, 100))
    assert exchange.replace("o", SLOT + DAY, quantity=D(4), limit_price=D(99)).status is OrderStatus.ACCEPTED
    assert trades(exchange.match(SLOT + 2 * DAY, bar(100, 101, 98, 100))) == [("o", 4, D(99))]
    with pytest.raises(BrokerRejected, match="cannot replace o: it is filled"):
        exchange.replace("o", SLOT + 2 * DAY, quantity=D(5))
    with pytest.raises(BrokerRejected, match="unknown"):
        exchange.replace("nobody", SLOT, quantity=D(5))


def test_a_replacement_that_makes_no_order_changes_nothing() -> None:
    exchange = venue(volume_share=D("0.1"))
    place(exchange, "buy", type=OrderType.LIMIT, limit_price=101, time_in_force=GTC)
    exchange.match(SLOT + DAY, bar(100, 101, 99, 100, volume=60))
    before = exchange.state()
    with pytest.raises(BrokerRejected, match="6 of it are filled"):
        exchange.replace("o", SLOT + DAY, quantity=D(6))
    with pytest.raises(BrokerRejected, match="no multiple of the tick"):
        exchange.replace("o", SLOT + DAY, limit_price=D("99.995"))
    with pytest.raises(InputError, match="positive"):
        exchange.replace("o", SLOT + DAY, limit_price=D(-1))
    with pytest.raises(InputError, match="has no stop_price"):
        exchange.replace("o", SLOT + DAY, stop_price=D(1))
    with pytest.raises(InputError, match="no colour to replace"):
        exchange.replace("o", SLOT + DAY, colour=D(1))
    assert exchange.state() == before


def test_less_quantity_keeps_the_place_in_time_and_a_new_price_does_not() -> None:
    for change, first in (({"quantity": D(9)}, "one"), ({"limit_price": D(98)}, "two")):
        exchange = venue(volume_share=D("0.1"))
        place(exchange, "buy", name="one", type=OrderType.LIMIT, limit_price=98, time_in_force=GTC)
        place(exchange, "buy", name="two", type=OrderType.LIMIT, limit_price=98, time_in_force=GTC)
        exchange.replace("one", SLOT, **change)  # type: ignore[arg-type]
        assert trades(exchange.match(SLOT + DAY, bar(100, 101, 97, 100, volume=90)))[0][0] == first


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"quantity": D(0)}, "positive"),
        ({"quantity": D(-1)}, "positive"),
        ({"quantity": D("NaN")}, "positive"),
        ({"quantity": D("1234567890123456789")}, "18 significant digits"),
        ({"type": OrderType.LIMIT}, "needs limit_price"),
        ({"limit_price": D(1)}, "has no limit_price"),
        ({"type": OrderType.TRAILING_STOP}, "either trail_amount or trail_percent"),
        ({"type": OrderType.TRAILING_STOP, "trail_amount": D(1), "trail_percent": D(1)}, "either"),
        ({"type": OrderType.TRAILING_STOP, "trail_percent": D(100)}, "under 100"),
        ({"type": OrderType.BRACKET}, "take_profit, stop_loss or both"),
        ({"type": OrderType.BRACKET, "take_profit": D(90), "stop_loss": D(95)}, "must be above"),
        ({"type": OrderType.BRACKET, "take_profit": D(90), "limit_price": D(95)}, "must be above"),
        ({"type": OrderType.BRACKET, "stop_loss": D(90), "stop_loss_limit": D(91)}, "must be above"),
        ({"type": OrderType.OCO, "take_profit": D(90)}, "needs stop_loss"),
        ({"type": OrderType.OCO, "take_profit": D(110), "stop_loss": D(90)}, "must be below"),
    ],
)
def test_an_intent_that_contradicts_itself_is_refused(told: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error):
        Intent(**{"instrument": A, "side": Side.BUY, "quantity": D(1), **told})


def test_an_instrument_that_is_not_listed_or_has_expired_is_rejected() -> None:
    exchange = Exchange(D(100), FREE, instruments={"B": Instrument("B")})
    with pytest.raises(BrokerRejected, match="A is not listed here"):
        place(exchange, "buy")


def test_an_exit_that_closed_before_its_entry_was_filled_is_followed_by_one_of_another_name() -> None:
    """A tenth of each bar's volume is filled; the market is at the profit in every second bar."""
    exchange = venue(at="open", volume_share=D("0.1"))
    wish = Intent(
        A, Side.BUY, D(30), OrderType.BRACKET, time_in_force=GTC, limit_price=D(100), take_profit=D(110),
        stop_loss=D(90),
    )  # fmt: skip
    exchange.submit(Order("b", "paper", "m", "basket", 0, 1, wish, SLOT), SLOT)
    bars = [bar(99, 100, 98, 99, 100), bar(112, 113, 111, 112, 100)] * 3
    events = [event for day, prices in enumerate(bars, 1) for event in exchange.match(SLOT + day * DAY, prices)]
    fills = [event for event in events if isinstance(event, Fill)]
    assert [f.signed for f in fills] == [10, -10, 10, -10, 10, -10]
    assert len({f.execution_id for f in fills}) == 6, "no execution is told under the name of another"
    assert exchange.account.holdings == {} and exchange.account.cash == 100_000 + 30 * (112 - 99)
