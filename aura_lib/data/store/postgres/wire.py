"""Rows of bars as PostgreSQL sends and takes them: its binary formats, to the last bit, a column at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.identity import Rows, Times
from aura_lib.data.store.postgres.schema import NEWEST

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = ["copy_keys", "copy_rows", "moment", "read"]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
EPOCH = 946_684_800_000_000  # of PostgreSQL, 2000-01-01, in microseconds of ours
CHUNK = 4096  # rows sent at once
BATCH = 400_000  # rows asked for at once


def moment(time: int) -> datetime:
    """Microseconds as a moment, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)


def read(
    connection: Connection,
    symbols: Sequence[tuple[int, int]],
    fields: Sequence[str],
    number: int,
    low: int | None = None,
    high: int | None = None,
) -> Iterator[tuple[int, Rows]]:
    """Rows of symbols in a version, of those that have any between two moments (included), in no order.

    Args:
        connection: to the server.
        symbols: their ids, and about how many rows each has.
        fields: the columns that are wanted.
        number: of the version; NEWEST for the newest one.
        low: the first moment, microseconds.
        high: the last moment.
    """
    at = min(number, NEWEST - 1)
    bounds = [moment(low)] if low is not None else []
    bounds += [moment(high)] if high is not None else []
    columns = "".join(f", string_agg(float8send(coalesce({name}, 'NaN')), '')" for name in fields)
    statement = (
        f"SELECT symbol, string_agg(timestamptz_send(time), ''){columns} FROM aura_data.bars"
        f" WHERE symbol = ANY(%s::integer[]) AND since <= %s AND until > %s"
        f"{' AND time >= %s' if low is not None else ''}{' AND time <= %s' if high is not None else ''}"
        " GROUP BY symbol"
    ).encode()
    for batch in _batches(symbols):
        for symbol, times, *values in connection.execute(statement, [batch, at, at, *bounds], binary=True):
            yield symbol, _ordered(times, dict(zip(fields, values, strict=True)))


def _batches(symbols: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    batch, rows = list[int](), 0
    for symbol, many in symbols:
        if batch and rows + many > BATCH:
            yield batch
            batch, rows = [], 0
        batch.append(symbol)
        rows += many
    if batch:
        yield batch


def _ordered(times: bytes, fields: dict[str, bytes]) -> Rows:
    found = np.frombuffer(times, ">i8").astype("i8") + EPOCH
    rows = Rows(found, {name: np.frombuffer(values, ">f8").astype("f8") for name, values in fields.items()})
    return rows if bool((found[1:] > found[:-1]).all()) else rows.take(np.argsort(found, kind="stable"))


def copy_rows(connection: Connection, number: int, rows: Iterable[tuple[int, Rows]]) -> None:
    """Add rows of symbols from a version on."""
    columns = ", ".join(("symbol", "since", "until", "time", *FIELDS))
    with connection.cursor().copy(f"COPY aura_data.bars ({columns}) FROM STDIN (FORMAT binary)".encode()) as copy:
        copy.write(HEADER)
        for symbol, held in rows:
            for first in range(0, len(held), CHUNK):
                copy.write(_packed(symbol, number, held.take(slice(first, first + CHUNK))))
        copy.write(TRAILER)


def copy_keys(connection: Connection, table: str, keys: Iterable[tuple[int, Times]]) -> None:
    """Add symbols and times to a table of these two columns."""
    with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
        copy.write(HEADER)
        for symbol, times in keys:
            tuples = _tuples(len(times), [("symbol", "i4"), ("time", "i8")])
            tuples["symbol"], tuples["time"] = symbol, times - EPOCH
            copy.write(tuples.tobytes())
        copy.write(TRAILER)


def _packed(symbol: int, number: int, rows: Rows) -> bytes:
    kinds = [("symbol", "i4"), ("since", "i4"), ("until", "i4"), ("time", "i8"), *((name, "f8") for name in FIELDS)]
    tuples = _tuples(len(rows), kinds)
    tuples["symbol"], tuples["since"], tuples["until"], tuples["time"] = symbol, number, NEWEST, rows.times - EPOCH
    present = np.ones((len(rows), tuples.dtype.itemsize), bool)
    for name in FIELDS:
        values = rows.fields.get(name)
        unknown = np.ones(len(rows), bool) if values is None else np.isnan(values)
        if values is not None:
            tuples[name] = values
        if unknown.any():  # NULL: a length of -1, and no bytes
            tuples["length of " + name][unknown] = -1
            begin = tuples.dtype.fields[name][1]  # type: ignore[index]  # it has fields
            present[unknown, begin : begin + 8] = False
    packed = tuples.view(np.uint8).reshape(len(rows), -1)
    return packed.tobytes() if present.all() else packed[present].tobytes()


def _tuples(rows: int, kinds: Sequence[tuple[str, str]]) -> npt.NDArray[Any]:
    """Tuples of COPY: the number of columns, and of each its length and its bytes."""
    layout = [("columns", ">i2")]
    for name, kind in kinds:
        layout += [("length of " + name, ">i4"), (name, ">" + kind)]
    tuples = np.zeros(rows, layout)
    tuples["columns"] = len(kinds)
    for name, kind in kinds:
        tuples["length of " + name] = int(kind[1])
    return tuples
