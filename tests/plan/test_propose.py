"""The one road from a strategy's answer to intents, and the one crossing from float to Decimal."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Account, Bars, DataError, InputError, Instrument, Intent, Mandate, Market, Side, TargetWeights
from aura_lib.plan import decimal_price, decimal_weight, prices_at, propose
from tests.backtest.scenarios import hold, times

FRAME = pd.DataFrame({"A": [10.0, 0.1 + 0.2], "B": [20.0, np.nan], "C": [5.0, 50.0]}, index=times(2))
BARS = Bars({"close": FRAME}, source="made")
MARKET = Market.at(BARS, BARS.end)
MANDATE = Mandate(("A", "B", "C"), cash_buffer=0.0)
EMPTY = Account("book", Decimal(1000))


def buy(symbol: str, quantity: int = 1) -> Intent:
    return Intent(BARS.instruments[symbol], Side.BUY, Decimal(quantity))


def sell(symbol: str, quantity: int = 1) -> Intent:
    return Intent(BARS.instruments[symbol], Side.SELL, Decimal(quantity))


def answering(answer: Any) -> Any:
    return lambda market, account, mandate: answer


@given(st.floats(min_value=1e-6, max_value=1e9, allow_nan=False))
def test_a_price_crosses_to_decimal_and_back_without_a_changed_bit(price: float) -> None:
    assert float(decimal_price(price)) == price
    assert decimal_price(np.float64(price)) == decimal_price(price)


@given(st.floats(0, 1, allow_nan=False))
def test_a_weight_has_eight_digits_and_is_off_by_no_more_than_half_of_the_last(weight: float) -> None:
    crossed = decimal_weight(weight)
    assert crossed.as_tuple().exponent == -8
    assert abs(crossed - Decimal(weight)) <= Decimal("0.000000005")


def test_prices_are_those_of_the_last_bar_and_one_that_did_not_trade_is_absent() -> None:
    assert prices_at(MARKET) == {"A": Decimal("0.30000000000000004"), "C": Decimal("50.0")}
    assert prices_at(Market.at(BARS, BARS.start)) == {"A": Decimal(10), "B": Decimal(20), "C": Decimal(5)}


def test_prices_follow_their_symbols_when_columns_are_chosen() -> None:
    assert prices_at(MARKET.select(["C", "A"])) == prices_at(MARKET)


def test_weights_become_intents() -> None:
    (intent,) = propose(hold({"C": 0.5}), MARKET, EMPTY, MANDATE)
    assert (intent.symbol, intent.side, intent.quantity) == ("C", Side.BUY, 10)


def test_parameters_reach_the_strategy() -> None:
    def decide(market: Market, account: Account, mandate: Mandate, *, weight: float) -> TargetWeights:
        return TargetWeights({"C": weight}, market.as_of)

    assert propose(decide, MARKET, EMPTY, MANDATE, {"weight": 0.1})[0].quantity == 2


def test_explicit_intents_pass_with_sells_first_and_their_order_kept() -> None:
    answer = [buy("C"), sell("B"), buy("A"), sell("A")]
    assert [str(i.signed) + i.symbol for i in propose(answering(answer), MARKET, EMPTY, MANDATE)] == [
        "-1B",
        "-1A",
        "1C",
        "1A",
    ]
    assert propose(answering([]), MARKET, EMPTY, MANDATE) == ()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (None, "not NoneType"),
        ({"A": 0.5}, "not dict"),
        (pd.Series({"A": 0.5}), "not Series"),
        (["buy A"], "not list of str"),
        ([buy("A"), 3], "not list of Intent, int"),
        (TargetWeights({}, BARS.start), "answered as of"),
        (TargetWeights({}, BARS.end + timedelta(seconds=1)), "answered as of"),
        ([Intent(Instrument("Z"), Side.BUY, Decimal(1))], r"may not buy \['Z'\]"),
    ],
)
def test_an_answer_of_another_kind_moment_or_universe_is_refused(answer: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        propose(answering(answer), MARKET, EMPTY, MANDATE)


def test_an_explicit_buy_of_a_restricted_symbol_is_refused_and_a_sell_is_not() -> None:
    mandate = Mandate(("A", "C"), restricted=("A",))
    with pytest.raises(InputError, match=r"may not buy \['A'\]"):
        propose(answering([buy("A")]), MARKET, EMPTY, mandate)
    assert propose(answering([sell("A")]), MARKET, EMPTY, mandate) == (sell("A"),)


def test_a_target_that_does_not_trade_now_is_a_data_error() -> None:
    with pytest.raises(DataError, match=r"targets \['B'\]"):
        propose(hold({"B": 0.5}), MARKET, EMPTY, MANDATE)


def test_a_parameter_the_strategy_does_not_take_is_named() -> None:
    def decide(market: Market, account: Account, mandate: Mandate, *, lookback: int = 5) -> TargetWeights:
        return TargetWeights({}, market.as_of)

    with pytest.raises(InputError, match="lokback"):
        propose(decide, MARKET, EMPTY, MANDATE, {"lokback": 3})
    with pytest.raises(InputError, match="decide must be a function"):
        propose("momentum", MARKET, EMPTY, MANDATE)  # type: ignore[arg-type]


def test_a_type_error_inside_the_strategy_stays_what_it_is() -> None:
    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        return TargetWeights({}, market.as_of + "tomorrow")  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        propose(decide, MARKET, EMPTY, MANDATE)


def test_plan_risk_and_exchange_load_without_pandas() -> None:
    code = "import sys, aura_lib.plan, aura_lib.risk, aura_lib.exchange; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
