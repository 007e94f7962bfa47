"""Calendars: special sessions, our own markets, states and the grid of bars. Expected values are from the exchanges."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from subprocess import run
from zoneinfo import ZoneInfo

import exchange_calendars as xc
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Calendar, InputError, Schedule, SimulatedClock, utc
from aura_lib.core.calendar import sessions as kept
from aura_lib.core.calendar.india import SPECIAL
from tests.oracle.plain_bars import grid

INDIA, NEW_YORK = ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = INDIA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


# ---- India: beside each, where it was read ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2014-03-22 11:15", "2014-03-22 12:45"),  # Saturday; sharemanthan.in, 22 March 2014
        ("2014-10-23 18:30", "2014-10-23 19:30"),  # Thursday; teluguinvestor.com, October 2014
        ("2015-11-11 17:45", "2015-11-11 18:45"),  # Wednesday; planetarypositions.com, 9 November 2015, quoting NSE
        ("2016-10-30 18:30", "2016-10-30 19:30"),  # Sunday; Zerodha bulletin 53008, 27 October 2016
        ("2017-10-19 18:30", "2017-10-19 19:30"),  # Thursday; upcomingipocalendar.com, October 2017
        ("2018-11-07 17:30", "2018-11-07 18:30"),  # Wednesday; moneycontrol.com, 3 November 2018
        ("2019-10-27 18:15", "2019-10-27 19:15"),  # Sunday; NDTV, 27 October 2019
        ("2020-02-01 09:15", "2020-02-01 15:30"),  # Saturday, budget; The Quint (PTI), 22 January 2020
        ("2020-11-14 18:15", "2020-11-14 19:15"),  # Saturday; NDTV (source: NSE), 14 November 2020
        ("2021-11-04 18:15", "2021-11-04 19:15"),  # Thursday; Free Press Journal, 4 November 2021
        ("2022-10-24 18:15", "2022-10-24 19:15"),  # Monday; Mint, 24 October 2022
        ("2023-11-12 18:15", "2023-11-12 19:15"),  # Sunday; Angel One, November 2023
        ("2024-01-20 09:15", "2024-01-20 15:30"),  # Saturday, whole; Zerodha bulletin 369143, 19 January 2024
        ("2024-03-02 09:15", "2024-03-02 12:30"),  # Saturday, in two parts; Zee News, 15 February 2024
        ("2024-05-18 09:15", "2024-05-18 12:30"),  # Saturday, in two parts; Hindustan Times, 18 May 2024 (cash market)
        ("2024-11-01 18:00", "2024-11-01 19:00"),  # Friday; NDTV Profit, 1 November 2024
        ("2025-02-01 09:15", "2025-02-01 15:30"),  # Saturday, budget; Zerodha bulletin 400094, 23 December 2024
        ("2025-10-21 13:45", "2025-10-21 14:45"),  # Tuesday, in the afternoon; NDTV Profit, 22 September 2025
        ("2026-02-01 09:15", "2026-02-01 15:30"),  # Sunday, budget; Hans India, 17 January 2026
    ],
)
@pytest.mark.parametrize("name", ["XNSE", "XBOM"])
def test_a_special_session_in_india_is_there_with_its_hours(name: str, opens: str, closes: str) -> None:
    calendar = Calendar.of(name)
    day = date.fromisoformat(opens[:10])
    assert calendar.is_session(day)
    assert (calendar.open(day), calendar.close(day)) == (at(opens), at(closes))


@pytest.mark.parametrize(
    "day",
    [
        date(2024, 1, 22),  # Ram temple; DT Next, 20 January 2024
        date(2024, 5, 20),  # elections; Free Press Journal, 20 May 2024
        date(2024, 11, 20),  # elections; Business Standard, 19 November 2024
        date(2026, 1, 15),  # elections, declared three days before; DNA, 12 January 2026
        date(2026, 6, 26),  # Muharram; Economic Times, 26 June 2026
        date(2026, 11, 10),  # Diwali Balipratipada; NSE's holidays of 2026
        date(2026, 11, 24),  # Guru Nanak's birthday; NSE's holidays of 2026
        date(2023, 11, 11), date(2026, 11, 21), date(2026, 11, 22),  # ordinary weekends
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["XNSE", "XBOM"])
def test_a_day_on_which_india_does_not_trade_is_no_session(name: str, day: date) -> None:
    assert not Calendar.of(name).is_session(day)


def test_a_saturday_in_two_parts_pauses_between_them() -> None:
    nse = Calendar.of("XNSE")
    assert nse.status(at("2024-03-02 10:00")).state == "break"
    assert nse.status(at("2024-03-02 11:29:59")).until == at("2024-03-02 11:30")
    assert nse.status(at("2024-03-02 12:29:59")).is_open and not nse.status(at("2024-03-02 12:30")).is_open
    bars = nse.bar_closes("15m", at("2024-03-02 00:00"), at("2024-03-02 23:59"))
    assert [f"{b.tz_convert(INDIA):%H:%M}" for b in bars] == [
        "09:30", "09:45", "10:00", "11:45", "12:00", "12:15", "12:30",
    ]  # fmt: skip


def test_the_hour_of_muhurat_has_sixty_minutes_and_one_day() -> None:
    nse, start, end = Calendar.of("XNSE"), at("2023-11-11 00:00"), at("2023-11-12 23:59")
    minutes = nse.bar_closes("1m", start, end)
    assert (len(minutes), minutes[0], minutes[-1]) == (60, at("2023-11-12 18:16"), at("2023-11-12 19:15"))
    assert list(nse.bar_closes("1d", start, end)) == [at("2023-11-12 19:15")]


def test_nse_opened_at_other_times_before_2010() -> None:
    nse = Calendar.of("XNSE")  # learnstockmarket.in: pre-open since 18 October 2010, when trading moved to 9:15
    assert [f"{nse.open(d).astimezone(INDIA):%H:%M}" for d in (date(2009, 12, 31), date(2010, 1, 4))] == [
        "09:55", "09:00",
    ]  # fmt: skip
    assert nse.open(date(2010, 10, 15)) == at("2010-10-15 09:00") and nse.open(date(2010, 10, 18)) == at(
        "2010-10-18 09:15"
    )


def test_every_special_day_says_where_it_was_read_and_is_there_once() -> None:
    assert all(row.source and row.why for row in SPECIAL)
    for name in ("XNSE", "XBOM"):
        days = [row.day for row in SPECIAL if row.only in ("", name)]
        assert days == sorted(set(days))


def test_on_the_day_of_the_outage_both_traded_until_five() -> None:
    day = date(
        2021, 2, 24
    )  # SEBI's statement of that day: the halt began at 11:40, hours extended to 17:00 (Orissa Post)
    nse, bse = Calendar.of("XNSE"), Calendar.of("XBOM")
    assert nse.close(day) == bse.close(day) == at("2021-02-24 17:00")
    assert (nse.status(at("2021-02-24 13:00")).state, bse.status(at("2021-02-24 13:00")).state) == ("break", "open")
    assert nse.status(at("2021-02-24 13:00")).until == at("2021-02-24 15:45")  # Devdiscourse (PTI), 24 February 2021


def test_beyond_the_announced_holidays_the_calendar_says_why_it_ends() -> None:
    nse = Calendar.of("XNSE")
    assert nse.closes[-1].to_pydatetime() > at("2026-12-31 00:00")
    beyond = nse.sessions[-1].date() + timedelta(days=60)
    with pytest.raises(InputError, match=r"XNSE calendar.*exchange_calendars .* up to \d{4}-12-31.*upgrade"):
        nse.close(beyond)
    with pytest.raises(InputError, match="upgrade"):
        nse.status(datetime(beyond.year, beyond.month, beyond.day, tzinfo=UTC))


# ---- days that the library declares and loses under pandas 3 ---------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "day", "traded"),
    [
        ("XMOS", date(2012, 3, 11), True),  # Sunday; Moscow's index has a close on it (iss.moex.com, IMOEX)
        ("XMOS", date(2012, 4, 28), True),  # Saturday; the same
        ("XMOS", date(2012, 3, 10), False),  # the Saturday before it was none
        ("XKRX", date(1998, 12, 5), True),  # the last Saturday of Seoul's six-day week
        ("XKRX", date(1998, 12, 12), False),
        ("XTAE", date(2025, 12, 28), True),  # Sunday; Tel Aviv traded Sunday to Thursday up to 4 January 2026
        ("XTAE", date(2025, 12, 26), False),  # Friday
        ("XTAE", date(2026, 1, 11), False),  # Sunday; Monday to Friday since 5 January 2026 (TASE)
        ("XTAE", date(2026, 1, 9), True),  # Friday
        ("XNYS", date(2026, 11, 21), False),
    ],
)
def test_weekends_with_trading_are_sessions(name: str, day: date, traded: bool) -> None:
    assert Calendar.of(name).is_session(day) is traded


@pytest.mark.parametrize("name", ["XBOM", "XMOS"])
def test_every_weekend_that_the_library_declares_is_a_session(name: str) -> None:
    library = xc.get_calendar(name)
    masks = [(pd.date_range(first, last), mask) for first, last, mask in library.special_weekmasks]
    weekends = {d for days, mask in masks for d in days if mask[d.day_of_week] == "1" and d.day_of_week > 4}
    holidays = set(library.regular_holidays.holidays()) | set(library.adhoc_holidays) if name == "XMOS" else set()
    assert len(weekends) > 1 and not (weekends - holidays) - set(Calendar.of(name).sessions)


# ---- crypto, foreign exchange ----------------------------------------------------------------------------------------
def test_crypto_never_closes_and_its_days_end_at_midnight_utc() -> None:
    always = Calendar.of("24/7")
    day = date(2024, 2, 29)
    assert (always.open(day), always.close(day)) == (utc("2024-02-29T00:00Z"), utc("2024-03-01T00:00Z"))
    status = always.status(utc("2024-02-29T00:00Z"))
    assert status.is_open and status.until is None and status.since is None and status.session == day
    assert str(status) == "24/7 open"
    weeks = always.bar_closes("1w", utc("2024-02-20T00:00Z"), utc("2024-03-05T00:00Z"))
    assert [str(w) for w in weeks] == ["2024-02-26 00:00:00+00:00", "2024-03-04 00:00:00+00:00"]  # both Mondays


def test_foreign_exchange_runs_from_sunday_to_friday_five_o_clock_in_new_york() -> None:
    forex = Calendar.of("24/5")
    friday, sunday = at("2026-10-30 17:00", NEW_YORK), at("2026-11-01 17:00", NEW_YORK)  # clocks go back in between
    assert (friday.hour, sunday.hour) == (21, 22)
    closed = forex.status(friday)
    assert (closed.state, closed.since, closed.until, closed.session) == (
        "closed", friday, sunday, date(2026, 11, 2),
    )  # fmt: skip
    assert str(closed) == "24/5 closed, opens Sun 01 Nov 17:00 EST"
    assert forex.status(sunday).is_open and forex.status(sunday).until == at("2026-11-06 17:00", NEW_YORK)
    days = forex.bar_closes("1d", sunday, at("2026-11-06 17:00", NEW_YORK))
    assert [d.tz_convert(NEW_YORK).hour for d in days] == [17] * 5
    hours = forex.bar_closes("1h", sunday, at("2026-11-06 17:00", NEW_YORK))
    assert len(hours) == 5 * 24 and hours[0] == sunday + timedelta(hours=1)


# ---- what every calendar has in common -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["XNYS", "XLON", "XNSE", "XBOM", "XHKG", "XTKS", "XKRX", "XTAE", "XMOS", "24/7", "24/5"]
)
def test_sessions_are_in_order_and_do_not_overlap(name: str) -> None:
    calendar = Calendar.of(name)
    opens, closes, sessions = calendar.opens, calendar.closes, calendar.sessions
    assert len(opens) == len(closes) == len(sessions) == len(calendar.break_starts) == len(calendar.break_ends)
    assert (opens < closes).all() and (closes[:-1] <= opens[1:]).all() and sessions.is_monotonic_increasing
    assert sessions.is_unique and sessions.tz is None and str(opens.tz) == str(closes.tz) == "UTC"
    assert {sessions.unit, opens.unit, closes.unit, calendar.break_starts.unit} == {"us"}
    broken = calendar.break_starts.notna()
    assert (broken == calendar.break_ends.notna()).all()
    starts, ends = calendar.break_starts[broken], calendar.break_ends[broken]
    assert (opens[broken] < starts).all() and (starts < ends).all() and (ends < closes[broken]).all()
    local = closes.tz_convert(calendar.zone).tz_localize(None) - pd.Timedelta(microseconds=1)
    assert (local.normalize() == sessions).all()  # a session has the date of the day it closes on


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XHKG", "XTKS", "XETR", "XASX"])
def test_a_calendar_that_needs_no_mending_is_the_library_s(name: str) -> None:
    library = xc.get_calendar(name, start="2015-01-01", end="2026-01-01").schedule
    calendar = Calendar.of(name)
    span = slice(*calendar.sessions.searchsorted([pd.Timestamp("2015-01-01"), pd.Timestamp("2026-01-02")]))
    ours = (calendar.opens, calendar.break_starts, calendar.break_ends, calendar.closes)
    for times, column in zip(ours, ("open", "break_start", "break_end", "close"), strict=True):
        assert times[span].equals(pd.DatetimeIndex(library[column].array).as_unit("us"))


# ---- states ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "moment", "said"),
    [
        ("XNYS", "2026-11-21T12:00:00Z", "XNYS closed, opens Mon 23 Nov 09:30 EST"),
        ("XNYS", "2026-11-20T14:30:00Z", "XNYS open, closes Fri 20 Nov 16:00 EST"),
        ("XNYS", "2026-11-20T21:00:00Z", "XNYS closed, opens Mon 23 Nov 09:30 EST"),  # the moment of the close
        ("XNYS", "2026-11-26T15:00:00Z", "XNYS closed, opens Fri 27 Nov 09:30 EST"),  # Thanksgiving
        ("XNYS", "2026-11-27T15:00:00Z", "XNYS open, closes Fri 27 Nov 13:00 EST"),  # half a day
        ("XLON", "2026-11-20T12:00:00Z", "XLON open, closes Fri 20 Nov 16:30 GMT"),
        ("XHKG", "2026-11-20T04:30:00Z", "XHKG break, resumes Fri 20 Nov 13:00 HKT"),
        ("XNSE", "2026-11-23T11:00:00Z", "XNSE closed, opens Wed 25 Nov 09:15 IST"),  # the 24th is a holiday
    ],
)
def test_a_state_is_told_in_the_exchange_s_own_time(name: str, moment: str, said: str) -> None:
    status = Calendar.of(name).status(utc(moment))
    assert str(status) == said
    assert status.since is not None and status.until is not None and status.since <= utc(moment) < status.until


def test_a_state_before_the_calendar_begins_is_refused() -> None:
    with pytest.raises(InputError, match="XNYS calendar starts at 1970"):
        Calendar.of("XNYS").status(utc("1969-07-20T20:17:00Z"))


# ---- the grid of bars ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "frequency", "count"),
    [
        ("XNYS", "1m", 210),  # half a day: 09:30 to 13:00
        ("XNYS", "1h", 4),  # the last of half an hour
        ("XLON", "1h", 9),  # 08:00 to 16:30
    ],
)
def test_a_session_s_bars_end_with_its_close(name: str, frequency: str, count: int) -> None:
    day = date(2026, 11, 27)  # the day after Thanksgiving
    calendar = Calendar.of(name)
    bars = calendar.bar_closes(frequency, calendar.open(day), calendar.close(day))
    assert len(bars) == count and bars[-1] == calendar.close(day)


def test_hours_in_hong_kong_begin_anew_after_lunch() -> None:
    bars = Calendar.of("XHKG").bar_closes("1h", utc("2026-11-20T00:00Z"), utc("2026-11-21T00:00Z"))
    local = [f"{b.tz_convert('Asia/Hong_Kong'):%H:%M}" for b in bars]  # 09:30-12:00 and 13:00-16:00 (hkex.com.hk)
    assert local == ["10:30", "11:30", "12:00", "14:00", "15:00", "16:00"]


def test_a_week_is_closed_by_its_last_session_and_an_unknown_end_is_left_out() -> None:
    nyse = Calendar.of("XNYS")
    weeks = nyse.bar_closes("1w", utc("2026-03-28T00:00Z"), utc("2026-04-13T00:00Z"))
    assert [f"{w:%a %d}" for w in weeks] == ["Thu 02", "Fri 10"]  # Good Friday 2026 is 3 April
    nse = Calendar.of("XNSE")  # it ends on a Thursday, and nobody knows yet whether the Friday is a session
    assert nse.bar_closes("1w", utc("2026-12-20T00:00Z"), nse.closes[-1])[-1] == nse.close(date(2026, 12, 24))


@pytest.mark.parametrize("frequency", ["1m", "1h", "1d", "1w"])
def test_where_there_is_no_session_there_is_no_bar(frequency: str) -> None:
    nyse, saturday, sunday = Calendar.of("XNYS"), utc("2026-11-21T00:00Z"), utc("2026-11-22T00:00Z")
    for start, end in ((saturday, sunday), (sunday, saturday), (utc("1900-01-01T00:00Z"), utc("1901-01-01T00:00Z"))):
        found = nyse.bar_closes(frequency, start, end)
        assert len(found) == 0 and str(found.dtype) == "datetime64[us, UTC]"


def test_an_unknown_frequency_is_refused() -> None:
    with pytest.raises(InputError, match="unknown frequency '2h'"):
        Calendar.of("XNYS").bar_closes("2h", utc("2026-11-20T00:00Z"), utc("2026-11-21T00:00Z"))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["XNYS", "XHKG", "XTKS", "XNSE", "24/7", "24/5"]),
    frequency=st.sampled_from(["1m", "5m", "15m", "1h"]),
    begin=st.integers(0, 60 * 24 * 365 * 14),  # minutes
    hours=st.integers(0, 24 * 12),
)
def test_the_grid_is_that_of_a_slow_loop(name: str, frequency: str, begin: int, hours: int) -> None:
    calendar, first = Calendar.of(name), utc("2012-01-01T00:00:30Z") + timedelta(minutes=begin, seconds=begin % 3 * 30)
    last = first + timedelta(hours=hours)
    near = range(*calendar.closes.searchsorted([pd.Timestamp(first), pd.Timestamp(last + timedelta(5))]))
    times = (calendar.opens, calendar.break_starts, calendar.break_ends, calendar.closes)
    rows = [tuple(t[i].to_pydatetime() if t.notna()[i] else None for t in times) for i in near]
    minutes = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}[frequency]
    assert list(calendar.bar_closes(frequency, first, last)) == [m for m in grid(rows, minutes) if first <= m <= last]


# ---- long lives, many threads ----------------------------------------------------------------------------------------
def test_in_a_process_that_lives_for_years_the_calendar_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_built", {})
    clock = SimulatedClock(utc("2031-01-02T12:00:00Z"))
    first = Calendar.of("XLON", clock)
    for month in range(24):
        clock.advance(utc("2031-01-02T12:00:00Z") + timedelta(days=30 * month))
        reach = Calendar.of("XLON", clock).closes[-1].to_pydatetime() - clock.now()
        assert timedelta(days=184) < reach < timedelta(days=800)
    assert Calendar.of("XLON", clock) is not first and len(kept._built) == 1  # the old one is not kept
    assert Calendar.of("XLON") is Calendar.of("XLON", clock)  # one that reaches further will do


def test_many_threads_that_ask_at_once_get_one_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_built", {})
    with ThreadPoolExecutor(8) as pool:
        assert len({id(c) for c in pool.map(Calendar.of, ["XLON"] * 32)}) == 1


@pytest.mark.parametrize(
    ("nickname", "code"),
    [("NSE", "XNSE"), ("NYSE", "XNYS"), ("LSE", "XLON"), ("BSE", "XBOM"), ("xnys", "XNYS"), ("FX", "24/5")],
)
def test_a_nickname_is_refused_with_the_code_that_is_meant(nickname: str, code: str) -> None:
    with pytest.raises(InputError, match=f"unknown exchange calendar '{nickname}': did you mean '{code}'"):
        Calendar.of(nickname)


def test_a_market_with_the_hours_of_another_is_known_by_its_own_code() -> None:
    assert (Calendar.of("XNAS").closes == Calendar.of("XNYS").closes).all()


def test_a_schedule_knows_special_sessions() -> None:
    weeks = Schedule.parse("XNSE week-end close").slots(utc("2026-01-24T00:00Z"), utc("2026-02-07T00:00Z"))
    assert list(weeks) == [at("2026-02-01 15:30"), at("2026-02-06 15:30")]


def test_importing_the_calendar_loads_no_pandas() -> None:
    code = "import sys, aura_lib.core.calendar; sys.exit(bool({'pandas', 'exchange_calendars'} & set(sys.modules)))"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
