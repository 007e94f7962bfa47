"""Backtests of tables: target weights, orders or signals that were worked out beforehand, a row a decision."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest import batch
from aura_lib.backtest.counting import COMPLETED, INTERRUPTED, counted
from aura_lib.backtest.replay import Replay
from aura_lib.backtest.replay import replay as play
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.statistics import periods_per_year
from aura_lib.backtest.tape import Tape
from aura_lib.core import (
    Account,
    Bars,
    InputError,
    Intent,
    Mandate,
    Market,
    Progress,
    Side,
    Signals,
    TargetWeights,
    utc,
)
from aura_lib.exchange import Costs
from aura_lib.risk import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.rule import Rule

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

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
    `delay`, …), the event loop plays it: the result is the same. It counts as a trial: the table is its code.

    Raises InputError for rows that are no bars, unknown symbols, or NaN beside numbers; and what the plan raises.
    """
    rows, table = _table(weights, bars, mandate, "weights")
    columns = [str(c) for c in weights.columns]

    def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
        row = table[places[market.as_of]]
        held = {s: w for s, w in zip(columns, row.tolist(), strict=True) if w}
        return TargetWeights(held, market.as_of, long_only=not mandate.short, max_gross=mandate.max_gross)

    places = {utc(time): n for n, time in enumerate(bars.times[rows])}

    told = _Told(batch.WEIGHTS, rows, table, columns, decide, "the rows of weights")
    return _tried(from_weights, told, bars, mandate, costs, limits, name, more)


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

    units = table * np.array([float(i.lot) for i in instruments])
    told = _Told(batch.UNITS, rows, units, columns, decide, "the rows of sizes")
    return _tried(from_orders, told, bars, mandate, costs, limits, name, more)


def from_signals(
    entries: pd.DataFrame,
    exits: pd.DataFrame,
    bars: Bars,
    mandate: Mandate,
    *,
    weight: float | None = None,
    costs: Costs | None = None,
    limits: Limits | None = None,
    name: str = "book",
    **more: Any,
) -> Backtest:
    """Backtest tables of signals (time × symbol, True or False), the same as if `decide` had returned `Signals`.

    An entry buys `weight` of equity (by default an equal share: one over the number of symbols in the universe) of
    what is not held, an exit sells all that is; where a row says both, the exit counts. For the rest see
    `from_weights`.

    Raises InputError for rows that are no bars, unknown symbols, or anything but True and False.
    """
    share = 1 / len(mandate.universe) if weight is None else weight
    for table, label in ((entries, "entries"), (exits, "exits")):
        if not isinstance(table, pd.DataFrame) or not all(d.kind == "b" for d in table.dtypes):
            raise InputError(f"{label} must be a frame of True and False, time × symbol")
    both = entries.index.union(exits.index)
    columns = [str(c) for c in entries.columns.union(exits.columns, sort=False)]
    into, out = (t.reindex(index=both, columns=columns, fill_value=False) for t in (entries, exits))
    rows, leave = _table(out.astype("float64"), bars, mandate, "signals")
    enter = into.to_numpy() & (leave == 0)
    some = (enter | (leave != 0)).any(axis=1)
    rows, enter, leave = rows[some], enter[some], leave[some] != 0
    places = {utc(time): n for n, time in enumerate(bars.times[rows])}

    def decide(market: Market, account: Account, mandate: Mandate) -> Signals:
        n = places[market.as_of]
        into = {columns[k]: share for k in np.flatnonzero(enter[n])}
        return Signals(into, [columns[k] for k in np.flatnonzero(leave[n])], as_of=market.as_of)

    wished = np.where(leave, 0.0, np.where(enter, share, np.nan))
    told = _Told(batch.ENTRIES, rows, wished, columns, decide, "the rows of signals")
    return _tried(from_signals, told, bars, mandate, costs, limits, name, more)


def from_rule(
    rule: Rule,
    history: Bars,
    bars: Bars,
    mandate: Mandate,
    *,
    slots: pd.DatetimeIndex,
    schedule: str,
    params: Mapping[str, Any] | None,
    costs: Costs,
    limits: Limits,
    name: str,
    more: dict[str, Any],
) -> Backtest:
    """What a compiled rule with chosen parameters wants, traded like target weights whenever it changes.

    Each symbol of the mandate has an equal share of equity. `bars` is the window of `history` that is traded in.
    """
    columns = list(mandate.universe)
    given = dict(params or {})
    with counted(
        rule, history, window=(bars.start, bars.end), schedule=schedule, params=given, mandate=mandate,
        costs=(costs, limits, *more.values()), periods=periods_per_year(bars.frequency, bars.calendar), code=rule.code,
    ) as trial:  # fmt: skip
        before = len(history.until(bars.end)) - len(bars)
        rows = bars.times.searchsorted(slots, side="right").astype(np.int64) - 1
        wanted = rule.positions(history.select(columns), **given)[rows + before]
        changed = np.diff(wanted, axis=0, prepend=0.0) != 0
        table = np.where(changed, wanted / len(columns), np.nan)
        some = changed.any(axis=1)
        rows, table = rows[some], table[some]
        places = dict(zip(bars.times[rows].to_pydatetime().tolist(), range(len(rows)), strict=True))

        def decide(market: Market, account: Account, mandate: Mandate) -> TargetWeights:
            row = table[places[market.as_of]].tolist()
            wish = {s: w for s, w in zip(columns, row, strict=True) if w == w}
            gross = max(1.0, mandate.max_gross)
            return TargetWeights(wish, market.as_of, long_only=not mandate.short, max_gross=gross, keep_others=True)

        told = _Told(batch.SOME_WEIGHTS, rows, table, columns, decide, schedule)
        book = replace(_play(told, bars, mandate, costs, limits, name, more), params=given)
        trial.done = trial.total = len(slots)
        trial.completed(book.returns, statistics={"n_slots": len(slots), "n_fills": len(book.executions)})
    return book


def _table(given: Any, bars: Bars, mandate: Mandate, name: str) -> tuple[Rows, Floats]:
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


def _lots(units: Floats, lot: Floats, columns: list[str]) -> Floats:
    lots = units / lot
    whole = np.rint(lots)
    wrong = np.abs(lots - whole) > 1e-6
    if wrong.any() or not np.isfinite(lots).all():
        at, column = np.argwhere(wrong | ~np.isfinite(lots))[0]
        raise InputError(f"{columns[column]}: {units[at, column]} units are no multiple of the lot {lot[column]}")
    return whole


@dataclass(frozen=True, eq=False, slots=True)
class _Told:
    """A table of decisions, and the strategy that would have made them."""

    kind: int
    rows: Rows
    table: Floats
    columns: list[str]
    decide: Decide
    schedule: str

    def summary(self) -> str:
        """What the trial ledger says of it."""
        return f"{len(self.rows):,} rows × {len(self.columns):,} symbols"

    def digest(self) -> str:
        """A hash of everything in it, in whatever order its columns stand."""
        order = sorted(range(len(self.columns)), key=self.columns.__getitem__)
        sha = hashlib.sha256(repr([self.kind, [self.columns[n] for n in order]]).encode())
        sha.update(self.rows.tobytes() + np.ascontiguousarray(self.table[:, order] + 0.0).tobytes())
        return sha.hexdigest()


def _tried(
    door: Callable[..., Backtest],
    told: _Told,
    bars: Bars,
    mandate: Mandate,
    costs: Costs | None,
    limits: Limits | None,
    name: str,
    more: dict[str, Any],
) -> Backtest:
    """Play a table, and count it: other numbers in it are another trial, whoever worked them out."""
    given = {key: value for key, value in more.items() if key != "progress"}
    with counted(
        door, bars, window=(bars.start, bars.end), schedule=told.schedule, params={"table": told.summary()},
        mandate=mandate, costs=(costs or Costs(), limits or Limits.of(mandate), given),
        periods=periods_per_year(bars.frequency, bars.calendar), code=told.digest(),
    ) as trial:  # fmt: skip
        trial.total = len(told.rows)
        watched = {**more, "progress": trial.watch(more["progress"])} if more.get("progress") else more
        book = _play(told, bars, mandate, costs, limits, name, watched, trial.watch(None))
        trial.done = trial.total
        outcome = COMPLETED if book.source.stopped is None else INTERRUPTED
        trial.completed(book.returns, outcome=outcome, statistics={"n_fills": len(book.executions)})
    return book


def _play(
    told: _Told,
    bars: Bars,
    mandate: Mandate,
    costs: Costs | None,
    limits: Limits | None,
    name: str,
    more: dict[str, Any],
    tell: Progress | None = None,
) -> Backtest:
    """Over arrays where that is sure to be the same, else slot by slot."""
    began = perf_counter()
    charged, bounds = costs or Costs(), limits or Limits.of(mandate)

    def loop() -> Replay:
        asked = {"progress": tell, **more}
        return play(
            told.decide, bars, mandate, slots=bars.times[told.rows], costs=charged, limits=bounds, name=name, **asked
        )

    fits = not more and batch.plain(bars, mandate, charged)
    done = batch.play(told.kind, told.rows, told.table, told.columns, bars, mandate, charged, bounds) if fits else None
    if done is None:
        played = loop()
        return Backtest(played, bars, mandate, told.schedule, {}, dict(played.seconds))
    opening = Account(name, mandate.capital, mandate.currency)
    tape = Tape(done.trades, done.touched, done.counts, opening, charged, bounds, loop)
    return Backtest(tape, bars, mandate, told.schedule, {}, {"arrays": perf_counter() - began})
