"""What every broker must do. A new adapter subclasses BrokerContract and says how to reach a fresh account."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from aura_lib.core import (
    Bars,
    Broker,
    BrokerRejected,
    Calendar,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Side,
    SimulatedClock,
    TimeInForce,
    utc,
)
from aura_lib.exchange import Costs
from aura_lib.execution import brokers
from aura_lib.execution.brokers.paper import PaperBroker
from aura_lib.execution.feed import Feed

AAA = Instrument("AAA")


def order(client_id: str, side: str = "buy", quantity: int = 10, at: datetime | None = None) -> Order:
    intent = Intent(AAA, Side(side), Decimal(quantity))
    moment = at or utc("2021-01-04T21:00:00+00:00")
    return Order(client_id, "paper", "m", "basket", 0, 1, intent, moment, OrderStatus.SENDING)


def held(broker: Broker) -> dict[str, Decimal]:
    return {symbol: holding.quantity for symbol, holding in broker.snapshot().holdings.items()}


class BrokerContract:
    """The contract. `broker` is connected to an account with 100,000 in cash; `next_bar` lets the market move on."""

    @pytest.fixture
    def broker(self) -> Broker:
        raise NotImplementedError

    @pytest.fixture
    def next_bar(self) -> Callable[[], None]:
        raise NotImplementedError

    def test_it_is_a_broker(self, broker: Broker) -> None:
        assert isinstance(broker, Broker)

    def test_an_order_it_never_had_is_not_found(self, broker: Broker) -> None:
        assert broker.find("never") is None

    def test_an_accepted_order_is_found_by_its_client_id_and_fills(
        self, broker: Broker, next_bar: Callable[[], None]
    ) -> None:
        assert broker.submit(order("one")).status is OrderStatus.ACCEPTED
        found = broker.find("one")
        assert found is not None and found.filled == 0
        next_bar()
        found = broker.find("one")
        assert found is not None and (found.status, found.filled) == (OrderStatus.FILLED, 10)

    def test_a_client_id_is_accepted_once_even_after_its_order_is_closed(
        self, broker: Broker, next_bar: Callable[[], None]
    ) -> None:
        broker.submit(order("one"))
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(order("one"))
        next_bar()
        with pytest.raises(BrokerRejected, match="unique"):
            broker.submit(replace(order("one"), attempt=2))
        assert held(broker) == {"AAA": 10}

    def test_fills_have_cursors_are_told_again_and_pay_for_the_position(
        self, broker: Broker, next_bar: Callable[[], None]
    ) -> None:
        broker.submit(order("one"))
        next_bar()
        broker.submit(order("two", "sell", 4))
        next_bar()
        fills = broker.fills()
        assert len({n for n, _ in fills}) == len(fills)
        assert [f.client_id for _, f in fills] == ["one", "two"]
        assert broker.fills(fills[0][0]) == fills[1:]
        assert held(broker) == {"AAA": 6}
        assert broker.snapshot().cash == 100_000 + sum(f.cash for _, f in fills)

    def test_a_cancelled_order_never_fills_and_cannot_be_cancelled_again(
        self, broker: Broker, next_bar: Callable[[], None]
    ) -> None:
        broker.submit(order("one"))
        broker.cancel("one")
        next_bar()
        found = broker.find("one")
        assert found is not None and (found.status, found.filled) == (OrderStatus.CANCELLED, 0)
        assert held(broker) == {}
        for client_id in ("one", "never"):
            with pytest.raises(BrokerRejected):
                broker.cancel(client_id)

    def test_what_is_not_held_is_not_sold(self, broker: Broker, next_bar: Callable[[], None]) -> None:
        broker.submit(order("one", "sell"))
        next_bar()
        found = broker.find("one")
        assert found is not None and found.filled == 0 and found.status is OrderStatus.CANCELLED
        assert broker.snapshot().cash == 100_000


class TestPaperBroker(BrokerContract):
    """The embedded venue, over four bars."""

    @pytest.fixture
    def clock(self) -> SimulatedClock:
        return SimulatedClock(utc("2021-01-04T21:00:00+00:00"))

    @pytest.fixture
    def bars(self) -> Bars:
        closes = Calendar.of("XNYS").closes
        first = int(closes.searchsorted(pd.Timestamp("2021-01-04", tz="UTC")))
        return Bars({"close": pd.DataFrame({"AAA": [10.0, 11.0, 12.0, 13.0]}, closes[first : first + 4])}, "made up")

    @pytest.fixture
    def broker(self, tmp_path: Path, clock: SimulatedClock, bars: Bars) -> Iterator[PaperBroker]:
        venue = PaperBroker(tmp_path / "venue.db", Feed(bars), clock, Costs())
        venue.deposit("opening", Decimal(100_000))
        venue.deposit("opening", Decimal(100_000))  # asked twice, paid once
        yield venue
        venue.close()

    @pytest.fixture
    def next_bar(self, clock: SimulatedClock, bars: Bars) -> Callable[[], None]:
        return lambda: clock.advance(next(utc(t) for t in bars.times if t > clock.now()))

    def test_another_process_finds_everything_as_it_was(
        self, broker: PaperBroker, next_bar: Callable[[], None], tmp_path: Path, clock: SimulatedClock, bars: Bars
    ) -> None:
        broker.submit(order("one"))
        other = PaperBroker(tmp_path / "venue.db", Feed(bars), clock, Costs())
        next_bar()
        assert other.find("one") == broker.find("one")
        assert (other.fills(), other.snapshot().cash, held(other)) == (
            broker.fills(),
            broker.snapshot().cash,
            held(broker),
        )
        other.close()

    def test_a_limit_waits_for_its_price(self, broker: PaperBroker, next_bar: Callable[[], None]) -> None:
        low = {"type": OrderType.LIMIT, "limit_price": Decimal("12.50"), "time_in_force": TimeInForce.GTC}
        broker.submit(replace(order("one"), intent=replace(order("one").intent, **low)))
        next_bar()  # 11: better than the limit
        assert [fill.price for _, fill in broker.fills()] == [Decimal("11.005500")]
        broker.submit(replace(order("two", "sell"), intent=replace(order("two", "sell").intent, **low)))
        next_bar()  # 12: not enough
        assert held(broker) == {"AAA": 10}
        next_bar()  # 13
        assert held(broker) == {}

    def test_the_exit_of_a_bracket_is_told_as_an_order_of_its_own(
        self, broker: PaperBroker, next_bar: Callable[[], None]
    ) -> None:
        bracket = {"type": OrderType.BRACKET, "stop_loss": Decimal(9), "take_profit": Decimal("11.50")}
        broker.submit(replace(order("one"), intent=replace(order("one").intent, **bracket)))
        next_bar()  # 11: bought
        (leg,) = broker.orders()
        assert (leg.client_id, leg.parent, leg.status) == ("one/exit", "one", OrderStatus.ACCEPTED)
        assert leg.intent is not None and (leg.intent.side, leg.intent.quantity) == (Side.SELL, 10)
        next_bar()  # 12: above its profit
        assert broker.orders() == [] and held(broker) == {}
        assert [fill.client_id for _, fill in broker.fills()] == ["one", "one/exit"]

    def test_a_replaced_order_gives_its_place_to_another_and_says_to_which(
        self, broker: PaperBroker, next_bar: Callable[[], None]
    ) -> None:
        waits = {"type": OrderType.LIMIT, "limit_price": Decimal(5), "time_in_force": TimeInForce.GTC}
        old = replace(order("one"), intent=replace(order("one").intent, **waits))
        new = replace(
            order("two", quantity=4), intent=replace(old.intent, quantity=Decimal(4), limit_price=Decimal(20))
        )
        broker.submit(old)
        assert broker.replace(old, new).status is OrderStatus.ACCEPTED
        gone = broker.find("one")
        assert gone is not None and (gone.status, gone.replaced_by) == (OrderStatus.REPLACED, "two")
        next_bar()
        assert held(broker) == {"AAA": 4}
        for again in (old, new):
            with pytest.raises(BrokerRejected):
                broker.replace(again, replace(new, client_id="three"))
        assert broker.find("three") is None


def test_every_adapter_has_its_contract_test() -> None:
    adapters = {
        kind
        for module in pkgutil.iter_modules(brokers.__path__)
        for name, kind in vars(importlib.import_module(f"{brokers.__name__}.{module.name}")).items()
        if isinstance(kind, type) and name.endswith("Broker") and kind.__module__.startswith(brokers.__name__)
    }
    tested = {kind.__name__.removeprefix("Test") for kind in BrokerContract.__subclasses__()}
    assert adapters and {kind.__name__ for kind in adapters} <= tested
