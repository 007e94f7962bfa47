"""The checks before a trade of packages of options: each refusal with its value against its limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import Account, Decision, Intent, Leg, Order, OrderStatus, Position, Side, utc
from aura_lib.risk.pretrade import Context, Price, TradeLimits, check
from tests.options import C105, C110, CONDOR, CREDIT, DEBIT, P90, P95, legs

D = Decimal
NOON = utc("2021-01-05T17:00:00+00:00")
WIDE = TradeLimits(max_position_weight=9, max_order_weight=9, max_gross=1, max_orders=99)
TOLD = {"AAA": "100", P90.symbol: "0.60", P95.symbol: "1.10", C105.symbol: "1.40", C110.symbol: "0.80"}


def book(cash: str = "10000", *held: tuple[Any, int]) -> Account:
    positions = {i.symbol: Position(i, D(units), D(1)) for i, units in held}
    return Account("m", D(cash), positions=positions)


def verdict(intent: Intent, limits: TradeLimits = WIDE, account: Account | None = None, **more: Any) -> Decision:
    account = account or book()
    prices = {symbol: Price(D(value), NOON) for symbol, value in TOLD.items() if symbol not in more.get("without", ())}
    more.pop("without", None)
    words = {"now": NOON, "origin": "job", "account": account, "book": account, "prices": prices, **more}
    return check([intent], Context(**words), limits)[0]


def package(parts: Sequence[Leg], quantity: int = 1, limit: str | None = None) -> Intent:
    return Intent.of_legs(parts, D(quantity), None if limit is None else D(limit))


def working(intent: Intent, name: str = "w") -> Order:
    return Order(name, "paper", "m", "job@x", 0, 1, intent, NOON - timedelta(hours=1), OrderStatus.ACCEPTED)


@pytest.mark.parametrize("parts", [DEBIT, CREDIT, CONDOR])
def test_a_package_whose_loss_has_an_end_and_is_paid_is_approved(parts: Sequence[Leg]) -> None:
    assert verdict(package(parts)).approved


# what a package needs: its debit, or its width less its credit; at its own limit where it has one
@pytest.mark.parametrize(
    ("parts", "limit", "needs"),
    [(CREDIT, None, 450), (CREDIT, "-0.40", 460), (CONDOR, "-1.00", 400)],
)
def test_it_needs_what_it_may_lose_at_most(parts: Sequence[Leg], limit: str | None, needs: int) -> None:
    assert verdict(package(parts, 1, limit), account=book(str(needs))).approved
    told = verdict(package(parts, 1, limit), account=book(str(needs - 1)))
    assert (told.rule, told.value, told.limit) == ("buying_power", f"{needs}.00", f"{needs - 1}.00")


@pytest.mark.parametrize(
    ("parts", "limit", "needs"), [(CREDIT, None, 450), (DEBIT, None, 60), (DEBIT, "0.90", 90), (CONDOR, "-1.00", 400)]
)
def test_the_brokers_own_figure_is_asked_for_the_same(parts: Sequence[Leg], limit: str | None, needs: int) -> None:
    assert verdict(package(parts, 1, limit), buying_power=D(needs)).approved
    told = verdict(package(parts, 1, limit), buying_power=D(needs - 1))
    assert (told.rule, told.value, told.limit) == ("buying_power", f"{needs}.00", f"{needs - 1}.00")


def test_a_loss_without_end_is_refused_unless_shorts_are_allowed() -> None:
    strangle = package(legs((P95, "sell"), (C105, "sell")))
    told = verdict(strangle)
    assert (told.rule, told.value, told.limit) == (
        "no_short", "a loss without end", "written options that others cover",
    )  # fmt: skip
    assert verdict(
        strangle, TradeLimits(**{f: getattr(WIDE, f) for f in ("max_position_weight",)}, short=True)
    ).approved


def test_what_closes_a_spread_only_has_to_be_paid() -> None:
    poor = book("520", (P95, -1), (P90, 1))  # 500 of it for the spread that is there
    assert verdict(package(legs((P95, "buy"), (P90, "sell")), 1, "0.50"), account=poor).approved
    assert verdict(package(CONDOR), account=poor).rule == "buying_power"


def test_what_covers_a_written_option_is_kept() -> None:
    told = verdict(Intent(C105, Side.SELL, D(1)), account=book("200", (C105, 1), (C110, -1)))
    assert (told.rule, told.value) == ("no_short", "1 that cover written options")
    assert verdict(Intent(C110, Side.BUY, D(1)), account=book("200", (C105, 1), (C110, -1))).approved


@pytest.mark.parametrize("name", ["AAA", C110.symbol])
def test_a_restricted_name_covers_the_options_on_it(name: str) -> None:
    limits = TradeLimits(max_position_weight=9, max_order_weight=9, restricted=(name,))
    told = verdict(package(DEBIT), limits)
    assert (told.rule, told.value) == ("restricted", name)
    assert verdict(Intent(C110, Side.BUY, D(1)), limits).rule == "restricted"
    assert verdict(package(legs((C105, "sell"), (C110, "buy"))), limits, book("900", (C105, 1), (C110, -1))).approved


def test_a_position_limit_binds_each_leg() -> None:
    limits = TradeLimits(max_position_weight=0.10, max_order_weight=9)
    assert verdict(package(DEBIT, 7), limits).approved  # 980 of 10,000 in the call of 105
    told = verdict(package(DEBIT, 8), limits)
    assert (told.rule, told.value, told.limit) == ("max_position_weight", "0.112000", "0.1")


def test_an_order_weighs_what_it_may_lose() -> None:
    limits = TradeLimits(max_position_weight=9, max_order_weight=0.10)
    assert verdict(package(CREDIT, 2), limits).approved
    told = verdict(package(CREDIT, 3), limits)
    assert (told.rule, told.value, told.limit) == ("max_order_weight", "0.135000", "0.1")
    worth = TradeLimits(max_position_weight=9, max_order_weight=9, max_order_value=1_000)
    assert verdict(package(CREDIT, 3), worth).rule == "max_order_value"


# net 0.60 of legs that are worth 2.20 together
@pytest.mark.parametrize(("limit", "passes"), [("0.60", True), ("0.82", True), ("0.83", False), ("0.37", False)])
def test_the_collar_is_around_the_net_of_the_last_prices(limit: str, passes: bool) -> None:
    told = verdict(package(DEBIT, 1, limit), TradeLimits(max_position_weight=9, max_order_weight=9, collar=0.10))
    assert told.approved is passes and (passes or told.rule == "collar")


@pytest.mark.parametrize(
    ("parts", "limit", "rule"),
    [
        (DEBIT, "0", "wrong_side"), (DEBIT, "-0.5", "wrong_side"), (CREDIT, "0.5", "wrong_side"),
        (CREDIT, "0", "limits"),
    ],
)  # fmt: skip
def test_a_net_price_has_the_sign_of_what_its_legs_are_worth(parts: Sequence[Leg], limit: str, rule: str) -> None:
    assert verdict(package(parts, 1, limit)).rule == rule


def test_every_leg_is_known_trades_and_has_a_price() -> None:
    assert verdict(package(DEBIT), without=(C110.symbol,)).rule == "no_price"
    assert verdict(package(DEBIT), halted=frozenset({"AAA"})).rule == "halted_symbol"
    assert verdict(package(DEBIT), halted=frozenset({C110.symbol})).rule == "halted_symbol"
    told = verdict(package(DEBIT), instruments={C105.symbol: C105})
    assert (told.rule, told.value) == ("instrument", C110.symbol)
    assert verdict(package(DEBIT), now=NOON + timedelta(days=40)).rule == "expired"


def test_a_leg_that_could_trade_with_an_order_of_the_same_account_is_refused() -> None:
    other = Intent(C105, Side.SELL, D(1))
    told = verdict(package(DEBIT), account=book("9000", (C105, 1)), orders=[working(other)])
    assert told.rule == "crossing"
