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
from sqlalchemy.exc import DatabaseError

from aura_lib.core import InputError, LedgerError
from aura_lib.ledger import copies, frozen, migrations, schema
from aura_lib.ledger.watch import CHANNEL, FileWatch, ServerWatch, Watch

BUSY_SECONDS = 30  # to wait for another writer
CONNECT_SECONDS = 10
LOG_PAGES = 4_000  # of the log, after which a writer works it off itself; a desk at rest does so before (`watch`)
WRITER = 0x61757261  # the advisory lock that a writer holds ("aura")
POSTGRES = ("postgresql://", "postgres://")
SESSION = f"-c lock_timeout={BUSY_SECONDS}s -c synchronous_commit=on -c timezone=UTC -c client_min_messages=warning"
FROZEN_SECONDS = 10  # for which a transaction may stand still before the server ends it: its client does not run
_ALONE = sa.select(  # how a transaction that writes begins on PostgreSQL; who waits for one is told at its commit
    sa.func.set_config("idle_in_transaction_session_timeout", f"{FROZEN_SECONDS}s", True),
    sa.func.pg_advisory_xact_lock(WRITER),
    sa.func.pg_notify(CHANNEL, ""),
)


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
        if self._is_file:
            self._file = Path(str(self._engine.url.database))
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        level = {} if self._is_file else {"isolation_level": "REPEATABLE READ"}
        self._reading = self._engine.execution_options(**level)
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
            if self._is_file:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it or nothing, one writer at a time."""
        with self._errors(), self._engine.connect() as connection, connection.begin():
            if self._is_file:
                frozen.begin(_driver(connection), self._file, BUSY_SECONDS)
            else:
                connection.execute(_ALONE)
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, sqlite3.Error) as error:
            if isinstance(error, sa.exc.IntegrityError):
                raise
            told = str(error.orig if isinstance(error, DatabaseError) else error).strip().splitlines()[0]
            why = f"the ledger at {self.shown} cannot be used: {told}. Nothing was written"
            raise LedgerError(why) from error

    def watch(self) -> Watch:
        """Tells of every commit, also of other processes, to who waits for one; to be closed by who asked for it."""
        return FileWatch(self._file) if self._is_file else ServerWatch(self._engine)

    def close(self) -> None:
        """Close all connections."""
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
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"wal_autocheckpoint={LOG_PAGES}"):
        connection.execute(f"PRAGMA {pragma}")


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
