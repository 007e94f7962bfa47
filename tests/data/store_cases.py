"""Small bars for tests of stores, and how what a store gives is held against the plain model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from aura_lib.core import Bars, InputError, Instrument
from aura_lib.data.store.port import Keeper
from tests.data.store_model import Model, Nothing, State

FIELDS = ("open", "high", "low", "close", "volume")
MOMENTS = pd.date_range("2019-11-20T21:00Z", periods=24, freq="35D", unit="us")  # some of them a year apart and more
SYMBOLS = ("A", "B", "BRK/B", "É 1", "^Z")


@dataclass(frozen=True)
class Step:
    """Something done to a store."""

    what: str  # put, add
    bars: Bars
    actions: pd.DataFrame | None


@st.composite
def bars(draw: st.DrawFn, source: str = "test", frequency: str = "1d") -> Bars:
    """Any small panel: some moments, some symbols, some fields, holes."""
    times = sorted(draw(st.sets(st.integers(0, len(MOMENTS) - 1), min_size=1, max_size=8)))
    symbols = draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4, unique=True))
    fields = ["close", *sorted(draw(st.sets(st.sampled_from(["open", "high", "low", "volume"]), max_size=2)))]
    price = st.one_of(st.just(float("nan")), st.sampled_from([1.0, 2.0, 2.5, 1e-300, 1e300]))
    size = len(times) * len(symbols)
    frames = {}
    for name in fields:
        values = draw(st.lists(price, min_size=size, max_size=size))
        frames[name] = pd.DataFrame(np.reshape(values, (len(times), len(symbols))), MOMENTS[times], symbols)
    tick = draw(st.sampled_from(["USD", "EUR"]))
    return Bars(frames, source, frequency, instruments={"A": Instrument("A", currency=tick)})


@st.composite
def actions(draw: st.DrawFn) -> pd.DataFrame | None:
    """No table, or a few splits and dividends."""
    if draw(st.booleans()):
        return None
    keys = draw(st.lists(st.tuples(st.sampled_from(range(6)), st.sampled_from(SYMBOLS[:2])), max_size=3, unique=True))
    value = st.sampled_from([0.0, 0.25, float("nan")])
    rows = [(MOMENTS[when], symbol, draw(value), draw(st.sampled_from([1.0, 2.0]))) for when, symbol in keys]
    return pd.DataFrame(rows, columns=["time", "symbol", "dividend", "split"]).astype(
        {"time": "datetime64[us, UTC]", "symbol": "str", "dividend": "float64", "split": "float64"}
    )


steps = st.lists(
    st.builds(Step, st.sampled_from(["put", "add", "add", "add"]), bars(), actions()), min_size=1, max_size=6
)


def apply(step: Step, keeper: Keeper, model: Model) -> tuple[str, State] | None:
    """Do a step to both; the snapshot and the state that came out, None when both refuse it."""
    if step.what == "put":
        return keeper.put(step.bars, step.actions).snapshot, model.put(step.bars, step.actions)
    try:
        state = model.add(step.bars, step.actions)
    except Nothing:
        with pytest.raises(InputError, match="cannot begin it"):
            keeper.add(step.bars, step.actions)
        return None
    return keeper.add(step.bars, step.actions).snapshot, state


def agree(
    keeper: Keeper,
    snapshot: str,
    state: State,
    symbols: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> None:
    """The store gives of a snapshot what the model knows of its state, to the last bit."""
    found = keeper.get(snapshot, symbols, fields=fields, start=start, end=end)
    expected = state.get(symbols, fields=fields, start=start, end=end)
    assert list(found.fields) == list(expected)
    assert found.snapshot == snapshot
    for name, frame in expected.items():
        assert list(found.fields[name].columns) == list(frame.columns)
        assert found.fields[name].index.equals(frame.index)
        assert _bits(found.fields[name]) == _bits(frame)
    assert dict(found.instruments) == {symbol: state.instruments[symbol] for symbol in found.symbols}
    assert (found.source, found.frequency, found.calendar, found.adjustment) == state.series
    assert _plain(keeper.actions(snapshot, symbols)) == _plain_rows(state.table(symbols))


def held(keeper: Keeper, snapshot: str, state: State) -> None:
    """What a version tells of itself is true."""
    version = keeper.version(snapshot)
    assert sorted(version.held) == sorted(state.rows)
    for symbol, rows in state.rows.items():
        told = version.held[symbol]
        assert told.instrument == state.instruments[symbol]
        assert told.rows == len(rows)
        if rows:
            assert (told.first, told.last) == (_moment(min(rows)), _moment(max(rows)))


def _moment(time: int) -> datetime:
    return pd.Timestamp(time, unit="us", tz="UTC").to_pydatetime()


def _bits(frame: pd.DataFrame) -> bytes:
    values = frame.to_numpy("float64")
    return bytes(np.where(np.isnan(values), np.nan, values).tobytes())


def _plain(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    assert list(table.columns) == ["time", "symbol", "dividend", "split"]
    assert str(table["time"].dtype) == "datetime64[us, UTC]"
    rows = [(int(row.time.value) // 1000, row.symbol, row.dividend, row.split) for row in table.itertuples()]
    return _plain_rows(rows)


def _plain_rows(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(None if value != value else value for value in row) for row in rows]
