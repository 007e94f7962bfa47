"""What the checks look at: frames that may not be fit for Bars, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import AssetClass, Bars, Calendar, DataError, InputError, Instrument
from aura_lib.core.frequency import INTRADAY
from aura_lib.core.market_data import FIELDS
from aura_lib.data.quality.report import stamps
from aura_lib.data.quality.thresholds import STANDARD, Thresholds

__all__ = ["Panel", "frames"]

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
LEVELS = (AssetClass.INDEX, AssetClass.FX)  # no shares of these change hands


@dataclass(frozen=True)
class Panel:
    """Field → float64 frame (time × symbol, UTC, in any order, times may repeat), with its words."""

    fields: Mapping[str, pd.DataFrame]
    source: str
    frequency: str
    calendar: str
    adjustment: str = "splits and dividends"
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    actions: pd.DataFrame | None = None
    limits: Thresholds = STANDARD

    @staticmethod
    def of(
        bars: Bars, calendar: str | None = None, actions: pd.DataFrame | None = None, limits: Thresholds = STANDARD
    ) -> Panel:
        """The panel of Bars."""
        where = calendar or bars.calendar
        return Panel(
            bars.fields, bars.source, bars.frequency, where, bars.adjustment, bars.instruments, actions, limits
        )

    @property
    def close(self) -> pd.DataFrame:
        """Closes as they were given."""
        return self.fields["close"]

    @cached_property
    def given_times(self) -> pd.DatetimeIndex:
        """Stamps as they were given."""
        return pd.DatetimeIndex(self.close.index)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The columns."""
        return tuple(map(str, self.close.columns))

    @property
    def intraday(self) -> bool:
        """Whether a session has several bars."""
        return self.frequency in INTRADAY

    @cached_property
    def exchange(self) -> Calendar:
        """The calendar of the exchange."""
        return Calendar.of(self.calendar)

    @cached_property
    def _order(self) -> npt.NDArray[np.intp] | None:
        """Places of the stamps in order, each once; None when they are so already."""
        times = self.given_times
        if times.is_monotonic_increasing and times.is_unique:
            return None
        first = np.flatnonzero(~times.duplicated())
        return first[np.argsort(times.asi8[first], kind="stable")]

    @cached_property
    def times(self) -> pd.DatetimeIndex:
        """Stamps in order, each once."""
        return self.given_times if self._order is None else self.given_times[self._order]

    def values(self, name: str) -> Values:
        """A field in order, each time once; NaN everywhere when there is no such field."""
        if name not in self.fields:
            return np.full(self.close.shape, np.nan)[: len(self.times)]
        values = self.fields[name].to_numpy()
        return values if self._order is None else values[self._order]

    @cached_property
    def listed(self) -> Flags:
        """Where a symbol is between its first and its last price, both included."""
        known = ~np.isnan(self.values("close"))
        began = np.logical_or.accumulate(known, axis=0)
        ended = np.logical_or.accumulate(known[::-1], axis=0)[::-1]
        return np.asarray(began & ended)

    @cached_property
    def traded(self) -> Flags:
        """Which columns are no index and no currency: those have a volume."""
        level = [s in self.instruments and self.instruments[s].asset_class in LEVELS for s in self.symbols]
        return ~np.array(level, dtype=np.bool_)


def frames(given: Any, source: str = "this frame") -> dict[str, pd.DataFrame]:
    """Raw frames made alike: float64, UTC, one set of times and symbols. Values stay as they are.

    Raises:
        DataError: there is no close. InputError: no frames, times without a zone, a symbol twice, no number.
    """
    fields = dict(given) if isinstance(given, Mapping) else {"close": given}
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise InputError(f"{source}: unknown fields {unknown}; there are {', '.join(FIELDS)}")
    if "close" not in fields:
        raise DataError(f"{source} has no close: {', '.join(fields) or 'no field at all'}. Without it nothing is known")
    found = {name: _frame(name, frame) for name, frame in fields.items()}
    close = found["close"]
    for name, frame in found.items():
        if not (frame.index.equals(close.index) and frame.columns.equals(close.columns)):
            raise InputError(f"{source}: {name} and close must have the same times and symbols")
    return found


def _frame(name: str, frame: Any) -> pd.DataFrame:
    index = frame.index if isinstance(frame, pd.DataFrame) else None
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(
            f"{name}: quality.check needs Bars, or a DataFrame indexed by times with a zone (when each bar closed)"
        )
    if not frame.columns.is_unique:
        raise InputError(f"{name}: columns must be unique symbols, not {list(frame.columns)[:10]}")
    try:
        raw: pd.DataFrame = frame.astype("float64").set_axis(stamps(index), axis=0)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is no number: {error}") from None
    return raw
