"""What the checks found: findings, and the report they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from aura_lib.core import DataError, utc
from aura_lib.data.quality.set_aside import Quarantine

__all__ = ["COLUMNS", "Finding", "Quality", "Severity", "no_times", "stamps"]

Severity = Literal["error", "warn"]
COLUMNS = ("check", "severity", "symbol", "count", "first", "detail")
LISTED = 10  # errors that a message names


def no_times() -> pd.DatetimeIndex:
    """No moment at all, UTC."""
    return pd.DatetimeIndex([], tz="UTC").as_unit("us")


def stamps(times: Any) -> pd.DatetimeIndex:
    """Moments as a UTC index of microseconds."""
    index = pd.DatetimeIndex(times)
    return (index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")).as_unit("us")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that found something in one symbol (or, with symbol "", in all): how often, and where first.

    `times` are the bars it is about (UTC), `each` what is to be said when one of them comes first ("{n}": how many).
    """

    check: str
    severity: Severity
    symbol: str
    count: int
    first: datetime
    detail: str
    times: pd.DatetimeIndex = field(default_factory=no_times, repr=False, compare=False)
    each: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @staticmethod
    def at(check: str, severity: Severity, symbol: str, times: pd.DatetimeIndex, detail: str) -> Finding:
        """A finding about these bars."""
        return Finding(check, severity, symbol, len(times), utc(times[0]), detail, times)

    def since(self, moment: datetime) -> Finding | None:
        """What of it is at or after a moment; None when nothing is."""
        known = self.times if len(self.times) else stamps([self.first])
        late = known[known >= pd.Timestamp(utc(moment))]
        if len(late) in (0, len(known)):
            return self if len(late) else None
        left = self.each[len(known) - len(late) :]
        said = (
            left[0].replace("{n}", str(len(left))) if left else f"{len(late)} from {late[0]} on; in all: {self.detail}"
        )
        return replace(self, count=len(late), first=utc(late[0]), detail=said, times=late, each=left)

    def __str__(self) -> str:
        return f"{self.check} {self.symbol or '(all symbols)'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Quality:
    """The report of `check`: what was found in how many bars of how many symbols, and which rows were set aside."""

    source: str
    bars: int
    symbols: int
    findings: tuple[Finding, ...]
    quarantine: Quarantine = field(default_factory=Quarantine, compare=False)
    frequency: str = ""
    calendar: str = ""
    names: tuple[str, ...] = field(default=(), repr=False)
    times: pd.DatetimeIndex = field(default_factory=no_times, repr=False, compare=False)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make the bars unfit for use."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings may be there."""
        return not self.errors

    def __str__(self) -> str:
        size = f"{self.source}: {self.bars:,} bars of {self.symbols} symbol(s)"
        found = [f"{f.severity}: {f}" for f in self.findings] or ["the checks found nothing"]
        aside = [f"set aside: {self.quarantine}"] if len(self.quarantine) else []
        return "\n  ".join([size, *found, *aside])

    def table(self) -> pd.DataFrame:
        """One row a finding: check, severity, symbol, count, first (UTC), detail."""
        return pd.DataFrame([[getattr(f, c) for c in COLUMNS] for f in self.findings], columns=list(COLUMNS))

    def summary(self) -> dict[str, Any]:
        """The report in a few plain numbers, to be kept beside a snapshot: errors, warnings, set_aside, checks."""
        checks: dict[str, int] = {}
        for found in self.findings:
            checks[found.check] = checks.get(found.check, 0) + found.count
        warned = len(self.findings) - len(self.errors)
        return {"errors": len(self.errors), "warnings": warned, "set_aside": len(self.quarantine), "checks": checks}

    def since(self, moment: datetime) -> Quality:
        """The report about bars at or after a moment."""
        kept = (f.since(moment) for f in self.findings)
        return replace(self, findings=tuple(f for f in kept if f is not None))

    def without(self, accepted: Iterable[str]) -> Quality:
        """The report without what certain checks found."""
        known = set(accepted)
        return replace(self, findings=tuple(f for f in self.findings if f.check not in known))

    def raise_if_bad(self, advice: str = "") -> None:
        """Raise DataError that names the errors, if there are any, and ends with the advice."""
        if not self.ok:
            raise unfit(self.source, self.errors, advice)


def unfit(source: str, found: tuple[Finding, ...], advice: str = "") -> DataError:
    """The error that names what makes bars unfit for use."""
    listed = "\n  ".join(str(f) for f in found[:LISTED])
    more = f"\n  and {len(found) - LISTED} more: see .table()" if len(found) > LISTED else ""
    end = f"\n{advice}" if advice else ""
    return DataError(f"the bars of {source} are unfit for use, {len(found)} error(s):\n  {listed}{more}{end}")


def per_symbol(
    check: str, severity: Severity, wrong: np.ndarray, times: pd.DatetimeIndex, symbols: Iterable[str], what: str
) -> Iterable[Finding]:
    """One finding a symbol, of the cells (time × symbol) that are wrong; `what` goes before the moment."""
    for place, symbol in enumerate(symbols):
        column = wrong[:, place]
        if column.any():
            at = times[column]
            yield Finding.at(check, severity, str(symbol), at, f"{what} at {at[0]} ({len(at)} such)")
