from __future__ import annotations

import hashlib
import json
import resource
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars, Calendar, DataError, InputError, Instrument
from aura_lib.data.store import Store

CLOSES = Calendar.of("XNYS").closes[9000:]


def made(rows: int = 50, symbols: tuple[str, ...] = ("A", "B"), seed: int = 1, source: str = "test") -> Bars:
    rng = np.random.default_rng(seed)
    close = pd.DataFrame(rng.uniform(1, 100, (rows, len(symbols))), index=CLOSES[:rows], columns=list(symbols))
    close.iloc[:3, 0] = np.nan  # listed later
    fields = {"open": close * 0.99, "close": close, "volume": (close * 100).round()}
    return Bars(fields, source=source, instruments={"A": Instrument("A", tick=Decimal("0.0001"), venue="XNAS")})


def same(left: Bars, right: Bars) -> bool:
    return (
        list(left.fields) == list(right.fields)
        and all(left.fields[name].equals(right.fields[name]) for name in left.fields)
        and left.times.equals(right.times)
        and dict(left.instruments) == dict(right.instruments)
        and (left.source, left.frequency, left.calendar, left.adjustment)
        == (right.source, right.frequency, right.calendar, right.adjustment)
    )


def files(home: Path, kind: str) -> list[Path]:
    return sorted(path for path in (home / "data" / kind).glob("*") if path.is_file())


def test_bars_come_back_as_they_were_put(tmp_path: Path) -> None:
    kept = Store(tmp_path).put(made())
    back = Store(tmp_path).get(kept.snapshot)
    assert same(back, made())
    assert same(kept, made())
    assert back.snapshot == kept.snapshot == Store(tmp_path).latest("test", "1d")


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.one_of(st.floats(1e-300, 1e300), st.just(float("nan"))), min_size=1, max_size=20))
def test_any_price_comes_back_to_the_last_bit(values: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    bars = Bars({"close": pd.DataFrame({"X": values}, index=CLOSES[: len(values)])}, source="any")
    store = Store(tmp_path_factory.mktemp("home"))
    back = store.get(store.put(bars).snapshot)
    assert back.close["X"].to_numpy().tobytes() == np.array(values).tobytes()


def test_some_symbols_come_in_the_order_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made(symbols=("A", "B", "C"))).snapshot
    assert store.get(snapshot, ["C", "A"]).symbols == ("C", "A")
    assert same(store.get(snapshot, ["C", "A"]), made(symbols=("A", "B", "C")).select(["C", "A"]))
    with pytest.raises(InputError, match=r"has no \['D'\]; it has A, B, C"):
        store.get(snapshot, ["D"])
    with pytest.raises(InputError, match="empty list"):
        store.get(snapshot, [])


def test_the_snapshot_id_is_a_hash_of_values_that_anyone_can_recompute(tmp_path: Path) -> None:
    bars = made(rows=4, symbols=("B",))
    entries = []
    for symbol in bars.symbols:
        sha = hashlib.sha256(b'{"fields":["open","close","volume"],"rows":4}')
        sha.update(b"".join(struct.pack("<q", int(t.timestamp() * 1_000_000)) for t in bars.times))
        for name in ("open", "close", "volume"):
            sha.update(b"".join(struct.pack("<d", v) for v in bars.fields[name][symbol]))
        instrument = {
            "symbol": symbol, "asset_class": "equity", "currency": "USD", "venue": "XNYS", "lot": "1", "tick": "0.01",
            "multiplier": "1", "underlying": None, "expiry": None, "strike": None, "right": None,
        }  # fmt: skip
        entries.append({"instrument": instrument, "object": sha.hexdigest()})
    manifest = {
        "schema": 1, "source": "test", "frequency": "1d", "calendar": "XNYS", "adjustment": "splits and dividends",
        "symbols": entries,
    }  # fmt: skip
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    assert Store(tmp_path).put(bars).snapshot == hashlib.sha256(text.encode()).hexdigest()[:24]


def test_another_parquet_writer_does_not_change_what_an_object_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    for path in files(tmp_path, "objects"):
        table = pq.read_table(path)
        pq.write_table(table, path, compression="snappy", row_group_size=7, use_dictionary=False, version="1.0")
    assert same(store.get(snapshot), made())
    assert store.verify() == ()


def test_every_nan_is_the_same_nan(tmp_path: Path) -> None:
    bars = made()
    values = bars.close.to_numpy(copy=True)
    values.view("u8")[:3, 0] = 0xFFF8_0000_0000_0001  # a NaN too, by IEEE 754
    odd = pd.DataFrame(values, index=bars.times, columns=list(bars.symbols))
    other = replace(bars, fields={**bars.fields, "close": odd})
    assert other.close.to_numpy()[0, 0].tobytes() != bars.close.to_numpy()[0, 0].tobytes()
    assert Store(tmp_path).put(other).snapshot == Store(tmp_path).put(bars).snapshot


@pytest.mark.parametrize(
    "other",
    [
        made(seed=2),
        made(rows=49),
        made(symbols=("A", "C")),
        made(source="test2"),
        replace(made(), adjustment="none"),
        replace(made(), frequency="1w"),
        replace(made(), calendar="XLON"),
        replace(made(), instruments={"A": Instrument("A")}),
        made().select(["B", "A"]),
        replace(made(), fields={"close": made().close}),
        replace(made(), fields={n: f.set_axis(f.index + pd.Timedelta(1, "us")) for n, f in made().fields.items()}),
        replace(made(), fields={n: f.drop(CLOSES[20]) for n, f in made().fields.items()}),
    ],
)
def test_any_difference_makes_another_snapshot(tmp_path: Path, other: Bars) -> None:
    store = Store(tmp_path)
    assert store.put(other).snapshot != store.put(made()).snapshot
    assert len(store.snapshots()) == 2
    assert store.verify() == ()


def test_putting_the_same_again_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.put(made()).snapshot
    before = {path: path.stat().st_ino for path in files(tmp_path, "objects")}
    assert store.put(made()).snapshot == first
    assert {path: path.stat().st_ino for path in files(tmp_path, "objects")} == before


def test_snapshots_share_the_objects_they_have_in_common(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made(symbols=("A", "B")))
    store.put(made(symbols=("A", "B")).select(["B"]))
    assert len(files(tmp_path, "objects")) == 2
    assert store.latest("test", "1d") == store.put(made().select(["B"])).snapshot


def test_objects_are_parquet_that_any_tool_reads(tmp_path: Path) -> None:
    Store(tmp_path).put(made(symbols=("B",)))
    (path,) = files(tmp_path, "objects")
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == ["time", "open", "close", "volume"]
    assert file.schema_arrow.field("time").type == pa.timestamp("us", tz="UTC")
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_an_empty_store_has_nothing_to_tell(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.latest("test", "1d") is None
    assert store.snapshots() == ()
    assert store.verify() == ()


def test_bars_without_a_row_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a single row"):
        Store(tmp_path).put(made().until(CLOSES[0] - pd.Timedelta(1, "us")))


@pytest.mark.parametrize("source", ["../x", "a/b", "", "..", "a\0b", "x" * 201])
def test_a_source_name_cannot_leave_the_folder(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="cannot name a file"):
        Store(tmp_path).put(made(source=source))
    assert not (tmp_path / "data").exists()


# Damage


def test_any_changed_byte_of_an_object_is_found_or_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made(symbols=("B",))).snapshot
    (path,) = files(tmp_path, "objects")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    found = 0
    for position in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            assert same(store.get(snapshot), made(symbols=("B",)))
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017
            assert len(store.verify()) == 1
            found += 1
    assert found > 75


@pytest.mark.parametrize("kind", ["objects", "snapshots", "latest"])
@pytest.mark.parametrize("damage", [b"", b"not what it was", b"\xff\xfe\x00"])
def test_a_damaged_file_is_named_and_fetching_again_mends_it(tmp_path: Path, kind: str, damage: bytes) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    path = files(tmp_path, kind)[0]
    path.write_bytes(damage)
    with pytest.raises(DataError, match="writes it anew") as caught:
        store.get(store.latest("test", "1d") or "")
    assert str(path) in str(caught.value)
    assert store.put(made()).snapshot == snapshot
    assert same(store.get(store.latest("test", "1d") or ""), made())
    assert store.verify() == ()


def test_a_missing_object_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    path = files(tmp_path, "objects")[0]
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name} is missing"):
        store.get(snapshot)
    assert [path.name in problem for problem in store.verify()] == [True]


def test_a_pointer_to_a_snapshot_that_is_gone_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    (path,) = files(tmp_path, "snapshots")
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name} is missing"):
        store.latest("test", "1d")


def test_two_objects_that_changed_places_are_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    one, two = files(tmp_path, "objects")
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    with pytest.raises(DataError, match="its content is not what its name says"):
        store.get(snapshot)
    assert len(store.verify()) == 2


def test_a_manifest_that_was_edited_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    (path,) = files(tmp_path, "snapshots")
    path.write_text(path.read_text().replace('"1d"', '"1w"'))
    with pytest.raises(DataError, match="its content is not what its name says"):
        store.get(snapshot)
    assert len(store.verify()) == 1


# Disks and crashes


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # a limit on the size of a file stands for the full disk: the first small object fits, the second does not
    rng = np.random.default_rng(3)
    close = pd.DataFrame({"A": 1.0, "B": rng.uniform(1, 2, 2000)}, index=CLOSES[:2000])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot be written .*free the disk.* nothing was changed"):
            Store(tmp_path).put(Bars({"close": close}, source="test"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == []
    assert Store(tmp_path).latest("test", "1d") is None


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(InputError, match=r"data cannot be written .* set AURA_HOME"):
        Store(tmp_path).put(made())


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_store as t

home, step = Path({home!r}), 0
old = t.Store(home).put(t.made(seed=1)).snapshot
new = t.Store(home / "elsewhere").put(t.made(seed=2)).snapshot
really, died = os.fsync, 0
while True:
    child = os.fork()
    if not child:
        calls = 0
        def killing(handle):
            global calls
            really(handle)
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
        os.fsync = killing
        t.Store(home).put(t.made(seed=2))
        os._exit(0)
    killed = os.waitpid(child, 0)[1]
    store = t.Store(home)
    now = store.latest("test", "1d")
    assert store.verify() == (), store.verify()
    assert now in (old, new), now
    assert t.same(store.get(now), t.made(seed=1 if now == old else 2))
    if not killed:
        break
    died, step = died + 1, step + 1
    t.Store(home).put(t.made(seed=1))
    for path in (home / "data" / "objects").iterdir():  # only what the old snapshot needs, so that all is written again
        if path.stem not in {{e["object"] for e in store._manifest(old)["symbols"]}}:
            path.unlink()
    (home / "data" / "snapshots" / f"{{new}}.json").unlink(missing_ok=True)
assert now == new
print(died)
"""


def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new_bars(tmp_path: Path) -> None:
    code = KILLED_AT_EVERY_STEP.format(tests=str(Path(__file__).parent), home=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 8  # two objects, a manifest and a pointer: each is written, then moved


def test_what_a_dead_writer_left_is_swept_away_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    import os

    store = Store(tmp_path)
    store.put(made())
    writing = tmp_path / "data" / "writing"
    (writing / "dead").write_bytes(b"half")
    (writing / "living").write_bytes(b"half")
    os.utime(writing / "dead", (0, 0))
    store.put(made(seed=2))
    assert [path.name for path in writing.iterdir()] == ["living"]


def test_readers_and_writers_at_once_never_see_half_a_snapshot(tmp_path: Path) -> None:
    versions = [made(seed=seed) for seed in (1, 2, 3)]
    known = {Store(tmp_path / "apart").put(bars).snapshot: bars for bars in versions}
    Store(tmp_path).put(versions[0])
    done = threading.Event()

    def write(bars: Bars) -> None:
        for _ in range(8):
            Store(tmp_path).put(bars)

    def read() -> int:
        reads = 0
        while not done.is_set():
            snapshot = Store(tmp_path).latest("test", "1d")
            assert snapshot is not None
            assert same(Store(tmp_path).get(snapshot), known[snapshot])
            reads += 1
        return reads

    with ThreadPoolExecutor(8) as pool:
        reading = pool.submit(read)
        writing = [pool.submit(write, bars) for bars in versions * 2]
        try:
            for writer in writing:
                writer.result()
        finally:
            done.set()
        assert reading.result() > 0
    assert Store(tmp_path).verify() == ()
    assert list((tmp_path / "data" / "writing").iterdir()) == []


def test_a_source_may_be_called_like_any_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in ("my prices (2).csv", "Börse.xlsx", ".hidden.csv"):
        assert store.put(made(source=name)).snapshot == store.latest(name, "1d")


def test_a_stray_file_beside_the_snapshots_is_no_snapshot(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    (tmp_path / "data" / "snapshots" / "copy of a snapshot.json").write_text("{}")
    assert len(store.snapshots()) == 1
    assert store.verify() == ()


def test_the_snapshots_of_one_source_come_in_the_order_they_were_kept(tmp_path: Path) -> None:
    import os

    store = Store(tmp_path)
    kept = [store.put(made(seed=seed)).snapshot for seed in (1, 2, 3)]
    store.put(made(source="other"))
    for age, snapshot in enumerate(kept):
        os.utime(tmp_path / "data" / "snapshots" / f"{snapshot}.json", (1000 - age, 1000 - age))
    assert store.of("test") == tuple(reversed(kept))
    assert store.of("nothing") == ()
