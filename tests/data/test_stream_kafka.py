from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib import data
from aura_lib.core import Bar, DataError, InputError, Tick
from aura_lib.data.stream import Reading, kafka, position
from aura_lib.data.stream.guard import Guard
from aura_lib.data.stream.wire import pack, unpack
from tests.data.kafka_stage import MEASURES, SYMBOLS, market
from tests.data.streams import OPEN, minutes, ticks, until

ROOT = Path(__file__).parents[2]
number = st.floats(allow_infinity=False)
moment = st.integers(0, 4 * 10**15).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
symbol = st.text(min_size=1, max_size=9)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The client's own mock cluster: real brokers' protocol over loopback, for as long as this producer lives."""
    from confluent_kafka import Producer

    brokers = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "ignored", "log_level": 0})
    servers = ",".join(f"{b.host}:{b.port}" for b in brokers.list_topics(timeout=10).brokers.values())
    for topic in ("bars", "readings"):
        brokers.list_topics(topic, timeout=10)  # it makes them
    monkeypatch.setenv("AURA_KAFKA_BOOTSTRAP_SERVERS", servers)
    monkeypatch.setenv("AURA_KAFKA_LOG_LEVEL", "0")
    # The mock never lets a second member into a classic group after the first has left (librdkafka 2.16).
    monkeypatch.setenv("AURA_KAFKA_GROUP_PROTOCOL", "consumer")
    yield servers
    del brokers


def publish(topic: str, events: Sequence[Any]) -> None:
    send = kafka.Publisher(topic)
    for event in events:
        send(event)
    send.settle()


# ── how an event travels ────────────────────────────────────────────────────────────────────────────────────────────


@given(
    symbol=symbol, time=moment, price=number.filter(lambda p: p == p), size=number, sequence=st.none() | st.integers()
)
def test_a_tick_arrives_as_it_was_sent(
    symbol: str, time: datetime, price: float, size: float, sequence: int | None
) -> None:
    tick = Tick(symbol, time, price, size, sequence)
    assert repr(unpack(pack(tick))) == repr(tick)


@given(symbol=symbol, time=moment, numbers=st.tuples(number, number, number, number, number))
def test_a_bar_arrives_as_it_was_sent(symbol: str, time: datetime, numbers: tuple[float, ...]) -> None:
    bar = Bar(symbol, time, *numbers, frequency="5m", sequence=3)
    assert repr(unpack(pack(bar))) == repr(bar)


@given(symbol=symbol, time=moment, values=st.dictionaries(st.text(), number))
def test_a_reading_arrives_without_its_bar(symbol: str, time: datetime, values: dict[str, float]) -> None:
    reading = Reading(symbol, time, values)
    assert repr(unpack(pack(reading))) == repr(reading)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b'{"v":2,"k":"bar"}', "schema 2 came, this version of Aura knows 1: update it"),
        (b'{"v":1,"k":"order","s":"A","t":0}', "unknown kind"),
        (b'{"v":1,"k":"tick","s":"A","t":0}', "lacks something"),
        (b"\x00\x01", "no event of Aura"),
        (b"[1]", "no event of Aura"),
    ],
)
def test_what_is_not_understood_is_refused(message: bytes, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        unpack(message)


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_settings_come_from_the_environment() -> None:
    told = {"AURA_KAFKA_BOOTSTRAP_SERVERS": "k:9092", "AURA_KAFKA_SASL_MECHANISM": "PLAIN", "HOME": "/"}
    assert kafka.settings_of(told) == {"bootstrap.servers": "k:9092", "sasl.mechanism": "PLAIN"}
    with pytest.raises(InputError, match="AURA_KAFKA_BOOTSTRAP_SERVERS"):
        kafka.settings_of({})


def test_a_complaint_about_settings_holds_no_secret() -> None:
    config = {"bootstrap.servers": "127.0.0.1:1", "ssl.key.password": "hunter2", "ssl.key.pem": "hunter2 is no key"}
    with pytest.raises(InputError) as told:
        kafka.Publisher("bars", {**config, "security.protocol": "ssl"})
    assert "hunter2" not in str(told.value) and "AURA_KAFKA_" in str(told.value)
    assert told.value.__cause__ is None and told.value.__suppress_context__


def test_security_settings_reach_the_client() -> None:
    with pytest.raises(InputError, match=r"security\.protocol"):
        kafka.Publisher("bars", {"bootstrap.servers": "127.0.0.1:1", "security.protocol": "carrier-pigeon"})


@pytest.mark.parametrize("told", ["bars,groups=a", "b ars", "", "bars,group=", "bars,group=a/b"])
def test_a_topic_and_a_group_have_names(told: str) -> None:
    with pytest.raises(InputError):
        kafka.Topic(told, config={"bootstrap.servers": "127.0.0.1:1"})


def test_what_does_not_arrive_is_an_error() -> None:
    send = kafka.Publisher("bars", {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, patience=1.0)
    send(minutes("AAA", 1)[0])
    with pytest.raises(DataError, match=r"1 event.*did not reach the topic bars"):
        send.settle()


# ── how far it came ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_guard_remembers_over_a_restart() -> None:
    bars, trades = minutes("AAA", 20), ticks("BBB", 3000)
    first, second = Guard(), Guard()
    first.admit([*bars[:10], *trades[:2000]])
    second.restore(json.loads(json.dumps(first.state())))
    assert second.admit([*bars[5:], *trades[500:]]) == [*bars[10:], *trades[2000:]]
    assert second.time == trades[-1].time or second.time == bars[-1].time


def test_a_thousand_trades_of_one_moment_are_all_let_through_and_known_again() -> None:
    trades = [Tick("AAA", OPEN, 1.0, 1.0, n) for n in range(5000)]
    guard, again = Guard(), Guard()
    assert guard.admit(trades) == trades
    again.restore(json.loads(json.dumps(guard.state())))
    later = Tick("AAA", OPEN + timedelta(seconds=1), 1.0, 1.0, 5001)
    assert again.admit([*trades, later]) == [later]


def test_a_position_of_another_kind_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "place.json"
    assert position.read(place) is None
    place.write_text("{}")
    with pytest.raises(DataError, match="another version"):
        position.read(place)
    place.write_text("half a fil")
    with pytest.raises(DataError, match="does not hold the position"):
        position.read(place)


# ── over the brokers ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_schema_ends_the_feed_and_counts_nothing_as_read(cluster: str, aura_home: Path) -> None:
    from confluent_kafka import Producer

    publish("bars", minutes("AAA", 3))
    other = Producer({"bootstrap.servers": cluster, "log_level": 0})
    other.produce("bars", b'{"v":9}', key=b"AAA")
    other.flush(10)
    with data.stream.open(["AAA"], "kafka:bars") as feed:
        assert feed.wait(30)
        assert feed.state == "failed" and "schema 9" in feed.detail


def test_a_listener_that_fails_is_given_the_same_again_after_a_restart(cluster: str) -> None:
    truth = minutes("AAA", 50)
    publish("bars", truth)
    done: list[Bar] = []

    def fragile(bar: Bar) -> None:
        if bar.close == 30 and not done:
            raise OSError("disk full")

    with data.stream.open(["AAA"], "kafka:bars", paused=True) as feed:
        feed.listen(fragile, essential=True)
        assert feed.start().wait(30)
        assert feed.state == "failed" and "disk full" in feed.detail
    with data.stream.open(["AAA"], "kafka:bars", paused=True) as feed:
        feed.listen(done.append, essential=True)
        feed.start()
        assert until(lambda: len(done) == 50, 30)
    assert done == truth


def start(stage: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.data.kafka_stage", stage]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ}, start_new_session=True)


def kill(stage: subprocess.Popen[bytes]) -> None:
    if stage.poll() is None:
        os.killpg(stage.pid, signal.SIGKILL)
        stage.wait()


# The brokers give a member that was killed up after half a minute: that is what takes so long.
@pytest.mark.parametrize(
    "kills", [pytest.param((700,), id="once"), pytest.param((300, 800, 1300), id="often", marks=pytest.mark.soak)]
)
def test_a_pipeline_of_three_processes_loses_nothing_and_counts_nothing_twice_when_its_middle_is_killed(
    cluster: str, aura_home: Path, kills: tuple[int, ...]
) -> None:
    heard: list[Reading] = []
    closes = market().close
    with data.stream.open(SYMBOLS, "kafka:readings,group=signals", paused=True) as signals:
        signals.listen(heard.append, essential=True)
        signals.start()
        assert start("ingest").wait(60) == 0
        stage = start("measure")
        try:
            for enough in kills:
                assert until(lambda enough=enough: len(heard) > enough, 80), (len(heard), signals.detail)
                kill(stage)
                assert len(heard) < closes.size
                assert start("ingest").wait(60) == 0  # the first stage was started anew, and publishes all again
                stage = start("measure")
            assert until(lambda: len(heard) >= closes.size, 80), (len(heard), signals.detail)
            time.sleep(1.0)
        finally:
            kill(stage)
    assert len(heard) == closes.size
    for name in SYMBOLS:
        own = [reading for reading in heard if reading.symbol == name]
        assert [r.time for r in own] == closes.index.to_pydatetime().tolist()  # type: ignore[attr-defined]
        for key, measure in MEASURES.items():
            twin = type(measure)(*measure.made)
            np.testing.assert_array_equal([r[key] for r in own], [twin.update(p) for p in closes[name].tolist()])
