"""What a page is about, and the checks every series passes before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np
import pandas as pd

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc
from aura_lib.reports import formats

Frame = TypeVar("Frame", pd.Series, pd.DataFrame)


@dataclass(frozen=True, slots=True)
class About:
    """What the figures of a page share: whose numbers, since when, from where, in which money and time zone.

    `subject` and `benchmark` are names people read; an empty `benchmark` takes the name of the series.
    `as_of` is the moment the numbers were known, aware; None means the last moment drawn. `source` names the
    data, `zone` is the IANA zone in which times are shown.
    """

    subject: str = "Portfolio"
    benchmark: str = ""
    source: str = ""
    as_of: datetime | None = None
    currency: str = "USD"
    zone: str = formats.ZONE

    def __post_init__(self) -> None:
        formats.time_zone(self.zone)
        if self.as_of is not None:
            object.__setattr__(self, "as_of", utc(self.as_of, "as_of"))

    def against(self, benchmark: pd.Series | None) -> str:
        """The name of the benchmark, or nothing where there is none."""
        if benchmark is None:
            return ""
        return self.benchmark or ("benchmark" if benchmark.name is None else str(benchmark.name))

    def line(self, times: pd.DatetimeIndex) -> str:
        """The line under a figure: where the numbers come from, and as of when."""
        last = self.as_of or (times[-1] if len(times) else None)
        return f"Source: {self.source or 'not stated'} · as of {formats.moment(last, self.zone)}"

    def wall(self, times: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """The clock on the wall in `zone`, without a zone: what the axis of a figure shows."""
        return times.tz_convert(self.zone).tz_localize(None)


ABOUT = About()


def checked(values: Frame, name: str) -> Frame:
    """A series or frame ready to be drawn: float64, UTC, ascending, without the empty rows at both ends.

    Infinity becomes NaN; NaN between two numbers stays and is drawn as a gap. Times without a zone, twice or
    out of order raise InputError, and so do values that are no numbers.
    """
    if not len(values):
        return values.iloc[:0].set_axis(pd.DatetimeIndex([], tz="UTC"), axis=0)
    index = values.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(f"{name} must be indexed by times with a zone, not {index.dtype}: use .tz_localize(...)")
    if not index.is_monotonic_increasing or not index.is_unique:
        raise InputError(f"{name}: times must be unique and ascending; sort them, and drop the doubles")
    try:
        numbers = values.astype("float64")
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is no number: {error}") from None
    clean = numbers.where(np.isfinite(numbers)).set_axis(index.tz_convert("UTC"), axis=0)
    known = clean.notna().to_numpy().reshape(len(clean), -1).any(axis=1)
    rows = np.flatnonzero(known)
    return clean.iloc[rows[0] : rows[-1] + 1] if len(rows) else clean.iloc[:0]


def between(values: pd.Series, like: pd.Series) -> pd.Series:
    """The part of a benchmark in the span of another series, one value before it included if there is one.

    The value before is what the benchmark stood at when the other series began; it is moved to that moment.
    """
    if values.empty or like.empty:
        return values.iloc[:0]
    start, end = like.index[0], like.index[-1]
    inside = values.loc[start:end]
    before = values.loc[:start].dropna()
    if len(before) and (not len(inside) or inside.index[0] > start):
        inside = pd.concat([before.iloc[-1:].set_axis([start]), inside])
    return inside
