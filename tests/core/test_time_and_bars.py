"""Calendars, schedules, clocks, settings and bars."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import (
    Bars,
    BrokerUnavailable,
    Calendar,
    DataError,
    InputError,
    LedgerError,
    Market,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RiskRejection,
    RunFailed,
    Schedule,
    Settings,
    SimulatedClock,
    WallClock,
    exit_code,
    http_status,
)
from aura_lib.core.errors import HTTP_STATUS

NYSE = Calendar.of("XNYS")


# ---- calendar: expected values from the exchange's published holidays and early closes -----------------------------
def test_known_sessions_closes_and_holidays() -> None:
    assert NYSE.close(date(2021, 11, 30)) == datetime(2021, 11, 30, 21, tzinfo=UTC)  # 16:00 EST
    assert NYSE.close(date(2022, 6, 30)) == datetime(2022, 6, 30, 20, tzinfo=UTC)  # 16:00 EDT
    assert NYSE.close(date(2022, 11, 25)) == datetime(2022, 11, 25, 18, tzinfo=UTC)  # day after Thanksgiving, 13:00
    for closed in (date(2022, 6, 20), date(2001, 9, 12), date(2012, 10, 29), date(2022, 1, 1)):
        assert not NYSE.is_session(closed)


def test_a_holiday_is_refused_and_its_neighbours_named() -> None:
    with pytest.raises(InputError, match=r"2022-06-20 is no XNYS session: the one before is 2022-06-17.*2022-06-21"):
        NYSE.moment("2022-06-20")


@pytest.mark.parametrize("when", ["1901-01-01", "2999-01-01", "2021-13-01", "soon", "2021-11-30T16:00:00", 20211130])
def test_a_moment_nobody_can_place_is_refused(when: object) -> None:
    with pytest.raises(InputError, match="as_of"):
        NYSE.moment(when)  # type: ignore[arg-type]


def test_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(InputError, match="XNOWHERE"):
        Calendar.of("XNOWHERE")


def test_the_calendar_reaches_a_good_half_year_ahead() -> None:
    assert (NYSE.sessions[-1].date() - date.today()).days > 184


def test_next_and_last_close_around_a_close() -> None:
    close = NYSE.close(date(2021, 11, 30))
    assert NYSE.next_close(close) == NYSE.close(date(2021, 12, 1))
    assert NYSE.last_close(close) == close


# ---- schedules -----------------------------------------------------------------------------------------------------
def test_month_ends_of_2022_are_the_last_sessions_of_their_months() -> None:
    schedule = Schedule.parse("XNYS month-end close")
    slots = schedule.slots(NYSE.moment("2021-12-31"), NYSE.moment("2022-12-01"))
    dates = [str(s.tz_convert("America/New_York").date()) for s in slots]
    assert dates == [
        "2021-12-31", "2022-01-31", "2022-02-28", "2022-03-31", "2022-04-29", "2022-05-31", "2022-06-30",
        "2022-07-29", "2022-08-31", "2022-09-30", "2022-10-31", "2022-11-30",
    ]  # fmt: skip


def test_the_number_of_slots_a_rule_makes_in_ten_years() -> None:
    start, end = NYSE.moment("2010-01-04"), NYSE.moment("2019-12-31")
    counts = {rule: len(Schedule("XNYS", rule).slots(start, end)) for rule in ("month-end", "quarter-end", "year-end")}
    assert counts == {"month-end": 120, "quarter-end": 40, "year-end": 10}
    assert len(Schedule("XNYS", "daily").slots(start, end)) == 2516  # sessions NYSE held in the decade


@pytest.mark.parametrize(
    "text", ["", "XNYS", "XNYS monthly close", "XNYS month-end open", "NOPE month-end close", None]
)
def test_a_schedule_nobody_knows_is_refused(text: object) -> None:
    with pytest.raises(InputError):
        Schedule.parse(text)  # type: ignore[arg-type]


def test_a_moment_that_is_no_slot_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(InputError, match=r"no slot.*2021-11-30.*2021-12-31"):
        Schedule.parse("XNYS month-end close").check(NYSE.moment("2021-12-30"))


# ---- clocks, settings, exit codes ----------------------------------------------------------------------------------
def test_a_simulated_clock_stands_still_and_never_goes_back() -> None:
    clock = SimulatedClock(datetime(2022, 1, 3, tzinfo=UTC))
    clock.advance(datetime(2022, 1, 4, tzinfo=UTC))
    assert clock.now() == datetime(2022, 1, 4, tzinfo=UTC)
    with pytest.raises(InputError, match="does not go back"):
        clock.advance(datetime(2022, 1, 3, tzinfo=UTC))
    assert WallClock().now().tzinfo is UTC


def test_home_is_beside_the_nearest_project_and_absolute(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    inside = tmp_path / "notebooks" / "deep"
    inside.mkdir(parents=True)
    assert Settings.load({}, start=inside).home == tmp_path / ".aura"
    assert Settings.load({"AURA_HOME": "relative"}).home.is_absolute()
    assert Settings.load({"AURA_HOME": str(tmp_path)}).database_url == f"sqlite:///{tmp_path / 'ledger.db'}"


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"AURA_HOME=.*cannot be written"):
        Settings.load({"AURA_HOME": str(tmp_path / "file" / "home")}).ensure_home()


def test_each_family_of_errors_has_its_exit_code() -> None:
    codes = [exit_code(e("x")) for e in (InputError, DataError, LedgerError, RunFailed, ValueError)]
    assert codes == [2, 3, 9, 10, 1]
    assert exit_code(KeyboardInterrupt()) == 130


# ---- bars ----------------------------------------------------------------------------------------------------------
TIMES = pd.date_range("2021-01-04 21:00", periods=4, freq="D", tz="UTC")


def frame(values: object = 1.0, columns: tuple[str, ...] = ("A", "B"), index: pd.Index = TIMES) -> pd.DataFrame:
    return pd.DataFrame(values, index=index, columns=list(columns))


@pytest.mark.parametrize(
    ("close", "error", "message"),
    [
        (frame(index=TIMES.tz_localize(None)), InputError, "zone"),
        (frame(index=TIMES[[0, 0, 1, 2]]), InputError, "appears twice"),
        (frame(index=TIMES[::-1]), InputError, "not in order"),
        (frame(columns=("A", "A")), InputError, "unique symbols"),
        (frame(columns=("A", "")), InputError, "unique symbols"),
        (frame("1,234.5"), InputError, "no number"),
        (frame(0.0), DataError, "close of A at 2021-01-04"),
        (frame(-1.0), DataError, "8 such value"),
        (frame(np.inf), DataError, "inf"),
        (frame()["A"], InputError, "DataFrame"),
    ],
)
def test_prices_that_cannot_be_are_refused_with_the_place(close: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Bars({"close": close}, "test")  # type: ignore[dict-item]


def test_fields_must_match_and_be_known() -> None:
    with pytest.raises(InputError, match="same times and symbols"):
        Bars({"close": frame(), "open": frame(columns=("A", "C"))}, "test")
    with pytest.raises(InputError, match="unknown fields"):
        Bars({"close": frame(), "vwap": frame()}, "test")
    with pytest.raises(InputError, match="need a 'close'"):
        Bars({}, "test")


def test_a_missing_field_is_said_plainly() -> None:
    with pytest.raises(DataError, match="have no open; they have close"):
        _ = Bars({"close": frame()}, "test").open


def test_a_bar_is_known_from_its_close_on_and_not_before() -> None:
    bars = Bars({"close": frame([[1, 2], [3, 4], [5, 6], [7, 8]])}, "test")
    at = Market.at(bars, TIMES[1])
    assert list(at.prices) == [3, 4] and len(at.bars) == 2
    just_before = TIMES[1] - pd.Timedelta("1us")
    assert len(Market.at(bars, just_before).bars) == 1
    with pytest.raises(DataError, match="had closed by"):
        Market.at(bars, TIMES[0] - pd.Timedelta("1us"))


def test_selecting_an_unknown_or_no_symbol_is_refused() -> None:
    bars = Bars({"close": frame()}, "test")
    for wanted in (["A", "ZZZ"], []):
        with pytest.raises(InputError, match="no bars for"):
            bars.select(wanted)
    assert bars.select(["B", "A"]).symbols == ("B", "A")


def test_times_of_another_zone_are_kept_as_utc() -> None:
    local = Bars({"close": frame(index=TIMES.tz_convert("Asia/Kolkata"))}, "test")
    assert str(local.times.tz) == "UTC" and (local.times == TIMES).all()


def test_each_family_of_errors_has_its_http_status() -> None:
    """The statuses are those of RFC 9110; who comes first in the table hides nobody."""
    families = [NotFound, InputError, DataError, RiskRejection, BrokerUnavailable, OutcomeUnknown, PermissionDenied]
    assert [http_status(e("x")) for e in families] == [404, 400, 503, 422, 503, 504, 403]
    assert http_status(ValueError("x")) == 500
    hidden = [a for n, (a, _) in enumerate(HTTP_STATUS) for b, _ in HTTP_STATUS[:n] if issubclass(a, b)]
    assert hidden == []
