"""All checks, one after the other: `check` for Bars, `examine` for frames that may not be fit for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Instrument
from aura_lib.data.quality.jumps import jumps
from aura_lib.data.quality.money import currencies
from aura_lib.data.quality.panel import Panel, frames
from aura_lib.data.quality.report import Finding, Quality, Severity
from aura_lib.data.quality.series import empty, gaps, stale
from aura_lib.data.quality.sessions import duplicates, future, sessions
from aura_lib.data.quality.thresholds import STANDARD, Thresholds
from aura_lib.data.quality.values import rows
from aura_lib.data.quality.volume import volumes

__all__ = ["CHECKS", "check", "examine", "inspect"]

_IN_ORDER: tuple[Callable[[Panel], Iterable[Finding]], ...] = (
    duplicates, sessions, future, rows, empty, gaps, stale, jumps, volumes, currencies,
)  # fmt: skip
# Every check by its name, and how bad what it finds is.
CHECKS: Mapping[str, Severity] = MappingProxyType(
    {
        "duplicate": "error",
        "time zone": "error",
        "missing session": "error",
        "unexpected bar": "error",
        "not positive": "error",
        "high below low": "error",
        "empty": "error",
        "missing bar": "warn",
        "off session": "warn",
        "future": "warn",
        "outside range": "warn",
        "gap": "warn",
        "stale": "warn",
        "jump": "warn",
        "volume gap": "warn",
        "no volume": "warn",
        "volume unit": "warn",
        "currency": "warn",
    }
)


def check(
    bars: Bars | pd.DataFrame,
    calendar: str | None = None,
    *,
    actions: pd.DataFrame | None = None,
    limits: Thresholds = STANDARD,
) -> Quality:
    """What is wrong (error) or odd (warn) with bars.

    Errors: duplicate times, sessions without a bar, bars that are no session, stamps of another zone, prices that are
    not positive, negative volume, a high below the low, a symbol without any price. Warnings: an open or close outside
    low and high, intraday bars out of session or missing, NaN inside a listing, identical closes in a row, log returns
    far beyond the symbol's own that no split or dividend explains, volume that is missing while prices move or changes
    its unit, currencies that do not fit, bars that have not closed yet. `Thresholds` has every number with its reason.

    Args:
        bars: Bars, or a raw frame of daily closes (time × symbol, times with a zone) that may not be fit for Bars.
        calendar: market identifier code for a raw frame, XNYS when not given. Bars know their own.
        actions: splits and dividends (time, symbol, dividend, split) that explain jumps of prices as traded.
        limits: from where on something is odd.

    Raises:
        InputError: a raw frame is not indexed by times with a zone. DataError: frames without a close.
    """
    if isinstance(bars, Bars):
        panel = Panel.of(bars, calendar, actions, limits)
    else:
        panel = Panel(frames(bars), "this frame", "1d", calendar or "XNYS", "", {}, actions, limits)
    return inspect(panel)


def examine(
    fields: Mapping[str, pd.DataFrame],
    *,
    source: str,
    frequency: str,
    calendar: str,
    adjustment: str = "splits and dividends",
    instruments: Mapping[str, Instrument] | None = None,
    actions: pd.DataFrame | None = None,
    limits: Thresholds = STANDARD,
) -> Quality:
    """`check` for frames (field → float64, time × symbol, UTC) that may not be fit for Bars."""
    return inspect(
        Panel(frames(fields, source), source, frequency, calendar, adjustment, instruments or {}, actions, limits)
    )


def inspect(panel: Panel, **kept: Any) -> Quality:
    """Every check on a panel; `kept` are further fields of the report."""
    found = [finding for checks in _IN_ORDER for finding in checks(panel)]
    return Quality(
        panel.source, len(panel.close), len(panel.symbols), tuple(found), frequency=panel.frequency,
        calendar=panel.calendar, names=panel.symbols, times=panel.times, **kept,
    )  # fmt: skip
