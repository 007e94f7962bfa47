"""What every broker must do. A new adapter subclasses BrokerContract and says how to reach a fresh account."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aura_lib.core import (
    TERMINAL,
    WORKING,
    AssetClass,
    Bars,
    Broker,
    BrokerOrder,
    BrokerRejected,
    Calendar,
    Instrument,
    Intent,
    Leg,
    Mode,
    Order,
    OrderStatus,
    OrderType,
    Side,
    SimulatedClock,
    TimeInForce,
    option_of,
    utc,
)
from aura_lib.exchange import Costs
from aura_lib.execution import brokers
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.brokers.rehearsal import Asset, Listing, Market, Venue
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server
from aura_lib.execution.feed import Feed

AAA = Instrument("AAA")
FINE = Instrument("AAA", lot=Decimal("0.000000001"))
BEGIN = utc("2021-01-04T21:00:00+00:00")
CALL, HIGHER = "AAA260320C00105000", "AAA260320C00110000"
D = Decimal
Move = Callable[[str], None]
Trade = Callable[[Mapping[str, str]], None]


def order(
    client_id: str,
    side: str = "buy",
    quantity: str | int = 10,
    type: str = "market",
    instrument: Instrument = AAA,
    at: datetime | None = None,
    force: str = "gtc",
    **prices: str,
) -> Order:
    kind = OrderType(type)
    words: dict[str, Any] = {name: Decimal(value) for name, value in prices.items()}
    if kind is not OrderType.MARKET:
        words["time_in_force"] = TimeInForce(force)
    intent = Intent(instrument, Side(side), Decimal(quantity), kind, **words)
    return Order(client_id, "paper", "m", "basket", 0, 1, intent, at or BEGIN, OrderStatus.SENDING)


def spread(client_id: str, limit: str, quantity: int = 1, *, turned: bool = False) -> Order:
    """A call spread: bought, or (turned) sold."""
    sides = (Side.SELL, Side.BUY) if turned else (Side.BUY, Side.SELL)
    legs = [Leg(option_of(symbol), side) for symbol, side in zip((CALL, HIGHER), sides, strict=True)]
    intent = Intent.of_legs(legs, Decimal(quantity), Decimal(limit))
    return Order(client_id, "paper", "m", "basket", 0, 1, intent, BEGIN, OrderStatus.SENDING)


def held(broker: Broker) -> dict[str, Decimal]:
    return {symbol: holding.quantity for symbol, holding in broker.snapshot().holdings.items()}


def told(broker: Broker, client_id: str) -> BrokerOrder:
    found = broker.find(client_id)
    assert found is not None
    return found


# type → the words of an order (None: it buys, else it closes ten that are held), and the prices that execute it
ALL_TYPES: Mapping[OrderType, tuple[str, Mapping[str, str], tuple[str, ...]]] = {
    OrderType.MARKET: ("buy", {}, ("100",)),
    OrderType.LIMIT: ("buy", {"limit_price": "95"}, ("97", "94")),
    OrderType.STOP: ("buy", {"stop_price": "105"}, ("103", "106")),
    OrderType.STOP_LIMIT: ("buy", {"stop_price": "105", "limit_price": "108"}, ("103", "106", "106")),
    OrderType.TRAILING_STOP: ("sell", {"trail_amount": "5"}, ("110", "107", "104", "104")),
    OrderType.BRACKET: ("buy", {"take_profit": "120", "stop_loss": "90"}, ("100",)),
    OrderType.OCO: ("sell", {"take_profit": "120", "stop_loss": "90"}, ("110", "121")),
}


class BrokerContract:
    """The contract.

    `broker` is connected to a cash account with 100,000, in a market where AAA is at 100; `move` lets AAA trade at
    another price, and `trade` several contracts at one moment.
    """

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    @pytest.fixture
    def move(self) -> Move:
        raise NotImplementedError

    @pytest.fixture
    def trade(self) -> Trade:
        raise NotImplementedError

    def buy(self, broker: Broker, move: Move, name: str = "held") -> None:
        broker.submit(order(name))
        move("100")
        assert held(broker) == {"AAA": 10}

    def test_it_is_a_broker(self, broker: Broker) -> None:
        assert isinstance(broker, Broker)

    def test_an_order_it_never_had_is_not_found(self, broker: Broker) -> None:
        assert broker.find("never") is None

    def test_an_accepted_order_is_found_by_its_client_id_and_fills(self, broker: Broker, move: Move) -> None:
        answer = broker.submit(order("one", type="limit", limit_price="95"))
        assert (answer.client_id, answer.status, answer.filled) == ("one", OrderStatus.ACCEPTED, 0)
        found = told(broker, "one")
        assert (found.status, found.filled) == (OrderStatus.ACCEPTED, 0)
        assert [o.client_id for o in broker.orders()] == ["one"] and not broker.fills()
        move("94")
        found = told(broker, "one")
        assert (found.status, found.filled) == (OrderStatus.FILLED, 10)
        assert not broker.orders()

    @pytest.mark.parametrize("kind", list(OrderType))
    def test_every_type_it_names_is_executed_and_every_other_is_refused(
        self, broker: Broker, move: Move, kind: OrderType
    ) -> None:
        side, prices, path = ALL_TYPES[kind]
        if side == "sell":
            self.buy(broker, move)
        wish = order("one", side, type=kind.value, **prices)
        assert bool(broker.capabilities.refusal(wish.intent)) == (kind not in broker.capabilities.types)
        if kind not in broker.capabilities.types:
            with pytest.raises(BrokerRejected):
                broker.submit(wish)
            return
        assert broker.submit(wish).status in WORKING | {OrderStatus.FILLED}
        for price in path:
            move(price)
        assert held(broker) == ({"AAA": 10} if side == "buy" else {})

    def test_a_client_id_is_accepted_once_even_after_its_order_is_closed(self, broker: Broker, move: Move) -> None:
        broker.submit(order("one", type="limit", limit_price="95"))
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(order("one", type="limit", limit_price="95"))
        move("94")
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(replace(order("one", quantity=7), attempt=2))
        assert held(broker) == {"AAA": 10} and told(broker, "one").filled == 10

    def test_fills_have_cursors_and_pay_for_the_position(self, broker: Broker, move: Move) -> None:
        self.buy(broker, move, "one")
        broker.submit(order("two", "sell", 4))
        move("110")
        fills = broker.fills()
        assert len({cursor for cursor, _ in fills}) == len(fills) == len({f.execution_id for _, f in fills})
        assert [f.client_id for _, f in fills] == ["one", "two"]
        later = [f.execution_id for _, f in broker.fills(fills[0][0])]
        assert later[-1:] == [fills[1][1].execution_id] and not broker.fills(fills[-1][0])
        assert held(broker) == {"AAA": 6}
        assert broker.snapshot().cash == 100_000 + sum(f.cash for _, f in fills)

    def test_a_snapshot_tells_what_is_held_at_which_cost(self, broker: Broker, move: Move) -> None:
        self.buy(broker, move)
        holding = broker.snapshot().holdings["AAA"]
        assert (holding.quantity, holding.average_cost, holding.instrument.symbol) == (10, 100, "AAA")
        snapshot = broker.snapshot()
        assert (snapshot.currency, snapshot.blocked, snapshot.cash) == ("USD", "", 99_000)

    def test_a_cancelled_order_never_fills_and_cannot_be_cancelled_again(self, broker: Broker, move: Move) -> None:
        broker.submit(order("one", type="limit", limit_price="95"))
        broker.cancel("one")
        move("94")
        found = told(broker, "one")
        assert (found.status, found.filled) == (OrderStatus.CANCELLED, 0)
        assert held(broker) == {} and not broker.orders()
        for client_id in ("one", "never"):
            with pytest.raises(BrokerRejected):
                broker.cancel(client_id)

    def test_what_is_not_held_is_not_sold(self, broker: Broker, move: Move) -> None:
        try:
            broker.submit(order("one", "sell"))
        except BrokerRejected:
            assert broker.find("one") is None
        move("100")
        assert held(broker) == {} and broker.snapshot().cash == 100_000 and not broker.fills()

    def test_the_exits_of_a_bracket_are_orders_of_their_own_and_close_it(self, broker: Broker, move: Move) -> None:
        broker.submit(order("one", type="bracket", take_profit="120", stop_loss="90"))
        move("100")
        legs = broker.orders()
        assert legs and {leg.parent for leg in legs} == {"one"} and "one" not in {leg.client_id for leg in legs}
        assert all(leg.intent is not None and leg.intent.side is Side.SELL for leg in legs)
        assert {leg.status for leg in legs} <= WORKING
        move("121")
        assert broker.orders() == [] and held(broker) == {}
        closed = {told(broker, leg.client_id).status for leg in legs}
        assert closed <= TERMINAL and OrderStatus.FILLED in closed
        assert broker.snapshot().cash >= 100_200

    def test_a_replaced_order_gives_its_place_to_another_and_says_to_which(self, broker: Broker, move: Move) -> None:
        old = order("one", type="limit", limit_price="50")
        new = order("two", quantity=4, type="limit", limit_price="95")
        broker.submit(old)
        answer = broker.replace(old, new)
        assert (answer.client_id, answer.status, answer.filled) == ("two", OrderStatus.ACCEPTED, 0)
        gone = told(broker, "one")
        assert (gone.status, gone.replaced_by) == (OrderStatus.REPLACED, "two")
        assert [o.client_id for o in broker.orders()] == ["two"]
        move("94")
        assert held(broker) == {"AAA": 4}
        for closed in (old, new):
            with pytest.raises(BrokerRejected):
                broker.replace(closed, order("three", type="limit", limit_price="60"))
        assert broker.find("three") is None and held(broker) == {"AAA": 4}

    def test_a_fraction_is_traded_to_the_last_digit(self, broker: Broker, move: Move) -> None:
        assert broker.capabilities.fractional
        broker.submit(order("one", quantity="1.234567891", instrument=FINE))
        move("100")
        assert held(broker) == {"AAA": Decimal("1.234567891")}
        assert [f.quantity for _, f in broker.fills()] == [Decimal("1.234567891")]

    # ---- packages of options ---------------------------------------------------------------------------------------
    def test_a_package_is_taken_by_who_says_so_and_refused_by_every_other(self, broker: Broker) -> None:
        wish = spread("one", "1.00")
        able = AssetClass.PACKAGE in broker.capabilities.asset_classes
        assert able == (not broker.capabilities.refusal(wish.intent))
        if able:
            assert broker.submit(wish).status is OrderStatus.ACCEPTED
        else:
            with pytest.raises(BrokerRejected):
                broker.submit(wish)

    def test_a_package_trades_all_its_legs_at_its_net_price_or_none(self, broker: Broker, trade: Trade) -> None:
        if AssetClass.PACKAGE not in broker.capabilities.asset_classes:
            pytest.skip("no packages here")
        broker.submit(spread("dear", "0.40", 2))
        broker.submit(spread("one", "0.50", 2))
        legs = [told_of for told_of in broker.orders() if told_of.parent == "one"]
        assert {(leg.intent.symbol, leg.intent.side, leg.intent.quantity) for leg in legs if leg.intent} == {
            (CALL, Side.BUY, 2), (HIGHER, Side.SELL, 2),
        }  # fmt: skip
        assert all(leg.status is OrderStatus.ACCEPTED for leg in legs)
        trade({CALL: "1.25", HIGHER: "0.80"})
        assert held(broker) == {CALL: 2, HIGHER: -2}
        assert (told(broker, "one").status, told(broker, "one").filled) == (OrderStatus.FILLED, 2)
        fills = [fill for _, fill in broker.fills()]
        assert {(f.symbol, f.signed, f.price) for f in fills} == {(CALL, 2, D("1.25")), (HIGHER, -2, D("0.80"))}
        assert {f.client_id for f in fills} == {leg.client_id for leg in legs}
        for fill in fills:
            leg = told(broker, fill.client_id)
            assert (leg.parent, leg.status, leg.filled) == ("one", OrderStatus.FILLED, 2)
        assert broker.snapshot().cash == 100_000 - 2 * 45 and told(broker, "dear").filled == 0

    def test_a_package_that_brings_money_has_a_negative_price(self, broker: Broker, trade: Trade) -> None:
        if AssetClass.PACKAGE not in broker.capabilities.asset_classes:
            pytest.skip("no packages here")
        broker.submit(spread("dear", "-0.60", turned=True))
        broker.submit(spread("one", "-0.50", turned=True))
        trade({CALL: "1.30", HIGHER: "0.80"})
        assert held(broker) == {CALL: -1, HIGHER: 1} and broker.snapshot().cash == 100_050

    def test_a_cancelled_package_takes_its_legs_along_and_never_trades(self, broker: Broker, trade: Trade) -> None:
        if AssetClass.PACKAGE not in broker.capabilities.asset_classes:
            pytest.skip("no packages here")
        broker.submit(spread("one", "0.50"))
        names = [one.client_id for one in broker.orders()]
        assert len(names) == 3
        broker.cancel("one")
        trade({CALL: "1.20", HIGHER: "0.80"})
        assert held(broker) == {} and not broker.orders()
        assert {told(broker, name).status for name in names} == {OrderStatus.CANCELLED}
        with pytest.raises(BrokerRejected):
            broker.cancel("one")
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(spread("one", "0.50"))

    def test_a_replaced_package_gives_its_place_to_another(self, broker: Broker, trade: Trade) -> None:
        if AssetClass.PACKAGE not in broker.capabilities.asset_classes or not broker.capabilities.replace:
            pytest.skip("no packages here that could be replaced")
        old, new = spread("one", "0.10"), spread("two", "0.60", 3)
        broker.submit(old)
        assert broker.replace(old, new).client_id == "two"
        assert (told(broker, "one").status, told(broker, "one").replaced_by) == (OrderStatus.REPLACED, "two")
        trade({CALL: "1.40", HIGHER: "0.80"})
        assert held(broker) == {CALL: 3, HIGHER: -3} and broker.snapshot().cash == 100_000 - 3 * 60

    def test_what_was_told_is_told_again_and_nothing_happened_besides(self, broker: Broker, move: Move) -> None:
        self.buy(broker, move)
        assert broker.fills() == broker.fills() and broker.snapshot().holdings == broker.snapshot().holdings
        assert broker.bookings() == [] and broker.busts() == []


class Prices(Feed):
    """Prices as they are made up."""

    def __init__(self) -> None:
        self.told: list[tuple[datetime, Mapping[str, Decimal]]] = []

    def moments(self, after: datetime, until: datetime) -> list[datetime]:
        return [t for t, _ in self.told if after < t <= until]

    def prices(self, at: datetime) -> Mapping[str, Decimal]:
        return dict(self.told)[at]


class TestPaperBroker(BrokerContract):
    """The embedded venue."""

    @pytest.fixture
    def clock(self) -> SimulatedClock:
        return SimulatedClock(BEGIN)

    @pytest.fixture
    def prices(self) -> Prices:
        return Prices()

    @pytest.fixture
    def broker(self, tmp_path: Path, clock: SimulatedClock, prices: Prices) -> Iterator[PaperBroker]:
        venue = PaperBroker(
            tmp_path / "venue.db", prices, clock, Costs(commission_bps=Decimal(0), slippage_bps=Decimal(0))
        )
        venue.deposit("opening", Decimal(100_000))
        venue.deposit("opening", Decimal(100_000))  # asked twice, paid once
        yield venue
        venue.close()

    @pytest.fixture
    def trade(self, clock: SimulatedClock, prices: Prices) -> Trade:
        def trade(told: Mapping[str, str]) -> None:
            at = clock.now() + timedelta(minutes=1)
            prices.told.append((at, {symbol: Decimal(price) for symbol, price in told.items()}))
            clock.advance(at)

        return trade

    @pytest.fixture
    def move(self, trade: Trade) -> Move:
        return lambda price: trade({"AAA": price})

    def test_another_process_finds_everything_as_it_was(
        self, broker: PaperBroker, move: Move, tmp_path: Path, clock: SimulatedClock, prices: Prices
    ) -> None:
        broker.submit(order("one"))
        other = PaperBroker(tmp_path / "venue.db", prices, clock, Costs())
        move("100")
        assert other.find("one") == broker.find("one")
        assert (other.fills(), other.snapshot().cash, held(other)) == (
            broker.fills(),
            broker.snapshot().cash,
            held(broker),
        )
        other.close()

    def test_a_limit_waits_for_its_price(self, tmp_path: Path, clock: SimulatedClock) -> None:
        closes = Calendar.of("XNYS").closes
        first = int(closes.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))
        bars = Bars({"close": pd.DataFrame({"AAA": [10.0, 11.0, 12.0, 13.0]}, closes[first : first + 4])}, "made up")
        broker = PaperBroker(tmp_path / "bars.db", Feed(bars), clock, Costs())
        broker.deposit("opening", Decimal(100_000))

        def next_bar() -> None:
            clock.advance(next(utc(t) for t in bars.times if t > clock.now()))

        broker.submit(order("one", type="limit", limit_price="12.50"))
        next_bar()  # 11: better than the limit
        assert [fill.price for _, fill in broker.fills()] == [Decimal("11.005500")]
        broker.submit(order("two", "sell", type="limit", limit_price="12.50"))
        next_bar()  # 12: not enough
        assert held(broker) == {"AAA": 10}
        next_bar()  # 13
        assert held(broker) == {}
        broker.close()


class TestAlpacaBroker(BrokerContract):
    """Alpaca's interface as the rehearsal broker serves it, through the unmodified client."""

    @pytest.fixture
    def rehearsal(self) -> Iterator[Rehearsal]:
        market = Market(Listing([Asset("AAA")]), utc("2026-03-02T17:00:00Z"))  # a Monday, New York at noon
        venue = Venue(market, leverage=Decimal(1))
        venue.tick("AAA", Decimal(100))
        with Server(Rehearsal(venue)) as served:
            yield served
        venue.close()

    @pytest.fixture
    def broker(self, rehearsal: Rehearsal) -> Iterator[AlpacaBroker]:
        keys = Keys(Mode.PAPER, rehearsal.key, rehearsal.secret, rehearsal.url, rehearsal.stream_url)
        broker = AlpacaBroker(keys, "paper", grace=0)
        yield broker
        broker.close()

    @pytest.fixture
    def move(self, rehearsal: Rehearsal) -> Move:
        def move(price: str) -> None:
            rehearsal.venue.tick("AAA", Decimal(price))

        return move

    @pytest.fixture
    def trade(self, rehearsal: Rehearsal) -> Trade:
        def trade(told: Mapping[str, str]) -> None:
            with rehearsal.venue.turn():
                for symbol, price in told.items():
                    rehearsal.venue.tick(symbol, Decimal(price))

        return trade


def test_every_adapter_has_its_contract_test() -> None:
    adapters = {
        kind
        for module in pkgutil.iter_modules(brokers.__path__)
        for name, kind in vars(importlib.import_module(f"{brokers.__name__}.{module.name}")).items()
        if isinstance(kind, type) and name.endswith("Broker") and kind.__module__.startswith(brokers.__name__)
    }
    tested = {kind.__name__.removeprefix("Test") for kind in BrokerContract.__subclasses__()}
    assert len(adapters) >= 2 and {kind.__name__ for kind in adapters} <= tested
