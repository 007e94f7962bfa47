"""The Parquet store: what comes back, what a version is called, what others keep and find."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars, Calendar, DataError, InputError, Instrument, Settings, SimulatedClock
from aura_lib.data import store as room
from aura_lib.data.store import Keeper, Series, Store
from tests.data.old_store import keep as keep_as_before

CLOSES = Calendar.of("XNYS").closes[9000:]
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


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


def without(frame: pd.DataFrame, place: int) -> pd.DataFrame:
    """A frame in which nothing traded at one moment."""
    quiet = frame.copy()
    quiet.iloc[place] = np.nan
    return quiet


def files(home: Path, kind: str) -> list[Path]:
    return sorted(path for path in (home / "data" / kind).rglob("*") if path.is_file())


def later(bars: Bars, first: int, last: int) -> Bars:
    return bars._rows(first, last)


# ── what comes back ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_bars_come_back_as_they_were_put(tmp_path: Path) -> None:
    kept = Store(tmp_path).put(made())
    back = Store(tmp_path).get(kept.snapshot)
    assert same(back, made())
    assert same(kept, made())
    assert back.snapshot == kept.snapshot == Store(tmp_path).latest("test", "1d")


def test_it_is_a_keeper(tmp_path: Path) -> None:
    assert isinstance(Store(tmp_path), Keeper)


@settings(max_examples=25)
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


def test_one_symbol_comes_with_its_own_moments_and_all_with_the_panel_s(tmp_path: Path) -> None:
    bars = made()
    store = Store(tmp_path)
    snapshot = store.put(bars).snapshot
    assert store.get(snapshot, ["A"]).times.equals(bars.times[3:])
    assert store.get(snapshot, ["B"]).times.equals(bars.times)
    quiet = Bars({"close": without(bars.close, 10)}, source="quiet")
    assert store.get(store.put(quiet).snapshot).times.equals(bars.times)


def test_some_fields_and_times_come_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    found = store.get(snapshot, fields=["volume"], start=CLOSES[5], end=CLOSES[9])
    assert list(found.fields) == ["close", "volume"]
    assert found.volume.equals(made().volume.iloc[5:10])
    assert len(store.get(snapshot, start=CLOSES[60])) == 0
    with pytest.raises(InputError, match=r"has no \['vwap'\]; it has open, close, volume"):
        store.get(snapshot, fields=["vwap"])
    with pytest.raises(InputError, match="no time zone"):
        store.get(snapshot, start=datetime(2020, 1, 1))  # noqa: DTZ001


def test_what_was_read_can_be_written_to_by_whoever_asked_and_nobody_else_sees_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    for symbols in (None, ["B"]):
        close = store.get(snapshot, symbols).close
        close.iloc[:] = 1.0
    assert same(store.get(snapshot), made())


def test_minute_bars_of_a_long_history_come_whole_and_in_part(tmp_path: Path, rng: np.random.Generator) -> None:
    times = pd.date_range("2022-01-03T14:31Z", periods=150_000, freq="min", unit="us")
    bars = Bars({"close": pd.DataFrame({"M": rng.uniform(1, 2, len(times)), "N": 1.5}, times)}, "m", "1m", "24/7")
    store = Store(tmp_path)
    snapshot = store.put(bars).snapshot
    assert same(store.get(snapshot), bars)
    cut = store.get(snapshot, ["M"], start=times[131_000], end=times[131_100])
    assert cut.close.equals(bars.close[["M"]].iloc[131_000:131_101])


# ── what a version is called ────────────────────────────────────────────────────────────────────────────────────────


def test_the_snapshot_id_is_a_hash_of_values_that_anyone_can_recompute(tmp_path: Path) -> None:
    bars = Bars({"open": made(400).open, "close": made(400).close}, source="test", instruments=made().instruments)
    day, entries = 86_400_000_000, []
    for symbol in ("A", "B"):
        chain, block, content = b"", None, b""
        for time in bars.times:
            row = [bars.open.loc[time, symbol], np.nan, np.nan, bars.close.loc[time, symbol], np.nan]
            if np.isnan(row).all():
                continue
            at = int(time.timestamp() * 1_000_000)
            if block is not None and at // (365 * day) != block:
                chain, content = hashlib.blake2b(chain + content, digest_size=16).digest(), b""
            block = at // (365 * day)
            content += struct.pack("<q5d", at, *row)
        leaf = hashlib.blake2b(chain + content, digest_size=16).hexdigest()
        entries.append([
            {
                "symbol": symbol, "asset_class": "equity", "currency": "USD", "lot": "1", "multiplier": "1",
                "venue": "XNAS" if symbol == "A" else "XNYS", "tick": "0.0001" if symbol == "A" else "0.01",
                "underlying": None, "expiry": None, "strike": None, "right": None,
            },
            leaf,
        ])  # fmt: skip
    content = {
        "schema": 2, "series": ["test", "1d", "XNYS", "splits and dividends"], "fields": ["open", "close"],
        "symbols": entries, "empty": "", "actions": "",
    }  # fmt: skip
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert Store(tmp_path).put(bars).snapshot == hashlib.sha256(text.encode()).hexdigest()[:24]


def test_every_nan_is_the_same_nan(tmp_path: Path) -> None:
    bars = made()
    values = bars.close.to_numpy(copy=True)
    values.view("u8")[:3, 0] = 0xFFF8_0000_0000_0001  # a NaN too, by IEEE 754
    values.view("u8")[7, 1] = 0xFFF8_0000_0000_0001
    odd = pd.DataFrame(values, index=bars.times, columns=list(bars.symbols))
    plain = odd.mask(odd.isna())
    ids = [
        Store(tmp_path).put(replace(bars, fields={**bars.fields, "close": frame})).snapshot for frame in (odd, plain)
    ]
    assert ids[0] == ids[1]


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
        replace(made(), fields={"close": made().close}),
        replace(made(), fields={n: f.set_axis(f.index + pd.Timedelta(1, "us")) for n, f in made().fields.items()}),
        replace(made(), fields={n: f.drop(CLOSES[20]) for n, f in made().fields.items()}),
        replace(made(), fields={n: without(f, 20) for n, f in made().fields.items()}),
    ],
)
def test_any_difference_makes_another_snapshot(tmp_path: Path, other: Bars) -> None:
    store = Store(tmp_path)
    assert store.put(other).snapshot != store.put(made()).snapshot
    assert len(store.snapshots()) == 2
    assert store.verify() == ()


def test_the_order_of_symbols_is_no_difference(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.put(made().select(["B", "A"])).snapshot == store.put(made()).snapshot


def test_equal_instruments_are_no_difference_however_their_numbers_are_written(tmp_path: Path) -> None:
    names = [
        Store(tmp_path / tick).put(replace(made(), instruments={"A": Instrument("A", tick=Decimal(tick))})).snapshot
        for tick in ("0.1", "0.10", "1E-1")
    ]
    assert len(set(names)) == 1


def test_one_put_many_additions_and_what_they_were_merged_to_are_the_same_version(tmp_path: Path) -> None:
    whole = Store(tmp_path / "whole").put(made(300)).snapshot
    pieces = Store(tmp_path / "pieces")
    for first in (100, 0, *range(200, 300)):
        pieces.add(later(made(300), first, first + (100 if first < 200 else 1)))
    assert pieces.latest("test", "1d") == whole
    assert same(pieces.get(whole), made(300))
    assert len(pieces._manifest(whole).runs) <= 6  # they are merged as they become many


# ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_versions_tell_what_was_known_when(tmp_path: Path) -> None:
    clock = SimulatedClock(NOON)
    store = Store(tmp_path, clock)
    first = store.put(made(), notes={"asked": ["A", "B"]})
    clock.advance(NOON + timedelta(hours=1))
    second = store.add(later(made(51), 50, 51), notes={"why": "a new day"})
    told = store.versions("test", "1d")
    assert [version.snapshot for version in told] == [first.snapshot, second.snapshot]
    assert [version.number for version in told] == [1, 2]
    assert [version.recorded for version in told] == [NOON, NOON + timedelta(hours=1)]
    assert [dict(version.notes) for version in told] == [{"asked": ["A", "B"]}, {"why": "a new day"}]
    assert told[0].series == Series("test", "1d", "XNYS", "splits and dividends")
    assert (told[1].held["A"].rows, told[1].held["B"].rows) == (48, 51)
    assert told[1].end == CLOSES[50]
    assert store.versions("elsewhere") == store.versions("test", "1m") == ()


def test_putting_the_same_again_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.put(made()).snapshot
    before = {path: path.stat().st_ino for path in files(tmp_path, "")}
    assert store.put(made()).snapshot == store.add(later(made(), 10, 20)).snapshot == first
    assert {path: path.stat().st_ino for path in files(tmp_path, "")} == before
    assert len(store.versions()) == 1


def test_going_back_to_an_earlier_state_is_a_version_of_its_own_with_the_old_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, two = store.put(made()).snapshot, store.put(made(seed=2)).snapshot
    store.put(made())
    assert [version.snapshot for version in store.versions()] == [one, two, one]
    assert store.version(one).number == 1
    assert store.latest("test", "1d") == one


def test_a_clock_that_was_set_back_does_not_turn_the_order(tmp_path: Path) -> None:
    one = Store(tmp_path, SimulatedClock(NOON)).put(made()).snapshot
    two = Store(tmp_path, SimulatedClock(NOON - timedelta(days=1))).put(made(seed=2)).snapshot
    assert [version.snapshot for version in Store(tmp_path).versions()] == [one, two]


def test_an_addition_writes_what_is_new_and_nothing_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made(2000, symbols=tuple("ABCDEFGH")))
    before = set(files(tmp_path, "parts"))
    store.add(later(made(2001, symbols=tuple("ABCDEFGH")), 1999, 2001))
    (new,) = set(files(tmp_path, "parts")) - before
    assert pq.read_metadata(new).num_rows == 8  # one of the two days was there already
    assert before <= set(files(tmp_path, "parts"))


def test_a_panel_that_grew_shares_what_it_had(tmp_path: Path) -> None:
    store = Store(tmp_path)
    bars = made(500)
    store.put(later(bars, 0, 499))
    store.put(bars)
    assert sorted(pq.read_metadata(path).num_rows for path in files(tmp_path, "parts")) == [2, 995]


def test_revised_and_added_bars_never_change_an_old_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = store.put(made()).snapshot
    revised = made().close.iloc[10:11] * 2
    new = store.add(Bars({"close": revised}, source="test", instruments=made().instruments)).snapshot
    assert same(store.get(old), made())
    assert store.get(new).close.iloc[10].equals(revised.iloc[0])
    assert store.get(new).open.iloc[10].isna().all()  # the row was replaced whole
    assert store.get(new).close.drop(CLOSES[10]).equals(made().close.drop(CLOSES[10]))


def test_splits_and_dividends_belong_to_a_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    table = pd.DataFrame(
        {"time": [CLOSES[5], CLOSES[2]], "symbol": ["B", "A"], "dividend": [0.5, 0.0], "split": [1.0, 2.0]}
    )
    plain, with_actions = store.put(made()).snapshot, store.put(made(), table).snapshot
    assert plain != with_actions
    assert len(store.actions(plain)) == 0
    assert list(store.actions(with_actions)["symbol"]) == ["A", "B"]
    late = pd.DataFrame({"time": [CLOSES[5]], "symbol": ["B"], "dividend": [0.75], "split": [1.0]})
    newest = store.add(later(made(), 0, 0), late).snapshot
    assert store.actions(newest, ["B"])["dividend"].tolist() == [0.75]
    assert store.actions(with_actions, ["B"])["dividend"].tolist() == [0.5]
    with pytest.raises(InputError, match="has two rows of actions at"):
        store.put(made(), pd.concat([late, late]))
    with pytest.raises(InputError, match="need a zone"):
        store.put(made(), late.assign(time=late["time"].dt.tz_localize(None)))
    with pytest.raises(InputError, match="split missing"):
        store.put(made(), late.drop(columns="split"))


def test_an_empty_store_has_nothing_to_tell(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.latest("test", "1d") is None
    assert store.snapshots() == store.versions() == store.verify() == ()
    with pytest.raises(InputError, match="there is: none"):
        store.get("0" * 24)
    assert not (tmp_path / "data").exists()


def test_bars_without_a_row_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without a single row"):
        Store(tmp_path).put(made().until(CLOSES[0] - pd.Timedelta(1, "us")))


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "..", "a\0b", "x" * 300, "my prices (2).csv", "Börse.xlsx", ".hidden", "CON"]
)
def test_a_source_may_be_called_anything_and_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    store = Store(home)
    kept = store.put(replace(made(source=name), calendar="24/7"))
    assert store.latest(name, "1d") == kept.snapshot == store.versions(name)[0].snapshot
    assert {path.parent for path in tmp_path.iterdir()} == {tmp_path}
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert all(len(path.name) < 120 for path in home.rglob("*"))


def test_names_that_look_alike_on_disk_are_different_series(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, two = store.put(made(source="a/b")).snapshot, store.put(made(source="a b")).snapshot
    assert (store.latest("a/b", "1d"), store.latest("a b", "1d")) == (one, two)


# ── what others read and find ───────────────────────────────────────────────────────────────────────────────────────


def test_parts_are_parquet_that_any_tool_reads(tmp_path: Path) -> None:
    Store(tmp_path).put(made())
    (path,) = files(tmp_path, "parts")
    table = pd.read_parquet(path)
    assert table.columns.tolist() == ["symbol", "time", "open", "close", "volume"]
    assert table["symbol"].tolist() == ["A"] * 47 + ["B"] * 50
    assert table["close"].tolist() == made().close["A"].dropna().tolist() + made().close["B"].tolist()
    file = pq.ParquetFile(path)
    assert file.schema_arrow.field("time").type == pa.timestamp("us", tz="UTC")
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"


def test_a_question_in_sql_sees_the_version_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(made(100))
    revised = made(3, seed=9)
    snapshot = store.add(Bars({"close": revised.close * 1000}, source="test", instruments=revised.instruments)).snapshot
    expected = store.get(snapshot).close
    found = store.query(
        "SELECT symbol, count(*) AS n, sum(close) AS total, max(time) AS t FROM bars GROUP BY 1 ORDER BY 1", snapshot
    )
    assert found["symbol"].tolist() == ["A", "B"]
    assert found["n"].tolist() == [97, 100]
    assert found["total"].to_numpy() == pytest.approx(expected.sum().to_numpy())
    assert found["t"].tolist() == [CLOSES[99]] * 2
    assert store.query("SELECT count(*) - count(open) AS unknown FROM bars", snapshot)["unknown"].item() == 3
    assert store.query("SELECT currency, tick FROM instruments WHERE symbol = 'A'", snapshot).iloc[0].tolist() == [
        "USD",
        "0.0001",
    ]
    assert len(store.query("SELECT * FROM actions", snapshot)) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{}/written.csv'",
        "SELECT * FROM read_text('{}/secret.txt')",
        "SELECT * FROM '{}/secret.txt'",
        "ATTACH '{}/other.db'",
        "SET enable_external_access = true",
        "EXPORT DATABASE '{}/all'",
        "SELECT nothing FROM bars",
        "DROP TABLE run_0",
    ],
)
def test_a_question_reads_the_version_and_nothing_else(tmp_path: Path, statement: str) -> None:
    store = Store(tmp_path / "home")
    snapshot = store.put(made()).snapshot
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(InputError, match="cannot be answered"):
        store.query(statement.format(tmp_path), snapshot)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "secret.txt"]
    assert store.verify() == ()


def test_a_stray_file_is_no_version(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    for kind in ("versions", "parts", "log", "snapshots"):
        (tmp_path / "data" / kind).mkdir(exist_ok=True)
        (tmp_path / "data" / kind / "copy of something.json").write_text("{}")
    (files(tmp_path, "log")[-1].parent / "00000001 (copy).json").write_text("{}")
    assert store.snapshots() == (snapshot,)
    assert store.verify() == ()


def test_what_an_older_aura_kept_stays_readable_by_its_old_name(tmp_path: Path) -> None:
    old = keep_as_before(tmp_path, made().select(["B", "A"]))
    store = Store(tmp_path)
    assert same(store.get(old), made().select(["B", "A"]))
    assert same(store.get(old, ["A"], fields=["volume"], start=CLOSES[5]), replace(
        made().select(["A"]).between(CLOSES[5], CLOSES[60]),
        fields={n: made()._rows(5, 50).fields[n][["A"]] for n in ("close", "volume")},
    ))  # fmt: skip
    assert store.latest("test", "1d") == old
    assert store.snapshots() == (old,)
    (version,) = store.versions("test")
    assert (version.snapshot, version.number, version.held["A"].rows) == (old, 0, 47)
    assert store.version(old) == version
    assert len(store.actions(old)) == 0
    assert store.verify() == ()


def test_an_addition_goes_on_where_an_older_aura_ended(tmp_path: Path) -> None:
    old = keep_as_before(tmp_path, later(made(), 0, 40))
    store = Store(tmp_path)
    new = store.add(later(made(), 40, 50)).snapshot
    assert same(store.get(new), made())
    assert new == Store(tmp_path / "other").put(made()).snapshot
    assert same(store.get(old), later(made(), 0, 40))


def test_a_damaged_object_of_an_older_aura_is_named(tmp_path: Path) -> None:
    keep_as_before(tmp_path, made())
    path = files(tmp_path, "objects")[0]
    path.write_bytes(path.read_bytes()[:-20])
    (problem,) = Store(tmp_path).verify()
    assert str(path) in problem


def test_a_version_of_a_newer_aura_is_told_apart_from_damage(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = store.put(made()).snapshot
    (path,) = files(tmp_path, "versions")
    content = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({**content, "layout": 9}).encode()))
    with pytest.raises(DataError, match="update Aura"):
        store.get(snapshot)


def test_the_address_says_which_store_it_is(tmp_path: Path) -> None:
    here = room.at(Settings(tmp_path, ""))
    assert isinstance(here, Store)
    with pytest.raises(InputError, match="a store is at s3://"):
        room.at(Settings(tmp_path, "", data_url="ftp://somewhere"))
    with pytest.raises(InputError, match="names no bucket"):
        room.at(Settings(tmp_path, "", data_url="s3://"))
