"""What a store must be able to do, wherever it keeps its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from aura_lib.core import Bars, Instrument

__all__ = ["ACTIONS", "Held", "Keeper", "Series", "Version", "no_actions"]

ACTIONS = ("time", "symbol", "dividend", "split")  # columns of a table of corporate actions


def no_actions() -> pd.DataFrame:
    """A table of corporate actions without a row: time (UTC), symbol, dividend (per share), split (new for one old)."""
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex([], tz="UTC").as_unit("us"),
            "symbol": pd.Series([], dtype="str"),
            "dividend": pd.Series([], dtype="float64"),
            "split": pd.Series([], dtype="float64"),
        }
    )


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What is versioned together: all bars of one source, frequency, calendar and adjustment ("": as traded)."""

    source: str
    frequency: str
    calendar: str
    adjustment: str

    @staticmethod
    def of(bars: Bars) -> Series:
        """The series that bars belong to."""
        return Series(bars.source, bars.frequency, bars.calendar, bars.adjustment)


@dataclass(frozen=True, slots=True)
class Held:
    """What a version holds of one symbol: how many bars, from when to when (UTC closes)."""

    instrument: Instrument
    rows: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a series. `snapshot` is a hash of its content, `number` its place in the log of its series.

    `recorded` is when this store came to know it (UTC). The same content has the same snapshot id in every store,
    whatever order its rows came in and however they were put there.
    """

    snapshot: str
    series: Series
    number: int
    recorded: datetime
    held: Mapping[str, Held] = field(repr=False)
    notes: Mapping[str, Any] = field(default_factory=dict, repr=False)  # told by who put it; no part of the identity

    @property
    def end(self) -> datetime:
        """The last bar of all."""
        return max(held.last for held in self.held.values())


@runtime_checkable
class Keeper(Protocol):
    """A store. Any number of readers and writers at once; a writer killed anywhere loses nothing that was told kept."""

    def put(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Bars:
        """The newest version of the series is exactly these bars; they come back with their snapshot id.

        What the newest version already is, changes nothing and is not recorded again.
        """
        ...

    def add(self, bars: Bars, actions: pd.DataFrame | None = None, notes: Mapping[str, Any] | None = None) -> Version:
        """The newest version is what it was, and these bars over it.

        A bar of a symbol and time that it had replaces it; symbols and times that are new are added; a row that is
        NaN in every field says nothing. Actions replace those of the same symbol and time. Concurrent writers of one
        series both succeed: the second adds to what the first made.
        """
        ...

    def get(
        self,
        snapshot: str,
        symbols: Sequence[str] | None = None,
        *,
        fields: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Bars:
        """The bars of a version, or some of its symbols (in the order asked for; else sorted), fields and times.

        Unknown ids and symbols raise InputError; damaged or missing content DataError that names it.
        """
        ...

    def actions(self, snapshot: str, symbols: Sequence[str] | None = None) -> pd.DataFrame:
        """Splits and dividends of a version, by time then symbol (columns ACTIONS)."""
        ...

    def version(self, snapshot: str) -> Version:
        """What is known of a snapshot without reading its bars; the first time it was recorded."""
        ...

    def versions(self, source: str | None = None, frequency: str | None = None) -> tuple[Version, ...]:
        """Every version in the order of being recorded, of one source and frequency if named. Reads no bars."""
        ...

    def query(self, sql: str, snapshot: str) -> pd.DataFrame:
        """SQL (DuckDB's) over tables `bars` (symbol, time, fields), `actions` and `instruments` of a version."""
        ...

    def verify(self) -> tuple[str, ...]:
        """What is damaged or missing, one line each; empty when all that was kept can be read as it was written."""
        ...
