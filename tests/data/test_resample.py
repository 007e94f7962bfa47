"""Bars joined to longer ones: against a slow loop, pandas, DuckDB and the days that synthetic minutes are made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars, Calendar, DataError, InputError, utc
from aura_lib.data.resample import resample
from aura_lib.data.sources import get
from tests.oracle.plain_bars import joined

FIELDS = ("open", "high", "low", "close", "volume")
COARSER = {"1m": ("5m", "15m", "1h", "1d", "1w"), "1d": ("1w",), "15m": ("1h", "1d"), "1h": ("1d", "1w")}


def made(
    calendar: str, start: str, end: str, frequency: str = "1m", holes: float = 0.0, seed: int = 1, symbols: int = 2
) -> Bars:
    """Random bars on every bar of a calendar."""
    random = np.random.default_rng(seed)
    times = Calendar.of(calendar).bar_closes(frequency, utc(start), utc(end))
    names = [f"S{number}" for number in range(symbols)]
    shape = (len(times), symbols)
    edges = np.round(100 * np.exp(random.normal(0, 0.001, (2, *shape))), 2)
    spread = np.round(random.random((2, *shape)), 2)
    values = {
        "open": edges[0],
        "high": edges.max(axis=0) + spread[0],
        "low": edges.min(axis=0) - spread[1],
        "close": edges[1],
        "volume": np.floor(random.random(shape) * 1000),
    }
    gone = random.random(shape) < holes
    fields = {name: pd.DataFrame(np.where(gone, np.nan, v), times, names) for name, v in values.items()}
    return Bars(fields, "made", frequency=frequency, calendar=calendar)


def rows(bars: Bars, symbol: str) -> list[dict[str, float]]:
    return pd.DataFrame({name: bars.fields[name][symbol] for name in bars.fields}).to_dict("records")


def same(one: Bars, other: Bars) -> None:
    assert set(one.fields) == set(other.fields)
    for name in one.fields:
        pd.testing.assert_frame_equal(one.fields[name], other.fields[name], check_freq=False)


@pytest.mark.parametrize(
    ("calendar", "start", "end"),
    [
        ("XNYS", "2026-11-24T00:00Z", "2026-12-01T00:00Z"),  # Thanksgiving and half a day
        ("XNYS", "2026-03-05T00:00Z", "2026-03-10T00:00Z"),  # clocks go forward
        ("XHKG", "2026-12-22T00:00Z", "2026-12-29T00:00Z"),  # lunch, and a half day without
        ("XTKS", "2024-10-31T00:00Z", "2024-11-07T00:00Z"),  # lunch; Tokyo closes later from 5 November 2024 on
        ("XNSE", "2024-02-29T00:00Z", "2024-03-05T00:00Z"),  # a Saturday in two parts
        ("XNSE", "2025-10-20T00:00Z", "2025-10-24T00:00Z"),  # the hour of Muhurat
        ("24/5", "2026-10-29T00:00Z", "2026-11-03T00:00Z"),
        ("24/7", "2026-03-28T00:00Z", "2026-03-31T00:00Z"),
    ],
)
@pytest.mark.parametrize("holes", [0.0, 0.6])
def test_joined_bars_are_those_of_a_slow_loop(calendar: str, start: str, end: str, holes: float) -> None:
    bars = made(calendar, start, end, "5m", holes)
    for frequency in ("15m", "1h", "1d", "1w"):
        found = resample(bars, frequency)
        ends = list(Calendar.of(calendar).bar_closes(frequency, utc(start), utc(end)))
        for symbol in bars.symbols:
            expected = pd.DataFrame(joined(rows(bars, symbol), list(bars.times), ends))
            if expected.empty:
                assert not len(found)
                continue
            assert list(found.times) == list(expected["time"])
            for name in FIELDS:
                np.testing.assert_array_equal(found.fields[name][symbol], expected[name].astype(float), name)


def test_crypto_is_joined_as_pandas_does() -> None:
    bars = made("24/7", "2026-03-01T00:01Z", "2026-03-15T00:00Z", holes=0.3)
    for frequency, rule in (("5m", "5min"), ("15m", "15min"), ("1h", "1h"), ("1d", "24h"), ("1w", "168h")):
        found = resample(bars, frequency)
        bins = {"rule": rule, "label": "right", "closed": "right", "origin": pd.Timestamp("2026-02-23", tz="UTC")}
        groups = {name: frame.resample(**bins) for name, frame in bars.fields.items()}
        expected = {
            "open": groups["open"].first(), "high": groups["high"].max(), "low": groups["low"].min(),
            "close": groups["close"].last(), "volume": groups["volume"].sum(min_count=1),
        }  # fmt: skip
        for name, frame in expected.items():
            frame = frame.loc[: found.times[-1]]
            pd.testing.assert_frame_equal(found.fields[name], frame, check_freq=False, check_index_type=False)


def test_days_of_new_york_are_those_of_duckdb() -> None:
    bars = made("XNYS", "2026-03-02T00:00Z", "2026-04-01T00:00Z", symbols=1)
    table = pd.DataFrame({n: bars.fields[n]["S0"] for n in FIELDS}).assign(closed=bars.times.tz_localize(None))
    asked = """select first(open order by closed), max(high), min(low), last(close order by closed), sum(volume)
               from table_ group by closed::date order by closed::date"""  # sessions do not cross midnight UTC
    connection = duckdb.connect()
    connection.register("table_", table)
    expected = connection.sql(asked).fetchall()
    found = resample(bars, "1d")
    assert [tuple(row.values()) for row in rows(found, "S0")] == expected and len(expected) == 22


@settings(max_examples=25, deadline=None)
@given(
    calendar=st.sampled_from(["XNYS", "XHKG", "XNSE", "24/7", "24/5"]),
    day=st.integers(0, 700),
    minutes=st.integers(1, 3000),
    holes=st.sampled_from([0.0, 0.5, 0.99]),
    between=st.sampled_from([("5m",), ("15m",), ("5m", "15m")]),
    last=st.sampled_from(["1h", "1d"]),
)
def test_joining_in_two_steps_is_joining_in_one(
    calendar: str, day: int, minutes: int, holes: float, between: Sequence[str], last: str
) -> None:
    start = utc("2024-01-02T00:00Z") + timedelta(days=day)
    bars = made(calendar, start.isoformat(), (start + timedelta(minutes=minutes)).isoformat(), holes=holes)
    if not len(bars):
        return
    stepwise = bars
    for frequency in between:
        stepwise = resample(stepwise, frequency)
    same(resample(stepwise, last), resample(bars, last))


@pytest.mark.parametrize("calendar", ["XNYS", "24-7"])
def test_synthetic_minutes_join_to_the_days_they_were_made_from(calendar: str) -> None:
    source = get(f"synthetic:symbols=2,years=1,seed=5,calendar={calendar}")
    days, minutes = (source.fetch(source.symbols(), frequency) for frequency in ("1d", "1m"))
    found = resample(minutes, "1d")
    for name in FIELDS:
        pd.testing.assert_frame_equal(found.fields[name], days.fields[name], check_freq=False)
    same(resample(minutes, "1w"), resample(days, "1w"))


def test_an_unfinished_last_bar_is_left_out() -> None:
    calendar = Calendar.of("XNYS")
    close = calendar.close(date(2026, 11, 20))
    bars = made("XNYS", "2026-11-19T00:00Z", close.isoformat())
    assert resample(bars, "1d").end == close
    before = bars.until(close - timedelta(minutes=1))
    assert resample(before, "1d").end == calendar.close(date(2026, 11, 19))
    assert resample(before, "1h").end == close - timedelta(minutes=30)  # 15:30; the last hour has only half an hour
    assert resample(bars.until(close - timedelta(hours=30)), "1w").fields["open"].empty


def test_what_is_missing_stays_missing() -> None:
    bars = made("XNYS", "2026-11-16T00:00Z", "2026-11-21T00:00Z", "15m")
    wednesday = bars.times.day == 18
    without = Bars({n: f[~wednesday].drop(columns=[]) for n, f in bars.fields.items()}, "x", "15m")
    assert list(resample(without, "1d").times.day) == [16, 17, 19, 20]
    nothing = Bars({n: f.assign(S1=f["S1"].mask(wednesday)) for n, f in bars.fields.items()}, "x", "15m")
    found = resample(nothing, "1d")
    assert all(np.isnan(found.fields[n]["S1"].iloc[2]) and found.fields[n]["S0"].notna().all() for n in FIELDS)


def test_fields_that_are_missing_stay_missing_and_the_rest_is_kept() -> None:
    bars = made("XNYS", "2026-11-16T00:00Z", "2026-11-21T00:00Z", "1h")
    only = Bars({"close": bars.close}, "source", "1h", adjustment="splits", snapshot="abc")
    found = resample(only, "1d")
    assert list(found.fields) == ["close"]
    kept = (found.source, found.frequency, found.calendar, found.adjustment, found.snapshot, found.symbols)
    assert kept == ("source", "1d", "XNYS", "splits", "abc", ("S0", "S1"))


@pytest.mark.parametrize(("given", "asked"), [("1d", "1h"), ("1h", "15m"), ("1w", "1d"), ("5m", "1m")])
def test_bars_cannot_be_split(given: str, asked: str) -> None:
    bars = made("XNYS", "2026-11-02T00:00Z", "2026-11-21T00:00Z", given)
    with pytest.raises(InputError, match=f"bars of {given}: they cannot be split into bars of {asked}"):
        resample(bars, asked)


def test_an_unknown_frequency_is_refused_and_the_same_one_changes_nothing() -> None:
    bars = made("XNYS", "2026-11-02T00:00Z", "2026-11-21T00:00Z", "1d")
    assert resample(bars, "1d") is bars
    with pytest.raises(InputError, match="unknown frequency '1q'"):
        resample(bars, "1q")
    assert not len(resample(bars.until(utc("2026-01-01T00:00Z")), "1w"))


def test_bars_outside_the_sessions_are_left_out_and_counted() -> None:
    late = pd.date_range("2026-11-19T21:05Z", periods=3, freq="5min", unit="us")  # after the close
    bars = made("XNYS", "2026-11-19T00:00Z", "2026-11-21T00:00Z", "5m")
    extra = {n: pd.concat([f, f.iloc[:3].set_axis(late)]).sort_index() for n, f in bars.fields.items()}
    with pytest.warns(UserWarning, match=r"3 bar\(s\) outside the sessions of XNYS are left out, 2026-11-19 21:05"):
        found = resample(Bars(extra, "x", "5m"), "1d")
    same(found, resample(bars, "1d"))
    with pytest.raises(DataError, match="no bar lies in a session of XNYS"):
        resample(Bars({"close": pd.DataFrame(1.0, late, ["A"])}, "x", "5m"), "1d")
