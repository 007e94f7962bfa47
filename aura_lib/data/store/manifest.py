"""Manifests: what a version is made of. Its name is the hash of its content, whatever parts hold it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from aura_lib.core import DataError, InputError, Instrument, canonical, decode
from aura_lib.data.store.blobs import Blobs
from aura_lib.data.store.cache import Cache
from aura_lib.data.store.identity import Leaf, Times, snapshot_id, told
from aura_lib.data.store.part import MEND, PartRef
from aura_lib.data.store.port import Held, Series

__all__ = ["Entry", "HeldOf", "Manifest", "Run", "file", "load", "moment"]

LAYOUT = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Run = tuple[PartRef, ...]  # parts with different symbols, ascending; of runs the later one wins


@dataclass(frozen=True, slots=True)
class Entry:
    """One symbol of a version."""

    instrument: Instrument
    rows: int
    first: int
    last: int
    leaf: Leaf


@dataclass(frozen=True)
class Manifest:
    """A version, and the parts that hold it."""

    series: Series
    fields: tuple[str, ...]
    runs: tuple[Run, ...]
    symbols: Mapping[str, Entry]  # sorted
    empty: Times
    actions: str
    snapshot: str = field(init=False)

    def __post_init__(self) -> None:
        named = {symbol: (entry.instrument, entry.leaf.hash) for symbol, entry in self.symbols.items()}
        name = snapshot_id(self.series, self.fields, named, self.empty, self.actions)
        object.__setattr__(self, "snapshot", name)

    @property
    def start(self) -> int:
        """The first moment of its panel."""
        firsts = [entry.first for entry in self.symbols.values() if entry.rows]
        return int(min([*firsts, *self.empty[:1].tolist()]))

    def parts(self) -> Iterator[PartRef]:
        """Every part that it refers to."""
        for run in self.runs:
            yield from run

    def to_bytes(self) -> bytes:
        """The file: JSON, packed; its checksum is gzip's."""
        series = self.series
        content = {
            "layout": LAYOUT,
            "series": [series.source, series.frequency, series.calendar, series.adjustment],
            "fields": list(self.fields),
            "runs": [[[part.name, part.rows, part.low, part.high] for part in run] for run in self.runs],
            "symbols": [
                [told(e.instrument), e.rows, e.first, e.last, e.leaf.stem, e.leaf.hash] for e in self.symbols.values()
            ],
            "empty": self.empty.tolist(),
            "actions": self.actions,
        }
        return gzip.compress(canonical(content).encode(), 6, mtime=0)

    @staticmethod
    def from_bytes(content: bytes) -> Manifest:
        """The manifest of a file. ValueError when it is none; InputError when a newer version of Aura wrote it."""
        found: dict[str, Any] = json.loads(gzip.decompress(content))
        if found["layout"] != LAYOUT:
            raise InputError(f"has layout {found['layout']}, this version reads {LAYOUT}: update Aura")
        symbols = {}
        for words, rows, first, last, stem, leaf in found["symbols"]:
            instrument = decode(Instrument, words)
            symbols[instrument.symbol] = Entry(instrument, rows, first, last, Leaf(stem, leaf))
        return Manifest(
            Series(*found["series"]),
            tuple(found["fields"]),
            tuple(tuple(PartRef(*part) for part in run) for run in found["runs"]),
            symbols,
            np.array(found["empty"], "i8"),
            found["actions"],
        )


_manifests: Cache[Manifest] = Cache(20_000, lambda manifest: 20.0 + len(manifest.symbols))  # symbols


def file(snapshot: str) -> str:
    """The blob's name."""
    return f"versions/{snapshot}.json.gz"


def load(blobs: Blobs, snapshot: str) -> Manifest:
    """The manifest of a version. FileNotFoundError when there is none, DataError when it is damaged."""
    name = file(snapshot)
    where = blobs.where(name)

    def read() -> Manifest:
        try:
            manifest = Manifest.from_bytes(blobs.read(name))
        except FileNotFoundError:
            raise
        except InputError as error:
            raise DataError(f"{where} {error}") from None
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
            raise DataError(f"{where} is damaged ({error}): {MEND}") from error
        if manifest.snapshot != snapshot:
            raise DataError(f"{where} is damaged, its content is not what its name says: {MEND}")
        return manifest

    return _manifests.get(where, blobs.stamp(name), read)


def moment(time: int) -> datetime:
    """Microseconds as a moment, UTC."""
    return EPOCH + timedelta(microseconds=time)


class HeldOf(Mapping[str, Held]):
    """What a version holds of each symbol; its manifest is read when somebody asks."""

    def __init__(self, blobs: Blobs, snapshot: str) -> None:
        self._blobs, self._snapshot = blobs, snapshot

    @property
    def _manifest(self) -> Manifest:
        try:
            return load(self._blobs, self._snapshot)
        except FileNotFoundError:
            raise DataError(f"{self._blobs.where(file(self._snapshot))} is missing: {MEND}") from None

    def __getitem__(self, symbol: str) -> Held:
        return held(self._manifest, symbol)

    def __iter__(self) -> Iterator[str]:
        return iter(self._manifest.symbols)

    def __len__(self) -> int:
        return len(self._manifest.symbols)

    def __repr__(self) -> str:
        return f"<{len(self)} symbols>"


def held(manifest: Manifest, symbol: str) -> Held:
    """What a version holds of a symbol; of one without a bar both times are the first moment of all."""
    entry = manifest.symbols[symbol]
    first, last = (entry.first, entry.last) if entry.rows else (manifest.start, manifest.start)
    return Held(entry.instrument, entry.rows, moment(first), moment(last))
