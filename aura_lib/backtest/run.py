"""One call from a strategy to a Backtest: window, slots, loop, and a second question."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date, datetime
from time import perf_counter
from typing import Any

import pandas as pd

from aura_lib.backtest.counting import COMPLETED, INTERRUPTED, counted
from aura_lib.backtest.determinism import Untouched, repeats
from aura_lib.backtest.doors import from_rule
from aura_lib.backtest.replay import play
from aura_lib.backtest.result import Backtest
from aura_lib.backtest.statistics import periods_per_year
from aura_lib.backtest.sweep.rule import Rule
from aura_lib.core import (
    Bars,
    Calendar,
    DataError,
    InputError,
    Mandate,
    Progress,
    Schedule,
    day_or_moment,
    utc,
    watched,
)
from aura_lib.core.market import Shared
from aura_lib.exchange import Costs, FillModel, Terms
from aura_lib.plan import Decide
from aura_lib.risk import Limits

Moment = str | date | datetime


def run(
    decide: Decide | Rule,
    bars: Bars,
    mandate: Mandate,
    *,
    params: Mapping[str, Any] | None = None,
    schedule: str,
    start: Moment | None = None,
    end: Moment | None = None,
    warmup: int = 0,
    costs: Costs | None = None,
    fills: FillModel | None = None,
    terms: Terms | None = None,
    actions: pd.DataFrame | None = None,
    limits: Limits | None = None,
    features: Mapping[str, Any] | None = None,
    delay: int = 0,
    name: str = "book",
    progress: Progress | None = None,
) -> Backtest:
    """Backtest a strategy: `decide` at every slot of `schedule` from `start` to `end`, filled at the next bar.

    `decide(market, account, mandate, **params)` returns TargetWeights, Signals or a list of Intents; a compiled
    `Rule` trades what it wants of each symbol, an equal share of equity each, whenever that changes. `features` are
    frames or Series by time, which the strategy sees cut at its slot; `fills` says at which price of a bar orders
    fill, `actions` (columns time, symbol, dividend, split) what befell unadjusted prices, `terms` what the account
    may do (by default what the mandate asks for), `delay` by how many bars orders come late. `start` and `end` are
    session dates (a day without a session means the next, or the one before) or moments with a zone; without
    them the bars' first and last. Slots before `bars[warmup]` are left out: a strategy that looks back needs it,
    or a later `start`; bars before the start stay visible to it. `progress(done, total)` is told every slot; without
    it a line on stderr tells a person once two seconds have passed. An interrupt ends the run after its slot: what
    was done by then is returned, and says so, as does a run that ended in bankruptcy.

    Afterwards it is asked again at two of its slots, with what it saw there: where it wishes for something else it
    is not deterministic, and the result says so and warns.

    Raises InputError for dates outside the bars, a universe the bars do not have, or no slot in the window;
    DataError when the schedule's session has no bar; and what the strategy raises, with its slot.
    """
    unknown = [symbol for symbol in mandate.universe if symbol not in bars.instruments]
    if unknown:
        raise InputError(f"the mandate's universe names {unknown}; these bars ({bars.source}) do not have them")
    began = perf_counter()
    first, last = _window(bars, start, end, warmup)
    history = bars.until(last)
    plan = Schedule.parse(schedule)
    slots = _slots(plan, history, first, last)
    planned = perf_counter()
    charged, bounds = costs or Costs(), limits or Limits.of(mandate)
    if isinstance(decide, Rule):
        more = {"fills": fills, "terms": terms, "actions": actions, "delay": delay or None}
        asked = {name: value for name, value in more.items() if value is not None}
        return from_rule(
            decide, history, history.between(first, last), mandate, slots=slots, schedule=str(plan), params=params,
            costs=charged, limits=bounds, name=name, more=asked,
        )  # fmt: skip
    untouched, shared = Untouched(params), Shared(history, features)
    with counted(
        decide, bars, window=(first, last), schedule=str(plan), params=params, mandate=mandate,
        costs=(charged, bounds, fills, terms), periods=periods_per_year(bars.frequency, bars.calendar),
    ) as trial, watched(progress, "backtest", "slots") as told:  # fmt: skip
        result = play(
            decide,
            shared,
            mandate,
            slots=slots,
            params=untouched.given,
            costs=charged,
            fills=fills,
            terms=terms,
            actions=actions,
            limits=bounds,
            account=None,
            delay=delay,
            name=name,
            progress=trial.watch(told),
        )
        ended = result.stopped or result.bankrupt or last
        timing = {"calendar": planned - began, **result.seconds}
        again = () if result.stopped else repeats(decide, shared, mandate, result, params=untouched.given)
        odd = tuple(again)
        untouched.check()
        book = Backtest(result, history.between(first, ended), mandate, schedule, dict(params or {}), timing, odd)
        outcome = INTERRUPTED if result.stopped else COMPLETED
        figures = {"n_slots": len(result.slots), "n_fills": len(result.fills)}
        trial.completed(book.returns, outcome=outcome, statistics=figures)
    if odd:
        warnings.warn(f"decide is not deterministic: {odd[0]}", UserWarning, stacklevel=2)
    return book


def _window(bars: Bars, start: Moment | None, end: Moment | None, warmup: int) -> tuple[datetime, datetime]:
    calendar = Calendar.of(bars.calendar)
    first = bars.start if start is None else _edge(calendar, start, "start")
    last = bars.end if end is None else _edge(calendar, end, "end")
    span = f"these bars ({bars.source}) run from {bars.start:%Y-%m-%d} to {bars.end:%Y-%m-%d}"
    if first < bars.start or last > bars.end:
        raise InputError(f"start={first:%Y-%m-%d}, end={last:%Y-%m-%d} reach outside the data: {span}")
    if warmup not in range(len(bars)):
        raise InputError(f"warmup={warmup!r} must be a number of bars from 0 to {len(bars) - 1}: {span}")
    first = max(first, utc(bars.times[warmup]))
    if first > last:
        raise InputError(
            f"the window is empty: it would start {first:%Y-%m-%d}, warm-up included, and end {last:%Y-%m-%d}"
        )
    return first, last


def _edge(calendar: Calendar, when: Moment, name: str) -> datetime:
    """A moment; a date means its session's close, and a day without one the next session (start) or the last (end)."""
    known = day_or_moment(when, name)
    if isinstance(known, datetime):
        return known
    day = pd.Timestamp(known)
    position = int(calendar.sessions.searchsorted(day, side="left" if name == "start" else "right"))
    position -= name == "end"
    if not 0 <= position < len(calendar.sessions):
        raise InputError(f"{name}={when} is outside the {calendar.name} calendar")
    return utc(calendar.closes[position])


def _slots(schedule: Schedule, bars: Bars, first: datetime, last: datetime) -> pd.DatetimeIndex:
    slots = schedule.slots(first, last)
    if not len(slots):
        raise InputError(f"'{schedule}' has no slot between {first:%Y-%m-%d} and {last:%Y-%m-%d}")
    missing = slots.difference(bars.times)
    if len(missing) and schedule.calendar == bars.calendar and bars.frequency != "1w":
        some = ", ".join(f"{slot:%Y-%m-%d}" for slot in missing[:5])
        raise DataError(f"{len(missing)} slots of '{schedule}' have no bar ({some}): the data miss their sessions")
    return slots
