"""The next version of a series, from the newest one: what is different is worked out first, then written at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Bars, Instrument, canonical, encode
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store import actions as acts
from aura_lib.data.store.identity import (
    Leaf,
    Rows,
    Times,
    actions_leaf,
    block_start,
    extend,
    leaf,
    snapshot_id,
)
from aura_lib.data.store.panel import empty_times, laid, rows_of
from aura_lib.data.store.port import Series
from aura_lib.data.store.postgres import catalog, wire
from aura_lib.data.store.postgres.catalog import NAMELESS, Kept, Logged
from aura_lib.data.store.postgres.schema import NEWEST

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = ["Draft"]

BATCH = 64  # symbols that are worked on at once
NOTHING = Rows(np.empty(0, "i8"), {})
NEW = Leaf("", "")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes different of one symbol's rows."""

    gone: Times  # of rows that end
    new: Rows


class Draft:
    """A version that is being made, in a transaction that holds the series."""

    def __init__(self, connection: Connection, id: int, series: Series) -> None:
        self.id, self.series, self.connection = id, series, connection
        self.newest = catalog.newest(connection, id)
        number = self.newest.number if self.newest else 0
        self._old = catalog.symbols(connection, id, number)
        self._old_empty = catalog.empty(connection, id, number)
        self._old_actions = catalog.actions(connection, id, number)
        self.fields = self.newest.fields if self.newest else ()
        self.symbols, self.empty, self.actions = dict(self._old), self._old_empty, self._old_actions
        self._changes: dict[str, Change] = {}

    @property
    def snapshot(self) -> str:
        """What it is called."""
        symbols = {name: (kept.instrument, kept.leaf.hash) for name, kept in self.symbols.items()}
        return snapshot_id(self.series, self.fields, symbols, self.empty, actions_leaf(self.actions))

    @property
    def rows(self) -> int:
        """How many bars it has."""
        return sum(kept.rows for kept in self.symbols.values())

    # ── what becomes different ──────────────────────────────────────────────────────────────────────────────────────

    def become(self, bars: Bars, actions: pd.DataFrame) -> None:
        """It is exactly these bars and actions."""
        self.fields, self.empty, self.actions = _fields(bars), empty_times(bars), actions
        self.symbols = {}
        for batch in _batches(rows_of(bars)):
            leaves = {name: leaf(self.series.frequency, rows) for name, rows in batch.items()}
            moved = [name for name, found in leaves.items() if name not in self._old or found != self._old[name].leaf]
            before = self._before(moved)
            for name, rows in batch.items():
                self.symbols[name] = _kept(self._id(name), bars.instruments[name], rows, leaves[name])
                if name in moved:
                    self._changes[name] = _change(before.get(name, NOTHING), rows)
        self._leave([name for name in self._old if name not in self.symbols])

    def _leave(self, names: list[str]) -> None:
        """Symbols that it has no more."""
        for batch in _batches((name, NOTHING) for name in names):
            for name, rows in self._before(list(batch)).items():
                self._changes[name] = Change(rows.times, NOTHING)

    def lay(self, bars: Bars, actions: pd.DataFrame) -> None:
        """These bars and actions over what it is."""
        self.fields = catalog.in_order([*self.fields, *_fields(bars)])
        self.actions = acts.over(self.actions, actions)
        for batch in _batches(rows_of(bars)):
            ends = self._ends(batch)
            for name, rows in batch.items():
                kept = self._old.get(name) or Kept(0, bars.instruments[name], 0, 0, 0, NEW)
                self.symbols[name] = replace(kept, instrument=bars.instruments[name])
                if len(rows):
                    self._extend(name, rows, *ends.get(name, ("", NOTHING)))
                    self.empty = self.empty[~np.isin(self.empty, rows.times)] if len(self.empty) else self.empty

    def _extend(self, name: str, rows: Rows, stem: str, before: Rows) -> None:
        """Rows over a symbol's last ones, which follow others whose leaf is `stem`."""
        kept, after = self.symbols[name], laid(before, rows)
        self._changes[name] = _change(before, after)
        first = min(kept.first, int(after.times[0])) if kept.rows else int(after.times[0])
        last = max(kept.last, int(after.times[-1])) if kept.rows else int(after.times[-1])
        many, hashes = kept.rows + len(after) - len(before), extend(self.series.frequency, stem, after)
        self.symbols[name] = replace(kept, rows=many, first=first, last=last, leaf=hashes)

    def _ends(self, batch: Mapping[str, Rows]) -> dict[str, tuple[str, Rows]]:
        """Of each symbol the rows from its last block on and their stem; all of them if something earlier comes."""
        lows: dict[int | None, list[str]] = {}
        for name, rows in batch.items():
            if name in self._old and self._old[name].rows and len(rows):
                low = block_start(self.series.frequency, self._old[name].last)
                lows.setdefault(low if rows.times[0] >= low else None, []).append(name)
        found = {}
        for begin, names in lows.items():
            for name, held in self._before(names, begin).items():
                found[name] = (self._old[name].leaf.stem if begin is not None else "", held)
        return found

    def _before(self, names: list[str], low: int | None = None) -> dict[str, Rows]:
        """Rows of symbols as they are in the newest version."""
        known = {self._old[name].id: name for name in names if name in self._old and self._old[name].rows}
        sizes = [(id, self._old[name].rows if low is None else 1000) for id, name in known.items()]
        return {known[id]: rows for id, rows in wire.read(self.connection, sizes, FIELDS, NEWEST, low)}

    def _id(self, name: str) -> int:
        return self._old[name].id if name in self._old else 0

    # ── writing it ──────────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, now: datetime, notes: Mapping[str, Any]) -> Logged:
        """Write it; it is there for others when the transaction ends."""
        number = self.newest.number + 1 if self.newest else 1
        recorded = max(now, self.newest.recorded) if self.newest else now  # a clock set back does not turn the order
        made = Logged(self.id, self.series, number, self.snapshot, recorded, self.fields, dict(notes))
        changes = {NAMELESS: self._change_of_empty(), **self._changes}
        ids = self._numbered([name for name, change in changes.items() if len(change.new)])
        self._end(number, [(ids[name], change.gone) for name, change in changes.items() if len(change.gone)])
        added = ((ids[name], change.new) for name, change in changes.items() if len(change.new))
        wire.copy_rows(self.connection, number, added)
        self._write_held(number, ids)
        self._write_actions(number)
        self.connection.execute(
            "INSERT INTO aura_data.versions (series, number, snapshot, recorded, fields, notes)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [self.id, number, made.snapshot, recorded, ",".join(self.fields), canonical(dict(notes))],
        )
        return made

    def _change_of_empty(self) -> Change:
        gone = self._old_empty[~np.isin(self._old_empty, self.empty)]
        return Change(gone, Rows(self.empty[~np.isin(self.empty, self._old_empty)], {}))

    def _numbered(self, names: Iterable[str]) -> dict[str, int]:
        """The number of every symbol that the series ever had; those that are new get one."""
        wanted = [*self.symbols, *names]
        self.connection.execute(
            "INSERT INTO aura_data.symbols (series, name) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [self.id, [name for name in dict.fromkeys(wanted) if not self._id(name)]],
        )
        found = self.connection.execute("SELECT name, id FROM aura_data.symbols WHERE series = %s", [self.id])
        return dict(found.fetchall())

    def _end(self, number: int, gone: list[tuple[int, Times]]) -> None:
        """Rows that the version does not have any more end before it."""
        if not gone:
            return
        self.connection.execute("CREATE TEMPORARY TABLE aura_gone (symbol integer, time timestamptz) ON COMMIT DROP")
        wire.copy_keys(self.connection, "aura_gone", gone)
        self.connection.execute(
            "UPDATE aura_data.bars b SET until = %s FROM aura_gone g"
            " WHERE b.symbol = g.symbol AND b.time = g.time AND b.until = %s",
            [number, NEWEST],
        )

    def _write_held(self, number: int, ids: Mapping[str, int]) -> None:
        changed = {n: kept for n, kept in self.symbols.items() if n not in self._old or self._old[n] != kept}
        ended = [ids[name] for name in self._old if name in changed or name not in self.symbols]
        self.connection.execute(
            "UPDATE aura_data.held SET until = %s WHERE series = %s AND until = %s AND symbol = ANY(%s::integer[])",
            [number, self.id, NEWEST, ended],
        )
        columns = "series, symbol, since, until, instrument, rows, first, last, stem, leaf"
        with self.connection.cursor().copy(f"COPY aura_data.held ({columns}) FROM STDIN".encode()) as copy:
            for name, kept in changed.items():
                ends = [wire.moment(kept.first), wire.moment(kept.last)] if kept.rows else [None, None]
                told = canonical(encode(kept.instrument))
                version = (self.id, ids[name], number, NEWEST)
                copy.write_row((*version, told, kept.rows, *ends, kept.leaf.stem, kept.leaf.hash))

    def _write_actions(self, number: int) -> None:
        old, new = _by_key(self._old_actions), _by_key(self.actions)
        ended = [key for key, values in old.items() if new.get(key) != values]
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE aura_data.actions SET until = %s"
                " WHERE series = %s AND until = %s AND time = %s AND symbol = %s",
                [(number, self.id, NEWEST, *key) for key in ended],
            )
            cursor.executemany(
                "INSERT INTO aura_data.actions (series, since, until, time, symbol, dividend, split)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [(self.id, number, NEWEST, *key, *values) for key, values in new.items() if old.get(key) != values],
            )


def _fields(bars: Bars) -> tuple[str, ...]:
    return catalog.in_order(list(bars.fields))


def _kept(id: int, instrument: Instrument, rows: Rows, hashes: Leaf) -> Kept:
    first, last = (int(rows.times[0]), int(rows.times[-1])) if len(rows) else (0, 0)
    return Kept(id, instrument, len(rows), first, last, hashes)


def _change(before: Rows, after: Rows) -> Change:
    """Rows that end and rows that begin, when a symbol's rows become others."""
    if not len(before):
        return Change(before.times, after)
    _, left, right = np.intersect1d(before.times, after.times, assume_unique=True, return_indices=True)
    same: npt.NDArray[np.bool_] = (before.take(left).matrix() == after.take(right).matrix()).all(axis=1)
    gone, new = np.ones(len(before), bool), np.ones(len(after), bool)
    gone[left[same]], new[right[same]] = False, False
    return Change(before.times[gone], after.take(new))


def _by_key(actions: pd.DataFrame) -> dict[tuple[datetime, str], tuple[float | None, float | None]]:
    """Actions by time and symbol; NaN is None."""
    times = pd.DatetimeIndex(actions["time"]).to_pydatetime()
    values = zip(map(_known, actions["dividend"]), map(_known, actions["split"]), strict=True)
    return dict(zip(zip(times, actions["symbol"], strict=True), values, strict=True))


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _batches(rows: Iterable[tuple[str, Rows]]) -> Iterator[dict[str, Rows]]:
    pairs = iter(rows)
    while batch := dict(islice(pairs, BATCH)):
        yield batch
