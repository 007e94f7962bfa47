from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import tracemalloc
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib import data
from aura_lib.core import Bar, Bars, DataError, InputError, Quote, Tick
from aura_lib.core.ports import Stream
from aura_lib.data.stream import Feed, Poll, Reading, Replay, Traits
from tests.data.streams import OPEN, Cut, Deliver, Faulty, Silence, Step, WrongKey, heard, minutes, ticks, until

NUMBERED = Traits(consecutive=True)


def panel(rows: int, symbols: Sequence[str] = ("AAA", "BBB"), frequency: str = "1m") -> Bars:
    index = pd.date_range(OPEN + timedelta(minutes=1), periods=rows, freq="1min", tz="UTC")
    close = pd.DataFrame({s: np.arange(1.0, rows + 1) + n for n, s in enumerate(symbols)}, index=index)
    return Bars({"close": close}, source="made", frequency=frequency, calendar="24/7")


# ── replay ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sample_is_replayed_without_a_key_and_says_so(sample_bars: Bars) -> None:
    with data.stream.open(["AAPL", "MSFT"], speed="max", paused=True) as feed:
        told: list[Bar] = []
        feed.listen(told.append)
        assert feed.start().wait(20)
        stored = data.load(["AAPL", "MSFT"], source="sample:ohlcv")
        assert [b.close for b in told if b.symbol == "AAPL"] == stored.close["AAPL"].dropna().tolist()
        assert [b.volume for b in told if b.symbol == "MSFT"] == stored.volume["MSFT"].dropna().tolist()
        assert [b.time for b in told] == sorted(b.time for b in told)
        assert (feed.state, feed.time) == ("ended", stored.end)
        assert "replay:sample:ohlcv" in feed.detail and "2013-03-01" in feed.detail
        assert feed.latest()["AAPL"] == told[-2]
        assert feed.bars("MSFT") == told[-999::2]


def test_a_replay_keeps_to_its_speed_and_starts_where_it_is_told() -> None:
    with data.stream.open(["AAPL"], speed=50, start="2010-01-04", end="2010-12-31") as feed:
        assert until(lambda: len(feed.bars("AAPL")) >= 10)
        began, first = time.monotonic(), len(feed.bars("AAPL"))
        time.sleep(0.5)
        rate = (len(feed.bars("AAPL")) - first) / (time.monotonic() - began)
        assert 20 < rate < 65  # a busy machine is slower, never faster
        assert feed.bars("AAPL")[0].time.date().isoformat() == "2010-01-04"
        assert feed.state == "live"


def test_a_replay_in_a_loop_begins_again_with_nothing_remembered() -> None:
    bars = panel(50)
    with Feed(Replay(bars, speed=2000), ["AAA"], calendar="24/7", loop=True) as feed:
        told: list[Reading] = []
        count = iter(range(10**9))
        feed.through({"close": lambda bar: bar.close, "call": lambda _: float(next(count))}).listen(told.append)
        feed.start()
        assert until(lambda: len(told) > 120)
        assert [r["close"] for r in told[:120]] == [float(n % 50 + 1) for n in range(120)]
        assert len(feed.bars("AAA")) <= 50


def test_a_symbol_without_a_close_has_no_bar_at_that_moment() -> None:
    bars = panel(3)
    close = bars.close.copy()
    close.iloc[1, 0] = np.nan
    stream = Replay(Bars({"close": close}, source="made", frequency="1m", calendar="24/7"), "max")
    with heard(stream, ["AAA", "BBB"]) as (feed, told):  # type: ignore[arg-type]
        feed.start().wait(30)
        assert [(b.symbol, b.close) for b in told] == [("AAA", 1), ("BBB", 2), ("BBB", 3), ("AAA", 3), ("BBB", 4)]


@pytest.mark.parametrize("speed", [0, -1, "fast", float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float | str) -> None:
    with pytest.raises(InputError, match="speed"):
        Replay(panel(3), speed)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no stream 'nowhere'"),
        ("replay:nowhere", "no data source 'nowhere'"),
        ("poll:sample", "no live quotes"),
        ("sample", "replay:sample replays its history"),
    ],
)
def test_a_stream_that_is_not_there_is_refused_with_what_there_is(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.stream.open(["AAPL"], source)


def test_symbols_are_a_list_and_frequencies_are_known() -> None:
    with pytest.raises(InputError, match="list of texts"):
        data.stream.open("AAPL")
    with pytest.raises(InputError, match="unknown frequency"):
        data.stream.open(["AAPL"], frequency="2m")
    with data.stream.open(["AAPL"]) as feed, pytest.raises(InputError, match="no 'MSFT'"):
        feed.bars("MSFT")


def test_what_gives_prices_is_a_stream() -> None:
    assert isinstance(Replay(panel(2)), Stream)
    assert isinstance(Faulty([]), Stream)


# ── without gaps or doubles ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_stream_is_connected_again_and_what_it_missed_is_filled_in() -> None:
    truth = minutes("AAA", 30)
    stream = Faulty([truth[:10], Cut(), truth[20:]], truth)
    with heard(stream) as (feed, told):
        assert feed.start().wait(30)
        assert told == truth
        assert stream.connections == 2
        assert [g.lost for g in feed.gaps] == [0]
        assert feed.gaps[0].filled >= 10
        assert "connection was lost" in feed.troubles[0].what


def test_what_comes_between_the_question_and_the_connection_is_asked_for_once_more() -> None:
    truth = minutes("AAA", 30)
    stream = Faulty([truth[:10], Cut(), truth[25:]], truth)
    with heard(stream, now=lambda: truth[14].time) as (feed, told):  # asked at 15, heard again from 26 on
        assert feed.start().wait(30)
        assert told == truth
        assert len(stream.asked) == 2


def test_a_gap_that_cannot_be_filled_is_told() -> None:
    truth = minutes("AAA", 30)
    with heard(Faulty([truth[:10], Cut(), truth[20:]], forgets=True)) as (feed, told):
        assert feed.start().wait(30)
        assert told == truth[:10] + truth[20:]
        (gap,) = feed.gaps
        assert (gap.after, gap.until, gap.filled, gap.lost) == (truth[9].time, truth[20].time, 0, None)
        assert "no history is kept" in gap.reason


def test_repeats_are_dropped_and_counted() -> None:
    truth = minutes("AAA", 10)
    with heard(Faulty([truth[:6], truth[3:8], truth[2:4], truth[8:]])) as (feed, told):
        assert feed.start().wait(30)
        assert told == truth
        assert feed.repeats == 5


def test_two_trades_of_one_moment_are_two_trades() -> None:
    one, two = (Tick("AAA", OPEN + timedelta(seconds=1), 10.0, 5.0, n) for n in (7, 8))
    unnumbered = [Tick("AAA", OPEN + timedelta(seconds=2), p, float("nan")) for p in (10.0, 11.0, float("10.0"))]
    with heard(Faulty([[one, two, one], unnumbered])) as (feed, told):
        assert feed.start().wait(30)
        assert told == [one, two, *unnumbered[:2]]


def test_a_trade_that_comes_late_is_told_once() -> None:
    truth = ticks("AAA", 10)
    late = [*truth[:3], *truth[4:8], truth[3], truth[3], *truth[8:]]
    with heard(Faulty([late])) as (feed, told):
        assert feed.start().wait(30)
        assert sorted(told, key=lambda t: t.time) == truth
        assert len(told) == 10
        assert feed.latest()["AAA"] == truth[-1]


def test_a_number_that_was_skipped_is_filled_before_what_follows_it() -> None:
    truth = ticks("AAA", 20)
    with heard(Faulty([truth[:5], truth[8:12], truth[12:]], truth, NUMBERED)) as (feed, told):
        assert feed.start().wait(30)
        assert told == truth
        assert [(g.filled, g.lost) for g in feed.gaps] == [(3, 0)]


def test_numbers_that_stay_missing_are_counted() -> None:
    truth = minutes("AAA", 20, numbered=True)
    known = [bar for bar in truth if bar.sequence != 7]
    with heard(Faulty([truth[:5], truth[8:]], known, NUMBERED)) as (feed, told):
        assert feed.start().wait(30)
        assert told == known
        assert [(g.filled, g.lost, g.after) for g in feed.gaps] == [(2, 1, truth[4].time)]


@settings(max_examples=40, deadline=None)
@given(chance=st.randoms(use_true_random=False), cuts=st.integers(0, 4))
def test_whatever_goes_wrong_all_is_told_once_and_each_symbol_in_order(chance: object, cuts: int) -> None:
    truth = sorted([*minutes("AAA", 40), *minutes("BBB", 40)], key=lambda b: (b.time, b.symbol))
    random = chance
    steps: list[Step] = []
    place = 0
    for _ in range(cuts + 1):
        stop = random.randint(place, len(truth))  # type: ignore[attr-defined]
        steps.append(truth[max(place - random.randint(0, 9), 0) : stop])  # type: ignore[attr-defined]
        steps.append(Cut())
        place = random.randint(stop, len(truth))  # type: ignore[attr-defined]
    stream = Faulty([*steps, truth[place:], truth[-3:]], truth)
    with heard(stream, ["AAA", "BBB"], waits=(0.0, 0.0)) as (feed, told):
        assert feed.start().wait(30)
        heard_any = steps and any(isinstance(s, list) and s for s in steps)
        first = min((b.time for b in told), default=None)
        for symbol in ("AAA", "BBB"):
            ours = [b for b in told if b.symbol == symbol]
            assert [b.time for b in ours] == sorted({b.time for b in ours})
            if heard_any and first is not None:
                assert [b for b in truth if b.symbol == symbol and b.time > first] == [
                    b for b in ours if b.time > first
                ]


def test_waits_grow_and_a_wrong_key_is_not_tried_again() -> None:
    stream = Faulty([Cut(), Cut(), Cut(), WrongKey(), minutes("AAA", 3)])
    with heard(stream) as (feed, told):
        assert feed.start().wait(30)
        assert (feed.state, stream.connections, told) == ("failed", 4, [])
        assert "FAULTY_API_KEY" in feed.detail
        assert "FAULTY_API_KEY" in feed.troubles[-1].what


def test_a_client_that_breaks_in_an_unknown_way_is_a_failed_feed_not_a_lost_thread() -> None:
    class Broken(Faulty):
        def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Event) -> None:
            raise ZeroDivisionError("in the vendor's code")

    with heard(Broken([])) as (feed, _):
        assert feed.start().wait(30)
        assert feed.state == "failed" and "ZeroDivisionError" in feed.detail


def test_while_it_connects_again_it_says_so() -> None:
    with heard(Faulty([minutes("AAA", 3), Cut()]), waits=(5.0, 5.0)) as (feed, told):
        feed.start()
        assert until(lambda: "attempt 2" in feed.detail)
        assert feed.state == "reconnecting" and "the connection was lost" in feed.detail
        assert len(told) == 3


# ── silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_silence_is_stale_only_while_the_market_is_open() -> None:
    now = [OPEN + timedelta(minutes=5)]
    stream = Faulty([minutes("AAA", 5), Silence(30)])
    with heard(stream, stale_after=60.0, now=lambda: now[0]) as (feed, told):
        feed.start()
        assert until(lambda: len(told) == 5)
        assert (feed.state, feed.heard) == ("live", now[0])
        now[0] += timedelta(seconds=61)
        assert feed.state == "stale" and "no price for 61 s while XNYS is open" in feed.detail
        now[0] = OPEN + timedelta(hours=12)
        assert feed.state == "live" and "XNYS is closed" in feed.detail


def test_a_sign_of_life_is_heard_and_makes_no_old_price_new() -> None:
    now = [OPEN + timedelta(minutes=5)]
    stream = Faulty([minutes("AAA", 5), Silence(0.2), [], Silence(30)])
    with heard(stream, stale_after=60.0, now=lambda: now[0]) as (feed, told):
        feed.start()
        assert until(lambda: len(told) == 5)
        now[0] += timedelta(seconds=61)
        assert until(lambda: feed.heard == now[0])
        assert feed.state == "stale"


def test_a_connection_on_which_nothing_came_yet_is_live_and_then_stale() -> None:
    now = [OPEN + timedelta(minutes=5)]
    with heard(Faulty([Silence(30)]), stale_after=60.0, now=lambda: now[0]) as (feed, _):
        assert feed.state == "reconnecting"
        feed.start()
        assert until(lambda: feed._watch._since is not None)
        now[0] += timedelta(seconds=10)
        assert (feed.state, feed.heard) == ("live", None)
        now[0] += timedelta(seconds=60)
        assert feed.state == "stale"


# ── listeners ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_slow_listener_slows_the_stream_and_nothing_piles_up() -> None:
    produced = []

    class Endless(Faulty):
        def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Event) -> None:
            for bar in minutes("AAA", 5_000):
                if stopped.is_set():
                    return
                deliver([bar])
                produced.append(bar)

    with Feed(Endless([]), ["AAA"], capacity=20) as feed:
        told = []
        feed.listen(lambda bar: (time.sleep(0.002), told.append(bar)))
        feed.start()
        assert until(lambda: len(told) >= 100)
        assert len(produced) - len(told) <= 23


def test_a_listener_of_the_latest_skips_and_holds_up_nobody() -> None:
    slow: list[Bar] = []
    bars = sorted([*minutes("AAA", 300), *minutes("BBB", 300)], key=lambda b: b.time)
    with heard(Faulty([bars[n : n + 2] for n in range(0, 600, 2)]), ["AAA", "BBB"]) as (feed, told):
        listener = feed.listen(lambda bar: (time.sleep(0.01), slow.append(bar)), keep="latest")
        began = time.monotonic()
        assert feed.start().wait(30)
        assert time.monotonic() - began < 4  # 600 calls would take six seconds
        assert told == bars
        assert len(slow) < 300 and listener.skipped + len(slow) == 600
        assert {b.symbol: b for b in slow} == {"AAA": bars[-2], "BBB": bars[-1]}
        for symbol in ("AAA", "BBB"):
            times = [b.time for b in slow if b.symbol == symbol]
            assert times == sorted(times)


def test_a_listener_of_the_latest_may_be_told_how_often() -> None:
    seen: list[float] = []
    with Feed(Replay(panel(1000), speed=500), ["AAA"], calendar="24/7") as feed:
        feed.listen(lambda _: seen.append(time.monotonic()), keep="latest", every=0.1)
        feed.start()
        assert until(lambda: len(seen) >= 4)
        assert np.diff(seen).min() > 0.09


def test_an_error_of_a_listener_is_told_and_stops_nobody() -> None:
    def sometimes(bar: Bar) -> None:
        if bar.close in (3, 5):
            raise KeyError("no such chart")

    with heard(Faulty([minutes("AAA", 10)])) as (feed, told):
        listener = feed.listen(sometimes)
        assert feed.start().wait(30)
        assert len(told) == 10
        assert [("no such chart" in t.what, "sometimes" in t.who) for t in feed.troubles] == [(True, True)] * 2
        assert listener.heard == 10


def test_a_listener_that_keeps_failing_is_dropped() -> None:
    with heard(Faulty([minutes("AAA", 20)])) as (feed, told):
        listener = feed.listen(lambda bar: 1 / 0)
        assert feed.start().wait(30)
        assert (len(told), listener.heard, listener.closed) == (20, 5, True)
        assert "dropped after 5" in feed.troubles[-1].what
        assert isinstance(feed.troubles[-1].error, ZeroDivisionError)


def test_an_essential_listener_that_fails_ends_the_feed() -> None:
    with heard(Faulty([minutes("AAA", 20)])) as (feed, _):
        feed.listen(lambda bar: 1 / 0, essential=True)
        assert feed.start().wait(30)
        assert feed.state == "failed" and "ZeroDivisionError" in feed.detail


def test_a_listener_can_leave_and_another_come_while_it_runs() -> None:
    with Feed(Replay(panel(5000), speed=1000), ["AAA"], calendar="24/7") as feed:
        one: list[Bar] = []
        two: list[Bar] = []
        listener = feed.listen(one.append)
        feed.start()
        assert until(lambda: len(one) > 5)
        listener.close()
        count = len(one)
        feed.listen(two.append)
        assert until(lambda: len(two) > 5)
        assert len(one) <= count + 1


def test_a_listener_says_which_events_it_wants() -> None:
    with heard(Faulty([])) as (feed, _):
        with pytest.raises(InputError, match="keep='newest'"):
            feed.listen(print, keep="newest")
        with pytest.raises(InputError, match="essential"):
            feed.listen(print, keep="latest", essential=True)


# ── the life of a feed ──────────────────────────────────────────────────────────────────────────────────────────────


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("aura-")}


def test_a_closed_feed_is_gone_within_a_second_and_closing_twice_does_no_harm() -> None:
    before = threads()
    feed = Feed(Faulty([minutes("AAA", 3), Silence(60)]), ["AAA"], stale_after=60.0)
    feed.listen(lambda _: None, keep="latest")
    feed.start()
    assert until(lambda: feed.latest())
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < 1.5  # a second, on a busy machine
    assert threads() == before
    feed.close()
    assert feed.start().state == "ended"


def test_a_feed_can_be_closed_while_its_stream_waits_for_a_listener() -> None:
    gate = Event()
    feed = Feed(Faulty([[bar] for bar in minutes("AAA", 100)]), ["AAA"], capacity=2)
    feed.listen(lambda _: gate.wait(0.3))
    feed.start()
    assert until(lambda: feed.latest())
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < 1.5  # a second, on a busy machine
    gate.set()


def test_a_listener_that_hangs_does_not_keep_its_feed_from_closing() -> None:
    gate = Event()
    feed = Feed(Faulty([minutes("AAA", 3), Silence(60)]), ["AAA"])
    for _ in range(3):
        feed.listen(lambda _: gate.wait(20), keep="latest")
    feed.start()
    assert until(lambda: feed.latest())
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < 1.5
    gate.set()


def test_a_listener_may_close_its_feed() -> None:
    feed = Feed(Faulty([minutes("AAA", 100), Silence(60)]), ["AAA"])
    feed.listen(lambda bar: feed.close() if bar.close == 10 else None)
    feed.start()
    assert feed.wait(2) and feed.state == "ended"
    assert until(lambda: not any("faulty" in name for name in threads()))


def test_it_runs_beside_an_event_loop_as_in_a_kernel() -> None:
    async def cell() -> int:
        with data.stream.open(["AAPL"], speed=200) as feed:
            seen: list[str] = []
            feed.listen(lambda _: seen.append(threading.current_thread().name))
            while len(seen) < 5:
                await asyncio.sleep(0.005)
            assert threading.current_thread().name not in seen
            return len(seen)

    assert asyncio.run(cell()) >= 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_feed_that_says_it_is_over() -> None:
    with Feed(Replay(panel(1000), speed=100), ["AAA"], calendar="24/7") as feed:
        feed.start()
        child = os.fork()
        if not child:
            feed.close()
            os._exit(0 if feed.state == "ended" and "another process" in feed.detail else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert until(lambda: feed.state == "live")


def test_memory_stays_flat_over_a_long_replay() -> None:
    with Feed(Replay(panel(60_000, ["AAA"]), "max"), ["AAA"], calendar="24/7") as feed:
        feed.every("5m").through({"close": lambda bar: bar.close}).listen(lambda _: None)
        tracemalloc.start()
        try:
            feed.start()
            assert until(lambda: feed.events > 10_000, 30)
            gc.collect()
            early = tracemalloc.get_traced_memory()[0]
            assert feed.wait(60)
            gc.collect()
            late = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert late - early < 500_000


# ── poll ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Market:
    """Quotes that change now and then, and a vendor that is down once."""

    name = "market"

    def __init__(self) -> None:
        self.asked = 0

    def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        self.asked += 1
        if self.asked == 3:
            raise DataError("market is down")
        price = float(self.asked // 2)
        return [Quote(s, OPEN + timedelta(seconds=price), price, volume=100 * price) for s in symbols]


def test_polling_tells_what_has_changed_and_what_was_not_asked() -> None:
    market = Market()
    with heard(Poll(market, "market", every=0.01), ["AAA", "BBB"]) as (feed, told):  # type: ignore[arg-type]
        feed.start()
        assert until(lambda: market.asked > 10)
        prices = [t.price for t in told if t.symbol == "AAA"]
        assert prices == sorted(set(prices)) and len(prices) >= 4
        assert {t.size for t in told[2:] if isinstance(t, Tick)} == {100.0}
        assert feed.gaps[0].lost is None and "was not asked" in feed.gaps[0].reason


def test_how_often_to_ask_is_a_positive_number() -> None:
    with pytest.raises(InputError, match="every"):
        Poll(Market(), "market", every=0)


def test_times_of_a_feed_are_utc_moments() -> None:
    with data.stream.open(["AAPL"], speed=100) as feed:
        assert until(lambda: feed.time)
        assert isinstance(feed.time, datetime) and feed.time.utcoffset() == timedelta(0)
        assert isinstance(feed.heard, datetime) and feed.heard.utcoffset() == timedelta(0)
