"""Checks before the trade: each rule at, below and above its limit, and with nothing to go by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aura_lib.core import (
    Account,
    AssetClass,
    Calendar,
    Decision,
    Instrument,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Right,
    Side,
    TimeInForce,
)
from aura_lib.risk.pretrade import AFTER, BEFORE, Context, Price, TradeLimits, Trading, check, reserved

D = Decimal
NYSE = Calendar.of("XNYS")
NOON = datetime(2021, 3, 3, 17, 0, tzinfo=UTC)  # Wednesday, 12:00 in New York: open 14:30, close 21:00 UTC
WIDE = TradeLimits(max_position_weight=1.0, max_order_weight=1.0)


def price(value: str, ago: float = 0.0) -> Price:
    return Price(D(value), NOON - timedelta(seconds=ago))


PRICES = {"A": price("10"), "B": price("20"), "C": price("50")}


def leg(symbol: str, quantity: str | int, instrument: Instrument | None = None, **more: Any) -> Intent:
    signed = D(quantity)
    side = Side.BUY if signed > 0 else Side.SELL
    return Intent(instrument or Instrument(symbol), side, abs(signed), **more)


def limit(symbol: str, quantity: int, at: str, **more: Any) -> Intent:
    return leg(symbol, quantity, type=OrderType.LIMIT, limit_price=D(at), **more)


def holding(cash: str | int = 1000, name: str = "m", **held: int) -> Account:
    return Account(name, D(cash), positions={s: Position(Instrument(s), D(q), D(1)) for s, q in held.items()})


def order(intent: Intent, name: str = "o1", book: str = "m", ago: float = 0.0, **more: Any) -> Order:
    made = Order(name, "paper", book, "job@2021-03-03T14:30:00Z", 0, 1, intent, NOON - timedelta(seconds=ago))
    return replace(made, **{"status": OrderStatus.ACCEPTED, **more})


def context(book: Account | None = None, **more: Any) -> Context:
    book = book or holding()
    return Context(**{"now": NOON, "origin": "job", "account": book, "book": book, "prices": PRICES, **more})


def verdict(intent: Intent, limits: TradeLimits = WIDE, **more: Any) -> Decision:
    return check([intent], context(**more), limits)[0]


def refused(intent: Intent, limits: TradeLimits = WIDE, **more: Any) -> tuple[str, str, str]:
    """Rule, value and limit of a refusal."""
    found = verdict(intent, limits, **more)
    assert not found.approved
    return found.rule, found.value, found.limit


def test_what_breaks_nothing_is_approved_by_the_limits() -> None:
    assert verdict(leg("A", 50)) == Decision(0, "A", True, "limits")
    assert check([], context(), WIDE) == []


def test_every_rule_is_in_one_table_once() -> None:
    assert not set(BEFORE) & set(AFTER)
    assert len(BEFORE) + len(AFTER) == 20


# ---- the instrument ------------------------------------------------------------------------------------------------
def test_an_instrument_that_the_venue_does_not_know_is_refused() -> None:
    known = {"A": Instrument("A")}
    assert verdict(leg("A", 1), instruments=known).approved
    assert refused(leg("B", 1), instruments=known) == ("instrument", "B", "an instrument that the venue knows")
    assert verdict(leg("B", 1), instruments=None).approved  # nobody told which there are


def test_an_instrument_that_the_venue_knows_as_something_else_is_refused() -> None:
    known = {"A": Instrument("A", multiplier=D(100))}
    assert refused(leg("A", 1), instruments=known) == ("instrument", "multiplier 1", "multiplier 100")


def call(expiry: date) -> Instrument:
    return Instrument(
        "A-C", AssetClass.OPTION, multiplier=D(100), underlying="A", expiry=expiry, strike=D(10), right=Right.CALL
    )


@pytest.mark.parametrize(("days", "approved"), [(1, True), (0, True), (-1, False)])
def test_an_option_trades_up_to_its_expiry(days: int, approved: bool) -> None:
    option = call(NOON.date() + timedelta(days=days))
    prices = {**PRICES, "A-C": price("1")}
    for hours in (None, Trading.at(NYSE, NOON)):
        found = verdict(leg("A-C", 1, option), prices=prices, trading=hours)
        assert (found.approved, found.rule) == (approved, "limits" if approved else "expired")


def test_after_the_close_of_its_last_day_an_option_is_expired() -> None:
    close = datetime(2021, 3, 3, 21, 0, tzinfo=UTC)
    prices = {"A-C": Price(D(1), close)}
    found = refused(leg("A-C", 1, call(date(2021, 3, 3))), prices=prices, now=close, trading=Trading.at(NYSE, close))
    assert found == ("expired", "expired 2021-03-03", "an expiry of 2021-03-04 or later")


def test_the_lot_and_the_tick_of_the_venue_bind() -> None:
    known = {"A": Instrument("A", lot=D(10), tick=D("0.05"))}
    assert verdict(limit("A", 20, "9.95"), instruments=known).approved
    assert refused(leg("A", 15), instruments=known) == ("lot", "15", "a multiple of the lot 10")
    assert refused(limit("A", 20, "9.99"), instruments=known)[:2] == ("tick", "limit_price 9.99")


def test_every_price_of_an_order_is_on_the_tick_but_a_percentage() -> None:
    exits: dict[str, Any] = {"type": OrderType.BRACKET, "take_profit": D("12"), "stop_loss": D("9.001")}
    assert refused(leg("A", 1, **exits))[:2] == ("tick", "stop_loss 9.001")
    trail = leg("A", -1, type=OrderType.TRAILING_STOP, trail_percent=D("1.234"))
    assert verdict(trail, book=holding(A=5)).approved


def test_a_halted_symbol_trades_neither_way_nor_does_its_option() -> None:
    halted = frozenset({"A"})
    assert refused(leg("A", 1), halted=halted) == ("halted_symbol", "A halted", "a symbol that trades")
    assert refused(leg("A", -1), book=holding(A=5), halted=halted)[0] == "halted_symbol"
    option = leg("A-C", 1, call(NOON.date()))
    assert refused(option, halted=halted, prices={**PRICES, "A-C": price("1")})[0] == "halted_symbol"
    assert verdict(leg("B", 1), halted=halted).approved


# ---- the hours -----------------------------------------------------------------------------------------------------
def at(hour: int, minute: int, second: int = 0, day: int = 3) -> dict[str, Any]:
    """Context of a moment of March 2021, UTC, with prices made at it."""
    now = datetime(2021, 3, day, hour, minute, second, tzinfo=UTC)
    prices = {s: Price(p.value, now) for s, p in PRICES.items()}
    return {"now": now, "prices": prices, "trading": Trading.at(NYSE, now)}


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (at(8, 59, 59), "closed"),
        (at(9, 0), "pre"),  # 04:00 in New York
        (at(14, 29, 59), "pre"),
        (at(14, 30), "open"),
        (at(20, 59, 59), "open"),
        (at(21, 0), "post"),
        (at(0, 59, 59, day=4), "post"),  # 19:59:59
        (at(1, 0, day=4), "closed"),
        (at(17, 0, day=6), "closed"),  # Saturday
    ],
)
def test_the_market_is_open_before_after_or_closed(moment: dict[str, Any], state: str) -> None:
    assert moment["trading"].state == state


def test_a_market_without_extended_hours_is_closed_outside_of_its_own() -> None:
    assert Trading.at(Calendar.of("XLON"), datetime(2021, 3, 3, 7, 59, tzinfo=UTC)).state == "closed"


@pytest.mark.parametrize("kind", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_acts_at_once_needs_an_open_market(kind: TimeInForce) -> None:
    assert verdict(leg("A", 1, time_in_force=kind), **at(14, 30)).approved
    assert refused(leg("A", 1, time_in_force=kind), **at(14, 29, 59)) == (
        "hours", f"{kind.value} while pre", "after 2021-03-03 14:30 UTC"
    )  # fmt: skip
    assert refused(leg("A", 1, time_in_force=kind), **at(21, 0))[0] == "hours"


@pytest.mark.parametrize("kind", [TimeInForce.DAY, TimeInForce.GTC])
def test_what_can_wait_waits_for_the_next_session(kind: TimeInForce) -> None:
    assert verdict(leg("A", 1, time_in_force=kind), **at(17, 0, day=6)).approved


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        (at(21, 0), "2021-03-04, which opens 2021-03-04 14:30"),
        (at(1, 30, day=4), "2021-03-04, which opens 2021-03-04 14:30"),
        (at(14, 29, 59), "2021-03-03, which opens 2021-03-03 14:30"),
        (at(17, 0, day=6), "2021-03-08, which opens 2021-03-08 14:30"),  # Saturday
        (at(21, 5, day=12), "2021-03-15, which opens 2021-03-15 13:30"),  # summer time begins on Sunday
        (at(14, 30), ""),
        (at(20, 59, 59), ""),
    ],
)
def test_an_order_that_waits_says_for_which_session(moment: dict[str, Any], session: str) -> None:
    found = verdict(leg("A", 1), **moment)
    assert (found.approved, found.rule, found.limit) == (True, "limits", "")
    assert found.value == (f"for the session of {session} UTC" if session else "")


def test_an_order_that_trades_at_once_waits_for_no_session() -> None:
    early = leg("A", 1, type=OrderType.LIMIT, limit_price=D(10), extended_hours=True)
    allowed = replace(WIDE, extended_hours=True)
    assert verdict(early, allowed, **at(21, 0)).value == "", "after hours are hours, for such an order"
    assert verdict(early, allowed, **at(3, 0, day=4)).value.startswith("for the session of 2021-03-04")
    coin = Instrument("BTC/USD", AssetClass.CRYPTO)
    night = at(3, 0, day=4)
    night["prices"] = {"BTC/USD": Price(D(10), night["now"])}
    assert verdict(leg("BTC/USD", 1, coin), **night).value == ""


def test_what_waits_is_held_against_the_price_of_the_session_that_ended() -> None:
    close = datetime(2021, 3, 3, 21, 0, tzinfo=UTC)
    waiting = at(14, 0, day=4)  # before the next open
    waiting["prices"] = {"A": Price(D(10), close)}
    tight = replace(WIDE, collar=0.05, max_price_age=60.0)
    assert verdict(limit("A", 1, "10.4"), tight, **waiting).approved, "a night does not age the close"
    assert refused(limit("A", 1, "10.6"), tight, **waiting)[0] == "collar"
    opened = at(14, 32, day=4)
    opened["prices"] = {"A": Price(D(10), close)}
    assert refused(limit("A", 1, "10.4"), tight, **opened)[0] == "stale_price", "two minutes of an open market do"


@pytest.mark.parametrize(
    ("kind", "moment", "approved"),
    [
        (TimeInForce.OPG, at(14, 27, 59), True),
        (TimeInForce.OPG, at(14, 28), False),
        (TimeInForce.OPG, at(20, 59, 59), False),
        (TimeInForce.OPG, at(21, 0), True),
        (TimeInForce.CLS, at(14, 29), True),
        (TimeInForce.CLS, at(20, 49, 59), True),
        (TimeInForce.CLS, at(20, 50), False),
        (TimeInForce.CLS, at(21, 0), True),  # for the next day's close
    ],
)
def test_auctions_take_orders_up_to_their_cutoff(kind: TimeInForce, moment: dict[str, Any], approved: bool) -> None:
    found = verdict(leg("A", 1, time_in_force=kind), **moment)
    assert (found.approved, found.rule) == (approved, "limits" if approved else "hours")


def test_crypto_has_no_hours_and_no_auctions() -> None:
    coin = Instrument("A", AssetClass.CRYPTO)
    assert verdict(leg("A", 1, coin, time_in_force=TimeInForce.IOC), **at(3, 0, day=6)).approved
    assert refused(leg("A", 1, coin, time_in_force=TimeInForce.OPG), **at(3, 0, day=6))[0] == "hours"


def test_extended_hours_need_leave_and_a_limit() -> None:
    allowed = replace(WIDE, extended_hours=True)
    early = limit("A", 1, "10", extended_hours=True)
    assert refused(early, **at(14, 0)) == ("extended_hours", "extended hours", "regular hours only")
    assert verdict(early, allowed, **at(14, 0)).approved
    assert refused(leg("A", 1, extended_hours=True), allowed, **at(14, 0))[:2] == ("extended_hours", "market day")
    at_once = limit("A", 1, "10", extended_hours=True, time_in_force=TimeInForce.IOC)
    assert refused(at_once, allowed, **at(14, 0))[:2] == ("extended_hours", "limit ioc")


# ---- the price -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("given", ["NaN", "sNaN", "Infinity", "0", "-1"])
def test_what_is_no_positive_number_is_no_price(given: str) -> None:
    assert refused(leg("A", 1), prices={"A": price(given)})[0] == "stale_price"


def test_a_price_without_a_time_is_no_price_and_one_from_the_future_none() -> None:
    assert refused(leg("A", 1), prices={"A": Price(D(10), None)}) == (
        "stale_price", "A: without a time", "a price with its time"
    )  # fmt: skip
    assert verdict(leg("A", 1), prices={"A": price("10", ago=-5)}).approved  # a feed's clock may be a little ahead
    assert "yet to come" in refused(leg("A", 1), prices={"A": price("10", ago=-6)})[1]
    assert refused(leg("A", 1), prices={}) == ("no_price", "A", "a price at the moment of decision")


@pytest.mark.parametrize(("ago", "approved"), [(59, True), (60, True), (60.5, False)])
def test_a_price_ages_while_the_market_is_open(ago: float, approved: bool) -> None:
    limits = replace(WIDE, max_price_age=60)
    for hours in (None, Trading.at(NYSE, NOON)):
        found = verdict(leg("A", 1), limits, prices={"A": price("10", ago)}, trading=hours)
        assert (found.approved, found.rule) == (approved, "limits" if approved else "stale_price")


def test_a_night_does_not_age_a_price() -> None:
    night = datetime(2021, 3, 4, 5, 0, tzinfo=UTC)
    told: dict[str, Any] = {"now": night, "trading": Trading.at(NYSE, night)}
    close = datetime(2021, 3, 3, 21, 0, tzinfo=UTC)
    limits = replace(WIDE, max_price_age=60)
    assert verdict(leg("A", 1), limits, prices={"A": Price(D(10), close - timedelta(seconds=60))}, **told).approved
    assert not verdict(leg("A", 1), limits, prices={"A": Price(D(10), close - timedelta(seconds=61))}, **told).approved


def test_without_an_age_a_price_must_be_of_the_last_session_or_later() -> None:
    hours = Trading.at(NYSE, NOON)
    yesterday, before = (datetime(2021, 3, day, 21, 0, tzinfo=UTC) for day in (2, 1))
    assert verdict(leg("A", 1), prices={"A": Price(D(10), yesterday)}, trading=hours).approved
    assert refused(leg("A", 1), prices={"A": Price(D(10), before)}, trading=hours)[0] == "stale_price"


def test_a_book_with_a_stale_holding_may_sell_but_not_buy() -> None:
    limits = replace(WIDE, max_price_age=60)
    told: dict[str, Any] = {"book": holding(A=5, B=5), "prices": {"A": price("10"), "B": price("20", ago=90)}}
    assert verdict(leg("A", -5), limits, **told).approved
    assert refused(leg("A", 1), limits, **told) == ("no_price", "B", "a price for every holding")


@pytest.mark.parametrize(
    ("at", "approved"), [("9.49", False), ("9.50", True), ("10", True), ("10.50", True), ("10.51", False)]
)
def test_a_limit_price_stays_within_the_collar(at: str, approved: bool) -> None:
    found = verdict(limit("A", 1, at), replace(WIDE, collar=0.05))
    assert (found.approved, found.rule) == (approved, "limits" if approved else "collar")


def test_the_limit_of_a_stop_is_measured_from_the_stop() -> None:
    limits = replace(WIDE, collar=0.05)
    stop: dict[str, Any] = {"type": OrderType.STOP_LIMIT, "stop_price": D("20")}
    assert verdict(leg("A", 1, limit_price=D("21"), **stop), limits).approved
    assert refused(leg("A", 1, limit_price=D("21.01"), **stop), limits)[0] == "collar"
    exits: dict[str, Any] = {"type": OrderType.BRACKET, "stop_loss": D("8"), "take_profit": D("20")}
    assert verdict(leg("A", 1, stop_loss_limit=D("7.60"), **exits), limits).approved
    assert refused(leg("A", 1, stop_loss_limit=D("7.59"), **exits), limits)[0] == "collar"


@pytest.mark.parametrize(
    ("quantity", "stop", "approved"),
    [(1, "10.01", True), (1, "10", False), (1, "9", False), (-1, "9.99", True), (-1, "10", False), (-1, "11", False)],
)
def test_a_stop_waits_on_the_far_side_of_the_market(quantity: int, stop: str, approved: bool) -> None:
    found = verdict(leg("A", quantity, type=OrderType.STOP, stop_price=D(stop)), book=holding(A=5))
    assert (found.approved, found.rule) == (approved, "limits" if approved else "wrong_side")


@pytest.mark.parametrize(
    ("quantity", "kind", "profit", "loss", "rule"),
    [
        (1, OrderType.BRACKET, "11", "9", "limits"),
        (1, OrderType.BRACKET, "10", "9", "wrong_side"),
        (1, OrderType.BRACKET, "12", "10", "wrong_side"),
        (-1, OrderType.OCO, "11", "9", "limits"),
        (-1, OrderType.OCO, "11", "10", "wrong_side"),
        (-1, OrderType.OCO, "9.5", "9", "wrong_side"),
        (-1, OrderType.BRACKET, "9", "11", "limits"),
        (-1, OrderType.BRACKET, "10", "11", "wrong_side"),
    ],
)
def test_the_exits_of_a_bracket_are_around_the_market(
    quantity: int, kind: OrderType, profit: str, loss: str, rule: str
) -> None:
    intent = leg("A", quantity, type=kind, take_profit=D(profit), stop_loss=D(loss))
    assert verdict(intent, book=holding(A=5)).rule == rule


# ---- the size ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("quantity", "approved"), [(29, True), (30, True), (31, False)])
def test_an_order_has_a_largest_quantity_and_value(quantity: int, approved: bool) -> None:
    by_quantity = verdict(leg("A", quantity), replace(WIDE, max_order_quantity=30))
    by_value = verdict(leg("A", quantity), replace(WIDE, max_order_value=300))
    assert (by_quantity.rule, by_value.rule) == (
        ("limits", "limits") if approved else ("max_order_quantity", "max_order_value")
    )


def test_a_way_out_is_not_closed_by_its_size_but_what_it_opens_is() -> None:
    limits = replace(WIDE, max_order_quantity=10, max_order_value=100, short=True)
    assert verdict(leg("A", -90), limits, book=holding(A=90)).approved
    assert verdict(leg("A", -100), limits, book=holding(A=90)).approved
    assert refused(leg("A", -101), limits, book=holding(A=90)) == ("max_order_quantity", "11", "10")
    assert verdict(leg("A", 90), limits, book=holding(2000, A=-90)).approved


def test_the_value_of_a_buy_is_what_its_limit_may_cost() -> None:
    assert verdict(limit("A", 10, "9"), replace(WIDE, max_order_value=100)).approved
    assert refused(limit("A", 10, "11"), replace(WIDE, max_order_value=109.9)) == ("max_order_value", "110.00", "109.9")


def test_value_is_in_the_currency_of_the_account() -> None:
    foreign = Instrument("E", currency="EUR")
    prices = {"E": price("10"), "EURUSD": price("1.2")}
    limits = replace(WIDE, max_order_value=120)
    assert verdict(leg("E", 10, foreign), limits, prices=prices).approved
    assert refused(leg("E", 11, foreign), limits, prices=prices)[:2] == ("max_order_value", "132.00")
    assert refused(leg("E", 1, foreign), limits, prices={"E": price("10")})[0] == "max_order_value"  # no rate, no value


@pytest.mark.parametrize(("quantity", "approved"), [(1, True), (5, True), (6, False)])
def test_no_sell_goes_below_what_is_held(quantity: int, approved: bool) -> None:
    found = verdict(leg("A", -quantity), book=holding(A=5))
    assert found.approved is approved
    assert approved or (found.rule, found.value, found.limit) == ("no_short", "6", "5")


def test_sells_at_work_are_no_longer_there_to_sell() -> None:
    at_work = [order(leg("A", -3))]
    assert verdict(leg("A", -2), book=holding(A=5), orders=at_work).approved
    assert refused(leg("A", -3), book=holding(A=5), orders=at_work) == ("no_short", "3", "2")


def test_the_account_is_not_sold_below_what_it_holds_either() -> None:
    told: dict[str, Any] = {"book": holding(A=5), "account": holding(name="paper", A=3)}  # another book is short of 2
    assert refused(leg("A", -5), **told) == ("no_short", "5", "3")
    assert verdict(leg("A", -5), account_short=True, **told).approved
    theirs = {"orders": [order(leg("A", -4), book="other")], "account": holding(name="paper", A=8)}
    assert refused(leg("A", -5), book=holding(A=5), **theirs) == ("no_short", "5", "4")


def test_a_pair_of_exits_reserves_what_it_can_close_once() -> None:
    exits = [
        order(limit("A", -5, "12"), "profit", parent="entry"),
        order(leg("A", -5, type=OrderType.STOP, stop_price=D(8)), "loss", parent="entry"),
    ]
    assert reserved(exits) == {("A", Side.SELL): D(5)}
    assert verdict(leg("A", -3), book=holding(A=8), orders=exits).approved
    assert not verdict(leg("A", -4), book=holding(A=8), orders=exits).approved


def test_an_exit_whose_entry_waits_reserves_what_was_entered() -> None:
    entry = order(limit("A", 5, "9"), "entry", filled=D(2), status=OrderStatus.PARTIALLY_FILLED)
    held = order(limit("A", -5, "12"), "profit", parent="entry", status=OrderStatus.HELD)
    assert reserved([entry, held]) == {("A", Side.BUY): D(3), ("A", Side.SELL): D(2)}


def test_an_order_and_its_replacement_reserve_the_larger_of_both() -> None:
    orders = [order(leg("A", -3), "old"), order(leg("A", -4), "new", parent="old")]
    assert reserved(orders) == {("A", Side.SELL): D(4)}


@pytest.mark.parametrize(("power", "approved"), [("200.01", True), ("200", True), ("199.99", False), ("NaN", False)])
def test_the_brokers_buying_power_pays_for_all_that_a_basket_opens(power: str, approved: bool) -> None:
    decisions = check([leg("A", 10), leg("B", 5)], context(buying_power=D(power)), WIDE)
    assert decisions[1].approved is approved
    assert approved or decisions[1].rule == "buying_power"


# ---- what was sent already -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("ago", "approved"), [(0, False), (4.9, False), (5, True), (6, True)])
def test_the_same_order_of_the_same_origin_is_a_mistake_for_a_while(ago: float, approved: bool) -> None:
    limits = replace(WIDE, duplicate_seconds=5)
    sent = [order(leg("A", 1), ago=ago, status=OrderStatus.FILLED)]
    assert verdict(leg("A", 1), limits, recent=sent).approved is approved
    assert verdict(leg("A", 2), limits, recent=sent).approved
    assert verdict(leg("B", 1), limits, recent=sent).approved
    assert verdict(leg("A", 1), limits, recent=sent, origin="another").approved
    assert verdict(leg("A", 1), recent=sent).approved


@pytest.mark.parametrize(("sent", "approved"), [(1, True), (2, True), (3, False)])
def test_a_book_sends_only_so_many_orders_a_minute(sent: int, approved: bool) -> None:
    before = [order(leg("B", 1), f"o{n}", ago=n) for n in range(sent)] + [order(leg("B", 1), "old", ago=60)]
    others = [order(leg("B", 1), f"x{n}", book="other") for n in range(9)]
    found = verdict(leg("A", 1), replace(WIDE, orders_per_minute=3), recent=before + others)
    assert (found.approved, found.rule) == (approved, "limits" if approved else "order_rate")
    of_account = verdict(leg("A", 1), replace(WIDE, account_orders_per_minute=12), recent=before + others)
    assert of_account.approved is approved


def test_the_legs_of_a_basket_count_in_its_rate() -> None:
    decisions = check([leg("A", 1), leg("B", 1), leg("C", 1)], context(), replace(WIDE, orders_per_minute=2))
    assert [d.rule for d in decisions] == ["limits", "limits", "order_rate"]
    assert (decisions[2].value, decisions[2].limit) == ("3 in a minute", "2")


@pytest.mark.parametrize(
    ("mine", "theirs", "meet"),
    [
        (leg("A", 1), leg("A", -1), True),
        (leg("A", 1), limit("A", -1, "12"), True),
        (limit("A", 1, "11"), limit("A", -1, "11"), True),
        (limit("A", 1, "10.99"), limit("A", -1, "11"), False),
        (limit("A", 1, "11"), leg("A", -1, type=OrderType.STOP, stop_price=D(9)), True),
        (leg("A", 1), leg("A", 1), False),
        (leg("A", 1), leg("B", -1), False),
    ],
)
def test_no_order_may_trade_with_another_one_of_the_same_account(mine: Intent, theirs: Intent, meet: bool) -> None:
    told: dict[str, Any] = {"book": holding(A=5, B=5), "orders": [order(theirs, book="other")]}
    told["account"] = told["book"]
    assert (verdict(mine, **told).rule == "crossing") is meet
    assert verdict(mine, replace(WIDE, crossing=True), **told).approved
    assert verdict(mine, **told, legs=frozenset({"o1"})).approved
    told["orders"] = [replace(told["orders"][0], filled=theirs.quantity)]
    assert verdict(mine, **told).approved, "it has traded all it can, though nobody told yet that it is done"


# ---- the book ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("opening", "approved"), [("1000", True), ("1111", True), ("1111.12", False), ("1200", False)])
def test_what_was_lost_today_stops_new_positions(opening: str, approved: bool) -> None:
    of_book = verdict(leg("A", 1), replace(WIDE, max_daily_loss=0.1), opening=D(opening))
    of_account = verdict(leg("A", 1), replace(WIDE, max_account_daily_loss=0.1), account_opening=D(opening))
    for found in (of_book, of_account):
        assert (found.approved, found.rule) == (approved, "limits" if approved else "daily_loss")


@pytest.mark.parametrize("opening", [None, D("NaN"), D(0), D(-5)])
def test_a_loss_that_cannot_be_measured_opens_nothing(opening: Decimal | None) -> None:
    limits = replace(WIDE, max_daily_loss=0.1)
    assert refused(leg("A", 1), limits, opening=opening)[0] == "daily_loss"
    assert verdict(leg("A", -1), limits, book=holding(A=5), opening=opening).approved  # a way out stays open


SECTORS = {"A": "Energy", "B": "Energy", "C": "Banks"}


@pytest.mark.parametrize(("quantity", "approved"), [(29, True), (30, True), (31, False)])
def test_a_sector_has_a_largest_weight(quantity: int, approved: bool) -> None:
    limits = replace(WIDE, sector_caps={"Energy": 0.5})
    told: dict[str, Any] = {"book": holding(800, B=10), "sectors": SECTORS}  # 200 of 1000 in energy
    found = verdict(leg("A", quantity), limits, **told)
    assert found.approved is approved
    assert approved or (found.rule, found.value, found.limit) == ("sector", "Energy 0.510000", "0.5")
    assert verdict(leg("C", 12), limits, **told).approved


def test_what_nobody_gave_a_sector_is_a_sector_too() -> None:
    limits = replace(WIDE, max_sector_weight=0.5)
    assert verdict(leg("A", 50), limits).approved
    assert refused(leg("A", 51), limits) == ("sector", "unknown 0.510000", "0.5")


def test_buys_at_work_and_earlier_legs_count_in_their_sector() -> None:
    limits = replace(WIDE, max_sector_weight=0.5)
    told: dict[str, Any] = {"sectors": SECTORS, "orders": [order(leg("B", 10))]}
    assert verdict(leg("A", 30), limits, **told).approved
    assert refused(leg("A", 31), limits, **told)[0] == "sector"
    decisions = check([leg("A", 30), leg("B", 11)], context(sectors=SECTORS), limits)
    assert [d.rule for d in decisions] == ["limits", "sector"]


def test_an_option_is_in_the_sector_of_its_underlying() -> None:
    prices = {**PRICES, "A-C": price("1")}
    option = leg("A-C", 6, call(NOON.date()))
    limits = replace(WIDE, sector_caps={"Energy": 0.5})
    assert refused(option, limits, prices=prices, sectors=SECTORS)[1] == "Energy 0.600000"


def test_a_book_that_is_worth_nothing_opens_no_sector() -> None:
    limits = replace(WIDE, max_sector_weight=0.5, short=True, max_gross=9.0)
    assert not verdict(leg("A", 1), limits, book=holding(-60, A=5)).approved


def test_what_is_at_work_on_both_sides_counts_by_the_side_that_enlarges() -> None:
    exits = order(limit("A", -50, "12"), "profit", parent="entry")
    more = order(leg("A", 60), "more")
    told: dict[str, Any] = {"book": holding(1000, A=50), "orders": [exits, more]}
    assert refused(leg("B", 21), **told)[0] == "buying_power"  # 600 of the 1000 are spoken for
    assert verdict(leg("B", 20), **told).approved


def test_refused_legs_take_no_room_from_those_after_them() -> None:
    limits = replace(WIDE, collar=0.05)
    decisions = check([limit("A", 90, "20"), leg("B", 50)], context(), limits)
    assert [d.rule for d in decisions] == ["collar", "limits"]
