"""get, check and keep market data: `sources/` `store` `quality` `universe` `stream`"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aura_lib.core import Instrument, Settings
from aura_lib.data import adjust, fetching, files, quality, sources, store, stream, synthesis, watchlists
from aura_lib.data.answering import held_now, newest
from aura_lib.data.derived import derived
from aura_lib.data.fetching import fetch, keep
from aura_lib.data.files import read
from aura_lib.data.history import diff, sql, versions
from aura_lib.data.loading import load
from aura_lib.data.quality import check
from aura_lib.data.quoting import quotes
from aura_lib.data.resample import resample
from aura_lib.data.universe import Universe, of

__all__ = [
    "adjust",
    "check",
    "derived",
    "diff",
    "fetch",
    "fetching",
    "files",
    "keep",
    "load",
    "quality",
    "quotes",
    "read",
    "resample",
    "sources",
    "sql",
    "store",
    "stream",
    "symbols",
    "synthesis",
    "universe",
    "versions",
    "watchlists",
]


def symbols(source: sources.Name = "sample", **reading: Any) -> tuple[str, ...]:
    """Every symbol of a source, indices too; of a vendor on the network those that it gave."""
    adapter = sources.get(source, **reading)
    return tuple(_given(adapter)) if isinstance(adapter, sources.Vendor) else adapter.symbols()


def universe(source: sources.Name = "sample", **reading: Any) -> Universe:
    """The symbols of a source, or of a list of one's own, that can be traded; with names, search and past members.

    It is a tuple of symbols; an index is loaded by name, and is not among them. See `data.universe.Universe`.
    """
    return of(source, given=_given, **reading)


def _given(adapter: sources.Vendor) -> Mapping[str, Instrument]:
    """What a vendor gave up to now."""
    held = held_now(newest(store.at(Settings.load()).versions(adapter.name)).values())
    return {symbol: version.held[symbol].instrument for symbol, version in held.items()}
