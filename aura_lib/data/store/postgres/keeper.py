"""A store in PostgreSQL, for a team: the same promises as the Parquet one, and the same ids for the same content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core import Bars, Clock, DataError, InputError, utc
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store import actions as acts
from aura_lib.data.store import sql
from aura_lib.data.store.identity import ID_DIGITS, Rows, leaf
from aura_lib.data.store.panel import panel
from aura_lib.data.store.port import Held, Series, Version
from aura_lib.data.store.postgres import catalog, checking, schema, wire
from aura_lib.data.store.postgres.catalog import Kept, Logged
from aura_lib.data.store.postgres.connection import server
from aura_lib.data.store.postgres.draft import Draft
from aura_lib.data.store.postgres.needed import needed

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = ["Store"]

MEND = "putting those bars again writes them anew as a version; restore a backup to read this one"
NOTHING = Rows(np.empty(0, "i8"), {})


class Store:
    """Bars in the database at `postgresql://user:password@host/database`; the tables are made when it is first used.

    They belong to who used it first. Others need USAGE on the schema `aura_data` and, on all its tables, SELECT to
    read, INSERT and UPDATE to write too. Nobody needs DELETE.

    Without a clock, versions are recorded at the time of the server, which is one for a whole team. Every method raises
    DataError when the server cannot be reached or breaks off, InputError when it refuses the user or what they want.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._server, self._clock = server(url), clock
        self._made = False

    # ── keeping ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Bars:
        """The newest version of the series is exactly these bars; they come back with their snapshot id."""
        if not len(bars):
            raise InputError(f"bars of {bars.source} without a single row cannot be kept")
        table = acts.plain(actions)
        with self._draft(bars) as draft:
            draft.become(bars, table)
            return replace(bars, snapshot=self._record(draft, notes).snapshot)

    def add(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Version:
        """The newest version is what it was, and these bars over it.

        Raises InputError when there is nothing to begin with.
        """
        table = acts.plain(actions)
        with self._draft(bars) as draft:
            draft.lay(bars, table)
            if draft.newest is None and not draft.rows:
                raise InputError(f"nothing of {bars.source} is kept yet, and bars without a price cannot begin it")
            return self._version(self._record(draft, notes))

    def _record(self, draft: Draft, notes: Mapping[str, Any] | None) -> Logged:
        if draft.newest and draft.newest.snapshot == draft.snapshot:
            return draft.newest
        return draft.record(self._now(draft.connection), notes or {})

    def _now(self, connection: Connection) -> datetime:
        if self._clock is not None:
            return utc(self._clock.now())
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return utc(row[0])

    @contextmanager
    def _draft(self, bars: Bars) -> Iterator[Draft]:
        """The next version of the bars' series, in a transaction; other writers of the series wait for its end."""
        series = Series.of(bars)
        words = [series.source, series.frequency, series.calendar, series.adjustment]
        if any("\0" in word for word in [*words, *bars.symbols]):
            raise InputError(
                "PostgreSQL keeps no text with a NUL character: take it out of the source's or symbol's name"
            )
        with self._session() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO aura_data.series (source, frequency, calendar, adjustment) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                words,
            )
            row = connection.execute(
                "SELECT id FROM aura_data.series"
                " WHERE (source, frequency, calendar, adjustment) = (%s, %s, %s, %s) FOR NO KEY UPDATE",
                words,
            ).fetchone()
            assert row is not None
            yield Draft(connection, row[0], series)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(
        self,
        snapshot: str,
        symbols: Sequence[str] | None = None,
        *,
        fields: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Bars:
        """The bars of a version, or some of its symbols (in the order asked for; else sorted), fields and times.

        Of all symbols the moments are the panel's; of some those at which one of them has a bar. `close` always comes.
        Unknown ids, symbols and fields raise InputError; damaged or missing content DataError that names it.
        """
        low, high = _edge(start, "start"), _edge(end, "end")
        with self._session() as connection:
            found = self._found(connection, snapshot)
            _known(fields, found.fields, f"snapshot {snapshot}", "fields")
            held = self._held(connection, found, symbols)
            names = [name for name in found.fields if fields is None or name == "close" or name in fields]
            rows = self._rows(connection, found, held, names, low, high)
            none = (
                NOTHING.times if symbols is not None else catalog.empty(connection, found.id, found.number, low, high)
            )
        instruments = {name: kept.instrument for name, kept in held.items()}
        return panel(found.series, names, list(rows.values()), instruments, empty=none, snapshot=snapshot)

    def actions(self, snapshot: str, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Splits and dividends of a version, by time then symbol (columns ACTIONS)."""
        with self._session() as connection:
            found = self._found(connection, snapshot)
            return acts.of(catalog.actions(connection, found.id, found.number), symbols)

    def version(self, snapshot: str) -> Version:
        """What is known of a snapshot without reading its bars; the first time it was recorded."""
        with self._session() as connection:
            return self._version(self._found(connection, snapshot))

    def versions(self, source: str | None = None, frequency: str | None = None) -> tuple[Version, ...]:
        """Every version in the order of being recorded, of one source and frequency if named. Reads no bars."""
        with self._session() as connection:
            return tuple(map(self._version, catalog.log(connection, source, frequency)))

    def leaves(self, snapshot: str) -> dict[str, str]:
        """What the bars of each symbol hash to: of two versions the same when they are the same."""
        with self._session() as connection:
            found = self._found(connection, snapshot)
            return {name: kept.leaf.hash for name, kept in catalog.symbols(connection, found.id, found.number).items()}

    def query(self, statement: str, snapshot: str) -> pd.DataFrame:
        """SQL (DuckDB's) over `bars` (symbol, time, fields), `actions` and `instruments` of a version; only reads.

        An unknown value is NULL. Only those symbols, times and fields are fetched that the question needs, as far as
        its plan tells. Raises InputError when it cannot be answered.
        """
        import pyarrow as pa

        with self._session() as connection:
            found = self._found(connection, snapshot)
            held = catalog.symbols(connection, found.id, found.number)
            actions = catalog.actions(connection, found.id, found.number)
            tables = {
                "actions": pa.Table.from_pandas(actions, preserve_index=False),
                "instruments": sql.instruments_table({name: kept.instrument for name, kept in held.items()}),
            }
            need = needed(statement, found.fields, tables)
            wanted = {n: kept for n, kept in held.items() if need.any and (need.symbols is None or n in need.symbols)}
            rows = self._rows(connection, found, wanted, need.fields, need.low, need.high)
        return sql.select(statement, {**tables, "bars": _long(rows, need.fields)})

    # ── looking after it ────────────────────────────────────────────────────────────────────────────────────────────

    def verify(self) -> tuple[str, ...]:
        """What is damaged or missing, one line each; empty when every version can be read as it was written."""
        with self._session() as connection:
            return tuple(f"{self._server.name}: {problem}" for problem in checking.problems(connection))

    def close(self) -> None:
        """Give up what stays connected for the next call."""
        self._server.close()

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        with self._server.session() as connection:
            if not self._made:
                schema.ensure(connection, self._server.name)
                self._made = True
            yield connection

    def _found(self, connection: Connection, snapshot: str) -> Logged:
        if not re.fullmatch(rf"[0-9a-f]{{{ID_DIGITS}}}", str(snapshot)):
            raise InputError(f"{snapshot!r} is no snapshot id: it has {ID_DIGITS} hexadecimal digits")
        found = catalog.find(connection, snapshot)
        if found is None:
            known = ", ".join(dict.fromkeys(entry.snapshot for entry in catalog.latest(connection, 5))) or "none"
            raise InputError(f"no snapshot {snapshot} in {self._server.name}; there is: {known}")
        return found

    def _held(self, connection: Connection, found: Logged, names: Sequence[str] | None) -> dict[str, Kept]:
        held = catalog.symbols(connection, found.id, found.number, names)
        if names is None:
            return held
        if not names or any(name not in held for name in names):
            every = catalog.symbols(connection, found.id, found.number)
            _known(names, list(every), f"snapshot {found.snapshot}", "symbols")
        return {name: held[name] for name in names}

    def _rows(
        self,
        connection: Connection,
        found: Logged,
        held: Mapping[str, Kept],
        fields: Sequence[str],
        low: int | None = None,
        high: int | None = None,
    ) -> dict[str, Rows]:
        """Rows of symbols; all of them are counted, and those with every field proven to be what was kept."""
        ids = {kept.id: name for name, kept in held.items()}
        sizes = [(kept.id, kept.rows) for kept in held.values()]
        rows = dict.fromkeys(held, NOTHING)
        for id, read in wire.read(connection, sizes, fields, found.number, low, high):
            rows[ids[id]] = read
        if low is None and high is None:
            whole = set(fields) == set(found.fields)
            for name, kept in held.items():
                right = len(rows[name]) == kept.rows
                if right and whole:
                    right = leaf(found.series.frequency, rows[name]).hash == kept.leaf.hash
                if not right:
                    raise DataError(
                        f"{self._server.name}: the bars of {name} in version {found.snapshot} are not what was kept "
                        f"({len(rows[name])} rows, {kept.rows} told): {MEND}"
                    )
        return rows

    def _version(self, entry: Logged) -> Version:
        held = HeldOf(self, entry)
        return Version(entry.snapshot, entry.series, entry.number, entry.recorded, held, entry.notes)


class HeldOf(Mapping[str, Held]):
    """What a version holds of each symbol; the server is asked when somebody wants to know."""

    def __init__(self, store: Store, entry: Logged) -> None:
        self._store, self._entry = store, entry
        self._held: dict[str, Held] | None = None

    def _told(self) -> dict[str, Held]:
        if self._held is None:
            with self._store._session() as connection:
                kept = catalog.symbols(connection, self._entry.id, self._entry.number)
                empty = catalog.empty(connection, self._entry.id, self._entry.number)
            begin = min([*(entry.first for entry in kept.values() if entry.rows), *empty[:1].tolist()], default=0)
            self._held = {name: _held(entry, begin) for name, entry in kept.items()}
        return self._held

    def __getitem__(self, symbol: str) -> Held:
        return self._told()[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._told())

    def __len__(self) -> int:
        return len(self._told())

    def __repr__(self) -> str:
        return f"<{len(self)} symbols>"


def _held(kept: Kept, begin: int) -> Held:
    """Of a symbol without a bar both times are the first moment of all."""
    first, last = (kept.first, kept.last) if kept.rows else (begin, begin)
    return Held(kept.instrument, kept.rows, wire.moment(first), wire.moment(last))


def _edge(moment: datetime | None, name: str) -> int | None:
    if moment is None:
        return None
    return int(pd.Timestamp(utc(moment, name)).as_unit("us").asm8.astype("i8"))


def _known(wanted: Sequence[str] | None, known: Sequence[str], where: str, kind: str) -> None:
    if wanted is None:
        return
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise InputError(f"{where} has no {unknown or f'empty list of {kind}'}; it has {', '.join(known[:20])}")


def _long(rows: Mapping[str, Rows], fields: Sequence[str]) -> Any:
    """Rows as an Arrow table: symbol, time, fields; NaN is NULL."""
    import pyarrow as pa

    kept = {name: held for name, held in rows.items() if len(held)}
    codes = np.repeat(np.arange(len(kept), dtype="i4"), [len(held) for held in kept.values()])
    symbol = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(kept), pa.string())).cast(pa.string())
    times = np.concatenate([NOTHING.times, *(held.times for held in kept.values())])
    columns = {"symbol": symbol, "time": pa.array(times).cast(pa.timestamp("us", tz="UTC"))}
    for name in [name for name in FIELDS if name in fields]:
        values = np.concatenate([np.empty(0), *(held.fields[name] for held in kept.values())])
        columns[name] = pa.array(values, from_pandas=True)
    return pa.table(columns)
