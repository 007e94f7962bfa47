"""The limits: each rule refuses what it is for, and a leg sees what the approved ones before it would do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import (
    Account,
    AssetClass,
    Decision,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Position,
    Side,
    decode,
    encode,
)
from aura_lib.risk import Limits, check

PRICES = {"A": Decimal(10), "B": Decimal(20), "C": Decimal(50)}
WIDE = Limits(max_position_weight=1.0, max_order_weight=1.0)


def leg(symbol: str, quantity: int, **instrument: Any) -> Intent:
    side = Side.BUY if quantity > 0 else Side.SELL
    return Intent(Instrument(symbol, **instrument), side, Decimal(abs(quantity)))


def book(cash: int = 1000, **held: int) -> Account:
    positions = {s: Position(Instrument(s), Decimal(q), Decimal(1)) for s, q in held.items()}
    return Account("book", Decimal(cash), positions=positions)


def rules(decisions: list[Decision]) -> list[str]:
    return [decision.rule for decision in decisions]


def test_a_leg_within_every_limit_is_approved_by_the_limits() -> None:
    assert check([leg("A", 50)], book(), PRICES, Limits()) == [Decision(0, "A", True, "limits")]


def test_an_empty_basket_has_no_decisions() -> None:
    assert check([], book(), PRICES, Limits()) == []


@pytest.mark.parametrize(
    ("intent", "account", "limits", "rule", "value", "limit"),
    [
        (leg("I", 1, asset_class=AssetClass.INDEX), book(), WIDE, "not_tradable", "index", "something that trades"),
        (leg("A", 1), book(), Limits(max_orders=0), "max_orders", "1", "0"),
        (leg("Z", 1), book(), WIDE, "no_price", "Z", "a price at the moment of decision"),
        (leg("A", 1), book(), Limits(restricted=("A",)), "restricted", "A", "sell only"),
        (leg("A", -6), book(A=5), WIDE, "no_short", "6", "5"),
        (leg("A", -1), book(), WIDE, "no_short", "1", "0"),
        (leg("A", 101), book(), WIDE, "buying_power", "1010.00", "1000.00"),
        (leg("A", 61), book(), Limits(), "max_order_weight", "0.610000", "0.6"),
        (leg("A", 30), book(500, A=50), Limits(), "max_position_weight", "0.800000", "0.6"),
        (leg("A", 30), book(500, B=25), Limits(max_gross=0.7), "max_gross", "0.800000", "0.7"),
    ],
)
def test_each_rule_refuses_what_it_is_for_and_shows_value_and_limit(
    intent: Intent, account: Account, limits: Limits, rule: str, value: str, limit: str
) -> None:
    assert check([intent], account, PRICES, limits) == [Decision(0, intent.symbol, False, rule, value, limit)]


def test_exactly_at_a_limit_is_within_it() -> None:
    assert rules(check([leg("A", 60)], book(), PRICES, Limits())) == ["limits"]
    assert rules(check([leg("A", 100)], book(), PRICES, WIDE)) == ["limits"]
    assert rules(check([leg("A", -5)], book(A=5), PRICES, WIDE)) == ["limits"]


def test_a_way_out_is_never_closed_by_size_or_restriction() -> None:
    limits = Limits(max_order_weight=0.01, max_position_weight=0.01, max_gross=0.01, restricted=("A",))
    assert rules(check([leg("A", -90)], book(100, A=90), PRICES, limits)) == ["limits"]


def test_later_buys_see_the_cash_that_earlier_ones_took() -> None:
    decisions = check([leg("A", 60), leg("B", 21), leg("C", 8)], book(), PRICES, WIDE)
    assert rules(decisions) == ["limits", "buying_power", "limits"]  # 600, then 420 of 400 left, then 400
    assert decisions[1] == Decision(1, "B", False, "buying_power", "420.00", "400.00")


def test_an_approved_sell_pays_for_a_later_buy_and_a_refused_one_does_not() -> None:
    assert rules(check([leg("A", -50), leg("B", 25)], book(0, A=50), PRICES, WIDE)) == ["limits", "limits"]
    assert rules(check([leg("A", -51), leg("B", 25)], book(0, A=50), PRICES, WIDE)) == ["no_short", "buying_power"]


def test_sold_exposure_leaves_room_for_bought() -> None:
    limits = Limits(max_gross=0.5)
    account = book(500, A=50)
    assert rules(check([leg("B", 10)], account, PRICES, limits)) == ["max_gross"]
    assert rules(check([leg("A", -20), leg("B", 10)], account, PRICES, limits)) == ["limits", "limits"]


def test_bought_exposure_takes_room_from_later_buys() -> None:
    limits = Limits(max_gross=0.5)
    assert rules(check([leg("A", 30), leg("B", 10)], book(), PRICES, limits)) == ["limits", "limits"]
    assert rules(check([leg("A", 30), leg("B", 11)], book(), PRICES, limits)) == ["limits", "max_gross"]


def test_one_leg_an_instrument() -> None:
    decisions = check([leg("A", -1), leg("A", 1), leg("B", 1), leg("B", 1)], book(A=5), PRICES, WIDE)
    assert rules(decisions) == ["limits", "duplicate", "limits", "duplicate"]
    assert [decision.leg for decision in decisions] == [0, 1, 2, 3]


def test_legs_beyond_the_number_allowed_are_refused() -> None:
    assert rules(check([leg("A", 1), leg("B", 1)], book(), PRICES, Limits(max_orders=1))) == ["limits", "max_orders"]


def test_working_sells_are_no_longer_there_to_sell_and_bring_no_cash_yet() -> None:
    working = {"A": Decimal(-3)}
    assert rules(check([leg("A", -2)], book(0, A=5), PRICES, WIDE, working=working)) == ["limits"]
    assert check([leg("A", -3)], book(0, A=5), PRICES, WIDE, working=working)[0].limit == "2"
    assert rules(check([leg("B", 1)], book(0, A=5), PRICES, WIDE, working=working)) == ["buying_power"]


def test_working_buys_reserve_cash_and_count_as_held() -> None:
    working = {"A": Decimal(50)}
    assert check([leg("B", 26)], book(), PRICES, WIDE, working=working)[0].limit == "500.00"
    assert rules(check([leg("A", 20)], book(), PRICES, Limits(), working=working)) == ["max_position_weight"]
    assert rules(check([leg("A", -1)], book(), PRICES, WIDE, working=working)) == ["no_short"]


def test_a_book_with_a_holding_nobody_prices_may_sell_but_not_buy() -> None:
    account = book(1000, X=5, A=5)
    decisions = check([leg("A", -5), leg("B", 1)], account, PRICES, WIDE)
    assert rules(decisions) == ["limits", "no_price"]
    assert decisions[1].value == "X"
    nan = {**PRICES, "X": Decimal("NaN")}
    assert rules(check([leg("B", 1)], account, nan, WIDE)) == ["no_price"]


def test_a_book_that_is_worth_nothing_buys_nothing() -> None:
    assert rules(check([leg("A", 1)], book(0), PRICES, WIDE)) == ["buying_power"]
    assert rules(check([leg("A", 1)], book(-5), PRICES, WIDE)) == ["buying_power"]


def test_contracts_count_with_their_multiplier() -> None:
    assert rules(check([leg("A", 2, multiplier=Decimal(100))], book(), PRICES, WIDE)) == ["buying_power"]


@pytest.mark.parametrize(
    "wrong", [{"max_gross": float("nan")}, {"max_order_weight": -0.1}, {"max_orders": True}, {"restricted": "AAPL"}]
)
def test_limits_that_cannot_be_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Limits(**wrong)


def test_limits_survive_the_way_to_json() -> None:
    limits = Limits(0.3, 0.2, 0.9, 17, ("A", "B"))
    assert decode(Limits, encode(limits)) == limits


quantities = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-60, 60).filter(bool)), max_size=8)


@given(quantities, st.integers(0, 2000), st.fixed_dictionaries({s: st.integers(0, 40) for s in "ABC"}))
def test_what_is_approved_keeps_the_book_within_its_limits(
    wishes: list[tuple[str, int]], cash: int, held: dict[str, int]
) -> None:
    account, limits = book(cash, **held), Limits()
    legs = [leg(symbol, quantity) for symbol, quantity in wishes]
    decisions = check(legs, account, PRICES, limits)
    assert [d.leg for d in decisions] == list(range(len(legs)))
    equity = account.equity(PRICES)
    money, holding = account.cash, {s: account.quantity(s) for s in "ABC"}
    for decision, intent in zip(decisions, legs, strict=True):
        if not decision.approved:
            continue
        money -= intent.signed * PRICES[intent.symbol]
        holding[intent.symbol] += intent.signed
        assert money >= 0
        assert holding[intent.symbol] >= 0
        if intent.side is Side.BUY:
            assert holding[intent.symbol] * PRICES[intent.symbol] <= Decimal("0.6") * equity


MARGIN = Limits(max_position_weight=1.0, max_order_weight=1.0, max_gross=1.5, short=True)


@pytest.mark.parametrize(
    ("intent", "account", "limits", "rule", "value", "limit"),
    [
        (leg("A", -101), book(), MARGIN, "max_order_weight", "1.010000", "1"),
        (leg("A", -60), book(1500, A=-50), MARGIN, "max_position_weight", "1.100000", "1"),
        (leg("A", -90), book(2000, B=-50), MARGIN, "max_gross", "1.900000", "1.5"),
        (leg("A", 90), book(0, B=50), MARGIN, "max_gross", "1.900000", "1.5"),
        (leg("A", -40), book(), Limits(max_gross=1.0, short=True, max_net=0.3), "max_net", "0.400000", "0.3"),
        (leg("A", -1), book(), Limits(max_gross=1.0, short=True, restricted=("A",)), "restricted", "A", "sell only"),
        (leg("A", -1), book(), Limits(max_gross=2.0), "no_short", "1", "0"),
    ],
)
def test_short_and_borrowed_exposure_is_bound_by_equity(
    intent: Intent, account: Account, limits: Limits, rule: str, value: str, limit: str
) -> None:
    assert check([intent], account, PRICES, limits) == [Decision(0, intent.symbol, False, rule, value, limit)]


@pytest.mark.parametrize(
    ("intent", "account"),
    [
        (leg("A", -100), book()),  # as large as the equity
        (leg("A", 100), book(2000, A=-100)),  # a way out
        (leg("A", 150), book(1500, A=-50)),  # from −0.5 to +1.0
        (leg("A", 100), book(0, B=25, C=10)),  # on borrowed money: 1000 + 1000 of 1000
    ],
)
def test_what_margin_allows_is_approved(intent: Intent, account: Account) -> None:
    limits = Limits(max_position_weight=1.0, max_order_weight=1.0, max_gross=2.0, short=True)
    assert rules(check([intent], account, PRICES, limits)) == ["limits"]


def test_orders_on_their_way_count_where_they_make_a_short_larger() -> None:
    working = {"A": Decimal(-60)}
    assert rules(check([leg("B", -40)], book(), PRICES, MARGIN, working=working)) == ["limits"]
    assert rules(check([leg("B", -46)], book(), PRICES, MARGIN, working=working)) == ["max_gross"]


def test_what_is_in_another_currency_counts_at_the_price_of_its_pair() -> None:
    held = {"E": Position(Instrument("E", currency="EUR"), Decimal(10), Decimal(1))}
    account = Account("book", Decimal(0), positions=held, balances={"EUR": Decimal(100)})
    prices = PRICES | {"E": Decimal(40), "EURUSD": Decimal(2)}  # 10 × 40 × 2 + 100 × 2 = 1000
    assert rules(check([leg("A", 20)], account, prices, WIDE)) == ["limits"]
    assert rules(check([leg("A", 21)], account, prices, WIDE)) == ["buying_power"]
    assert rules(check([leg("A", 1)], account, PRICES | {"E": Decimal(40)}, WIDE)) == ["no_price"]


def test_limits_of_a_mandate_take_its_shorts_and_its_leverage() -> None:
    assert Limits.of(Mandate(("A",))) == Limits()
    assert Limits.of(Mandate(("A",), short=True, max_gross=1.5)) == Limits(max_gross=1.5, short=True)
