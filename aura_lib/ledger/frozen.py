"""Waiting for the one writer that a SQLite file has, also when that one was stopped in the middle of its transaction.

A transaction takes microseconds, but a process that is stopped (SIGSTOP) inside one holds up everybody until somebody
wakes or ends it. Who waits for it ends it: killed at any instruction the result is the same, and what it had begun was
not committed. It is found in the kernel's list of locks (Linux), on this host alone, where such a file can be used.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds to wait for a writer before it is looked at
LOCKS = Path("/proc/locks")
WRITE_LOCK = 120  # the byte of the -shm file that the one writer of a WAL database locks (sqlite.org/walformat.html)


def begin(connection: sqlite3.Connection, file: Path, seconds: float) -> None:
    """Begin a transaction that writes; wait up to `seconds` for another writer, and end one that does not run.

    Raises sqlite3.OperationalError when it is still locked then, or cannot be written.
    """
    until = time.monotonic() + seconds
    _wait_up_to(connection, min(PATIENCE, seconds))
    try:
        while not _begun(connection, last=time.monotonic() >= until):
            end_stopped(file)
    finally:
        _wait_up_to(connection, seconds)


def _wait_up_to(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")


def _begun(connection: sqlite3.Connection, *, last: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def end_stopped(file: Path) -> list[int]:
    """Kill the processes of this user that are stopped and have a SQLite file to themselves; their ids."""
    ended = [pid for pid in _writers(file.with_name(f"{file.name}-shm")) if _is_stopped(pid)]
    for pid in ended:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        log.warning("process %d was stopped while it had %s to itself: ended", pid, file.name)
    return ended


def _writers(shared: Path) -> Iterator[int]:
    """Who locks the byte of the one writer, of this user's processes."""
    try:
        there, lines = shared.stat(), LOCKS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        fields = [field for field in line.split() if field != "->"]
        inode, (first, last) = fields[5].rpartition(":")[2], fields[6:8]
        here = int(inode) == there.st_ino and int(first) <= WRITE_LOCK and (last == "EOF" or int(last) >= WRITE_LOCK)
        if here and fields[3] == "WRITE" and _has_open(int(fields[4]), there):
            yield int(fields[4])


def _has_open(pid: int, there: os.stat_result) -> bool:
    """Whether a process of this user has a file open: inodes alone are the same on several disks."""
    own = Path(f"/proc/{pid}")
    with suppress(OSError):
        if own.stat().st_uid == os.getuid():
            return any(os.path.samestat(descriptor.stat(), there) for descriptor in (own / "fd").iterdir())
    return False


def _is_stopped(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False
