"""What stamps look like that are no close of their exchange: midnight, wall time called UTC, another exchange."""

from __future__ import annotations

import pandas as pd

from aura_lib.core import Calendar, InputError, utc

__all__ = ["UNKNOWN", "looks_like"]

OTHERS = ("XNYS", "XLON", "XBOM", "XNSE", "XETR", "XPAR", "XTKS", "XHKG", "XTSE", "XASX")
UNKNOWN = "is it another calendar, or another zone?"
MOST = 0.9  # of the stamps: a hint, not a proof


def looks_like(times: pd.DatetimeIndex, exchange: Calendar, frequency: str) -> str:
    """A sentence on what the stamps look like, and what to do."""
    local = times.tz_convert(exchange.zone)
    if _most(times == times.normalize()):
        return "they look like days at midnight UTC; a bar is stamped with the moment its session closed"
    if _most(local == local.normalize()):
        return f"they look like days at midnight in {exchange.zone}; a bar is stamped with the moment it closed"
    wall = times.tz_localize(None).tz_localize(exchange.zone, ambiguous="NaT", nonexistent="NaT").tz_convert("UTC")
    if _most(wall.isin(_closes(exchange, times))) if frequency == "1d" else _inside(wall, exchange) > MOST:
        return f"they look like wall time in {exchange.zone} that was called UTC: localise them to that zone first"
    if frequency == "1d" and _most(times.isin(exchange.opens)):
        return "they look like the open of each session; a bar is stamped with its close"
    if frequency == "1d" and (other := _other(times, exchange.name)):
        return f"they look like closes of {other}: give calendar={other!r}"
    return UNKNOWN


def _most(flags: object) -> bool:
    return float(pd.Series(flags).mean()) > MOST


def _closes(exchange: Calendar, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    day = pd.Timedelta(days=2)
    return exchange.closes_between(utc(times[0] - day), utc(times[-1] + day))


def _inside(times: pd.DatetimeIndex, exchange: Calendar) -> float:
    """Share of moments within sessions."""
    known = times.dropna()
    place = exchange.closes.searchsorted(known)
    inside = place < len(exchange.closes)
    opened = exchange.opens[place.clip(max=len(exchange.closes) - 1)] < known
    return float((inside & opened).mean()) if len(known) else 0.0


def _other(times: pd.DatetimeIndex, own: str) -> str:
    for name in OTHERS:
        if name != own:
            try:
                closes = _closes(Calendar.of(name), times)
            except InputError:  # not every version of the calendars has every exchange
                continue
            if _most(times.isin(closes)):
                return name
    return ""
