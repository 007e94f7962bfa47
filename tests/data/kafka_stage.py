"""The first two processes of a pipeline: one replays a market into a topic, one measures it and is killed."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

import numpy as np
import pandas as pd

from aura_lib import data
from aura_lib.core import Bars
from aura_lib.data.stream import Feed, Replay, kafka
from aura_lib.indicators import rolling
from tests.data.streams import OPEN

SYMBOLS = [f"S{n}" for n in range(6)]
MEASURES = {"sma": rolling.Sma(20), "rsi": rolling.Rsi(14)}
PACE = 0.002  # seconds a bar takes to be measured: it must live long enough to be killed


def market(rows: int = 400) -> Bars:
    """Six random walks; the same in every process."""
    rng = np.random.default_rng(11)
    index = pd.date_range(OPEN + timedelta(minutes=1), periods=rows, freq="1min", tz="UTC")
    close = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (rows, len(SYMBOLS))), axis=0)), index, SYMBOLS)
    return Bars({"close": close}, "made", "1m", calendar="24/7")


def ingest() -> str | None:
    """Publish the market."""
    with Feed(Replay(market(), "max"), SYMBOLS, calendar="24/7") as feed:
        feed.listen(kafka.Publisher("bars"), essential=True)
        feed.start().wait()
        return None if feed.state == "ended" else feed.detail


def measure() -> str:
    """Read bars, publish what they measure; until killed."""
    with data.stream.open(SYMBOLS, "kafka:bars,group=stage,member=one", paused=True) as feed:
        feed.listen(lambda _: time.sleep(PACE))
        feed.through(MEASURES).listen(kafka.Publisher("readings"), essential=True)
        feed.start().wait()
        return feed.detail


if __name__ == "__main__":
    sys.exit({"ingest": ingest, "measure": measure}[sys.argv[1]]())
