"""Read a file: what was recognised, what was remarked, what the checks found, and the bars."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from aura_lib.core import Bars, InputError, Instrument, project_root
from aura_lib.data import quality
from aura_lib.data.files.dialect import Dialect

SUFFIXES = frozenset(
    {".csv", ".tsv", ".txt", ".parquet", ".pq", ".xlsx", ".xlsm", ".gz", ".zip", ".bz2", ".xz", ".xls"}
)


def is_file(source: object) -> bool:
    """Whether this names a file rather than a source: a Path, or a text with a folder or a known ending in it."""
    if isinstance(source, os.PathLike):
        return True
    return isinstance(source, str) and (Path(source).suffix.lower() in SUFFIXES or "/" in source or os.sep in source)


@dataclass(frozen=True)
class Reading:
    """What was found in a file.

    `recognised` says which column is what, `notes` how the file was read, `remarks` what a reader might not expect,
    `quality` what the checks found.
    """

    source: str
    recognised: Mapping[str, str]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    quality: quality.Quality
    frequency: str
    frames: Mapping[str, pd.DataFrame]
    dialect: Dialect
    adjustment: str

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in the order of the file."""
        return tuple(self.frames["close"].columns)

    @cached_property
    def bars(self) -> Bars:
        """The bars. Errors of the checks that were not accepted raise DataError."""
        self.quality.without(self.dialect.accept).raise_if_bad(
            f"Mend the file, or say that you know: accept={sorted({f.check for f in self.quality.errors})}"
        )
        currency, venue = self.dialect.currency, self.dialect.calendar
        instruments = {s: Instrument(s, currency=currency, venue=venue) for s in self.symbols}
        return Bars(self.frames, self.source, self.frequency, venue, self.adjustment, instruments=instruments)

    def table(self) -> pd.DataFrame:
        """One row a column of the file: what it is."""
        return pd.DataFrame({"column": list(self.recognised), "is": list(self.recognised.values())})

    def __str__(self) -> str:
        close = self.frames["close"]
        size = f"{len(self.symbols)} symbol(s), {len(close):,} bars of {self.frequency}"
        span = f", {close.index[0]:%Y-%m-%d} to {close.index[-1]:%Y-%m-%d}" if len(close) else ""
        known = ", ".join(f"{column or '(no name)'} = {role}" for column, role in self.recognised.items())
        found = [f"{f.severity}: {f}" for f in self.quality.findings] or ["the checks found nothing"]
        return "\n  ".join([f"{self.source}: {size}{span}", known, *self.notes, *self.remarks, *found])


class FileSource:
    """A file as a data source: what it is called, what it holds.

    A relative path is looked for in the working directory, then in the project.
    """

    def __init__(self, path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> None:
        self.path = _found(Path(path).expanduser())
        self.name = self.path.name.encode("utf-8", "replace").decode()
        self.dialect = Dialect.of(options or {})

    @cached_property
    def reading(self) -> Reading:
        """The file, read once."""
        return read(self.path, self.dialect)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the file."""
        return self.reading.symbols

    def universe(self) -> tuple[str, ...]:
        """Every symbol in the file: it does not say what is an index."""
        return self.symbols()

    def fetch(self, symbols: Sequence[str], frequency: str = "") -> Bars:
        """The bars of some symbols; another frequency than the file's raises InputError."""
        if frequency and frequency != self.reading.frequency:
            raise InputError(f"{self.name} has bars of {self.reading.frequency}, not {frequency!r}")
        return self.reading.bars.select(symbols)


def _found(path: Path) -> Path:
    root = project_root()
    if path.is_absolute() or path.exists() or root is None or not (root / path).exists():
        return path
    return root / path


def read(path: str | os.PathLike[str], dialect: Dialect | None = None, /, **options: Any) -> Reading:
    """Read a file and check it, without keeping anything.

    Args:
        path: CSV (also packed with gzip, zip, bz2 or xz), Parquet or Excel.
        dialect: how to read it; or give its parts as keyword arguments, see `Dialect`.
        options: columns, symbol, sheet, encoding, decimal, thousands, dayfirst, tz, stamp, calendar, frequency,
            currency, adjusted, adjustment, duplicates, accept.

    Raises:
        InputError: no such file, columns that are not recognised, numbers or dates that can be read in two ways.
        DataError: the file is empty or damaged, or has two rows of one symbol and time.
    """
    from aura_lib.data.files import numbers, panel, prices
    from aura_lib.data.files.columns import Columns
    from aura_lib.data.files.opening import open_table

    how = dialect or Dialect.of(options)
    file = _found(Path(path).expanduser())
    table = open_table(file, how)
    name = file.name.encode("utf-8", "replace").decode()
    found = Columns(table, how, name)
    values, mark = numbers.parse(
        found.priced(), decimal=how.decimal, thousands=how.thousands, delimiter=table.delimiter, name=name
    )
    rows, remarks = found.rows(values)
    times, frequency, told = panel.stamps(rows, how, name)
    remarks += told
    strange, rows, times = panel.on_sessions(rows, times, how, name)
    frames, told = panel.panel(rows, times, how.duplicates, name)
    remarks += told
    frames, adjustment, told = prices.adjusted(frames, how)
    remarks += told
    checked = quality.examine(frames, source=name, frequency=frequency, calendar=how.calendar)
    checked = replace(checked, findings=(*strange, *checked.findings))
    frames, told = prices.without_false(frames, how)
    notes = (*table.notes, f"{rows.when.note}, decimal mark {mark}", f"adjusted for: {adjustment}")
    return Reading(
        name, found.recognised(), notes, (*table.remarks, *remarks, *told), checked, frequency, frames, how, adjustment
    )
