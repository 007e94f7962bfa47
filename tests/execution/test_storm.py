"""Alpaca says that it is too much: what was throttled is sent later, once, at its pace, and cancels go before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import BrokerUnavailable, Instrument, Intent, OrderStatus, OrderType, Side, TimeInForce
from aura_lib.execution.brokers.alpaca.door import Pace, Urgency
from aura_lib.execution.brokers.rehearsal.scenarios.submits import error
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, ORDERS, Fault, Reply
from aura_lib.execution.desk.seat import Seat
from aura_lib.ledger import AccountView
from tests.execution.test_rehearsed import Stage
from tests.rehearsal import rehearsal_server

MANY, MINUTE = 60, 12  # legs of a basket; rounds of five seconds
SYMBOLS = tuple(f"S{n}" for n in range(MANY))
SLOW = Reply(429, error(429, "too many requests.").content, headers=(("Retry-After", "40"),))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(Seat, "may_ask", lambda self, client_id: True)  # time passes by rounds here
    with rehearsal_server(more=dict.fromkeys(SYMBOLS, "100")) as rehearsal:
        made = Stage(rehearsal, tmp_path, SYMBOLS)
        yield made
        made.close()


def pace(stage: Stage, per_minute: int) -> None:
    """Alpaca takes so many requests a minute, of the venue's time."""
    door = stage.broker._door
    door._pace = Pace(per_minute, per_minute // 4, lambda: stage.venue.market.now.timestamp())


def basket(stage: Stage, legs: int = MANY) -> None:
    """Purchases far below the market: they rest."""
    words = {"limit_price": Decimal(95), "time_in_force": TimeInForce.GTC}
    stage.propose(
        "job",
        *(Intent(Instrument(s), Side.BUY, Decimal(1), OrderType.LIMIT, **words) for s in SYMBOLS[:legs]),  # type: ignore[arg-type]
    )


def arrived(stage: Stage) -> Counter[str]:
    return Counter(t.client_order_id for t in stage.venue.tickets.values())


def unsent(view: AccountView) -> list[str]:
    waits = (OrderStatus.APPROVED, OrderStatus.SENDING, OrderStatus.UNKNOWN)
    return [o.client_id for o in view.live.values() if o.status in waits]


def play(stage: Stage, rounds: int) -> list[int]:
    """Let time pass; how many requests were made in each round."""
    made = []
    for _ in range(rounds):
        before = len(stage.rehearsal.asked)
        stage.play(1)
        made.append(len(stage.rehearsal.asked) - before)
    return made


def test_a_basket_larger_than_the_minute_is_sent_over_several_never_faster(stage: Stage) -> None:
    pace(stage, 40)
    basket(stage)
    made = play(stage, 5 * MINUTE)
    assert max(sum(made[n : n + MINUTE]) for n in range(len(made) - MINUTE)) <= 40
    view = stage.view
    assert not unsent(view) and set(arrived(stage).values()) == {1} and len(arrived(stage)) == MANY
    entries = Counter(e.body["client_id"] for e in stage.ledger.journal.entries("live", kinds=("status",)))
    assert max(entries.values()) <= 2, "what waits for room is approved, and nothing is written of it"


def test_after_a_storm_everything_is_sent_once_though_every_request_was_refused_for_minutes(stage: Stage) -> None:
    storm = Fault("GET|POST|DELETE|PATCH", "/v2/.*", SLOW, does=False, times=FOR_EVER)
    basket(stage, 20)
    stage.rehearsal.weather.faults.append(storm)
    made = play(stage, 4 * MINUTE)
    assert not arrived(stage) and len(unsent(stage.view)) == 20
    assert sum(made) <= 4 * MINUTE * 5 / 40 + 1, "one request each time that it may be asked again"
    stage.rehearsal.weather.clear()
    play(stage, MINUTE)
    assert not unsent(stage.view) and set(arrived(stage).values()) == {1} and len(arrived(stage)) == 20


def test_an_order_that_was_throttled_is_looked_up_before_it_is_sent_again_under_its_id(stage: Stage) -> None:
    stage.rehearsal.weather.faults.append(Fault("POST", ORDERS, SLOW, does=False))
    basket(stage, 1)
    play(stage, MINUTE)
    asked = [r for r in stage.rehearsal.asked if r.method == "POST" or "client_order_id" in r.path]
    posts = [n for n, r in enumerate(asked) if r.method == "POST"]
    assert len(posts) == 2 and any(r.method == "GET" for r in asked[posts[0] : posts[1]])
    assert asked[posts[0]].body == asked[posts[1]].body
    assert set(arrived(stage).values()) == {1}


def test_one_that_was_throttled_and_booked_nevertheless_is_not_sent_again(stage: Stage) -> None:
    stage.rehearsal.weather.faults.append(Fault("POST", ORDERS, SLOW, good=True))
    basket(stage, 1)
    play(stage, MINUTE)
    assert [r.method for r in stage.rehearsal.asked].count("POST") == 1
    assert set(arrived(stage).values()) == {1} and not unsent(stage.view)


def test_a_cancel_goes_before_orders_and_through_a_storm(stage: Stage) -> None:
    pace(stage, 40)
    basket(stage)
    play(stage, 1)
    (first, *_) = [o for o in stage.view.live.values() if o.status is OrderStatus.ACCEPTED]
    assert unsent(stage.view), "there is no room for orders now"
    stage.ledger.inbox.ask("live", "cancel", {"client_id": first.client_id, "who": "me", "reason": "out"}, "out")
    play(stage, 1)
    ticket = stage.venue.find(first.client_id)
    assert ticket is not None and ticket.status == "canceled"
    assert unsent(stage.view), "and there still is none"


def test_what_was_not_sent_when_its_session_ends_is_not_sent_any_more(stage: Stage) -> None:
    stage.rehearsal.weather.faults.append(Fault("POST", ORDERS, SLOW, does=False, times=FOR_EVER))
    basket(stage, 3)
    play(stage, 2)
    with stage.venue.lock:
        stage.venue.advance(stage.venue.market.now + timedelta(hours=5))  # past four in New York
    stage.rehearsal.weather.clear()
    play(stage, MINUTE)
    assert not arrived(stage)
    assert {o.status for o in stage.view.orders.values()} == {OrderStatus.EXPIRED}


def test_cancels_and_look_ups_have_more_room_than_orders_and_these_more_than_questions() -> None:
    now = [0.0]
    pace = Pace(per_minute=8, kept_free=4, now=lambda: now[0])
    for urgency, more in ((Urgency.QUESTION, 4), (Urgency.ORDER, 2), (Urgency.FIRST, 2)):
        for _ in range(more):
            pace.take(urgency)
        with pytest.raises(BrokerUnavailable, match="the next in 60 s"):
            pace.take(urgency)
    now[0] += 61
    assert pace.room() == 6
    pace.take(Urgency.QUESTION)
    assert pace.room() == 5


def test_while_it_wants_to_be_left_alone_a_cancel_a_second_leaves_and_nothing_else() -> None:
    now = [0.0]
    pace = Pace(now=lambda: now[0])
    pace.close(30)
    for urgency in Urgency:
        with pytest.raises(BrokerUnavailable, match="the next request in 30 s"):
            pace.take(urgency)
    assert pace.room() == 0
    pace.take(Urgency.FIRST, cancels=True)  # Alpaca may refuse it, and that is an answer
    with pytest.raises(BrokerUnavailable):
        pace.take(Urgency.FIRST, cancels=True)
    now[0] += 1
    pace.take(Urgency.FIRST, cancels=True)
    now[0] += 30
    pace.take(Urgency.QUESTION)


def test_without_a_word_of_how_long_each_time_is_twice_as_long_until_it_answers() -> None:
    now = [0.0]
    pace = Pace(now=lambda: now[0])
    waits = []
    for _ in range(8):
        pace.close(None)
        waits.append(pace._closed_until - now[0])
        now[0] = pace._closed_until
    assert waits == [1, 2, 4, 8, 16, 32, 32, 32]
    pace.calm()
    pace.close(None)
    assert pace._closed_until - now[0] == 1
