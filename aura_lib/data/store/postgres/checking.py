"""Is everything that was kept still there: leaves of every version from its rows, and its name from its leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import InputError
from aura_lib.core.market_data import FIELDS
from aura_lib.data.store.identity import Leaf, Rows, actions_leaf, block_start, extend, leaf, snapshot_id
from aura_lib.data.store.postgres import catalog, wire
from aura_lib.data.store.postgres.catalog import Logged

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = ["problems"]


def problems(connection: Connection) -> Iterator[str]:
    """One sentence for each thing that is not as it was written. Holds the rows of one symbol at a time."""
    by_series: dict[int, list[Logged]] = {}
    for entry in catalog.log(connection):
        by_series.setdefault(entry.id, []).append(entry)
    for id, entries in by_series.items():
        ordered = sorted(entries, key=lambda entry: entry.number)
        yield from _missing(ordered)
        for entry in ordered:
            yield from _misnamed(connection, entry)
        yield from _changed(connection, id, ordered[0].series.frequency)


def _missing(entries: Sequence[Logged]) -> Iterator[str]:
    there = {entry.number for entry in entries}
    for number in range(1, max(there) + 1):
        if number not in there:
            yield f"version {number} of {_words(entries[0])} is missing"


def _misnamed(connection: Connection, entry: Logged) -> Iterator[str]:
    try:
        kept = catalog.symbols(connection, entry.id, entry.number)
    except (InputError, ValueError) as error:
        yield f"version {entry.number} of {_words(entry)} ({entry.snapshot}): an instrument cannot be read ({error})"
        return
    named = {name: (held.instrument, held.leaf.hash) for name, held in kept.items()}
    empty = catalog.empty(connection, entry.id, entry.number)
    actions = actions_leaf(catalog.actions(connection, entry.id, entry.number))
    if snapshot_id(entry.series, entry.fields, named, empty, actions) != entry.snapshot:
        yield (
            f"version {entry.number} of {_words(entry)} ({entry.snapshot}): its symbols, instruments, actions or empty "
            "moments are not what its name says"
        )


def _changed(connection: Connection, series: int, frequency: str) -> Iterator[str]:
    """Symbols whose rows are not what the leaves of their versions say."""
    told = connection.execute(
        "SELECT h.symbol, y.name, h.since, h.rows, h.leaf FROM aura_data.held h"
        " JOIN aura_data.symbols y ON y.id = h.symbol WHERE h.series = %s ORDER BY h.symbol, h.since",
        [series],
    ).fetchall()
    by_symbol: dict[tuple[int, str], list[Sequence[Any]]] = {}
    for symbol, name, *version in told:
        by_symbol.setdefault((symbol, name), []).append(version)
    for (symbol, name), versions in by_symbol.items():
        yield from _symbol(connection, symbol, name, versions, frequency)


def _symbol(
    connection: Connection, symbol: int, name: str, versions: Sequence[Sequence[Any]], frequency: str
) -> Iterator[str]:
    since, until, every = _history(connection, symbol)
    before, found, edge = 0, Leaf("", ""), 0  # the version looked at before, its leaf, where its last block begins
    for number, rows, hash in versions:
        held = every.take((since <= number) & (until > number))
        moved = every.times[((since > before) & (since <= number)) | ((until > before) & (until <= number))]
        if found.hash and len(held) and moved.min(initial=edge) >= edge:
            found = extend(frequency, found.stem, held.take(held.times >= edge))
        else:
            found = leaf(frequency, held)
        before, edge = number, block_start(frequency, int(held.times[-1])) if len(held) else 0
        if len(held) != rows or found.hash != hash:
            yield f"the bars of {name} from version {number} on are not what was kept ({len(held)} rows, {rows} told)"


def _history(connection: Connection, symbol: int) -> tuple[Any, Any, Rows]:
    """All rows of a symbol that any version has, by time; from which version on, and up to before which."""
    columns = ", ".join(f"string_agg(float8send(coalesce({name}, 'NaN')), '')" for name in FIELDS)
    row = connection.execute(
        f"SELECT string_agg(timestamptz_send(time), ''), string_agg(int4send(since), ''), "
        f"string_agg(int4send(until), ''), {columns} FROM aura_data.bars WHERE symbol = %s".encode(),
        [symbol],
        binary=True,
    ).fetchone()
    if row is None or row[0] is None:
        none = np.empty(0, "i8")
        return none, none, Rows(none, {})
    times = np.frombuffer(row[0], ">i8").astype("i8") + wire.EPOCH
    order = np.argsort(times, kind="stable")
    values = {name: np.frombuffer(got, ">f8").astype("f8") for name, got in zip(FIELDS, row[3:], strict=True)}
    since, until = (np.frombuffer(got, ">i4").astype("i8") for got in row[1:3])
    return since[order], until[order], Rows(times, values).take(order)


def _words(entry: Logged) -> str:
    return f"{entry.series.source} {entry.series.frequency}"
