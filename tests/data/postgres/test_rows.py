"""What is in the tables, what makes them, and what is noticed when they are changed behind its back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars, DataError
from aura_lib.data.store import Store as LocalStore
from aura_lib.data.store.postgres import Store
from tests.data.postgres.cases import DAYS, days, python, sql
from tests.postgres import PASSWORD, Cluster, extended

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
from tests.data.postgres.cases import days
print("ready", flush=True)
sys.stdin.readline()
print(Store(sys.argv[1]).add(days(0, 3, symbols=sys.argv[2])).number)
"""


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


TIMESCALE = {  # a stand-in for the extension, which Debian does not have: its call is remembered, and changes nothing
    "timescaledb.control": "default_version = '2.99'\nrelocatable = false\n",
    "timescaledb--2.99.sql": """
        CREATE TABLE @extschema@.asked (relation text, dimension text, step text, indexes boolean);
        GRANT ALL ON @extschema@.asked TO PUBLIC;
        CREATE FUNCTION @extschema@.create_hypertable(
            relation regclass, time_column_name name, chunk_time_interval interval DEFAULT NULL,
            create_default_indexes boolean DEFAULT true
        ) RETURNS integer LANGUAGE sql AS $$
            INSERT INTO @extschema@.asked VALUES ($1, $2, $3, $4) RETURNING 1
        $$;
    """,
}


@pytest.fixture(scope="module")
def with_timescale() -> Iterator[Cluster]:
    """A PostgreSQL that offers the stand-in."""
    with extended(TIMESCALE) as running:
        running.run("CREATE ROLE member LOGIN PASSWORD 'hunter2'")
        yield running


@pytest.mark.parametrize(
    ("before", "user", "asked"),
    [
        # loaded, and the user may: it is taken
        ("ALTER DATABASE {name} SET timescaledb.disable_load = off", "admin", True),
        # not loaded: asking for the real one would end the connection
        ("", "admin", False),
        # loaded, and the user may not
        ("ALTER DATABASE {name} SET timescaledb.disable_load = off", "member", False),
        # there already, made by somebody who may, in a schema of its own
        ('CREATE SCHEMA "Time"; CREATE EXTENSION timescaledb SCHEMA "Time"; GRANT USAGE ON SCHEMA "Time" TO PUBLIC',
         "member", True),
    ],
    ids=["offered", "not loaded", "not allowed", "installed"],
)  # fmt: skip
def test_where_timescaledb_may_be_had_the_bars_are_a_hypertable(
    with_timescale: Cluster, before: str, user: str, asked: bool
) -> None:
    with with_timescale.new_database() as url:
        name = url.rpartition("/")[2]
        sql(url, f"GRANT CREATE ON DATABASE {name} TO member; {before.format(name=name)}")
        store = Store(url if user == "admin" else with_timescale.url(name, "member", "hunter2"))
        snapshot = store.put(days(0, 3)).snapshot
        assert len(store.get(snapshot)) == 3
        where = sql(url, "SELECT oid::regclass::text FROM pg_class WHERE relname = 'asked'")
        told = [row for (table,) in where for row in sql(url, f"SELECT * FROM {table}")]
        assert told == ([("aura_data.bars", "time", "365 days", False)] if asked else [])
        store.close()


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


def test_ids_are_those_of_a_store_on_disk(store: Store, tmp_path: Path) -> None:
    local = LocalStore(tmp_path)
    for part in (days(0, 40), days(30, 60, 2.0), days(100, 110, 3.0, "C")):
        assert store.add(part).snapshot == local.add(part).snapshot
    assert store.put(days(0, 20)).snapshot == local.put(days(0, 20)).snapshot
