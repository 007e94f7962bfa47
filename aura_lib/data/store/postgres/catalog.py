"""What the tables say of versions: the log, what each holds of a symbol, its actions and empty moments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core import Instrument, decode, utc
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.identity import Leaf, Times
from aura_lib.data.store.port import Series, no_actions
from aura_lib.data.store.postgres import wire

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = [
    "Kept",
    "Logged",
    "actions",
    "empty",
    "find",
    "in_order",
    "latest",
    "log",
    "newest",
    "nothing_traded",
    "symbols",
]

COLUMNS = (
    "v.series, s.source, s.frequency, s.calendar, s.adjustment, v.number, v.snapshot, v.recorded, v.fields, v.notes"
)
LOG = f"SELECT {COLUMNS} FROM aura_data.versions v JOIN aura_data.series s ON s.id = v.series"
NAMELESS = ""  # the symbol whose rows are the moments at which nothing traded


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of the log."""

    id: int  # of the series
    series: Series
    number: int
    snapshot: str
    recorded: datetime
    fields: tuple[str, ...]
    notes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a version holds of a symbol."""

    id: int  # 0: it has no number yet
    instrument: Instrument
    rows: int
    first: int  # microseconds; of no rows both are 0
    last: int
    leaf: Leaf


def _logged(row: Sequence[Any]) -> Logged:
    number, snapshot, recorded, fields, notes = row[5:]
    return Logged(
        row[0], Series(*row[1:5]), number, snapshot, utc(recorded), tuple(fields.split(",")), json.loads(notes)
    )


def find(connection: Connection, snapshot: str) -> Logged | None:
    """The first entry of a snapshot."""
    found = connection.execute(f"{LOG} WHERE v.snapshot = %s ORDER BY v.number LIMIT 1".encode(), [snapshot])
    row = found.fetchone()
    return _logged(row) if row else None


def newest(connection: Connection, series: int) -> Logged | None:
    """The last entry of a series."""
    found = connection.execute(f"{LOG} WHERE v.series = %s ORDER BY v.number DESC LIMIT 1".encode(), [series])
    row = found.fetchone()
    return _logged(row) if row else None


def latest(connection: Connection, many: int) -> list[Logged]:
    """The last entries of all, the newest last."""
    found = connection.execute(f"{LOG} ORDER BY v.entry DESC LIMIT %s".encode(), [many]).fetchall()
    return [_logged(row) for row in reversed(found)]


def log(connection: Connection, source: str | None = None, frequency: str | None = None) -> Iterator[Logged]:
    """Every entry in the order of being recorded."""
    named = {name: value for name, value in (("source", source), ("frequency", frequency)) if value is not None}
    only = " AND ".join(f"s.{name} = %s" for name in named)
    statement = f"{LOG}{' WHERE ' + only if only else ''} ORDER BY v.recorded, v.entry"
    yield from map(_logged, connection.execute(statement.encode(), list(named.values())))


def symbols(connection: Connection, series: int, number: int, names: Sequence[str] | None = None) -> dict[str, Kept]:
    """What a version holds of each symbol (or of some), by name."""
    only = "" if names is None else " AND y.name = ANY(%s)"
    found = connection.execute(
        "SELECT y.id, y.name, h.instrument, h.rows, h.first, h.last, h.stem, h.leaf FROM aura_data.held h"
        " JOIN aura_data.symbols y ON y.id = h.symbol"
        f' WHERE h.series = %s AND h.since <= %s AND h.until > %s{only} ORDER BY y.name COLLATE "C"'.encode(),
        [series, number, number, *([list(names)] if names is not None else [])],
    )
    return {
        name: Kept(id, decode(Instrument, json.loads(told)), rows, _us(first), _us(last), Leaf(stem, leaf))
        for id, name, told, rows, first, last, stem, leaf in found
    }


def actions(connection: Connection, series: int, number: int) -> pd.DataFrame:
    """The corporate actions of a version, in plain form."""
    rows = connection.execute(
        "SELECT time, symbol, dividend, split FROM aura_data.actions"
        ' WHERE series = %s AND since <= %s AND until > %s ORDER BY time, symbol COLLATE "C"',
        [series, number, number],
    ).fetchall()
    if not rows:
        return no_actions()
    table = pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"])
    times = pd.DatetimeIndex(pd.to_datetime(table["time"], utc=True)).as_unit("us")
    return table.assign(time=times).astype({"symbol": "str", "dividend": "float64", "split": "float64"})


def empty(connection: Connection, series: int, number: int, low: int | None = None, high: int | None = None) -> Times:
    """The moments of a version's panel at which nothing traded."""
    id = nothing_traded(connection, series)
    found = wire.read(connection, [(id, 0)] if id is not None else [], (), number, low, high)
    return next((rows.times for _, rows in found), np.empty(0, "i8"))


def nothing_traded(connection: Connection, series: int) -> int | None:
    """Number of the symbol without a name."""
    found = connection.execute("SELECT id FROM aura_data.symbols WHERE series = %s AND name = %s", [series, NAMELESS])
    row = found.fetchone()
    return row[0] if row else None


def in_order(fields: Sequence[str]) -> tuple[str, ...]:
    """Fields in the order of FIELDS."""
    return tuple(name for name in FIELDS if name in fields)


def _us(moment: datetime | None) -> int:
    return 0 if moment is None else int(pd.Timestamp(moment).as_unit("us").asm8.astype("i8"))
