"""Opening the ledger's database: SQLite in WAL mode with full sync, or whatever AURA_DATABASE_URL names."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError

from aura_lib.core import InputError, LedgerError
from aura_lib.ledger import copies, migrations, schema

BUSY_SECONDS = 30


class Database:
    """Connections to one ledger. `read` sees a consistent moment, `write` is one serialised transaction."""

    def __init__(self, url: str) -> None:
        self.version = schema.VERSION
        try:
            self._engine = sa.create_engine(url, connect_args=self._arguments(url))
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:  # the address may hold a password: it is not shown
            raise InputError(f"AURA_DATABASE_URL names no database that can be opened: {_why(error)}") from None
        self.shown = self._engine.url.render_as_string(hide_password=True)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        with self._errors():
            self._create()

    @staticmethod
    def _arguments(url: str) -> dict[str, Any]:
        return {"timeout": BUSY_SECONDS} if url.startswith("sqlite") else {}

    def _create(self) -> None:
        """Make the tables, or bring those of an older version up to this one."""
        with self._engine.connect() as connection:
            version = self._version_of(connection)
        if version is None:
            with self.write() as connection:
                schema.metadata.create_all(connection)
                if self._engine.dialect.name == "sqlite":
                    for trigger in schema.APPEND_ONLY:
                        connection.exec_driver_sql(trigger)
                if self._version_of(connection) is None:
                    connection.execute(schema.meta.insert().values(key=schema.KEY, value=str(schema.VERSION)))
        elif version > schema.VERSION:
            raise LedgerError(
                f"the ledger at {self.shown} has schema {version}; this Aura knows {schema.VERSION}: upgrade Aura. "
                "Nothing was written"
            )
        for step in range(version or schema.VERSION, schema.VERSION):
            self._migrate(step, step + 1)

    def _version_of(self, connection: sa.Connection) -> int | None:
        """The schema's version; None before there are tables."""
        if not sa.inspect(connection).has_table("meta"):
            return None
        meta = schema.meta
        told = connection.scalar(sa.select(meta.c.value).where(meta.c.key == schema.KEY))
        if told is not None and not str(told).isdecimal():
            raise LedgerError(f"the ledger at {self.shown} is damaged: its schema version reads {told!r}")
        return None if told is None else int(told)

    def _migrate(self, old: int, new: int) -> None:
        """One step, in one transaction that holds out every other writer; before it, a copy of the file."""
        with self.write() as connection:
            if self._version_of(connection) != old:
                return  # another process was faster
            meta = schema.meta
            connection.execute(meta.update().where(meta.c.key == schema.KEY).values(value=str(new)))
            if self._engine.dialect.name == "sqlite":  # others still see, and the copy is of, what was there before
                file = Path(connection.exec_driver_sql("PRAGMA database_list").scalars(2).one())
                copies.copy(file, file.with_name(f"{file.name}.schema-{old}"))
            migrations.STEPS[new](connection)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        with self._errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it or nothing, one writer at a time."""
        with (
            self._errors(),
            self._engine.connect().execution_options(aura_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, DatabaseError) as error:
            if isinstance(error, sa.exc.IntegrityError):
                raise
            why = f"the ledger at {self.shown} cannot be used: {error.orig}. Nothing was written"
            raise LedgerError(why) from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _why(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is not installed"
    return "write it as sqlite:////absolute/path/ledger.db, or leave it out for the one in AURA_HOME"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("aura_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
