"""The store under one AURA_HOME: Parquet in its folder `data`, and what older versions of Aura kept there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Clock, InputError, utc
from aura_lib.data.store import log
from aura_lib.data.store.blobs import Folder
from aura_lib.data.store.legacy import Old
from aura_lib.data.store.parquet import ParquetKeeper, asked
from aura_lib.data.store.port import Series, Version, no_actions

__all__ = ["Store"]


class Store(ParquetKeeper):
    """The bars kept under one AURA_HOME. Safe for any number of readers and writers at once."""

    def __init__(self, home: Path, clock: Clock | None = None) -> None:
        self.root = Path(home) / "data"
        super().__init__(Folder(self.root), clock)
        self._old = Old(self.root)

    def add(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Version:
        """The newest version is what it was, and these bars over it; what an older Aura kept is taken over first."""
        series = Series.of(bars)
        if log.head(self.blobs, series) is None:
            before = self._old.latest(bars.source, bars.frequency)
            if before is not None and self._old.version(before).series == series:
                self.put(self._old.get(before), notes={"from": before})
        return super().add(bars, actions, notes)

    def get(
        self,
        snapshot: str,
        symbols: Sequence[str] | None = None,
        *,
        fields: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Bars:
        """The bars of a version, or some of its symbols, fields and times; see `ParquetKeeper.get`."""
        if not self._old.has(str(snapshot)):
            return super().get(snapshot, symbols, fields=fields, start=start, end=end)
        bars = self._old.get(snapshot)
        bars = bars if symbols is None else bars.select(asked(symbols, bars.symbols, f"snapshot {snapshot}", "symbols"))
        names = {"close", *asked(fields, list(bars.fields), f"snapshot {snapshot}", "fields")}
        kept = MappingProxyType({name: frame for name, frame in bars.fields.items() if name in names})
        bars = bars._view(fields=kept)
        if start is None and end is None:
            return bars
        return bars.between(utc(start or bars.start, "start"), utc(end or bars.end, "end"))

    def actions(self, snapshot: str, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Splits and dividends of a version; older snapshots had none."""
        return no_actions() if self._old.has(str(snapshot)) else super().actions(snapshot, symbols)

    def version(self, snapshot: str) -> Version:
        """What is known of a snapshot without reading its bars; the first time it was recorded."""
        return self._old.version(snapshot) if self._old.has(str(snapshot)) else super().version(snapshot)

    def versions(self, source: str | None = None, frequency: str | None = None) -> tuple[Version, ...]:
        """Every version in the order of being recorded, of one source and frequency if named. Reads no bars."""
        old = [
            version
            for version in map(self._old.version, self._old.ids())
            if source in (None, version.series.source) and frequency in (None, version.series.frequency)
        ]
        return (*sorted(old, key=lambda version: version.recorded), *super().versions(source, frequency))

    def leaves(self, snapshot: str) -> dict[str, str]:
        """What the bars of each symbol hash to; an older snapshot has hashes of another kind."""
        if self._old.has(str(snapshot)):
            return {symbol: f"{snapshot} {symbol}" for symbol in self._old.get(snapshot).symbols}
        return super().leaves(snapshot)

    def query(self, statement: str, snapshot: str) -> pd.DataFrame:
        """SQL over a version, see `ParquetKeeper.query`; a snapshot of an older Aura cannot be asked."""
        if self._old.has(str(snapshot)):
            raise InputError(f"snapshot {snapshot} was kept by an older Aura: put its bars again, then ask the new one")
        return super().query(statement, snapshot)

    def verify(self) -> tuple[str, ...]:
        """What is damaged or missing, one line a file; empty when every version can be read as it was written."""
        return (*self._old.problems(), *super().verify())

    # ── in words of one snapshot ────────────────────────────────────────────────────────────────────────────────────

    def snapshots(self) -> tuple[str, ...]:
        """Every snapshot id in the store, sorted."""
        new = {s for folder in log.all_series(self.blobs) for s in log.snapshots(self.blobs, folder)}
        return tuple(sorted(new | set(self._old.ids())))

    def latest(self, source: str, frequency: str) -> str | None:
        """Id of the newest snapshot of a source, None when nothing was kept yet. A damaged log raises DataError."""
        heads = [log.newest(self.blobs, folder) for folder in log.all_series(self.blobs)]
        found = [head for head in heads if head and (head.series.source, head.series.frequency) == (source, frequency)]
        if not found:
            return self._old.latest(source, frequency)
        newest = max(found, key=lambda head: (head.recorded, head.series))
        self._manifest(newest.snapshot)
        return newest.snapshot
