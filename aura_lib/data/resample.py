"""Bars joined to longer ones, by the sessions of their exchange."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from aura_lib.core import FREQUENCIES, Bars, Calendar, DataError, InputError, step

Values = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


def resample(bars: Bars, frequency: str) -> Bars:
    """Bars of a coarser frequency: 5m, 15m, 1h from each session's open (anew after its break), 1d, 1w.

    Open is the first known price of a bar, close the last known, high and low their extremes, volume the sum; NaN where
    a symbol has nothing in the whole bar. A bar stands where the calendar has its close (half days, weeks that end on
    Thursday), and only if the source has a row in it: what is missing stays missing. The last bar is left out unless
    the source reaches its close. Rows outside the sessions of the calendar are left out with a warning.

    Args:
        bars: of any frequency. The first of the longer bars has what they have of it.
        frequency: "5m", "15m", "1h", "1d" or "1w"; the same as `bars` have gives them back.

    Raises:
        InputError: an unknown frequency, or a finer one than `bars` have.
        DataError: no row of `bars` lies in a session of their calendar.
    """
    step(frequency)
    if frequency == bars.frequency or not len(bars):
        return bars if frequency == bars.frequency else replace(bars, frequency=frequency)
    if FREQUENCIES.index(frequency) < FREQUENCIES.index(bars.frequency):
        raise InputError(
            f"{bars.source} has bars of {bars.frequency}: they cannot be split into bars of {frequency}: load finer"
        )
    rows, place, closes = _places(bars, frequency)
    begins = np.flatnonzero(np.r_[True, place[1:] != place[:-1]]) if len(place) else np.empty(0, dtype=np.intp)
    times = closes[place[begins]]
    joined = {name: _joined(name, frame, rows, begins, times) for name, frame in bars.fields.items()}
    return replace(bars, fields=joined, frequency=frequency)


def _places(bars: Bars, frequency: str) -> tuple[slice | Places, Places, pd.DatetimeIndex]:
    """Which rows count, the place of the longer bar that each is in, and the closes of those."""
    calendar = Calendar.of(bars.calendar)
    closes = calendar.bar_closes(frequency, bars.start, bars.end)  # those that the source reaches
    inside = _inside(bars, calendar)
    place = closes.searchsorted(bars.times, side="left")
    whole = place < len(closes)
    rows = np.flatnonzero(inside & whole)
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        piece = slice(int(rows[0]), int(rows[-1]) + 1)  # no copy of a panel that is cut at its ends only
        return piece, place[piece], closes
    return rows, place[rows], closes


def _inside(bars: Bars, calendar: Calendar) -> npt.NDArray[np.bool_]:
    """Which rows closed in a session."""
    times = bars.times
    place = calendar.closes.searchsorted(times, side="left")
    known = place < len(calendar.closes)
    session = np.minimum(place, len(calendar.closes) - 1)
    inside = np.asarray(known & (times > calendar.opens[session]), dtype=np.bool_)
    starts, ends = calendar.break_starts[session], calendar.break_ends[session]
    inside &= ~np.asarray((times > starts) & (times <= ends))
    if not inside.any():
        raise DataError(f"{bars.source}: no bar lies in a session of {bars.calendar}; are these of another exchange?")
    if not inside.all():
        out = times[~inside]
        warnings.warn(
            f"{bars.source}: {len(out)} bar(s) outside the sessions of {bars.calendar} are left out, "
            f"{out[0]} to {out[-1]}",
            stacklevel=4,
        )
    return inside


def _joined(
    name: str, frame: pd.DataFrame, rows: slice | Places, begins: Places, times: pd.DatetimeIndex
) -> pd.DataFrame:
    values: Values = frame.to_numpy()[rows].T  # symbol × row: a frame keeps each symbol in one piece
    made = _JOIN[name](values, begins) if len(begins) else values[:, :0]
    return pd.DataFrame(made.T, times, frame.columns)


def _first(values: Values, begins: Places) -> Values:
    """The first known value of each group of rows."""
    found: Values = values[:, begins]
    holes = np.flatnonzero(np.isnan(found).any(axis=1))
    if len(holes):
        found[holes] = _known(values[holes], begins, np.minimum)
    return found


def _last(values: Values, begins: Places) -> Values:
    """The last known value of each group of rows."""
    found: Values = values[:, np.r_[begins[1:], values.shape[1]] - 1]
    holes = np.flatnonzero(np.isnan(found).any(axis=1))
    if len(holes):
        found[holes] = _known(values[holes], begins, np.maximum)
    return found


def _known(values: Values, begins: Places, extreme: np.ufunc) -> Values:
    """The known value of each group with the least, or the greatest, row; NaN where a group has none."""
    row = np.arange(values.shape[1])
    none = len(row) if extreme is np.minimum else -1
    where = extreme.reduceat(np.where(np.isnan(values), none, row), begins, axis=1)
    found = np.take_along_axis(values, np.clip(where, 0, len(row) - 1), axis=1)
    return np.where(where == none, np.nan, found)


def _total(values: Values, begins: Places) -> Values:
    """The sum of what is known of each group; NaN where nothing is."""
    holes = np.isnan(values)
    if not holes.any():
        return np.asarray(np.add.reduceat(values, begins, axis=1), dtype=np.float64)
    total = np.add.reduceat(np.where(holes, 0.0, values), begins, axis=1)
    return np.where(np.logical_and.reduceat(holes, begins, axis=1), np.nan, total)


_JOIN: dict[str, Callable[[Values, Places], Values]] = {
    "open": _first,
    "high": lambda values, begins: np.fmax.reduceat(values, begins, axis=1),
    "low": lambda values, begins: np.fmin.reduceat(values, begins, axis=1),
    "close": _last,
    "volume": _total,
}
