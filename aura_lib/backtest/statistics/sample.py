"""A sample of returns, ready to be measured: cleaned, aligned with its benchmark, with its calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.statistics.periods import observed_periods
from aura_lib.core import DataError, InputError
from aura_lib.risk.measures import Paths, ended

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

HOUSE = "America/New_York"
UTC_NAMES = ("UTC", "Etc/UTC", "UTC+00:00")
Returns = Any  # a Series, or an array of one dimension


@dataclass(frozen=True, eq=False)
class Sample:
    """Returns of a book (n), perhaps those of a benchmark, `periods` a year.

    `times` are there when the returns came with them; months and years are those of `zone`. `notes` say what was
    done to the returns before they were measured.
    """

    returns: Array
    periods: float
    benchmark: Array | None = None
    times: pd.DatetimeIndex | None = None
    zone: str = HOUSE
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(
        returns: Returns,
        benchmark: Returns | None = None,
        *,
        periods: float | None = None,
        zone: str = "",
    ) -> Sample:
        """A sample of simple returns: NaN is no return and left out, and so is a time that only one of two has.

        `zone` is whose days, months and years are meant: when not given that of the times; of times in UTC, UTC where
        some fall on a weekend (a market that never closes), else New York, the house's. A return belongs to the day
        before its time, so one at midnight to the day that ended; but weekdays at midnight are dates, each its own.
        `periods` a year is read from the times when not given. A return of −1 or less ruins the book: what follows
        is left out, and a note says so. Infinite returns raise DataError; what is no series of numbers, InputError.
        """
        table, times = _table(returns, benchmark)
        there = np.flatnonzero(~np.isnan(table).any(axis=1))
        known = table[there]
        if np.isinf(known).any():
            raise DataError(f"{int(np.isinf(known).any(axis=1).sum())} of {len(known)} returns are infinite")
        if times is not None:
            times = times[there]
        if periods is not None and not periods > 0:
            raise InputError(f"periods={periods!r}: give the number of returns a year, such as 252")
        sample = Sample(
            known[:, 0],
            float(periods or (252 if times is None else observed_periods(times))),
            known[:, 1] if benchmark is not None else None,
            times,
            zone or _zone(times),
        )
        return sample._until_ruin()

    def _until_ruin(self) -> Sample:
        lost = np.flatnonzero(self.returns <= -1)
        if not len(lost):
            return self
        end = int(lost[0]) + 1
        when = f"at {self.times[end - 1]}" if self.times is not None else f"with return {end}"
        note = f"bankrupt {when}: the last return counted is −100 %, what came after is left out"
        cut = np.maximum(self.returns[:end], -1.0)
        other = None if self.benchmark is None else self.benchmark[:end]
        times = None if self.times is None else self.times[:end]
        return replace(self, returns=cut, benchmark=other, times=times, notes=(*self.notes, note))

    def __len__(self) -> int:
        return len(self.returns)

    @property
    def path(self) -> Paths:
        """The returns as they were: one path."""
        other = None if self.benchmark is None else self.benchmark[None]
        return Paths(self.returns[None], self.periods, other, *self._starts(len(self)))

    def drawn(self, rows: NDArray[np.int64]) -> Paths:
        """Paths of these rows (paths × n), on the calendar of the sample."""
        other = None if self.benchmark is None else self.benchmark[rows]
        return Paths(self.returns[rows], self.periods, other, *self._starts(rows.shape[1]))

    def _starts(self, length: int) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
        if self.times is None:
            return None, None
        months, years = self.__dict__.get("_calendar") or self._calendar()
        return months[months < length], years[years < length]

    def _calendar(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows at which months and years begin; found once."""
        assert self.times is not None
        local = self._days()
        year, month = np.asarray(local.year), np.asarray(local.month)
        found = tuple(np.flatnonzero(np.diff(key, prepend=-1)).astype(np.int64) for key in (year * 12 + month, year))
        self.__dict__["_calendar"] = found
        return found[0], found[1]

    def _days(self) -> pd.DatetimeIndex:
        """Moments within the days that the returns are of: before their ends, or themselves where they are dates."""
        assert self.times is not None
        return self.times.tz_convert(self.zone) if _dates(self.times) else ended(self.times, self.zone)

    def daily(self, periods: float) -> Sample:
        """The same returns compounded within each day of `zone`; without times InputError."""
        if self.times is None:
            raise InputError(f"{len(self):,} returns without times: give a Series indexed by times, or fewer")
        local = self._days()
        day = np.asarray(local.year) * 400 + np.asarray(local.day_of_year)
        starts = np.flatnonzero(np.diff(day, prepend=-1))
        note = f"{len(self):,} returns compounded into {len(starts):,} days"

        def each(values: Array) -> Array:
            with np.errstate(over="ignore"):  # to infinity and nothing else
                return np.multiply.reduceat(1 + values, starts) - 1

        return replace(
            self,
            returns=each(self.returns),
            benchmark=None if self.benchmark is None else each(self.benchmark),
            times=self.times[np.append(starts[1:], len(self)) - 1],
            periods=periods,
            notes=(*self.notes, note),
        )


def _zone(times: pd.DatetimeIndex | None) -> str:
    if times is None or str(times.tz) in UTC_NAMES:
        return HOUSE if times is None or not (_weekends(times) or _dates(times)) else "UTC"
    return str(times.tz)


def _dates(times: pd.DatetimeIndex) -> bool:
    """Whether the times are weekdays at midnight: names of days, for the end of a Friday would be on a Saturday."""
    return bool((times == times.normalize()).all()) and not _weekends(times)


def _weekends(times: pd.DatetimeIndex) -> bool:
    return bool((times.day_of_week >= 5).any())


def _table(returns: Returns, benchmark: Returns | None) -> tuple[Array, pd.DatetimeIndex | None]:
    """Returns, and the benchmark's beside them, as columns; and their times if they have some."""
    given = [returns] if benchmark is None else [returns, benchmark]
    series = [one for one in given if isinstance(one, pd.Series)]
    if series and len(series) < len(given):
        raise InputError("give returns and benchmark both as Series with times, or both as arrays")
    try:
        if not series:
            return np.column_stack([_flat(np.asarray(one, dtype="float64")) for one in given]), None
        for one in series:
            _timed(one)
        if len(series) == 1:
            return series[0].to_numpy(dtype="float64")[:, None], pd.DatetimeIndex(series[0].index)
        both = pd.concat([one.astype("float64") for one in series], axis=1, join="inner")
        return both.to_numpy(), pd.DatetimeIndex(both.index)
    except (TypeError, ValueError) as error:
        raise InputError(f"returns must be numbers, benchmark and book of one length: {error}") from None


def _flat(values: Array) -> Array:
    if values.ndim != 1:
        raise InputError(f"returns are one number a period, not an array of shape {values.shape}")
    return values


def _timed(returns: pd.Series) -> None:
    index = returns.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(f"returns must be indexed by times with a zone, not {index.dtype}: use .tz_localize(...)")
    if not index.is_monotonic_increasing or not index.is_unique:
        raise InputError("returns: times must be unique and ascending; sort them, and drop the doubles")


def earned(equity: pd.Series) -> pd.Series:
    """Simple returns of an equity curve, up to the bar at which nothing is left of it: that one is −1, none follows.

    Empty, NaN, or an opening value that is not positive raise DataError.
    """
    values = equity.to_numpy(dtype="float64")
    if not len(values) or not np.isfinite(values).all() or values[0] <= 0:
        raise DataError("statistics need an equity curve of numbers without gaps that opens above zero")
    ruined = np.flatnonzero(values <= 0)
    end = int(ruined[0]) + 1 if len(ruined) else len(values)
    steps = values[1:end] / values[: end - 1] - 1
    return pd.Series(np.maximum(steps, -1.0), index=equity.index[1:end], name="returns")
