"""A store as anyone would write it who has time and memory: dictionaries of rows. What a real one is held against.

It knows the nouns (Bars, Instrument) and nothing else of ours. An unknown value is None; a row is a tuple in the order
of FIELDS. Two states are equal when everything that can be asked of them is; so two versions of a store must have the
same snapshot id exactly when their states are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from aura_lib.core import Bars, Instrument

FIELDS = ("open", "high", "low", "close", "volume")
Row = tuple[float | None, ...]
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class State:
    """One version, by content."""

    series: Key
    fields: tuple[str, ...]
    rows: Mapping[str, Mapping[int, Row]]  # symbol → microseconds → row
    instruments: Mapping[str, Instrument]
    empty: frozenset[int]  # moments of the panel that was put at which nothing traded
    actions: Mapping[tuple[int, str], tuple[float | None, float | None]]

    def get(
        self,
        symbols: Sequence[str] | None = None,
        *,
        fields: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Frames by field. Of all symbols the whole panel; of some the moments at which one of them has a bar."""
        wanted = sorted(self.rows) if symbols is None else list(symbols)
        times = {time for symbol in wanted for time in self.rows[symbol]} | (self.empty if symbols is None else set())
        low = _us(start) if start is not None else min(times, default=0)
        high = _us(end) if end is not None else max(times, default=0)
        index = sorted(time for time in times if low <= time <= high)
        stamps = pd.DatetimeIndex(pd.to_datetime(index, unit="us", utc=True)).as_unit("us")
        shown = [n for n in self.fields if fields is None or n == "close" or n in fields]
        nothing: Row = (None,) * len(FIELDS)
        return {
            name: pd.DataFrame(
                [[self.rows[s].get(time, nothing)[FIELDS.index(name)] for s in wanted] for time in index],
                stamps, wanted, dtype="float64",
            )
            for name in shown
        }  # fmt: skip

    def table(self, symbols: Sequence[str] | None = None) -> list[tuple[int, str, float | None, float | None]]:
        """The corporate actions by time then symbol."""
        return [(t, s, *v) for (t, s), v in sorted(self.actions.items()) if symbols is None or s in symbols]


class Nothing(Exception):
    """Bars without a price cannot be the first of a series that are added; a store refuses them with an InputError."""


@dataclass
class Model:
    """Versions of series, in memory."""

    log: dict[Key, list[State]] = field(default_factory=dict)

    def put(self, bars: Bars, actions: pd.DataFrame | None = None) -> State:
        """The newest version is exactly these bars."""
        rows = _rows(bars)
        traded = {time for held in rows.values() for time in held}
        empty = frozenset(_times(bars)) - traded
        state = State(_key(bars), _fields(bars), rows, dict(bars.instruments), frozenset(empty), _actions(actions))
        return self._record(state)

    def add(self, bars: Bars, actions: pd.DataFrame | None = None) -> State:
        """The newest version is what it was and these bars over it; moments without any bar say nothing."""
        old = self.newest(_key(bars))
        if old is None:
            old = State(_key(bars), (), {}, {}, frozenset(), {})
        new = _rows(bars)
        if not any(old.rows.values()) and not old.empty and not any(new.values()):
            raise Nothing
        rows = {s: {**old.rows.get(s, {}), **new.get(s, {})} for s in {*old.rows, *new}}
        traded = {time for held in rows.values() for time in held}
        fields = tuple(name for name in FIELDS if name in {*old.fields, *_fields(bars)})
        instruments = {**old.instruments, **bars.instruments}
        state = State(old.series, fields, rows, instruments, old.empty - traded, {**old.actions, **_actions(actions)})
        return self._record(state)

    def newest(self, series: Key) -> State | None:
        """The last version of a series."""
        return self.log[series][-1] if self.log.get(series) else None

    def _record(self, state: State) -> State:
        if self.newest(state.series) != state:
            self.log.setdefault(state.series, []).append(state)
        return state


def _key(bars: Bars) -> Key:
    return bars.source, bars.frequency, bars.calendar, bars.adjustment


def _fields(bars: Bars) -> tuple[str, ...]:
    return tuple(name for name in FIELDS if name in bars.fields)


def _times(bars: Bars) -> list[int]:
    return [_us(moment) for moment in bars.fields["close"].index]


def _us(moment: Any) -> int:
    return int(pd.Timestamp(moment).value) // 1000  # `value` is in nanoseconds, whatever the unit


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _rows(bars: Bars) -> dict[str, dict[int, Row]]:
    times = _times(bars)
    held: dict[str, dict[int, Row]] = {symbol: {} for symbol in bars.symbols}
    for symbol in bars.symbols:
        columns = [bars.fields[n][symbol].tolist() if n in bars.fields else [float("nan")] * len(times) for n in FIELDS]
        for time, row in zip(times, zip(*columns, strict=True), strict=True):
            known = tuple(map(_known, row))
            if any(value is not None for value in known):
                held[symbol][time] = known
    return held


def _actions(actions: pd.DataFrame | None) -> dict[tuple[int, str], tuple[float | None, float | None]]:
    if actions is None:
        return {}
    return {
        (_us(row.time), str(row.symbol)): (_known(row.dividend), _known(row.split))
        for row in actions.itertuples(index=False)
    }
