"""Which lots a sale takes: each way against what a person would pick, and the least tax against all other ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import InputError, Instrument, Side
from aura_lib.execution.rebalance import Choice, Rates, choose
from aura_lib.ledger.accounting import Lot

D = Decimal
NOW = datetime(2021, 6, 1, tzinfo=UTC)
A = Instrument("A")


def lot(name: str, quantity: int, unit_cost: int, days: int, fee: str = "0") -> Lot:
    return Lot(name, "m", A, D(quantity), D(quantity * unit_cost), D(fee), NOW - timedelta(days=days))


LOTS = [  # at a price of 100
    lot("old-gain", 10, 60, 900),
    lot("long-loss", 10, 110, 400),
    lot("short-loss", 10, 105, 100),
    lot("short-gain", 10, 90, 50),
]


def taken(choice: Choice, quantity: int = 40) -> list[str]:
    return [t.lot for t in choose(LOTS, Side.SELL, D(quantity), D(100), NOW, choice)]


@pytest.mark.parametrize(
    ("choice", "order"),
    [
        (Choice.FIFO, ["old-gain", "long-loss", "short-loss", "short-gain"]),
        (Choice.HIGHEST_COST, ["long-loss", "short-loss", "short-gain", "old-gain"]),
        (Choice.LONG_FIRST, ["long-loss", "old-gain", "short-loss", "short-gain"]),
        (Choice.LOSS_FIRST, ["long-loss", "short-loss", "old-gain", "short-gain"]),
        # a unit: long loss 10 × 0.20 = −2.00, short loss 5 × 0.37 = −1.85, short gain +3.70, long gain +8.00
        (Choice.LEAST_TAX, ["long-loss", "short-loss", "short-gain", "old-gain"]),
    ],
)
def test_each_way_takes_lots_in_its_order(choice: Choice, order: list[str]) -> None:
    assert taken(choice) == order


def test_a_lot_is_taken_in_part_with_its_share_of_cost_and_fee() -> None:
    (first, second) = choose(
        [lot("a", 10, 90, 5, "2"), lot("b", 10, 95, 4)], Side.SELL, D(15), D(100), NOW, Choice.FIFO
    )
    assert (first.quantity, first.cost, first.gain) == (10, 902, 98)
    assert (second.quantity, second.cost, second.proceeds, second.gain) == (5, 475, 500, 25)


@pytest.mark.parametrize(("days", "long"), [(365, False), (366, True)])
def test_long_term_begins_the_day_after_a_year(days: int, long: bool) -> None:
    assert choose([lot("a", 1, 90, days)], Side.SELL, D(1), D(100), NOW)[0].long is long


def test_a_buy_takes_short_lots_and_gains_when_prices_fell() -> None:
    short = [lot("high", -10, 120, 5, "1"), lot("low", -10, 80, 4)]
    found = choose(short, Side.BUY, D(15), D(100), NOW, Choice.LOSS_FIRST)
    assert [(t.lot, t.quantity, t.gain) for t in found] == [("low", 10, -200), ("high", 5, D("99.5"))]
    assert choose(short, Side.SELL, D(5), D(100), NOW) == ()


def test_what_opens_takes_no_lot_and_what_is_more_than_there_is_takes_all() -> None:
    assert choose([], Side.SELL, D(5), D(100), NOW) == ()
    assert choose(LOTS, Side.BUY, D(5), D(100), NOW) == ()
    assert sum(t.quantity for t in choose(LOTS, Side.SELL, D(100), D(100), NOW)) == 40


@pytest.mark.parametrize("rate", [D(-1), D("1.1"), D("NaN"), 0.2])
def test_a_rate_is_a_fraction(rate: Decimal) -> None:
    with pytest.raises(InputError):
        Rates(short=rate)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(50, 150), st.integers(1, 800)), min_size=1, max_size=5),
    st.integers(1, 20),
)
def test_no_other_order_of_lots_makes_less_tax(told: list[tuple[int, int, int]], quantity: int) -> None:
    lots = [lot(f"l{n}", q, c, d) for n, (q, c, d) in enumerate(told)]
    rates = Rates()
    found = sum(t.tax(rates) for t in choose(lots, Side.SELL, D(quantity), D(100), NOW, Choice.LEAST_TAX, rates))

    def tax(order: tuple[tuple[int, int, int], ...]) -> Decimal:
        left, total = quantity, D(0)
        for q, c, d in order:
            part = min(left, q)
            total += part * (100 - c) * (rates.long if d > 365 else rates.short)
            left -= part
        return total

    assert found == min(tax(order) for order in permutations(told))
