"""get, check and keep market data: `sources/` `store` `quality` `universe` `stream`"""

from __future__ import annotations

from typing import Any

from aura_lib.core import AssetClass, Settings
from aura_lib.data import adjust, fetching, files, quality, sources, store, synthesis
from aura_lib.data.answering import held_now, newest
from aura_lib.data.derived import derived
from aura_lib.data.fetching import fetch, keep
from aura_lib.data.files import read
from aura_lib.data.history import diff, sql, versions
from aura_lib.data.loading import load
from aura_lib.data.quality import check
from aura_lib.data.resample import resample

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
    "read",
    "resample",
    "sources",
    "sql",
    "store",
    "symbols",
    "synthesis",
    "universe",
    "versions",
]


def symbols(source: sources.Name = "sample", **reading: Any) -> tuple[str, ...]:
    """Every symbol of a source, indices too; of a vendor on the network those that it gave."""
    adapter = sources.get(source, **reading)
    return tuple(_given(adapter)) if isinstance(adapter, sources.Vendor) else adapter.symbols()


def universe(source: sources.Name = "sample", **reading: Any) -> tuple[str, ...]:
    """The symbols of a source that can be traded (an index is loaded by name, and is not among them)."""
    adapter = sources.get(source, **reading)
    if not isinstance(adapter, sources.Vendor):
        return adapter.universe()
    return tuple(s for s, kind in _given(adapter).items() if kind is not AssetClass.INDEX)


def _given(adapter: sources.Vendor) -> dict[str, AssetClass]:
    held = held_now(newest(store.at(Settings.load()).versions(adapter.name)).values())
    return {symbol: version.held[symbol].instrument.asset_class for symbol, version in held.items()}
