"""What somebody types into the ticket, as an Intent or as the sentence that says what to change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import AssetClass, InputError, Instrument, OrderType, Side, TimeInForce
from aura_lib.execution.form import intent_of, number, told

SHARE = Instrument("AAPL")
COIN = Instrument("BTC/USD", AssetClass.CRYPTO, lot=Decimal("0.0001"))
FUTURE_LIKE = Instrument("ESX", multiplier=Decimal(50))
KNOWN = {i.symbol: i for i in (SHARE, COIN, FUTURE_LIKE)}
PRICES = {"AAPL": Decimal("180.5"), "BTC/USD": Decimal(30_000), "ESX": Decimal(4_000)}
PLAIN = {"symbol": "aapl ", "side": "sell", "size": "10", "type": "market", "time_in_force": "gtc", "by": "quantity"}


def made(**fields: str) -> Any:
    return intent_of({**PLAIN, **fields}, KNOWN, PRICES)


def test_a_filled_in_form_is_an_intent() -> None:
    intent = made(reason="  because ", extended_hours="1")
    assert (intent.instrument, intent.side, intent.quantity) == (SHARE, Side.SELL, Decimal(10))
    assert (intent.type, intent.time_in_force) == (OrderType.MARKET, TimeInForce.GTC)
    assert (intent.reason, intent.extended_hours) == ("because", True)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("limit", {"limit_price": "181"}),
        ("stop", {"stop_price": "170"}),
        ("stop_limit", {"stop_price": "170", "limit_price": "169"}),
        ("trailing_stop", {"trail_percent": "5"}),
        ("trailing_stop", {"trail_amount": "2.5"}),
        ("bracket", {"take_profit": "170", "stop_loss": "190"}),
        ("oco", {"take_profit": "190", "stop_loss": "170"}),
    ],
)
def test_each_type_takes_its_own_prices_and_leaves_those_of_others(kind: str, fields: dict[str, str]) -> None:
    intent = made(type=kind, **fields)
    given = {n: Decimal(v) for n, v in fields.items()}
    assert {name: getattr(intent, name) for name in given} == given
    left_over = {"limit_price": "1", "stop_price": "1", "trail_amount": "1", "take_profit": "1", "stop_loss": "1"}
    assert made(**left_over) == made()


def test_an_amount_of_money_buys_whole_lots_at_the_last_price_and_never_more() -> None:
    assert made(size="1000", by="notional").quantity == 5  # 5 × 180.5 = 902.5, a sixth would cost too much
    assert made(symbol="BTC/USD", size="1000", by="notional").quantity == Decimal("0.0333")
    assert made(symbol="ESX", size="450000", by="notional").quantity == 2  # a unit is 50 × 4,000


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"symbol": ""}, "choose a symbol"),
        ({"symbol": "NOPE"}, "NOPE is not traded"),
        ({"size": ""}, "say how much"),
        ({"size": "ten"}, "'ten' is no number"),
        ({"size": "1,5"}, "'1,5' is no number; write 1000 or 0.5"),
        ({"size": "-1"}, "Quantity must be above zero"),
        ({"size": "0"}, "Quantity must be above zero"),
        ({"size": "NaN"}, "Quantity must be above zero"),
        ({"size": "1e400"}, "quantity=.* is larger than any trade"),
        ({"size": "0.5"}, "no multiple of the lot 1"),
        ({"size": "100", "by": "notional"}, "do not buy one lot of AAPL at 180.5"),
        ({"type": "limit"}, "needs limit_price"),
        ({"type": "limit", "limit_price": "cheap"}, "Limit price: 'cheap' is no number"),
        ({"type": "trailing_stop", "trail_amount": "1", "trail_percent": "1"}, "either trail_amount or trail_percent"),
        ({"type": "bracket", "take_profit": "190", "stop_loss": "170"}, "take_profit 190 must be below"),
    ],
)
def test_what_is_wrong_is_said_in_words(fields: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        made(**fields)


def test_without_a_price_money_cannot_be_turned_into_units() -> None:
    with pytest.raises(InputError, match="no price now: give a quantity"):
        intent_of({**PLAIN, "size": "1000", "by": "notional"}, KNOWN, {})


def test_a_number_may_have_spaces_around_it() -> None:
    assert number("Quantity", " 12.50 ") == Decimal("12.5")


def test_an_order_is_told_as_a_trader_says_it() -> None:
    assert told(made(side="buy", time_in_force="day", type="limit", limit_price="180")) == (
        "Buy 10 AAPL at 180 or better, good for the day"
    )
    bracket = {"side": "buy", "type": "bracket", "take_profit": "190", "stop_loss": "170"}
    assert told(made(**bracket)) == (
        "Buy 10 AAPL at the market, good till cancelled; then take profit at 190 or stop loss at 170"
    )
    assert told(made(size="1000000")).startswith("Sell 1,000,000 AAPL")
