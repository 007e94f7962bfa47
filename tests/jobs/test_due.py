"""Which slots are run and which were missed: a table, and a slow plain computation beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Schedule, utc
from aura_lib.jobs.due import Policy, due

HOUR = timedelta(hours=1)
MON, TUE, WED, THU = (datetime(2022, 3, day, 21, tzinfo=UTC) for day in (7, 8, 9, 10))
SKIP, ALL, QUEUE = Policy(), Policy(catch_up=True), Policy(queue=True)
TWO_HOURS, FOUR_DAYS = Policy(once_within=2 * HOUR), Policy(once_within=timedelta(days=4))


@pytest.mark.parametrize(
    ("policy", "slots", "now", "run", "missed"),
    [
        # nothing is due yet, or it has just come
        (SKIP, [], THU, [], []),
        (SKIP, [THU], THU - timedelta(seconds=1), [], []),
        (SKIP, [THU], THU, [THU], []),
        (SKIP, [THU], THU + HOUR, [THU], []),
        # a lid that was closed over one slot, or over three
        (SKIP, [THU], THU + HOUR + timedelta(seconds=1), [], [THU]),
        (SKIP, [MON, TUE, WED], WED + 2 * HOUR, [], [MON, TUE, WED]),
        (SKIP, [MON, TUE, WED], WED + HOUR / 2, [WED], [MON, TUE]),
        (TWO_HOURS, [WED], WED + 2 * HOUR, [WED], []),
        (TWO_HOURS, [WED], WED + 3 * HOUR, [], [WED]),
        (TWO_HOURS, [TUE, WED], WED + 2 * HOUR, [WED], [TUE]),
        (FOUR_DAYS, [MON, TUE, WED], WED + 20 * HOUR, [WED], [MON, TUE]),
        (FOUR_DAYS, [MON, TUE, WED], THU, [WED], [MON, TUE]),
        (ALL, [MON, TUE, WED], WED + timedelta(days=90), [MON, TUE, WED], []),
        # the clock was set back: what comes later waits
        (ALL, [MON, TUE, WED], TUE, [MON, TUE], []),
        (SKIP, [TUE, WED], MON, [], []),
    ],
)
def test_the_policies(
    policy: Policy, slots: list[datetime], now: datetime, run: list[datetime], missed: list[datetime]
) -> None:
    found = due(slots, policy, now)
    assert (list(found.run), [slot for slot, _ in found.missed]) == (run, missed)
    assert all("nobody ran it" in why for _, why in found.missed)


@pytest.mark.parametrize(
    ("policy", "run", "missed"), [(SKIP, [], [TUE]), (QUEUE, [TUE], []), (ALL, [], [TUE]), (FOUR_DAYS, [], [TUE])]
)
def test_a_slot_that_came_while_the_run_before_it_was_at_work(
    policy: Policy, run: list[datetime], missed: list[datetime]
) -> None:
    found = due([TUE], policy, TUE + 3 * HOUR, busy=(MON, TUE + 3 * HOUR))
    assert (list(found.run), [slot for slot, _ in found.missed]) == (run, missed)
    assert all("on_overlap is skip" in why for _, why in found.missed)
    after = due([WED], policy, WED, busy=(MON, TUE + 3 * HOUR))
    assert after.run == (WED,), "one that came after it is not touched"


def plain(minutes: list[int], now: int, policy: str, grace: int, within: int) -> tuple[list[int], list[int]]:
    """The same on whole minutes, one slot at a time, with nothing of ours."""
    run, missed = [], []
    for position, minute in enumerate(minutes):
        if minute > now:
            continue
        newest = position + 1 == len(minutes) or minutes[position + 1] > now
        late = now - minute
        if policy == "all" or late <= grace or (policy == "once" and newest and late <= within):
            run.append(minute)
        else:
            missed.append(minute)
    return run, missed


@given(
    minutes=st.lists(st.integers(0, 5000), unique=True, max_size=12).map(sorted),
    now=st.integers(0, 6000),
    policy=st.sampled_from(["skip", "once", "all"]),
    grace=st.integers(0, 300),
    within=st.integers(1, 3000),
)
def test_it_agrees_with_a_plain_loop(minutes: list[int], now: int, policy: str, grace: int, within: int) -> None:
    def moment(minute: int) -> datetime:
        return datetime(2022, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)

    chosen = Policy(timedelta(minutes=grace), timedelta(minutes=within if policy == "once" else 0), policy == "all")
    found = due([moment(m) for m in minutes], chosen, moment(now))
    run, missed = plain(minutes, now, policy, grace, within)
    assert list(found.run) == [moment(m) for m in run]
    assert [slot for slot, _ in found.missed] == [moment(m) for m in missed]


@pytest.mark.parametrize(
    ("first", "last"), [(date(2022, 3, 10), date(2022, 3, 16)), (date(2022, 11, 3), date(2022, 11, 9))]
)
def test_over_the_nights_when_clocks_change_each_weekday_has_one_slot_at_four_in_new_york(
    first: date, last: date
) -> None:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    expected = [
        datetime(d.year, d.month, d.day, 16, tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
        for d in days
        if d.weekday() < 5
    ]
    start, end = expected[0] - HOUR, expected[-1] + HOUR
    slots = [utc(s) for s in Schedule.parse("XNYS daily close").slots(start, end)]
    assert slots == expected and len({s.hour for s in slots}) == 2, (
        "the hour in UTC moves, the hour in New York does not"
    )
    now = start
    fired: list[datetime] = []
    while now <= end:  # a scheduler that looks every ten minutes, through both nights
        fired += due([s for s in slots if s not in fired], Policy(), now).run
        now += timedelta(minutes=10)
    assert fired == expected
