"""Bookings, balances and the one fold; nouns that are made quickly are the nouns they were."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import (
    Account,
    AssetClass,
    Booking,
    BookingKind,
    BrokerOrder,
    DataError,
    Decision,
    Fill,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Order,
    OrderStatus,
    Position,
    Right,
    Side,
    TargetWeights,
    decode,
    encode,
    fold,
    rate,
)

D = Decimal
NOW = datetime(2021, 1, 4, 21, tzinfo=UTC)
A = Instrument("A")
PAIR = Instrument("EURUSD", AssetClass.FX)


def booking(kind: BookingKind, cash: str = "0", quantity: str = "0", **more: Any) -> Booking:
    return Booking("id", kind, D(cash), more.pop("currency", "USD"), NOW, quantity=D(quantity), **more)


def holding(quantity: int, cost: int, cash: int = 0) -> Account:
    return Account("m", D(cash), positions={"A": Position(A, D(quantity), D(cost))})


def test_dividends_interest_and_borrow_are_income_and_a_deposit_is_not() -> None:
    kinds = (BookingKind.DIVIDEND, BookingKind.INTEREST, BookingKind.BORROW, BookingKind.DEPOSIT)
    account = fold(Account("m", D(0)), [booking(k, c) for k, c in zip(kinds, ("5", "2", "-3", "100"), strict=True)])
    assert (account.cash, account.income, account.as_of) == (D(104), D(4), NOW)


def test_a_split_spreads_the_cost_over_the_new_units() -> None:
    position = holding(10, 90).after(booking(BookingKind.SPLIT, quantity="20", instrument=A)).positions["A"]
    assert (position.quantity, position.average_cost, position.realised) == (D(30), D(30), D(0))
    with pytest.raises(InputError, match="cannot turn 10 units into 0"):
        holding(10, 90).after(booking(BookingKind.SPLIT, quantity="-10", instrument=A))


def test_cash_in_lieu_realises_what_the_fraction_gained() -> None:
    account = holding(10, 90).after(booking(BookingKind.CASH_IN_LIEU, "50", "-0.5", instrument=A))
    assert (account.cash, account.positions["A"].quantity, account.positions["A"].realised) == (D(50), D("9.5"), D(5))


def test_a_conversion_moves_money_between_balances() -> None:
    account = Account("m", D(100), balances={"EUR": D(0)})
    after = account.after(booking(BookingKind.CONVERSION, "-50", "40", instrument=PAIR))
    assert (after.cash, dict(after.balances)) == (D(50), {"EUR": D(40)})
    assert account.cash == 100
    assert after.equity({"EURUSD": D("1.5")}) == D(110)


def test_a_fill_of_a_pair_whose_currency_the_account_has_is_money_and_else_a_position() -> None:
    fill = Fill("x", "c", "m", "b", PAIR, Side.BUY, D(40), D("1.25"), D(1), NOW)
    assert dict(Account("m", D(100), balances={"EUR": D(0)}).after(fill).balances) == {"EUR": D(40)}
    assert Account("m", D(100)).after(fill).holdings == {"EURUSD": D(40)}


def test_exercise_into_shares_is_one_entry() -> None:
    option = Instrument(
        "A C", AssetClass.OPTION, multiplier=D(100), underlying="A", expiry=NOW.date(), strike=D(50), right=Right.CALL
    )
    account = Account("m", D(9000), positions={"A C": Position(option, D(1), D(3))})
    after = account.after(booking(BookingKind.EXERCISE, "-5000", "-1", instrument=option, delivered=A, units=D(100)))
    assert (after.cash, after.holdings) == (D(4000), {"A": D(100)})
    assert (after.positions["A"].average_cost, after.positions["A C"].realised) == (D(50), D(-300))


def test_a_booking_survives_the_way_to_json() -> None:
    entry = booking(BookingKind.CONVERSION, "-50.10", "40", instrument=PAIR, note="for A")
    assert decode(Booking, encode(entry)) == entry


@pytest.mark.parametrize(
    ("prices", "worth"),
    [
        ({"EURUSD": "1.25"}, "1.25"),
        ({"EUR/USD": "1.25"}, "1.25"),
        ({"EURUSD=X": "1.25"}, "1.25"),
        ({"USDEUR": "0.8"}, "1.25"),
        ({"EURUSD": "NaN", "USDEUR": "0.8"}, "1.25"),
    ],
)
def test_a_rate_is_the_price_of_its_pair_or_the_inverse(prices: dict[str, str], worth: str) -> None:
    assert rate({s: D(p) for s, p in prices.items()}, "EUR", "USD") == D(worth)
    assert rate({}, "USD", "USD") == 1


def test_a_rate_nobody_knows_is_named() -> None:
    with pytest.raises(DataError, match="no price of EUR in USD"):
        rate({"EURUSD": D(0)}, "EUR", "USD")
    with pytest.raises(InputError, match="no currency pair"):
        assert A.base


def test_the_own_currency_is_cash_and_no_balance() -> None:
    with pytest.raises(InputError, match="is its cash"):
        Account("m", D(0), balances={"USD": D(1)})
    with pytest.raises(InputError, match="finite"):
        Account("m", D(0), balances={"EUR": D("NaN")})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"short": 1}, "short"),
        ({"max_gross": -1.0}, "max_gross"),
        ({"max_gross": 1e9}, "max_gross"),
        ({"max_weight": 1.5}, "max_weight"),
    ],
)
def test_a_mandate_to_borrow_that_cannot_be_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Mandate(("A",), **wrong)


def test_weights_may_use_what_they_say_they_use() -> None:
    assert Mandate(("A",), max_gross=2.0, max_weight=1.5).max_weight == 1.5
    assert TargetWeights({"A": 1.0, "B": -1.0}, NOW, long_only=False, max_gross=2.0).weights["B"] == -1.0
    with pytest.raises(InputError, match="they may use at most 2"):
        TargetWeights({"A": 1.5, "B": -1.0}, NOW, long_only=False, max_gross=2.0)


INTENT = Intent(A, Side.BUY, D(1), reason="why")
MADE = [
    INTENT,
    Order("id", "a", "b", "basket", 0, 1, INTENT, NOW),
    Fill("x", "c", "m", "b", A, Side.BUY, D(1), D(2), D(0), NOW),
    Decision(0, "A", True, "limits"),
    Position(A, D(1)),
    BrokerOrder("id", OrderStatus.ACCEPTED),
]


@pytest.mark.parametrize("noun", MADE, ids=lambda noun: type(noun).__name__)
def test_a_noun_made_quickly_is_frozen_copied_pickled_and_encoded_like_any_other(noun: Any) -> None:
    kind = type(noun)
    for name in ("quantity", "account", "leg", "client_id", "anything"):
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            setattr(noun, name, 1)
    assert pickle.loads(pickle.dumps(noun)) == copy.deepcopy(noun) == dataclasses.replace(noun) == noun
    assert decode(kind, encode(noun)) == noun
    assert hash(dataclasses.replace(noun)) == hash(noun)
    assert list(inspect.signature(kind).parameters) == [f.name for f in dataclasses.fields(kind)]
    with pytest.raises(TypeError):
        kind(nobody="knows")


def test_a_booking_is_checked_wherever_it_is_made() -> None:
    with pytest.raises(InputError, match="time zone"):
        Booking("x", BookingKind.DEPOSIT, D(1), "USD", datetime(2021, 1, 4))  # noqa: DTZ001
