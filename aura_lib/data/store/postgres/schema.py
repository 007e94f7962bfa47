"""The tables of a store, made when it is first used.

    series      what is versioned together                      symbols    a number for each of its symbols
    versions    the log: number, snapshot, when, notes          held       what the versions from `since` to before
    bars        the rows, each from the version `since` on,                `until` hold of a symbol
                up to before the version `until`                actions    splits and dividends, alike

A version is read with `since <= number AND until > number`; what the newest one has ends at NEWEST. So an append writes
the rows that are new, a revision marks those it replaces as ended, and nothing is ever deleted. The moments of a panel
at which nothing traded are rows of a symbol without a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aura_lib.core import DataError

if TYPE_CHECKING:
    from aura_lib.data.store.postgres.connection import Connection

__all__ = ["NEWEST", "ensure"]

SCHEMA = 1
NEWEST = 2**31 - 1  # `until` of what has not ended
LOCK = 0x61757261  # one process at a time makes the tables

TABLES = """
CREATE SCHEMA IF NOT EXISTS aura_data;
CREATE TABLE aura_data.about (version integer NOT NULL, made timestamptz NOT NULL DEFAULT now());
CREATE TABLE aura_data.series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL, frequency text NOT NULL, calendar text NOT NULL, adjustment text NOT NULL,
    UNIQUE (source, frequency, calendar, adjustment)
);
CREATE TABLE aura_data.versions (
    entry bigint GENERATED ALWAYS AS IDENTITY,
    series integer NOT NULL REFERENCES aura_data.series, number integer NOT NULL,
    snapshot text NOT NULL, recorded timestamptz NOT NULL, fields text NOT NULL, notes text NOT NULL,
    PRIMARY KEY (series, number)
);
CREATE INDEX ON aura_data.versions (snapshot);
CREATE TABLE aura_data.symbols (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series integer NOT NULL REFERENCES aura_data.series, name text NOT NULL,
    UNIQUE (series, name)
);
CREATE TABLE aura_data.held (
    series integer NOT NULL REFERENCES aura_data.series, symbol integer NOT NULL REFERENCES aura_data.symbols,
    since integer NOT NULL, until integer NOT NULL,
    instrument text NOT NULL, rows bigint NOT NULL, first timestamptz, last timestamptz,
    stem text NOT NULL, leaf text NOT NULL,
    PRIMARY KEY (series, symbol, since)
);
CREATE INDEX ON aura_data.held (series, until);
CREATE TABLE aura_data.actions (
    series integer NOT NULL REFERENCES aura_data.series, symbol text NOT NULL, time timestamptz NOT NULL,
    since integer NOT NULL, until integer NOT NULL, dividend double precision, split double precision,
    PRIMARY KEY (series, symbol, time, since)
);
CREATE TABLE aura_data.bars (
    symbol integer NOT NULL, since integer NOT NULL, until integer NOT NULL, time timestamptz NOT NULL,
    open double precision, high double precision, low double precision, close double precision,
    volume double precision,
    PRIMARY KEY (symbol, time, since)
)
"""
# Older and newer TimescaleDB know this form; a chunk of a year holds minutes of tens of symbols or days of thousands.
HYPERTABLE = """
SELECT {schema}.create_hypertable('aura_data.bars', 'time', chunk_time_interval => interval '365 days',
                                  create_default_indexes => false)
"""


def ensure(connection: Connection, where: str) -> None:
    """Make the tables if they are not there. Those of a newer Aura raise DataError."""
    found = _version(connection)
    if found is None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            found = _version(connection)
            if found is None:
                _make(connection)
                found = SCHEMA
    if found != SCHEMA:
        raise DataError(f"{where} has a store of schema {found}, this version of Aura knows {SCHEMA}: update Aura")


def _version(connection: Connection) -> int | None:
    # The catalogue itself is asked: what to_regclass remembers may be older than the lock.
    there = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'aura_data' AND c.relname = 'about'"
    ).fetchone()
    if not there:
        return None
    row = connection.execute("SELECT max(version) FROM aura_data.about").fetchone()
    return row[0] if row else None


def _make(connection: Connection) -> None:
    connection.execute(TABLES)
    timescale = _timescale(connection)
    if timescale:
        connection.execute(HYPERTABLE.format(schema=timescale).encode())
    connection.execute("INSERT INTO aura_data.about (version) VALUES (%s)", [SCHEMA])


def _timescale(connection: Connection) -> str:
    """The schema that TimescaleDB's functions are in, quoted; empty where it is not, or this user may not use it.

    It is asked for only where its library is loaded, which a setting of its own tells: otherwise CREATE EXTENSION ends
    the connection.
    """
    import psycopg

    offered = connection.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
        " AND installed_version IS NULL AND current_setting('timescaledb.disable_load', true) IS NOT NULL"
    ).fetchone()
    if offered:
        try:
            with connection.transaction():
                connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except psycopg.errors.InsufficientPrivilege:
            return ""
    row = connection.execute(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'timescaledb'"
    ).fetchone()
    return row[0] if row else ""
