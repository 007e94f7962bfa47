"""Schedules of sliced orders: when, how much, and planned anew after whatever was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib.core import Bars, DataError, InputError, decode, encode
from aura_lib.execution.slicing import Schedule, quantity, twap, twap_every, volume_curve, vwap

D = Decimal
TEN = datetime(2021, 3, 3, 15, 0, tzinfo=UTC)  # 10:00 in New York
NOON = TEN + timedelta(hours=2)


def sizes(schedule: Schedule, whole: str, lot: str = "1", filling: Any = lambda place, size: size) -> list[Decimal]:
    """What each slice sends when `filling` of it is filled before the next."""
    sent, filled = [], D(0)
    for place in range(len(schedule.due)):
        sent.append(quantity(schedule, place, D(whole), filled, D(0), D(lot)))
        filled += filling(place, sent[-1])
    return sent


def test_slices_come_evenly_from_the_start_and_end_before_the_end() -> None:
    schedule = twap(TEN, NOON, 4)
    assert [moment.strftime("%H:%M") for moment in schedule.due] == ["15:00", "15:30", "16:00", "16:30"]
    assert schedule.end == NOON
    assert twap_every(TEN, NOON, 30) == schedule
    assert [m.strftime("%H:%M") for m in twap_every(TEN, NOON, 50).due] == ["15:00", "15:50", "16:40"]


def test_the_same_in_every_slice_and_what_does_not_divide_is_spread() -> None:
    assert sizes(twap(TEN, NOON, 4), "100") == [25, 25, 25, 25]
    assert sizes(twap(TEN, NOON, 4), "10") == [3, 2, 3, 2]
    assert sizes(twap(TEN, NOON, 4), "2") == [1, 0, 1, 0]
    assert sizes(twap(TEN, NOON, 3), "1", "0.01") == [D("0.33"), D("0.34"), D("0.33")]


def test_volume_decides_how_much_goes_into_each() -> None:
    assert sizes(vwap(TEN, NOON, (D("0.5"), D("0.2"), D("0.3"))), "1000") == [500, 200, 300]
    assert sizes(vwap(TEN, NOON, (D(1), D(0), D(1))), "100") == [50, 0, 50]


def test_what_a_slice_did_not_fill_is_spread_over_those_that_are_left() -> None:
    assert sizes(twap(TEN, NOON, 4), "100", filling=lambda place, size: D(0) if place == 0 else size) == [
        25,
        33,
        34,
        33,
    ]
    assert sizes(twap(TEN, NOON, 4), "100", filling=lambda *_: D(0)) == [25, 33, 50, 100]


def test_what_is_at_work_is_not_sent_again() -> None:
    assert quantity(twap(TEN, NOON, 4), 3, D(100), D(60), D(15), D(1)) == 25
    assert quantity(twap(TEN, NOON, 4), 3, D(100), D(60), D(50), D(1)) == 0


@given(
    whole=st.integers(1, 10_000),
    weights=st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any),
    lot=st.sampled_from(("1", "10", "0.001")),
    fractions=st.lists(st.sampled_from((0, 1, 2, 4)), min_size=30, max_size=30),
)
def test_slices_never_send_more_than_is_left_and_the_last_sends_all_of_it(
    whole: int, weights: list[int], lot: str, fractions: list[int]
) -> None:
    schedule, step = vwap(TEN, NOON, tuple(map(D, weights))), D(lot)
    total, filled = D(whole) // step * step, D(0)
    for place, quarters in enumerate(fractions[: len(weights)]):
        size = quantity(schedule, place, total, filled, D(0), step)
        assert 0 <= size <= total - filled and size % step == 0
        if weights[place] and not any(weights[place + 1 :]):
            assert size == total - filled
        filled += size * quarters // (4 * step) * step
    assert filled <= total


@given(st.integers(1, 5_000), st.integers(1, 60))
def test_with_every_slice_filled_no_two_slices_differ_by_more_than_a_lot(whole: int, slices: int) -> None:
    sent = sizes(twap(TEN, NOON, slices), str(whole))
    assert sum(sent) == whole
    assert max(sent) - min(sent) <= 1


@pytest.mark.parametrize(
    ("moment", "place"),
    [
        (TEN - timedelta(seconds=1), None),
        (TEN, 0),
        (NOON - timedelta(minutes=31), 2),
        (NOON - timedelta(1e-5), 3),
        (NOON, None),
    ],
)
def test_one_slice_is_on_at_a_moment(moment: datetime, place: int | None) -> None:
    assert twap(TEN, NOON, 4).place(moment) == place


@pytest.mark.parametrize(
    "make",
    [
        lambda: twap(NOON, TEN, 4),
        lambda: twap(TEN, TEN, 4),
        lambda: twap(TEN, NOON, 0),
        lambda: twap(TEN, NOON, 10**6),
        lambda: twap(TEN.replace(tzinfo=None), NOON, 4),
        lambda: twap_every(TEN, NOON, 0),
        lambda: twap_every(TEN, NOON, float("nan")),
        lambda: twap_every(TEN, NOON, 1e-9),
        lambda: vwap(TEN, NOON, ()),
        lambda: vwap(TEN, NOON, (D(0), D(0))),
        lambda: vwap(TEN, NOON, (D(1), D(-1))),
        lambda: vwap(TEN, NOON, (D(1), D("NaN"))),
        lambda: Schedule((TEN, TEN), NOON, (D(1), D(1))),
        lambda: Schedule((TEN,), NOON, (D(1), D(1))),
        lambda: Schedule((TEN,), TEN, (D(1),)),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(InputError):
        make()


def test_schedules_survive_the_journal() -> None:
    schedule = vwap(TEN, NOON, (D("0.5"), D("0.5")))
    assert decode(Schedule, encode(schedule)) == schedule


def intraday(volumes: dict[str, list[float]]) -> Bars:
    """Bars of 30 minutes from 10:00 to 12:00 in New York, four a day."""
    stamps, values = [], []
    for day, four in volumes.items():
        for n, value in enumerate(four):
            stamps.append(pd.Timestamp(f"{day} 10:30", tz="America/New_York") + pd.Timedelta(minutes=30 * n))
            values.append(value)
    index = pd.DatetimeIndex(stamps).tz_convert("UTC")
    frame = pd.DataFrame({"A": np.ones(len(values))}, index)
    return Bars({"close": frame, "volume": pd.DataFrame({"A": values}, index)}, "made up", frequency="30m")


def test_a_volume_curve_is_the_average_day_whatever_the_clocks_did() -> None:
    # the clocks of New York go forward on 2021-03-14: 10:00 there is 15:00 UTC before, 14:00 after
    bars = intraday({"2021-03-12": [40, 20, 20, 20], "2021-03-15": [400, 0, 200, 400]})
    assert volume_curve(bars, "A", TEN, NOON, 4) == (D("0.4"), D("0.1"), D("0.2"), D("0.3"))
    assert volume_curve(bars, "A", TEN, NOON, 2) == (D("0.5"), D("0.5"))


def test_without_volume_in_the_window_there_is_no_curve() -> None:
    bars = intraday({"2021-03-12": [0, 0, 0, 0]})
    with pytest.raises(DataError, match="no volume of A from 15:00 to 17:00 UTC"):
        volume_curve(bars, "A", TEN, NOON, 4)
    with pytest.raises(InputError, match="no B"):
        volume_curve(bars, "B", TEN, NOON, 4)
