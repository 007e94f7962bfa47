"""The same store in an S3-compatible object store: the real client against a real server on this machine."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from aura_lib.core import Bars, DataError, InputError, Settings
from aura_lib.data import store as room
from aura_lib.data.store import Keeper, Store, diff
from aura_lib.data.store.bucket import Bucket
from aura_lib.data.store.parquet import ParquetKeeper
from tests.data.store_cases import Step, agree, apply, held, steps
from tests.data.store_model import Model

TIMES = pd.date_range("2020-01-02T21:00Z", periods=60, freq="D", unit="us")


def made(first: int = 0, last: int = 60, seed: int = 1) -> Bars:
    rng = np.random.default_rng(seed)
    close = pd.DataFrame(rng.uniform(1, 100, (60, 2)), TIMES, ["A", "B"]).iloc[first:last]
    return Bars({"close": close, "volume": (close * 100).round()}, source="test")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    import boto3
    import s3fs

    for name, value in (
        ("AWS_ENDPOINT_URL", server),
        ("AWS_ACCESS_KEY_ID", "somebody"),
        ("AWS_SECRET_ACCESS_KEY", "something"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    boto3.client("s3").create_bucket(Bucket="bars")
    return "s3://bars"


@pytest.fixture
def kept(bucket: str, request: pytest.FixtureRequest) -> Keeper:
    return room.at(Settings(Path("/nowhere"), "", data_url=f"{bucket}/{request.node.name}"))


def test_what_is_kept_there_has_the_names_it_has_here(kept: Keeper, tmp_path: Path) -> None:
    here = Store(tmp_path)
    one = kept.put(made(0, 50)).snapshot
    assert one == here.put(made(0, 50)).snapshot
    two = kept.add(made(49, 60)).snapshot
    assert two == here.put(made()).snapshot
    for name in ("close", "volume"):
        assert kept.get(two).fields[name].equals(made().fields[name])
    assert kept.get(two, ["B"], start=TIMES[55]).close.equals(made().close[["B"]].iloc[55:])
    assert kept.query("SELECT count(*) AS n FROM bars WHERE symbol = 'B'", two)["n"].item() == 60
    assert len(diff(kept, one, two).added_bars) == 2
    assert [version.snapshot for version in kept.versions("test")] == [one, two]
    assert kept.verify() == ()


@settings(max_examples=8)
@given(done=steps)
def test_any_sequence_leaves_what_it_leaves_in_plain_dictionaries(
    bucket: str, done: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    keeper, model = ParquetKeeper(Bucket(f"{bucket}/{tmp_path_factory.mktemp('x').name}")), Model()
    for step in done:
        if (pair := apply(step, keeper, model)) is not None:
            agree(keeper, *pair)
            held(keeper, *pair)


def test_writers_at_once_add_to_what_the_others_made(bucket: str, kept: Keeper) -> None:
    folder = kept.blobs.where().rstrip("/")  # type: ignore[attr-defined]
    kept.put(made(0, 10))
    pieces = [(first, first + 5) for first in range(10, 60, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda piece: ParquetKeeper(Bucket(folder)).add(made(*piece)), pieces))
    versions = kept.versions("test")
    assert [version.number for version in versions] == list(range(1, len(pieces) + 2))
    assert kept.get(versions[-1].snapshot).close.equals(made().close)


def test_one_symbol_of_a_large_part_is_not_the_whole_part(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    times = pd.date_range("2000-01-01T21:00Z", periods=5000, freq="D", unit="us")
    names = [f"S{i:03d}" for i in range(40)]
    close = pd.DataFrame(rng.uniform(1, 2, (5000, 40)), times, names)
    snapshot = kept.put(Bars({"close": close, "open": close, "high": close, "low": close}, source="large")).snapshot
    kept.get(snapshot, ["S000"], start=times[-1])
    files = kept.blobs._files  # type: ignore[attr-defined]
    asked: list[int] = []
    really = type(files)._cat_file

    async def counting(self: object, path: str, version_id: object = None, start: object = None, end: object = None,
                       **more: object) -> bytes:  # fmt: skip
        content: bytes = await really(self, path, version_id=version_id, start=start, end=end, **more)
        asked.append(len(content))
        return content

    monkeypatch.setattr(type(files), "_cat_file", counting)
    assert kept.get(snapshot, ["S020"]).close.equals(close[["S020"]])
    part = max(kept._manifest(snapshot).parts(), key=lambda ref: ref.rows)  # type: ignore[attr-defined]
    whole = files.info(kept.blobs.path(part.file))["size"]  # type: ignore[attr-defined]
    assert whole > 4_000_000
    assert sum(asked) < 0.6 * whole


def test_what_is_damaged_or_missing_there_is_named(kept: Keeper) -> None:
    snapshot = kept.put(made()).snapshot
    blobs = kept.blobs  # type: ignore[attr-defined]
    (name,) = blobs.names("parts")
    content = blobs.read(f"parts/{name}")
    blobs.put(f"parts/{name}", content[:100] + b"?" + content[101:])
    assert name in kept.verify()[0]
    blobs.delete(f"parts/{name}")
    with pytest.raises(DataError, match=f"{name} is missing"):
        kept.get(snapshot, ["A"])
    assert kept.put(made()).snapshot == snapshot
    assert kept.verify() == ()


def test_what_nothing_refers_to_is_swept_away_when_it_is_old(kept: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.put(made())
    kept.blobs.put("parts/left.parquet", b"half")  # type: ignore[attr-defined]
    assert kept.sweep() == 0  # type: ignore[attr-defined]
    monkeypatch.setattr("aura_lib.data.store.parquet.ABANDONED", -1.0)
    assert kept.sweep() == 1  # type: ignore[attr-defined]
    assert kept.verify() == ()


def test_a_bucket_that_is_not_there_and_a_server_that_does_not_answer_are_told(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no such bucket; nothing was changed"):
        ParquetKeeper(Bucket("s3://elsewhere/bars")).put(made())
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    with pytest.raises(InputError, match=r"cannot be reached .* check AURA_DATA_URL"):
        ParquetKeeper(Bucket("s3://bars/folder")).put(made())


def test_without_s3fs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match=r"pip install 'aura-lib\[s3\]'"):
        room.at(Settings(Path("/nowhere"), "", data_url="s3://bars/folder"))
