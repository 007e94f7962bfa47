"""The databases that a ledger may live in, each held to what every ledger must do."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from aura_lib.core import InputError, LedgerError
from aura_lib.ledger import SYSTEM, Ledger, migrations, schema
from aura_lib.ledger.database import Database
from tests.postgres import Cluster

ENTRIES = 12
spawn = multiprocessing.get_context("spawn")


def filled(url: str) -> str:
    with Ledger(url) as ledger:
        for number in range(1, ENTRIES + 1):
            ledger.journal.append("paper", "cash", {"book": "m", "amount": str(number), "request": number})
        ledger.journal.append(SYSTEM, "halt", {"scope": "ALL", "reason": "test", "who": "me"})
    return url


def run(url: str, *statements: str) -> None:
    """Past Aura: as somebody with the database's password does."""
    database = Database(url)
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    database.close()


def unguarded(url: str) -> tuple[str, ...]:
    """What takes away the database's own guard."""
    if url.startswith("sqlite"):
        return ("DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete")
    return ("ALTER TABLE journal DISABLE TRIGGER ALL",)


def problem_after(url: str, *statements: str) -> str:
    run(filled(url), *unguarded(url), *statements)
    with Ledger(url) as ledger:
        return ledger.journal.verify().problem


def at_once(work: Callable[..., None], *arguments: tuple[object, ...]) -> None:
    processes = [spawn.Process(target=work, args=given) for given in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
        assert process.exitcode == 0


# ---- what is written stays -------------------------------------------------------------------------------------------
def test_an_untouched_journal_verifies_and_counts_its_entries(ledger_url: str) -> None:
    with Ledger(filled(ledger_url)) as ledger:
        found = ledger.journal.verify()
    assert (found.ok, found.entries, found.chains) == (True, ENTRIES + 1, 2)


@pytest.mark.parametrize("statement", ["UPDATE journal SET body = '{}'", "DELETE FROM journal", "TRUNCATE journal"])
def test_the_database_itself_refuses_to_change_or_remove_an_entry(ledger_url: str, statement: str) -> None:
    if ledger_url.startswith("sqlite") and statement.startswith("TRUNCATE"):
        statement = "DELETE FROM journal WHERE n > 0"  # SQLite has no other way to empty a table
    with pytest.raises((LedgerError, sa.exc.IntegrityError), match="append-only"):
        run(filled(ledger_url), statement)
    with Ledger(ledger_url) as ledger:
        assert ledger.journal.verify().entries == ENTRIES + 1


@pytest.mark.parametrize("column", ["time", "kind", "body", "prev", "hash"])
def test_one_changed_letter_is_found_and_its_entry_named(ledger_url: str, column: str) -> None:
    change = f"UPDATE journal SET {column} = 'X' || substr({column}, 2) WHERE chain = 'paper' AND n = 7"
    assert problem_after(ledger_url, change).startswith("chain paper, entry 7 ")


def test_a_removed_an_inserted_and_a_moved_entry_are_found(ledger_url: str) -> None:
    copied = "chain, 99, time, kind, body, prev, hash FROM journal WHERE chain = 'paper' AND n = 12"
    insert = f"INSERT INTO journal (chain, n, time, kind, body, prev, hash) SELECT {copied}"
    assert "entry 99 " in problem_after(ledger_url, insert)
    swaps = ["UPDATE journal SET n = 199 WHERE n = 3", "UPDATE journal SET n = 3 WHERE n = 4"]
    run(ledger_url, "DELETE FROM journal WHERE n = 99", *swaps, "UPDATE journal SET n = 4 WHERE n = 199")
    with Ledger(ledger_url) as ledger:
        assert "entry 3 " in ledger.journal.verify().problem
    run(ledger_url, "DELETE FROM journal WHERE n = 2")
    with Ledger(ledger_url) as ledger:
        assert "expected entry 2 here" in ledger.journal.verify().problem


def test_a_cut_off_tail_is_found(ledger_url: str) -> None:
    problem = problem_after(ledger_url, f"DELETE FROM journal WHERE chain = 'paper' AND n > {ENTRIES - 2}")
    assert problem.endswith("its tail is missing")


# ---- many at once ----------------------------------------------------------------------------------------------------
def _append(url: str, who: int, count: int) -> None:
    with Ledger(url) as ledger:
        for number in range(count):
            ledger.journal.append("paper", "cash", {"who": who, "number": number})


def test_writers_in_four_processes_make_the_tables_once_and_one_unbroken_chain(ledger_url: str) -> None:
    at_once(_append, *((ledger_url, who, 25) for who in range(4)))
    with Ledger(ledger_url) as ledger:
        assert ledger.journal.verify().ok
        bodies = [(e.body["who"], e.body["number"]) for e in ledger.journal.entries("paper")]
    assert sorted(bodies) == [(who, number) for who in range(4) for number in range(25)]


def _ask(url: str, who: int, count: int) -> None:
    with Ledger(url) as ledger:
        for number in range(count):
            ledger.inbox.ask("paper", "cash", {"who": who}, f"{who}:{number}")


def test_who_asks_for_what_came_after_a_place_misses_nothing_that_was_on_its_way(ledger_url: str) -> None:
    """Places are given in the order in which they can be seen: a desk that has read place n never finds a lower one."""
    writers = [spawn.Process(target=_ask, args=(ledger_url, who, 60)) for who in range(3)]
    seen: list[int] = []
    with Ledger(ledger_url) as ledger:
        for writer in writers:
            writer.start()
        until = time.monotonic() + 90
        while len(seen) < 180 and time.monotonic() < until:
            seen += [request.n for request in ledger.inbox.asked("paper", seen[-1] if seen else 0)]
        for writer in writers:
            writer.join(30)
        assert [request.n for request in ledger.inbox.asked("paper")] == seen
    assert len(seen) == 180 and seen == sorted(seen)


def _claim(url: str, who: int, count: int) -> None:
    with Ledger(url) as ledger:
        lease = ledger.control.acquire("paper", 60, holder=f"host-{who}:1:1")
        ledger.journal.append(SYSTEM, "note", {"who": who, "lease": lease is not None})


def test_of_desks_on_several_hosts_one_gets_the_lease(ledger_url: str) -> None:
    at_once(_claim, *((ledger_url, who, 1) for who in range(4)))
    with Ledger(ledger_url) as ledger:
        assert [e.body["lease"] for e in ledger.journal.entries(SYSTEM)].count(True) == 1


# ---- versions --------------------------------------------------------------------------------------------------------
def test_alembic_finds_nothing_to_do_in_a_fresh_ledger(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    database = Database(ledger_url)
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_heads() == (migrations.revision(schema.VERSION),)
    database.close()


def test_a_ledger_of_a_newer_version_is_refused_and_nothing_is_written(ledger_url: str) -> None:
    run(filled(ledger_url), "UPDATE meta SET value = '99'")
    with pytest.raises(LedgerError, match=r"schema 99.*upgrade Aura.*Nothing was written"):
        Ledger(ledger_url)


# ---- a server's own --------------------------------------------------------------------------------------------------
def test_a_server_that_dies_is_told_and_when_it_is_back_the_work_goes_on(own_cluster: Callable[..., Cluster]) -> None:
    server = own_cluster()
    with server.new_database() as url, Ledger(filled(url)) as ledger:
        server.crash()
        with pytest.raises(LedgerError, match="Nothing was written"):
            ledger.journal.append("paper", "cash", {"amount": "1"})
        server.start()
        assert ledger.journal.append("paper", "cash", {"amount": "2"}).n == ENTRIES + 1
        assert ledger.journal.verify().ok


def test_a_server_is_named_without_its_password(cluster: Cluster) -> None:
    with pytest.raises(LedgerError) as told:
        Ledger(cluster.url("nowhere"))
    assert "nowhere" in str(told.value) and "s3cret" not in str(told.value)
    with pytest.raises(LedgerError) as told:
        Ledger(cluster.url("postgres", password="wrong"))
    assert "password authentication failed" in str(told.value) and "wrong" not in str(told.value)


def test_a_database_that_is_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names no database that can be opened"):
        Ledger("mysql://me:secret@host/aura")


def test_time_is_the_servers_where_there_is_one(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts whose clocks differ by an hour agree on who holds the lease."""
    with Ledger(database) as ledger:
        assert ledger.control.acquire("paper", 600, holder="one:1:1") is not None
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
        assert ledger.control.acquire("paper", 600, holder="two:1:1") is None
