"""A feed over the real alpaca-py: a cut line is connected again, and nothing is missing or there twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest

from aura_lib.core import Bar, SimulatedClock
from aura_lib.data.polite import Polite
from aura_lib.data.sources import alpaca as adapter
from tests.data.alpaca_server import Alpaca
from tests.data.test_alpaca_stream import OPEN, minute, told

stream = pytest.importorskip("aura_lib.data.stream")


def until(true: Callable[[], bool], timeout: float = 15.0) -> None:
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_cut_line_leaves_no_gap_and_no_double(alpaca: Alpaca) -> None:
    polite = Polite("alpaca", per_second=1e9, sleep=lambda seconds: None)
    clock = SimulatedClock(OPEN + timedelta(hours=1))
    line = adapter.Stream(polite=polite, clock=clock)
    heard: list[Bar] = []
    feed = stream.Feed(line, ["AAPL"], waits=(0.05, 0.1), now=clock.now)
    feed.listen(heard.append)
    with feed.start():
        alpaca.wait_for_subscription()
        alpaca.send(minute(0, close=100.0), minute(1, close=101.0))
        until(lambda: len(heard) == 2)
        alpaca.data.serve("AAPL", "1Min", [told(n) for n in range(5)])  # 2, 3 and 4 trade while nobody hears
        alpaca.hang_up()
        alpaca.wait_for_subscription(2)
        alpaca.send(minute(4, close=104.0), minute(5, close=105.0))
        until(lambda: len(heard) == 6)
        assert [bar.close for bar in heard] == [100.0 + n for n in range(6)]
        assert [bar.time for bar in heard] == [(OPEN + timedelta(minutes=n + 1)).astimezone(UTC) for n in range(6)]
        began = time.monotonic()
    assert time.monotonic() - began < 1.5


def test_wrong_keys_fail_the_feed_in_words(alpaca: Alpaca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPACA_SECRET_KEY", "wrong")
    with stream.open(["AAPL"], "alpaca") as feed:
        until(lambda: feed.state == "failed")
        assert "auth failed" in feed.detail


def test_it_is_opened_by_its_name_and_joins_minutes(alpaca: Alpaca) -> None:
    with stream.open(["AAPL"], "alpaca:feed=sip", frequency="5m") as feed:
        assert alpaca.wait_for_subscription()["path"] == "/v2/sip"
        for n in range(6):
            alpaca.send(minute(n))
        until(lambda: len(feed.bars("AAPL")) == 1)
        (bar,) = feed.bars("AAPL")
        assert (bar.time, bar.volume) == (OPEN + timedelta(minutes=5), 10 + 11 + 12 + 13 + 14)
