"""A process that is stopped (SIGSTOP) in the middle of a transaction holds nobody up for long."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from aura_lib.core import LedgerError
from aura_lib.ledger import Ledger, frozen

HOLDER = """
import os, sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
held.execute("INSERT INTO watches VALUES ('frozen', 'now')")
print("held", flush=True)
sys.stdin.read()
held.execute("COMMIT")
"""
linux = pytest.mark.skipif(not frozen.LOCKS.exists(), reason="only Linux tells who holds a lock")


@contextmanager
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the file to itself until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger


@linux
def test_a_stopped_writer_is_ended_and_what_it_had_begun_never_was(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "PATIENCE", 0.05)
    with holder(tmp_path / "ledger.db") as process:
        stop(process.pid)
        ledger.control.switch("paper", True, "storm", "me")
        assert process.wait(60) == -signal.SIGKILL
    with ledger.write() as connection:
        assert not connection.execute(sa.text("SELECT * FROM watches")).all()
    assert ledger.control.halted("paper") and ledger.journal.verify().ok


@linux
def test_a_writer_that_runs_is_waited_for_and_never_ended(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "PATIENCE", 0.02)
    monkeypatch.setattr("aura_lib.ledger.database.BUSY_SECONDS", 0.2)
    with holder(tmp_path / "ledger.db") as process:
        with pytest.raises(LedgerError, match="locked"):
            ledger.control.switch("paper", True, "storm", "me")
        assert process.poll() is None and process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
    ledger.control.switch("paper", True, "storm", "me")
    with ledger.write() as connection:
        assert connection.execute(sa.text("SELECT job FROM watches")).scalars().all() == ["frozen"]


@linux
def test_a_stopped_process_that_holds_nothing_is_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other, isolation_level=None) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE watches (job, since)")
        with holder(other) as process:
            stop(process.pid)
            assert frozen.end_stopped(tmp_path / "ledger.db") == [] and process.poll() is None
            assert frozen.end_stopped(tmp_path / "none.db") == []
            assert frozen.end_stopped(other) == [process.pid]
    made.close()


def stand_still(ledger: Ledger, other: Ledger) -> None:
    """Begin to write, and ask nothing more of the server until somebody else has written."""
    with ledger.write() as connection:
        told = connection.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
        assert told == "10s", "less than others wait for the ledger"
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
        connection.execute(sa.text("INSERT INTO watches VALUES ('frozen', 'now')"))
        other.control.switch("paper", True, "storm", "me")  # waits, and gets the ledger
        connection.execute(sa.text("SELECT 1"))


def test_a_server_ends_a_transaction_whose_client_stands_still(database: str) -> None:
    """PostgreSQL, for real: a client that is frozen with the ledger to itself asks nothing more of the server."""
    with Ledger(database) as ledger, Ledger(database) as other:
        with pytest.raises(LedgerError, match="idle"):
            stand_still(ledger, other)
        with ledger.write() as connection:
            assert not connection.execute(sa.text("SELECT * FROM watches")).all()
