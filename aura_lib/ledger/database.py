"""Opening the ledger's database: SQLite in WAL mode with full sync, or the PostgreSQL that AURA_DATABASE_URL names.

Both give the same two things: `read` sees one consistent moment, and `write` is the only writer there is until it
ends. On PostgreSQL that is one advisory lock: numbers are then given in the order in which transactions end, so that
who asks for what came after number n misses nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from aura_lib.core import InputError, LedgerError
from aura_lib.ledger import copies, migrations, schema

BUSY_SECONDS = 30  # to wait for another writer
CONNECT_SECONDS = 10
WRITER = 0x61757261  # the advisory lock that a writer holds ("aura")
POSTGRES = ("postgresql://", "postgres://")
SESSION = f"-c lock_timeout={BUSY_SECONDS}s -c synchronous_commit=on -c timezone=UTC -c client_min_messages=warning"


class Database:
    """Connections to one ledger. `read` sees a consistent moment, `write` is one serialised transaction."""

    def __init__(self, url: str) -> None:
        self.version = schema.VERSION
        try:
            self._engine = sa.create_engine(_with_driver(url), **_options(url))
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:  # the address may hold a password: it is not shown
            raise InputError(f"AURA_DATABASE_URL names no database that can be opened: {_why(error)}") from None
        self.shown = self._engine.url.render_as_string(hide_password=True)
        self._is_file = self._engine.dialect.name == "sqlite"
        self._watch: sqlite3.Connection | None = None
        if self._is_file:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        level = {} if self._is_file else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**level)
        self._writing = self._engine.execution_options(aura_write=True)
        with self._errors():
            self._create()

    def _create(self) -> None:
        """Make the tables, or bring those of an older version up to this one."""
        with self._engine.connect() as connection:
            version = self._version_of(connection)
        if version is None:
            with self.write() as connection:
                if self._version_of(connection) is None:  # nobody was faster
                    schema.create(connection)
        elif version > schema.VERSION:
            raise LedgerError(
                f"the ledger at {self.shown} has schema {version}; this Aura knows {schema.VERSION}: upgrade Aura. "
                "Nothing was written"
            )
        elif version < schema.VERSION:
            self._migrate(version)

    def _version_of(self, connection: sa.Connection) -> int | None:
        """The schema's version; None before there are tables."""
        if not sa.inspect(connection).has_table("meta"):
            return None
        meta = schema.meta
        told = connection.scalar(sa.select(meta.c.value).where(meta.c.key == schema.KEY))
        if told is not None and not str(told).isdecimal():
            raise LedgerError(f"the ledger at {self.shown} is damaged: its schema version reads {told!r}")
        return None if told is None else int(told)

    def _migrate(self, old: int) -> None:
        """All steps in one transaction that holds out every other writer; before it, a copy of the file."""
        with self.write() as connection:
            if self._version_of(connection) != old:
                return  # another process was faster
            meta = schema.meta
            connection.execute(meta.update().where(meta.c.key == schema.KEY).values(value=str(schema.VERSION)))
            if self._is_file:  # others still see, and the copy is of, what was there before
                file = Path(connection.exec_driver_sql("PRAGMA database_list").scalars(2).one())
                copies.copy(file, file.with_name(f"{file.name}.schema-{old}"))
            migrations.upgrade(connection, old)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, all of it the same moment."""
        with self._errors(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it or nothing, one writer at a time."""
        with self._errors(), self._writing.connect() as connection, connection.begin():
            if not self._is_file:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITER)))
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, DatabaseError) as error:
            if isinstance(error, sa.exc.IntegrityError):
                raise
            told = str(error.orig).strip().splitlines()[0]
            why = f"the ledger at {self.shown} cannot be used: {told}. Nothing was written"
            raise LedgerError(why) from error

    def stamp(self) -> int | None:
        """A number that is another one after every commit, also of other processes; None where nobody tells cheaply.

        A question of a few microseconds, for who waits for something to be written. One thread may ask.
        """
        if not self._is_file:
            return None
        if self._watch is None:
            self._watch = sqlite3.connect(str(self._engine.url.database), isolation_level=None, check_same_thread=False)
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close all connections."""
        if self._watch is not None:
            self._watch.close()
        self._engine.dispose()


def now(connection: sa.Connection) -> float:
    """Seconds since 1970 by the ledger's clock: that of the server where there is one.

    Leases, tokens and signs of life are timed by it, so that hosts whose clocks differ agree on them.
    """
    if connection.dialect.name == "sqlite":
        return time.time()
    told = connection.scalar(sa.text("SELECT extract(epoch FROM clock_timestamp())"))
    return float(str(told))


def _with_driver(url: str) -> str:
    prefix = next((p for p in POSTGRES if url.startswith(p)), None)
    return url if prefix is None else f"postgresql+psycopg://{url.removeprefix(prefix)}"


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    if not _with_driver(url).startswith("postgresql+psycopg://"):
        raise sa.exc.ArgumentError("neither SQLite nor PostgreSQL")
    session = {"connect_timeout": CONNECT_SECONDS, "application_name": "aura", "options": SESSION}
    return {"connect_args": session, "pool_pre_ping": True}  # a connection that the server closed is made anew


def _why(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "the Python package psycopg is not installed: pip install 'aura-lib[postgres]'"
    return (
        "write it as postgresql://user:password@host/database or sqlite:////absolute/path/ledger.db, or leave it out "
        "for the one in AURA_HOME"
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("aura_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
