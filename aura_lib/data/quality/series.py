"""What is odd in the course of one symbol: no price at all, holes, a price that does not move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aura_lib.core import utc
from aura_lib.data.quality.panel import Flags, Panel
from aura_lib.data.quality.report import Finding

__all__ = ["covered", "empty", "gaps", "runs", "stale"]

Places = npt.NDArray[np.intp]


def empty(panel: Panel) -> Iterator[Finding]:
    """Symbols without any price."""
    close = panel.values("close")
    if not len(close):
        return
    for place in np.flatnonzero(np.isnan(close).all(axis=0)):
        detail = f"no price in {len(close)} bars"
        yield Finding.at("empty", "error", panel.symbols[place], panel.times, detail)


def gaps(panel: Panel) -> Iterator[Finding]:
    """Bars without a price between a symbol's first and last; of intraday bars only when they are many."""
    holes = np.isnan(panel.values("close")) & panel.listed
    allowed = panel.limits.quiet_bars * panel.listed.sum(axis=0) if panel.intraday else np.zeros(holes.shape[1])
    for place in np.flatnonzero(holes.sum(axis=0) > allowed):
        at = panel.times[holes[:, place]]
        detail = f"no price at {at[0]}, inside its listing ({len(at)} such)"
        yield Finding.at("gap", "warn", panel.symbols[place], at, detail)


def stale(panel: Panel) -> Iterator[Finding]:
    """Runs of identical closes; intraday only of bars that did not move at all."""
    length = panel.limits.stale.get(panel.frequency, 5)
    close = panel.values("close")
    if len(close) < length:
        return
    same = np.zeros(close.shape, dtype=np.bool_)
    same[1:] = close[1:] == close[:-1]
    if panel.intraday and {"high", "low"} <= set(panel.fields):
        same &= panel.values("high") == panel.values("low")
    for place in _candidates(same, length - 1):
        starts, lengths = runs(same[:, place])
        long = lengths >= length - 1
        at = panel.times[covered(starts[long] - 1, lengths[long] + 1)]
        detail = f"{lengths[long][0] + 1} identical closes from {at[0]} on ({long.sum()} such runs)"
        yield Finding("stale", "warn", panel.symbols[place], int(long.sum()), utc(at[0]), detail, at)


def _candidates(flags: Flags, length: int) -> Places:
    """Columns with a run of `length` flags: a moving count reaches it."""
    counts = np.zeros((len(flags) + 1, flags.shape[1]), dtype=np.int32)
    np.cumsum(flags, axis=0, out=counts[1:])
    if len(flags) < length:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(((counts[length:] - counts[:-length]) == length).any(axis=0))


def runs(flags: Flags) -> tuple[Places, Places]:
    """First places and lengths of the runs of True in one column."""
    edges = np.diff(np.r_[False, flags, False].astype(np.int8))
    starts = np.flatnonzero(edges == 1)
    return starts, np.flatnonzero(edges == -1) - starts


def covered(starts: Places, lengths: Places) -> Places:
    """Every place that runs cover."""
    ranges = [np.arange(start, start + length) for start, length in zip(starts, lengths, strict=True)]
    return np.concatenate(ranges) if ranges else np.empty(0, dtype=np.intp)
