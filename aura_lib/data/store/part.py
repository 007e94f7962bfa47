"""Parts: immutable Parquet files of bars, sorted by symbol and time, named by the hash of their footer.

The footer holds where each symbol's rows lie, what they hash to, and the place of every page, each with its checksum:
a name proves the footer, the footer the rest. Row groups end where symbols end, so that one symbol is one read.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from aura_lib.core import DataError
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.blobs import Blobs
from aura_lib.data.store.cache import Cache
from aura_lib.data.store.identity import Leaf, Rows, leaf

__all__ = ["MEND", "Part", "PartRef", "Slice", "datasets", "opened", "problems", "read", "write"]

MEND = "fetching its source again (a file: loading it again) writes it anew"
GROUP_ROWS = 4096  # a row group ends with the symbol that fills it
GROUP_MOST = 131_072  # ... or within a symbol that is longer than this
PART_ROWS = 1_000_000  # a part ends with the symbol that fills it
AT_ONCE = 2  # parts that are made at the same time
SMALL_ROWS = 100_000  # parts of at most so many rows are kept decoded
NAME_BYTES = 16
TAIL = 1 << 18  # bytes; more than most footers
MAGIC = b"PAR1"
KEY = b"aura"

Table = dict[str, Any]  # arrays by column name: time (int64) and fields


@dataclass(frozen=True, slots=True)
class PartRef:
    """A part as a manifest names it: how many rows, and the first and last of its symbols."""

    name: str
    rows: int
    low: str
    high: str

    @property
    def file(self) -> str:
        """The blob's name."""
        return f"parts/{self.name}.parquet"


@dataclass(frozen=True, slots=True)
class Slice:
    """Where rows of a symbol lie: row group, first row in it, number of rows; first and last time."""

    group: int
    offset: int
    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Part:
    """The footer of a part, read and proven."""

    metadata: Any
    frequency: str
    fields: tuple[str, ...]
    index: Mapping[str, tuple[str, tuple[Slice, ...]]]  # symbol → hash of its rows, where they lie


_footers: Cache[Part] = Cache(2_000_000, lambda part: part.metadata.num_row_groups * 8 + 10.0)  # column chunks
_checked: Cache[tuple[str, ...]] = Cache(10_000, lambda problems: 1.0)
_decoded: Cache[Table] = Cache(64 << 20, lambda table: float(sum(values.nbytes for values in table.values())))


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def write(
    blobs: Blobs, frequency: str, fields: Sequence[str], rows: Iterable[tuple[str, Rows, Leaf | None]]
) -> tuple[PartRef, ...]:
    """Parts of the rows of symbols (ascending); a leaf that is not known yet is computed.

    Two are made at once: encoding, packing and waiting for the disk let other threads run.
    """
    found: list[PartRef] = []
    making: deque[Future[PartRef]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for some in _portions(rows):
            making.append(pool.submit(_made, blobs, frequency, fields, some))
            if len(making) == AT_ONCE:
                found.append(making.popleft().result())
        found += [future.result() for future in making]
    return tuple(found)


def _portions(rows: Iterable[tuple[str, Rows, Leaf | None]]) -> Iterator[list[tuple[str, Rows, Leaf | None]]]:
    """Symbols by the part that they go into."""
    some: list[tuple[str, Rows, Leaf | None]] = []
    count = 0
    for row in rows:
        if not len(row[1]):
            continue
        some.append(row)
        count += len(row[1])
        if count >= PART_ROWS:
            yield some
            some, count = [], 0
    if some:
        yield some


def _made(
    blobs: Blobs, frequency: str, fields: Sequence[str], some: Iterable[tuple[str, Rows, Leaf | None]]
) -> PartRef:
    making = _Making(frequency, fields)
    for symbol, held, known in some:
        making.take(symbol, held, known or leaf(frequency, held))
    return making.finish(blobs)


class _Making:
    """A part on its way, in memory."""

    def __init__(self, frequency: str, fields: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.frequency, self.fields = frequency, [name for name in FIELDS if name in fields]
        self.rows = self._group = self._waiting_rows = 0
        self._waiting: list[tuple[str, Rows]] = []
        self._index: dict[str, tuple[str, list[list[int]]]] = {}
        self._sink = pa.BufferOutputStream()
        columns = [("symbol", pa.string()), ("time", pa.timestamp("us", tz="UTC"))]
        self._schema = pa.schema([*columns, *((name, pa.float64()) for name in self.fields)])
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            use_dictionary=["symbol"],
            column_encoding={"time": "DELTA_BINARY_PACKED"},
            write_page_checksum=True,
            write_statistics=["symbol", "time"],
            store_schema=False,
        )

    def take(self, symbol: str, rows: Rows, known: Leaf) -> None:
        """Add a symbol's rows."""
        self._index[symbol] = (known.hash, [])
        self.rows += len(rows)
        for begin in range(0, len(rows), GROUP_MOST):
            cut = rows.take(slice(begin, begin + GROUP_MOST)) if len(rows) > GROUP_MOST else rows
            place = [self._group, self._waiting_rows, len(cut), int(cut.times[0]), int(cut.times[-1])]
            self._index[symbol][1].append(place)
            self._waiting.append((symbol, cut))
            self._waiting_rows += len(cut)
            if self._waiting_rows >= GROUP_ROWS:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        symbols = [pa.repeat(pa.scalar(symbol), len(rows)) for symbol, rows in self._waiting]
        times = pa.array(_one([rows.times for _, rows in self._waiting]))
        columns = [pa.chunked_array(symbols), times.view(pa.timestamp("us", tz="UTC"))]
        for name in self.fields:
            values = [r.fields[name] if name in r.fields else np.full(len(r), np.nan) for _, r in self._waiting]
            columns.append(_nullable(_one(values)))
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=self._waiting_rows)
        self._group, self._waiting_rows, self._waiting = self._group + 1, 0, []

    def finish(self, blobs: Blobs) -> PartRef:
        """Keep it under the name that its footer gives it."""
        if self._waiting:
            self._flush()
        index = {"frequency": self.frequency, "symbols": self._index}
        text = json.dumps(index, separators=(",", ":"), ensure_ascii=False)
        self._writer.add_key_value_metadata({KEY.decode(): text})
        self._writer.close()
        content = self._sink.getvalue()
        footer, _ = _footer(memoryview(content)[-min(len(content), TAIL) :]) or _footer(memoryview(content)) or (b"", 0)
        low, high = next(iter(self._index)), next(reversed(self._index))
        made = PartRef(_named(footer), self.rows, low, high)
        blobs.put(made.file, content)
        return made


def _one(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _nullable(values: Any) -> Any:
    """An Arrow array in which NaN is NULL: so it is to whoever asks by SQL."""
    import pyarrow as pa

    return pa.array(values, from_pandas=bool(np.isnan(values).any()))


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def opened(blobs: Blobs, part: PartRef) -> Part:
    """The footer of a part; DataError names a file that is missing, or not what its name says."""
    with _readable(blobs, part):
        return _footers.get(blobs.where(part.file), blobs.stamp(part.file), lambda: _open(blobs, part))


def _open(blobs: Blobs, part: PartRef) -> Part:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tail, size = blobs.tail(part.file, TAIL)
    found = _footer(memoryview(tail))
    if found is None:
        tail, _ = blobs.tail(part.file, size)
        found = _footer(memoryview(tail))
    if found is None or _named(found[0]) != part.name:
        raise ValueError("its footer is not what its name says")
    metadata = pq.read_metadata(pa.BufferReader(tail))
    index = json.loads(metadata.metadata[KEY])
    symbols = {
        s: (hashed, tuple(Slice(*place) for place in places)) for s, (hashed, places) in index["symbols"].items()
    }
    names = metadata.schema.names
    return Part(metadata, index["frequency"], tuple(name for name in FIELDS if name in names), symbols)


def _footer(tail: memoryview) -> tuple[bytes, int] | None:
    """The footer at the end of these bytes and its length; None when they hold no whole one."""
    if len(tail) < 8 or bytes(tail[-4:]) != MAGIC:
        return None
    (length,) = struct.unpack("<I", tail[-8:-4])
    return (bytes(tail[-8 - length : -8]), length) if length + 8 <= len(tail) else None


def _named(footer: bytes) -> str:
    return hashlib.blake2b(footer, digest_size=NAME_BYTES).hexdigest()


class _readable:
    """Turns what goes wrong while a part is read into a DataError that names it."""

    def __init__(self, blobs: Blobs, part: PartRef) -> None:
        self._where = blobs.where(part.file)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import pyarrow as pa

        if isinstance(error, FileNotFoundError):
            raise DataError(f"{self._where} is missing: {MEND}") from None
        if isinstance(error, (OSError, ValueError, KeyError, IndexError, TypeError, pa.ArrowException)):
            raise DataError(f"{self._where} is damaged ({error}): {MEND}") from error


def read(
    blobs: Blobs,
    part: PartRef,
    symbols: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    low: int | None = None,
    high: int | None = None,
) -> dict[str, Rows]:
    """Rows of some symbols (None: all) between two moments, included; symbols that it does not have are left out."""
    held = opened(blobs, part)
    wanted = list(held.index) if symbols is None else [s for s in symbols if s in held.index]
    names = [name for name in held.fields if fields is None or name in fields]
    places = {s: [p for p in held.index[s][1] if _meets(p, low, high)] for s in wanted}
    groups = sorted({place.group for found in places.values() for place in found})
    if not groups:
        return {}
    with _readable(blobs, part):
        table, begins = _columns(blobs, part, held, groups, names)
        return {s: _rows(table, begins, found, names, low, high) for s, found in places.items() if found}


def _meets(place: Slice, low: int | None, high: int | None) -> bool:
    return (low is None or place.last >= low) and (high is None or place.first <= high)


def _columns(
    blobs: Blobs, part: PartRef, held: Part, groups: list[int], names: list[str]
) -> tuple[Table, Mapping[int, int]]:
    """Columns of some row groups, one behind the other, and where each group begins in them."""
    small = part.rows <= SMALL_ROWS
    if small:
        groups, names = list(range(held.metadata.num_row_groups)), list(held.fields)
    sizes = [held.metadata.row_group(group).num_rows for group in groups]
    begins = dict(zip(groups, [0, *np.cumsum(sizes)[:-1].tolist()], strict=True))

    def decode() -> Table:
        return _decode(blobs, part, held, groups, names, sum(sizes))

    if small:
        return _decoded.get(blobs.where(part.file), blobs.stamp(part.file), decode), begins
    return decode(), begins


def _decode(blobs: Blobs, part: PartRef, held: Part, groups: list[int], names: list[str], rows: int) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = blobs.open(part.file)
    with pq.ParquetFile(source, metadata=held.metadata, page_checksum_verification=True) as file:
        table = file.read_row_groups(groups, columns=["time", *names], use_threads=len(groups) > 8)
    if table.num_rows != rows:
        raise ValueError(f"{rows} rows are told, {table.num_rows} found")
    columns = {"time": table.column("time").cast(pa.int64()).to_numpy()}
    return columns | {name: table.column(name).to_numpy() for name in names}


def _rows(
    table: Table,
    begins: Mapping[int, int],
    places: Sequence[Slice],
    names: list[str],
    low: int | None,
    high: int | None,
) -> Rows:
    first, last = places[0], places[-1]
    cut = slice(begins[first.group] + first.offset, begins[last.group] + last.offset + last.rows)
    return Rows(table["time"][cut], {name: table[name][cut] for name in names}).between(low, high)


def datasets(blobs: Blobs, runs: Sequence[Sequence[PartRef]], fields: Sequence[str]) -> list[Any]:
    """Each run as an Arrow dataset of symbol, time and fields, that checks what it reads."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    columns = [("symbol", pa.string()), ("time", pa.timestamp("us", tz="UTC"))]
    schema = pa.schema([*columns, *((name, pa.float64()) for name in fields)])
    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    format = ds.ParquetFileFormat(default_fragment_scan_options=options)
    found = []
    for run in runs:
        for ref in run:
            opened(blobs, ref)
        fragments = [format.make_fragment(blobs.path(ref.file), blobs.filesystem()) for ref in run]
        found.append(ds.FileSystemDataset(fragments, schema, format))
    return found


def problems(blobs: Blobs, part: PartRef) -> tuple[str, ...]:
    """What is wrong with a part, read whole; once in a process as long as the file stays the same."""
    with suppress(FileNotFoundError):
        stamp = blobs.stamp(part.file)
        if stamp is None:
            return tuple(_problems(blobs, part))
        return _checked.get(blobs.where(part.file), stamp, lambda: tuple(_problems(blobs, part)))
    return (f"{blobs.where(part.file)} is missing: {MEND}",)


def _problems(blobs: Blobs, part: PartRef) -> Iterator[str]:
    try:
        with _readable(blobs, part):
            held = _open(blobs, part)
            for symbol, rows in _fresh(blobs, part, held):
                if leaf(held.frequency, rows).hash != held.index[symbol][0]:
                    raise ValueError(f"the bars of {symbol} are not what its footer says")
    except DataError as error:
        yield str(error)


def _fresh(blobs: Blobs, part: PartRef, held: Part) -> Iterator[tuple[str, Rows]]:
    """Every symbol's rows as the file has them now, a few row groups at a time."""
    table: Table = {}
    begins: dict[int, int] = {}
    for symbol, (_, places) in held.index.items():
        groups = [place.group for place in places]
        if list(begins) != groups:
            sizes = [held.metadata.row_group(group).num_rows for group in groups]
            begins = dict(zip(groups, [0, *np.cumsum(sizes)[:-1].tolist()], strict=True))
            table = _decode(blobs, part, held, groups, [*held.fields, "symbol"], sum(sizes))
        rows = _rows(table, begins, places, [*held.fields, "symbol"], None, None)
        if set(rows.fields["symbol"]) != {symbol}:
            raise ValueError(f"rows of {symbol} have another name")
        yield symbol, Rows(rows.times, {name: rows.fields[name] for name in held.fields})
