from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from aura_lib.data import sources
from tests.contracts.sources import Facts, Scene

LAST = {
    "sample": datetime(2022, 12, 28, 21, tzinfo=UTC),
    "sample:ohlcv": datetime(2013, 3, 1, 21, tzinfo=UTC),
    "sample:unadjusted": datetime(2013, 3, 1, 21, tzinfo=UTC),
    "sample:indices": datetime(2018, 12, 31, 21, tzinfo=UTC),
}
VARIANTS = tuple(LAST)


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    symbols = ("SP500", "NASDAQ") if scene.name == "sample:indices" else ("MSFT", "AAPL")
    package = "skfolio.datasets" if scene.name == "sample" else ""
    yield Facts(
        make=lambda: sources.get(scene.name),
        symbols=symbols,
        currencies=dict.fromkeys(symbols, "USD"),
        until=LAST[scene.name],
        package=package,
    )
