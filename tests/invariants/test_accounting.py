"""Accounting: after every fill of every backtest cash and holdings are what the fills say, and nothing is owed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aura_lib import backtest
from aura_lib.core import TERMINAL, Mandate, Schedule, Side, fold
from aura_lib.exchange import Costs
from aura_lib.plan import decimal_price
from aura_lib.risk import Limits
from tests.backtest.scenarios import market_of, random_intents, random_targets

ZERO = Decimal(0)
KINDS = {"targets": random_targets, "intents": random_intents}
COSTS = {"default": Costs(), "free": Costs(ZERO, ZERO, ZERO), "dear": Costs(Decimal(90), Decimal(15), Decimal(150))}


def play(kind: str, costs: str, seed: int, **given: Any) -> tuple[backtest.Replay, dict[Any, dict[str, Decimal]]]:
    """A replay of daily decisions without a cash buffer, and the last known prices at every bar."""
    bars = market_of(np.random.default_rng(seed), sessions=50, symbols=4, missing=0.08, volatility=0.05)
    mandate = Mandate(bars.symbols, Decimal(20_000), cash_buffer=0.0, min_trade=ZERO)
    slots = list(Schedule.parse("XNYS daily close").slots(bars.start, bars.end))
    limits = Limits(max_position_weight=1.0, max_order_weight=1.0)
    done = backtest.replay(KINDS[kind](seed), bars, mandate, slots=slots, costs=COSTS[costs], limits=limits, **given)
    marks: dict[str, Decimal] = {}
    known = {}
    for time, row in zip(bars.times, bars.close.to_numpy(), strict=True):
        marks = marks | {s: decimal_price(p) for s, p in zip(bars.symbols, row.tolist(), strict=True) if p == p}
        known[time] = marks
    return done, known


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("kind", KINDS)
def test_after_every_fill_cash_and_holdings_follow_from_the_fills_alone(kind: str, costs: str, seed: int) -> None:
    done, known = play(kind, costs, seed)
    assert len(done.fills) > 10
    cash, fees, account = Decimal(20_000), ZERO, done.opening
    units: dict[str, Decimal] = {}
    for fill in done.fills:
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.quantity * fill.price + fill.fee
        units[fill.symbol] = units.get(fill.symbol, ZERO) + sign * fill.quantity
        fees += fill.fee
        account = account.after(fill)
        assert cash >= 0
        assert min(units.values()) >= 0
        assert (account.cash, account.fees) == (cash, fees)
        assert account.holdings == {s: q for s, q in units.items() if q}
        marks = known[fill.time]
        assert account.equity(marks) == cash + sum((q * marks[s] for s, q in units.items() if q), ZERO)
    assert fold(done.opening, done.fills) == account == done.account


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_lost_to_costs_is_profit_and_loss_of_positions(kind: str, seed: int) -> None:
    """Conservation: equity at the end = opening + realised + unrealised − fees."""
    done, known = play(kind, "dear", seed)
    marks = known[max(known)]
    account = done.account
    realised = sum((p.realised for p in account.positions.values()), ZERO)
    unrealised = sum(
        (p.quantity * (marks[s] - p.average_cost) for s, p in account.positions.items() if p.quantity), ZERO
    )
    assert abs(account.equity(marks) - (done.opening.cash + realised + unrealised - account.fees)) < Decimal("1e-12")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_every_order_ends_once_and_holds_what_was_filled_of_it(kind: str, seed: int) -> None:
    done, _ = play(kind, "default", seed)
    legs = sum(decision.approved for slot in done.slots for decision in slot.decisions)
    assert len(done.orders) == len({order.client_id for order in done.orders}) == legs
    for order in done.orders:
        filled = sum((f.quantity for f in done.fills if f.client_id == order.client_id), ZERO)
        assert order.filled == filled <= order.intent.quantity
        assert order.status in TERMINAL or order in done.open_orders
    for fill in done.fills:
        order = next(o for o in done.orders if o.client_id == fill.client_id)
        assert fill.time > order.time


def test_a_fill_that_is_booked_twice_would_be_seen() -> None:
    done, _ = play("targets", "default", 0)
    assert fold(done.opening, (*done.fills, done.fills[0])) != done.account
