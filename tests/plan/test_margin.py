"""Plans of books that go short, borrow, or hold other currencies."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Account, Fill, InputError, Instrument, Mandate, Order, Position, TargetWeights
from aura_lib.exchange import Costs, Exchange, PerShare, Terms
from aura_lib.plan import Plan, rebalance
from aura_lib.risk import Limits, check
from tests.backtest.scenarios import SLOT

D = Decimal
FREE = Costs(D(0), D(0), D(0))
KNOWN = {n: Instrument(n) for n in "ABCD"} | {"SAP": Instrument("SAP", currency="EUR")}
PRICES = {"A": D(10), "B": D(20), "C": D(50), "D": D("0.5"), "SAP": D(100), "EURUSD": D("1.25")}


def book(cash: int = 10_000, euros: int | None = None, **held: int) -> Account:
    positions = {s: Position(KNOWN[s], D(q), PRICES[s]) for s, q in held.items()}
    return Account("book", D(cash), positions=positions, balances={} if euros is None else {"EUR": D(euros)})


def plan(weights: dict[str, float], account: Account, costs: Costs = FREE, **mandate: Any) -> Plan:
    settings = {"cash_buffer": 0.0, "min_trade": D(0), "max_weight": 1.0, **mandate}
    targets = TargetWeights(weights, SLOT, long_only=False, max_gross=10.0)
    return rebalance(targets, account, PRICES, Mandate(tuple(KNOWN), **settings), KNOWN, costs)


def trades(of: Plan) -> list[tuple[str, int]]:
    return [(i.symbol, int(i.signed)) for i in of.intents]


def test_a_short_target_is_sold_and_rounded_towards_nothing() -> None:
    assert trades(plan({"A": -0.333, "C": -0.1234}, book(), short=True)) == [("A", -333), ("C", -24)]


def test_what_makes_positions_smaller_comes_before_what_makes_them_larger() -> None:
    assert trades(plan({"A": 0.5, "B": -0.5}, book(12_000, C=-40), short=True)) == [("C", 40), ("B", -250), ("A", 500)]


def test_a_position_can_change_sides_in_one_order() -> None:
    assert trades(plan({"A": -0.5}, book(5000, A=500), short=True)) == [("A", -1000)]


def test_leverage_is_what_the_mandate_allows() -> None:
    assert trades(plan({"A": 1.0, "B": 0.5}, book(), max_gross=1.5)) == [("A", 1000), ("B", 250)]
    with pytest.raises(InputError, match=r"weights use 1.5.* max_gross is 1.0"):
        plan({"A": 1.0, "B": 0.5}, book())
    with pytest.raises(InputError, match="the mandate is long only"):
        plan({"A": -0.5}, book(), max_gross=2.0)


def test_what_opens_is_scaled_together_when_costs_leave_too_little_equity() -> None:
    costs = Costs(D(100), D(0), D(0))  # 1 %: 20 000 of exposure cost 200, so 9800 × 2 may stand
    made = plan({"A": 1.0, "B": -1.0}, book(), costs, short=True, max_gross=2.0)
    assert trades(made) == [("B", -490), ("A", 980)]  # 400 too much of 20 000: 98 % of each


def test_a_restricted_symbol_is_only_ever_brought_nearer_to_nothing() -> None:
    account = book(10_000, A=-100, B=50)
    made = plan({"A": -0.5, "B": 0.4, "C": -0.1}, account, short=True, restricted=("A", "B", "C"))
    assert trades(made) == []
    assert trades(plan({"A": -0.05, "B": -0.1}, account, short=True, restricted=("A", "B"))) == [("A", 50)]


def test_equity_and_targets_in_another_currency_count_at_the_price_of_the_pair() -> None:
    account = book(5000, euros=4000, SAP=0)
    assert plan({}, account).equity == 10_000
    made = plan({"SAP": 0.5}, account)
    assert trades(made) == [("SAP", 40)]  # 5000 / (100 × 1.25)
    assert made.turnover == 0.25
    assert list(made.table()["weight after"]) == [0.5]


def test_a_commission_by_the_share_is_paid_for_when_buys_are_scaled() -> None:
    costs = Costs(D(0), D(0), D(0), fees=PerShare(D(1), D(5)))
    made = plan({"A": 0.5, "B": 0.5}, book(), costs)
    need = sum((i.quantity * PRICES[i.symbol] + max(i.quantity, D(5)) for i in made.intents), D(0))
    assert 9900 < need <= 10_000


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_plan_is_filled_whole_at_its_own_prices_and_ends_at_its_targets(seed: int) -> None:
    rng = Random(seed)
    costs = Costs(D(rng.randint(0, 30)), D(0), D(rng.randint(0, 30)))
    mandate = Mandate(tuple("ABCD"), short=True, max_gross=2.0, cash_buffer=0.05, min_trade=D(0), max_weight=2.0)
    exchange = Exchange(D(100_000), costs, name="book", terms=Terms.of(mandate))
    for n in range(4):
        raw = {s: rng.uniform(-1, 1) for s in rng.sample("ABCD", rng.randint(0, 4))}
        gross = max(sum(map(abs, raw.values())), 1e-9)
        weights = {s: w / gross * rng.uniform(0, 2) for s, w in raw.items()}
        targets = TargetWeights(weights, SLOT, long_only=False, max_gross=2.0)
        made = rebalance(targets, exchange.account, PRICES, mandate, KNOWN, costs)
        limits = Limits(10.0, 10.0, max_gross=2.0, short=True)
        assert all(d.approved for d in check(made.intents, exchange.account, PRICES, limits))
        for k, intent in enumerate(made.intents):
            exchange.submit(Order(f"{n}/{k}", "book", "book", "", k, 1, intent, SLOT), SLOT + timedelta(days=n))
        events = exchange.match(SLOT + timedelta(days=n, hours=1), PRICES)
        done = {e.symbol: e.signed for e in events if isinstance(e, Fill)}
        assert done == {i.symbol: i.signed for i in made.intents}
        for symbol, weight in weights.items():
            aimed = D(repr(weight)) * made.equity * D("0.95") / PRICES[symbol]
            assert abs(exchange.account.quantity(symbol) - aimed) <= 1 + abs(aimed) * D("0.0001")
        assert set(exchange.account.holdings) <= set(weights)
