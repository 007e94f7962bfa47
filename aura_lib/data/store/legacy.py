"""Snapshots as they were kept before versions: a Parquet object a symbol, and a list of them. They stay readable.

objects/<sha256>.parquet      one symbol: time and fields
snapshots/<id>.json           what a snapshot is made of
latest/<source>-<frequency>   id of the newest snapshot
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from aura_lib.core import Bars, DataError, Instrument, canonical, decode, digest
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.identity import Rows
from aura_lib.data.store.panel import panel
from aura_lib.data.store.port import Held, Series, Version

__all__ = ["Old"]

SCHEMA = 1
ID = re.compile(r"[0-9a-f]{24}")


class Old:
    """The snapshots of an old home; read only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def ids(self) -> tuple[str, ...]:
        """Every snapshot, sorted."""
        return tuple(sorted(p.stem for p in (self._root / "snapshots").glob("*.json") if ID.fullmatch(p.stem)))

    def has(self, snapshot: str) -> bool:
        """Whether a snapshot is one of these."""
        return ID.fullmatch(snapshot) is not None and self._file(snapshot).is_file()

    def latest(self, source: str, frequency: str) -> str | None:
        """The newest snapshot of a source, None when there was none."""
        pointer = self._root / "latest" / f"{source}-{frequency}"
        try:
            snapshot = pointer.read_text("ascii")
        except (OSError, ValueError):
            return None
        return snapshot if self.has(snapshot) else None

    def get(self, snapshot: str) -> Bars:
        """All bars of a snapshot. DataError names a file that is missing or damaged."""
        told = self._manifest(snapshot)
        rows = {entry["instrument"]["symbol"]: self._rows(entry["object"]) for entry in told["symbols"]}
        instruments = {e["instrument"]["symbol"]: decode(Instrument, e["instrument"]) for e in told["symbols"]}
        fields = [name for name in FIELDS if name in next(iter(rows.values())).fields]
        none = np.empty(0, "i8")
        return panel(_series(told), fields, list(rows.values()), instruments, empty=none, snapshot=snapshot)

    def version(self, snapshot: str) -> Version:
        """What is known of a snapshot: number 0 of its series, recorded when its file was written."""
        told = self._manifest(snapshot)
        recorded = datetime.fromtimestamp(self._file(snapshot).stat().st_mtime, UTC)
        return Version(snapshot, _series(told), 0, recorded, _Held(self, snapshot))

    def problems(self) -> tuple[str, ...]:
        """What is damaged or missing, one line a file."""
        found: dict[str, None] = {}
        for snapshot in self.ids():
            try:
                for entry in self._manifest(snapshot)["symbols"]:
                    try:
                        self._rows(entry["object"])
                    except DataError as error:
                        found[str(error)] = None
            except DataError as error:
                found[str(error)] = None
        return tuple(found)

    def _file(self, snapshot: str) -> Path:
        return self._root / "snapshots" / f"{snapshot}.json"

    def _manifest(self, snapshot: str) -> dict[str, Any]:
        path = self._file(snapshot)
        try:
            told = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} is damaged ({error}); it was kept by an older Aura: fetch its source again"
            ) from error
        if not isinstance(told, dict) or digest(told)[:24] != snapshot or told["schema"] != SCHEMA:
            raise DataError(f"{path} is damaged, its content is not what its name says: fetch its source again")
        return told

    def _rows(self, name: str) -> Rows:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._root / "objects" / f"{name}.parquet"
        try:
            table = pq.ParquetFile(pa.BufferReader(path.read_bytes())).read(use_threads=False)
            times = table.column("time").cast(pa.int64()).to_numpy()
            fields = {field: table.column(field).to_numpy() for field in FIELDS if field in table.column_names}
        except FileNotFoundError:
            raise DataError(f"{path} is missing: fetch its source again") from None
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise DataError(f"{path} is damaged ({error}): fetch its source again") from error
        if _name(Rows(times, fields)) != name:
            raise DataError(f"{path} is damaged, its content is not what its name says: fetch its source again")
        return Rows(times, fields)


def _series(told: Mapping[str, Any]) -> Series:
    return Series(told["source"], told["frequency"], told["calendar"], told["adjustment"])


def _name(rows: Rows) -> str:
    """SHA-256 of one symbol's values; every NaN counts as the same one."""
    sha = hashlib.sha256(canonical({"fields": list(rows.fields), "rows": len(rows)}).encode())
    sha.update(rows.times.tobytes())
    for values in rows.fields.values():
        sha.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return sha.hexdigest()


class _Held(Mapping[str, Held]):
    """What an old snapshot holds; it is read when somebody asks, for it does not say."""

    def __init__(self, old: Old, snapshot: str) -> None:
        self._old, self._snapshot = old, snapshot
        self._found: dict[str, Held] | None = None

    def _held(self) -> dict[str, Held]:
        if self._found is None:
            bars = self._old.get(self._snapshot)
            self._found = {symbol: _held(bars, symbol) for symbol in bars.symbols}
        return self._found

    def __getitem__(self, symbol: str) -> Held:
        return self._held()[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __len__(self) -> int:
        return len(self._held())


def _held(bars: Bars, symbol: str) -> Held:
    known = bars.select([symbol])
    rows = np.logical_or.reduce([frame[symbol].notna().to_numpy() for frame in known.fields.values()])
    times = bars.times[rows] if rows.any() else bars.times[:1]
    return Held(bars.instruments[symbol], int(rows.sum()), times[0].to_pydatetime(), times[-1].to_pydatetime())
