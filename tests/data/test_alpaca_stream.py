"""The real alpaca-py over a real websocket against Alpaca's protocol on loopback: live bars and trades."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import pytest

from aura_lib.core import Bar, DataError, InputError, SimulatedClock, Stream, Tick
from aura_lib.data.polite import Polite
from aura_lib.data.sources import alpaca as adapter
from tests.data.alpaca_server import KEY, SECRET, Alpaca, Fault, wire

NEW_YORK = ZoneInfo("America/New_York")
OPEN = datetime(2025, 6, 2, 9, 30, tzinfo=NEW_YORK)
SOON = 1.5  # seconds: 0.3 where nothing else runs; alpaca-py by itself would take up to 5
NIGHT = datetime(2025, 6, 1, 3, tzinfo=UTC)  # a Sunday, for crypto


def minute(
    n: int, symbol: str = "AAPL", kind: str = "b", since: datetime = OPEN, close: float = 100.0
) -> dict[str, Any]:
    told = {"o": close - 1, "h": close + 2, "l": close - 3, "c": close, "v": 10 + n, "n": 1, "vw": close}
    return {"T": kind, "S": symbol, "t": (since + timedelta(minutes=n)).astimezone(UTC), **told}


def trade(n: int, symbol: str = "AAPL", since: datetime = OPEN) -> dict[str, Any]:
    moment = (since + timedelta(milliseconds=n)).astimezone(UTC)
    return {"T": "t", "S": symbol, "t": moment, "p": 100.0 + n, "s": 5, "i": 1000 + n, "x": "V", "c": ["@"], "z": "C"}


class Listener:
    """A stream that is heard in a thread, as a notebook's would be, and what it gave and ended with."""

    def __init__(self, stream: adapter.Stream, symbols: Sequence[str]) -> None:
        self.events: list[Tick | Bar] = []
        self.batches: list[int] = []
        self.stopped, self.error = Event(), None
        self.hold, self.came = Event(), Event()
        self.hold.set()
        self._stream, self._symbols = stream, symbols
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._stream.run(self._symbols, self._deliver, self.stopped)
        except (DataError, InputError) as error:
            self.error = error

    def _deliver(self, events: Sequence[Tick | Bar]) -> None:
        self.hold.wait(20)
        self.events += events
        self.batches.append(len(events))
        self.came.set()

    def wait(self, number: int, timeout: float = 10.0) -> list[Tick | Bar]:
        until = time.monotonic() + timeout
        while len(self.events) < number and time.monotonic() < until and self.thread.is_alive():
            self.came.wait(0.05)
            self.came.clear()
        assert len(self.events) >= number, (len(self.events), self.error)
        return self.events

    def ended(self, timeout: float = 5.0) -> Any:
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "still listening"
        return self.error


@pytest.fixture
def polite(rng: np.random.Generator) -> Polite:
    return Polite("alpaca", per_second=1e9, attempts=2, sleep=lambda seconds: None, rng=rng)


Hear = Callable[..., Listener]


@pytest.fixture
def hear(alpaca: Alpaca, polite: Polite) -> Iterator[Hear]:
    """Opens a stream; at the end all are stopped."""
    open_: list[Listener] = []

    def hear(*symbols: str, options: str = "", timeout: float = 5.0) -> Listener:
        stream = adapter.Stream(options, polite=polite, timeout=timeout)
        open_.append(Listener(stream, symbols or ("AAPL",)))
        return open_[-1]

    yield hear
    for listener in open_:
        listener.hold.set()
        listener.stopped.set()
        listener.thread.join(5)


# ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_minute_is_a_bar_dated_by_its_close(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear("AAPL", "MSFT")
    told = alpaca.wait_for_subscription()
    assert told == {"path": "/v2/iex", "bars": ["AAPL", "MSFT"], "updatedBars": ["AAPL", "MSFT"]}
    alpaca.send(minute(0), minute(0, "MSFT", close=400.0))
    alpaca.send(minute(1))
    first, second, third = listener.wait(3)
    moment = datetime(2025, 6, 2, 13, 31, tzinfo=UTC)
    assert first == Bar("AAPL", moment, 99.0, 102.0, 97.0, 100.0, 10.0, "1m")
    assert second == Bar("MSFT", moment, 399.0, 402.0, 397.0, 400.0, 10.0, "1m")
    assert isinstance(third, Bar) and third.time == moment + timedelta(minutes=1)
    assert sum(listener.batches) == 3


def test_a_bar_that_is_corrected_comes_again(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    alpaca.send(minute(0), minute(0, kind="u", close=101.0))
    before, after = listener.wait(2)
    assert isinstance(before, Bar) and isinstance(after, Bar)
    assert (before.close, after.close) == (100.0, 101.0) and before.time == after.time


def test_trades_come_with_their_number_and_their_time(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear(options="live=trades")
    assert alpaca.wait_for_subscription()["trades"] == ["AAPL"]
    alpaca.send(trade(0), trade(7))
    assert listener.wait(2) == [
        Tick("AAPL", OPEN.astimezone(UTC), 100.0, 5.0, 1000),
        Tick("AAPL", (OPEN + timedelta(milliseconds=7)).astimezone(UTC), 107.0, 5.0, 1007),
    ]


def test_crypto_has_a_line_of_its_own_and_no_hours(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear("BTC/USD")
    assert alpaca.wait_for_subscription()["path"] == "/v1beta3/crypto/us"
    alpaca.send(minute(0, "BTC/USD", since=NIGHT))
    (bar,) = listener.wait(1)
    assert bar.time == NIGHT + timedelta(minutes=1)


def test_the_feed_is_chosen_by_name(alpaca: Alpaca, hear: Hear) -> None:
    hear(options="feed=sip")
    assert alpaca.wait_for_subscription()["path"] == "/v2/sip"


def test_what_trades_outside_regular_hours_is_left_out(alpaca: Alpaca, hear: Hear) -> None:
    regular, extended = hear(), hear(options="hours=extended")
    alpaca.wait_for_subscription(2)
    alpaca.send(minute(-1), minute(0), minute(389), minute(390))  # 9:29, 9:30, 15:59, 16:00
    alpaca.send(minute(1, "OTHER"))
    assert [event.time for event in extended.wait(4)] == [
        (OPEN + timedelta(minutes=n)).astimezone(UTC) for n in (0, 1, 390, 391)
    ]
    assert [event.time for event in regular.wait(2)] == [
        (OPEN + timedelta(minutes=n)).astimezone(UTC) for n in (1, 390)
    ]


def test_what_comes_twice_or_out_of_order_is_handed_on_as_it_came(alpaca: Alpaca, hear: Hear) -> None:
    """Putting it right is the feed's part, which knows what it has had."""
    listener = hear(options="live=trades")
    alpaca.wait_for_subscription()
    alpaca.send(trade(2), trade(1), trade(2))
    assert [event.sequence for event in listener.wait(3)] == [1002, 1001, 1002]


def test_messages_of_other_kinds_are_passed_over(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    alpaca.send({"T": "s", "S": "AAPL", "sc": "H"}, {"T": "d", "S": "AAPL"}, {"T": "something new"}, minute(0))
    assert len(listener.wait(1)) == 1


# ── stopping ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_that_is_quiet_stops_in_less_than_a_second(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    began = time.monotonic()
    listener.stopped.set()
    assert listener.ended() is None
    assert time.monotonic() - began < SOON
    until = time.monotonic() + 5
    while alpaca.listeners and time.monotonic() < until:
        time.sleep(0.01)
    assert not alpaca.listeners


def test_a_stream_that_is_still_connecting_stops_in_less_than_a_second(alpaca: Alpaca, hear: Hear) -> None:
    alpaca.mute = True
    listener = hear()
    time.sleep(0.2)
    began = time.monotonic()
    listener.stopped.set()
    assert listener.ended() is None
    assert time.monotonic() - began < SOON


def test_it_works_in_a_thread_beside_a_running_loop(alpaca: Alpaca, hear: Hear) -> None:
    async def kernel() -> int:
        listener = hear()
        await asyncio.to_thread(alpaca.wait_for_subscription)
        alpaca.send(minute(0))
        await asyncio.to_thread(listener.wait, 1)
        return len(listener.events)

    assert asyncio.run(kernel()) == 1


def test_in_the_thread_of_a_running_loop_it_says_what_to_do(alpaca: Alpaca, polite: Polite) -> None:
    async def cell() -> None:
        adapter.Stream(polite=polite).run(["AAPL"], lambda events: None, Event())

    with pytest.raises(InputError, match=r"use data\.stream\.open"):
        asyncio.run(cell())


# ── losing it ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["hang_up", "say_goodbye"])
def test_a_lost_connection_is_told_at_once(alpaca: Alpaca, hear: Hear, how: str) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    alpaca.send(minute(0))
    listener.wait(1)
    began = time.monotonic()
    getattr(alpaca, how)()
    error = listener.ended()
    assert isinstance(error, DataError) and "the connection is lost" in str(error)
    assert time.monotonic() - began < SOON
    assert len(listener.events) == 1 and len(alpaca.subscriptions) == 1  # alpaca-py has not come back by itself


def test_a_frame_that_cannot_be_read_is_told(alpaca: Alpaca, hear: Hear) -> None:
    frames = (
        b"\xc1\xff",
        msgpack.packb({"T": "b"}),
        msgpack.packb([{"T": "b", "S": "AAPL"}]),
        msgpack.packb([{**minute(0), "t": "2025-06-02T13:30:00Z"}]),
        msgpack.packb([{**minute(0), "c": None}], datetime=True),
        msgpack.packb([7]),
    )
    for number, frame in enumerate(frames, 1):
        listener = hear()
        alpaca.wait_for_subscription(number)
        alpaca.send_bytes(frame)
        error = listener.ended()
        assert isinstance(error, DataError) and "cannot be read" in str(error), frame


def test_what_came_before_a_bad_frame_was_heard(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    listener.hold.clear()
    alpaca.send(minute(0))
    time.sleep(0.1)  # it is being delivered, and these two come together
    alpaca.send(minute(1))
    alpaca.send_bytes(b"\xc1")
    time.sleep(0.1)
    listener.hold.set()
    assert isinstance(listener.ended(), DataError)
    assert len(listener.events) == 2


def test_a_host_that_is_not_there_is_lost(polite: Polite, alpaca: Alpaca) -> None:
    stream = adapter.Stream(polite=polite, url="http://127.0.0.1:9")
    with pytest.raises(DataError, match="the connection is lost"):
        stream.run(["AAPL"], lambda events: None, Event())


def test_a_host_that_says_nothing_is_given_up(alpaca: Alpaca, hear: Hear) -> None:
    alpaca.mute = True
    assert isinstance(hear(timeout=0.3).ended(), DataError)


def test_a_greeting_that_is_none_is_a_data_error(alpaca: Alpaca, hear: Hear) -> None:
    alpaca.greeting = [{"hello": 1}]
    assert isinstance(hear().ended(), DataError)


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_wrong_keys_are_not_tried_again_and_do_not_show(
    alpaca: Alpaca, hear: Hear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPACA_SECRET_KEY", "something else")
    error = hear().ended()
    assert isinstance(error, InputError)
    assert "auth failed" in str(error) and "check ALPACA_API_KEY and ALPACA_SECRET_KEY" in str(error)
    assert "something else" not in str(error) and KEY not in str(error) and SECRET not in str(error)


@pytest.mark.parametrize(
    ("action", "code", "said", "kind"),
    [
        ("auth", 409, "insufficient subscription", InputError),
        ("auth", 406, "connection limit exceeded", DataError),
        ("auth", 404, "auth timeout", DataError),
        ("subscribe", 405, "symbol limit exceeded", InputError),
        ("subscribe", 400, "invalid syntax", InputError),
        ("subscribe", 407, "slow client", DataError),
        ("subscribe", 500, "internal error", DataError),
    ],
)
def test_a_refusal_says_whether_it_makes_sense_to_try_again(
    alpaca: Alpaca, hear: Hear, action: str, code: int, said: str, kind: type[Exception]
) -> None:
    alpaca.refused[action] = [{"T": "error", "code": code, "msg": said}]
    error = hear().ended()
    assert type(error) is kind and said in str(error)


def test_a_symbol_that_is_not_subscribed_to_is_named(alpaca: Alpaca, hear: Hear) -> None:
    alpaca.refused["subscribe"] = [{"T": "subscription", "bars": ["AAPL"], "updatedBars": ["AAPL"]}]
    error = hear("AAPL", "NOBODY").ended()
    assert isinstance(error, InputError) and "no live prices of NOBODY" in str(error)


def test_what_cannot_be_streamed_is_refused_before_connecting(polite: Polite, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = adapter.Stream(polite=polite)
    for symbols, said in (
        (["AAPL240119C00190000"], "poll their quotes"),
        (["AAPL", "BTC/USD"], "follow the calendar 24/7"),
        ([], "empty list"),
    ):
        with pytest.raises(InputError, match=said):
            stream.run(symbols, lambda events: None, Event())
    monkeypatch.delenv("ALPACA_API_KEY", raising=False)
    monkeypatch.delenv("ALPACA_SECRET_KEY", raising=False)
    with pytest.raises(InputError, match="needs ALPACA_API_KEY and ALPACA_SECRET_KEY"):
        stream.run(["AAPL"], lambda events: None, Event())


# ── a listener that is slow ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_slow_listener_loses_nothing_and_the_connection_is_kept(alpaca: Alpaca, hear: Hear) -> None:
    listener = hear(options="live=trades")
    alpaca.wait_for_subscription()
    listener.hold.clear()
    for n in range(300):
        alpaca.send(*(trade(10 * n + k) for k in range(10)))
    time.sleep(0.5)
    assert not listener.events and alpaca.listeners
    listener.hold.set()
    assert [event.sequence for event in listener.wait(3000)] == list(range(1000, 4000))
    assert len(listener.batches) < 30  # what has come meanwhile comes together


def test_what_a_slow_listener_does_not_take_waits_at_the_other_end(alpaca: Alpaca, hear: Hear) -> None:
    """Not here: 1,024 frames at most are held, the rest stays on the wire and with Alpaca."""
    listener = hear(options="live=trades")
    alpaca.wait_for_subscription()
    listener.hold.clear()
    frame = msgpack.packb([trade(n) for n in range(200)], datetime=True)  # 13 kB
    for _ in range(4000):
        alpaca.send_bytes(frame)
    (socket,) = alpaca.listeners
    wanted, until = 2000 * len(frame), time.monotonic() + 60
    buffer = socket.ws_connection.stream._write_buffer  # tornado's own
    while (waiting := len(buffer)) < wanted and time.monotonic() < until:
        time.sleep(0.05)
    assert waiting >= wanted
    listener.stopped.set()


def test_an_error_of_the_listener_ends_the_stream(alpaca: Alpaca, polite: Polite) -> None:
    def deliver(events: Sequence[Tick | Bar]) -> None:
        raise DataError("no room left")

    raised: list[Exception] = []

    def run() -> None:
        try:
            adapter.Stream(polite=polite).run(["AAPL"], deliver, Event())
        except DataError as error:
            raised.append(error)

    thread = Thread(target=run)
    thread.start()
    alpaca.wait_for_subscription()
    alpaca.send(minute(0))
    thread.join(5)
    assert [str(error) for error in raised] == ["no room left"]


# ── what was missed ─────────────────────────────────────────────────────────────────────────────────────────────────


def told(n: int) -> tuple[Any, ...]:
    one = minute(n, close=100.0 + n)
    return one["t"], one["o"], one["h"], one["l"], one["c"], one["v"]


def test_missed_minutes_are_those_that_the_stream_would_have_told(alpaca: Alpaca, hear: Hear, polite: Polite) -> None:
    listener = hear()
    alpaca.wait_for_subscription()
    alpaca.send(*(minute(n, close=100.0 + n) for n in range(6)))
    live = listener.wait(6)
    alpaca.data.serve("AAPL", "1Min", [told(n) for n in range(-2, 6)])
    stream = adapter.Stream(polite=polite, clock=SimulatedClock(OPEN + timedelta(hours=1)))
    missed = stream.missed(["AAPL"], OPEN + timedelta(minutes=2), OPEN + timedelta(minutes=5))
    assert missed == live[2:5]  # (9:32, 9:35]: those that closed at 9:33, 9:34, 9:35
    assert stream.missed(["AAPL"], OPEN - timedelta(hours=1), OPEN + timedelta(hours=1)) == live
    assert {asked.query["feed"] for asked in alpaca.asked} == {"iex"}
    assert set(alpaca.paths()) == {"/v2/stocks/bars"}  # and nothing else is asked for


def test_missed_minutes_of_several_symbols_are_in_order_of_time(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "1Min", [told(0), told(1)])
    alpaca.data.serve("MSFT", "1Min", [told(0), told(2)])
    stream = adapter.Stream(polite=polite, clock=SimulatedClock(OPEN + timedelta(hours=1)))
    missed = stream.missed(["AAPL", "MSFT"], OPEN, OPEN + timedelta(hours=1))
    minutes = [(event.symbol, (event.time - OPEN) // timedelta(minutes=1)) for event in missed]
    assert minutes == [("AAPL", 1), ("MSFT", 1), ("AAPL", 2), ("MSFT", 3)]
    assert stream.missed(["AAPL"], OPEN + timedelta(minutes=30), OPEN + timedelta(minutes=40)) == []


def test_a_minute_that_is_not_over_was_not_missed(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.data.serve("AAPL", "1Min", [told(0), told(1)])
    stream = adapter.Stream(polite=polite, clock=SimulatedClock(OPEN + timedelta(seconds=90)))
    assert len(stream.missed(["AAPL"], OPEN, OPEN + timedelta(hours=1))) == 1


def test_missed_trades_have_the_numbers_that_the_stream_tells(alpaca: Alpaca, hear: Hear, polite: Polite) -> None:
    listener = hear(options="live=trades")
    alpaca.wait_for_subscription()
    alpaca.send(*(trade(n) for n in range(3)))
    live = listener.wait(3)
    for n in (-5000, 0, 1, 2):  # the first before the open
        one = trade(n)
        precise = wire(one["t"])[:-1] + f".{one['t'].microsecond:06d}000Z"
        alpaca.data.trades["AAPL"].append({"t": precise, "p": one["p"], "s": 5, "i": one["i"]})
    stream = adapter.Stream("live=trades", polite=polite)
    assert stream.missed(["AAPL"], OPEN - timedelta(hours=1), OPEN + timedelta(hours=1)) == live
    assert stream.missed(["AAPL"], OPEN, OPEN + timedelta(milliseconds=1)) == live[1:2]


def test_a_gap_that_cannot_be_filled_is_a_data_error(alpaca: Alpaca, polite: Polite) -> None:
    alpaca.fail("/v2/stocks/bars", Fault(500), Fault(500))
    with pytest.raises(DataError, match="HTTP 500"):
        adapter.Stream(polite=polite).missed(["AAPL"], OPEN, OPEN + timedelta(hours=1))


def test_another_inside_of_alpaca_py_is_noticed(
    alpaca: Alpaca, polite: Polite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alpaca.data.live.websocket import DataStream

    monkeypatch.delattr(DataStream, "_send_subscribe_msg")
    with pytest.raises(DataError, match=r"no StockDataStream\._send_subscribe_msg, which 0\.44 had"):
        adapter.Stream(polite=polite).run(["AAPL"], lambda events: None, Event())


def test_it_is_a_stream() -> None:
    assert isinstance(adapter.Stream(), Stream)
    assert adapter.Stream("feed=sip").name == "alpaca:feed=sip"
