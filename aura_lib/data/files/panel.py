"""From rows to a panel: times × symbols, stamped with the moment each bar closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import Calendar, DataError, InputError, utc
from aura_lib.data.files.dates import When
from aura_lib.data.files.dialect import Dialect
from aura_lib.data.quality import Finding

DAY = 86_400_000_000  # microseconds
UNSTAMPED = np.iinfo(np.int64).min  # a day on which the exchange has no session
SPANS = {"1w": "W-SUN", "1mo": "M"}
SHOWN = 5

Values = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a file: symbol code and time of each, and the fields as float64."""

    symbols: tuple[str, ...]
    code: Whole
    when: When
    fields: Mapping[str, Values]

    def keep(self, rows: npt.NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        w = self.when
        when = When(w.local[rows], None if w.ahead is None else w.ahead[rows], w.missing[rows], w.note)
        return Rows(self.symbols, self.code[rows], when, {n: v[rows] for n, v in self.fields.items()})


def stamps(rows: Rows, dialect: Dialect, name: str) -> tuple[Whole, str, list[str]]:
    """The close of each row's bar (UTC microseconds, UNSTAMPED where there is none), the frequency, and remarks."""
    calendar, when = Calendar.of(dialect.calendar), rows.when
    if when.whole_days:
        return _by_day(when.local // DAY, dialect, calendar, name)
    step = _step(rows)
    daily = dialect.frequency in ("1d", *SPANS) or (not dialect.frequency and step >= 20 * 3_600_000_000)
    if not daily:
        return _intraday(when, dialect, step, name)
    if when.ahead is None:
        return _by_day(when.local // DAY, dialect, calendar, name)
    moments = when.local - when.ahead
    closes = calendar.closes.asi8
    if dialect.frequency in ("", "1d") and np.isin(moments, closes).all():
        return moments, "1d", []
    there = pd.DatetimeIndex(moments.view("M8[us]"), tz="UTC").tz_convert(calendar.zone).tz_localize(None)
    return _by_day(there.as_unit("us").asi8 // DAY, dialect, calendar, name)


def _by_day(days: Whole, dialect: Dialect, calendar: Calendar, name: str) -> tuple[Whole, str, list[str]]:
    frequency = dialect.frequency or _frequency(days, name)
    sessions, closes = calendar.sessions.asi8 // DAY, calendar.closes.asi8
    if frequency == "1d":
        place = np.searchsorted(sessions, days)
        there = (place < len(sessions)) & (sessions[np.minimum(place, len(sessions) - 1)] == days)
        return np.where(there, closes[np.minimum(place, len(closes) - 1)], UNSTAMPED), "1d", []
    if frequency not in SPANS:
        raise InputError(f"{name} has days, so that its frequency is 1d, 1w or 1mo, not {frequency!r}")
    once, back = np.unique(days, return_inverse=True)
    periods = pd.DatetimeIndex((once * DAY).view("M8[us]")).to_period(SPANS[frequency])
    last = periods.end_time.normalize().as_unit("us").asi8 // DAY
    place = np.searchsorted(sessions, last, side="right") - 1
    known = (place >= 0) & (last <= sessions[-1])
    whole = {"1w": "week", "1mo": "month"}[frequency]
    remark = f"a bar is known from the last session of its {whole} on, wherever in the {whole} the file dates it"
    return np.where(known, closes[np.maximum(place, 0)], UNSTAMPED)[back], frequency, [remark]


def _frequency(days: Whole, name: str) -> str:
    once = np.unique(days)
    step = float(np.median(np.diff(once))) if len(once) > 1 else 1.0
    if step <= 4:
        return "1d"
    found = "1w" if 5 <= step <= 9 else "1mo" if 26 <= step <= 33 else ""
    if not found:
        raise InputError(f"{name}: its dates are {step:g} days apart; Aura knows 1d, 1w and 1mo: give frequency=")
    return found


def _step(rows: Rows) -> int:
    """The usual distance of two neighbouring times, in microseconds."""
    steps = np.diff(np.unique(rows.when.local))
    if not len(steps):
        return DAY
    sizes, counts = np.unique(steps, return_counts=True)
    return int(sizes[counts.argmax()])


def _intraday(when: When, dialect: Dialect, step: int, name: str) -> tuple[Whole, str, list[str]]:
    minutes = step / 60_000_000
    if dialect.frequency:
        minutes = pd.Timedelta(dialect.frequency.replace("m", "min")).total_seconds() / 60
    if minutes < 1 or minutes % 1:
        raise InputError(
            f"{name}: its times are {minutes * 60:g} seconds apart; bars are of whole minutes: give frequency="
        )
    frequency = f"{minutes:.0f}m" if minutes % 60 else f"{minutes / 60:.0f}h"
    if when.ahead is not None:
        moments = when.local - when.ahead
    elif dialect.tz:
        moments = _localised(when.local, dialect.tz, name)
    else:
        raise InputError(
            f"{name} has times of day without a zone: give tz=, for instance tz={Calendar.of(dialect.calendar).zone!r} "
            'for times of the exchange, or tz="UTC"'
        )
    if dialect.stamp == "close":
        return moments, frequency, []
    remark = f"the times are taken for when a {frequency} bar opened, it is known one step later; if not: stamp='close'"
    return moments + int(minutes * 60_000_000), frequency, [remark]


def _localised(local: Whole, zone: str, name: str) -> Whole:
    once, back = np.unique(local, return_inverse=True)
    try:
        known = pd.DatetimeIndex(once.view("M8[us]")).tz_localize(zone, ambiguous="raise", nonexistent="raise")
    except KeyError:
        raise InputError(f"no time zone {zone!r}: use an IANA name such as America/New_York or UTC") from None
    except ValueError as error:
        raise InputError(f"{name}: {error}, in {zone}. Write the times in UTC") from None
    moments: Whole = known.tz_convert("UTC").as_unit("us").asi8[back]
    return moments


def on_sessions(rows: Rows, times: Whole, how: Dialect, name: str) -> tuple[list[Finding], Rows, Whole]:
    """Without the rows on days that are no session; those are an error, until it is accepted."""
    off = times == UNSTAMPED
    if not off.any():
        return [], rows, times
    days = np.unique(rows.when.local[off]).view("M8[us]")
    listed = ", ".join(str(day)[:10] for day in days[:SHOWN]) + (" …" if len(days) > SHOWN else "")
    told = f"{int(off.sum())} row(s) on {len(days)} day(s) without a session of {how.calendar} ({listed})"
    if off.all():
        raise DataError(f"{name}: {told}: give the calendar= of its exchange; 24/7 has every day")
    first = utc(pd.Timestamp(days[0], tz="UTC"))
    found = Finding("unexpected bar", "error", "", int(off.sum()), first, f"{told} are left out; another calendar=?")
    return [found], rows.keep(~off), times[~off]


def panel(rows: Rows, times: Whole, duplicates: str, name: str) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Field → frame (time × symbol, UTC), and remarks. Two rows of one symbol and time raise DataError."""
    remarks = []
    order = np.lexsort((times, rows.code))  # stable: the last of two equals stays the last
    code, time = rows.code[order], times[order]
    again = np.flatnonzero((code[1:] == code[:-1]) & (time[1:] == time[:-1]))
    if len(again) and not duplicates:
        raise DataError(
            f"{name}: {_twice(rows, code, time, again)}: give duplicates='first' or 'last', or mend the file"
        )
    if len(again):
        order = np.delete(order, again if duplicates == "last" else again + 1)
        remarks.append(f"{len(again)} double row(s): the {duplicates} of each counts")
    if (np.diff(order) < 0).any() and not _ascending(rows.code, times):
        remarks.append("the rows were not in the order of time: sorted")
    index, place = np.unique(times[order], return_inverse=True)
    stamps = pd.DatetimeIndex(index.view("M8[us]"), tz="UTC")
    frames = {}
    for field, values in rows.fields.items():
        grid = np.full((len(index), len(rows.symbols)), np.nan)
        grid[place, rows.code[order]] = values[order]
        frames[field] = pd.DataFrame(grid, stamps, list(rows.symbols), copy=False)
    return frames, remarks


def _ascending(code: Whole, times: Whole) -> bool:
    by_symbol = np.argsort(code, kind="stable")
    same = code[by_symbol][1:] == code[by_symbol][:-1]
    return not (same & (np.diff(times[by_symbol]) < 0)).any()


def _twice(rows: Rows, code: Whole, time: Whole, again: Whole) -> str:
    named = [
        f"{rows.symbols[code[i]]} {pd.Timestamp(int(time[i]), unit='us', tz='UTC'):%Y-%m-%d %H:%M}"
        for i in again[:SHOWN]
    ]
    more = f" and {len(again) - SHOWN} more" if len(again) > SHOWN else ""
    return f"{len(again)} row(s) have the symbol and time of another: {', '.join(named)}{more}"
