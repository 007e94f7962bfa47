"""Every known way in which a ledger and a broker come to differ: a world, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from aura_lib.core import Fill, OrderStatus, decode
from aura_lib.execution.reconcile import Difference, Halts, Kind, Reconciliation
from aura_lib.execution.reconcile.cases import CASES
from tests.execution.reconcile_worlds import (
    BBB,
    LONG_AGO,
    NOW,
    Us,
    Venue,
    at,
    deposit,
    fill,
    intent,
    look,
    snapshot,
    told,
)

WORLDS: dict[str, Callable[[], None]] = {}
MINUTE = timedelta(minutes=1)


def case(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def known(world: Callable[[], None]) -> Callable[[], None]:
        for name in names:
            assert name not in WORLDS, f"{name} has a world already"
            WORLDS[name] = world
        return world

    return known


def only(found: Reconciliation, kind: Kind) -> Difference:
    assert [d.kind for d in found.differences] == [kind], [str(d) for d in found.differences]
    return found.differences[0]


def of_kind(found: Reconciliation, kind: Kind) -> Difference:
    (one,) = [d for d in found.differences if d.kind is kind]
    return one


def aligned(us: Us, found: Reconciliation) -> Fill:
    """Mend everything, and look again: the one fill that was booked for it."""
    known = len(us.view.fills)
    for difference in found.differences:
        us.mend(*difference.mending)
    assert len(us.view.fills) == known + 1
    return us.view.fills[-1]


# ── start-up ────────────────────────────────────────────────────────────────────────────────────────────────────────


@case("N-S01", "N-R01")
def order_state_differs() -> None:
    us = Us().pay().order(status="unknown")
    found = look(us, told(us, at("one", "rejected", reason="not enough cash")))
    assert only(found, Kind.STATUS).automatic
    us.mend(*found.automatic)
    assert us.view.orders["one"].status is OrderStatus.REJECTED
    assert us.view.orders["one"].reason == "not enough cash"


@case("N-S02")
def missed_fill() -> None:
    us = Us().pay().order()
    filled = told(
        us, at("one", "filled", "100"), snap=snapshot(cash="99000", AAA="100"), fills=[("c", fill("x", "100"))]
    )
    found = look(us, filled)
    assert {d.kind for d in found.differences} == {Kind.MISSED_FILL, Kind.STATUS} and not found.drift
    assert us.mend(*found.automatic) == 2 and us.mend(*found.automatic) == 0
    assert us.view.account("m").holdings == {"AAA": 100} and us.view.orders["one"].status is OrderStatus.FILLED
    assert look(us, filled).agrees


@case("N-S03")
def several_fills_some_missed() -> None:
    first, second, third = (fill(name, "30") for name in ("x", "y", "z"))
    us = Us().pay().order(status="partially_filled").fill(second)
    found = look(us, told(us, at("one", "partially_filled", "90"), snap=snapshot(cash="99100", AAA="90"),
                          fills=[("1", first), ("2", second), ("3", third)]))  # fmt: skip
    assert [d.subject for d in found.differences] == ["x", "z"]
    us.mend(*found.automatic)
    assert sorted(f.execution_id for f in us.view.fills) == ["x", "y", "z"] and us.view.orders["one"].filled == 90


@case("N-S04")
def external_order() -> None:
    us = Us().pay().order()
    stranger = at("web-1", "accepted", wish=intent("5", "sell", BBB), broker_id="b1", time=LONG_AGO)
    found = look(us, told(us, at("one", "accepted"), stranger))
    adopted = only(found, Kind.FOREIGN_ORDER)
    assert adopted.automatic and not found.drift
    us.mend(*found.automatic)
    order = us.view.orders["web-1"]
    assert (order.book, order.status, order.intent.symbol, order.broker_id) == ("", OrderStatus.ACCEPTED, "BBB", "b1")
    assert look(us, told(us, at("one", "accepted"), stranger)).agrees


@case("N-S05")
def partial_then_cancelled() -> None:
    us = Us().pay().order(status="partially_filled").fill(fill("x", "40"))
    us.mend(*look(us, told(us, at("one", "cancelled", "40"))).automatic)
    assert us.view.orders["one"].status is OrderStatus.CANCELLED
    assert us.view.orders["one"].filled == 40 and us.view.account().holdings == {"AAA": 40}


@case("N-S06")
def fill_details_differ() -> None:
    us = Us().pay().order(status="filled").fill(fill("x", "100", "10"))
    other = told(us, at("one", "filled", "100"), fills=[("c", fill("x", "100", "11"))],
                 snap=snapshot(us, AAA=("100", "11"), cash="98900"))  # fmt: skip
    found = look(us, other)
    difference = only(found, Kind.FILL_DIFFERS)  # the cash is explained by it
    assert not difference.automatic and difference.halts is Halts.NOTHING
    assert us.view.fills[0].price == 10, "ours is kept"
    us.mend(*difference.mending)  # unless a person takes theirs
    assert [f.price for f in us.view.fills] == [11] and us.view.account().cash == 98_900


@case("N-S07")
def filtered_order() -> None:
    us = Us().pay()
    world = told(
        us, at("web-1", "accepted", wish=intent("5", instrument=BBB)), snap=snapshot(us, BBB="7", cash="100000")
    )
    assert look(us, world).drift and look(us, world, ignore=frozenset({"BBB"})).agrees


@case("N-S08")
def duplicate_reports() -> None:
    us = Us().pay().order()
    found = look(us, told(us, at("one", "cancelled"), at("one", "accepted")))
    assert only(found, Kind.STATUS).theirs == "cancelled" and "twice" in found.remarks[0]
    twice = told(us, at("one", "partially_filled", "10"), fills=[("1", fill("x", "10")), ("2", fill("x", "10"))],
                 snap=snapshot(cash="99900", AAA="10"))  # fmt: skip
    assert [d.kind for d in look(us, twice).differences].count(Kind.MISSED_FILL) == 1


@case("N-S09", "N-I01", "N-I02")
def long_quantity_mismatch() -> None:
    us = Us().pay().hold("100", "10")
    world = told(us, snap=snapshot(us, AAA=("150", "11")))
    found = look(us, world)
    made = aligned(us, found)
    assert (made.side.value, made.quantity, made.price, made.book) == ("buy", 50, 13, "m")  # (150·11 − 100·10) / 50
    position = us.view.account().positions["AAA"]
    assert (position.quantity, position.average_cost) == (150, 11) and look(us, world).agrees


@case("N-S10")
def short_quantity_mismatch() -> None:
    us = Us().pay().hold("-100", "10")
    world = told(us, snap=snapshot(us, AAA=("-150", "12")))
    made = aligned(us, look(us, world))
    assert (made.side.value, made.quantity, made.price) == ("sell", 50, 16)
    assert us.view.account().positions["AAA"].average_cost == 12 and look(us, world).agrees


@case("N-S11", "N-I03")
def position_smaller_at_venue() -> None:
    us = Us().pay().hold("150", "10")
    world = told(us, snap=snapshot(us, AAA=("100", "10")), prices={"AAA": Decimal(14)})
    made = aligned(us, look(us, world))
    assert (made.side.value, made.quantity, made.price) == ("sell", 50, 14)  # the market's mid
    position = us.view.account().positions["AAA"]
    assert position.quantity * (14 - position.average_cost) == 400, "what is left gained what it gained before: 100 · 4"
    other = Us().pay().hold("150", "10")
    assert aligned(other, look(other, told(other, snap=snapshot(other, AAA="100")))).price == 10  # the current average


@case("N-S12")
def side_flipped() -> None:
    us = Us().pay().hold("100", "10")
    world = told(us, snap=snapshot(us, AAA=("-50", "12")))
    made = aligned(us, look(us, world))
    assert (made.side.value, made.quantity, made.price) == ("sell", 150, 12)
    position = us.view.account().positions["AAA"]
    assert (position.quantity, position.average_cost) == (-50, 12) and look(us, world).agrees


@case("N-S13")
def alignments_are_entries_and_no_orders() -> None:
    us = Us().pay().pay("5000", "n").hold("10", book="m").hold("5", book="n", instrument=BBB)
    world = told(us, snap=snapshot(us, AAA=("20", "10"), BBB=("9", "10"), CCC=("3", "10")))
    found = look(us, world)
    for difference in found.differences:
        us.mend(*difference.mending)
    assert {f.symbol: f.book for f in us.view.fills[2:]} == {"AAA": "m", "BBB": "n", "CCC": ""}
    assert not us.view.orders, "nothing that could be sent"
    both = Us().pay().pay("5000", "n").hold("10", book="m").hold("5", book="n")
    assert aligned(both, look(both, told(both, snap=snapshot(both, AAA="20")))).book == "", "two books: nobody's"


# ── continuous ──────────────────────────────────────────────────────────────────────────────────────────────────────


@case("N-R02", "N-R03", "N-C01", "N-Q01")
def an_ambiguous_submit_stays_unknown_and_stops_its_symbol() -> None:
    us = Us().pay().order(status="unknown", time=NOW - timedelta(days=3))
    for found in ({}, {"one": None}):  # silence, and a denial: the desk may send the same id again, nothing closes it
        result = look(us, told(us, found=found))
        difference = only(result, Kind.UNSETTLED)
        assert not difference.mending and list(result.stopped) == ["AAA"] and not result.drift
    assert us.view.orders["one"].status is OrderStatus.UNKNOWN


@case("N-C06", "N-C07", "N-R04")
def a_cancel_or_change_that_is_not_answered_closes_nothing() -> None:
    us = Us().pay().order(time=NOW - timedelta(days=3))
    us.write("cancel.asked", {"client_id": "one", "who": "me", "reason": "out"})
    assert look(us, told(us)).agrees, "not listed is no answer"
    difference = only(look(us, told(us, found={"one": None})), Kind.NOT_THERE)
    assert not difference.automatic and difference.halts is Halts.SYMBOL


@case("N-R05", "N-C03", "N-C04", "N-C05")
def an_open_order_follows_the_broker() -> None:
    for status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.HELD):
        us = Us().pay().order()
        found = look(us, told(us, at("one", status.value)))
        assert only(found, Kind.STATUS).automatic
        us.mend(*found.automatic)
        assert us.view.orders["one"].status is status


@case("N-R06")
def a_position_that_differs_halts_the_account_until_a_person_mends_it() -> None:
    us = Us().pay().hold("100")
    world = told(us, snap=snapshot(us, AAA="0", cash="100000"))
    found = look(us, world)
    difference = only(found, Kind.POSITION)
    assert "AAA" in found.drift and not difference.automatic and not found.automatic
    us.mend(*difference.mending)
    assert us.view.account().holdings == {} and "AAA" not in look(us, world).drift


@case("N-R07", "N-I05", "N-I09")
def a_listing_that_lacks_an_order_proves_nothing() -> None:
    us = Us().pay().order().order("two", "filled").order("three", "cancelled").fill(fill("x", "100", client_id="two"))
    assert look(us, told(us)).agrees


@case("N-C02", "N-C09", "N-I07")
def not_found_is_asked_by_name_and_then_put_to_a_person() -> None:
    us = Us().pay().order(status="partially_filled").fill(fill("x", "40"))
    venue = Venue(snapshot(us))
    world = venue.told(us)
    assert "find one" in venue.asked
    difference = only(look(us, world), Kind.NOT_THERE)
    assert not difference.automatic
    us.mend(*difference.mending)
    assert us.view.orders["one"].status is OrderStatus.CANCELLED and us.view.account().holdings == {"AAA": 40}


@case("N-C08")
def partly_filled_then_cancelled_keeps_its_fills_and_books_the_late_one() -> None:
    us = Us().pay().order(status="partially_filled").fill(fill("x", "40"))
    found = look(us, told(us, at("one", "cancelled", "55"), fills=[("y", fill("y", "15"))],
                          snap=snapshot(us, AAA="55", cash="99450")))  # fmt: skip
    us.mend(*found.automatic)
    order = us.view.orders["one"]
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, 55) and us.view.account().holdings == {"AAA": 55}


# ── a window of history ─────────────────────────────────────────────────────────────────────────────────────────────


@case("N-W01", "N-W06")
def a_whole_history_or_none_changes_nothing() -> None:
    trades = [fill("x", "100"), fill("y", "100", side="sell"), fill("z", "30")]
    us = Us().pay().fill(*trades)
    assert look(us, told(us, fills=[(f.execution_id, f) for f in trades])).agrees
    assert look(us, told(us, fills=[])).agrees and look(Us(), told(Us())).agrees


@case("N-W02")
def an_opening_that_nobody_saw_is_one_fill() -> None:
    us = Us().pay("99500")
    sold = fill("y", "50", "12", side="sell")
    world = told(us, fills=[("y", sold)], snap=snapshot(cash="100100", AAA=("150", "10")))
    us.mend(*look(us, world).automatic)
    found = look(us, world)
    made = aligned(us, found)
    assert (made.quantity, made.price, made.side.value) == (200, 10, "buy")
    assert us.view.account().holdings == {"AAA": 150} and look(us, world).agrees


@case("N-W03")
def older_lifecycles_are_our_history_and_stay() -> None:
    us = Us().pay().fill(fill("x", "100"), fill("y", "150", side="sell"), fill("z", "80", "12"))
    assert us.view.account().holdings == {"AAA": 30}
    window = [("z", fill("z", "80", "12"))]  # the broker's window shows the last one only
    assert look(us, told(us, fills=window)).agrees and len(us.view.fills) == 3


@case("N-W04")
def a_last_lifecycle_that_differs_is_one_fill_and_touches_no_order() -> None:
    us = Us().pay().fill(fill("x", "100"), fill("y", "150", side="sell"), fill("z", "80", "12")).order("two")
    world = told(us, at("two", "accepted"), snap=snapshot(us, AAA=("45", "12")))
    made = aligned(us, look(us, world))
    assert made.quantity == 15 and len(us.view.fills) == 4 and us.view.account().holdings == {"AAA": 45}
    assert us.view.orders["two"].status is OrderStatus.ACCEPTED


@case("N-W05")
def flat_on_both_sides_is_flat() -> None:
    us = Us().pay().fill(fill("x", "100"), fill("y", "100", "12", side="sell"))
    assert look(us, told(us, snap=snapshot(us, cash="100200"))).agrees


# ── invariants ──────────────────────────────────────────────────────────────────────────────────────────────────────


@case("N-I04")
def the_same_fact_has_the_same_id_and_a_second_start_books_nothing() -> None:
    us = Us().pay().hold("100")
    world = told(us, snap=snapshot(us, AAA="150"))
    first, second = look(us, world), look(us, world, now=NOW + MINUTE)
    assert [d.id for d in first.differences] == [d.id for d in second.differences]
    assert [m.key for d in first.differences for m in d.mending] == [
        m.key for d in second.differences for m in d.mending
    ]
    for result in (first, second):
        for difference in result.differences:
            us.mend(*difference.mending)
    assert us.view.account().holdings == {"AAA": 150} and look(us, world).agrees
    us.fill(fill("sold", "50", side="sell"))  # and the same quantities a second time are another fact
    again = look(us, told(us, snap=snapshot(us, AAA="150")))
    assert of_kind(again, Kind.POSITION).mending[0].key != of_kind(first, Kind.POSITION).mending[0].key


@case("N-I06")
def what_was_touched_a_moment_ago_is_left_alone() -> None:
    us = Us().pay().order(time=NOW - timedelta(seconds=2)).order("two", "sending", time=NOW - timedelta(seconds=2))
    venue = Venue(snapshot(us))
    world = venue.told(us, recent_window=timedelta(seconds=5))
    assert not [question for question in venue.asked if question.startswith("find")]
    assert look(us, world, recent_window=timedelta(seconds=5)).agrees
    lately = fill("x", "100", time=NOW - timedelta(seconds=1))
    us.fill(lately)  # the broker's snapshot does not have it yet
    late = look(us, told(us, at("one", "accepted"), snap=snapshot(cash="100000")), recent_window=timedelta(seconds=5))
    assert not late.drift and not late.settling


@case("N-I08", "N-I13")
def a_failed_question_is_never_flat() -> None:
    us = Us().pay().hold("100").order()
    for question in ("snapshot", "fills", "bookings"):
        found = look(us, Venue(snapshot(us, AAA="0"), at("one", "accepted"), broken=(question,)).told(us))
        assert not found.differences and question in found.unanswered and not found.agrees
    assert look(us, Venue(snapshot(us), broken=("orders",)).told(us)).unanswered


@case("N-I10")
def single_questions_are_capped() -> None:
    us = Us().pay()
    for n in range(30):
        us.order(f"o{n}")
    venue = Venue(snapshot(us))
    venue.told(us, most=7)
    assert len([question for question in venue.asked if question.startswith("find")]) == 7


@case("N-I11")
def a_fill_that_comes_before_its_order_finds_it() -> None:
    us = Us().pay().order("bracket", "filled").fill(fill("x", "100", client_id="bracket"))
    venue = Venue(snapshot(us, AAA="0", cash="100500"))
    venue.executions = [("y", fill("y", "100", "15", "sell", client_id="leg", book=""))]
    leg = at("leg", "filled", "100", intent("100", "sell"), parent="bracket", time=LONG_AGO)
    venue.closed["leg"] = leg
    found = look(us, venue.told(us))
    us.mend(*found.automatic)
    assert us.view.fills[-1].book == "m", "a leg belongs to its bracket's book"
    assert us.view.orders["leg"].parent == "bracket" and us.view.account("m").holdings == {}


@case("N-I12")
def one_question_that_fails_does_not_stop_the_others() -> None:
    us = Us().pay().order().order("two")
    venue = Venue(snapshot(us), at("one", "accepted"), broken=("snapshot", "find two"))
    venue.executions = [("x", fill("x", "100"))]
    found = look(us, venue.told(us))
    assert set(found.unanswered) == {"snapshot", "order two"}
    assert [d.kind for d in found.differences if d.automatic] == [Kind.MISSED_FILL, Kind.STATUS]


@case("N-I14")
def start_up_agrees_with_an_explicit_report_or_does_not_agree() -> None:
    us = Us().pay().hold("100")
    assert look(us, Venue(snapshot(us)).told(us)).agrees
    assert not look(us, Venue(snapshot(us), broken=("snapshot",)).told(us)).agrees
    assert not look(us, told(us, snap=snapshot(us, AAA="99"))).agrees


@case("N-Q02")
def a_throttled_submit_is_settled_by_evidence_only() -> None:
    us = Us().pay().order(status="unknown")
    found = look(us, told(us, at("one", "accepted")))
    us.mend(*found.automatic)
    assert us.view.orders["one"].status is OrderStatus.ACCEPTED


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_known_case_ends_as_it_should(name: str) -> None:
    WORLDS[name]()


def test_every_case_that_is_named_is_known_and_every_known_one_has_a_world() -> None:
    assert set(WORLDS) == set(CASES)
    named = set()
    us = Us().pay().hold("100").order("one", "unknown").order("two").order("three", "cancelled")
    worlds = [
        told(us, found={"two": None}, snap=snapshot(us, AAA="3", cash="1")),
        told(us, at("one", "filled", "9"), at("three", "accepted"), at("web", "accepted"), snap=snapshot(us)),
        told(us, bookings=[("d", deposit("d", "5"))], fills=[("f", fill("f", "2"))]),
    ]
    for world in worlds:
        named |= {name for d in look(us, world).differences for name in d.cases}
    assert named and named <= set(CASES)


def test_what_is_offered_decodes_into_facts() -> None:
    us = Us().pay().hold("100")
    (written,) = of_kind(look(us, told(us, snap=snapshot(us, AAA="150"))), Kind.POSITION).mending
    assert decode(Fill, written.body["fill"]).execution_id.startswith("align:")
