"""What is PostgreSQL's own: its rows, its refusals, its crashes. What every store does is in tests/contracts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest

from aura_lib.core import Bars, DataError, InputError
from aura_lib.data.store import Store as LocalStore
from aura_lib.data.store.postgres import Store
from tests.postgres import PASSWORD, QUOTED, Cluster

DAYS = pd.date_range("2021-01-04T21:00Z", periods=2000, freq="D", unit="us")


def days(first: int, last: int, price: float = 1.0, symbols: str = "AB") -> Bars:
    """Days from `first` to before `last`, every close the price."""
    close = pd.DataFrame(price, DAYS[first:last], list(symbols))
    return Bars({"close": close, "volume": close * 10}, "made up")


def sql(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    opened = Store(database)
    yield opened
    opened.close()


# rows


def test_an_addition_writes_the_rows_that_are_new_and_a_revision_those_that_are_different(
    store: Store, database: str
) -> None:
    store.put(days(0, 100))
    store.add(days(90, 101))  # ten days of it are there already
    assert sql(database, "SELECT since, until = 2147483647, count(*) FROM aura_data.bars GROUP BY 1, 2 ORDER BY 1") == [
        (1, True, 200), (2, True, 2),
    ]  # fmt: skip
    store.add(days(50, 51, 2.0))
    store.put(days(0, 101))
    assert sql(database, "SELECT since, until, count(*) FROM aura_data.bars GROUP BY 1, 2 ORDER BY 1, 2") == [
        (1, 3, 2), (1, 2147483647, 198), (2, 2147483647, 2), (3, 4, 2), (4, 2147483647, 2),
    ]  # fmt: skip
    assert sql(database, "SELECT count(*) FROM aura_data.held WHERE until = 2147483647") == [(2,)]
    assert store.verify() == ()


def test_unknown_values_are_null_to_whoever_reads_the_tables(store: Store, database: str) -> None:
    store.put(days(0, 3))
    assert sql(database, "SELECT count(open), count(close), avg(volume) FROM aura_data.bars") == [(0, 6, 10.0)]


def test_the_history_of_a_symbol_is_found_through_an_index(store: Store, database: str) -> None:
    store.put(days(0, 2000, symbols="ABCDEFGHIJ"))
    sql(database, "ANALYZE")
    plan = sql(
        database,
        "EXPLAIN SELECT * FROM aura_data.bars b WHERE symbol = ANY('{3}'::integer[]) AND since <= 1"
        " AND until > 1 AND time >= '2023-01-01'",
    )
    assert "bars_pkey" in str(plan)
    assert "Seq Scan" not in str(plan)


def test_versions_are_recorded_at_the_time_of_the_server(store: Store, database: str) -> None:
    before = sql(database, "SELECT clock_timestamp()")[0][0]
    made = store.add(days(0, 1))
    assert before <= made.recorded <= sql(database, "SELECT clock_timestamp()")[0][0]  # type: ignore[operator]


def test_a_large_panel_comes_back_whole(store: Store, rng: np.random.Generator) -> None:
    index = pd.date_range("2021-01-04T09:31Z", periods=20_000, freq="min", unit="us")
    fields = {n: pd.DataFrame(rng.uniform(1, 2, (20_000, 5)), index, list("ABCDE")) for n in ("open", "close")}
    snapshot = store.put(Bars(fields, "made up", "1m")).snapshot
    back = store.get(snapshot)
    assert all(back.fields[name].equals(fields[name]) for name in fields)
    assert store.verify() == ()


# the tables


def test_a_store_of_a_newer_schema_is_refused(store: Store, database: str) -> None:
    store.put(days(0, 1))
    sql(database, "INSERT INTO aura_data.about (version) VALUES (7)")
    with pytest.raises(DataError, match="schema 7, this version of Aura knows 1: update Aura"):
        Store(database).versions()


FIRST_USE = """
import sys
from aura_lib.data.store.postgres import Store
from tests.data.test_store_postgres import days
print("ready", flush=True)
sys.stdin.readline()
print(Store(sys.argv[1]).add(days(0, 3, symbols=sys.argv[2])).number)
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process that runs some code, from the repository's folder."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_two_processes_that_use_it_first_at_once_both_succeed(database: str) -> None:
    both = [python(FIRST_USE, database, symbols) for symbols in ("AB", "CD")]
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60) for process in both]
    assert sorted(out for out, _ in told) == ["1\n", "2\n"], told
    assert list(Store(database).versions()[-1].held) == list("ABCD")


TIMESCALE = """
CREATE TABLE asked (relation text, dimension text, step interval, indexes boolean);
CREATE FUNCTION create_hypertable(relation regclass, time_column_name name, chunk_time_interval interval DEFAULT NULL,
                                  create_default_indexes boolean DEFAULT true) RETURNS integer LANGUAGE sql
AS 'INSERT INTO "Time".asked VALUES (relation, time_column_name, chunk_time_interval, create_default_indexes)
    RETURNING 1';
INSERT INTO pg_extension SELECT 99999, 'timescaledb', nspowner, oid, true, '2.99' FROM pg_namespace
WHERE nspname = 'Time';
"""


def test_with_timescaledb_the_bars_are_made_a_hypertable(database: str) -> None:
    # A stand-in for the extension, since Debian has none: its entry in the catalogue, and a function that remembers.
    sql(database, "CREATE SCHEMA \"Time\"; SET search_path = \"Time\"; SET allow_system_table_mods = on;"
        + TIMESCALE)  # fmt: skip
    store = Store(database)
    snapshot = store.put(days(0, 3)).snapshot
    asked = sql(database, 'SELECT relation, dimension, step::text, indexes FROM "Time".asked')
    assert asked == [("aura_data.bars", "time", "365 days", False)]
    assert len(store.get(snapshot)) == 3


# damage


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE aura_data.bars SET close = close + 1e-9 WHERE time = '2021-01-06T21:00Z' AND symbol = 1", "bars of A"),
        ("DELETE FROM aura_data.bars WHERE time = '2021-01-06T21:00Z' AND symbol = 1", "bars of A"),
        ("INSERT INTO aura_data.bars VALUES (1, 1, 2147483647, '2020-01-01', 1, 1, 1, 1, 1)", "bars of A"),
        ("UPDATE aura_data.bars SET until = 1 WHERE symbol = 1", "bars of A"),
        ("UPDATE aura_data.held SET instrument = replace(instrument, 'USD', 'EUR')", "version 1 of made up 1d"),
        ("UPDATE aura_data.held SET instrument = '{}'", "an instrument cannot be read"),
        ("UPDATE aura_data.actions SET split = 3", "version 1 of made up 1d"),
        ("DELETE FROM aura_data.actions", "version 1 of made up 1d"),
        ("DELETE FROM aura_data.versions WHERE number = 1", "version 1 of made up 1d is missing"),
        ("UPDATE aura_data.versions SET fields = 'close'", "version 1 of made up 1d"),
    ],
)
def test_what_was_changed_behind_its_back_is_named(store: Store, database: str, damage: str, named: str) -> None:
    table = pd.DataFrame({"time": DAYS[1:2], "symbol": ["A"], "dividend": [0.0], "split": [2.0]})
    store.put(days(0, 5), table)
    store.add(days(5, 6))
    assert store.verify() == ()
    sql(database, damage)
    problems = store.verify()
    assert any(named in problem for problem in problems), problems
    assert not any(PASSWORD in problem for problem in problems)


def test_damaged_bars_are_not_given_out(store: Store, database: str) -> None:
    snapshot = store.put(days(0, 5)).snapshot
    sql(database, "UPDATE aura_data.bars SET close = 1.5 WHERE time = '2021-01-06T21:00Z' AND symbol = 1")
    with pytest.raises(DataError, match=rf"bars of A in version {snapshot} are not what was kept .*5 rows, 5 told"):
        store.get(snapshot)
    assert store.get(snapshot, ["B"]).close["B"].tolist() == [1.0] * 5
    sql(database, "DELETE FROM aura_data.bars WHERE time = '2021-01-06T21:00Z' AND symbol = 2")
    with pytest.raises(DataError, match=r"bars of B .*4 rows, 5 told"):
        store.get(snapshot, ["B"], fields=["close"])


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
                    "from tests.data.test_store_postgres import days\nstore = Store(sys.argv[1])\n"
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


def test_a_store_keeps_one_connection_and_gives_it_up_when_asked(store: Store, database: str) -> None:
    def open_now() -> int:
        return len(sql(database, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'aura'"
                       " AND datname = current_database()"))  # fmt: skip

    for number in range(3):
        store.add(days(number, number + 1))
    assert open_now() == 1
    store.close()
    until = time.monotonic() + 10
    while open_now() and time.monotonic() < until:
        time.sleep(0.01)
    assert open_now() == 0
    assert len(store.versions()) == 3


# crashes


WRITER = """
import sys
from aura_lib.data.store.postgres import Store
from tests.data.test_store_postgres import days
store, day = Store(sys.argv[1]), int(sys.argv[2])
while True:
    made = store.put(days(0, day + 1, float(day)), notes={"day": day}) if day % 3 == 0 else store.add(
        days(0, day + 1, float(day), sys.argv[3]), notes={"day": day})
    print(day, made.snapshot, flush=True)
    day += 1
"""


def told_by(writer: subprocess.Popen[str]) -> list[tuple[int, str]]:
    """What a writer that was killed had told: days, and the snapshots that it was given."""
    assert writer.stdout is not None
    writer.wait(30)
    lines = [line.split() for line in writer.stdout.read().splitlines() if len(line.split()) == 2]
    return [(int(day), snapshot) for day, snapshot in lines if len(snapshot) == 24]


def all_there(store: Store, told: list[tuple[int, str]]) -> None:
    """Everything told is kept, whole, and what is kept besides is whole too."""
    kept = {version.snapshot for version in store.versions()}
    assert {snapshot for _, snapshot in told} <= kept
    for version in store.versions():
        bars = store.get(version.snapshot)
        assert (bars.close["A"].to_numpy() == float(version.notes["day"])).all()
        assert len(bars) == version.notes["day"] + 1
    assert store.verify() == ()


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_nothing_that_was_told(
    store: Store, database: str, rng: np.random.Generator
) -> None:
    store.versions()
    told: list[tuple[int, str]] = []
    for _ in range(6):
        first = len(store.versions()) + 1
        writer = python(WRITER, database, str(first), "AB")
        assert writer.stdout is not None
        line = writer.stdout.readline().split()
        told.append((int(line[0]), line[1]))
        time.sleep(float(rng.uniform(0, 0.15)))
        writer.send_signal(signal.SIGKILL)
        told += told_by(writer)
        all_there(store, told)  # and nobody has to wait for what the dead one held
    assert store.add(days(0, 1, 1.0), notes={"day": 0}).number == len(store.versions())


@pytest.mark.slow
def test_a_server_that_crashes_under_a_writer_loses_nothing_that_was_told(
    own_cluster: Callable[..., Cluster], rng: np.random.Generator
) -> None:
    cluster = own_cluster()
    cluster.run("CREATE DATABASE bars")
    store = Store(cluster.url("bars"))
    told: list[tuple[int, str]] = []
    for _ in range(2):
        writer = python(WRITER, cluster.url("bars"), str(len(store.versions()) + 1), "AB")
        assert writer.stdout is not None
        line = writer.stdout.readline().split()
        told.append((int(line[0]), line[1]))
        time.sleep(float(rng.uniform(0, 0.2)))
        cluster.crash()
        told += told_by(writer)
        assert writer.stderr is not None
        said = writer.stderr.read()
        assert "DataError" in said and "s3cret" not in said
        cluster.start()
        all_there(store, told)  # through a connection that the crash had broken
    assert len(told) >= 2
    store.close()


READER = """
import sys
from aura_lib.data.store.postgres import Store
store, reads = Store(sys.argv[1]), 0
print("ready", flush=True)
while not (versions := store.versions()) or versions[-1].number < 40:
    if versions:
        newest = versions[-1]
        bars = store.get(newest.snapshot, list(newest.notes["symbols"]))
        assert (bars.close.iloc[: newest.notes["day"] + 1] == newest.notes["day"]).all(axis=None), bars.close
        assert len(bars) == newest.notes["day"] + 1
        reads += 1
print(reads)
"""
BUSY = """
import sys
from aura_lib.data.store.postgres import Store
from tests.data.test_store_postgres import days
store = Store(sys.argv[1])
for day in range(1, 21):
    store.add(days(0, day + 1, float(day), sys.argv[2]), notes={"day": day, "symbols": sys.argv[2]})
"""


@pytest.mark.slow
def test_two_writing_processes_and_a_reading_one_do_not_disturb_each_other(database: str) -> None:
    Store(database).versions()
    reader = python(READER, database)
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    writers = [python(BUSY, database, symbols) for symbols in ("AB", "CD")]
    for writer in writers:
        assert writer.communicate(timeout=100)[1] == ""
        assert writer.returncode == 0
    out, err = reader.communicate(timeout=60)
    assert err == "" and int(out) > 0
    store = Store(database)
    assert [version.number for version in store.versions()] == list(range(1, 41))
    assert (store.get(store.versions()[-1].snapshot).close == 20.0).all(axis=None)
    assert store.verify() == ()


def test_ids_are_those_of_a_store_on_disk(store: Store, tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    for part in (days(0, 40), days(30, 60, 2.0), days(100, 110, 3.0, "C")):
        assert store.add(part).snapshot == local.add(part).snapshot
    assert store.put(days(0, 20)).snapshot == local.put(days(0, 20)).snapshot
