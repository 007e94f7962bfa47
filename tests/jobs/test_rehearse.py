"""A rehearsal: decisions through a real desk and the real client to a broker that misbehaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aura_lib.cli.broker import rehearse_answer
from aura_lib.core import InputError, Intent, Mode, Side
from aura_lib.execution import Terms
from aura_lib.execution.feed import Feed
from aura_lib.jobs import rehearse
from aura_lib.jobs.job import Job
from aura_lib.jobs.rehearse import FAIR, Decided, Outcome, Stage
from tests.execution.conftest import made_up_bars

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
JOB = Job("made-up", Path("nowhere.ipynb"), Mode.PAPER, "m", capital=Decimal(100_000))


def decided() -> list[Decided]:
    """Two slots: three purchases, then a sale, a purchase and one order that stays open."""
    bars = made_up_bars()
    feed, wishes = Feed(bars), []
    for session, legs in ((5, {"AAA": 100, "BBB": 200, "CCC": 500}), (10, {"AAA": -40, "BBB": 50})):
        slot = bars.times[session].to_pydatetime()
        intents = tuple(
            Intent(bars.instruments[s], Side.BUY if q > 0 else Side.SELL, Decimal(abs(q))) for s, q in legs.items()
        )
        wishes.append(Decided(slot, intents, feed.prices(slot)))
    return wishes


def play(home: Path, name: str) -> Outcome:
    terms = Terms("scratch")
    return Stage(home, JOB, terms, Feed(made_up_bars()), seed=1).play(name, decided())


@pytest.mark.parametrize(
    "name",
    [
        FAIR, "504-after-accept", "reset-after-accept", "lands-late", "never-arrived", "doubled-events",
        "partial-then-cancel", "positions-in-part", "restart",
    ],
)  # fmt: skip
def test_nothing_is_sent_twice_and_nothing_is_lost(name: str, tmp_path: Path) -> None:
    outcome = play(tmp_path, name)
    assert (outcome.duplicates, outcome.lost, outcome.position) == (0, 0, "right"), outcome
    assert outcome.verdict == "passed"
    assert outcome.orders == 5


def test_what_somebody_else_ordered_is_raised(tmp_path: Path) -> None:
    outcome = play(tmp_path, "id-of-another-order")
    assert (outcome.duplicates, outcome.lost, outcome.position, outcome.verdict) == (0, 0, "right", "raised")
    assert "not Aura's" in outcome.raised


def test_a_restricted_account_gets_no_order_and_is_not_asked_for_ever(tmp_path: Path) -> None:
    outcome = play(tmp_path, "account-restricted")
    assert (outcome.orders, outcome.duplicates, outcome.lost, outcome.position) == (0, 0, 0, "right")


@pytest.mark.parametrize("name", ["busted-fill", "corrected-fill"])
def test_a_trade_that_was_taken_back_is_taken_back_here_too(name: str, tmp_path: Path) -> None:
    outcome = play(tmp_path, name)
    assert (outcome.duplicates, outcome.lost, outcome.position, outcome.verdict) == (0, 0, "right", "passed"), outcome


def test_a_trade_that_was_taken_back_without_a_word_is_raised(tmp_path: Path) -> None:
    outcome = play(tmp_path, "busted-untold")
    assert (outcome.duplicates, outcome.lost, outcome.position, outcome.verdict) == (0, 0, "wrong", "raised")


def test_a_position_closed_by_somebody_else_is_taken_in(tmp_path: Path) -> None:
    outcome = play(tmp_path, "closed-outside")
    assert (outcome.duplicates, outcome.lost, outcome.position) == (0, 0, "right")


class _Forgetful(Stage):
    """A desk that was told of one order fewer than there are."""

    def _judge(self, name: str, view: Any, rehearsal: Any, seconds: float) -> Outcome:
        from aura_lib.execution.brokers.rehearsal.submission import submit

        submit(rehearsal.venue, {"symbol": "AAA", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"})
        return super()._judge(name, view, rehearsal, seconds)


def test_an_order_that_the_desk_does_not_know_is_found_out(tmp_path: Path) -> None:
    outcome = _Forgetful(tmp_path, JOB, Terms("scratch"), Feed(made_up_bars()), seed=1).play(FAIR, decided())
    assert (outcome.duplicates, outcome.position, outcome.verdict) == (1, "wrong", "WRONG")


def test_a_wrong_rehearsal_is_an_exit_code() -> None:
    good = Outcome(FAIR, 5, 0, 0, 0, "right", "", 1.0)
    assert rehearse_answer("job", [good]).code == 0
    for bad in (replace(good, duplicates=1), replace(good, lost=1), replace(good, position="wrong")):
        assert bad.verdict == "WRONG" and rehearse_answer("job", [good, bad]).code == 1
    raised = replace(good, position="wrong", raised="AAA: 5 here, 6 there")
    assert replace(good, scenario="cancel-done-but-504").verdict == "not met"
    assert raised.verdict == "raised" and rehearse_answer("job", [raised]).code == 0


@pytest.mark.parametrize(
    "name",
    [
        "cancel-refused-filled", "cancel-done-but-504", "cancel-not-done-504", "pending-cancel",
        "replace-refused-but-done", "replace-done-but-html", "replace-after-partial", "late-fill-after-cancel",
        "fill-during-replace",
    ],
)  # fmt: skip
def test_what_goes_wrong_with_changes_and_cancels_is_met_by_a_person_at_the_desk(name: str, tmp_path: Path) -> None:
    outcome = play(tmp_path, name)
    assert outcome.happened and outcome.verdict == "passed", outcome
    assert (outcome.duplicates, outcome.lost, outcome.position) == (0, 0, "right"), outcome


def test_an_order_that_a_change_left_behind_is_raised(tmp_path: Path) -> None:
    outcome = play(tmp_path, "replace-makes-two")
    assert (outcome.duplicates, outcome.lost, outcome.verdict) == (0, 0, "raised") and "not Aura's" in outcome.raised


def test_in_a_storm_the_whole_basket_is_sent_and_nothing_is_left(tmp_path: Path) -> None:
    outcome = play(tmp_path, "429-storm")
    assert (outcome.orders, outcome.duplicates, outcome.lost, outcome.verdict) == (5, 0, 0, "passed"), outcome


def test_several_go_wrong_in_one_rehearsal_each_at_its_time(tmp_path: Path) -> None:
    outcome = play(tmp_path, "504-after-accept@2, restart@1h, late-fill-after-cancel")
    assert outcome.happened == 3 + 1 + 1, "the restart also cuts two connections"
    assert (outcome.duplicates, outcome.lost, outcome.position, outcome.verdict) == (0, 0, "right", "passed"), outcome


def test_without_a_choice_every_scenario_is_rehearsed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS

    asked: list[str] = []

    def known(stage: Stage, name: str, wishes: Sequence[Decided]) -> Outcome:
        asked.append(name)
        return Outcome(name, 5, 1, 0, 0, "right", "", 1.0)

    monkeypatch.setattr(rehearse, "decide", lambda *given: (decided(), {}))
    monkeypatch.setattr(rehearse, "_terms", lambda *given: Terms("scratch"))
    monkeypatch.setattr(rehearse, "_feed", lambda *given: Feed(made_up_bars()))
    monkeypatch.setattr(Stage, "play", known)
    runner: Any = None
    outcomes = rehearse.rehearse(runner, JOB, "2021-01-11", "2021-01-15")
    assert asked == [FAIR, *SCENARIOS] and len(SCENARIOS) >= 62
    answer = rehearse_answer("job", outcomes)
    every = len(SCENARIOS)
    assert answer.show[-1] == f"{every} of {every} scenarios met: 0 orders twice, 0 lost, 0 went wrong."
    with pytest.raises(InputError, match="there is no scenario 'sunshine'"):
        rehearse.rehearse(runner, JOB, "2021-01-11", "2021-01-15", ["504-after-accept,sunshine"])
