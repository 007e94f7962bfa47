"""Rows that were set aside: a table of them, kept in files that are only ever added.

    <AURA_HOME>/data/quarantine/<source>-<frequency>/<content hash>.parquet

A file is written aside and then renamed, so that it is whole or not there; the same rows are kept once, however often
they are fetched.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aura_lib.core import DataError, InputError, WallClock, utc
from aura_lib.core.market_data import FIELDS

__all__ = ["ROWS", "Quarantine", "quarantined"]

ROWS = ("source", "frequency", "symbol", "time", "check", "detail", *FIELDS)
TOLD = 5  # rows that a warning names
NUMBERS = set(FIELDS)


def _none() -> pd.DataFrame:
    return _typed(pd.DataFrame({name: [] for name in ROWS}))


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    kinds: dict[str, Any] = {n: "float64" if n in NUMBERS else "str" for n in ROWS if n != "time"}
    table = rows.astype(kinds)
    table["time"] = pd.to_datetime(table["time"], utc=True).astype("datetime64[us, UTC]")
    return table.reset_index(drop=True)


@dataclass(frozen=True, slots=True, eq=False)
class Quarantine:
    """Rows that may not be used, each with the values it came with, the check that it failed, and what is wrong.

    `rows` has source, frequency, symbol, time (UTC), check, detail, open, high, low, close, volume (NaN: the source
    has no such field, or no value).
    """

    rows: pd.DataFrame = field(default_factory=_none)

    @staticmethod
    def of(found: Iterable[Sequence[Any]]) -> Quarantine:
        """A quarantine of rows in the order of its columns; ordered by symbol and time."""
        table = pd.DataFrame([tuple(row) for row in found], columns=list(ROWS))
        return Quarantine(_typed(table.sort_values(["symbol", "time", "check"], kind="stable")))

    @staticmethod
    def from_table(
        table: pd.DataFrame, times: Any, *, source: str, frequency: str, symbol: str, check: str, detail: str
    ) -> Quarantine:
        """All rows of one symbol's table (columns open … volume, some may be missing), each with its moment (UTC)."""
        fields = table.reindex(columns=list(FIELDS)).to_numpy(dtype="float64")
        words = [source, frequency, symbol]
        return Quarantine.of(
            [*words, moment, check, detail, *values] for moment, values in zip(times, fields, strict=True)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: Quarantine) -> Quarantine:
        """The rows of both, each once."""
        if not len(self) or not len(other):
            return self if len(self) else other
        rows = pd.concat([self.rows, other.rows], ignore_index=True).drop_duplicates(list(ROWS))
        return Quarantine(_typed(rows.sort_values(["symbol", "time", "check"], kind="stable")))

    def table(self) -> pd.DataFrame:
        """One row a row that was set aside."""
        return self.rows.copy()

    def counts(self) -> dict[str, int]:
        """How many rows failed each check."""
        return {str(name): int(count) for name, count in self.rows["check"].value_counts(sort=False).items()}

    def since(self, moment: datetime) -> Quarantine:
        """The rows of bars at or after a moment."""
        return Quarantine(self.rows[self.rows["time"] >= pd.Timestamp(utc(moment))].reset_index(drop=True))

    def __str__(self) -> str:
        if not len(self):
            return "no row was set aside"
        counts = ", ".join(f"{name} {count}" for name, count in self.counts().items())
        told = [f"{row.symbol} at {row.time}: {row.detail}" for row in self.rows.head(TOLD).itertuples()]
        more = [f"and {len(self) - TOLD} more"] if len(self) > TOLD else []
        return "\n    ".join([f"{len(self)} row(s) ({counts})", *told, *more])

    def keep(self, home: Path) -> tuple[Path, ...]:
        """Write the rows where they stay, one file a source and frequency; the files. Nothing to keep, no file.

        Raises InputError when AURA_HOME cannot be written.
        """
        groups = self.rows.groupby(["source", "frequency"], sort=True)
        return tuple(_keep(Path(home), str(s), str(f), rows) for (s, f), rows in groups)


def _folder(home: Path, source: str, frequency: str) -> Path:
    """A folder whose name says the source, and which no other source has."""
    plain = re.sub(r"[^A-Za-z0-9._=,-]+", "_", source)[:80]
    mark = "" if plain == source else "-" + hashlib.sha256(source.encode()).hexdigest()[:8]
    return Path(home) / "data" / "quarantine" / f"{plain}{mark}-{frequency}"


def _keep(home: Path, source: str, frequency: str, rows: pd.DataFrame) -> Path:
    rows = rows.reset_index(drop=True)
    name = hashlib.sha256(rows.to_csv(index=False).encode()).hexdigest()[:24]
    folder = _folder(home, source, frequency)
    target = folder / f"{name}.parquet"
    if target.exists():
        return target
    aside = folder / f".{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with aside.open("xb") as file:
            rows.assign(recorded=pd.Timestamp(WallClock().now())).to_parquet(file, compression="zstd", index=False)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror or error}), {len(rows)} bad row(s) would be lost: "
            "free the disk, or set AURA_HOME to a directory of yours"
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return target


def quarantined(home: Path | None = None, source: str | None = None, frequency: str | None = None) -> pd.DataFrame:
    """Every row that was ever set aside, with `recorded`, the moment this was first seen (UTC); oldest bar first.

    Args:
        home: AURA_HOME; from the environment when not given.
        source: of one source only.
        frequency: of one frequency only.

    Raises:
        DataError: a file is damaged.
    """
    from aura_lib.core import Settings

    root = (home or Settings.load().home) / "data" / "quarantine"
    parts = [_read(file) for file in sorted(root.glob("*/*.parquet"))]
    if not parts:
        return _none().assign(recorded=pd.DatetimeIndex([], tz="UTC").as_unit("us"))
    rows = pd.concat(parts, ignore_index=True)
    for name, wanted in (("source", source), ("frequency", frequency)):
        rows = rows if wanted is None else rows[rows[name] == wanted]
    first = rows.sort_values("recorded", kind="stable").drop_duplicates(subset=list(ROWS))
    return first.sort_values(["time", "symbol", "check"], kind="stable").reset_index(drop=True)


def _read(file: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        rows = pd.read_parquet(file)
        return _typed(rows).assign(recorded=pd.to_datetime(rows["recorded"], utc=True).astype("datetime64[us, UTC]"))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{file} is damaged ({error}): fetching its source again writes what is still wrong") from error
