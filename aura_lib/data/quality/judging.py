"""Whether bars may be traded on: the checks of their last bars, what was set aside there, and a job's policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from aura_lib.core import Bars
from aura_lib.data.quality.examine import check
from aura_lib.data.quality.policy import Policy
from aura_lib.data.quality.report import Finding, Quality, stamps
from aura_lib.data.quality.set_aside import quarantined

__all__ = ["judge", "recent"]

HISTORY = 750  # bars: three years of days tell what a symbol's usual move is


def judge(bars: Bars, policy: Policy, *, home: Path | None = None, actions: pd.DataFrame | None = None) -> Quality:
    """The report on the last bars, if the policy lets them pass; what it warns of is a warning.

    Args:
        bars: up to the moment that is decided for.
        policy: what is refused, and among how many of the last bars.
        home: AURA_HOME, where rows that were set aside are kept; None: they are not asked for.
        actions: splits and dividends on record, for prices as they traded.

    Raises:
        DataError: the policy refuses; it names the findings.
    """
    return policy.enforce(recent(bars, policy.recent, home=home, actions=actions), stacklevel=3)


def recent(
    bars: Bars, last: int | None = None, *, home: Path | None = None, actions: pd.DataFrame | None = None
) -> Quality:
    """The report on the last bars: the checks, rows set aside among them, and symbols whose last bar is missing."""
    window = len(bars) if last is None else min(last, len(bars))
    if not window:
        return check(bars, actions=actions)
    since = bars.times[-window]
    before = bars.times[-min(len(bars), max(HISTORY, window))]
    report = check(bars.between(before, bars.end), actions=actions).since(since)
    more = (*_set_aside(bars, since, home), *_last(bars, window))
    return replace(report, findings=(*report.findings, *more))


def _set_aside(bars: Bars, since: pd.Timestamp, home: Path | None) -> Iterator[Finding]:
    if home is None:
        return
    rows = quarantined(home, bars.source, bars.frequency)
    near = rows[rows["time"].between(since, bars.times[-1]) & rows["symbol"].isin(bars.symbols)]
    for symbol, of in near.groupby("symbol", sort=True):
        at = stamps(of["time"])
        detail = f"{len(of)} row(s) were set aside, the first at {at[0]}: {of['check'].iloc[0]}"
        yield Finding.at("quarantine", "error", str(symbol), at, detail)


def _last(bars: Bars, window: int) -> Iterator[Finding]:
    """Symbols that traded within the window and have no price at its end."""
    known = ~np.isnan(bars.close.to_numpy()[-window:])
    for place in np.flatnonzero(known.any(axis=0) & ~known[-1]).tolist():
        last = bars.times[-window:][known[:, place]][-1]
        detail = f"no price at {bars.times[-1]}, the last one is of {last}: late, halted or delisted?"
        yield Finding.at("missing last bar", "warn", bars.symbols[place], bars.times[-1:], detail)
