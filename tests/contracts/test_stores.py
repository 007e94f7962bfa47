"""The stores that there are, each held to what every store must do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.data.store import Keeper, Store
from aura_lib.data.store.postgres import Store as PostgresStore
from tests.contracts.store_contract import Opener, StoreContract
from tests.data.store_cases import MOMENTS, Step, agree, apply, held, steps
from tests.data.store_model import Model, State
from tests.postgres import Cluster


class Sequences:
    """Any sequence of puts and adds, against plain dictionaries and a store on a local disk."""

    @pytest.fixture
    def fresh(self) -> Callable[[], Keeper]:
        raise NotImplementedError

    @settings(max_examples=20)
    @given(done=steps, data=st.data())
    def test_any_sequence_leaves_what_it_leaves_in_plain_dictionaries(
        self,
        fresh: Callable[[], Keeper],
        done: list[Step],
        data: st.DataObject,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        store, local, model = fresh(), Store(tmp_path_factory.mktemp("local")), Model()
        states: dict[str, State] = {}
        for step in done:
            made = apply(step, store, model)
            if made is None:
                continue
            snapshot, state = made
            assert states.setdefault(snapshot, state) == state
            again = local.put(step.bars, step.actions) if step.what == "put" else local.add(step.bars, step.actions)
            assert again.snapshot == snapshot
        assert [v.snapshot for v in store.versions()] == [v.snapshot for v in local.versions()]
        for snapshot, state in states.items():
            agree(store, snapshot, state)
            held(store, snapshot, state)
            symbols = data.draw(st.lists(st.sampled_from(sorted(state.rows)), min_size=1, unique=True))
            first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(MOMENTS) - 1)] * 2)))
            fields = data.draw(st.sampled_from([["close"], None]))
            agree(store, snapshot, state, symbols)
            agree(store, snapshot, state, symbols, fields, MOMENTS[first], MOMENTS[last])
        assert store.verify() == ()


class TestLocalStore(StoreContract):
    """Parquet in a folder."""

    @pytest.fixture
    def opened(self, tmp_path: Path) -> Opener:
        return lambda clock=None: Store(tmp_path / "home", clock)


class TestPostgresStore(StoreContract, Sequences):
    """A database on a real server."""

    @pytest.fixture
    def opened(self, database: str) -> Opener:
        return lambda clock=None: PostgresStore(database, clock)

    @pytest.fixture
    def fresh(self, cluster: Cluster, database: str) -> Iterator[Callable[[], Keeper]]:
        store = PostgresStore(database)

        def fresh() -> Keeper:
            cluster.run("DROP SCHEMA IF EXISTS aura_data CASCADE", database.rpartition("/")[2])
            return PostgresStore(database)

        yield fresh
        store.close()


class TestBucketStore(StoreContract):
    """An S3-compatible object store on loopback."""

    @pytest.fixture(scope="class")
    @classmethod
    def endpoint(cls) -> Iterator[str]:
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()

    @pytest.fixture
    def opened(self, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Opener:
        import s3fs

        from aura_lib.data.store.bucket import Bucket
        from aura_lib.data.store.parquet import ParquetKeeper

        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        bucket = f"bars-{os.getpid()}-{next(_BUCKETS)}"
        s3fs.S3FileSystem().mkdir(bucket)
        return lambda clock=None: ParquetKeeper(Bucket(f"s3://{bucket}/team"), clock)


_BUCKETS = count()
