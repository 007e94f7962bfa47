"""Connections to a PostgreSQL server, and its errors as sentences that never hold the password."""

from __future__ import annotations

import os
import re
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aura_lib.core import AuraError, DataError, InputError

if TYPE_CHECKING:
    from psycopg import Connection as Plain
    from psycopg import Error

    Connection = Plain[tuple[Any, ...]]

__all__ = ["Server", "server"]

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
EXPECTED = (
    "expected postgresql://user:password@host:5432/database, with signs like @ / : in the password as %40 %2F %3A"
)
DEFAULTS = {
    "connect_timeout": "10",  # seconds
    "application_name": "aura",
    "client_encoding": "utf8",
    "keepalives_idle": "30",
    "tcp_user_timeout": "60000",  # milliseconds after which a server that does not acknowledge counts as gone
}
SESSION = {  # whatever the server's own are
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "3",  # numbers that come as text come whole
    "jit": "off",  # compiling a query costs more here than it gives
    "default_transaction_isolation": "read committed",  # a writer that waited sees what the other one made
    "lock_timeout": "10min",  # for a writer of the same series; one that is stuck is told, not waited for for ever
    "idle_in_transaction_session_timeout": "2min",  # a writer that was frozen loses its lock
}
IDLE = (
    "idle_session_timeout",
    "5min",
    140000,
)  # a notebook left open takes no place on the server; since PostgreSQL 14
SPARE = 1  # connections kept for the next call

# What the server says, by its code (PostgreSQL's manual, appendix A) or where there is none yet by its words.
SAID: tuple[tuple[str, str, type[AuraError], str], ...] = (
    ("28...", "password|authentication|role .* does not exist|pg_hba", InputError,
     "refuses this user or password ({said}): correct AURA_DATA_URL"),
    ("3D000", "database .* does not exist", InputError,
     "has no such database: create it (createdb), or correct AURA_DATA_URL"),
    ("42501|25006", "permission denied", InputError,
     "does not let this user do that ({said}): ask its owner for the right (GRANT), or use another user"),
    ("57014", "", DataError, "stopped a statement ({said}): give this user a longer statement_timeout"),
    ("55P03", "", DataError, "waited too long for another writer of this series ({said}): look for one that is stuck"),
    ("53100", "", DataError, "has no room left on its disk; nothing was changed"),
    ("53300", "too many (clients|connections)|remaining connection slots", DataError,
     "has no connection free ({said}): close notebooks, or raise its max_connections"),
    ("42P01|3F000|42703", "", DataError, "lacks a table of the store ({said}): restore its backup"),
    ("08...|57P0.", "", DataError,
     "cannot be reached, or broke off ({said}): what was being written is kept whole or not at all; try again"),
)  # fmt: skip
LOST = SAID[-1]


def driver() -> Any:
    """The module psycopg. Without it, InputError says how to get it."""
    try:
        import psycopg
    except ImportError:
        raise InputError("bars in PostgreSQL need a driver: pip install 'aura-lib[postgres]'") from None
    return psycopg


@lru_cache(maxsize=8)
def server(url: str) -> Server:
    """The server at an address: one for all stores of this process, so that they share what is connected."""
    return Server(url)


class Server:
    """One database on a PostgreSQL server, for any number of threads; a forked process shares no connection."""

    def __init__(self, url: str) -> None:
        self._options = _options(url)
        self.name = _name(self._options)
        self._spare: deque[tuple[int, Connection]] = deque()  # and the process that made it
        weakref.finalize(self, _close, self._spare)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection that works, in autocommit. What the server complains of comes out as DataError or InputError."""
        psycopg = driver()
        try:
            connection = self._connected()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            raise self.told(error) from None

    def close(self) -> None:
        """Give up the connections that wait for the next call."""
        _close(self._spare)

    def told(self, error: Error) -> AuraError:
        """An error of the driver as one of ours."""
        said = self._scrubbed(str(error))
        lost = type(error).__name__ in ("OperationalError", "InterfaceError") and not error.sqlstate
        for codes, words, kind, sentence in SAID:
            if re.fullmatch(codes, error.sqlstate or "") or (lost and words and re.search(words, said)):
                return kind(f"{self.name} {sentence.format(said=said)}")
        return DataError(f"{self.name} {LOST[3].format(said=said)}" if lost else f"{self.name} complains: {said}")

    def _scrubbed(self, text: str) -> str:
        """The first thing said, in one line, without the password."""
        line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
        line = re.sub(r'^connection (is bad|failed): |connection to server at "[^"]*"(, port \d+)? failed: ', "", line)
        password = self._options.get("password")
        return line.replace(password, "…") if password else line

    def _connected(self) -> Connection:
        psycopg = driver()
        while (connection := _pop(self._spare)) is not None:
            try:
                connection.execute("SELECT 1")
            except psycopg.OperationalError:  # the server was restarted, or ended what was idle
                connection.close()
            else:
                return connection
        return self._connect()

    def _connect(self) -> Connection:
        connection: Connection = driver().connect(**self._options, autocommit=True, prepare_threshold=None)
        settings = dict(SESSION)
        if connection.info.server_version >= IDLE[2]:
            settings[IDLE[0]] = IDLE[1]
        if connection.execute("SHOW synchronous_commit").fetchone() == ("off",):
            settings["synchronous_commit"] = "on"  # what is told kept is on the server's disk
        asked = ", ".join("set_config(%s, %s, false)" for _ in settings)
        connection.execute(f"SELECT {asked}", [part for pair in settings.items() for part in pair])
        return connection

    def _give_back(self, connection: Connection) -> None:
        idle = driver().pq.TransactionStatus.IDLE
        if connection.closed or connection.info.transaction_status != idle or len(self._spare) >= SPARE:
            connection.close()
        else:
            self._spare.append((os.getpid(), connection))


def _pop(spare: deque[tuple[int, Connection]]) -> Connection | None:
    """A spare connection of this process.

    What a child has from its parent is closed here only: a goodbye to the server would end it for both.
    """
    while spare:
        process, connection = spare.pop()
        if process == os.getpid():
            return connection
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, connection.fileno())
        os.close(nowhere)
        connection.close()
    return None


def _close(spare: deque[tuple[int, Connection]]) -> None:
    while (connection := _pop(spare)) is not None:
        connection.close()


def _options(url: str) -> dict[str, Any]:
    """What libpq needs to connect. An address that cannot be read raises InputError, without saying what is in it."""
    driver()
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise InputError(f"this is no PostgreSQL address: {EXPECTED}")
    found = _taken_apart(f"postgresql://{rest}") if rest.partition("?")[0].count("@") <= 1 else None
    if not found or not found.get("dbname"):
        raise InputError(f"this PostgreSQL address cannot be read: {EXPECTED}")
    return {**DEFAULTS, **found}


def _taken_apart(url: str) -> dict[str, Any] | None:
    """The parts of an address, None when it is none. What libpq says of it may hold the password, and ends here."""
    psycopg = driver()
    try:
        parts: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return None
    ports = str(parts.get("port", "5432")).split(",")
    return parts if all(port.isdecimal() for port in ports if port) else None


def _name(options: dict[str, Any]) -> str:
    user = f"{options['user']}@" if options.get("user") else ""
    port = f":{options['port']}" if options.get("port") else ""
    return f"postgresql://{user}{options.get('host', '')}{port}/{options['dbname']}"
