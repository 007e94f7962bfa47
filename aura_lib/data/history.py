"""What the store came to know, and when: versions, what changed between two of them, and SQL over one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aura_lib.core import InputError, Settings
from aura_lib.data import sources, store
from aura_lib.data.answering import answering
from aura_lib.data.store import Version
from aura_lib.data.store.diff import Diff
from aura_lib.data.store.diff import diff as difference

__all__ = ["diff", "sql", "versions"]


def versions(
    source: sources.Name | None = None, frequency: str | None = None, *, settings: Settings | None = None
) -> tuple[Version, ...]:
    """Every version that is kept, the oldest first; of one source and frequency if named."""
    name = None if source is None else sources.get(source).name
    return store.at(settings or Settings.load()).versions(name, frequency)


def diff(old: str, new: str, *, settings: Settings | None = None) -> Diff:
    """What changed from one snapshot to another: bars that came or went, values and actions that were revised.

    Raises InputError when one of them is not kept.
    """
    return difference(store.at(settings or Settings.load()), old, new)


def sql(
    query: str,
    *,
    source: sources.Name = "sample",
    frequency: str = "1d",
    snapshot: str | None = None,
    symbols: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> pd.DataFrame:
    """A query in DuckDB's SQL over one version: `sql("select symbol, max(close) from bars group by symbol")`.

    It reads only what it needs, and can change nothing.

    Args:
        query: over the tables `bars` (symbol, time, open, high, low, close, volume: as they are kept, of a vendor as
            they traded), `actions` (time, symbol, dividend, split) and `instruments`.
        source: whose newest version is meant, when no snapshot is given.
        frequency: of the bars.
        snapshot: id of a version.
        symbols: only the newest version that holds these.
        settings: where AURA_HOME is; from the environment when not given.

    Raises:
        InputError: nothing of the source is kept, or the query is no SQL that these tables can answer.
    """
    settings = settings or Settings.load()
    keeper = store.at(settings)
    if snapshot is None:
        found = answering(versions(source, frequency, settings=settings), symbols or ())
        if found is None:
            which = " with these symbols" if symbols else ""
            raise InputError(f"nothing of {source} {frequency} is kept{which}: load it first")
        snapshot = found.snapshot
    return keeper.query(query, snapshot)
