"""Any world: mended once the ledger says what the broker says, mended twice nothing more happens, orders stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Fill, Holding, InputError, Instrument, Side, Snapshot
from aura_lib.execution.accounts import Terms
from aura_lib.execution.reconcile import Kind, Told
from aura_lib.execution.reconcile.mending import mend
from aura_lib.ledger import Request
from tests.execution.reconcile_worlds import LONG_AGO, NOW, Us, at, deposit, fill, intent, look, snapshot, told

SYMBOLS = ("AAA", "BBB", "CCC")
quantities = st.integers(-200, 200).map(Decimal)
prices = st.decimals("0.01", "500", places=2)


@st.composite
def trades(draw: st.DrawFn, most: int = 6) -> list[Fill]:
    made = []
    for n in range(draw(st.integers(0, most))):
        size = draw(quantities.filter(bool))
        made.append(
            Fill(
                f"x{n}", draw(st.sampled_from(["one", "two", ""])), "paper", draw(st.sampled_from(["m", "n"])),
                Instrument(draw(st.sampled_from(SYMBOLS))), Side.BUY if size > 0 else Side.SELL, abs(size),
                draw(prices), draw(st.sampled_from([Decimal(0), Decimal("0.35")])),
                LONG_AGO + timedelta(minutes=draw(st.integers(0, 600))),
            )
        )  # fmt: skip
    return made


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Us, Told]:
    us = Us().pay(str(draw(st.integers(0, 10**6)))).pay("5000", "n").order().order("two", "partially_filled")
    history = draw(trades())
    booked = draw(st.lists(st.booleans(), min_size=len(history), max_size=len(history)))
    us.fill(*(f for f, known in zip(history, booked, strict=True) if known))
    told_too = [(f.execution_id, f) for f, known in zip(history, booked, strict=True) if not known]
    held = {s: (draw(quantities), draw(st.none() | prices)) for s in SYMBOLS if draw(st.booleans())}
    holdings = {s: Holding(Instrument(s), q, cost) for s, (q, cost) in held.items() if q}
    taken = Snapshot(NOW, draw(st.decimals(-10_000, 10**6, places=2)), "USD", holdings)
    mids = {s: draw(prices) for s in SYMBOLS}
    bookings = [("b", deposit("b", "12.34"))] if draw(st.booleans()) else []
    open_orders = (at("one", "accepted"), at("two", "partially_filled"))
    return us, Told(taken, open_orders if draw(st.booleans()) else (), told_too, bookings, prices=mids)


def everything(us: Us, world: Told) -> int:
    found = look(us, world)
    return us.mend(*found.automatic, *(m for d in found.differences if not d.automatic for m in d.mending))


@given(worlds())
def test_mended_once_they_agree_and_mended_twice_nothing_changes(world: tuple[Us, Told]) -> None:
    us, says = world
    live = {o.client_id: (o.status, o.intent) for o in us.view.live_orders() if not o.filled}
    everything(us, says)
    account, snap = us.view.account(), says.snapshot
    assert snap is not None
    assert account.holdings == {s: h.quantity for s, h in snap.holdings.items()}
    assert abs(account.cash - snap.cash) < Decimal("1e-9")
    assert not look(us, says).drift
    written = us.view.n
    for _ in range(2):
        kinds = {d.kind for d in look(us, says).differences}
        assert kinds <= {Kind.UNATTRIBUTED, Kind.AVERAGE_COST, Kind.FILL_TAKEN_BACK, Kind.FILL_NOT_TOLD}
        us.mend(*look(us, says).automatic)
    assert us.view.n == written
    told_of = {f.client_id for f in us.view.fills}
    after = {o.client_id: (o.status, o.intent) for o in us.view.orders.values()}
    assert all(after[c] == known for c, known in live.items() if c not in told_of), "aligning touched an order"


@given(worlds(), st.sampled_from(["snapshot", "fills", "bookings"]))
def test_a_question_that_failed_is_never_flat(world: tuple[Us, Told], question: str) -> None:
    us, says = world
    empty = replace(says, snapshot=Snapshot(NOW, Decimal(0), "USD", {}), fills=(), bookings=())
    failed = replace(empty, unanswered={question: "timed out"}, **{question: None if question == "snapshot" else ()})
    found = look(us, failed)
    assert not any(d.kind in (Kind.POSITION, Kind.CASH) for d in found.differences) and not found.agrees


@given(
    held=quantities.filter(bool), cost=prices, theirs=quantities, theirs_cost=prices,
)  # fmt: skip
def test_where_one_trade_can_explain_the_brokers_average_it_comes_out(
    held: Decimal, cost: Decimal, theirs: Decimal, theirs_cost: Decimal
) -> None:
    us = Us().pay().hold(str(held), str(cost))
    world = told(us, snap=snapshot(us, AAA=(str(theirs), str(theirs_cost))), prices={"AAA": Decimal(3)})
    everything(us, world)
    made = us.view.account().positions["AAA"]
    assert made.quantity == theirs
    needed = None if not theirs or theirs == held else (theirs * theirs_cost - held * cost) / (theirs - held)
    turned = held * theirs <= 0
    if theirs and theirs != held and (turned or (abs(theirs) > abs(held) and needed is not None and needed > 0)):
        assert abs(made.average_cost - theirs_cost) <= theirs_cost * Decimal("0.0001")


def test_mends_can_be_asked_for_one_by_one_in_any_order() -> None:
    def us() -> Us:
        return Us().pay().hold("10", "10").order().fill(fill("x", "5", "20"))

    start = us()
    says = told(
        start, at("one", "partially_filled", "8"), snap=snapshot(start, AAA=("30", "11"), CCC=("4", "2"), cash="7")
    )
    count = len(look(start, says).differences)
    assert count == 5  # a status, a fill that was not told, two positions, the cash
    for order in permutations(range(count)):
        ledger = us()
        ids = [d.id for d in look(ledger, says).differences]
        for n in order:
            now = {d.id: d for d in look(ledger, says).differences}
            if ids[n] in now:  # what another mend explained is gone
                ledger.mend(*now[ids[n]].mending)
        for difference in look(ledger, says).differences:
            ledger.mend(*difference.mending)
        account = ledger.view.account()
        assert (account.holdings, account.cash) == ({"AAA": 30, "CCC": 4}, 7)


def test_a_difference_must_last_before_it_halts_anything() -> None:
    us = Us().pay().hold("100")
    world, window = told(us, snap=snapshot(us, AAA="150")), timedelta(seconds=5)
    first = look(us, world, recent_window=window)
    assert not first.drift and first.settling and list(first.stopped) == ["AAA"] and not first.agrees
    later = look(us, world, recent_window=window, now=NOW + timedelta(seconds=4), earlier=first)
    assert not later.drift
    last = look(us, world, recent_window=window, now=NOW + timedelta(seconds=6), earlier=later)
    assert "AAA: ledger 100, broker 150" in last.drift and not last.settling
    healed = look(us, told(us), recent_window=window, now=NOW + timedelta(seconds=7), earlier=last)
    assert healed.agrees and not healed.since


def test_a_fill_that_came_after_the_snapshot_survives_it() -> None:
    us = Us().pay().hold("100")
    later = fill("late", "20", time=NOW + timedelta(seconds=1), client_id="")
    us.fill(later)
    old = told(us, snap=snapshot(AAA="100", cash=str(100_000 - 1000)))
    assert look(us, old).agrees


def test_cents_that_the_broker_rounds_are_no_drift_and_more_are() -> None:
    us = Us().pay()
    for n in range(4):
        us.fill(fill(f"f{n}", "0.3333", "10.01", client_id=""))
    exact = us.view.account().cash
    rounded = exact.quantize(Decimal("0.01")) + Decimal("0.02")
    step = Decimal("0.01")
    assert look(us, told(us, snap=snapshot(us, cash=str(rounded))), cash_step=step).agrees
    assert look(us, told(us, snap=snapshot(us, cash=str(rounded)))).drift
    assert look(us, told(us, snap=snapshot(us, cash=str(exact - 1))), cash_step=step).drift


@pytest.mark.parametrize(("held", "side"), [("100", "sell"), ("-100", "buy")])
def test_a_trade_outside_aura_against_a_books_holding_stops_the_symbol_until_it_is_attributed(
    held: str, side: str
) -> None:
    us = Us().pay().hold(held).fill(fill("web", "100", "12", side, client_id="w", book=""))
    whole = us.view.account()
    found = look(us, told(us))
    (difference,) = found.differences
    assert difference.kind is Kind.UNATTRIBUTED and list(found.stopped) == ["AAA"] and not found.drift
    us.mend(*difference.mending)
    assert look(us, told(us)).agrees and us.view.account().cash == whole.cash
    assert {book: us.view.account(book).holdings for book in us.view.books} == {"m": {}, "": {}}
    assert us.view.account("").cash == 0, "what it was traded for is the book's"
    assert us.view.account("m").cash == 100_000 + 200 * (1 if side == "sell" else -1)


def test_what_was_traded_outside_aura_and_nobody_counts_on_stops_nothing() -> None:
    foreign = Us().pay().fill(fill("web", "5", client_id="w", book=""))
    assert look(foreign, told(foreign)).agrees


def test_a_currency_that_the_ledger_never_had_is_compared_and_mended_too() -> None:
    us = Us().pay()
    euros = Holding(Instrument("SAP", currency="EUR"), Decimal(5), Decimal(100))
    snap = replace(snapshot(us), holdings={"SAP": euros}, balances={"EUR": Decimal(9)})
    assert {d.subject for d in look(us, told(us, snap=snap)).differences} == {"SAP", "cash EUR"}
    everything(us, told(us, snap=snap))
    account = us.view.account()
    assert (account.holdings, account.balances, account.cash) == ({"SAP": 5}, {"EUR": 9}, 100_000)


def test_an_order_the_ledger_closed_and_the_broker_works_stops_its_symbol() -> None:
    us = Us().pay().order(status="cancelled", wish=intent("10"))
    found = look(us, told(us, at("one", "accepted")))
    (difference,) = found.differences
    assert difference.kind is Kind.STILL_OPEN and list(found.stopped) == ["AAA"] and not difference.mending


def test_a_fill_taken_back_is_offered_as_a_bust() -> None:
    us = Us().pay().order(status="partially_filled").fill(fill("x", "40"), fill("y", "25"))
    found = look(us, told(us, at("one", "partially_filled", "40"), snap=snapshot(AAA="40", cash="99600")))
    (difference,) = [d for d in found.differences if not d.automatic]
    assert difference.kind is Kind.FILL_TAKEN_BACK and found.drift
    us.mend(*difference.mending)
    assert [f.execution_id for f in us.view.fills] == ["x"] and us.view.orders["one"].filled == 40


def test_an_order_that_has_moved_on_is_not_put_back_by_a_late_wish() -> None:
    us = Us().pay().order()
    found = look(us, told(us, found={"one": None}))
    us.write("drift", found.body())
    (difference,) = us.view.differences
    body = {"difference": difference["id"], "entries": difference["mending"], "who": "me", "reason": "gone"}
    request = Request(1, "k", "mend", body)
    assert [line.kind for line in mend(us.view, Terms("paper"), request)] == ["status", "mended"]
    us.fill(fill("x", "100"))
    us.write("status", {"client_id": "one", "status": "filled", "reason": ""})
    us.write("drift", found.body())  # and the offer is still there, as a comparison that was made before
    with pytest.raises(InputError, match="is filled by now"):
        mend(us.view, Terms("paper"), request)
