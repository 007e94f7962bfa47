"""Bars: checked prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core.errors import DataError, InputError
from aura_lib.core.instrument import Instrument
from aura_lib.core.times import utc

if TYPE_CHECKING:
    from typing import Self

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Bars:
    """A checked OHLCV panel, time × symbol.

    `fields` maps a field name to a float64 frame; `close` is always there. The index is the moment each
    bar closed, UTC, strictly ascending: a bar is known from its stamp on. NaN means that the symbol did
    not trade (before its listing, a halt). `frequency` is 1m … 1d, 1w; `adjustment` says what the prices
    were corrected for; `snapshot` names the stored version they came from, empty when they came from memory.

    Raises InputError when the shape is wrong, DataError when a price cannot be true.
    """

    fields: Mapping[str, pd.DataFrame]
    source: str
    frequency: str = "1d"
    calendar: str = "XNYS"
    adjustment: str = "splits and dividends"
    snapshot: str = ""
    instruments: Mapping[str, Instrument] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "close" not in self.fields:
            raise InputError(f"Bars need a 'close' field; given: {sorted(self.fields) or 'none'}")
        unknown = set(self.fields) - set(FIELDS)
        if unknown:
            raise InputError(f"unknown fields {sorted(unknown)}; Bars know {', '.join(FIELDS)}")
        checked = {name: _checked(name, frame, self.fields["close"]) for name, frame in self.fields.items()}
        object.__setattr__(self, "fields", MappingProxyType(checked))
        given = dict(self.instruments)
        names = list(checked["close"].columns)
        known = {s: given.get(s) or Instrument(s, venue=self.calendar) for s in names}
        object.__setattr__(self, "instruments", MappingProxyType(known))

    def _view(self, **changes: Any) -> Self:
        """A copy with other frames and no second check: slices of checked frames are checked."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, **changes)
        return view

    @property
    def close(self) -> pd.DataFrame:
        """Closing prices, time × symbol."""
        return self.fields["close"]

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name in FIELDS:
            fields = self.__dict__.get("fields", {})
            if name in fields:
                frame: pd.DataFrame = fields[name]
                return frame
            raise DataError(f"these bars ({self.source}) have no {name}; they have {', '.join(fields)}")
        raise AttributeError(name)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in column order."""
        return tuple(self.instruments)

    @property
    def times(self) -> pd.DatetimeIndex:
        """The moment each bar closed, UTC."""
        index = self.fields["close"].index
        assert isinstance(index, pd.DatetimeIndex)
        return index

    def __len__(self) -> int:
        return len(self.times)

    @property
    def start(self) -> datetime:
        """Moment of the first bar."""
        return utc(self._any_bar()[0])

    @property
    def end(self) -> datetime:
        """Moment of the last bar."""
        return utc(self._any_bar()[-1])

    def _any_bar(self) -> pd.DatetimeIndex:
        if not len(self):
            raise DataError(f"these bars ({self.source}) are empty")
        return self.times

    def _rows(self, first: int, last: int) -> Self:
        cut = {name: frame.iloc[first:last] for name, frame in self.fields.items()}
        return self._view(fields=MappingProxyType(cut))

    def until(self, as_of: datetime) -> Self:
        """The bars known at a moment: closed at or before it. A view."""
        return self._rows(0, int(self.times.searchsorted(pd.Timestamp(utc(as_of, "as_of")), side="right")))

    def between(self, start: datetime, end: datetime) -> Self:
        """The bars closed in [start, end]. A view."""
        first = self.times.searchsorted(pd.Timestamp(utc(start, "start")), side="left")
        last = self.times.searchsorted(pd.Timestamp(utc(end, "end")), side="right")
        return self._rows(int(first), int(last))

    def select(self, symbols: Iterable[str]) -> Self:
        """The bars of some symbols, in the order asked for. An unknown symbol raises InputError."""
        wanted = list(symbols)
        unknown = [s for s in wanted if s not in self.instruments]
        if unknown or not wanted:
            known = ", ".join(self.symbols[:20])
            raise InputError(f"no bars for {unknown or 'an empty list of symbols'}; these bars know {known}")
        cut = {name: frame[wanted] for name, frame in self.fields.items()}
        return self._view(
            fields=MappingProxyType(cut), instruments=MappingProxyType({s: self.instruments[s] for s in wanted})
        )


def _checked(name: str, frame: pd.DataFrame, close: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{name} must be a DataFrame (time × symbol), not {type(frame).__name__}")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(f"{name} must be indexed by times with a zone (the moment each bar closed), not {index.dtype}")
    if not frame.columns.is_unique or not all(isinstance(c, str) and c for c in frame.columns):
        raise InputError(f"{name}: columns must be unique symbols, not {list(frame.columns)[:10]}")
    if not index.is_monotonic_increasing or not index.is_unique:
        bad = index[index.duplicated()]
        detail = f"{bad[0]} appears twice" if len(bad) else "they are not in order"
        raise InputError(f"{name}: times must be unique and ascending; {detail}")
    if frame is not close and not (index.equals(close.index) and frame.columns.equals(close.columns)):
        raise InputError(f"{name} and close must have the same times and symbols")
    try:
        frame = frame.astype("float64").set_axis(index.tz_convert("UTC").as_unit("us"), axis=0)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds something that is no number: {error}") from None
    values = frame.to_numpy()
    wrong = np.isinf(values) | ((values < 0) if name == "volume" else (values <= 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"{name} of {frame.columns[column]} at {frame.index[row]} is {values[row, column]}; "
            f"{int(wrong.sum())} such value(s): mend or drop them before making Bars"
        )
    return frame
