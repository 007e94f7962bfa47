from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from aura_lib import data
from aura_lib.core import Bar, Bars, Calendar, InputError, Tick
from aura_lib.data.stream import Feed, Replay
from aura_lib.data.stream.bins import Bins
from aura_lib.data.stream.events import Event
from aura_lib.data.stream.grid import Grid
from tests.data.streams import OPEN, Faulty, Silence, heard, minutes, ticks, until


class Measured:
    """A measure that sums closes, and can be written down."""

    def __init__(self) -> None:
        self.sum = 0.0

    def update(self, bar: Bar) -> float:
        self.sum += bar.close
        return self.sum

    def state(self) -> float:
        return self.sum

    def restore(self, state: float) -> None:
        self.sum = state


def binned(events: Sequence[Event], frequency: str, calendar: str = "XNYS", batch: int = 7) -> tuple[list[Bar], Bins]:
    """What a step makes of events, without the threads around it."""
    feed = Feed(Faulty([]), ["AAA"], calendar=calendar)
    bins = feed.every(frequency)
    made: list[Bar] = []
    bins.listen(made.append)
    for first in range(0, len(events), batch):
        bins.take(events[first : first + batch])
    assert isinstance(bins, Bins)
    return made, bins


def by_pandas(events: Sequence[Tick], frequency: str) -> pd.DataFrame:
    frame = pd.DataFrame([(t.time, t.price, t.size) for t in events], columns=["time", "price", "size"])
    groups = frame.set_index("time").resample(frequency, label="right", closed="left")
    bars = groups["price"].ohlc().assign(volume=groups["size"].sum())
    return bars[groups["price"].count() > 0]


@pytest.mark.parametrize(("frequency", "rule"), [("1m", "1min"), ("5m", "5min"), ("15m", "15min"), ("1h", "1h")])
def test_bars_of_ticks_are_those_that_pandas_makes(rng: np.random.Generator, frequency: str, rule: str) -> None:
    seconds = np.sort(rng.uniform(0, 6 * 3600, 4000)).round(6)
    prices = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 4000)))
    start = datetime(2024, 3, 10, 6, tzinfo=UTC)  # New York changes its clock this night; UTC does not
    events = [
        Tick("AAA", start + timedelta(seconds=float(s)), float(p), float(rng.integers(1, 9)), n)
        for n, (s, p) in enumerate(zip(seconds, prices, strict=True))
    ]
    made, bins = binned(events, frequency, "24/7")
    expected = by_pandas(events, rule).iloc[: len(made)]
    found = pd.DataFrame([(b.time, b.open, b.high, b.low, b.close, b.volume) for b in made])
    assert found[0].tolist() == expected.index.to_pydatetime().tolist()
    np.testing.assert_allclose(found[[1, 2, 3, 4, 5]], expected, rtol=1e-12)
    assert len(by_pandas(events, rule)) - len(made) <= 1
    assert (bins.late, bins.outside) == (0, 0)


def test_a_bar_of_minutes_is_there_with_its_last_minute() -> None:
    made, _ = binned(minutes("AAA", 11), "5m", batch=1)
    assert [(b.time - OPEN, b.open, b.high, b.low, b.close, b.volume) for b in made] == [
        (timedelta(minutes=5), 1, 5.5, 0.5, 5, 15),
        (timedelta(minutes=10), 6, 10.5, 5.5, 10, 40),
    ]
    assert {b.frequency for b in made} == {"5m"}


def test_hours_are_counted_from_the_open_and_the_last_one_ends_with_the_session() -> None:
    black_friday = datetime(2022, 11, 25, 14, 30, tzinfo=UTC)  # 9:30 to 13:00 in New York
    made, bins = binned([Tick("AAA", black_friday + timedelta(minutes=n), n, 1.0, n) for n in range(214)], "1h")
    assert [b.time.hour * 60 + b.time.minute for b in made] == [930, 990, 1050]
    assert made[0].close == 59
    bins.clock(black_friday + timedelta(hours=4))
    grid = Grid("1h", "XNYS")
    close = datetime(2022, 11, 25, 18, tzinfo=UTC)
    assert grid.end(close, instant=True) == close  # the closing auction is in the last bar
    assert grid.end(close + timedelta(microseconds=1), instant=True) is None
    assert grid.end(black_friday, instant=True) == black_friday + timedelta(hours=1)
    assert grid.end(black_friday, instant=False) is None


def test_the_grid_follows_the_exchange_through_a_change_of_its_clock() -> None:
    grid = Grid("1h", "XNYS")
    winter, summer = datetime(2024, 3, 8, 15, tzinfo=UTC), datetime(2024, 3, 11, 14, tzinfo=UTC)
    assert grid.end(winter, instant=True) == datetime(2024, 3, 8, 15, 30, tzinfo=UTC)
    assert grid.end(summer, instant=True) == datetime(2024, 3, 11, 14, 30, tzinfo=UTC)


def test_days_and_weeks_end_with_their_sessions() -> None:
    week = [datetime(2024, 3, 25 + n, 15, tzinfo=UTC) for n in range(4)]  # Good Friday follows
    assert Grid("1d", "XNYS").end(week[0], instant=True) == datetime(2024, 3, 25, 20, tzinfo=UTC)
    grid = Grid("1w", "XNYS")
    assert {grid.end(day, instant=True) for day in week} == {datetime(2024, 3, 28, 20, tzinfo=UTC)}
    crypto = Grid("1w", "24/7")
    sunday = datetime(2024, 3, 31, 23, tzinfo=UTC)
    assert crypto.end(sunday, instant=True) == datetime(2024, 4, 1, tzinfo=UTC)
    assert crypto.end(sunday + timedelta(hours=2), instant=True) == datetime(2024, 4, 8, tzinfo=UTC)


def test_what_is_traded_outside_of_the_session_is_counted_and_left_out() -> None:
    early = [Tick("AAA", OPEN - timedelta(minutes=m), 1.0, 1.0, m) for m in (30, 20)]
    made, bins = binned([*early, *ticks("AAA", 70)], "1m")
    assert (bins.outside, len(made)) == (2, 1)
    assert made[0].open == 1.0 and made[0].volume == 59


def test_a_late_trade_counts_while_its_bar_is_open_and_is_counted_after() -> None:
    t = ticks("AAA", 200)
    slightly = [*t[:55], *t[56:60], t[55], *t[60:]]  # one second late, within the grace
    made, bins = binned(slightly, "1m", batch=1)
    assert (made[0].volume, made[0].close, bins.late) == (59, 59.0, 0)
    much = [*t[:55], *t[56:100], t[55], *t[100:]]
    made, bins = binned(much, "1m", batch=1)
    assert (made[0].volume, bins.late) == (58, 1)


def test_a_late_trade_does_not_become_the_close() -> None:
    t = ticks("AAA", 62)
    made, _ = binned([t[1], t[2], t[0], *t[3:58], *t[59:61], t[58], t[61]], "1m", batch=1)
    assert (made[0].open, made[0].close, made[0].volume) == (1.0, 59.0, 59)


def test_another_symbol_ends_the_bar_of_a_quiet_one() -> None:
    busy = ticks("BBB", 200)
    made, _ = binned(sorted([*ticks("AAA", 3), *busy], key=lambda e: e.time), "1m")
    assert [(b.symbol, b.close) for b in made if b.symbol == "AAA"] == [("AAA", 3.0)]
    assert [b.symbol for b in made] == ["AAA", "BBB", "BBB", "BBB"]


def test_the_clock_ends_the_bar_of_a_quiet_minute() -> None:
    now = [OPEN + timedelta(seconds=30)]
    with heard(Faulty([ticks("AAA", 20), Silence(30)]), now=lambda: now[0]) as (feed, told):
        bars: list[Bar] = []
        feed.every("1m").listen(bars.append)
        feed.start()
        assert until(lambda: len(told) == 20)
        assert not until(lambda: bars, 0.3)
        now[0] = OPEN + timedelta(seconds=61)
        assert not until(lambda: bars, 0.3)
        now[0] = OPEN + timedelta(seconds=62)
        assert until(lambda: bars), (feed.state, feed.detail, feed.troubles)
        assert (bars[0].close, bars[0].time) == (20.0, OPEN + timedelta(minutes=1))
        assert feed.bars("AAA") == bars


def test_a_bar_of_minutes_waits_half_a_minute_for_the_last_one() -> None:
    made, bins = binned(minutes("AAA", 4), "5m")
    bins.clock(OPEN + timedelta(minutes=5, seconds=29))
    assert made == []
    bins.take(minutes("AAA", 1, first=5))
    assert [b.close for b in made] == [5]
    bins.take(minutes("AAA", 3, first=6))
    bins.clock(OPEN + timedelta(minutes=10, seconds=30))
    assert [b.close for b in made] == [5, 8]
    bins.take(minutes("AAA", 1, first=10))
    assert (len(made), bins.late) == (2, 1)


def test_a_minute_without_a_trade_has_no_bar_and_an_unfinished_one_is_not_told() -> None:
    made, _ = binned([*ticks("AAA", 10), *ticks("AAA", 10, first=300)], "1m")
    assert [b.time for b in made] == [OPEN + timedelta(minutes=1)]


def test_a_volume_that_is_not_told_is_not_zero() -> None:
    silent = [Tick("AAA", OPEN + timedelta(seconds=s), 1.0) for s in (1, 2)]
    half = [Tick("AAA", OPEN + timedelta(seconds=s), 1.0, size) for s, size in ((61, math.nan), (62, 3.0))]
    made, _ = binned([*silent, *half, *ticks("AAA", 1, first=400)], "1m")
    assert math.isnan(made[0].volume) and made[1].volume == 3.0


def test_finer_bars_are_not_made_of_coarser_ones() -> None:
    day = Bar("AAA", OPEN + timedelta(hours=6.5), 1, 1, 1, 1, 1, "1d")
    with heard(Faulty([[day]])) as (feed, _):
        feed.every("5m").listen(print)
        assert feed.start().wait(30)
        assert feed.state == "failed" and "cannot be made of bars of 1d" in feed.detail


def test_bars_that_are_what_was_asked_for_pass_as_they_are() -> None:
    with heard(Faulty([minutes("AAA", 20)]), frequency="1m") as (feed, told):
        assert feed.start().wait(30)
        assert told == minutes("AAA", 20)


def test_a_feed_of_a_frequency_tells_bars_of_it() -> None:
    with heard(Faulty([ticks("AAA", 400)]), frequency="5m") as (feed, told):
        assert feed.start().wait(30)
        assert [(b.frequency, b.open, b.close) for b in told if isinstance(b, Bar)] == [("5m", 1.0, 299.0)]
        assert feed.bars("AAA") == told
        assert isinstance(feed.latest()["AAA"], Tick)


def test_steps_follow_each_other_and_every_symbol_is_measured_by_itself() -> None:
    bars = sorted([*minutes("AAA", 20), *minutes("BBB", 20)], key=lambda b: b.time)
    with heard(Faulty([bars]), ["AAA", "BBB"]) as (feed, _):
        found = []
        five = feed.every("5m").through({"sum": Measured()})
        five.map(lambda r: r if r["sum"] > 20 else None).through({"close": lambda bar: bar.close}).listen(found.append)
        assert feed.start().wait(30)
        for symbol in ("AAA", "BBB"):
            assert [(r["sum"], r["close"]) for r in found if r.symbol == symbol] == [(30, 15), (50, 20)]


def test_a_measure_that_breaks_begins_anew_and_is_told_of() -> None:
    class Fragile(Measured):
        def update(self, bar: Bar) -> float:
            if bar.close == 5:
                raise ValueError("five")
            return super().update(bar)

    with heard(Faulty([minutes("AAA", 8)])) as (feed, told):
        sums: list[float] = []
        feed.through({"whole": Measured(), "fragile": Fragile()}).listen(lambda r: sums.append(r["whole"]))
        assert feed.start().wait(30)
        np.testing.assert_array_equal(sums, [1, 3, 6, 10, math.nan, 6, 13, 21])
        assert "five" in feed.troubles[0].what and len(told) == 8


def test_what_is_no_measure_is_refused() -> None:
    with heard(Faulty([])) as (feed, _):
        with pytest.raises(InputError, match="update"):
            feed.through({"sma": 20})  # type: ignore[dict-item]
        with pytest.raises(InputError, match="none was given"):
            feed.through({})


def test_steps_that_were_written_down_go_on_where_they_were() -> None:
    events = ticks("AAA", 1000)
    whole: list[object] = []
    first: list[object] = []

    def steps(sink: list[object]) -> Feed:
        feed = Feed(Faulty([]), ["AAA"])
        feed.every("1m").through({"sum": Measured()}).listen(lambda r: sink.append((r.time, r["sum"])))
        return feed

    steps(whole)._root.take(events)
    before = steps(first)
    before._root.take(events[:333])
    kept = json.loads(json.dumps(before._root.state()))
    after = steps(first)
    after._root.restore(kept)
    after._root.take(events[333:])
    assert first == whole and len(whole) == 16
    with pytest.raises(InputError, match="steps have changed"):
        Feed(Faulty([]), ["AAA"])._root.restore(kept)


@pytest.mark.parametrize("calendar", ["XNYS", "XNSE", "XLON", "XHKG", "24/7", "24/5"])
@pytest.mark.parametrize("frequency", ["5m", "15m", "1h", "1d", "1w"])
def test_every_moment_has_the_bar_that_the_calendar_gives_it(calendar: str, frequency: str) -> None:
    start, end = datetime(2024, 1, 19, tzinfo=UTC), datetime(2024, 4, 3, tzinfo=UTC)
    known = Calendar.of(calendar)
    closes = known.bar_closes(frequency, start, end)
    grid = Grid(frequency, calendar)
    for moment in pd.date_range(start, end - timedelta(days=8), freq="17min7s"):
        found = grid.end(moment.to_pydatetime(), instant=True)
        assert (found is not None) == known.status(moment).is_open, moment
        if found is not None:
            assert found == closes[closes.searchsorted(moment, side="right")], moment


@pytest.mark.parametrize("frequency", ["5m", "15m", "1h", "1d"])
def test_a_stream_makes_the_bars_that_resampling_makes_of_the_same_minutes(
    frequency: str, rng: np.random.Generator
) -> None:
    times = Calendar.of("XLON").bar_closes("1m", datetime(2024, 12, 23, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC))
    shape = (len(times), 2)  # two half days and two holidays are among them
    close = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 1e-3, shape), axis=0)), times, ["AAA", "BBB"])
    quiet = rng.random(shape) < 0.2
    walk = {"open": close.shift(1).fillna(100.0), "high": close * 1.01, "low": close * 0.98, "close": close}
    fields = {name: frame.mask(quiet) for name, frame in {**walk, "volume": close * 10}.items()}
    stored = Bars(fields, "made", "1m", calendar="XLON")
    with Feed(Replay(stored, "max"), stored.symbols, calendar="XLON", frequency=frequency) as feed:
        told: list[Bar] = []
        feed.listen(told.append)
        assert feed.start().wait(60)
    expected = data.resample(stored, frequency)
    for symbol in stored.symbols:
        found = pd.DataFrame([(b.time, b.open, b.high, b.low, b.close, b.volume) for b in told if b.symbol == symbol])
        wanted = pd.DataFrame({name: expected.fields[name][symbol] for name in fields}).dropna()
        assert found[0].tolist() == wanted.index.to_pydatetime().tolist()  # type: ignore[attr-defined]
        np.testing.assert_allclose(found[[1, 2, 3, 4, 5]], wanted, rtol=1e-12)
