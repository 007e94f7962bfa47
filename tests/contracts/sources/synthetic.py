from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from aura_lib.data import sources
from tests.contracts.sources import Facts, Scene

VARIANTS = ("synthetic:symbols=3,years=1",)


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    yield Facts(
        make=lambda: sources.get(scene.name),
        symbols=("SYN0002", "SYN0001"),
        currencies={"SYN0001": "USD", "SYN0002": "USD"},
        until=datetime(2015, 12, 31, 21, tzinfo=UTC),
        frequencies=("1d", "1h", "15m", "5m", "1m"),
    )
