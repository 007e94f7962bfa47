"""Copies of SQLite files that are in use: whole, of one moment, without stopping who writes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from aura_lib.core import LedgerError

MAGIC = b"SQLite format 3\0"
PATIENCE = 30.0  # seconds to wait for a writer


def is_sqlite(file: Path) -> bool:
    """Whether a file is an SQLite database."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def copy(source: Path, target: Path) -> None:
    """Copy a database that others may be writing: what was committed when the copy began, and nothing else.

    The target is complete or not there. Raises LedgerError when the source is no database or the disk is full.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with closing(reading(source)) as old, closing(sqlite3.connect(aside)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, no -wal beside it
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"{source} cannot be copied to {target}: {error}. No copy was left there") from error
    finally:
        for left in (aside, aside.with_name(f"{aside.name}-journal"), aside.with_name(f"{aside.name}-wal")):
            left.unlink(missing_ok=True)


def reading(file: Path) -> sqlite3.Connection:
    """A connection that can only read."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)


@contextmanager
def held(files: Iterable[Path]) -> Iterator[None]:
    """While inside, nobody else writes to these databases: copies of several are then of one moment."""
    with ExitStack() as stack:
        for file in files:
            try:
                connection = stack.enter_context(closing(sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)))
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise LedgerError(f"{file} cannot be held still: {error}") from error
        yield
