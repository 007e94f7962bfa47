"""Small tables that people write by hand: CSV with a header, read so that an error names its line."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from aura_lib.core import DataError


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file: column → text without surrounding spaces."""

    file: str
    line: int
    values: dict[str, str]

    @property
    def where(self) -> str:
        """Its line."""
        return f"line {self.line}"

    @property
    def place(self) -> str:
        """Its file and line."""
        return f"{self.file}, {self.where}"

    def get(self, column: str) -> str:
        """A value; empty when there is none."""
        return self.values.get(column, "")


def rows(path: Path, needed: tuple[str, ...]) -> list[Row]:
    """The lines of a file. DataError: it is no such table, or lacks a column."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    reader = csv.reader(text.splitlines())
    try:
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if any(map(str.strip, line))]
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None
    header = [name.casefold() for name in lines[0][1]] if lines else []
    lacking = [name for name in needed if name not in header]
    if lacking:
        raise DataError(f"{path.name} needs a column {', '.join(lacking)}; its first line has: {', '.join(header)}")
    if len(set(header)) < len(header):
        raise DataError(f"{path.name} names a column twice: {', '.join(header)}")
    long = next((number for number, line in lines if len(line) > len(header)), None)
    if long:
        raise DataError(f"{path.name}, line {long}: more cells than columns; put a name with a comma in quotes")
    return [Row(path.name, number, dict(zip(header, line, strict=False))) for number, line in lines[1:]]
