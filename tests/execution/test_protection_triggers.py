"""When protection comes to bear: every rule at, before and past its level, for long and short positions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import InputError, Instrument, decode, encode
from aura_lib.execution.protection import Guard, Protection
from aura_lib.execution.protection.triggers import Held, level, of_book, of_position

D = Decimal
SINCE = datetime(2021, 1, 4, tzinfo=UTC)


def rule(guard: Guard, **more: Any) -> Protection:
    return Protection("r", "m", guard, time=SINCE, **more)


def held(quantity: int = 10, cost: str = "100", best: str = "100", sessions: int = 0) -> Held:
    return Held(Instrument("A"), D(quantity), D(cost), SINCE, sessions, D(best))


STOP, PROFIT, TRAIL = Guard.STOP_LOSS, Guard.TAKE_PROFIT, Guard.TRAILING


@pytest.mark.parametrize(
    ("guard", "quantity", "best", "price", "due"),
    [
        (STOP, 10, "100", "95.01", False),
        (STOP, 10, "100", "95", True),
        (STOP, 10, "100", "80", True),  # a gap
        (STOP, -10, "100", "104.99", False),
        (STOP, -10, "100", "105", True),
        (PROFIT, 10, "100", "104.99", False),
        (PROFIT, 10, "100", "105", True),
        (PROFIT, -10, "100", "95.01", False),
        (PROFIT, -10, "100", "95", True),
        (TRAIL, 10, "120", "114.01", False),
        (TRAIL, 10, "120", "114", True),
        (TRAIL, -10, "80", "83.99", False),
        (TRAIL, -10, "80", "84", True),
    ],
)
def test_a_position_is_closed_at_its_level_and_beyond(
    guard: Guard, quantity: int, best: str, price: str, due: bool
) -> None:
    found = of_position(rule(guard, fraction=D("0.05")), held(quantity, best=best), D(price))
    assert (found is not None) is due
    assert found is None or (found.symbol, found.since) == ("A", SINCE)


def test_a_price_of_ones_own_counts_instead_of_a_fraction() -> None:
    stop = rule(STOP, symbol="A", price=D(90))
    assert level(stop, held()) == D(90)
    assert of_position(stop, held(), D("90.01")) is None
    assert of_position(stop, held(), D(90)) is not None


@pytest.mark.parametrize(("sessions", "due"), [(4, False), (5, True), (6, True)])
def test_a_time_stop_counts_sessions_and_needs_no_price(sessions: int, due: bool) -> None:
    assert (of_position(rule(Guard.TIME, sessions=5), held(sessions=sessions), None) is not None) is due


@pytest.mark.parametrize("price", [None, D("NaN"), D(0), D(-1), D("Infinity")])
def test_what_is_no_price_closes_nothing(price: Decimal | None) -> None:
    assert of_position(rule(STOP, fraction=D("0.05")), held(), price) is None


@pytest.mark.parametrize(("lost", "due"), [(None, False), ("0.099", False), ("0.1", True), ("0.5", True)])
def test_a_drawdown_is_that_of_the_book(lost: str | None, due: bool) -> None:
    found = of_book(rule(Guard.DRAWDOWN, fraction=D("0.1")), SINCE, None if lost is None else D(lost))
    assert (found is not None) is due


@given(st.decimals(1, 1000, places=2), st.decimals(1, 1000, places=2), st.sampled_from((10, -10)), st.integers(1, 99))
def test_what_closed_a_long_position_at_a_price_closes_it_at_every_worse_one(
    cost: Decimal, price: Decimal, quantity: int, percent: int
) -> None:
    stop = rule(STOP, fraction=D(percent) / 100)
    position = Held(Instrument("A"), D(quantity), cost, SINCE, 0, cost)
    worse = price * (D("0.9") if quantity > 0 else D("1.1"))
    if of_position(stop, position, price):
        assert of_position(stop, position, worse)


@pytest.mark.parametrize(
    "wrong",
    [
        {"guard": STOP},
        {"guard": STOP, "fraction": D("0.1"), "price": D(5), "symbol": "A"},
        {"guard": STOP, "fraction": D(1)},
        {"guard": STOP, "fraction": D(0)},
        {"guard": STOP, "fraction": D("NaN")},
        {"guard": STOP, "price": D(5)},  # of which symbol?
        {"guard": STOP, "price": D(-5), "symbol": "A"},
        {"guard": TRAIL, "price": D(5), "symbol": "A"},
        {"guard": Guard.TIME, "fraction": D("0.1")},
        {"guard": Guard.TIME, "sessions": 0},
        {"guard": Guard.DRAWDOWN, "fraction": D("0.1"), "symbol": "A"},
        {"guard": STOP, "fraction": D("0.1"), "name": "a b"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Protection(**{"name": "r", "book": "m", **wrong})


def test_a_profit_may_be_more_than_was_paid_and_rules_survive_the_journal() -> None:
    profit = rule(PROFIT, fraction=D("1.5"))
    assert decode(Protection, encode(profit)) == profit
