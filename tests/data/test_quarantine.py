"""Bad rows are set aside, counted, kept and told; what is unfit as a whole is refused."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars, DataError, InputError
from aura_lib.data import quality, synthesis
from tests.data.test_quality_checks import CLOSES, FIRST, market

WORDS = {"source": "vendor", "frequency": "1d", "calendar": "XNYS"}


def planted() -> dict[str, pd.DataFrame]:
    """One bad row of each kind: B's close of row 10, A's high of row 20, A's volume of row 30."""
    given = {name: frame.copy() for name, frame in market().items()}
    given["close"].iloc[10, 1] = -1.0
    given["high"].iloc[20, 0] = 1.0
    given["volume"].iloc[30, 0] = -5.0
    return given


def test_every_bad_row_is_named_with_the_values_it_came_with() -> None:
    given = planted()
    clean, aside = quality.quarantine(given, **WORDS)
    rows = aside.table()
    assert list(zip(rows["symbol"], rows["time"], rows["check"], strict=True)) == [
        ("A", CLOSES[FIRST + 20], "high below low"),
        ("A", CLOSES[FIRST + 30], "not positive"),
        ("B", CLOSES[FIRST + 10], "not positive"),
    ]
    assert rows.loc[2, ["source", "frequency", "close"]].tolist() == ["vendor", "1d", -1.0]
    assert rows.loc[2, "open"] == given["open"].iloc[10, 1]
    assert aside.counts() == {"high below low": 1, "not positive": 2} and "3 row(s)" in str(aside)
    for name, frame in clean.items():  # the whole row of that symbol is gone, and no other
        changed = frame.isna()
        assert np.argwhere(changed.to_numpy()).tolist() == [[10, 1], [20, 0], [30, 0]], name
        assert frame[~changed].equals(given[name].mask(changed))


def test_what_stays_and_what_goes_are_together_what_came() -> None:
    options = synthesis.Options.parse("bad=high_below_low+zero+duplicate,symbols=6,years=2,seed=5")
    given = synthesis.frames(options, range(6), "1d")
    clean, aside = quality.quarantine(given, **WORDS)
    came = int(given["close"].notna().to_numpy().sum())
    assert int(clean["close"].notna().to_numpy().sum()) + len(aside) == came
    assert aside.counts() == {"high below low": 6, "not positive": 6, "duplicate": 6}
    assert Bars(clean, "vendor").close.index.is_unique


def test_of_two_rows_of_one_time_a_copy_goes_and_a_contradiction_goes_whole() -> None:
    given = market()
    doubled = {name: pd.concat([frame, frame.iloc[[7]]]) for name, frame in given.items()}  # out of order too
    doubled["close"].iloc[-1, 1] *= 1.001  # B contradicts itself, A does not
    clean, aside = quality.quarantine(doubled, **WORDS)
    rows = aside.table()
    assert rows[["symbol", "check"]].to_numpy().tolist() == [["A", "duplicate"], ["B", "duplicate"], ["B", "duplicate"]]
    assert rows["detail"].str.contains("nobody can say").tolist() == [False, True, True]
    assert clean["close"].index.equals(given["close"].index)
    assert clean["close"].iloc[7].tolist()[0] == given["close"].iloc[7, 0] and np.isnan(clean["close"].iloc[7, 1])


def test_a_day_without_a_session_is_set_aside_and_leaves_no_row() -> None:
    given = market()
    sunday = pd.DatetimeIndex(["2020-03-01 21:00"], tz="UTC")
    extra = {n: pd.concat([f, f.iloc[[7]].set_axis(sunday, axis=0)]).sort_index() for n, f in given.items()}
    clean, aside = quality.quarantine(extra, **WORDS)
    assert aside.counts() == {"unexpected bar": 2} and clean["close"].index.equals(given["close"].index)


def test_clean_bars_come_back_as_they_are() -> None:
    given = market()
    clean, aside = quality.quarantine(Bars(given, "test"))
    assert len(aside) == 0 and str(aside) == "no row was set aside"
    assert all(clean[name].equals(frame) for name, frame in given.items())


def test_rows_are_kept_once_by_content_and_never_overwritten(tmp_path: Path) -> None:
    _, aside = quality.quarantine(planted(), **WORDS)
    (file,) = aside.keep(tmp_path)
    before = file.read_bytes()
    assert aside.keep(tmp_path) == (file,) and file.read_bytes() == before
    other = planted()
    other["close"].iloc[11, 1] = 0.0
    (second,) = quality.quarantine(other, **WORDS)[1].keep(tmp_path)
    assert second != file and file.read_bytes() == before
    rows = quality.quarantined(tmp_path)
    assert len(rows) == 4, "a row that both fetches brought is there once"
    assert rows["time"].is_monotonic_increasing and (rows["recorded"] > rows["time"]).all()
    assert len(quality.quarantined(tmp_path, "vendor", "1d")) == 4
    assert len(quality.quarantined(tmp_path, "another")) == len(quality.quarantined(tmp_path / "empty")) == 0
    assert [p.name for p in file.parent.iterdir() if p.name.startswith(".")] == []


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(row: int) -> None:
        given = market()
        given["close"] = given["close"].copy()
        given["close"].iloc[row, 0] = -1.0
        quality.quarantine(given, **WORDS)[1].keep(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [*range(12), *range(12)]))
    assert len(quality.quarantined(tmp_path)) == 12


@pytest.mark.parametrize("source", ["a/b", "../../evil", "synthetic:seed=7,bad=zero", "ümläut", "x" * 300])
def test_any_name_of_a_source_is_a_folder_of_its_own_inside_home(source: str, tmp_path: Path) -> None:
    _, aside = quality.quarantine(planted(), **{**WORDS, "source": source})
    (file,) = aside.keep(tmp_path)
    assert file.resolve().is_relative_to(tmp_path.resolve() / "data" / "quarantine")
    assert len(quality.quarantined(tmp_path, source)) == 3


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (file,) = quality.quarantine(planted(), **WORDS)[1].keep(tmp_path)
    file.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=file.name):
        quality.quarantined(tmp_path)


def test_a_home_that_cannot_be_written_is_said_with_what_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"cannot be written .* 3 bad row\(s\) would be lost"):
        quality.quarantine(planted(), **WORDS)[1].keep(tmp_path)


@st.composite
def dirty(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """A market with any bad values, stray days and repeated rows in it, in any order."""
    given = {name: frame.iloc[:40].copy() for name, frame in market().items()}
    cells = st.tuples(st.sampled_from(list(given)), st.integers(0, 39), st.integers(0, 1))
    bad = st.sampled_from([0.0, -1.0, np.inf, np.nan, 1e-9, 1e9])
    for (name, row, column), value in draw(st.lists(st.tuples(cells, bad), max_size=6)):
        given[name].iloc[row, column] = value
    again = draw(st.lists(st.integers(0, 39), max_size=4))
    late = draw(st.lists(st.integers(1, 9), max_size=4))
    stray = pd.DatetimeIndex([CLOSES[FIRST] + pd.Timedelta(minutes=n) for n in late], tz="UTC")
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(40 + len(again) + len(stray))
    return {
        name: pd.concat([f, f.iloc[again], f.iloc[: len(stray)].set_axis(stray[: len(f)], axis=0)]).iloc[order]
        for name, f in given.items()
    }


def rows_of(frames: dict[str, pd.DataFrame]) -> int:
    """Symbols and times with a value in some field."""
    return int(np.logical_or.reduce([frame.notna().to_numpy() for frame in frames.values()]).sum())


@given(dirty())
@settings(max_examples=25)
def test_whatever_comes_what_stays_is_fit_and_nothing_is_lost(came: dict[str, pd.DataFrame]) -> None:
    wide = quality.Thresholds(unfit=1.0)
    clean, aside = quality.quarantine(came, **WORDS, limits=wide)
    report = quality.check(Bars(clean, "vendor"))
    assert {f.check for f in report.errors} <= {"missing session", "empty"}
    assert rows_of(clean) + len(aside) == rows_of(came)
    for name, frame in clean.items():  # a value that stays is one that came, at its time
        for symbol in frame.columns:
            assert pairs(frame[symbol]) <= pairs(came[name][symbol])


def pairs(values: pd.Series) -> set[tuple[int, float]]:
    known = values.dropna()
    return set(zip(pd.DatetimeIndex(known.index).asi8.tolist(), known.tolist(), strict=True))


# ---- the door --------------------------------------------------------------------------------------------------------
def test_admitted_bars_are_fit_for_use_and_the_report_has_the_rows(tmp_path: Path) -> None:
    admitted = quality.admit(planted(), **WORDS)
    assert admitted.report.ok and len(admitted.report.quarantine) == len(admitted.quarantine) == 3
    assert quality.check(admitted.bars).ok and admitted.bars.source == "vendor"
    assert "set aside: 3 row(s)" in str(admitted.report) and admitted.report.summary()["set_aside"] == 3
    with pytest.warns(UserWarning, match=r"3 row\(s\) \(high below low 1, not positive 2\)[\s\S]*They are kept"):
        (file,) = quality.tell(admitted, tmp_path)
    assert file.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quality.tell(quality.admit(market(), **WORDS), tmp_path) == ()


def test_more_than_a_twentieth_of_a_symbol_makes_the_whole_load_unfit() -> None:
    given = {name: frame.copy() for name, frame in market().items()}
    given["close"].iloc[:15, 1] = 0.0  # 15 of 300
    assert len(quality.admit(given, **WORDS).quarantine) == 15
    given["close"].iloc[:16, 1] = 0.0
    with pytest.raises(DataError, match=r"16 of 300 rows of B are bad, more than 5%.*not positive"):
        quality.admit(given, **WORDS)


def test_one_bad_row_of_a_short_refresh_is_set_aside_too() -> None:
    given = {name: frame.iloc[:4].copy() for name, frame in market().items()}
    given["close"].iloc[1, 1] = 0.0
    assert len(quality.admit(given, **WORDS).quarantine) == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda given: {n: f for n, f in given.items() if n != "close"}, "has no close"),
        (lambda given: {n: f.set_axis(f.index.normalize(), axis=0) for n, f in given.items()}, "midnight UTC"),
        (lambda given: {n: f.iloc[::2] for n, f in given.items()}, "50% of the XNYS sessions"),
        (lambda given: {n: f.assign(B=np.nan) for n, f in given.items()}, "no price in 300 bars"),
    ],
)
def test_what_is_unfit_as_a_whole_is_refused(spoil: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        quality.admit(spoil(market()), **WORDS)  # type: ignore[operator]


def test_a_session_that_the_vendor_lost_does_not_stop_research_and_stops_who_asks_for_it() -> None:
    lost = {name: frame.drop(frame.index[100]) for name, frame in market().items()}
    report = quality.admit(lost, **WORDS).report
    assert [f.check for f in report.findings] == ["missing session"]
    with pytest.raises(DataError, match="missing session"):
        quality.admit(lost, **WORDS, policy={"missing session": "refuse"})


def test_what_an_adapter_has_set_aside_is_told_with_the_rest() -> None:
    """An adapter cannot make Bars of a price that is not positive: it sets those rows aside itself."""
    clean, aside = quality.quarantine(planted(), **WORDS)
    clean["high"].iloc[50, 0] = 1.0
    admitted = quality.admit(Bars(clean, "vendor"), aside=aside)
    assert admitted.quarantine.counts() == {"high below low": 2, "not positive": 2}
    assert len(admitted.quarantine + aside) == 4, "each row once"


def test_rows_of_one_symbol_are_set_aside_with_what_they_had() -> None:
    table = pd.DataFrame({"open": [1.0, 2.0], "close": [0.0, -2.0]})
    words = {"source": "vendor", "frequency": "1d", "symbol": "A", "check": "not positive", "detail": "a price is not"}
    aside = quality.Quarantine.from_table(table, CLOSES[FIRST : FIRST + 2], **words)
    assert aside.table()["close"].tolist() == [0.0, -2.0] and aside.table()["high"].isna().all()
    assert aside.table()["time"].tolist() == list(CLOSES[FIRST : FIRST + 2]) and aside.counts() == {"not positive": 2}
    assert len(quality.Quarantine.from_table(table.iloc[:0], [], **words)) == 0


def test_bars_are_admitted_with_their_own_words() -> None:
    bars = Bars(market(), "mine", calendar="XNYS", adjustment="")
    admitted = quality.admit(bars)
    assert (admitted.bars.source, admitted.bars.adjustment) == ("mine", "")
    assert admitted.bars.instruments == bars.instruments and admitted.bars.close.equals(bars.close)
