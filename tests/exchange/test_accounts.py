"""Accounts: on margin, in several currencies, with dividends and splits, options, borrow and interest."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import (
    Account,
    AssetClass,
    Booking,
    BookingKind,
    BrokerRejected,
    DataError,
    Fill,
    InputError,
    Instrument,
    Intent,
    Mandate,
    Order,
    OrderStatus,
    OrderType,
    Position,
    Right,
    Side,
    TimeInForce,
    canonical,
    decode,
    encode,
    fold,
)
from aura_lib.exchange import (
    Borrow,
    Closed,
    Costs,
    Event,
    Exchange,
    FillModel,
    Interest,
    PriceBar,
    Standing,
    Terms,
)
from tests.backtest.scenarios import SLOT, order

D = Decimal
FREE = Costs(D(0), D(0), D(0))
DAY = timedelta(days=1)
A, B = Instrument("A"), Instrument("B")
SAP = Instrument("SAP", currency="EUR", venue="XETR")
CALL = Instrument(
    "A 100 C", AssetClass.OPTION, multiplier=D(100), underlying="A", expiry=date(2022, 1, 3), strike=D(100),
    right=Right.CALL,
)  # fmt: skip
PUT = Instrument(
    "A 100 P", AssetClass.OPTION, multiplier=D(100), underlying="A", expiry=date(2022, 1, 3), strike=D(100),
    right=Right.PUT,
)  # fmt: skip


def opened(cash: int | str, terms: Terms, costs: Costs = FREE, **held: tuple[int, int]) -> Exchange:
    known = {"A": A, "B": B, "SAP": SAP, "CALL": CALL, "PUT": PUT}
    positions = {known[n].symbol: Position(known[n], D(q), D(c)) for n, (q, c) in held.items()}
    return Exchange.of(Account("acc", D(cash), positions=positions), costs, terms=terms)


def fills(events: list[Event]) -> list[tuple[str, Decimal, Decimal]]:
    return [(e.symbol, e.signed, e.price) for e in events if isinstance(e, Fill)]


def bookings(events: list[Event]) -> list[tuple[str, Decimal]]:
    return [(e.kind.value, e.cash) for e in events if isinstance(e, Booking)]


SHORT = Terms(short=True)


def test_a_short_sale_brings_cash_and_a_position_below_zero() -> None:
    exchange = opened(1000, SHORT)
    exchange.submit(order("A", Side.SELL, 10), SLOT)
    exchange.match(SLOT + DAY, {"A": D(50)})
    assert (exchange.account.cash, exchange.account.holdings) == (D(1500), {"A": D(-10)})
    exchange.submit(order("A", Side.BUY, 10), SLOT + DAY)
    exchange.match(SLOT + 2 * DAY, {"A": D(40)})
    assert exchange.account.cash == 1100
    assert exchange.account.positions["A"].realised == 100


def test_a_cash_account_never_sells_what_it_has_not() -> None:
    exchange = opened(1000, Terms())
    exchange.submit(order("A", Side.SELL, 10), SLOT)
    assert exchange.match(SLOT + DAY, {"A": D(50)}) == [
        Closed("sell-A", OrderStatus.CANCELLED, "insufficient holdings")
    ]


@pytest.mark.parametrize(("gross", "lots"), [("1", 20), ("2", 40), ("0.5", 10)])
def test_exposure_is_cut_to_what_the_equity_carries(gross: str, lots: int) -> None:
    exchange = opened(1000, Terms(short=True, max_gross=D(gross)))
    exchange.submit(order("A", Side.SELL, 100), SLOT)
    events = exchange.match(SLOT + DAY, {"A": D(50)})
    assert fills(events) == [("A", D(-lots), D(50))]  # lots × 50 = gross × 1000
    assert events[-1] == Closed("sell-A", OrderStatus.CANCELLED, "insufficient margin")


def test_what_makes_a_position_smaller_is_always_allowed() -> None:
    exchange = opened(-400, Terms(max_gross=D(2), maintenance=D("0.1")), A=(10, 50))
    exchange.submit(order("A", Side.SELL, 5), SLOT)
    assert fills(exchange.match(SLOT + DAY, {"A": D(50)})) == [("A", D(-5), D(50))]


def test_what_makes_positions_smaller_makes_room_for_what_makes_them_larger() -> None:
    exchange = opened(2000, SHORT, A=(-20, 50))  # equity 1000, all of it used
    exchange.submit(order("B", Side.SELL, 20), SLOT)
    exchange.submit(order("A", Side.BUY, 20), SLOT)
    events = exchange.match(SLOT + DAY, {"A": D(50), "B": D(50)})
    assert fills(events) == [("A", D(20), D(50)), ("B", D(-20), D(50))]


def test_below_maintenance_orders_are_cancelled_and_the_largest_positions_closed_until_it_holds() -> None:
    exchange = opened(-1000, Terms(max_gross=D(2)), A=(20, 50), B=(10, 60))  # equity 600, exposure 1600
    exchange.submit(order("A", Side.BUY, 1, time_in_force=TimeInForce.GTC), SLOT)
    calm = exchange.match(SLOT, {"A": D(50), "B": D(60)})
    assert calm == []
    events = exchange.match(SLOT + DAY, {"B": D(30)})  # A did not trade: equity 300 of exposure 1300 is under a quarter
    assert fills(events) == [("B", D(-10), D(30))]
    assert [e.reason[:11] for e in events if isinstance(e, Closed)] == ["margin call", "liquidation"]
    assert exchange.standing is Standing.OPEN


def test_without_equity_an_account_is_bankrupt_and_never_trades_again() -> None:
    exchange = opened(2000, SHORT, A=(-10, 100))
    exchange.match(SLOT, {"A": D(100)})
    events = exchange.match(SLOT + DAY, {"A": D(250)})
    assert fills(events) == [("A", D(10), D(250))]
    assert (exchange.standing, exchange.account.cash, exchange.account.holdings) == (Standing.BANKRUPT, D(-500), {})
    with pytest.raises(BrokerRejected, match="bankrupt"):
        exchange.submit(order("A", Side.BUY, 1), SLOT + DAY)
    again = Exchange.restore(json.loads(canonical(exchange.state())))
    assert again.standing is Standing.BANKRUPT
    assert again.match(SLOT + 2 * DAY, {"A": D(1)}) == []


def test_a_bankrupt_account_closes_later_what_did_not_trade_on_the_day() -> None:
    exchange = opened(2000, SHORT, A=(-10, 100), B=(1, 10))
    exchange.match(SLOT, {"A": D(100), "B": D(10)})
    exchange.match(SLOT + DAY, {"A": D(250)})
    assert exchange.account.holdings == {"B": D(1)}
    assert fills(exchange.match(SLOT + 2 * DAY, {"B": D(9)})) == [("B", D(-1), D(9))]


def test_borrow_and_interest_are_paid_by_the_calendar_day() -> None:
    costs = Costs(
        D(0), D(0), D(0), borrow=Borrow(D("0.036"), {"B": D("0.36")}), interest=Interest(D("0.036"), D("0.072"))
    )
    exchange = opened(20_000, SHORT, costs, A=(-10, 100), B=(-10, 100))
    exchange.match(SLOT, {"A": D(100), "B": D(100)})
    events = exchange.match(SLOT + 3 * DAY, {"A": D(100), "B": D(100)})
    # 20 000 × 3.6 % × 3/360 = 6; 1000 × 3.6 % × 3/360 = 0.30; 1000 × 36 % × 3/360 = 3
    assert bookings(events) == [("interest", D(6)), ("borrow", D("-0.3")), ("borrow", D(-3))]
    assert exchange.account.cash == D("20002.7")
    assert exchange.account.income == D("2.7")
    assert exchange.match(SLOT + 3.1 * DAY, {"A": D(100), "B": D(100)}) == []


def test_debt_pays_the_debit_rate() -> None:
    costs = Costs(D(0), D(0), D(0), interest=Interest(D("0.036"), D("0.072")))
    exchange = opened(-1000, Terms(max_gross=D(2)), costs, A=(40, 50))
    exchange.match(SLOT, {"A": D(50)})
    assert bookings(exchange.match(SLOT + DAY, {"A": D(50)})) == [("interest", D("-0.2"))]


def test_a_holder_gets_the_dividend_and_who_is_short_pays_it() -> None:
    exchange = opened(1000, SHORT, A=(10, 50), B=(-4, 50))
    assert [b.cash for b in exchange.dividend("A", D("0.25"), SLOT)] == [D("2.5")]
    assert [b.cash for b in exchange.dividend("B", D("0.25"), SLOT)] == [D(-1)]
    assert exchange.dividend("C", D(1), SLOT) == []
    assert (exchange.account.cash, exchange.account.income) == (D("1001.5"), D("1.5"))
    with pytest.raises(InputError, match="a dividend must be a positive Decimal"):
        exchange.dividend("A", D("NaN"), SLOT)


def test_a_split_keeps_cost_and_value_and_pays_out_what_is_left_of_a_lot() -> None:
    exchange = opened(0, Terms(), A=(5, 90))
    events = exchange.split("A", D("1.5"), SLOT, price=D(60))
    assert bookings(events) == [("split", D(0)), ("cash_in_lieu", D(30))]  # 7.5 shares: half a share at 60
    position = exchange.account.positions["A"]
    assert (position.quantity, position.average_cost, position.realised) == (D(7), D(60), D(0))
    assert exchange.account.cash == 30


def test_a_fraction_stays_without_a_price_and_where_fractions_were_held() -> None:
    exchange = opened(0, Terms(), A=(5, 90))
    exchange.split("A", D("1.5"), SLOT)
    assert exchange.account.holdings == {"A": D("7.5")}
    exchange.split("A", D("0.1"), SLOT + DAY, price=D(600))
    assert exchange.account.holdings == {"A": D("0.75")}


def test_a_short_pays_for_the_fraction_and_an_odd_ratio_leaves_a_quantity_that_can_be_kept() -> None:
    exchange = opened(1000, SHORT, A=(-5, 90))
    assert bookings(exchange.split("A", D("1.5"), SLOT, price=D(60))) == [("split", D(0)), ("cash_in_lieu", D(-30))]
    assert (exchange.account.cash, exchange.account.holdings) == (D(970), {"A": D(-7)})
    exchange.split("A", D("0.333333333333333333333"), SLOT + DAY)
    assert exchange.account.holdings == {"A": D("-2.333333333")}
    before = exchange.state()
    with pytest.raises(InputError, match="the ratio of a split must be a positive Decimal"):
        exchange.split("A", D(0), SLOT)
    assert exchange.state() == before


def test_open_orders_follow_a_split() -> None:
    exchange = opened(10_000, Terms(), A=(30, 90))
    intent = Intent(
        A, Side.SELL, D(30), OrderType.OCO, take_profit=D(120), stop_loss=D(80), time_in_force=TimeInForce.GTC
    )
    exchange.submit(Order("o", "a", "b", "", 0, 1, intent, SLOT), SLOT)
    small = Intent(A, Side.BUY, D(2), OrderType.LIMIT, limit_price=D(80), time_in_force=TimeInForce.GTC)
    exchange.submit(Order("s", "a", "b", "", 0, 1, small, SLOT), SLOT)
    ends = [e for e in exchange.split("A", D("0.1"), SLOT, price=D(900)) if isinstance(e, Closed)]
    assert [(e.client_id, e.status) for e in ends] == [("s", OrderStatus.CANCELLED)]
    (left,) = exchange.open_orders
    assert (left.intent.quantity, left.intent.take_profit, left.intent.stop_loss) == (D(3), D(1200), D(800))
    assert fills(exchange.match(SLOT + DAY, {"A": D(1300)})) == [("A", D(-3), D(1300))]


EURO = Terms(currencies=("EUR",))


def test_a_purchase_in_another_currency_converts_what_is_missing() -> None:
    exchange = opened(10_000, Terms(currencies=("EUR",), conversion_bps=D(10)))
    exchange.submit(order("SAP", Side.BUY, 10, instrument=SAP), SLOT)
    events = exchange.match(SLOT + DAY, {"SAP": D(100), "EURUSD": D("1.1")})
    (converted,) = [e for e in events if isinstance(e, Booking)]
    assert (converted.symbol, converted.quantity, converted.cash) == ("EURUSD", D(1000), D("-1101.1"))
    assert (exchange.account.cash, dict(exchange.account.balances)) == (D("8898.9"), {"EUR": D(0)})
    assert exchange.account.equity({"SAP": D(100), "EURUSD": D("1.2")}) == D("8898.9") + 1200


def test_what_a_sale_brings_stays_in_its_currency_until_it_is_needed() -> None:
    exchange = opened(0, EURO, SAP=(10, 90))
    exchange.submit(order("SAP", Side.SELL, 10, instrument=SAP), SLOT)
    exchange.match(SLOT + DAY, {"SAP": D(100), "EURUSD": D("1.1")})
    assert dict(exchange.account.balances) == {"EUR": D(1000)}
    exchange.submit(order("A", Side.BUY, 20), SLOT + DAY)
    exchange.match(SLOT + 2 * DAY, {"A": D(11), "EURUSD": D("1.1")})
    assert exchange.account.holdings["A"] == 20
    assert 0 <= exchange.account.cash < D("0.001")
    assert abs(exchange.account.balances["EUR"] - 800) < D("0.001")


def test_without_automatic_conversion_a_purchase_is_cut_to_the_balance() -> None:
    exchange = Exchange.of(
        Account("acc", D(1000), balances={"EUR": D(250)}), FREE, terms=Terms(currencies=("EUR",), converts=False)
    )
    exchange.submit(order("SAP", Side.BUY, 10, instrument=SAP), SLOT)
    events = exchange.match(SLOT + DAY, {"SAP": D(100)})
    assert fills(events) == [("SAP", D(2), D(100))]
    assert dict(exchange.account.balances) == {"EUR": D(50)}


def test_a_trade_in_a_pair_is_an_explicit_conversion() -> None:
    pair = Instrument("EURUSD", AssetClass.FX, tick=D("0.00001"))
    exchange = opened(1000, EURO)
    exchange.submit(order("EURUSD", Side.BUY, 100, instrument=pair), SLOT)
    exchange.match(SLOT + DAY, {"EURUSD": D("1.25")})
    assert (exchange.account.cash, dict(exchange.account.balances)) == (D(875), {"EUR": D(100)})
    assert exchange.account.holdings == {}


def test_a_currency_without_a_price_stops_the_match_before_anything_happened() -> None:
    exchange = opened(1000, EURO)
    exchange.submit(order("SAP", Side.BUY, 1, instrument=SAP), SLOT)
    before = exchange.state()
    with pytest.raises(DataError, match="no price of EUR in USD"):
        exchange.match(SLOT + DAY, {"SAP": D(100)})
    assert exchange.state() == before


def expire(exchange: Exchange, spot: int | str) -> list[Event]:
    exchange.match(SLOT, {"A": D(spot), CALL.symbol: D(1), PUT.symbol: D(1)})
    return exchange.match(SLOT + 3 * DAY, {"A": D(spot), CALL.symbol: D(1), PUT.symbol: D(1)})  # 3 January 2022


def test_an_option_in_the_money_is_exercised_into_shares_at_the_strike() -> None:
    exchange = opened(25_000, Terms(), CALL=(2, 3))
    (booked,) = expire(exchange, 110)
    assert isinstance(booked, Booking)
    assert (booked.kind, booked.quantity, booked.units, booked.cash) == (
        BookingKind.EXERCISE,
        D(-2),
        D(200),
        D(-20_000),
    )
    account = exchange.account
    assert (account.cash, account.holdings) == (D(5000), {"A": D(200)})
    assert (account.positions["A"].average_cost, account.positions[CALL.symbol].realised) == (D(100), D(-600))


def test_who_cannot_pay_for_the_shares_is_paid_the_difference() -> None:
    exchange = opened(100, Terms(), CALL=(2, 3), PUT=(1, 3))
    events = expire(exchange, 110)
    assert bookings(events) == [("exercise", D(2000)), ("expiry", D(0))]
    assert (exchange.account.cash, exchange.account.holdings) == (D(2100), {})
    poor = opened(100, Terms(), PUT=(1, 3))  # it has no shares to deliver
    assert bookings(expire(poor, 90)) == [("exercise", D(1000))]


def test_a_put_delivers_the_shares_that_are_held() -> None:
    exchange = opened(0, Terms(), PUT=(1, 3), A=(100, 120))
    expire(exchange, 90)
    assert (exchange.account.cash, exchange.account.holdings) == (D(10_000), {})


def test_who_is_short_of_an_option_is_assigned() -> None:
    exchange = opened(50_000, Terms(short=True, max_gross=D(2)), CALL=(-1, 5), PUT=(-1, 5))
    events = expire(exchange, 110)
    assert bookings(events) == [("assignment", D(10_000)), ("expiry", D(0))]
    assert exchange.account.holdings == {"A": D(-100)}
    assert exchange.account.cash == 60_000


def test_at_the_money_by_less_than_a_cent_is_worthless() -> None:
    assert bookings(expire(opened(20_000, Terms(), CALL=(1, 3)), "100.009")) == [("expiry", D(0))]
    assert bookings(expire(opened(20_000, Terms(), CALL=(1, 3)), "100.01")) == [("exercise", D(-10_000))]


def test_options_on_an_index_are_settled_in_cash() -> None:
    index = Instrument("A", AssetClass.INDEX)
    held = {CALL.symbol: Position(CALL, D(-2), D(3))}
    exchange = Exchange.of(
        Account("acc", D(50_000), positions=held), FREE, terms=SHORT, instruments={"A": index, CALL.symbol: CALL}
    )
    assert bookings(expire(exchange, 110)) == [("assignment", D(-2000))]
    assert exchange.account.holdings == {}


def test_american_options_can_be_exercised_early_and_what_cannot_be_is_told() -> None:
    exchange = opened(20_000, Terms(), CALL=(1, 3))
    assert exchange.exercise(CALL.symbol, D(1), SLOT).cash == D(-10_000)
    assert exchange.account.holdings == {"A": D(100)}
    with pytest.raises(BrokerRejected, match="0 are held"):
        exchange.exercise(CALL.symbol, D(1), SLOT)
    with pytest.raises(BrokerRejected, match="it is no option"):
        exchange.exercise("A", D(1), SLOT)
    with pytest.raises(BrokerRejected, match="neither the cash nor the shares"):
        opened(10, Terms(), CALL=(1, 3)).exercise(CALL.symbol, D(1), SLOT)


def test_an_option_whose_underlying_nobody_knows_a_price_of_stops_the_match_at_its_expiry() -> None:
    exchange = opened(20_000, Terms(), CALL=(1, 3))
    exchange.match(SLOT, {CALL.symbol: D(1)})
    before = exchange.state()
    with pytest.raises(DataError, match="no price of its underlying A was ever known"):
        exchange.match(SLOT + 3 * DAY, {CALL.symbol: D(1)})
    assert exchange.state() == before
    assert bookings(exchange.match(SLOT + 4 * DAY, {"A": D(90)})) == [("expiry", D(0))]


def test_an_expired_option_is_not_traded() -> None:
    with pytest.raises(BrokerRejected, match="expired on 2022-01-03"):
        opened(10, Terms()).submit(order(CALL.symbol, Side.BUY, 1, instrument=CALL), SLOT + 5 * DAY)


def test_terms_follow_from_a_mandate() -> None:
    assert Terms.of(Mandate(("A",))) == Terms()
    assert not Terms.of(Mandate(("A",))).margin
    assert Terms.of(Mandate(("A",), short=True, max_gross=1.5), ("EUR", "USD")) == Terms(True, D("1.5"), None, ("EUR",))
    for wrong in ({"max_gross": D(-1)}, {"maintenance": D(2)}, {"currencies": "EUR"}, {"conversion_bps": 1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Terms(**wrong)  # type: ignore[arg-type]


def test_bookings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(InputError, match="a split needs an instrument"):
        Booking("x", BookingKind.SPLIT, D(0), "USD", SLOT)
    with pytest.raises(InputError, match="changes cash only"):
        Booking("x", BookingKind.DIVIDEND, D(1), "USD", SLOT, A, D(1))
    with pytest.raises(InputError, match="currency pair"):
        Booking("x", BookingKind.CONVERSION, D(1), "USD", SLOT, A, D(1))
    with pytest.raises(InputError, match="finite"):
        Booking("x", BookingKind.DEPOSIT, D("NaN"), "USD", SLOT)
    with pytest.raises(InputError, match="no balance in EUR"):
        Account("m", D(0)).after(Booking("x", BookingKind.DEPOSIT, D(1), "EUR", SLOT))


def _plain_worth(account: Account, prices: dict[str, Decimal]) -> Decimal:
    """Cash + balances + positions, added up by hand."""
    total = account.cash + account.balances.get("EUR", D(0)) * prices["EURUSD"]
    for position in account.positions.values():
        value = position.quantity * position.instrument.multiplier * prices[position.instrument.symbol]
        total += value * (prices["EURUSD"] if position.instrument.currency == "EUR" else 1)
    return total


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_account_is_the_fold_of_its_entries_and_each_changes_its_worth_by_what_it_says(seed: int) -> None:
    rng = Random(seed)
    known = {i.symbol: i for i in (A, B, SAP, CALL, PUT)}
    terms = Terms(
        rng.random() < 0.7, D(rng.choice(["1", "2"])), None, ("EUR",), rng.random() < 0.8, D(rng.choice([0, 20]))
    )
    costs = Costs(D(5), D(1), D(7), borrow=Borrow(D("0.05")), interest=Interest(D("0.02"), D("0.06")))
    exchange = Exchange.of(
        Account("acc", D(50_000)), costs, terms=terms, fills=FillModel(rng.choice(["open", "close"]))
    )
    account = fold(exchange.account, [])
    for n in range(9):
        now = SLOT + n * DAY
        prices = {s: D(rng.randint(60, 140)) if known[s] not in (CALL, PUT) else D(rng.randint(1, 30)) for s in known}
        prices["EURUSD"] = D(rng.randint(90, 130)) / 100
        for k in range(rng.randint(0, 3)):
            instrument = rng.choice(list(known.values()))
            if instrument.expiry is None or instrument.expiry >= now.date():
                quantity = rng.randint(1, 4) if instrument.expiry else rng.randint(1, 400)
                wish = order(
                    instrument.symbol, rng.choice(list(Side)), quantity, instrument=instrument, client_id=f"{n}/{k}"
                )
                if exchange.standing is Standing.OPEN:
                    exchange.submit(wish, now)
        entries: list[Any] = []
        if n == 4:
            entries += exchange.dividend("A", D(2), now)
            entries += exchange.split("B", D("1.5"), now, price=prices["B"])
        if n == rng.randint(0, 8):
            exchange = Exchange.restore(json.loads(canonical(exchange.state())))
        entries += exchange.match(now + DAY / 2, prices)
        for entry in entries:
            if isinstance(entry, Closed):
                continue
            before, account = account, account.after(entry)
            change = _plain_worth(account, prices) - _plain_worth(before, prices)
            assert abs(change - _said(entry, prices)) < D("1e-9")
            assert decode(type(entry), json.loads(canonical(encode(entry)))) == entry
        assert account == exchange.account
        assert abs(account.equity(prices) - _plain_worth(account, prices)) < D("1e-9")
        if not terms.margin:
            assert min(account.cash, *account.balances.values(), *account.holdings.values(), D(0)) == 0
        if exchange.standing is Standing.BANKRUPT:
            assert account.holdings == {}


def _said(entry: Fill | Booking, prices: dict[str, Decimal]) -> Decimal:
    """What an entry does to the worth of an account at these prices: its cash, and what it brings or takes."""
    other = prices["EURUSD"]
    if isinstance(entry, Fill):
        rate = other if entry.instrument.currency == "EUR" else D(1)
        held = entry.signed * entry.instrument.multiplier * prices[entry.symbol]
        return (held - entry.signed * entry.price * entry.instrument.multiplier - entry.fee) * rate
    worth = entry.cash * (other if entry.currency == "EUR" else 1)
    if entry.kind is BookingKind.CONVERSION:
        return worth + entry.quantity * other
    if entry.instrument is not None:
        rate = other if entry.instrument.currency == "EUR" else D(1)
        worth += entry.quantity * entry.instrument.multiplier * prices[entry.symbol] * rate
    return worth + (entry.units * prices[entry.delivered.symbol] if entry.delivered else 0)


def test_an_old_state_still_opens() -> None:
    old = {
        "account": {"name": "paper", "cash": "100", "currency": "USD", "positions": {}, "fees": "0", "as_of": None},
        "costs": {"commission_bps": "1", "min_commission": "0", "slippage_bps": "5"},
        "matched": "2021-12-31T21:00:00.000000Z",
        "working": [{"order": encode(order("A", Side.BUY, 1)) | {"status": "accepted"}, "executions": 0}],
        "closed": [{"client_id": "x", "status": "filled", "filled": "1", "reason": ""}],
    }
    old["working"][0]["since"] = old["matched"]  # type: ignore[index]
    for name in ("trail_amount", "trail_percent", "take_profit", "stop_loss", "stop_loss_limit"):
        del old["working"][0]["order"]["intent"][name]  # type: ignore[index]
    exchange = Exchange.restore(old)
    assert (exchange.costs, exchange.terms, exchange.fills) == (Costs(), Terms(), FillModel())
    assert [f[:2] for f in fills(exchange.match(SLOT + DAY, {"A": D(10)}))] == [("A", D(1))]


def test_bars_pass_an_account_at_rest_without_a_look_at_prices() -> None:
    exchange = opened(1000, Terms(), A=(1, 10))
    assert exchange.idle
    assert exchange.match(SLOT, {"A": PriceBar(D(-1), D(-1), D(-1), D(-1))}) == []
    assert not opened(1000, SHORT, A=(-1, 10)).idle
    assert not opened(1000, Terms(), CALL=(1, 10)).idle
    assert opened(1000, SHORT).idle
