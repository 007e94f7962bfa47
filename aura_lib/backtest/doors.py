"""Backtests of tables: target weights, orders or signals that were worked out beforehand, a row a decision."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.batch import Batch, NotPlain, plain
from aura_lib.backtest.replay import Replay, replay
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.tape import Tape
from aura_lib.core import Account, Bars, InputError, Intent, Mandate, Market, Side, TargetWeights, utc
from aura_lib.exchange import Costs
from aura_lib.risk import Limits

Decide = Callable[[Market, Account, Mandate], Any]


def from_weights(
    weights: pd.DataFrame,
    bars: Bars,
    mandate: Mandate,
    *,
    costs: Costs | None = None,
    limits: Limits | None = None,
    name: str = "book",
    **more: Any,
) -> Backtest:
    """Backtest a table of target weights, a row a decision (time × symbol), the same as if `decide` had returned them.

    Each row is decided on at its bar, on that bar's closes, and filled at the next; a row of NaN decides nothing, and
    a symbol that is not a column is not held. Where whole rows of a long cash account can be worked out in floats
    without a doubt about a lot, they are; else, and for `more` of the arguments of `replay` (`fills`, `actions`,
    `delay`, …), the event loop plays it: the result is the same.

    Raises InputError for rows that are no bars, unknown symbols, or NaN beside numbers; and what the plan raises.
    """
    rows, table = _table(weights, bars, mandate, "weights")
    columns = [str(c) for c in weights.columns]

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        row = table[places[market.as_of]]
        held = {s: w for s, w in zip(columns, row.tolist(), strict=True) if w}
        return TargetWeights(held, market.as_of, long_only=not mandate.short, max_gross=mandate.max_gross)

    places = {utc(time): n for n, time in enumerate(bars.times[rows])}

    def arrays(batch: Batch) -> None:
        aligned = np.zeros((len(rows), len(batch.symbols)))
        aligned[:, [batch.symbols.index(s) for s in columns]] = table
        for row, wish in zip(rows.tolist(), aligned, strict=True):
            batch.weigh(row, wish)

    return _play(decide, arrays, "the rows of weights", bars, mandate, rows, costs, limits, name, more)


def from_orders(
    sizes: pd.DataFrame,
    bars: Bars,
    mandate: Mandate,
    *,
    costs: Costs | None = None,
    limits: Limits | None = None,
    name: str = "book",
    **more: Any,
) -> Backtest:
    """Backtest a table of market orders, a row a decision (time × symbol): signed units, zero or NaN for none.

    They are sent at their row's bar and filled at the next, sells first. For the rest see `from_weights`.

    Raises InputError for rows that are no bars, unknown symbols, or a size that is no multiple of the lot.
    """
    filled = sizes.fillna(0.0) if isinstance(sizes, pd.DataFrame) else sizes
    rows, table = _table(filled, bars, mandate, "sizes")
    wanted = (table != 0).any(axis=1)
    rows, table = rows[wanted], table[wanted]
    columns = [str(c) for c in sizes.columns]
    instruments = [bars.instruments[s] for s in columns]
    table = _lots(table, np.array([float(i.lot) for i in instruments]), columns)
    order = sorted(range(len(columns)), key=columns.__getitem__)
    places = {utc(time): n for n, time in enumerate(bars.times[rows])}

    def decide(market: Market, account: Account, mandate: Mandate) -> list[Intent]:
        row = table[places[market.as_of]].tolist()
        legs = [(instruments[n], Decimal(round(row[n])) * instruments[n].lot) for n in order if row[n]]
        return [Intent(i, Side.BUY if units > 0 else Side.SELL, abs(units)) for i, units in legs]

    def arrays(batch: Batch) -> None:
        aligned = np.zeros((len(rows), len(batch.symbols)))
        aligned[:, [batch.symbols.index(s) for s in columns]] = table
        for row, lots in zip(rows.tolist(), aligned, strict=True):
            batch.send(row, lots * batch.lot)

    return _play(decide, arrays, "the rows of sizes", bars, mandate, rows, costs, limits, name, more)


def _table(
    given: Any, bars: Bars, mandate: Mandate, name: str
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """The rows of the bars a table decides at, and its numbers there."""
    index = getattr(given, "index", None)
    if not isinstance(given, pd.DataFrame) or not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(f"{name} must be a frame, time × symbol, indexed by the times of bars (with a zone)")
    unknown = [str(c) for c in given.columns if c not in mandate.universe]
    if unknown or not given.columns.is_unique:
        raise InputError(f"{name}: columns must be symbols of the mandate's universe, each once; not {unknown}")
    if not index.is_unique or not index.is_monotonic_increasing:
        raise InputError(f"{name}: the times must ascend, each once")
    rows = bars.times.get_indexer(index.tz_convert("UTC").as_unit("us"))
    if (rows < 0).any():
        raise InputError(f"{name}: {index[int((rows < 0).argmax())]} is no bar of {bars.source}: use the bars' times")
    numbers = given.to_numpy(dtype="float64")
    gaps = np.isnan(numbers)
    decided = ~gaps.all(axis=1)
    if gaps[decided].any():
        at, column = np.argwhere(gaps & decided[:, None])[0]
        raise InputError(
            f"{name} of {given.columns[column]} at {index[at]} is NaN beside numbers: write 0 for what is not held, "
            "and NaN for a whole row that decides nothing"
        )
    return rows[decided].astype(np.int64), numbers[decided]


def _lots(
    units: np.ndarray[Any, np.dtype[np.float64]], lot: np.ndarray[Any, np.dtype[np.float64]], columns: list[str]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    lots = units / lot
    whole = np.rint(lots)
    wrong = np.abs(lots - whole) > 1e-6
    if wrong.any() or not np.isfinite(lots).all():
        at, column = np.argwhere(wrong | ~np.isfinite(lots))[0]
        raise InputError(f"{columns[column]}: {units[at, column]} units are no multiple of the lot {lot[column]}")
    return whole


def _play(
    decide: Decide,
    arrays: Callable[[Batch], None],
    schedule: str,
    bars: Bars,
    mandate: Mandate,
    rows: np.ndarray[Any, np.dtype[np.int64]],
    costs: Costs | None,
    limits: Limits | None,
    name: str,
    more: dict[str, Any],
) -> Backtest:
    """Over arrays where that is sure to be the same, else slot by slot."""
    began = perf_counter()
    charged, bounds = costs or Costs(), limits or Limits()

    def loop() -> Replay:
        return replay(decide, bars, mandate, slots=bars.times[rows], costs=charged, limits=bounds, name=name, **more)

    if more or not plain(bars, mandate, charged):
        played = loop()
        return Backtest(played, bars, mandate, schedule, {}, dict(played.seconds))
    batch = Batch(bars, mandate, charged, bounds)
    try:
        arrays(batch)
    except NotPlain:
        played = loop()
        return Backtest(played, bars, mandate, schedule, {}, dict(played.seconds))
    opening = Account(name, mandate.capital, mandate.currency)
    tape = Tape(batch.trades, batch.touched(), batch.counts(len(rows)), opening, charged, bounds, loop)
    return Backtest(tape, bars, mandate, schedule, {}, {"arrays": perf_counter() - began})
