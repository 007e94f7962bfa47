"""A ledger as a file, from whatever database it is in, and back: all of one moment, row by row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from aura_lib.core import LedgerError
from aura_lib.ledger import schema
from aura_lib.ledger.database import Database

ROWS = 5_000  # at a time in memory
COUNTED = ((schema.journal, "seq"), (schema.baskets, "n"), (schema.requests, "n"))  # the database gives the next number
KEPT = tuple(t for t in schema.metadata.sorted_tables if t.name not in ("meta", "alembic_version"))  # as they are made


def to_file(url: str, file: Path) -> None:
    """Write a ledger to a new SQLite file while others go on writing to it: what was committed when this began."""
    source, target = Database(url), Database(f"sqlite:///{file}")
    try:
        with source.read() as old, target.write() as new:
            _copy(old, new)
    finally:
        source.close()
        target.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it


def from_file(file: Path, url: str) -> None:
    """Put a ledger from an SQLite file into an empty database: all of it or nothing.

    One that is there already is left as it is. Any other ledger in the database raises LedgerError.
    """
    source, target = Database(f"sqlite:///{file}"), Database(url)
    try:
        with source.read() as old, target.write() as new:
            empty = not any(new.execute(sa.select(table).limit(1)).first() for table in KEPT)
            if not empty and _heads(new) != _heads(old):
                raise LedgerError(
                    f"the database {target.shown} holds another ledger, and a restore replaces none: name an empty one "
                    "in AURA_DATABASE_URL. Nothing was written"
                )
            if empty:
                _copy(old, new)
                _count_on(new)
    finally:
        source.close()
        target.close()


def _heads(connection: sa.Connection) -> dict[str, tuple[int, str]]:
    return {row.chain: (row.n, row.hash) for row in connection.execute(sa.select(schema.heads))}


def _copy(old: sa.Connection, new: sa.Connection) -> None:
    for table in KEPT:
        query = sa.select(table).order_by(*table.primary_key.columns)
        for some in old.execution_options(yield_per=ROWS).execute(query).mappings().partitions():
            new.execute(table.insert(), [dict(row) for row in some])


def _count_on(connection: sa.Connection) -> None:
    """Let the next number be the one after the highest."""
    if connection.dialect.name != "postgresql":
        return
    for table, column in COUNTED:
        last = connection.scalar(sa.select(sa.func.max(table.c[column])))
        if last is not None:
            name = sa.func.pg_get_serial_sequence(table.name, column)
            connection.execute(sa.select(sa.func.setval(name, last)))
