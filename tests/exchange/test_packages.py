"""Packages at the venue: all legs at one moment, within the net price, paid and covered, or nothing of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import (
    BookingKind,
    BrokerRejected,
    Fill,
    InputError,
    Intent,
    Leg,
    Order,
    OrderStatus,
    Side,
    utc,
)
from aura_lib.exchange import Closed, Costs, Exchange, FillModel, PriceBar, Terms
from aura_lib.exchange.rounds import Touch, play
from tests.options import C105, C110, CONDOR, CONTRACTS, CREDIT, DEBIT, EXPIRY, P90, P95, SHARE, legs, option
from tests.oracle.plain_package import PlainVenue

D = Decimal
FREE = Costs(commission_bps=D(0), slippage_bps=D(0))
START = utc("2021-01-04T20:00:00+00:00")
PRICES = {"AAA": "100", P90.symbol: "0.60", P95.symbol: "1.10", C105.symbol: "1.40", C110.symbol: "0.80"}


def closes(**changed: str) -> dict[str, Decimal]:
    names = {"p90": P90.symbol, "p95": P95.symbol, "c105": C105.symbol, "c110": C110.symbol, "share": "AAA"}
    told = PRICES | {names[name]: price for name, price in changed.items()}
    return {symbol: D(price) for symbol, price in told.items() if price}


def day(n: int) -> datetime:
    return START + timedelta(days=n, hours=1)


def order(legs: Sequence[Leg], quantity: int = 1, limit: str | None = None, name: str = "one", at: int = 0) -> Order:
    wish = Intent.of_legs(legs, D(quantity), None if limit is None else D(limit))
    return Order(name, "paper", "m", "b", 0, 1, wish, START + timedelta(days=at), OrderStatus.SENDING)


def single(instrument: object, side: str, quantity: int, name: str, at: int = 0) -> Order:
    wish = Intent(instrument, Side(side), D(quantity))  # type: ignore[arg-type]
    return Order(name, "paper", "m", "b", 0, 1, wish, START + timedelta(days=at), OrderStatus.SENDING)


def send(venue: Exchange, one: Order) -> None:
    venue.submit(one, one.time)


def held(venue: Exchange) -> Mapping[str, Decimal]:
    return {s: q for s, q in venue.account.holdings.items() if q}


def test_all_legs_fill_in_one_bar_at_their_own_prices_and_are_orders_of_their_own() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 2, "0.60"))
    events = venue.match(day(0), closes())
    told = {(e.client_id, e.signed, e.price) for e in events if isinstance(e, Fill)}
    assert told == {("one/leg1", 2, D("1.40")), ("one/leg2", -2, D("0.80"))}
    assert [e for e in events if isinstance(e, Closed)] == [Closed("one", OrderStatus.FILLED)]
    assert venue.account.cash == 10_000 - 2 * 60 and held(venue) == {C105.symbol: 2, C110.symbol: -2}
    for name, filled in (("one", 2), ("one/leg1", 2), ("one/leg2", 2)):
        found = venue.find(name)
        assert found is not None and (found.status, found.filled) == (OrderStatus.FILLED, filled)


@pytest.mark.parametrize(("limit", "fills"), [("0.59", False), ("0.60", True)])
def test_a_net_price_beyond_the_limit_waits_and_ends_with_the_day(limit: str, fills: bool) -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, limit))
    venue.match(day(0), closes())
    found = venue.find("one")
    assert found is not None
    assert found.status is (OrderStatus.FILLED if fills else OrderStatus.EXPIRED) and bool(held(venue)) is fills


def test_a_credit_is_a_negative_price_and_brings_money() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(CREDIT, 1, "-0.50"))
    venue.match(day(0), closes())
    assert venue.account.cash == 10_050 and held(venue) == {P95.symbol: -1, P90.symbol: 1}


def test_slippage_counts_within_the_limit() -> None:
    venue = Exchange(D(10_000), Costs(commission_bps=D(0), slippage_bps=D(100)))
    send(venue, order(DEBIT, 1, "0.60"))
    assert not venue.match(day(0), closes(), closing=False)  # 1.414 less 0.792
    assert [e for e in venue.match(day(1), closes(c105="1.37")) if isinstance(e, Fill)]


def test_a_leg_without_a_price_keeps_the_others_from_trading() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(CONDOR))
    events = venue.match(day(0), closes(p90=""))
    assert events == [Closed("one", OrderStatus.EXPIRED, "no price in its session")] and not held(venue)


def test_only_prices_of_one_moment_add_up_to_a_net_price() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, "0.30"))
    # the low of one leg and the high of the other would make it, its open and its close do not
    bars = {
        C105.symbol: PriceBar(D("1.4"), D("1.5"), D("1.0"), D("1.4")),
        C110.symbol: PriceBar(D("0.8"), D("0.9"), D("0.7"), D("0.8")),
    }
    assert not [e for e in venue.match(day(0), bars) if isinstance(e, Fill)]


def test_the_open_comes_before_the_close() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, "0.60"))
    bars = {
        C105.symbol: PriceBar(D("1.3"), D("1.5"), D("1.0"), D("1.0")),
        C110.symbol: PriceBar(D("0.8"), D("0.9"), D("0.7"), D("0.8")),
    }
    assert [e.price for e in venue.match(day(0), bars) if isinstance(e, Fill)] == [D("0.8"), D("1.3")]


def test_what_volume_leaves_is_traded_in_whole_packages() -> None:
    venue = Exchange(D(100_000), FREE, fills=FillModel(volume_share=D("0.5")))
    send(venue, order(legs((C105, "buy"), (C110, "sell", 2), (P90, "buy", 2)), 4))
    bars = {s: PriceBar(p, p, p, p, D(v)) for s, p, v in (
        (C105.symbol, D("1.4"), 100), (C110.symbol, D("0.8"), 10), (P90.symbol, D("0.6"), 100),
    )}  # fmt: skip
    # a written call that nothing covers has no end: on an account that may not be short nothing of it is traded
    assert not [e for e in venue.match(day(0), bars) if isinstance(e, Fill)]
    venue = Exchange(D(100_000), FREE, fills=FillModel(volume_share=D("0.5")), terms=Terms(short=True))
    send(venue, order(legs((C105, "buy"), (C110, "sell", 2), (P90, "buy", 2)), 4))
    assert venue.match(day(0), bars, closing=False) and held(venue) == {C105.symbol: 2, C110.symbol: -4, P90.symbol: 4}
    found = venue.find("one")
    assert found is not None and (found.status, found.filled) == (OrderStatus.PARTIALLY_FILLED, 2)
    venue.match(day(1), bars)
    assert held(venue) == {C105.symbol: 4, C110.symbol: -8, P90.symbol: 8}


# ---- what may be lost stays in cash --------------------------------------------------------------------------------
def test_a_cash_account_writes_only_what_it_can_pay_for_at_the_worst() -> None:
    venue = Exchange(D(1_400), FREE)
    send(venue, order(CREDIT, 5, "-0.50"))  # each brings 50 and may cost 500: three of them need 1,350
    events = venue.match(day(0), closes())
    assert held(venue) == {P95.symbol: -3, P90.symbol: 3} and venue.account.cash == 1_550
    assert events[-1] == Closed("one", OrderStatus.CANCELLED, "insufficient cash")
    send(venue, single(SHARE, "buy", 1, "share", at=1))  # a hundred more than the fifty that are free
    assert venue.match(day(1), closes())[-1] == Closed("share", OrderStatus.CANCELLED, "insufficient cash")


def test_what_covers_a_written_option_is_not_sold_before_it_is_bought_back() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 2))
    venue.match(day(0), closes())
    send(venue, single(C105, "sell", 2, "cover", at=1))
    assert venue.match(day(1), closes())[-1] == Closed(
        "cover", OrderStatus.CANCELLED, "it covers options that are written"
    )
    send(venue, single(C105, "sell", 2, "first", at=2))
    send(venue, single(C110, "buy", 2, "second", at=2))
    venue.match(day(2), closes())  # together they may: what is bought back goes first
    assert held(venue) == {} and venue.account.cash == 10_000


def test_an_opposite_package_closes_it_and_frees_the_cash() -> None:
    venue = Exchange(D(500), FREE)
    send(venue, order(CREDIT, 1))
    venue.match(day(0), closes())
    assert venue.account.cash == 550
    send(venue, order(legs((P95, "buy"), (P90, "sell")), 1, "0.60", "two", at=1))
    venue.match(day(1), closes())
    assert held(venue) == {} and venue.account.cash == 500


def test_a_venue_with_written_options_is_restored_and_goes_on_the_same() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(CONDOR, 2, "-0.60"))
    send(venue, order(DEBIT, 1, "0.10", "two"))
    again = Exchange.restore(venue.state())
    assert again.state() == venue.state() and again.open_orders == venue.open_orders
    for one in (venue, again):
        one.match(day(0), closes(), closing=False)
    assert held(venue) == held(again) and venue.account.cash == again.account.cash
    later = Exchange.restore(again.state())
    assert later.state() == again.state() and [o.client_id for o in later.open_orders] == [
        "two",
        "two/leg1",
        "two/leg2",
    ]


def test_a_naked_written_option_is_nothing_a_cash_account_opens_with() -> None:
    from aura_lib.core import Position

    with pytest.raises(InputError, match="long-only"):
        Exchange(D(1_000), FREE, positions={C105.symbol: Position(C105, D(-1), D(1))})


# ---- cancel, replace, refuse ---------------------------------------------------------------------------------------
def test_a_package_is_cancelled_with_its_legs_and_a_leg_not_without_it() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, "0.10"))
    assert [o.client_id for o in venue.open_orders] == ["one", "one/leg1", "one/leg2"]
    with pytest.raises(BrokerRejected, match="it is a leg of one, cancel that"):
        venue.cancel("one/leg1")
    venue.cancel("one")
    assert not venue.open_orders
    assert {venue.find(n).status for n in ("one", "one/leg1", "one/leg2")} == {OrderStatus.CANCELLED}  # type: ignore[union-attr]


def test_another_package_takes_the_place_of_one() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, "0.10"))
    venue.succeed("one", order(DEBIT, 2, "0.60", "two"), START)
    found = venue.find("one")
    assert found is not None and (found.status, found.replaced_by) == (OrderStatus.REPLACED, "two")
    venue.match(day(0), closes())
    assert held(venue) == {C105.symbol: 2, C110.symbol: -2}


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (order(legs((option("AAA201222C00105000", EXPIRY.replace(year=2020)), "buy"), (C110, "sell"))), "expired"),
        (order(DEBIT, 1, "0.605"), "no multiple of the tick"),
    ],
)
def test_what_no_venue_takes_is_rejected(one: Order, why: str) -> None:
    with pytest.raises(BrokerRejected, match=why):
        Exchange(D(10_000), FREE).submit(one, START)


def test_a_leg_that_is_not_listed_is_rejected() -> None:
    venue = Exchange(D(10_000), FREE, instruments={"AAA": SHARE, C105.symbol: C105})
    with pytest.raises(BrokerRejected, match=f"{C110.symbol} is not listed here"):
        send(venue, order(DEBIT))


# ---- quotes ----------------------------------------------------------------------------------------------------------
def test_against_quotes_what_is_bought_pays_the_ask_and_what_is_sold_gets_the_bid() -> None:
    venue = Exchange(D(10_000), FREE)
    send(venue, order(DEBIT, 1, "0.70"))
    touches = {C105.symbol: Touch(D("1.35"), D("1.45")), C110.symbol: Touch(D("0.70"), D("0.90"))}
    assert not play(venue, START + timedelta(minutes=1), touches)  # 1.45 less 0.70
    events = play(venue, START + timedelta(minutes=2), touches | {C110.symbol: Touch(D("0.75"), D("0.90"))})
    assert {(e.symbol, e.price) for e in events if isinstance(e, Fill)} == {
        (C105.symbol, D("1.45")),
        (C110.symbol, D("0.75")),
    }


# ---- the end: the rules of the Options Clearing Corporation ----------------------------------------------------------
def ended(legs: Sequence[Leg], spot: str, cash: str = "20000") -> tuple[Exchange, list[object]]:
    venue = Exchange(D(cash), FREE)
    send(venue, order(legs))
    venue.match(day(0), closes())
    worth = {"p90": "0.01", "p95": "0.01", "c105": "0.01", "c110": "0.01", "share": spot}
    return venue, list(venue.match(datetime(2021, 1, 22, 21, tzinfo=UTC), closes(**worth)))


# spot → what a spread is worth at expiry: a hundred times the lesser of its width and how far it is inside
@pytest.mark.parametrize("cash", ["700", "20000"])
@pytest.mark.parametrize(
    ("package", "paid", "spot", "worth"),
    [
        (DEBIT, 60, "100", 0), (DEBIT, 60, "107", 200), (DEBIT, 60, "130", 500),
        (CREDIT, -50, "100", 0), (CREDIT, -50, "92", -300), (CREDIT, -50, "70", -500),
        (CONDOR, -110, "100", 0), (CONDOR, -110, "70", -500), (CONDOR, -110, "130", -500),
    ],
)  # fmt: skip
def test_a_spread_is_worth_at_expiry_what_its_payoff_says(
    package: Sequence[Leg], paid: int, spot: str, worth: int, cash: str
) -> None:
    venue, _ = ended(package, spot, cash)
    assert not [s for s in held(venue) if s != "AAA"]
    assert venue.account.equity({"AAA": D(spot)}) == D(cash) - paid + worth
    assert venue.account.cash >= 0


def test_the_legs_of_a_spread_deliver_to_each_other() -> None:
    venue, events = ended(DEBIT, "130")
    told = [(e.kind, e.cash, e.units) for e in events if not isinstance(e, Fill | Closed)]  # type: ignore[attr-defined]
    assert told == [(BookingKind.EXERCISE, -10_500, 100), (BookingKind.ASSIGNMENT, 11_000, -100)]
    assert held(venue) == {} and venue.account.cash == 20_000 - 60 + 500


def test_a_leg_that_ends_inside_alone_delivers_its_shares() -> None:
    venue, _ = ended(CREDIT, "92")  # the put of 95 is assigned, that of 90 worthless
    assert held(venue) == {"AAA": 100} and venue.account.cash == 20_000 + 50 - 9_500


def test_the_long_leg_is_not_exercised_early_while_it_covers_the_other() -> None:
    venue = Exchange(D(20_000), FREE)
    send(venue, order(DEBIT))
    venue.match(day(0), closes())
    with pytest.raises(BrokerRejected, match="covers options that are written"):
        venue.exercise(C105.symbol, D(1), day(0))


# ---- against a plain model -------------------------------------------------------------------------------------------
NAMES = {c.symbol: ("C" if c.symbol[-9] == "C" else "P", int(c.strike or 0), 0) for c in CONTRACTS}
LEGS = st.lists(
    st.tuples(st.sampled_from(CONTRACTS), st.sampled_from(("buy", "sell")), st.integers(1, 3)),
    min_size=2, max_size=4, unique_by=lambda leg: leg[0].symbol,
)  # fmt: skip
BARS = st.fixed_dictionaries({c.symbol: st.one_of(st.none(), st.integers(1, 400)) for c in CONTRACTS})
WISH = st.tuples(LEGS, st.integers(1, 6), st.one_of(st.none(), st.integers(-600, 600)))


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 5_000), st.lists(st.tuples(st.lists(WISH, max_size=3), BARS, st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["0", "20"]),
)  # fmt: skip
def test_the_venue_trades_packages_as_the_plain_one_does(
    cash: int, days: list[tuple[list[object], dict[str, int | None], bool]], bps: str
) -> None:
    venue = Exchange(D(cash), Costs(commission_bps=D(bps), slippage_bps=D(bps)))
    plain = PlainVenue(D(cash), NAMES, D(bps) / 10_000, D(bps) / 10_000)
    fills: list[tuple[str, str, int, Decimal]] = []
    for n, (wishes, bar, dies) in enumerate(days):
        told = []
        for place, (parts, quantity, limit) in enumerate(wishes):  # type: ignore[misc]
            price = None if limit is None else D(limit) / 100
            try:
                one = Intent.of_legs(legs(*parts), D(quantity), price)
            except InputError:  # ratios not in lowest terms, or a price of the wrong sign
                continue
            name = f"{n}-{place}"
            send(venue, Order(name, "p", "m", "b", 0, 1, one, START + timedelta(days=n), OrderStatus.SENDING))
            told.append((name, [(leg.instrument.symbol, leg.signed) for leg in one.legs], quantity, price))
        if dies:
            venue = Exchange.restore(venue.state())
        prices = {symbol: D(cents) / 100 for symbol, cents in bar.items() if cents is not None}
        events = venue.match(day(n), prices)
        plain.bar(prices, told)
        for e in events:
            if isinstance(e, Fill):
                fills.append((e.client_id.partition("/")[0], e.symbol, int(e.signed), e.price))
    assert sorted(fills) == sorted(plain.told)
    assert venue.account.cash == plain.cash
    assert held(venue) == {symbol: units for symbol, units in plain.held.items() if units}
    for name, end in plain.ends.items():
        found, parts = venue.find(name), [venue.find(f"{name}/leg{n}") for n in range(1, 5)]
        assert found is not None and found.status.value == end
        filled = [part for part in parts if part is not None]
        assert len(filled) >= 2 and all((part.filled > 0) == (found.filled > 0) for part in filled)
