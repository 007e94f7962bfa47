"""Bars on disk: a Parquet object a symbol, named by its content; snapshots that list them; a pointer to the latest.

    <AURA_HOME>/data/objects/<sha256>.parquet      one symbol: time and fields
    <AURA_HOME>/data/snapshots/<id>.json           what a snapshot is made of
    <AURA_HOME>/data/latest/<source>-<frequency>   id of the newest snapshot
    <AURA_HOME>/data/writing/                      files on their way; never read

Objects and snapshots never change, so that readers need no lock. A name is a hash of values (times as int64
microseconds, prices as float64), not of a file: another Parquet writer gives the same name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Bars, DataError, InputError, Instrument, canonical, decode, digest, encode
from aura_lib.core.market_data import FIELDS

__all__ = ["Store"]

SCHEMA = 1
ID_DIGITS = 24  # of the SHA-256: short enough to read out, long enough never to meet by accident
MEND = "fetching its source again (a file: loading it again) writes it anew"
ABANDONED = 3600.0  # seconds after which a file on its way belongs to a writer that died

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class Store:
    """The bars kept under one AURA_HOME. Safe for any number of readers and writers at once."""

    def __init__(self, home: Path) -> None:
        self.root = Path(home) / "data"

    def put(self, bars: Bars) -> Bars:
        """Keep bars; they come back with their snapshot id. Putting the same again changes nothing, and mends damage.

        Raises InputError when the directory cannot be written or the disk is full; nothing half-written stays.
        """
        if not len(bars):
            raise InputError(f"bars of {bars.source} without a single row cannot be kept")
        pointer = self._pointer(bars.source, bars.frequency)
        manifest, objects = _describe(bars)
        snapshot = _identity(manifest)
        damaged = {name: columns for name, columns in objects.items() if self._problem(name)}
        with self._publishing() as add:
            for name, (times, fields) in damaged.items():
                add(self._object(name), _to_parquet(times, fields))
            add(self._snapshot(snapshot), canonical(manifest).encode())
            add(pointer, snapshot.encode())
        return replace(bars, snapshot=snapshot)

    def get(self, snapshot: str, symbols: Sequence[str] | None = None) -> Bars:
        """The bars of a snapshot, or of some of its symbols in the order asked for.

        An id or symbol that is not there raises InputError; a damaged or missing file raises DataError naming it.
        """
        manifest = self._manifest(snapshot)
        entries = {entry["instrument"]["symbol"]: entry for entry in manifest["symbols"]}
        wanted = list(entries) if symbols is None else list(symbols)
        unknown = [s for s in wanted if s not in entries]
        if unknown or not wanted:
            raise InputError(
                f"snapshot {snapshot} has no {unknown or 'empty list of symbols'}; it has {', '.join(entries)}"
            )
        columns = [self._columns(entries[s]["object"]) for s in wanted]
        instruments = {s: decode(Instrument, entries[s]["instrument"]) for s in wanted}
        return _assemble(manifest, snapshot, instruments, columns)

    def latest(self, source: str, frequency: str) -> str | None:
        """Id of the newest snapshot of a source, None when nothing was kept yet.

        A damaged pointer, or one to a snapshot that is gone, raises DataError.
        """
        pointer = self._pointer(source, frequency)
        try:
            snapshot = pointer.read_bytes().decode("ascii", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DataError(f"{pointer} cannot be read: {error.strerror}") from error
        if not _is_id(snapshot):
            raise DataError(f"{pointer} is damaged, it holds no snapshot id: {MEND}")
        if not self._snapshot(snapshot).exists():
            raise DataError(f"{self._snapshot(snapshot)} is missing: {MEND}")
        return snapshot

    def snapshots(self) -> tuple[str, ...]:
        """Every snapshot id in the store, sorted."""
        return tuple(sorted(path.stem for path in (self.root / "snapshots").glob("*.json") if _is_id(path.stem)))

    def of(self, source: str) -> tuple[str, ...]:
        """The snapshots of one source, the newest last."""
        found = []
        for snapshot in self.snapshots():
            with suppress(DataError, InputError, FileNotFoundError):
                if self._manifest(snapshot)["source"] == source:
                    found.append((self._snapshot(snapshot).stat().st_mtime, snapshot))
        return tuple(snapshot for _, snapshot in sorted(found))

    def newest(self, source: str, frequency: str, symbols: Sequence[str], adjustment: str) -> str | None:
        """The newest snapshot of a source that has all these symbols, None when there is none."""
        for snapshot in reversed(self.of(source)):
            manifest = self._manifest(snapshot)
            held = {entry["instrument"]["symbol"] for entry in manifest["symbols"]}
            if (manifest["frequency"], manifest["adjustment"]) == (frequency, adjustment) and held >= set(symbols):
                return snapshot
        return None

    def verify(self) -> tuple[str, ...]:
        """What is damaged or missing, one line a file; empty when every snapshot can be read as it was written."""
        problems = []
        names: set[str] = set()
        for snapshot in self.snapshots():
            try:
                names |= {entry["object"] for entry in self._manifest(snapshot)["symbols"]}
            except DataError as error:
                problems.append(str(error))
        problems += [problem for name in sorted(names) if (problem := self._problem(name))]
        return tuple(problems)

    def _pointer(self, source: str, frequency: str) -> Path:
        for part in (source, frequency):  # a source may be a file, of whatever name
            if not re.fullmatch(r"[^/\\\0]{1,200}", part) or part in (".", ".."):
                raise InputError(f"{part!r} cannot name a file: it needs up to 200 characters without / and \\")
        return self.root / "latest" / f"{source}-{frequency}"

    def _object(self, name: str) -> Path:
        return self.root / "objects" / f"{name}.parquet"

    def _snapshot(self, snapshot: str) -> Path:
        return self.root / "snapshots" / f"{snapshot}.json"

    def _manifest(self, snapshot: str) -> dict[str, Any]:
        if not _is_id(snapshot):
            raise InputError(f"{snapshot!r} is no snapshot id: it has {ID_DIGITS} hexadecimal digits")
        path = self._snapshot(snapshot)
        try:
            manifest = json.loads(path.read_bytes())
        except FileNotFoundError:
            known = ", ".join(self.snapshots()[:5]) or "none"
            raise InputError(f"no snapshot {snapshot} in {self.root}; there is: {known}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}): {MEND}") from error
        if not isinstance(manifest, dict) or _identity(manifest) != snapshot:
            raise DataError(f"{path} is damaged, its content is not what its name says: {MEND}")
        if manifest["schema"] != SCHEMA:
            raise DataError(f"{path} has schema {manifest['schema']}, this version reads {SCHEMA}: update Aura")
        return manifest

    def _columns(self, name: str) -> tuple[Times, dict[str, Values]]:
        """Times and fields of an object, proven to be what its name says."""
        import pyarrow as pa

        path = self._object(name)
        try:
            times, fields = _from_parquet(path.read_bytes())
        except FileNotFoundError:
            raise DataError(f"{path} is missing: {MEND}") from None
        except (OSError, KeyError, ValueError, pa.ArrowException) as error:
            raise DataError(f"{path} is damaged ({error}): {MEND}") from error
        if _name(times, fields) != name:
            raise DataError(f"{path} is damaged, its content is not what its name says: {MEND}")
        return times, fields

    def _problem(self, name: str) -> str:
        try:
            self._columns(name)
        except DataError as error:
            return str(error)
        return ""

    @contextmanager
    def _publishing(self) -> Iterator[Any]:
        """Write every file aside first, then move them all into place in the order given."""
        staged: list[tuple[Path, Path]] = []
        writing = self.root / "writing"

        def add(target: Path, content: bytes) -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = writing / uuid.uuid4().hex
            staged.append((aside, target))
            _write(aside, content)

        try:
            writing.mkdir(parents=True, exist_ok=True)
            _sweep(writing)
            yield add
            for aside, target in staged:
                aside.replace(target)
                _settle(target.parent)
        except OSError as error:
            raise InputError(
                f"{self.root} cannot be written ({error.strerror or error}): free the disk, or set AURA_HOME to a "
                "directory of yours; nothing was changed"
            ) from error
        finally:
            for aside, _ in staged:
                aside.unlink(missing_ok=True)


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS}}}", text) is not None


def _identity(manifest: Mapping[str, Any]) -> str:
    return digest(dict(manifest))[:ID_DIGITS]


def _describe(bars: Bars) -> tuple[dict[str, Any], dict[str, tuple[Times, dict[str, Values]]]]:
    """The manifest of bars, and their objects by name."""
    times = bars.times.asi8.astype("<i8", copy=False)
    fields = {name: bars.fields[name].to_numpy() for name in FIELDS if name in bars.fields}
    objects, entries = {}, []
    for position, symbol in enumerate(bars.symbols):
        columns = {name: np.ascontiguousarray(values[:, position], "<f8") for name, values in fields.items()}
        name = _name(times, columns)
        objects[name] = (times, columns)
        entries.append({"instrument": encode(bars.instruments[symbol]), "object": name})
    manifest = {
        "schema": SCHEMA,
        "source": bars.source,
        "frequency": bars.frequency,
        "calendar": bars.calendar,
        "adjustment": bars.adjustment,
        "symbols": entries,
    }
    return manifest, objects


def _name(times: Times, fields: Mapping[str, Values]) -> str:
    """SHA-256 of one symbol's values; every NaN counts as the same one."""
    sha = hashlib.sha256(canonical({"fields": list(fields), "rows": len(times)}).encode())
    sha.update(times.tobytes())
    for values in fields.values():
        sha.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return sha.hexdigest()


def _to_parquet(times: Times, fields: Mapping[str, Values]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamps = pa.array(times).cast(pa.timestamp("us", tz="UTC"))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"time": stamps, **{n: pa.array(v) for n, v in fields.items()}}), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _from_parquet(content: bytes) -> tuple[Times, dict[str, Values]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    times = table.column("time").cast(pa.int64()).to_numpy()
    return times, {name: table.column(name).to_numpy() for name in FIELDS if name in table.column_names}


def _assemble(
    manifest: Mapping[str, Any],
    snapshot: str,
    instruments: Mapping[str, Instrument],
    columns: Sequence[tuple[Times, dict[str, Values]]],
) -> Bars:
    times, first = columns[0]
    if not all(np.array_equal(times, other) for other, _ in columns):
        raise DataError(f"snapshot {snapshot}: its symbols have different times")
    index = pd.DatetimeIndex(times.view("M8[us]")).tz_localize("UTC")
    frames = {
        name: pd.DataFrame(np.stack([fields[name] for _, fields in columns]).T, index, list(instruments), copy=False)
        for name in first
    }
    words = {key: manifest[key] for key in ("source", "frequency", "calendar", "adjustment")}
    return Bars(frames, snapshot=snapshot, instruments=instruments, **words)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(writing: Path) -> None:
    """Take away what a writer that died left behind."""
    for path in writing.iterdir():
        try:
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
        except FileNotFoundError:
            continue
