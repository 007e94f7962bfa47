"""The nouns refuse what cannot be, say why, and survive the way to JSON and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import (
    TERMINAL,
    TRANSITIONS,
    Account,
    AssetClass,
    Basket,
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Order,
    OrderStatus,
    OrderType,
    Right,
    Side,
    TargetWeights,
    canonical,
    decode,
    digest,
    encode,
    fold,
    utc,
)

NOW = datetime(2021, 12, 31, 21, tzinfo=UTC)
AAPL = Instrument("AAPL")


def fill(side: str, quantity: str, price: str, fee: str = "0", symbol: Instrument = AAPL) -> Fill:
    return Fill("x", "c", "paper", "m", symbol, Side(side), Decimal(quantity), Decimal(price), Decimal(fee), NOW)


# ---- instruments and intents ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("quantity", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity"), 5, 5.0, "5", None])
def test_a_quantity_is_a_positive_decimal(quantity: object) -> None:
    with pytest.raises(InputError, match="quantity must be a positive Decimal"):
        Intent(AAPL, Side.BUY, quantity)  # type: ignore[arg-type]


def test_a_quantity_is_a_multiple_of_the_lot_and_has_a_sane_number_of_digits() -> None:
    with pytest.raises(InputError, match="no multiple of the lot 1"):
        Intent(AAPL, Side.BUY, Decimal("1.5"))
    coin = Instrument("BTC", AssetClass.CRYPTO, lot=Decimal("1e-30"))
    with pytest.raises(InputError, match="18 significant digits"):
        Intent(coin, Side.BUY, Decimal("0.1234567890123456789"))


def test_each_order_type_has_exactly_its_prices() -> None:
    price = Decimal(10)
    assert Intent(AAPL, Side.BUY, Decimal(1), OrderType.LIMIT, limit_price=price).limit_price == price
    for kind, prices in (
        (OrderType.LIMIT, {}), (OrderType.STOP, {"limit_price": price}), (OrderType.MARKET, {"limit_price": price}),
        (OrderType.STOP_LIMIT, {"stop_price": price}),
    ):  # fmt: skip
        with pytest.raises(InputError):
            Intent(AAPL, Side.BUY, Decimal(1), kind, **prices)


def test_an_option_and_only_an_option_names_its_contract() -> None:
    contract = {"underlying": "AAPL", "expiry": date(2022, 1, 21), "strike": Decimal(150), "right": Right.CALL}
    assert Instrument("AAPL220121C00150000", AssetClass.OPTION, **contract).strike == 150
    with pytest.raises(InputError, match="option"):
        Instrument("AAPL220121C00150000", AssetClass.OPTION)
    with pytest.raises(InputError, match="option"):
        Instrument("AAPL", **contract)


@pytest.mark.parametrize("symbol", ["", " AAPL", "AAPL "])
def test_a_symbol_has_no_surrounding_spaces(symbol: str) -> None:
    with pytest.raises(InputError, match="symbol"):
        Instrument(symbol)


# ---- the states of an order ----------------------------------------------------------------------------------------
def test_every_status_has_its_successors_and_the_terminal_ones_have_none() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)
    late = {OrderStatus.FILLED}  # what fills after the end is booked, and when it is all, the order was filled
    assert {s for s, after in TRANSITIONS.items() if after <= late} == TERMINAL


@given(st.lists(st.sampled_from(list(OrderStatus)), max_size=12))
def test_no_walk_leaves_a_terminal_state_and_nothing_skips_sending(walk: list[OrderStatus]) -> None:
    order = Order("id", "paper", "m", "b", 0, 1, Intent(AAPL, Side.BUY, Decimal(1)), NOW)
    seen = [order.status]
    for status in walk:
        try:
            order = order.to(status)
        except InputError:
            continue
        if seen[-1] in TERMINAL:
            assert order.status is OrderStatus.FILLED, "only what fills late moves an order that has ended"
            return
        seen.append(order.status)
    at_the_broker = {OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.REJECTED}
    if at_the_broker & set(seen):
        assert OrderStatus.SENDING in seen


# ---- accounts ------------------------------------------------------------------------------------------------------
def test_the_fold_keeps_average_cost_and_realised_gain() -> None:
    """Worked by hand: buy 10 at 100, 10 at 110 (average 105), sell 5 at 120 → 75 realised, 15 left at 105."""
    account = fold(
        Account("m", Decimal(10_000)),
        [fill("buy", "10", "100", "1"), fill("buy", "10", "110", "1"), fill("sell", "5", "120", "1")],
    )
    held = account.positions["AAPL"]
    assert (held.quantity, held.average_cost, held.realised) == (15, 105, 75)
    assert (account.cash, account.fees) == (10_000 - 1000 - 1100 + 600 - 3, 3)


def test_crossing_zero_realises_the_old_side_and_opens_the_new_at_the_fills_price() -> None:
    account = fold(Account("m", Decimal(0)), [fill("buy", "10", "100"), fill("sell", "15", "90")])
    held = account.positions["AAPL"]
    assert (held.quantity, held.average_cost, held.realised) == (-5, 90, -100)


amounts = st.decimals("0.01", "1000", places=2)
trades = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 100), amounts, amounts), max_size=25)


@given(trades, amounts)
def test_cash_plus_positions_is_what_was_paid_in_plus_gains_less_fees(
    done: list[tuple[str, int, Decimal, Decimal]], last: Decimal
) -> None:
    opening = Account("m", Decimal(1000))
    account = fold(opening, [fill(side, str(q), str(p), str(f)) for side, q, p, f in done])
    position = account.positions.get("AAPL")
    gains = Decimal(0)
    if position:
        gains = position.realised + position.quantity * (last - position.average_cost)
    assert abs(account.equity({"AAPL": last}) - (1000 + gains - account.fees)) < Decimal("1e-15")


def test_a_holding_without_a_price_cannot_be_valued() -> None:
    account = fold(Account("m", Decimal(1000)), [fill("buy", "1", "10")])
    for prices in ({}, {"AAPL": Decimal("NaN")}):
        with pytest.raises(DataError, match="no price for AAPL"):
            account.equity(prices)


def test_a_fill_in_another_currency_is_refused() -> None:
    with pytest.raises(InputError, match="INR"):
        Account("m", Decimal(1000)).after(fill("buy", "1", "10", symbol=Instrument("TCS.NS", currency="INR")))


# ---- mandates and weights ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"universe": ()}, "universe is empty"),
        ({"universe": "AAPL"}, "tuple of symbols"),
        ({"universe": ("A", "B", "A")}, "more than once"),
        ({"universe": ("A",), "capital": Decimal(-5)}, "capital"),
        ({"universe": ("A",), "capital": 1.5}, "capital"),
        ({"universe": ("A",), "max_weight": 1.5}, "max_weight"),
        ({"universe": ("A",), "cash_buffer": float("nan")}, "cash_buffer"),
    ],
)
def test_a_mandate_that_cannot_be_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Mandate(**wrong)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"A": 0.7, "B": 0.5}, "sum to 1.2"),
        ({"A": float("nan")}, "finite"),
        ({"A": float("inf")}, "finite"),
        ({"A": -0.2}, "negative"),
    ],
)
def test_weights_that_do_not_sum_or_are_no_numbers_are_refused(weights: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TargetWeights(weights, NOW)


def test_weights_below_one_leave_cash_and_cannot_be_changed_afterwards() -> None:
    given_weights = {"A": 0.4}
    targets = TargetWeights(given_weights, NOW)
    given_weights["A"] = 9
    assert dict(targets.weights) == {"A": 0.4}
    with pytest.raises(TypeError):
        targets.weights["A"] = 1  # type: ignore[index]


# ---- times and text ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "moment", ["2021-11-30T10:00:00", NOW.replace(tzinfo=None), "yesterday", 5, None, date(2021, 1, 1)]
)
def test_a_moment_without_a_zone_or_meaning_is_refused(moment: object) -> None:
    with pytest.raises(InputError):
        utc(moment)


def test_a_moment_of_any_zone_is_kept_as_utc() -> None:
    assert utc("2021-11-30T16:00:00-05:00") == datetime(2021, 11, 30, 21, tzinfo=UTC)
    assert utc("2021-11-30T16:00:00-05:00").tzinfo is UTC


def test_nouns_survive_the_way_to_json_and_back() -> None:
    intent = Intent(AAPL, Side.SELL, Decimal("10"), reason="rebalance")
    basket = Basket("job", NOW, "paper", "m", NOW, (intent,), "snap", "run")
    order = Order("id", "paper", "m", basket.id, 0, 1, intent, NOW)
    for noun in (AAPL, intent, basket, order, fill("buy", "10", "1.10", "0.01")):
        assert decode(type(noun), encode(noun)) == noun
    assert str(decode(Fill, encode(fill("buy", "10", "1.10"))).price) == "1.10", "trailing zeros are kept"


def test_what_does_not_fit_a_noun_is_named() -> None:
    with pytest.raises(InputError, match=r"this is not a Instrument.*lot"):
        decode(Instrument, {"symbol": "A", "lot": "many"})


def test_canonical_text_is_the_same_for_the_same_value_and_refuses_nan() -> None:
    assert canonical({"b": 1, "a": [Decimal("1.10"), NOW]}) == '{"a":["1.10","2021-12-31T21:00:00.000000Z"],"b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(InputError, match="canonical"):
        canonical({"a": float("nan")})
