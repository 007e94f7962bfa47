"""Volume that is not there while prices move, and volume in another unit from one day to the next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aura_lib.core import utc
from aura_lib.data.quality.panel import Flags, Panel, Values
from aura_lib.data.quality.report import Finding
from aura_lib.data.quality.series import covered, runs

__all__ = ["volumes"]

SUDDEN = 0.75  # of the step, in log, must come from one bar to the next: the rest is that day's own volume


def volumes(panel: Panel) -> Iterator[Finding]:
    """The checks of volume, for symbols that have any: indices and currencies come without."""
    if "volume" not in panel.fields or len(panel.times) < 2:
        return
    volume, close = panel.values("volume"), panel.values("close")
    some = (volume > 0).sum(axis=0)
    usual = panel.traded & (some > panel.limits.has_volume * np.maximum((~np.isnan(close)).sum(axis=0), 1))
    without = ~(volume > 0) & panel.listed & ~np.isnan(close) & usual
    moved = np.zeros(close.shape, dtype=np.bool_)
    moved[1:] = (close[1:] != close[:-1]) & ~np.isnan(close[:-1])
    for place in np.flatnonzero(without.any(axis=0)).tolist():
        yield from _without(panel, place, without[:, place], moved[:, place])
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(volume > 0, np.log(volume), np.nan)
    steep = np.abs(np.diff(logs, axis=0)) > SUDDEN * np.log(panel.limits.volume_unit)
    for place in np.flatnonzero(usual & steep.any(axis=0)).tolist():
        yield from _unit(panel, place, logs[:, place])


def _without(panel: Panel, place: int, without: Flags, moved: Flags) -> Iterator[Finding]:
    symbol, odd = panel.symbols[place], without & moved
    if odd.any():
        at = panel.times[odd]
        yield Finding.at(
            "volume gap", "warn", symbol, at, f"no volume at {at[0]}, and yet the price moved ({len(at)} such)"
        )
    if panel.intraday:
        return
    starts, lengths = runs(without)
    long = lengths >= panel.limits.no_volume
    if long.any():
        at = panel.times[covered(starts[long], lengths[long])]
        detail = f"{lengths[long][0]} bars without volume from {at[0]} on ({long.sum()} such runs)"
        yield Finding("no volume", "warn", symbol, int(long.sum()), utc(at[0]), detail, at)


def _unit(panel: Panel, place: int, logs: Values) -> Iterator[Finding]:
    """A step by `volume_unit` between the medians of the months before and after one bar."""
    known = np.flatnonzero(~np.isnan(logs))
    block, least, logs = panel.limits.volume_block, np.log(panel.limits.volume_unit), logs[known]
    steps = np.flatnonzero(np.abs(np.diff(logs)) > SUDDEN * least) + 1
    for row in steps[(steps >= block) & (steps <= len(known) - block)]:
        change = float(np.median(logs[row : row + block]) - np.median(logs[row - block : row]))
        if abs(change) >= least:
            at = panel.times[known[row : row + 1]]
            detail = f"volume is ×{np.exp(change):,.3g} from {at[0]} on, of a month before it: in another unit?"
            yield Finding.at("volume unit", "warn", panel.symbols[place], at, detail)
            return
