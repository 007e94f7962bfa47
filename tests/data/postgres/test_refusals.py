"""What a server refuses is a sentence without the password; connections come and go."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from aura_lib.core import Bars, DataError, InputError, Settings
from aura_lib.data.store import at
from aura_lib.data.store.postgres import Store
from tests.data.postgres.cases import DAYS, days, python, sql
from tests.postgres import PASSWORD, QUOTED, Cluster

# refusals: sentences without the password


def refused(url: str, kind: type[Exception], match: str, doing: Callable[[Store], object] | None = None) -> None:
    """What a store answers is an error of a kind, says this, and keeps the password to itself."""
    with pytest.raises(kind, match=match) as caught:
        (doing or (lambda store: store.versions()))(Store(url))
    told = [str(caught.value), str(caught.value.__context__)]
    assert not any(secret in text for text in told for secret in (PASSWORD, QUOTED, "s3cret", "hunter2"))


def test_a_wrong_password_or_user_is_told(cluster: Cluster, database: str) -> None:
    name = database.rpartition("/")[2]
    refused(cluster.url(name, password="hunter2"), InputError, r"refuses this user or password .*AURA_DATA_URL")
    refused(cluster.url(name, user="nobody"), InputError, r"nobody@.* refuses this user or password")


def test_a_database_that_is_not_there_is_told(cluster: Cluster) -> None:
    refused(cluster.url("nowhere"), InputError, r"/nowhere has no such database: create it")


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        port = taken.getsockname()[1]
        refused(f"postgresql://me:hunter2@127.0.0.1:{port}/bars", DataError, r"me@127.0.0.1:\d+/bars cannot be reached")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@x@127.0.0.1/bars",
        "postgresql://me:hunter2/x@127.0.0.1/bars",
        "postgresql://me:hunter2%@127.0.0.1/bars",
        "postgresql://me:hunter2@127.0.0.1",
        "postgresql://me:hunter2@127.0.0.1/bars?hunter2=1",
        "mysql://me:hunter2@127.0.0.1/bars",
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_repeating_it(url: str) -> None:
    refused(url, InputError, r"expected postgresql://user:password@host:5432/database")


def test_a_user_who_may_only_read_reads_and_is_told_when_writing(store: Store, cluster: Cluster, database: str) -> None:
    snapshot = store.put(days(0, 3)).snapshot
    name = database.rpartition("/")[2]
    sql(database, "CREATE ROLE reader LOGIN PASSWORD 'hunter2'; GRANT USAGE ON SCHEMA aura_data TO reader;"
        " GRANT SELECT ON ALL TABLES IN SCHEMA aura_data TO reader")  # fmt: skip
    try:
        url = cluster.url(name, "reader", "hunter2")
        reader = Store(url)
        assert len(reader.get(snapshot)) == 3
        assert reader.verify() == ()
        reader.close()
        refused(url, InputError, r"does not let this user do that .*permission denied", lambda s: s.put(days(0, 4)))
        sql(database, "REVOKE ALL ON SCHEMA aura_data FROM reader")
        refused(url, InputError, r"does not let this user do that")
    finally:
        sql(database, "DROP OWNED BY reader; DROP ROLE reader")


def test_a_member_who_may_insert_and_update_writes_and_cannot_take_away(
    store: Store, cluster: Cluster, database: str
) -> None:
    store.put(days(0, 3))
    sql(database, "CREATE ROLE writer LOGIN PASSWORD 'hunter2'; GRANT USAGE ON SCHEMA aura_data TO writer;"
        " GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA aura_data TO writer")  # fmt: skip
    try:
        url = cluster.url(database.rpartition("/")[2], "writer", "hunter2")
        writer = Store(url)
        assert writer.add(days(2, 4, 2.0)).number == 2
        assert writer.put(days(1, 3)).snapshot == store.versions()[-1].snapshot
        assert store.verify() == ()
        writer.close()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql(url, "DELETE FROM aura_data.bars")
    finally:
        sql(database, "DROP OWNED BY writer; DROP ROLE writer")


def test_a_server_that_may_only_be_read_is_told(store: Store, database: str) -> None:
    store.put(days(0, 3))
    url = f"{database}?options=-c%20default_transaction_read_only%3Don"
    refused(url, InputError, r"does not let this user do that .*read-only", lambda s: s.put(days(0, 4)))
    assert len(Store(url).versions()) == 1


def test_a_statement_that_is_stopped_is_told_and_changes_nothing(store: Store, database: str) -> None:
    store.put(days(0, 3))
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE aura_data.bars")
        url = f"{database}?options=-c%20statement_timeout%3D200"
        refused(url, DataError, r"stopped a statement .*longer statement_timeout", lambda s: s.put(days(0, 4)))
    assert len(store.versions()) == 1
    assert store.add(days(3, 4)).number == 2


def test_a_connection_that_breaks_off_is_told_and_the_next_call_works(store: Store, database: str) -> None:
    store.put(days(0, 3))
    writer = python("import sys\nfrom aura_lib.data.store.postgres import Store\nfrom aura_lib.core import DataError\n"
                    "from tests.data.postgres.cases import days\nstore = Store(sys.argv[1])\n"
                    "try:\n    store.add(days(3, 4))\nexcept DataError as error:\n    print(error, flush=True)\n"
                    "sys.stdin.readline()\nprint(store.add(days(3, 4)).number)", database)  # fmt: skip
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE aura_data.bars")
        ended: list[tuple[object, ...]] = []
        until = time.monotonic() + 30
        while not ended and time.monotonic() < until:
            ended = sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'aura' AND wait_event_type = 'Lock'")  # fmt: skip
            time.sleep(0.02)
    assert writer.stdout is not None
    assert "broke off" in (told := writer.stdout.readline()), told
    assert "whole or not at all" in told and "s3cret" not in told
    out, err = writer.communicate("\n", timeout=60)
    assert out == "2\n", err


def test_without_the_driver_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"pip install 'aura-lib\[postgres\]'"):
        Store("postgresql://me@127.0.0.1/bars")


def test_a_name_that_postgresql_cannot_hold_is_refused(store: Store) -> None:
    close = pd.DataFrame({"A\0B": [1.0]}, DAYS[:1])
    with pytest.raises(InputError, match="NUL"):
        store.put(Bars({"close": close}, "made up"))


# connections


def test_a_child_of_a_fork_has_connections_of_its_own(store: Store, database: str) -> None:
    snapshot = store.put(days(0, 3)).snapshot
    mine = sql(
        database, "SELECT pid FROM pg_stat_activity WHERE application_name = 'aura' AND datname = current_database()"
    )
    assert len(mine) == 1
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if len(store.get(snapshot)) == 3 and store.add(days(3, 4)).number == 2 else 2
            store.close()
        finally:
            os._exit(status)
    for _ in range(20):
        assert len(store.get(snapshot)) == 3
    assert os.waitpid(child, 0)[1] == 0
    assert len(store.get(snapshot)) == 3
    now = sql(
        database, "SELECT pid FROM pg_stat_activity WHERE application_name = 'aura' AND datname = current_database()"
    )
    assert now == mine  # still the connection of before: the child did not end it


def test_settings_of_the_server_change_nothing_that_is_kept(database: str) -> None:
    name = database.rpartition("/")[2]
    for setting in ("DateStyle = 'German'", "TimeZone = 'Asia/Kolkata'", "extra_float_digits = -10",
                    "synchronous_commit = off", "default_transaction_isolation = 'serializable'"):  # fmt: skip
        sql(database, f"ALTER DATABASE {name} SET {setting}")
    store = Store(database)
    table = pd.DataFrame({"time": DAYS[1:2], "symbol": ["A"], "dividend": [1 / 3], "split": [1.0]})
    made = store.version(store.put(days(0, 3), table).snapshot)
    assert store.actions(made.snapshot).dividend.tolist() == [1 / 3]
    assert abs((made.recorded - pd.Timestamp.now("UTC")).total_seconds()) < 60
    assert (made.held["A"].first, made.end) == (DAYS[0], DAYS[2])
    assert store.verify() == ()
    store.close()


def test_a_store_keeps_one_connection_and_gives_it_up_when_asked(store: Store, database: str) -> None:
    def open_now() -> int:
        return len(sql(database, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'aura'"
                       " AND datname = current_database()"))  # fmt: skip

    for number in range(3):
        Store(database).add(days(number, number + 1))
    assert open_now() == 1
    store.close()
    until = time.monotonic() + 10
    while open_now() and time.monotonic() < until:
        time.sleep(0.01)
    assert open_now() == 0
    assert len(store.versions()) == 3


def test_the_address_in_the_settings_opens_it(database: str, tmp_path: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(tmp_path), "AURA_DATA_URL": database})
    assert isinstance(at(settings), Store)
    assert at(settings).add(days(0, 1)).number == 1
