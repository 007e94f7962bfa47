"""From target weights to trades: sizes, order, cash, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aura_lib.core import (
    Account,
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Order,
    OrderStatus,
    Position,
    Side,
    TargetWeights,
)
from aura_lib.exchange import Costs, Exchange
from aura_lib.plan import Plan, rebalance
from tests.backtest.scenarios import SLOT

NAMES = ("A", "B", "C", "D")
INSTRUMENTS = {name: Instrument(name) for name in NAMES}
PRICES = {"A": Decimal(10), "B": Decimal(20), "C": Decimal(50), "D": Decimal("0.5")}
FREE = Costs(Decimal(0), Decimal(0), Decimal(0))


def account(cash: str | int = 10_000, **held: int) -> Account:
    positions = {s: Position(INSTRUMENTS[s], Decimal(q), PRICES[s]) for s, q in held.items()}
    return Account("book", Decimal(cash), positions=positions)


def plan(weights: dict[str, float], book: Account | None = None, costs: Costs = FREE, **mandate: Any) -> Plan:
    settings = {"cash_buffer": 0.0, "min_trade": Decimal(0), **mandate}
    return rebalance(
        TargetWeights(weights, SLOT), book or account(), PRICES, Mandate(NAMES, **settings), INSTRUMENTS, costs
    )


def trades(of: Plan) -> list[tuple[str, int]]:
    return [(i.symbol, int(i.signed)) for i in of.intents]


def test_a_target_becomes_its_weight_of_equity_rounded_down_to_lots() -> None:
    assert trades(plan({"A": 0.333, "B": 0.25})) == [("A", 333), ("B", 125)]  # 3330 / 10, 2500 / 20
    assert trades(plan({"C": 0.999})) == [("C", 199)]  # 9990 / 50 = 199.8


def test_the_cash_buffer_is_not_invested() -> None:
    assert trades(plan({"A": 0.5, "B": 0.5}, cash_buffer=0.02)) == [("A", 490), ("B", 245)]


def test_sells_come_first_and_each_side_is_in_symbol_order() -> None:
    book = account(0, D=4000, A=200, C=160)  # 2000 + 2000 + 8000 = 12000
    assert trades(plan({"D": 0.5, "B": 0.25, "A": 0.25}, book)) == [
        ("C", -160),
        ("A", 100),
        ("B", 150),
        ("D", 8000),
    ]


def test_what_is_held_and_not_wanted_is_sold_whole_however_small() -> None:
    assert trades(plan({}, account(9995, A=1), min_trade=Decimal(100))) == [("A", -1)]
    assert trades(plan({"A": 0.0}, account(9995, A=1), min_trade=Decimal(100))) == [("A", -1)]


def test_trades_below_the_smallest_are_left_out() -> None:
    book = account(5000, A=500)
    assert trades(plan({"A": 0.509, "B": 0.009}, book, min_trade=Decimal(91))) == []  # 90 of A, 80 of B
    assert trades(plan({"A": 0.509, "B": 0.009}, book, min_trade=Decimal(90))) == [("A", 9)]
    assert trades(plan({"A": 0.491}, book, min_trade=Decimal(91))) == []


def test_a_restricted_symbol_is_sold_but_never_bought() -> None:
    book = account(5000, A=500)
    assert trades(plan({"A": 0.8, "B": 0.1}, book, restricted=("A", "B"))) == []
    assert trades(plan({"A": 0.2}, book, restricted=("A",))) == [("A", -300)]


def test_buys_are_scaled_together_when_cash_and_proceeds_would_not_pay_for_them() -> None:
    costs = Costs(Decimal(100), Decimal(0), Decimal(0))  # 1 %
    made = plan({"A": 0.5, "B": 0.5}, costs=costs)
    assert trades(made) == [("A", 495), ("B", 247)]  # 10 000 / 1.01 = 9900.99, half of it each
    need = sum(i.quantity * PRICES[i.symbol] for i in made.intents) * Decimal("1.01")
    assert need <= 10_000


def test_a_buy_that_scaling_makes_too_small_is_left_out() -> None:
    costs = Costs(Decimal(5000), Decimal(0), Decimal(0))  # 50 %: just under two thirds can be paid
    assert trades(plan({"A": 0.9, "B": 0.1}, costs=costs, min_trade=Decimal(700))) == [("A", 599)]
    assert trades(plan({"A": 0.9, "B": 0.1}, costs=costs, min_trade=Decimal(600))) == [("A", 599), ("B", 33)]


def test_the_buffer_normally_makes_scaling_needless() -> None:
    costs = Costs()
    assert trades(plan({"A": 1.0}, costs=costs, cash_buffer=0.02)) == [("A", 980)]


def test_a_minimum_commission_that_eats_the_cash_leaves_no_buys() -> None:
    assert trades(plan({"A": 0.5, "B": 0.5}, costs=Costs(Decimal(0), Decimal(6000), Decimal(0)))) == []


def test_lots_are_kept_and_multipliers_counted() -> None:
    instruments = {"A": Instrument("A", lot=Decimal(100)), "B": Instrument("B", multiplier=Decimal(100))}
    targets = TargetWeights({"A": 0.45, "B": 0.45}, SLOT)
    mandate = Mandate(NAMES, cash_buffer=0.0)
    made = rebalance(targets, account(), PRICES, mandate, instruments, FREE)
    assert trades(made) == [("A", 400), ("B", 2)]  # 4500 → 4 lots of 100 at 10; 4500 / (20 × 100)


def test_turnover_and_cost_are_told_in_advance() -> None:
    costs = Costs(Decimal(10), Decimal(0), Decimal(20))
    made = plan({"A": 0.5}, costs=costs)
    assert made.turnover == 0.25  # 5000 bought out of 10 000
    # 500 at 10.02: 10.00 of slippage, 5.01 of commission
    assert made.estimated_cost == Decimal("15.01")
    sold = plan({}, account(0, A=1000), costs=costs)
    assert sold.estimated_cost == Decimal("20") + Decimal("9.98")


def test_the_table_shows_weights_before_and_after() -> None:
    table = plan({"A": 0.25, "B": 0.5}, account(5000, A=500)).table()
    assert list(table["symbol"]) == ["A", "B"]
    assert list(table["side"]) == ["sell", "buy"]
    assert list(table["weight before"]) == [0.5, 0.0]
    assert list(table["weight after"]) == [0.25, 0.5]
    assert list(table["value"]) == [2500.0, 5000.0]


def test_a_reason_says_from_which_weight_to_which() -> None:
    assert plan({"A": 0.25}, account(5000, A=500)).intents[0].reason == "weight 0.5000 to 0.2500"


def test_targets_outside_the_mandate_are_refused() -> None:
    with pytest.raises(InputError, match=r"{'A': '0.61000000'} are above the mandate's max_weight of 0.6"):
        plan({"A": 0.61}, max_weight=0.6)
    with pytest.raises(InputError, match=r"\['Z'\].*universe"):
        plan({"Z": 0.1})


def test_a_target_without_a_price_is_named() -> None:
    prices = {s: p for s, p in PRICES.items() if s != "B"}
    with pytest.raises(DataError, match=r"targets \['B'\]"):
        rebalance(TargetWeights({"A": 0.1, "B": 0.1}, SLOT), account(), prices, Mandate(NAMES), INSTRUMENTS, FREE)
    untouched = TargetWeights({"A": 0.1, "B": 0.0}, SLOT)  # nothing is wanted of B, so its price is not missed
    assert trades(rebalance(untouched, account(), prices, Mandate(NAMES), INSTRUMENTS, FREE)) == [("A", 98)]


def test_the_optimisers_last_digit_over_the_cap_is_let_through() -> None:
    assert plan({"A": 0.6 + 1e-7}, max_weight=0.6).intents


def test_a_holding_without_a_price_is_named() -> None:
    book = Account("book", Decimal(0), positions={"X": Position(Instrument("X"), Decimal(3), Decimal(1))})
    with pytest.raises(DataError, match=r"holdings \['X'\]"):
        plan({"A": 0.5}, book)


def test_a_target_nobody_knows_the_instrument_of_is_refused() -> None:
    with pytest.raises(InputError, match="no instrument is known for the target A"):
        rebalance(TargetWeights({"A": 0.1}, SLOT), account(), PRICES, Mandate(NAMES), {}, FREE)


def test_short_targets_are_refused_plainly() -> None:
    targets = TargetWeights({"A": -0.1}, SLOT, long_only=False)
    with pytest.raises(InputError, match="the mandate is long only"):
        rebalance(targets, account(), PRICES, Mandate(NAMES), INSTRUMENTS, FREE)


def test_an_account_in_the_red_only_sells() -> None:
    assert trades(plan({"B": 0.5}, account(-20_000, A=500))) == [("A", -500)]


# ── properties ──────────────────────────────────────────────────────────────────────────────────────────────────────

weight = st.floats(0, 1, allow_nan=False)
book = st.fixed_dictionaries({name: st.integers(0, 3000) for name in NAMES})
costs = st.builds(
    Costs,
    commission_bps=st.decimals("0", "200", places=2),
    min_commission=st.decimals("0", "20", places=2),
    slippage_bps=st.decimals("0", "200", places=2),
)


@given(
    raw=st.fixed_dictionaries(dict.fromkeys(NAMES, weight)),
    held=book,
    cash=st.decimals("0", "100000", places=4),
    costs=costs,
    buffer=st.sampled_from([0.0, 0.01, 0.05]),
    quotes=st.fixed_dictionaries({name: st.decimals("0.5", "500", places=7) for name in NAMES}),
)
def test_a_plan_is_paid_for_and_stays_within_its_targets(
    raw: dict[str, float],
    held: dict[str, int],
    cash: Decimal,
    costs: Costs,
    buffer: float,
    quotes: dict[str, Decimal],
) -> None:
    total = sum(raw.values())
    weights = {s: w / max(total, 1.0) for s, w in raw.items()}
    assume(sum(weights.values()) <= 1.0)
    book = account(str(cash), **held)
    mandate = Mandate(NAMES, cash_buffer=buffer)
    made = rebalance(TargetWeights(weights, SLOT), book, quotes, mandate, INSTRUMENTS, costs)
    keys = [(intent.side is Side.BUY, intent.symbol) for intent in made.intents]
    assert keys == sorted(set(keys))
    _check_sizes(made, book, weights, quotes, buffer)
    backwards = TargetWeights(dict(reversed(weights.items())), SLOT)
    again = rebalance(backwards, book, dict(reversed(quotes.items())), mandate, INSTRUMENTS, costs)
    assert again.intents == made.intents
    _check_filled_whole(made, book, quotes, costs)


def _check_sizes(
    made: Plan, book: Account, weights: dict[str, float], quotes: dict[str, Decimal], buffer: float
) -> None:
    equity = Fraction(book.cash) + sum(Fraction(q) * Fraction(quotes[s]) for s, q in book.holdings.items())
    for intent in made.intents:
        symbol = intent.symbol
        share = round(Fraction(repr(weights[symbol])), 8) * (1 - Fraction(repr(buffer)))
        wanted = floor(share * equity / Fraction(quotes[symbol]))
        after = book.quantity(symbol) + intent.signed
        assert after >= 0
        if intent.side is Side.SELL:
            assert after == wanted
        else:
            assert after <= wanted


def _check_filled_whole(made: Plan, book: Account, quotes: dict[str, Decimal], costs: Costs) -> None:
    """At the prices it was made for, every leg fills whole: nothing is cut for want of cash."""
    exchange = Exchange.of(book, costs)
    sold = sum((i.quantity * quotes[i.symbol] for i in made.intents if i.side is Side.SELL), Decimal(0))
    assume(book.cash > 100 or sold == 0)  # a minimum fee may eat the proceeds of a tiny sale
    for leg, intent in enumerate(made.intents):
        exchange.submit(Order(str(leg), "a", "b", "basket", leg, 1, intent, SLOT), SLOT)
    events = exchange.match(SLOT + timedelta(days=1), quotes)
    assert all(isinstance(event, Fill) or event.status is OrderStatus.FILLED for event in events)
    assert exchange.account.holdings == {
        s: q for s in NAMES if (q := book.quantity(s) + sum((_signed(i, s) for i in made.intents), Decimal(0)))
    }


def _signed(intent: Intent, symbol: str) -> Decimal:
    return intent.signed if intent.symbol == symbol else Decimal(0)
