"""Damaged, missing and full disks: told by name, never read as if nothing were; the same bars put again mend it."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars, Calendar, DataError, InputError
from aura_lib.data.store import Store

CLOSES = Calendar.of("XNYS").closes[9000:]
KINDS = ("parts", "versions", "log", "actions")


def made(rows: int = 50, seed: int = 1) -> Bars:
    rng = np.random.default_rng(seed)
    close = pd.DataFrame(rng.uniform(1, 100, (rows, 2)), CLOSES[:rows], ["A", "B"])
    return Bars({"open": close, "close": close, "volume": (close * 100).round()}, source="test")


ACTIONS = pd.DataFrame({"time": [CLOSES[5]], "symbol": ["B"], "dividend": [0.5], "split": [1.0]})


def same(left: Bars, right: Bars) -> bool:
    return all(left.fields[name].equals(right.fields[name]) for name in right.fields)


def files(home: Path, kind: str) -> list[Path]:
    return sorted(path for path in (home / "data" / kind).rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_any_changed_byte_is_found_or_changes_nothing(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made(), ACTIONS).snapshot
    (path,) = files(tmp_path, kind)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    found = 0
    places = rng.choice(len(whole), min(len(whole), 200), replace=False)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            assert store.latest("test", "1d") == snapshot
            assert same(store.get(snapshot), made())
            assert same(store.get(snapshot, ["B"], fields=["close"]), Bars({"close": made().close[["B"]]}, "test"))
            assert store.actions(snapshot)["dividend"].tolist() == [0.5]
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017
            assert len(store.verify()) == 1
            found += 1
    assert found > len(places) * 0.6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", [b"", b"not what it was", b"\xff\xfe\x00", None])
def test_a_damaged_or_missing_file_is_named_and_the_same_bars_again_mend_it(
    tmp_path: Path, kind: str, damage: bytes | None
) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made(), ACTIONS).snapshot
    (path,) = files(tmp_path, kind)
    path.unlink() if damage is None else path.write_bytes(damage)
    if kind == "log" and damage is None:
        assert store.versions() == ()  # nothing says that there was one
    else:
        with pytest.raises(DataError, match="writes it anew") as caught:
            store.actions(store.get(store.latest("test", "1d") or "").snapshot)
        assert str(path) in str(caught.value)
        assert len(store.verify()) == 1
    assert store.put(made(), ACTIONS).snapshot == snapshot
    assert same(store.get(store.latest("test", "1d") or ""), made())
    assert store.actions(snapshot)["dividend"].tolist() == [0.5]
    assert store.verify() == ()


def test_a_version_of_many_parts_is_mended_too(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for first in range(0, 50, 5):
        snapshot = store.add(made()._rows(first, first + 5)).snapshot
    for path in files(tmp_path, "parts"):
        path.write_bytes(b"")
    assert store.put(made()).snapshot == snapshot
    assert same(store.get(snapshot), made())


def test_two_parts_that_changed_places_are_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, two = store.put(made()).snapshot, store.put(made(seed=2)).snapshot
    first, second = files(tmp_path, "parts")
    a, b = first.read_bytes(), second.read_bytes()
    first.write_bytes(b)
    second.write_bytes(a)
    for snapshot in (one, two):
        with pytest.raises(DataError, match="its footer is not what its name says"):
            store.get(snapshot)
    assert len(store.verify()) == 2


def test_a_manifest_under_another_name_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    two = store.put(made(seed=2)).snapshot
    paths = {path.name.partition(".")[0]: path for path in files(tmp_path, "versions")}
    (other,) = set(paths) - {two}
    shutil.copy(paths[other], paths[two])
    with pytest.raises(DataError, match="its content is not what its name says"):
        store.get(two)


def test_an_addition_to_what_is_damaged_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    (path,) = files(tmp_path, "parts")
    path.write_bytes(b"")
    with pytest.raises(DataError, match=path.name):
        store.add(made(51)._rows(49, 51))
    assert len(store.versions()) == 1


def test_an_entry_of_the_log_that_is_lost_is_not_a_version_any_more_and_stops_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    ids = [store.put(made(seed=seed)).snapshot for seed in (1, 2, 3)]
    files(tmp_path, "log")[1].write_bytes(b"?")
    with pytest.raises(DataError, match="damaged"):
        store.versions()
    store.put(made(seed=4))
    assert [version.snapshot for version in store.versions()][:2] == [ids[0], ids[2]]
    assert same(store.get(ids[1]), made(seed=2))


# ── disks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_is_told_and_nothing_has_changed(tmp_path: Path) -> None:
    # a limit on the size of a file stands for the full disk
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))
    try:
        for keep in (store.put, store.add):
            with pytest.raises(InputError, match=r"cannot be written .*free the disk.* nothing was changed"):
                keep(made(2000, seed=3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.latest("test", "1d") == snapshot
    assert files(tmp_path, "writing") == []
    assert store.verify() == ()
    assert len(files(tmp_path, "parts")) == 1


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(InputError, match=r"data cannot be written .* set AURA_HOME"):
        Store(tmp_path).put(made())


def test_what_a_dead_writer_left_is_swept_away_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made())
    writing, parts = tmp_path / "data" / "writing", tmp_path / "data" / "parts"
    for folder in (writing, parts):
        for name in ("dead", "living"):
            (folder / name).write_bytes(b"half")
    for path in (writing / "dead", *files(tmp_path, "parts"), *files(tmp_path, "versions")):
        if path.name != "living":
            os.utime(path, (0, 0))
    store.put(made(seed=2))
    assert [path.name for path in writing.iterdir()] == ["living"]
    assert store.sweep() == 1
    assert "dead" not in [path.name for path in parts.iterdir()]
    assert "living" in [path.name for path in parts.iterdir()]
    assert store.verify() == ()
