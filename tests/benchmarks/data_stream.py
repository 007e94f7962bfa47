"""Bars a second through a feed and five rolling indicators, and how long one takes to reach its listener."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Event

import numpy as np
import pandas as pd

from aura_lib.core import Bar, Bars
from aura_lib.data.stream import Feed, Reading, Replay
from aura_lib.data.stream.events import Deliver
from aura_lib.indicators import rolling
from tests.benchmarks.rows import Row

SYMBOLS, MINUTES = 50, 4_000
RATE = 2_000  # bars a second, for the latency


def rows(folder: Path) -> Iterator[Row]:  # nothing is kept in the folder
    """Part of the suite `data`."""
    bars = market()
    speeds, cores = zip(*(through(bars) for _ in range(3)), strict=True)
    bare = median(indicators_alone(bars) for _ in range(3))
    yield Row(
        "stream.bars_through_5_indicators",
        median(speeds),
        "bars/s",
        goal=50_000,
        peer="the indicators alone, in a loop",
        peer_value=bare,
        more_is_better=True,
    )
    yield Row("stream.bars_a_second_of_cpu", median(cores), "bars/s", goal=50_000, more_is_better=True)
    lags = latencies()
    yield Row("stream.latency_p50", float(np.percentile(lags, 50)) * 1e3, "ms")
    yield Row("stream.latency_p99", float(np.percentile(lags, 99)) * 1e3, "ms")
    yield Row("stream.memory", peak(bars), "MB", peer="the bars themselves", peer_value=size(bars))


def measures() -> dict[str, rolling.Rolling]:
    """Five of the usual ones."""
    return {
        "sma": rolling.Sma(20),
        "ema": rolling.Ema(20),
        "rsi": rolling.Rsi(14),
        "atr": rolling.Atr(14),
        "upper": rolling.Bollinger(20, part="upper"),
    }


def market() -> Bars:
    """Minutes of a market that never closes; random, seeded."""
    rng = np.random.default_rng(7)
    index = pd.date_range("2024-03-11", periods=MINUTES, freq="1min", tz="UTC")
    names = [f"SYM{n:03}" for n in range(SYMBOLS)]
    close = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 1e-3, (MINUTES, SYMBOLS)), axis=0)), index, names)
    volume = pd.DataFrame(rng.integers(1, 10_000, close.shape).astype(float), index, names)
    fields = {"open": close.shift(1).fillna(100.0), "high": close * 1.001, "low": close * 0.999}
    return Bars({**fields, "close": close, "volume": volume}, "made", "1m", calendar="24/7")


def through(bars: Bars) -> tuple[float, float]:
    """Bars a second, by the clock and by what the processor did.

    From the replay at full speed through the feed and five indicators a symbol to a listener.
    """
    heard: list[Reading] = []
    with Feed(Replay(bars, "max"), bars.symbols, calendar="24/7") as feed:
        feed.through(measures()).listen(lambda reading: heard.append(reading) if len(heard) < 1 else None)
        began, worked = time.perf_counter(), time.process_time()
        feed.start().wait()
        taken, work = time.perf_counter() - began, time.process_time() - worked
        assert feed.events == len(bars) * len(bars.symbols) and not feed.troubles
    return feed.events / taken, feed.events / work


def indicators_alone(bars: Bars) -> float:
    """Bars a second when there is nothing but the five updates."""
    one = bars.select(bars.symbols[:1])
    stream: list[Bar] = []
    Replay(one, "max").run(one.symbols, stream.extend, Event())  # type: ignore[arg-type]
    updates = [measure.update for measure in measures().values()]
    began = time.perf_counter()
    for bar in stream:
        for update in updates:
            update(bar)
    return len(stream) / (time.perf_counter() - began)


class Paced:
    """A live stream of one symbol that stamps each bar with the moment it is delivered."""

    name = "paced"

    def __init__(self, count: int) -> None:
        self.count = count
        self.sent: list[float] = []

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Event) -> None:
        """Deliver them one by one, evenly."""
        start, began = datetime(2024, 3, 11, tzinfo=UTC), time.perf_counter()
        for n in range(self.count):
            pause = began + n / RATE - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            self.sent.append(time.perf_counter())
            deliver([Bar(symbols[0], start + timedelta(minutes=n), 100.0, 101.0, 99.0, 100.0 + n % 7, 1.0)])

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Bar]:
        """Nothing."""
        return ()


def latencies() -> list[float]:
    """Seconds from `deliver` to the listener behind five indicators, of a live stream of 2,000 bars a second."""
    stream, heard = Paced(4_000), []
    with Feed(stream, ["AAA"], calendar="24/7") as feed:
        feed.through(measures()).listen(lambda _: heard.append(time.perf_counter()))
        feed.start().wait()
    return [there - here for here, there in zip(stream.sent, heard, strict=True)][500:]


def peak(bars: Bars) -> float:
    """What a whole replay takes at most, beyond the bars."""
    tracemalloc.start()
    try:
        with Feed(Replay(bars.until(bars.times[500]), "max"), bars.symbols, calendar="24/7") as feed:
            feed.through(measures()).listen(lambda _: None)
            feed.start().wait()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def size(bars: Bars) -> float:
    """MB of the frames."""
    return sum(frame.to_numpy().nbytes for frame in bars.fields.values()) / 1e6
