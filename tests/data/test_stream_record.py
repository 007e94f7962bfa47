from __future__ import annotations

from pathlib import Path

import pytest

from aura_lib.core import InputError, Settings
from aura_lib.data import store
from aura_lib.data.stream import Feed, Replay, record
from tests.data.streams import Cut, Faulty, Silence, heard, minutes, ticks, until
from tests.data.test_stream import panel


def test_live_bars_become_history(aura_home: Path) -> None:
    bars = sorted([*minutes("AAA", 30), *minutes("BBB", 20)], key=lambda b: b.time)
    with heard(Faulty([bars[:20], Cut(), bars[10:]], bars), ["AAA", "BBB"]) as (feed, _):
        kept = record(feed, every=0)
        assert feed.start().wait(30)
    found = kept.bars()
    assert (found.source, found.frequency, found.adjustment) == ("stream:faulty", "1m", "")
    assert found.close["AAA"].tolist() == [b.close for b in minutes("AAA", 30)]
    assert found.high["BBB"].dropna().tolist() == [b.high for b in minutes("BBB", 20)]
    assert kept.kept == 50 and not [t for t in feed.troubles if "Recorder" in t.who]


def test_it_goes_on_where_it_was_on_another_day(aura_home: Path) -> None:
    for first in (1, 11):
        with heard(Faulty([minutes("AAA", 10, first)])) as (feed, _):
            kept = record(feed)
            assert feed.start().wait(30)
    assert kept.bars().close["AAA"].tolist() == [float(n) for n in range(1, 21)]
    assert len(store.at(Settings.load()).versions("stream:faulty")) == 2


def test_what_waits_is_written_at_the_end(aura_home: Path) -> None:
    with heard(Faulty([ticks("AAA", 200)])) as (feed, _):
        kept = record(feed, feed.every("1m"), every=3600)
        assert feed.start().wait(30)
    assert kept.bars().close["AAA"].tolist() == [59.0, 119.0, 179.0]


def test_a_closed_feed_leaves_nothing_unwritten(aura_home: Path) -> None:
    with heard(Faulty([minutes("AAA", 5), Silence(30)])) as (feed, told):
        kept = record(feed, every=3600)
        feed.start()
        assert until(lambda: len(told) == 5)
    assert kept.bars().close["AAA"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_replay_is_not_recorded() -> None:
    with Feed(Replay(panel(3)), ["AAA"], calendar="24/7") as feed, pytest.raises(InputError, match="history already"):
        record(feed)


def test_a_feed_that_has_gone_quiet_is_written_too(aura_home: Path) -> None:
    with heard(Faulty([minutes("AAA", 5), Silence(60)])) as (feed, _):
        kept = record(feed, every=0.3)
        feed.start()
        assert until(lambda: kept.kept == 5)
        assert feed.state != "ended" and len(kept.bars()) == 5
