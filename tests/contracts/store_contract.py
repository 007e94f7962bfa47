"""What every store must do. A new one subclasses StoreContract and says how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars, InputError, Instrument, SimulatedClock, utc
from aura_lib.data.store import Keeper, Store, diff

FIELDS = ("open", "high", "low", "close", "volume")
DAYS = pd.date_range("2021-01-04T21:00Z", periods=30, freq="D", unit="us")
NAN = float("nan")
NOON = utc("2024-03-01T12:00:00+00:00")


def bars(closes: dict[str, list[float]], first: int = 0, **words: Any) -> Bars:
    """Days from `first` on; only closes."""
    frame = pd.DataFrame(closes, dtype="float64")
    return Bars({"close": frame.set_axis(DAYS[first : first + len(frame)], axis=0)}, **{"source": "made up", **words})


def actions(*rows: tuple[int, str, float, float]) -> pd.DataFrame:
    """Splits and dividends: day, symbol, dividend, split."""
    table = pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"])
    return table.assign(time=DAYS[[row[0] for row in rows]])


def same(left: Bars, right: Bars) -> bool:
    """Whether two panels are equal to the last bit, whatever store they come from."""
    return (
        list(left.fields) == list(right.fields)
        and left.times.equals(right.times)
        and dict(left.instruments) == dict(right.instruments)
        and all(left.fields[n].to_numpy().tobytes() == right.fields[n].to_numpy().tobytes() for n in left.fields)
        and (left.source, left.frequency, left.calendar, left.adjustment)
        == (right.source, right.frequency, right.calendar, right.adjustment)
    )


Opener = Callable[..., Keeper]


class StoreContract:
    """The contract. `opened` opens the test's own place, which is empty at first, as often as it is called."""

    @pytest.fixture
    def opened(self) -> Opener:
        raise NotImplementedError

    @pytest.fixture
    def store(self, opened: Opener) -> Keeper:
        return opened()

    def test_it_is_a_store_and_empty_at_first(self, store: Keeper) -> None:
        assert isinstance(store, Keeper)
        assert (store.versions(), store.verify()) == ((), ())

    # what is put

    def test_what_was_put_comes_back_and_another_that_opens_the_place_sees_it(
        self, store: Keeper, opened: Opener
    ) -> None:
        given_bars = bars({"A": [NAN, 2.0, 3.0], "B": [4.0, NAN, 6.0]}, instruments={"A": _instrument("A")})
        kept = store.put(given_bars)
        assert same(kept, given_bars)
        for reader in (store, opened()):
            assert same(reader.get(kept.snapshot), given_bars)
            assert reader.get(kept.snapshot).snapshot == kept.snapshot
        assert store.verify() == ()

    def test_a_price_comes_back_to_the_last_bit(self, store: Keeper) -> None:
        odd = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1 + 0.2, np.nextafter(1.0, 2.0), NAN, 1 / 3]
        frame = pd.DataFrame({"A": odd, "B": odd[::-1]}, DAYS[: len(odd)])
        given_bars = Bars({"close": frame, "volume": frame.fillna(-0.0)}, "made up")
        snapshot = store.put(given_bars).snapshot
        assert same(store.get(snapshot), given_bars)
        assert np.signbit(store.get(snapshot).volume.to_numpy()[5, 0])

    def test_putting_what_is_there_records_nothing(self, store: Keeper) -> None:
        first = store.put(bars({"A": [1.0, 2.0]}), actions((0, "A", 0.5, 1.0)), {"told": "once"})
        again = store.put(bars({"A": [1.0, 2.0]}), actions((0, "A", 0.5, 1.0)), {"told": "twice"})
        assert again.snapshot == first.snapshot
        assert [dict(version.notes) for version in store.versions()] == [{"told": "once"}]

    def test_the_newest_version_is_exactly_what_was_put_and_older_ones_stay(self, store: Keeper) -> None:
        states = [
            bars({"A": [1.0, 2.0, 3.0], "B": [4.0, 5.0, 6.0]}),
            bars({"A": [1.0, 2.5, 3.0]}),  # B is gone, a close of A is another
            bars({"A": [2.5, 3.0], "C": [7.0, NAN]}, first=1),  # a day of A is gone
            bars({"A": [1.0, 2.0, 3.0], "B": [4.0, 5.0, 6.0]}),
        ]
        ids = [store.put(state).snapshot for state in states]
        assert ids[3] == ids[0] and len(set(ids)) == 3
        for state, snapshot in zip(states, ids, strict=True):
            assert same(store.get(snapshot), state)
        assert [(v.number, v.snapshot) for v in store.versions()] == list(zip([1, 2, 3, 4], ids, strict=True))
        assert store.version(ids[0]).number == 1
        assert store.verify() == ()

    def test_a_moment_at_which_nothing_traded_is_part_of_a_panel(self, store: Keeper) -> None:
        hole = bars({"A": [1.0, NAN, 3.0], "B": [4.0, NAN, NAN]})
        snapshot = store.put(hole).snapshot
        assert same(store.get(snapshot), hole)
        assert store.put(bars({"A": [1.0, 3.0]})).snapshot != snapshot
        assert list(store.get(snapshot, ["A"]).times) == [DAYS[0], DAYS[2]]
        assert list(store.get(snapshot, start=DAYS[1], end=DAYS[1]).times) == [DAYS[1]]
        store.put(hole)
        filled = store.add(bars({"B": [5.0]}, first=1)).snapshot
        assert same(store.get(filled), bars({"A": [1.0, NAN, 3.0], "B": [4.0, 5.0, NAN]}))

    def test_a_symbol_without_a_price_is_part_of_a_panel(self, store: Keeper) -> None:
        given_bars = bars({"A": [1.0, 2.0], "LATER": [NAN, NAN]})
        kept = store.put(given_bars)
        assert same(store.get(kept.snapshot), given_bars)
        told = store.version(kept.snapshot).held["LATER"]
        assert (told.rows, told.first, told.last) == (0, utc(DAYS[0]), utc(DAYS[0]))
        more = store.add(bars({"LATER": [3.0]}, first=1))
        assert more.held["LATER"].rows == 1

    def test_bars_without_a_row_are_not_kept(self, store: Keeper) -> None:
        nothing = bars({"A": [1.0]}).until(DAYS[0] - pd.Timedelta(1, "us"))
        with pytest.raises(InputError, match="without a single row"):
            store.put(nothing)
        with pytest.raises(InputError, match="cannot begin it"):
            store.add(bars({"A": [NAN]}))
        assert store.versions() == ()

    # what it is called

    def test_the_same_content_has_the_same_id_however_it_came_here(self, opened: Opener, tmp_path: Path) -> None:
        rng = np.random.default_rng(7)
        whole = _panel(rng, 300, ("A", "B", "C"), "35D")
        elsewhere = Store(tmp_path / "elsewhere").put(whole, actions((2, "A", 0.1, 1.0), (2, "B", NAN, 2.0)))
        store = opened()
        for part in (whole._rows(100, 120), whole._rows(0, 150), whole._rows(150, 299).select(["C", "A", "B"])):
            store.add(part, actions((2, "A", 0.7, 3.0)))
        last = store.add(whole._rows(290, 300), actions((2, "B", NAN, 2.0), (2, "A", 0.1, 1.0)), {"said": "other"})
        assert last.snapshot == elsewhere.snapshot
        assert store.put(whole.select(["C", "B", "A"]), actions((2, "B", NAN, 2.0), (2, "A", 0.1, 1.0))).snapshot == (
            elsewhere.snapshot
        )
        assert same(store.get(last.snapshot), whole)
        assert store.verify() == ()

    def test_minutes_that_come_one_after_the_other_have_the_id_of_all_at_once(
        self, opened: Opener, tmp_path: Path
    ) -> None:
        whole = _panel(np.random.default_rng(8), 60, ("A", "B"), "30h", frequency="1m")
        for place in range(0, 60, 12):
            made = opened().add(whole._rows(place, place + 12))
        assert made.snapshot == Store(tmp_path / "elsewhere").put(whole).snapshot

    def test_what_a_panel_is_made_of_is_part_of_its_name(self, store: Keeper) -> None:
        plain = {"A": [1.0, 2.0]}
        other = Bars({"close": bars(plain).close, "open": bars(plain).close * NAN}, "made up")
        ids = {
            store.put(bars(plain)).snapshot,
            store.put(bars(plain, frequency="1w")).snapshot,
            store.put(bars(plain, calendar="XBOM")).snapshot,
            store.put(bars(plain, adjustment="")).snapshot,
            store.put(bars(plain, source="elsewhere")).snapshot,
            store.put(bars(plain, instruments={"A": _instrument("A")})).snapshot,
            store.put(bars(plain), actions((1, "A", 0.0, 2.0))).snapshot,
            store.put(other).snapshot,
        }
        assert len(ids) == 8
        for version in store.versions():
            assert store.get(version.snapshot).snapshot == version.snapshot

    # what is added

    def test_an_added_bar_replaces_the_one_of_its_time_whole(self, store: Keeper) -> None:
        first = bars({"A": [1.0, 2.0, 3.0], "B": [4.0, 5.0, 6.0]})
        both = Bars({"close": first.close, "volume": first.close * 10}, "made up")
        old = store.put(both).snapshot
        new = store.add(bars({"A": [2.5, NAN, 7.0], "C": [NAN, NAN, 8.0]}, first=1))
        close = pd.DataFrame(
            {"A": [1, 2.5, 3, 7], "B": [4, 5, 6, NAN], "C": [NAN, NAN, NAN, 8]}, DAYS[:4], dtype="float64"
        )
        volume = pd.DataFrame(
            {"A": [10, NAN, 30, NAN], "B": [40, 50, 60, NAN], "C": [NAN] * 4}, DAYS[:4], dtype="float64"
        )
        assert same(store.get(new.snapshot), Bars({"close": close, "volume": volume}, "made up"))
        assert same(store.get(old), both)
        assert (new.number, new.held["A"].rows, new.held["B"].rows, new.held["C"].rows) == (2, 4, 3, 1)

    def test_adding_what_is_there_or_says_nothing_records_nothing(self, store: Keeper) -> None:
        first = store.add(bars({"A": [1.0, 2.0]}))
        assert store.add(bars({"A": [2.0]}, first=1)).number == 1
        assert store.add(bars({"A": [NAN, NAN]}, first=5)).number == 1
        assert [version.snapshot for version in store.versions()] == [first.snapshot]

    def test_history_from_before_comes_in_front(self, store: Keeper) -> None:
        store.add(bars({"A": [3.0, 4.0]}, first=2))
        made = store.add(bars({"A": [1.0, 2.0]}))
        assert same(store.get(made.snapshot), bars({"A": [1.0, 2.0, 3.0, 4.0]}))
        assert (made.held["A"].first, made.held["A"].last, made.end) == (utc(DAYS[0]), utc(DAYS[3]), utc(DAYS[3]))

    def test_an_instrument_is_the_last_one_told(self, store: Keeper) -> None:
        store.add(bars({"A": [1.0]}))
        made = store.add(bars({"A": [2.0]}, first=1, instruments={"A": _instrument("A")}))
        assert made.held["A"].instrument == _instrument("A")
        assert store.get(made.snapshot).instruments["A"] == _instrument("A")

    # actions

    def test_actions_of_the_same_symbol_and_time_replace_each_other(self, store: Keeper) -> None:
        first = store.put(bars({"A": [1.0] * 4, "B": [2.0] * 4}), actions((3, "B", 0.1, 1.0), (1, "A", 0.2, 1.0)))
        second = store.add(bars({"A": [1.0]}, first=4), actions((1, "A", NAN, 4.0), (1, "B", 0.3, 1.0)))
        assert store.actions(first.snapshot).equals(actions((1, "A", 0.2, 1.0), (3, "B", 0.1, 1.0)).astype(_KINDS))
        expected = actions((1, "A", NAN, 4.0), (1, "B", 0.3, 1.0), (3, "B", 0.1, 1.0)).astype(_KINDS)
        assert store.actions(second.snapshot).equals(expected)
        assert store.actions(second.snapshot, ["B"]).equals(expected[1:].reset_index(drop=True))
        assert len(store.actions(store.put(bars({"A": [1.0] * 4})).snapshot)) == 0

    def test_an_action_alone_makes_a_version(self, store: Keeper) -> None:
        first = store.put(bars({"A": [1.0]})).snapshot
        made = store.add(bars({"A": [1.0]}), actions((0, "A", 0.0, 2.0)))
        assert made.number == 2 and made.snapshot != first
        assert len(store.actions(first)) == 0

    @pytest.mark.parametrize(
        "table",
        [
            pd.DataFrame({"time": DAYS[:1], "symbol": ["A"]}),
            actions((0, "A", 0.1, 1.0), (0, "A", 0.2, 1.0)),
            actions((0, "A", 0.1, 1.0)).assign(time=DAYS[:1].tz_localize(None)),
        ],
        ids=["columns missing", "two of one time", "no time zone"],
    )
    def test_a_table_of_actions_that_cannot_be_is_refused(self, store: Keeper, table: pd.DataFrame) -> None:
        with pytest.raises(InputError):
            store.put(bars({"A": [1.0]}), table)
        assert store.versions() == ()

    # reading some of it

    def test_some_symbols_fields_and_times_are_what_they_are_of_all(self, store: Keeper) -> None:
        whole = _panel(np.random.default_rng(9), 30, ("A", "B", "C"), "1D")
        snapshot = store.put(whole).snapshot
        assert list(store.put(whole.select(["C", "A", "B"])).symbols) == ["C", "A", "B"]
        assert list(store.get(snapshot).symbols) == ["A", "B", "C"]
        some = store.get(snapshot, ["C", "A"], fields=["volume"], start=whole.times[3], end=whole.times[7])
        assert list(some.fields) == ["close", "volume"]
        assert list(some.symbols) == ["C", "A"]
        for name in some.fields:
            assert some.fields[name].equals(whole.fields[name][["C", "A"]].iloc[3:8])
        inside = store.get(snapshot, start=whole.times[3] - timedelta(1e-5), end=whole.times[7] + timedelta(hours=1))
        assert inside.times.equals(whole.times[3:8])
        assert len(store.get(snapshot, start=whole.times[-1] + timedelta(days=1))) == 0

    def test_what_is_not_there_is_told_with_what_is(self, store: Keeper) -> None:
        snapshot = store.put(bars({"A": [1.0], "B": [2.0]})).snapshot
        with pytest.raises(InputError, match=r"\['X'\].*A, B"):
            store.get(snapshot, ["A", "X"])
        with pytest.raises(InputError, match="empty list of symbols"):
            store.get(snapshot, [])
        with pytest.raises(InputError, match=r"volume.*close"):
            store.get(snapshot, fields=["volume"])
        for missing in (store.get, store.actions, store.version):
            with pytest.raises(InputError, match=f"no snapshot {'0' * 24}.*{snapshot}"):
                missing("0" * 24)
            with pytest.raises(InputError, match="24 hexadecimal digits"):
                missing("latest")

    # what it tells

    def test_versions_are_listed_in_the_order_of_being_recorded(self, opened: Opener) -> None:
        clock = SimulatedClock(NOON)
        store = opened(clock)
        ids = []
        for price, words in ((1.0, {}), (2.0, {"frequency": "1w"}), (3.0, {"source": "b"}), (4.0, {})):
            ids.append(store.put(bars({"A": [price]}, **words), notes={"price": price}).snapshot)
            clock.advance(clock.now() + timedelta(hours=1))
        listed = store.versions()
        assert [version.snapshot for version in listed] == ids
        assert [version.number for version in listed] == [1, 1, 1, 2]
        assert [version.recorded for version in listed] == [NOON + timedelta(hours=n) for n in range(4)]
        assert [dict(version.notes) for version in listed] == [{"price": n} for n in (1.0, 2.0, 3.0, 4.0)]
        assert [v.snapshot for v in store.versions("made up", "1d")] == [ids[0], ids[3]]
        assert [v.snapshot for v in store.versions(frequency="1w")] == [ids[1]]
        assert store.versions("nobody") == ()

    def test_a_clock_that_was_set_back_does_not_turn_the_order(self, opened: Opener) -> None:
        opened(SimulatedClock(NOON)).put(bars({"A": [1.0]}))
        opened(SimulatedClock(NOON - timedelta(days=1))).put(bars({"A": [2.0]}))
        assert [version.recorded for version in opened().versions()] == [NOON, NOON]

    def test_a_version_knows_what_it_holds(self, store: Keeper) -> None:
        kept = store.put(bars({"A": [NAN, 2.0, 3.0], "B": [4.0, NAN, NAN]}), notes={"asked": ["A", "B"]})
        version = store.version(kept.snapshot)
        assert {name: (h.rows, h.first, h.last) for name, h in version.held.items()} == {
            "A": (2, utc(DAYS[1]), utc(DAYS[2])),
            "B": (1, utc(DAYS[0]), utc(DAYS[0])),
        }
        assert version.end == utc(DAYS[2])
        assert dict(version.notes) == {"asked": ["A", "B"]}

    def test_what_changed_from_one_to_another_is_what_a_store_on_disk_tells(
        self, opened: Opener, tmp_path: Path
    ) -> None:
        told = []
        for store in (opened(), Store(tmp_path / "elsewhere")):
            old = store.put(bars({"A": [1.0, 2.0, 3.0], "B": [4.0, 5.0, 6.0], "C": [1.0, 1.0, 1.0]})).snapshot
            new = store.add(bars({"A": [2.5, 3.0, 7.0], "D": [NAN, NAN, 8.0]}, first=1), actions((1, "A", 0.5, 1.0)))
            told.append(str(diff(store, old, new.snapshot)))
        assert told[0] == told[1]
        assert "values revised: 1" in told[0]

    # questions

    def test_sql_is_answered_over_bars_actions_and_instruments(self, store: Keeper) -> None:
        store.put(bars({"A": [1.0, 2.0]}))
        made = store.add(
            bars({"A": [NAN, 3.0], "B": [5.0, NAN]}, first=1, instruments={"A": _instrument("A")}),
            actions((1, "A", 0.5, 1.0)),
        )
        answer = store.query("SELECT symbol, count(*) n, sum(close) s FROM bars GROUP BY 1 ORDER BY 1", made.snapshot)
        assert answer.values.tolist() == [["A", 3, 6.0], ["B", 1, 5.0]]
        assert store.query("SELECT max(time) AT TIME ZONE 'UTC' AS t FROM bars", made.snapshot).t[0] == (
            DAYS[2].tz_localize(None)
        )
        assert store.query("SELECT dividend FROM actions", made.snapshot).dividend.tolist() == [0.5]
        asked = store.query("SELECT currency FROM instruments ORDER BY symbol", made.snapshot)
        assert asked.currency.tolist() == ["EUR", "USD"]

    def test_to_sql_an_unknown_value_is_null(self, store: Keeper) -> None:
        close = bars({"A": [1.0, 2.0]}).close
        snapshot = store.put(Bars({"close": close, "open": close.where(close > 1)}, "made up")).snapshot
        assert store.query("SELECT count(open) n, avg(open) a FROM bars", snapshot).values.tolist() == [[1, 2.0]]

    @pytest.mark.parametrize(
        "question",
        ["SELECT nothing FROM bars", "SELEC 1", "SELECT * FROM read_csv('{file}')", "COPY bars TO '{file}'"],
    )
    def test_sql_that_cannot_be_answered_is_refused(self, store: Keeper, question: str, tmp_path: Path) -> None:
        file = tmp_path / "secret.csv"
        file.write_text("a,b\n1,2\n")
        snapshot = store.put(bars({"A": [1.0]})).snapshot
        with pytest.raises(InputError, match="this SQL cannot be answered"):
            store.query(question.format(file=file), snapshot)
        assert file.read_text() == "a,b\n1,2\n"

    # together

    def test_writers_of_one_series_at_once_all_succeed(self, opened: Opener) -> None:
        at_once = Barrier(3)

        def write(symbol: str) -> list[int]:
            store = opened()
            at_once.wait()
            return [store.add(bars({symbol: [float(day + 1)]}, first=day)).number for day in range(4)]

        with ThreadPoolExecutor(3) as pool:
            numbers = sorted(number for numbers in pool.map(write, "ABC") for number in numbers)
        store = opened()
        assert numbers == list(range(1, 13))
        assert same(store.get(store.versions()[-1].snapshot), bars({s: [1.0, 2.0, 3.0, 4.0] for s in "ABC"}))
        assert store.verify() == ()

    def test_a_reader_never_sees_half_a_version(self, opened: Opener) -> None:
        opened().put(bars({"A": [1.0] * 10, "B": [1.0] * 10}))
        done = Event()

        def write() -> None:
            store = opened()
            for price in range(2, 10):
                store.put(bars({symbol: [float(price)] * (10 + price % 2) for symbol in "AB"}))

        def read() -> int:
            store, reads = opened(), 0
            while not done.is_set() or not reads:
                newest = store.versions()[-1]
                found = store.get(newest.snapshot).close.to_numpy()
                assert len(np.unique(found)) == 1
                assert (found == newest.number).all()
                reads += 1
            return reads

        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(read)
            try:
                pool.submit(write).result()
            finally:
                done.set()
            assert reading.result() > 0


_KINDS = {"time": "datetime64[us, UTC]", "symbol": "str", "dividend": "float64", "split": "float64"}


def _instrument(symbol: str) -> Instrument:
    return Instrument(symbol, currency="EUR", venue="XETR", tick=Decimal("0.005"))


def _panel(rng: np.random.Generator, rows: int, symbols: tuple[str, ...], step: str, **words: Any) -> Bars:
    """A panel in which something trades at every moment."""
    index = pd.date_range("1995-01-02T21:00Z", periods=rows, freq=step, unit="us")
    frames = {}
    for name in FIELDS:
        values = rng.uniform(1, 100, (rows, len(symbols)))
        values[rng.random(values.shape) < 0.1] = NAN
        values[:, 0] = rng.uniform(1, 100, rows)
        frames[name] = pd.DataFrame(values, index, list(symbols))
    return Bars(frames, "made up", **words)
