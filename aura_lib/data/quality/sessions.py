"""Whether bars come when the exchange has them: twice, missing, unexpected, in another zone, not closed yet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from aura_lib.core import WallClock, utc
from aura_lib.data.quality.panel import Flags, Panel
from aura_lib.data.quality.report import Finding, no_times
from aura_lib.data.quality.zones import UNKNOWN, looks_like

__all__ = ["duplicates", "future", "grid", "missing_share", "sessions", "unexpected"]


def duplicates(panel: Panel) -> Iterator[Finding]:
    """Stamps that appear more than once."""
    twice = panel.given_times[panel.given_times.duplicated()]
    if len(twice):
        yield Finding.at("duplicate", "error", "", twice, f"{twice[0]} appears more than once")


def sessions(panel: Panel) -> Iterator[Finding]:
    """Daily and intraday bars against the calendar; of weeks only those without any bar."""
    if panel.frequency == "1w":
        yield from _weeks(panel)
    if not on_grid(panel):
        return
    expected = grid(panel)
    missing, extra = expected.difference(panel.times), panel.times.difference(expected)
    if said := _other_zone(panel, len(extra) / len(panel.times)):
        detail = f"{len(extra)} of {len(panel.times)} stamps are no close of an {panel.calendar} bar: {said}"
        yield Finding.at("time zone", "error", "", extra, detail)
        return
    yield from _missing(panel, expected, missing)
    if len(extra) and panel.intraday:
        detail = f"{extra[0]} is no close of an {panel.calendar} bar of {panel.frequency} ({len(extra)} such)"
        yield Finding.at("off session", "warn", "", extra, detail)
    elif len(extra):
        detail = f"{extra[0]} is no close of an {panel.calendar} session ({len(extra)} such)"
        yield Finding.at("unexpected bar", "error", "", extra, detail)


def _other_zone(panel: Panel, share: float) -> str:
    """What stamps look like that are wrong as a whole; "" when they are not.

    Intraday bars of another zone overlap with the sessions in part, and so do bars before the open and after the
    close: there only stamps that fit once they are moved count as wrong.
    """
    few = panel.intraday and len(panel.times) < panel.limits.zone_bars
    if few or share <= (panel.limits.zone_intraday if panel.intraday else panel.limits.zone):
        return ""
    said = looks_like(panel.times, panel.exchange, panel.frequency)
    return said if share > panel.limits.zone or said != UNKNOWN else ""


def on_grid(panel: Panel) -> bool:
    """Whether the calendar says when such bars close: days and what a day is made of."""
    return bool(len(panel.times)) and (panel.frequency == "1d" or panel.intraday)


def _missing(panel: Panel, expected: pd.DatetimeIndex, missing: pd.DatetimeIndex) -> Iterator[Finding]:
    """Sessions without any bar; of intraday bars also those missing inside a session, when they are many."""
    if not len(missing):
        return
    if not panel.intraday:
        detail = f"{missing[0]} has no bar ({len(missing)} such)"
        yield Finding.at("missing session", "error", "", missing, detail)
        return
    held = np.unique(panel.exchange.closes.searchsorted(panel.times))
    whole = ~np.isin(panel.exchange.closes.searchsorted(missing), held)
    if whole.any():
        days = panel.exchange.closes[np.unique(panel.exchange.closes.searchsorted(missing[whole]))]
        detail = f"the session that closes at {days[0]} has no bar ({len(days)} such)"
        yield Finding.at("missing session", "error", "", days, detail)
    inside = missing[~whole]
    if len(inside) > panel.limits.quiet_bars * len(expected):
        detail = f"{inside[0]} has no bar ({len(inside)} of {len(expected)} such)"
        yield Finding.at("missing bar", "warn", "", inside, detail)


def _weeks(panel: Panel) -> Iterator[Finding]:
    if not len(panel.times):
        return
    naive = panel.times.tz_localize(None)
    closes = panel.exchange.closes_between(utc(panel.times[0]), utc(panel.times[-1]))
    weeks = closes.tz_localize(None).to_period("W-SUN").unique()
    missing = weeks.difference(naive.to_period("W-SUN").unique())
    if len(missing):
        at = pd.DatetimeIndex(missing.to_timestamp("D", "end")).tz_localize("UTC").as_unit("us")
        detail = f"the week that ends {at[0].date()} has no bar ({len(at)} such)"
        yield Finding.at("missing bar", "warn", "", at, detail)


def grid(panel: Panel) -> pd.DatetimeIndex:
    """When bars of the panel's frequency close, from its first stamp to its last."""
    if not len(panel.times):
        return no_times()
    first, last = utc(panel.times[0]), utc(panel.times[-1])
    return panel.exchange.bar_closes(panel.frequency, first, last)


def unexpected(panel: Panel) -> Flags:
    """Which of the stamps (in the order given) are no session; of other frequencies than days none.

    Intraday bars before the open or after the close are odd, not wrong: some vendors have them.
    """
    if panel.frequency != "1d" or not len(panel.times):
        return np.zeros(len(panel.given_times), dtype=np.bool_)
    return ~np.asarray(panel.given_times.isin(grid(panel)), dtype=np.bool_)


def missing_share(panel: Panel) -> float:
    """Which share of the daily sessions between first and last bar has no bar; 0 for other frequencies."""
    if panel.frequency != "1d" or not len(panel.times):
        return 0.0
    expected = grid(panel)
    return len(expected.difference(panel.times)) / max(len(expected), 1)


def future(panel: Panel) -> Iterator[Finding]:
    """Bars that have not closed yet."""
    early = panel.times[panel.times > pd.Timestamp(WallClock().now())]
    if len(early):
        detail = f"the bar of {early[0]} has not closed yet ({len(early)} such): what it holds may still change"
        yield Finding.at("future", "warn", "", early, detail)
