"""The door of the store: raw frames come in, Bars that are fit for use go on, bad rows stay behind and are told."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Instrument
from aura_lib.data.quality.cleaning import quarantine_panel
from aura_lib.data.quality.examine import inspect
from aura_lib.data.quality.panel import Panel, frames
from aura_lib.data.quality.policy import Policy
from aura_lib.data.quality.report import Quality, unfit
from aura_lib.data.quality.sessions import missing_share, sessions
from aura_lib.data.quality.set_aside import Quarantine
from aura_lib.data.quality.thresholds import STANDARD, Thresholds

__all__ = ["Admitted", "admit", "tell"]


@dataclass(frozen=True, eq=False)
class Admitted:
    """What was let in: bars that are fit for use, the report on them, and the rows that were set aside."""

    bars: Bars
    report: Quality
    quarantine: Quarantine


def admit(
    fields: Bars | Mapping[str, pd.DataFrame],
    *,
    source: str = "",
    frequency: str = "1d",
    calendar: str = "XNYS",
    adjustment: str = "",
    instruments: Mapping[str, Instrument] | None = None,
    actions: pd.DataFrame | None = None,
    policy: Policy | str | Mapping[str, Any] | None = None,
    limits: Thresholds = STANDARD,
    aside: Quarantine | None = None,
) -> Admitted:
    """Check what a source gave, set bad rows aside, and make Bars of the rest.

    Args:
        fields: Bars, or raw frames (field → time × symbol, times with a zone) that may not be fit for them.
        source: who gave it. Bars know it, and the next four.
        frequency: 1m … 1w.
        calendar: market identifier code.
        adjustment: what the prices are corrected for, "" as they traded.
        instruments: what the symbols are.
        actions: splits and dividends on record, which explain jumps of prices as traded.
        policy: what is refused; research when not given. Rows that were set aside are no reason any more.
        limits: from where on something is odd.
        aside: rows that its adapter has set aside already (`quality.quarantine` of its raw frames).

    Raises:
        DataError: unfit as a whole: no close, another zone, too many bad rows of a symbol, too many sessions missing,
            a symbol without any price, or what the policy refuses. InputError: frames that are none.
    """
    if isinstance(fields, Bars):
        panel = Panel.of(fields, actions=actions, limits=limits)
    else:
        known = instruments or {}
        given = frames(fields, source)
        panel = Panel(given, source, frequency, calendar, adjustment, known, actions, limits)
    _whole(panel)
    clean, more = quarantine_panel(panel)
    aside = (aside or Quarantine()) + more
    bars = Bars(
        clean, panel.source, panel.frequency, panel.calendar, panel.adjustment, instruments=dict(panel.instruments)
    )
    report = inspect(Panel.of(bars, actions=actions, limits=limits), quarantine=aside)
    rules = Policy.of(policy)
    if refused := rules.refused(report):
        raise unfit(panel.source, refused, f"The {rules.name} policy refuses them")
    return Admitted(bars, report, aside)


def _whole(panel: Panel) -> None:
    """Refuse what no setting aside of rows can mend."""
    wrong = tuple(f for f in sessions(panel) if f.check == "time zone")
    if wrong:
        raise unfit(panel.source, wrong)
    share = missing_share(panel)
    if share > panel.limits.unfit_sessions:
        missing = tuple(f for f in sessions(panel) if f.check == "missing session")
        raise unfit(panel.source, missing, f"{share:.0%} of the {panel.calendar} sessions: is it the right calendar?")


def tell(admitted: Admitted, home: Path, *, stacklevel: int = 2) -> tuple[Path, ...]:
    """Keep the rows that were set aside, and warn of them: how many, which, and where they are. The files."""
    if not len(admitted.quarantine):
        return ()
    kept = admitted.quarantine.keep(home)
    where = ", ".join(f"data/quarantine/{file.parent.name}/{file.name}" for file in kept)
    warnings.warn(
        f"{admitted.bars.source}: {admitted.quarantine}\n  They are kept ({where}): aura.data.quality.quarantined()",
        stacklevel=stacklevel + 1,
    )
    return kept
