"""A desk, Alpaca's adapter and a broker that misbehaves: no order twice, none lost, and the position is right.

The desk is driven by hand, in the venue's time: each round it looks around, the market trades, and five seconds pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from aura_lib.access import Vault
from aura_lib.core import (
    LIVE,
    TERMINAL,
    Bars,
    Basket,
    Binding,
    Calendar,
    Instrument,
    Intent,
    Mode,
    OrderStatus,
    OrderType,
    Promotion,
    Side,
    TimeInForce,
    encode,
    iso,
)
from aura_lib.execution.accounts import Terms, open_account
from aura_lib.execution.brokers.alpaca import AlpacaBroker, Keys
from aura_lib.execution.brokers.alpaca.door import Door, Pace
from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS, begin
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from aura_lib.execution.desk import Desk
from aura_lib.execution.desk.seat import Seat
from aura_lib.execution.feed import Feed
from aura_lib.execution.reconcile import mending
from aura_lib.ledger import SYSTEM, AccountView, Ledger, Token
from aura_lib.risk import Limits
from tests.rehearsal import NOON, PRICES, rehearsal_server

BINDING = Binding("cells", "parameters", "sources")
ROUNDS = 7  # of five seconds each
SYMBOLS = ("AAPL", "MSFT")
AAPL, MSFT = (Instrument(s, venue="XNAS") for s in SYMBOLS)


class VenueClock:
    """The venue's time."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal

    def now(self) -> datetime:
        return self._rehearsal.venue.market.now


class Stage:
    """One account, its desk, and the broker."""

    def __init__(self, rehearsal: Rehearsal, folder: Path, symbols: Sequence[str] = SYMBOLS) -> None:
        self.rehearsal, self.venue, self.symbols = rehearsal, rehearsal.venue, symbols
        self.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
        self.vault = Vault(folder)
        limits = Limits(max_order_weight=1.0, max_position_weight=1.0)
        self.terms = open_account(self.ledger, Terms("live", broker="alpaca", clock="wall", limits=limits))
        day = Calendar.of("XNYS").closes
        last = day[day.searchsorted(pd.Timestamp(NOON)) - 1]
        prices = {s: [float(self.venue.market.price(s) or 0)] for s in symbols}
        frame = pd.DataFrame(prices, pd.DatetimeIndex([last]))
        self.feed = Feed(Bars({"close": frame}, source="made up"))
        self.promote()
        self.ledger.inbox.ask("live", "cash", {"book": "m", "amount": "100000", "why": "test"}, "cash")
        self.broker = self._broker()
        self.desk = self._desk()

    def promote(self) -> None:
        promotion = Promotion(BINDING, Mode.PAPER, "n.ipynb", "run", "me", datetime.now(UTC), self.vault.public_key)
        signed = replace(promotion, signature=self.vault.sign(promotion.message()))
        self.ledger.journal.append(SYSTEM, "promotion", encode(signed))

    def _broker(self) -> AlpacaBroker:
        keys = Keys(Mode.PAPER, self.rehearsal.key, self.rehearsal.secret, self.rehearsal.url)
        clock = VenueClock(self.rehearsal)

        def seconds() -> float:
            return clock.now().timestamp()

        door = Door(keys, Pace(per_minute=10**6, now=seconds), timeout=(60.0, 2.0))
        return AlpacaBroker(keys, "live", door=door, clock=clock, now=seconds)

    def _desk(self) -> Desk:
        lease = self.ledger.control.acquire("live", 3600)
        assert lease is not None
        clock = VenueClock(self.rehearsal)
        desk = Desk(self.ledger, self.terms, lease, self.broker, self.feed, clock, self.vault.public_key)
        desk.start()
        return desk

    def restart(self) -> None:
        """The desk dies; another one starts from what is written."""
        self.ledger.control.release(self.desk.seat.lease)
        self.broker.close()
        self.broker = self._broker()
        self.desk = self._desk()

    def propose(self, origin: str, *intents: Intent) -> None:
        now = self.venue.market.now
        token = Token("r1", origin, iso(now), "live", "m", BINDING.id)
        basket = Basket(origin, now, "live", "m", now, intents, "snap", "r1")
        self.ledger.inbox.put(basket, self.ledger.control.issue(token, 3600))

    def play(self, rounds: int = ROUNDS) -> None:
        for _ in range(rounds):
            self.desk.woken.set()
            self.desk.cycle()
            with self.venue.lock:
                for symbol in self.symbols:
                    self.venue.tick(symbol, self.venue.market.price(symbol) or Decimal(PRICES[symbol]))
                self.venue.advance(self.venue.market.now + timedelta(seconds=5))

    @property
    def view(self) -> AccountView:
        return self.ledger.account("live")

    def close(self) -> None:
        self.broker.close()
        self.ledger.close()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(Seat, "may_ask", lambda self, client_id: True)  # time passes by rounds here
    with rehearsal_server() as rehearsal:
        made = Stage(rehearsal, tmp_path)
        yield made
        made.close()


def buy(quantity: str, instrument: Instrument = AAPL, price: str = "") -> Intent:
    if not price:
        return Intent(instrument, Side.BUY, Decimal(quantity))
    words = {"type": OrderType.LIMIT, "limit_price": Decimal(price), "time_in_force": TimeInForce.GTC}
    return Intent(instrument, Side.BUY, Decimal(quantity), **words)  # type: ignore[arg-type]


def day(stage: Stage) -> None:
    """Two orders are sent; one that rests is changed, another is cancelled; and time passes."""
    stage.propose("first", buy("10"), buy("5", MSFT, "390"))
    stage.play(4)
    resting = next((o for o in stage.view.live_orders("m") if o.intent.symbol == "MSFT"), None)
    if resting is not None:
        body = {"client_id": resting.client_id, "limit_price": "391", "who": "me", "reason": "nearer"}
        stage.ledger.inbox.ask("live", "replace", body, "change")
    stage.play(5)
    stage.restart()
    for order in stage.view.live_orders("m"):
        stage.ledger.inbox.ask("live", "cancel", {"client_id": order.client_id, "who": "me", "reason": "out"},
                               f"out:{order.client_id}")  # fmt: skip
    stage.play()


def check(stage: Stage) -> None:
    """Nothing twice, nothing lost, and what is held is what the venue holds, or a person has been told."""
    view, venue = stage.view, stage.venue
    known = Counter(t.client_order_id for t in venue.tickets.values())
    assert max(known.values(), default=1) == 1
    ours = [o for o in view.orders.values() if o.book == "m"]
    wanted = {(o.basket, o.leg) for o in ours}
    first = [o for o in ours if not o.parent]
    assert len(first) == len(wanted) == 2, "one order an intent, under one id"
    for order in ours:
        ticket = venue.tickets.get(venue.clients.get(order.client_id, ""))
        if ticket is None:
            assert order.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.REJECTED), order
            assert order.filled == 0
        elif not view.differences:
            assert order.filled == ticket.filled, order
            assert (order.status in LIVE) == ticket.open, (order.status, ticket.status)
    sent = {
        t.client_order_id for t in venue.tickets.values() if not t.parent and not t.client_order_id.startswith("web")
    }
    assert sent <= {o.client_id for o in view.orders.values()}, "an order that the ledger does not know"
    there = {s: p.quantity for s, p in venue.exchange.account.positions.items() if p.quantity}
    assert view.account().holdings == there or view.drift or view.differences
    executions = [f.execution_id for f in view.fills]
    assert len(executions) == len(set(executions))


def mended(stage: Stage) -> None:
    """A person writes all that is offered: then both sides say the same."""
    for _ in range(4):
        offered = [d["id"] for d in stage.view.differences if d["mending"]]
        for difference in offered:
            mending.ask(stage.ledger, stage.view, difference, who="me", reason="as offered")
        if offered or stage.view.drift:
            stage.play(4)
    there = {s: p.quantity for s, p in stage.venue.exchange.account.positions.items() if p.quantity}
    assert stage.view.account().holdings == there
    assert abs(stage.view.account().cash - stage.venue.exchange.account.cash) <= Decimal("0.01")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_whatever_goes_wrong_nothing_is_sent_twice_nothing_is_lost_and_the_position_is_right(
    stage: Stage, name: str
) -> None:
    begin(name, stage.rehearsal.weather, stage.venue)
    day(stage)
    stage.rehearsal.weather.clear()
    stage.play()
    check(stage)
    mended(stage)


def test_in_fair_weather_the_day_ends_with_ten_shares_and_no_open_order(stage: Stage) -> None:
    day(stage)
    check(stage)
    view = stage.view
    assert view.account("m").holdings == {"AAPL": 10} and not view.live_orders() and not view.drift
    assert all(o.status in TERMINAL for o in view.orders.values())
    assert [o.status for o in view.orders.values()].count(OrderStatus.REPLACED) == 1
