"""Packages of options: what is one, what is none and why, and the most that options can lose."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import (
    AssetClass,
    InputError,
    Instrument,
    Intent,
    Leg,
    OrderType,
    Right,
    Side,
    TimeInForce,
    decode,
    encode,
    option_of,
    package,
    payoff,
    worst_case,
)
from tests.oracle.plain_package import most_lost

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LOW, HIGH = option_of("SPY260320C00500000"), option_of("SPY260320C00510000")
LATE = option_of("SPY260417C00500000")
SPREAD = (Leg(LOW, BUY), Leg(HIGH, SELL))


def test_a_package_is_an_intent_that_survives_the_way_to_json_and_back() -> None:
    intent = Intent.of_legs(SPREAD, D(2), D("4.50"), reason="up")
    assert decode(Intent, encode(intent)) == intent
    assert (intent.symbol, intent.type) == ("SPY +1 2026-03-20 C500 -1 2026-03-20 C510", OrderType.LIMIT)
    assert intent.traded == ((LOW, D(2)), (HIGH, D(-2)))
    assert (intent.instrument.asset_class, intent.instrument.multiplier) == (AssetClass.PACKAGE, 100)


def test_an_intent_of_before_packages_is_read_as_one_without_legs() -> None:
    told = encode(Intent(Instrument("AAA"), BUY, D(1)))
    del told["legs"]
    assert decode(Intent, told) == Intent(Instrument("AAA"), BUY, D(1))


def test_the_same_legs_in_another_order_are_the_same_package() -> None:
    assert package(SPREAD) == package(SPREAD[::-1])
    assert package(SPREAD) != package((Leg(LOW, SELL), Leg(HIGH, BUY)))


def test_a_package_expires_with_the_first_of_its_legs() -> None:
    assert package((Leg(LOW, SELL), Leg(LATE, BUY))).expiry == date(2026, 3, 20)


OTHER = option_of("QQQ260320C00500000")
TWIN = Instrument("SPY 500 C", AssetClass.OPTION, multiplier=D(100), underlying="SPY", expiry=date(2026, 3, 20),
                  strike=D(500), right=Right.CALL)  # fmt: skip


@pytest.mark.parametrize(
    ("legs", "why"),
    [
        ((), "2 to 4 legs, not 0"),
        ((Leg(LOW, BUY),), "2 to 4 legs, not 1"),
        (tuple(Leg(option_of(f"SPY260320C0050{n}000"), BUY) for n in range(5)), "2 to 4 legs, not 5"),
        ((Leg(LOW, BUY), Leg(Instrument("SPY"), SELL)), "SPY is none"),
        ((Leg(LOW, BUY), Leg(OTHER, SELL)), "one underlying, not QQQ, SPY"),
        ((Leg(LOW, BUY), Leg(LOW, SELL)), "each contract once"),
        ((Leg(LOW, BUY), Leg(TWIN, SELL)), "each contract once"),
        ((Leg(LOW, BUY, 2), Leg(HIGH, SELL, 4)), "2:4 are not in lowest terms: give 1:2, and 2 times the quantity"),
        ((Leg(LOW, BUY, 0), Leg(HIGH, SELL)), "positive whole number, not 0"),
        ((Leg(LOW, BUY, -1), Leg(HIGH, SELL)), "positive whole number, not -1"),
        ((Leg(LOW, BUY, D("1.5")), Leg(HIGH, SELL)), "positive whole number, not 1.5"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_package_is_refused_and_says_why(legs: tuple[Leg, ...], why: str) -> None:
    with pytest.raises(InputError, match=why):
        Intent.of_legs(legs, D(1))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"type": OrderType.STOP, "stop_price": D(1)}, "not stop with stop_price"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(1), "limit_price": D(1)}, "not stop_limit"),
        ({"type": OrderType.TRAILING_STOP, "trail_amount": D(1)}, "not trailing_stop"),
        ({"type": OrderType.BRACKET, "take_profit": D(2), "stop_loss": D(1)}, "not bracket"),
        ({"type": OrderType.OCO, "take_profit": D(2), "stop_loss": D(1)}, "not oco"),
        ({"type": OrderType.LIMIT}, "not limit with none"),
        ({"limit_price": D(1)}, "not market with limit_price"),
        ({"side": SELL}, "turn its legs around"),
        ({"quantity": D("1.5")}, "no multiple of the lot 1"),
        ({"quantity": D(0)}, "positive"),
        ({"time_in_force": TimeInForce.GTC}, "good for the day"),
        ({"extended_hours": True}, "regular hours"),
        ({"legs": SPREAD[:1]}, "2 to 4 legs"),
        ({"legs": (Leg(LOW, BUY), Leg(HIGH, SELL, 2))}, "is not what its legs are"),
        ({"legs": ()}, "2 to 4 legs, not 0"),
        ({"type": OrderType.LIMIT, "limit_price": D("NaN")}, "finite"),
        ({"type": OrderType.LIMIT, "limit_price": D("1.0000000000000000001")}, "significant digits"),
    ],
)
def test_a_package_is_bought_at_the_market_or_at_a_net_price_for_the_day(words: dict[str, object], why: str) -> None:
    told: dict[str, object] = {"instrument": package(SPREAD), "side": BUY, "quantity": D(1), "legs": SPREAD} | words
    with pytest.raises(InputError, match=why):
        Intent(**told)  # type: ignore[arg-type]


def test_legs_belong_to_a_package_only() -> None:
    with pytest.raises(InputError, match="is not what its legs are"):
        Intent(LOW, BUY, D(1), legs=SPREAD)


@pytest.mark.parametrize("limit", [D("-3.20"), D(0), D("3.20")])
def test_a_net_price_is_a_debit_a_credit_or_nothing(limit: Decimal) -> None:
    assert Intent.of_legs(SPREAD, D(1), limit).limit_price == limit


@pytest.mark.parametrize(("side", "limit"), [(BUY, "0"), (BUY, "-1"), (SELL, "0"), (SELL, "1")])
def test_legs_of_one_side_have_a_net_price_of_its_sign(side: Side, limit: str) -> None:
    with pytest.raises(InputError, match="is needed"):
        Intent.of_legs((Leg(LOW, side), Leg(HIGH, side)), D(1), D(limit))


# ---- the most that can be lost ---------------------------------------------------------------------------------------
def contract(right: str, strike: int, day: int = 20) -> Instrument:
    return Instrument(
        f"A{day}{right}{strike}", AssetClass.OPTION, multiplier=D(100), underlying="A", expiry=date(2026, 3, day),
        strike=D(strike), right=Right.CALL if right == "C" else Right.PUT,
    )  # fmt: skip


# The Options Industry Council's strategy guides: the maximum loss of each at expiry, premiums apart.
@pytest.mark.parametrize(
    ("held", "lost"),
    [
        ({("C", 100): 1, ("C", 110): -1}, 0),  # bull call spread: only the debit
        ({("C", 100): -1, ("C", 110): 1}, 1_000),  # bear call spread: the width
        ({("P", 100): -1, ("P", 90): 1}, 1_000),  # bull put spread
        ({("P", 90): 1, ("P", 95): -1, ("C", 105): -1, ("C", 110): 1}, 500),  # iron condor: one side only
        ({("P", 90): 1, ("P", 95): -1, ("C", 105): -1, ("C", 120): 1}, 1_500),  # the wider side
        ({("C", 100): 1, ("C", 105): -2, ("C", 110): 1}, 0),  # long butterfly
        ({("C", 100): -1, ("C", 105): 2, ("C", 110): -1}, 500),  # short butterfly
        ({("C", 100): 1, ("P", 100): 1}, 0),  # long straddle
        ({("P", 100): -1}, 10_000),  # a written put: down to nothing
        ({("C", 100): -1}, None),  # a written call: no end
        ({("C", 100): 1, ("C", 110): -2}, None),  # ratio spread
        ({("C", 100): -1, ("P", 100): -1}, None),  # short straddle
        ({("C", 100): -1, ("C", 110): 2}, 1_000),  # backspread
    ],
)
def test_the_most_that_known_strategies_lose(held: dict[tuple[str, int], int], lost: int | None) -> None:
    told = {contract(right, strike): D(units) for (right, strike), units in held.items()}
    assert worst_case(told) == lost


def test_what_expires_before_a_written_option_covers_nothing_and_what_lives_longer_does() -> None:
    near, far = contract("C", 100, 20), contract("C", 100, 27)
    assert worst_case({near: D(-1), far: D(1)}) == 0
    assert worst_case({near: D(1), far: D(-1)}) is None


def test_written_options_of_two_days_may_each_meet_their_worst_price() -> None:
    held = {contract("C", 100, 20): D(-1), contract("C", 110, 27): D(1), contract("P", 90, 27): D(-1)}
    assert worst_case(held | {contract("P", 80, 27): D(1)}) == 2_000  # up on the first day, down on the second


def test_options_on_several_underlyings_lose_apart() -> None:
    other = Instrument(
        "B", AssetClass.OPTION, multiplier=D(100), underlying="B", expiry=date(2026, 3, 20), strike=D(50),
        right=Right.PUT,
    )  # fmt: skip
    assert worst_case({contract("P", 100): D(-1), other: D(-1)}) == 15_000


HOLDINGS = st.dictionaries(
    st.tuples(st.sampled_from("CP"), st.integers(1, 40), st.just(20)), st.integers(-4, 4), min_size=1, max_size=6
)


@given(HOLDINGS)
def test_the_most_that_is_lost_is_what_a_search_over_all_prices_finds(held: dict[tuple[str, int, int], int]) -> None:
    told = {contract(right, strike): D(units) for (right, strike, _), units in held.items()}
    assert worst_case(told) == most_lost(held)


@given(HOLDINGS, st.integers(0, 80))
def test_no_price_costs_more_than_the_worst_case(held: dict[tuple[str, int, int], int], spot: int) -> None:
    told = {contract(right, strike): D(units) for (right, strike, _), units in held.items() if units}
    worst = worst_case(told)
    assert worst is None or payoff(told, D(spot)) >= -worst
