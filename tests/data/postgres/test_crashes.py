"""Writers are killed and servers crash; nothing that was told kept is lost."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import numpy as np
import pytest

from aura_lib.data.store.postgres import Store
from tests.data.postgres.cases import days, python
from tests.postgres import Cluster

WRITER = """
import sys
from aura_lib.data.store.postgres import Store
from tests.data.postgres.cases import days
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


def all_there(store: Store, told: list[tuple[int, str]], since: int = 0) -> int:
    """Everything told is kept, and whole is what was kept since a version; the number of the last one."""
    versions = store.versions()
    assert {snapshot for _, snapshot in told} <= {version.snapshot for version in versions}
    for version in versions[since:]:
        bars = store.get(version.snapshot)
        assert (bars.close["A"].to_numpy() == float(version.notes["day"])).all()
        assert len(bars) == version.notes["day"] + 1
    assert store.verify() == ()
    return len(versions)


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_nothing_that_was_told(
    store: Store, database: str, rng: np.random.Generator
) -> None:
    store.versions()
    told: list[tuple[int, str]] = []
    kept = 0
    for _ in range(5):
        writer = python(WRITER, database, str(kept + 1), "AB")
        assert writer.stdout is not None
        line = writer.stdout.readline().split()
        told.append((int(line[0]), line[1]))
        time.sleep(float(rng.uniform(0, 0.15)))
        writer.send_signal(signal.SIGKILL)
        told += told_by(writer)
        kept = all_there(store, told, kept)  # and nobody has to wait for what the dead one held
    assert store.add(days(0, 1, 1.0), notes={"day": 0}).number == len(store.versions())


@pytest.mark.slow
def test_a_server_that_crashes_under_a_writer_loses_nothing_that_was_told(
    own_cluster: Callable[..., Cluster], rng: np.random.Generator
) -> None:
    cluster = own_cluster()
    cluster.run("CREATE DATABASE bars")
    store = Store(cluster.url("bars"))
    told: list[tuple[int, str]] = []
    kept = 0
    for _ in range(2):
        writer = python(WRITER, cluster.url("bars"), str(kept + 1), "AB")
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
        kept = all_there(store, told, kept)  # through a connection that the crash had broken
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
from tests.data.postgres.cases import days
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
