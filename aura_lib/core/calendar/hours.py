"""The hours of every session of an exchange: from exchange_calendars, mended where it errs, and some of our own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core.calendar.india import NSE_OPENED, SPECIAL
from aura_lib.core.errors import InputError

Days = npt.NDArray[np.datetime64]
NICKNAMES = {"NSE": "XNSE", "NIFTY": "XNSE", "CRYPTO": "24/7", "FX": "24/5", "FOREX": "24/5"}
MARKETS = ("XNAS", "XASE", "ARCX", "BATS", "OOTC", "XTSX")  # … of their own, with the hours of another


@dataclass(frozen=True, eq=False)
class Hours:
    """Sessions as naive midnights, and when they open, pause and close: UTC, microseconds; NaT without a break.

    `ends` says why the calendar reaches no further than it does; empty when nothing but our horizon ends it.
    """

    zone: str
    sessions: pd.DatetimeIndex
    opens: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    break_starts: pd.DatetimeIndex
    break_ends: pd.DatetimeIndex
    ends: str = ""


def hours(name: str, start: date, end: date) -> Hours:
    """The hours of an exchange from one day to another, as far as they are known. InputError: nobody knows it."""
    own = _OWN.get(name)
    return own(start, end) if own else _of_library(name, start, end)


def _of_library(name: str, start: date, end: date) -> Hours:
    factory = _factory(name)
    start, end, ends = _within(factory, name, start, end)
    if hasattr(factory, "special_weekmasks"):
        factory = _with_days(factory, _open_days(factory, start, end), start, end)
    return replace(_read(factory(start=start.isoformat(), end=end.isoformat())), ends=ends)


def _factory(name: str) -> Any:
    """The library's class of a market identifier code; a nickname raises InputError that tells the code."""
    from exchange_calendars.calendar_utils import global_calendar_dispatcher as library

    factories, aliases = library._calendar_factories, library._aliases
    code = aliases[name] if name in MARKETS else name
    if code in factories:
        return factories[code]
    known = sorted({*factories, *_OWN} - {"us_futures"})
    typed = str(name).strip().upper()
    meant = {**aliases, **NICKNAMES}.get(typed, typed)
    near = [meant] if meant in known else difflib.get_close_matches(meant, known, 1, 0.7)
    hint = f"did you mean {near[0]!r}?" if near else "use a market identifier code such as XNYS, XLON or XNSE"
    raise InputError(f"unknown exchange calendar {name!r}: {hint}")


def _within(factory: Any, name: str, start: date, end: date) -> tuple[date, date, str]:
    """Some calendars know their holidays only between two dates."""
    low, high = factory.bound_min(), factory.bound_max()
    start = max(start, low.date()) if low is not None else start
    if high is None or high.date() >= end:
        return start, end, ""
    import exchange_calendars as xc

    told = (
        f"exchange_calendars {xc.__version__} knows the holidays of {name} up to {high.date()}, since an exchange "
        "announces them year by year: upgrade it when next year's are out"
    )
    return start, high.date(), told


def _read(calendar: Any) -> Hours:
    """What we need of a calendar of the library, in microseconds."""
    table = calendar.schedule
    moments = {name: pd.DatetimeIndex(table[name].array).as_unit("us") for name in table.columns}
    return Hours(
        zone=str(calendar.tz),
        sessions=pd.DatetimeIndex(table.index).as_unit("us"),
        opens=moments["open"],
        closes=moments["close"],
        break_starts=moments["break_start"],
        break_ends=moments["break_end"],
    )


def _open_days(factory: Any, start: date, end: date) -> Days:
    """The days an exchange trades, weeks with other weekdays than usual included.

    exchange_calendars 4.13.2 declares them, and its date offset for them leaves them out under pandas 3: Saturdays and
    Sundays with trading are lost (XBOM, XKRX, XMOS), and Tel Aviv of before 2026 loses its Sundays and gains Fridays.
    """
    blank = object.__new__(factory)  # what it declares does not depend on the dates it is built for
    every = _every(start, end)
    shut = list(pd.DatetimeIndex(blank.adhoc_holidays))
    if blank.regular_holidays is not None:
        shut += list(blank.regular_holidays.holidays(pd.Timestamp(start), pd.Timestamp(end)))
    holidays = np.array([day.to_datetime64() for day in shut], dtype="datetime64[D]")
    trading = np.is_busday(every, blank.weekmask, holidays)
    for first, last, mask in blank.special_weekmasks:
        inside = (every >= _day(first, start)) & (every <= _day(last, end))
        trading[inside] = np.is_busday(every[inside], mask, holidays)
    return every[trading]


def _every(start: date, end: date) -> Days:
    return np.arange(np.datetime64(start, "D"), np.datetime64(end, "D") + np.timedelta64(1, "D"))


def _day(stamp: pd.Timestamp | None, otherwise: date) -> np.datetime64:
    return np.datetime64(otherwise if stamp is None else stamp.date(), "D")


def _with_days(factory: Any, days: Days, start: date, end: date) -> Any:
    """A calendar of the library with exactly these days: a week of seven days, and all others are holidays."""
    every = _every(start, end)
    offset = pd.offsets.CustomBusinessDay(weekmask="1111111", holidays=list(np.setdiff1d(every, days)))
    return type(factory.__name__, (factory,), {"day": offset})


# ---- our own -------------------------------------------------------------------------------------------------------
def _india(name: str) -> Callable[[date, date], Hours]:
    def build(start: date, end: date) -> Hours:
        factory = _factory("XBOM")
        start, end, ends = _within(factory, name, start, end)
        special = [s for s in SPECIAL if start <= s.day <= end and s.only in ("", name)]
        days = np.union1d(_open_days(factory, start, end), [np.datetime64(s.day, "D") for s in special if s.hours])
        days = np.setdiff1d(days, np.array([s.day for s in special if not s.hours], dtype="datetime64[D]"))
        calendar = _with_days(factory, days, start, end)(start=start.isoformat(), end=end.isoformat())
        known = replace(_read(calendar), ends=ends)
        if name == "XNSE":
            known = _opened(known, NSE_OPENED)
        return _retimed(known, [(s.day, s.hours) for s in special if s.hours])

    return build


def _opened(known: Hours, since: Iterable[tuple[date, str]]) -> Hours:
    """Sessions that open at another time of day from a day on."""
    local = known.sessions.to_series()
    for day, time in since:
        late = known.sessions >= pd.Timestamp(day)
        local[late] = known.sessions[late] + pd.Timedelta(f"{time}:00")
    return replace(known, opens=_utc(pd.DatetimeIndex(local), known.zone))


def _retimed(known: Hours, special: Iterable[tuple[date, str]]) -> Hours:
    """Some sessions with hours of their own: `"09:15-15:30"`, or two of them with a break between."""
    names = ("opens", "break_starts", "break_ends", "closes")
    found = {name: getattr(known, name).to_numpy().copy() for name in names}
    for day, text in special:
        at = int(known.sessions.searchsorted(pd.Timestamp(day)))
        parts = [part.split("-") for part in text.split()]
        broken = [parts[0][1], parts[1][0]] if len(parts) > 1 else [None, None]
        for name, time in zip(names, [parts[0][0], *broken, parts[-1][1]], strict=True):
            local = pd.DatetimeIndex([f"{day} {time}" if time else pd.NaT])
            found[name][at] = _utc(local, known.zone).tz_localize(None).to_numpy()[0]
    made = {name: pd.DatetimeIndex(values, tz="UTC") for name, values in found.items()}
    return Hours(known.zone, known.sessions, **made, ends=known.ends)


def _utc(local: pd.DatetimeIndex, zone: str) -> pd.DatetimeIndex:
    return local.tz_localize(zone).tz_convert("UTC").as_unit("us")


def _always(start: date, end: date) -> Hours:
    """Every day from midnight to midnight UTC, as crypto trades: the close of a day is 00:00 of the next."""
    days = pd.date_range(start, end, unit="us")
    return _plain("UTC", days, days, days + pd.Timedelta(days=1))


def _forex(start: date, end: date) -> Hours:
    """Monday to Friday, each from 17:00 to 17:00 in New York: Sunday 17:00 opens Monday.

    No holidays: the market is between banks, and whether it quotes on 25 December and 1 January is theirs to say.
    """
    days = pd.bdate_range(start, end)
    five = pd.Timedelta(hours=17)
    return _plain("America/New_York", days, days - pd.Timedelta(days=1) + five, days + five)


def _plain(zone: str, days: pd.DatetimeIndex, opens: pd.DatetimeIndex, closes: pd.DatetimeIndex) -> Hours:
    never = pd.DatetimeIndex(np.full(len(days), "NaT", dtype="datetime64[us]"), tz="UTC")
    days = pd.DatetimeIndex(days.to_numpy().astype("datetime64[us]"))
    return Hours(zone, days, _utc(opens, zone), _utc(closes, zone), never, never)


_OWN: dict[str, Callable[[date, date], Hours]] = {
    "XNSE": _india("XNSE"),
    "XBOM": _india("XBOM"),
    "24/7": _always,
    "24/5": _forex,
}
