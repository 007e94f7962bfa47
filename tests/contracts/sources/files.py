from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from aura_lib.data import sources
from tests.contracts.sources import Facts, Scene

DAYS = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08")
HEADER = "date,symbol,open,high,low,close,volume"


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    """A file of one's own, as an analyst has it: a row a day and symbol; one that did not trade on the Tuesday."""
    file = scene.folder / "prices.csv"
    rows = [f"{day},{s},10,12,9,{11 + n / 4},100" for n, day in enumerate(DAYS) for s in ("MSFT", "AAPL")]
    file.write_text("\n".join([HEADER, *rows[:2], *rows[3:], ""]))
    yield Facts(
        make=lambda: sources.get(file, currency="USD"),
        symbols=("MSFT", "AAPL"),
        currencies={"MSFT": "USD", "AAPL": "USD"},
        until=datetime(2026, 1, 8, 21, tzinfo=UTC),
        called="prices.csv",
    )
