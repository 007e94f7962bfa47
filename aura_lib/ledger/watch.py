"""Waiting for a commit: who rests is woken by the next transaction that anybody writes, in whatever process.

On SQLite the kernel tells at once that the log is written to (inotify, on Linux), and `PRAGMA data_version` when the
transaction is through; without inotify the latter is glanced at. On PostgreSQL every transaction that writes sends a
NOTIFY; while the connection that hears it is lost, who rests wakes by itself every few milliseconds, until it is back.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import socket
import sqlite3
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

CHANNEL = "aura"  # of the NOTIFY that a writing transaction sends
SOON, GLANCE = 0.005, 0.0001  # seconds for which to glance once something is being written, and between two glances
QUIET = 0.01  # seconds between two glances while the kernel tells of nothing
UNTOLD = 0.001  # and where it tells nothing at all
POLL = 0.01  # seconds of rest while PostgreSQL cannot tell
RECONNECT = 1.0  # seconds between two attempts to hear it again
IN_MODIFY = 2


class Watch(ABC):
    """One thread may wait; any other may `wake` it."""

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._ear, selectors.EVENT_READ)

    @abstractmethod
    def stamp(self) -> int:
        """A number that is another one after every commit, also of other processes."""

    @abstractmethod
    def wait(self, before: int, seconds: float) -> None:
        """Rest until the stamp is another one than `before`, somebody wakes us, or the time is over."""

    def wake(self) -> None:
        """End the present wait, or the next one, at once."""
        with suppress(BlockingIOError):  # it is full of calls to wake up
            self._mouth.send(b"!")

    def _hear(self, seconds: float) -> tuple[bool, bool]:
        """Whether somebody woke us, and whether there was news to look at, within the time."""
        ready = {key.fileobj for key, _ in self._selector.select(max(0.0, seconds))}
        woken = self._ear in ready
        if woken:
            self._ear.recv(1 << 16)
        return woken, len(ready) > woken

    def close(self) -> None:
        """Let go of everything."""
        self._selector.close()
        self._ear.close()
        self._mouth.close()


class FileWatch(Watch):
    """Waits for commits to a SQLite file in WAL mode."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._tidied = self.stamp()  # from now on the log is open, and stays the same file
        self._told = _inotify(file.with_name(f"{file.name}-wal"))
        if self._told is not None:
            self._selector.register(self._told, selectors.EVENT_READ)

    def stamp(self) -> int:
        """See `Watch`. A question of a few microseconds."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def wait(self, before: int, seconds: float) -> None:
        """See `Watch`. When nothing comes, the log is worked off: nobody has to do so in the middle of an order."""
        until, pause = time.monotonic() + seconds, UNTOLD if self._told is None else QUIET
        while self.stamp() == before and (left := until - time.monotonic()) > 0:
            woken, writing = self._hear(min(pause, left))
            if woken:
                return
            if writing and self._told is not None:
                os.read(self._told, 1 << 16)
                self._glance(before, time.monotonic() + min(SOON, left))
        if self._tidied != before == self.stamp():
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._tidied = before

    def _glance(self, before: int, until: float) -> None:
        """Look whether it is through, more often than a selector can: that counts in whole milliseconds."""
        while self.stamp() == before and time.monotonic() < until:
            time.sleep(GLANCE)

    def close(self) -> None:
        """See `Watch`."""
        super().close()
        self._connection.close()
        if self._told is not None:
            os.close(self._told)


def _inotify(file: Path) -> int | None:
    """A file descriptor that can be read whenever a file is written to; None where the kernel has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    told = int(library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if told < 0:
        return None
    if library.inotify_add_watch(told, os.fsencode(file), IN_MODIFY) < 0:
        os.close(told)
        return None
    return told


class ServerWatch(Watch):
    """Waits for commits on a PostgreSQL server."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__()
        self._engine, self._count = engine, 0
        self._connection: Any = None  # of psycopg, that LISTENs; None while it is lost
        self._again = 0.0  # when it may be tried again
        self._connect()

    def stamp(self) -> int:
        """See `Watch`."""
        if self._connection is None and time.monotonic() >= self._again:
            self._connect()
        if self._connection is not None:
            self._read()
        return self._count

    def wait(self, before: int, seconds: float) -> None:
        """See `Watch`. While the connection is lost, a short rest is all there is."""
        until = time.monotonic() + seconds
        while self.stamp() == before and (left := until - time.monotonic()) > 0:
            lost = self._connection is None
            woken, _ = self._hear(min(left, POLL) if lost else left)
            if woken or lost:
                return

    def _connect(self) -> None:
        import psycopg

        try:
            pooled = self._engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()  # it is ours alone
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
        except (sa.exc.DBAPIError, psycopg.Error):
            self._again = time.monotonic() + RECONNECT
            return
        self._connection = connection
        self._listening = int(connection.fileno())  # a lost connection does not tell it any more
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._count += 1  # who knows what was written while nobody listened

    def _read(self) -> None:
        import psycopg

        try:
            self._connection.pgconn.consume_input()
            while self._connection.pgconn.notifies() is not None:
                self._count += 1
        except psycopg.Error:
            self._lose()

    def _lose(self) -> None:
        self._again = time.monotonic() + RECONNECT
        self._selector.unregister(self._listening)
        self._connection.close()
        self._connection = None

    def close(self) -> None:
        """See `Watch`."""
        if self._connection is not None:
            self._lose()
        super().close()
