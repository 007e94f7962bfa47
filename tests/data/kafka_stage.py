"""A stage of a pipeline, to be killed: reads bars, measures them, publishes what it measured."""

from __future__ import annotations

import sys
import time

from aura_lib import data
from aura_lib.data.stream import kafka
from aura_lib.indicators import rolling

MEASURES = {"sma": rolling.Sma(20), "rsi": rolling.Rsi(14)}


def main(symbols: list[str], pace: float) -> str:
    with data.stream.open(symbols, "kafka:bars,group=stage,member=one", paused=True) as feed:
        feed.listen(lambda _: time.sleep(pace))
        feed.through(MEASURES).listen(kafka.Publisher("readings"), essential=True)
        feed.start().wait()
        return feed.detail


if __name__ == "__main__":
    sys.exit(main(sys.argv[2].split(","), float(sys.argv[1])))
