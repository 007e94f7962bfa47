"""From a file to a table of columns as they are written: what kind it is, packing, encoding, delimiter, header."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from aura_lib.core import DataError, InputError
from aura_lib.data.files import names
from aura_lib.data.files.dialect import Dialect

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 30  # lines that decide on the delimiter
SHOWN = 5  # bad lines named in an error
MARKS = (  # of the byte order; UTF-32's begins like UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
PACKED = ((b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress), (b"\xfd7zXZ\x00", lzma.decompress))
DAMAGE = (OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns as they are written. `symbols` names the symbol of each column where a second header row does.

    `notes` tell what was found out about the file, `remarks` what a reader might not expect.
    """

    names: tuple[str, ...]
    columns: tuple[pa.ChunkedArray, ...]
    symbols: tuple[str, ...] = ()
    delimiter: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Rows below the header."""
        return len(self.columns[0]) if self.columns else 0


def open_table(path: Path, dialect: Dialect) -> Table:
    """The table in a file. One that is not there raises InputError, a damaged or empty one DataError."""
    name, content = path.name, _content(path)
    try:
        content, inside = _unpacked(content, name)
        if content.startswith(b"PAR1"):
            table = _parquet(content)
        elif content.startswith(b"PK"):
            table = _workbook(content, name, dialect.sheet)
        elif content.startswith(b"\xd0\xcf\x11\xe0"):
            raise InputError(f"{name} is an old or a locked workbook (.xls, or one with a password): save it as .xlsx")
        else:
            table = _text(content, name, dialect)
    except DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise DataError(f"{name} is damaged and cannot be read: {str(error) or type(error).__name__}") from error
    if not table.rows:
        raise DataError(f"{name} has a header and no row: {', '.join(table.names)}")
    return table if inside == name else _noted(table, f"packed: {inside}")


def _noted(table: Table, note: str) -> Table:
    return Table(table.names, table.columns, table.symbols, table.delimiter, (note, *table.notes), table.remarks)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:SHOWN] if path.parent.is_dir() else []
        hint = f"; that folder has {', '.join(near)}" if near else ""
        raise InputError(f"no file {path}{hint}") from None
    except IsADirectoryError:
        inside = sorted(p.name for p in path.iterdir() if p.is_file())[:SHOWN]
        raise InputError(
            f"{path} is a folder; name a file in it, such as {', '.join(inside) or '(it is empty)'}"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not content[:4096].strip() and not content.strip():
        raise DataError(f"{path.name} is empty")
    return content


def _unpacked(content: bytes, name: str) -> tuple[bytes, str]:
    for mark, unpack in PACKED:
        if content.startswith(mark):
            return _unpacked(unpack(content), f"{name} unpacked")
    if not content.startswith(b"PK"):
        return content, name
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = [entry for entry in archive.namelist() if not entry.startswith("__MACOSX") and not entry.endswith("/")]
        if "[Content_Types].xml" in inside:
            return content, name
        if len(inside) != 1:
            raise InputError(f"{name} holds {len(inside)} files ({', '.join(inside[:SHOWN])}): unpack it and name one")
        try:
            return _unpacked(archive.read(inside[0]), inside[0])
        except RuntimeError as error:
            raise InputError(f"{name} cannot be unpacked: {error}") from None


# ---- Parquet and workbooks ---------------------------------------------------------------------------------------


def _parquet(content: bytes) -> Table:
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(content))
    if not isinstance(frame.index, pd.RangeIndex):
        labels = [str(label or "") for label in frame.index.names]
        index = [_arrow(frame.index.get_level_values(level)) for level in range(frame.index.nlevels)]
    else:
        labels, index = [], []
    columns = (*index, *(_arrow(frame.iloc[:, position]) for position in range(frame.shape[1])))
    if frame.columns.nlevels == 2:
        upper, lower = ([*labels, *map(str, frame.columns.get_level_values(level))] for level in (0, 1))
        split = names.two_rows(upper, lower, len(labels))
        if split is not None:
            return Table(split[0], columns, split[1], notes=("Parquet with two rows of column names",))
    flat = [" ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in frame.columns]
    return Table((*labels, *flat), columns, notes=("Parquet",))


def _arrow(values: Any) -> pa.ChunkedArray:
    array = pa.array(values, from_pandas=True)
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    if pa.types.is_dictionary(chunked.type):
        chunked = chunked.cast(chunked.type.value_type)
    return chunked.cast(pa.string()) if pa.types.is_large_string(chunked.type) else chunked


def _workbook(content: bytes, name: str, sheet: str | int | None) -> Table:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except SyntaxError as error:  # ElementTree's ParseError
        raise DataError(f"{name} is damaged and cannot be read: {error}") from error
    chosen = _sheet(book.sheetnames, name, sheet)
    page = book[chosen]
    if not hasattr(page, "iter_rows"):
        raise InputError(f"{name}: the sheet {chosen!r} is a chart; it has {', '.join(book.sheetnames)}")
    page.reset_dimensions()
    rows = [row for row in page.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    if not rows:
        raise DataError(f"{name}: the sheet {chosen!r} is empty; it has {', '.join(book.sheetnames)}")
    others = f" of {', '.join(book.sheetnames)}" if len(book.sheetnames) > 1 else ""
    return _from_rows(rows, (f"workbook, sheet {chosen!r}{others}",))


def _sheet(sheets: Sequence[str], name: str, wanted: str | int | None) -> str:
    if isinstance(wanted, str) and wanted in sheets:
        return wanted
    if wanted is None or (isinstance(wanted, int) and 0 <= wanted < len(sheets)):
        return sheets[wanted or 0]
    raise InputError(f"{name} has no sheet {wanted!r}; it has {', '.join(sheets)}")


def _from_rows(rows: list[tuple[Any, ...]], notes: tuple[str, ...]) -> Table:
    width = max(len(row) for row in rows)
    rows = [(*row, *[None] * (width - len(row))) for row in rows]
    start = next(i for i, row in enumerate(rows) if sum(c is not None for c in row) > 1 or width == 1)
    remarks = (f"{start} row(s) above the header were passed over",) if start else ()
    header = [["" if cell is None else str(cell).strip() for cell in row] for row in rows[start : start + 3]]
    labels, symbols, height = _header(header)
    body = rows[start + height :]
    filled = [i for i in range(width) if labels[i] or any(row[i] is not None for row in body)]
    columns = tuple(_typed([row[i] for row in body]) for i in filled)
    of = tuple(symbols[i] for i in filled) if symbols else ()
    return Table(tuple(labels[i] for i in filled), columns, of, notes=notes, remarks=remarks)


def _typed(cells: list[Any]) -> pa.ChunkedArray:
    """Numbers as numbers and times as times, where a column holds nothing else; otherwise text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float}:
        return pa.chunked_array([pa.array(cells, pa.float64())])
    if kinds <= {datetime, date}:
        return pa.chunked_array([pa.array(cells, pa.timestamp("us"))])
    return pa.chunked_array([pa.array([None if cell is None else _written(cell) for cell in cells], pa.string())])


def _written(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat(" ") if isinstance(cell, datetime) else str(cell)


# ---- text --------------------------------------------------------------------------------------------------------


def _text(content: bytes, name: str, dialect: Dialect) -> Table:
    content, encoding = utf8(content, name, dialect.encoding)
    content = content if b"\n" in content else content.replace(b"\r", b"\n")
    lines = content[: 1 << 20].decode("utf-8", "ignore").splitlines()[: LOOKED_AT * 3]
    top, told = _top(lines)
    delimiter = told or _delimiter([line for line in lines[top:] if line.strip()][:LOOKED_AT], name)
    start = next(i for i in range(top, len(lines)) if len(_cells(lines[i], delimiter)) > 1)
    rows = [_cells(line, delimiter) for line in lines[start : start + 3]]
    labels, symbols, height = _header(rows)
    table = _parsed(content, name, delimiter, len(rows[0]), start + height)
    notes = (f"text, {encoding}, columns split at {'tab' if delimiter == chr(9) else delimiter}",)
    passed = [line for line in lines[top:start] if line.strip()]
    remarks = [f"{len(passed)} line(s) above the header were passed over"] if passed else []
    if encoding == "cp1252" and not dialect.encoding:
        remarks.append("it is no UTF-8: read as cp1252 (Western European)")
    keep = [i for i in range(len(labels)) if labels[i] or i == 0 or _any(table.column(i))]
    of = tuple(symbols[i] for i in keep) if symbols else ()
    columns = tuple(table.column(i) for i in keep)
    return Table(tuple(labels[i] for i in keep), columns, of, delimiter, notes, tuple(remarks))


def utf8(content: bytes, name: str, encoding: str = "") -> tuple[bytes, str]:
    """A text's bytes as UTF-8, and the encoding they were in. What is no text, or no known one, is refused."""
    marked = next((told for mark, told in MARKS if content.startswith(mark)), "")
    for guess in [encoding] if encoding else [marked] if marked else ["utf-8", _wide(content), "cp1252"]:
        if not guess or (guess in ("utf-8", "cp1252") and not encoding and b"\0" in content):
            continue
        try:
            text = content.decode(guess)
        except LookupError:
            raise InputError(f"no encoding {guess!r}: use for instance utf-8, utf-16, cp1252 or latin-1") from None
        except UnicodeError:
            continue
        return (content if guess == "utf-8" else text.encode()), guess.removesuffix("-sig")
    tried = encoding or marked or "UTF-8, UTF-16 and cp1252"
    raise InputError(f"{name} cannot be read as text ({tried} tried): give its encoding=, if it is a text file")


def _wide(content: bytes) -> str:
    """UTF-16 without a mark: every other byte of plain text is zero."""
    even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
    if len(content) % 2 or max(even, odd) < 0.3 * len(content[:4096:2]):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _top(lines: Sequence[str]) -> tuple[int, str]:
    """Lines to skip from the start, and the delimiter that Excel's `sep=;` names."""
    top = 0
    while top < len(lines) and (not lines[top].strip() or lines[top].startswith("#")):
        top += 1
    if top < len(lines) and lines[top].lower().startswith("sep=") and len(lines[top].strip()) == 5:
        return top + 1, lines[top].strip()[4]
    return top, ""


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _delimiter(lines: Sequence[str], name: str) -> str:
    """The delimiter that splits most of the lines into the same number of cells."""
    scores = []
    for order, delimiter in enumerate(DELIMITERS):
        rows = [_cells(line, delimiter) for line in lines]
        counts = [len(row) for row in rows]
        usual = max(set(counts), key=lambda n: (counts.count(n), n), default=0)
        if usual > 1:
            header = next(row for row in rows if len(row) > 1)
            scores.append((counts.count(usual), "date" in names.roles(header), usual, -order, delimiter))
    if not scores:
        raise InputError(
            f"{name} has one column only, it begins {lines[0][:60] if lines else ''!r}: "
            "columns are told apart by comma, semicolon, tab or |"
        )
    return max(scores)[-1]


def _header(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Column names, their symbols where a second row has them, and how many rows that took."""
    if len(rows) > 1:
        split = names.two_rows(rows[0], rows[1], 1)
        if split is not None:
            third = rows[2] if len(rows) > 2 else []
            below = bool(third) and names.role(third[0]) == "date" and not any(third[1:])
            return (*split, 3 if below else 2)
    return tuple(rows[0]), (), 1


def _parsed(content: bytes, name: str, delimiter: str, width: int, skip: int) -> pa.Table:
    bad: list[pacsv.InvalidRow] = []

    def remember(row: pacsv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    def read(threads: bool) -> pa.Table:
        columns = [str(i) for i in range(width)]
        return pacsv.read_csv(
            pa.BufferReader(content),
            pacsv.ReadOptions(skip_rows=skip, column_names=columns, use_threads=threads),
            pacsv.ParseOptions(delimiter=delimiter, invalid_row_handler=remember),
            pacsv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), check_utf8=False),
        )

    table = _or_empty(read, content, width, skip)
    if bad:
        bad.clear()
        read(False)  # one thread knows the line numbers
        told = "; ".join(f"line {r.number} has {r.actual_columns}: {r.text[:60]!r}" for r in bad[:SHOWN])
        raise DataError(
            f"{name} is damaged: {len(bad)} line(s) do not have the {width} columns of the header. {told}"
            f"{' …' if len(bad) > SHOWN else ''}. Mend them; nothing was read"
        )
    return table


def _or_empty(read: Any, content: bytes, width: int, skip: int) -> pa.Table:
    if not any(line.strip() for line in content.split(b"\n", skip)[skip:]):
        return pa.table([pa.chunked_array([pa.array([], pa.string())])] * width, [str(i) for i in range(width)])
    return read(True)


def _any(column: pa.ChunkedArray) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.not_equal(column, "")).as_py())
