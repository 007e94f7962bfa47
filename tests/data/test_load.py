from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aura_lib import data
from aura_lib.core import Bars, DataError, InputError, Settings
from aura_lib.data.sources import sample
from aura_lib.data.store import Store


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(tmp_path_factory.mktemp("home"), "")
    data.fetch(settings=settings)
    return settings


@pytest.fixture
def load(home: Settings) -> Any:
    return lambda *args, **words: data.load(*args, settings=home, **words)


def test_without_arguments_it_is_the_whole_universe_and_every_session(load: Any) -> None:
    bars = load()
    assert bars.symbols == data.universe()
    assert (len(bars), len(bars.symbols)) == (8313, 20)


def test_what_comes_out_is_what_the_source_gave(load: Any) -> None:
    pd.testing.assert_frame_equal(load().close, sample.Source().fetch(data.universe()).close, check_exact=True)
    assert dict(load().instruments) == dict(sample.Source().fetch(data.universe()).instruments)


def test_the_index_is_loaded_by_name_and_is_no_part_of_the_universe(load: Any) -> None:
    assert "SP500" not in data.universe()
    # S&P 500 close of 2022-12-28, as published: 3,783.22
    assert load(["SP500"]).close["SP500"].iloc[-1] == 3783.22


def test_symbols_come_in_the_order_asked_for(load: Any) -> None:
    assert load(["XOM", "SP500", "AAPL"]).symbols == ("XOM", "SP500", "AAPL")


def test_every_selection_names_the_same_snapshot(load: Any, home: Settings) -> None:
    known = Store(home.home).latest("sample", "1d")
    assert known
    assert {load().snapshot, load(["KO"]).snapshot, load(as_of="2021-11-30").snapshot} == {known}


def test_two_homes_that_never_met_have_the_same_snapshot(load: Any, tmp_path: Path) -> None:
    assert data.load(settings=Settings(tmp_path, "")).snapshot == load().snapshot


@pytest.mark.parametrize("as_of", ["2021-11-30", date(2021, 11, 30), datetime(2021, 11, 30, 21, tzinfo=UTC)])
def test_as_of_shows_what_had_closed_by_then_and_nothing_later(load: Any, as_of: object) -> None:
    bars = load(as_of=as_of)
    assert bars.end == datetime(2021, 11, 30, 21, tzinfo=UTC)
    assert len(bars) == len(load(end="2021-11-30"))


def test_a_minute_before_the_close_the_bar_is_not_there(load: Any) -> None:
    assert load(as_of="2021-11-30T20:59:00+00:00").end == datetime(2021, 11, 29, 21, tzinfo=UTC)


def test_as_of_on_a_holiday_names_the_sessions_around_it(load: Any) -> None:
    with pytest.raises(InputError, match=r"as_of=2021-11-25.* before is 2021-11-24, the one after is 2021-11-26"):
        load(as_of="2021-11-25")


def test_stale_data_are_refused_and_not_returned_short(load: Any) -> None:
    assert load(as_of="2022-12-28").end.date() == date(2022, 12, 28)
    assert load(as_of="2022-12-29T20:59:00+00:00").end.date() == date(2022, 12, 28)  # the 29th has not closed yet
    with pytest.raises(DataError, match=r"as_of=2022-12-29 asks for 1 session\(s\) that are not there.* 2022-12-28"):
        load(as_of="2022-12-29")
    with pytest.raises(DataError, match="sample has bars from 1990-01-02 to 2022-12-28"):
        load(as_of=datetime(2024, 1, 1, tzinfo=UTC))


def test_as_of_before_the_data_is_refused(load: Any) -> None:
    with pytest.raises(DataError, match=r"no bar .*as_of=1989-12-29"):
        load(as_of="1989-12-29")


@pytest.mark.parametrize(
    ("words", "first", "last", "sessions"),
    [
        ({"start": "2021-11-24", "end": "2021-11-29"}, "2021-11-24", "2021-11-29", 3),
        ({"start": "2021-11-25", "end": "2021-11-28"}, "2021-11-26", "2021-11-26", 1),  # Thanksgiving to Sunday
        ({"start": date(2021, 11, 27), "end": date(2021, 11, 29)}, "2021-11-29", "2021-11-29", 1),
        ({"start": "2021-11-24T21:00:00+00:00", "end": "2021-11-26T17:59:00+00:00"}, "2021-11-24", "2021-11-24", 1),
        ({"start": "2022-12-27", "end": "2022-12-28"}, "2022-12-27", "2022-12-28", 2),
        ({"start": "1990-01-01", "end": "1990-01-03"}, "1990-01-02", "1990-01-03", 2),
        ({"start": "2022-12-01", "end": "2022-12-28", "as_of": "2022-12-05"}, "2022-12-01", "2022-12-05", 3),
    ],
)
def test_a_range_holds_the_sessions_between_any_two_days(
    load: Any, words: dict[str, Any], first: str, last: str, sessions: int
) -> None:
    bars: Bars = load(**words)
    assert (str(bars.start.date()), str(bars.end.date()), len(bars)) == (first, last, sessions)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"start": "1989-01-03"}, DataError, r"start=1989-01-03 asks for 252 session\(s\) .* to 1989-12-29"),
        ({"end": "2023-06-30"}, DataError, "end=2023-06-30 asks for"),
        ({"start": "2023-06-01"}, DataError, "start=2023-06-01|no bar between"),
        ({"start": "2021-12-25", "end": "2021-12-26"}, DataError, "no bar between start=2021-12-25"),
        ({"start": "2021-12-31", "end": "2021-12-01"}, InputError, "start=2021-12-31 is after end=2021-12-01"),
        ({"start": "2021-12-31", "as_of": "2021-12-01"}, InputError, "start=2021-12-31 is after as_of"),
        ({"start": "2021-02-30"}, InputError, "start='2021-02-30'"),
        ({"end": "yesterday"}, InputError, "end='yesterday' is not an ISO 8601 time"),
        ({"end": "2021-11-30T16:00:00"}, InputError, "end=.* has no time zone"),
        ({"start": datetime(2021, 11, 30)}, InputError, "start=.* has no time zone"),  # noqa: DTZ001
        ({"as_of": datetime(2021, 11, 30, 16)}, InputError, "as_of=.* has no time zone"),  # noqa: DTZ001
        ({"as_of": 20211130}, InputError, "as_of must be"),
        ({"source": "nowhere"}, InputError, "no data source 'nowhere'"),
        ({"frequency": "1m"}, InputError, "daily bars only: frequency='1d', not '1m'"),
        ({"frequency": "../1d"}, InputError, "daily bars only"),
        ({"snapshot": "0" * 24}, InputError, "no snapshot 000000"),
        ({"snapshot": "../../etc/passwd"}, InputError, "is no snapshot id"),
    ],
)
def test_what_cannot_be_given_is_refused_with_the_reason(
    load: Any, words: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(**words)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (["AAPL", "APPL"], r"sample has no \['APPL'\]: did you mean AAPL"),
        (["aapl"], "did you mean AAPL"),
        (["TSLA-2030"], r"sample has no \['TSLA-2030'\]: it has AAPL"),
        ([], "empty list of symbols"),
        ("AAPL", "must be a list of texts"),
        ([1], "must be a list of texts"),
        (["KO", "KO"], r"symbols names \['KO'\] more than once"),
    ],
)
def test_symbols_that_are_not_there_are_named(load: Any, symbols: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(symbols)


def test_an_older_snapshot_can_still_be_loaded(load: Any, home: Settings) -> None:
    known = load().snapshot
    assert load(["KO"], snapshot=known).snapshot == known


def test_a_snapshot_of_another_source_is_refused(home: Settings, load: Any) -> None:
    other = Store(home.home).put(replace(load(["KO"]), source="elsewhere"))
    with pytest.raises(InputError, match="holds elsewhere 1d, not sample"):
        load(["KO"], snapshot=other.snapshot)


def test_the_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_HOME", str(tmp_path / "mine"))
    data.load(["KO"])
    assert Store(tmp_path / "mine").latest("sample", "1d")


def test_a_home_that_cannot_be_written_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        data.load(settings=Settings(tmp_path / "file" / "home", ""))


def test_once_stored_the_source_is_not_asked_again(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> Bars:
        raise AssertionError("the source was asked")

    monkeypatch.setattr(sample.Source, "fetch", asked)
    assert len(load()) == 8313


def holed(monkeypatch: pytest.MonkeyPatch, sessions: slice) -> None:
    """Have the sample lack some sessions."""
    good = sample.Source().fetch(["AAPL", "KO"])
    less = replace(good, fields={"close": good.close.drop(good.times[sessions])})
    monkeypatch.setattr(sample.Source, "fetch", lambda *_: less)


def test_a_session_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holed(monkeypatch, slice(100, 101))
    with pytest.warns(UserWarning, match="missing session"):
        assert len(data.load(["KO"], settings=Settings(tmp_path, ""))) == 8312


def test_unfit_bars_do_not_enter_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holed(monkeypatch, slice(100, 5000))
    with pytest.raises(DataError, match="missing session"):
        data.load(["KO"], settings=Settings(tmp_path, ""))
    assert Store(tmp_path).versions() == ()


def test_the_first_week_is_whole_wherever_it_is_asked_from(tmp_path: Path) -> None:
    home = Settings(tmp_path, "")
    weeks = data.load(source="synthetic:years=1,symbols=2", frequency="1w", settings=home)
    some = data.load(source="synthetic:years=1,symbols=2", frequency="1w", start="2015-03-04", settings=home)
    assert str(some.start.date()) == "2015-03-06"
    for name, frame in some.fields.items():
        pd.testing.assert_frame_equal(frame, weeks.fields[name].loc["2015-03-04":], check_exact=True, check_freq=False)


def test_a_day_of_a_market_that_never_closes_is_the_bar_that_closes_at_its_end(tmp_path: Path) -> None:
    coins = "synthetic:years=1,symbols=1,calendar=24-7,kind=crypto"
    bars = data.load(source=coins, start="2015-01-10", end="2015-01-12", settings=Settings(tmp_path, ""))
    closes = [datetime(2015, 1, day, tzinfo=UTC) for day in (11, 12, 13)]
    assert bars.times.to_pydatetime().tolist() == closes
    last = data.load(source=coins, as_of="2015-01-12", settings=Settings(tmp_path, "")).end
    assert last == closes[-1]
