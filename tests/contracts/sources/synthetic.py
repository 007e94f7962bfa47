from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from aura_lib.data import sources
from tests.contracts.sources import Facts, Scene

INDIAN = "synthetic:symbols=3,years=1,calendar=XBOM,currency=INR"
COINS = "synthetic:symbols=3,years=1,calendar=24-7,kind=crypto"
LAST = {
    "synthetic:symbols=3,years=1": datetime(2015, 12, 31, 21, tzinfo=UTC),
    INDIAN: datetime(2015, 12, 31, 10, tzinfo=UTC),  # 15:30 in Mumbai
    COINS: datetime(2016, 1, 1, tzinfo=UTC),
}
VARIANTS = tuple(LAST)


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    yield Facts(
        make=lambda: sources.get(scene.name),
        symbols=("SYN0002", "SYN0001"),
        currencies=dict.fromkeys(("SYN0001", "SYN0002"), "INR" if scene.name == INDIAN else "USD"),
        until=LAST[scene.name],
        frequencies=("1d", "1h", "1m") if scene.name.endswith("years=1") else ("1d", "1h"),
    )
