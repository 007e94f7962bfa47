"""When a strategy is asked, with which account, and which of those moments are worth asking again."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.causality.answers import Raised
from aura_lib.backtest.replay import replay
from aura_lib.core import (
    Account,
    AuraError,
    Bars,
    Calendar,
    InputError,
    Mandate,
    Market,
    Schedule,
    day_or_moment,
    utc,
)
from aura_lib.exchange import Costs

Decide = Callable[..., Any]
MOST = 3_000  # slots a replay goes through to learn accounts and paths


@dataclass(frozen=True, slots=True)
class Asked:
    """One decision of the replay: its moment, the account it was asked with, the answer, the path through the code."""

    slot: datetime
    account: Account
    answer: Any
    path: Hashable


def ask(decide: Decide, market: Market, account: Account, mandate: Mandate, params: Mapping[str, Any]) -> Any:
    """The answer of a strategy; an error it raises is an answer too."""
    try:
        return decide(market, account, mandate, **params)
    except (ArithmeticError, AttributeError, AuraError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return Raised(type(error).__name__, str(error))


def slots_of(
    bars: Bars, schedule: str, start: str | date | datetime | None, end: str | date | datetime | None, warmup: int
) -> list[datetime]:
    """The slots of a schedule that have a bar, from `bars[warmup]` and `start` on, to `end`. None: InputError."""
    if warmup not in range(len(bars)):
        raise InputError(f"warmup={warmup!r} must be a number of bars from 0 to {len(bars) - 1}")
    calendar = Calendar.of(bars.calendar)
    first = max(utc(bars.times[warmup]), bars.start if start is None else _moment(calendar, start, first=True))
    last = bars.end if end is None else _moment(calendar, end, first=False)
    found = Schedule.parse(schedule).slots(first, last).intersection(bars.times)
    if not len(found):
        raise InputError(f"'{schedule}' has no slot with a bar between {first:%Y-%m-%d} and {last:%Y-%m-%d}")
    return [utc(slot) for slot in found]


def _moment(calendar: Calendar, when: str | date | datetime, *, first: bool) -> datetime:
    known = day_or_moment(when, "start" if first else "end")
    if isinstance(known, datetime):
        return known
    day = pd.Timestamp(known, tz="UTC")
    return utc(day if first else day + pd.Timedelta(days=1))


def replayed(
    decide: Decide, bars: Bars, mandate: Mandate, slots: Sequence[datetime], params: Mapping[str, Any],
    costs: Costs | None, name: str,
) -> list[Asked]:  # fmt: skip
    """Every decision of a replay, in order. What `plan` refuses ends the trading, not the asking."""
    if len(slots) > MOST:
        slots = [slots[i] for i in np.linspace(0, len(slots) - 1, MOST).astype(int)]
    asked: list[Asked] = []

    def recorded(market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        with traced(decide) as lines:
            answer = ask(decide, market, account, mandate, params)
        asked.append(Asked(market.as_of, account, answer, frozenset(lines)))
        return [] if isinstance(answer, Raised) else answer

    try:
        replay(recorded, bars, mandate, slots=slots, params=params, costs=costs, name=name)
    except AuraError:  # the loop tells of it; here only what is decided counts
        account = asked[-1].account if asked else Account(name, mandate.capital, mandate.currency)
        for slot in slots[len(asked) :]:
            recorded(Market.at(bars, slot), account, mandate, **params)
    return asked


@contextmanager
def traced(function: Decide) -> Iterator[set[tuple[int, int]]]:
    """The lines that a function and what stands beside it in its file pass through, within."""
    seen: set[tuple[int, int]] = set()
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    before = sys.gettrace()
    if file is None or before is not None:  # a debugger is at work: it may go on
        yield seen
        return

    def inside(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen.add((id(frame.f_code), frame.f_lineno))
        return inside

    def enter(frame: FrameType, event: str, _: Any) -> Any:
        code: CodeType = frame.f_code
        return inside if code.co_filename == file else None

    sys.settrace(enter)
    try:
        yield seen
    finally:
        sys.settrace(before)


def chosen(asked: Sequence[Asked], most: int, rng: np.random.Generator) -> list[int]:
    """At most `most` of the decisions: some of every path through the code, the rarest first, then at random."""
    if len(asked) <= most:
        return list(range(len(asked)))
    paths: dict[Hashable, list[int]] = defaultdict(list)
    for i, one in enumerate(asked):
        paths[one.path].append(i)
    picked: set[int] = {0, len(asked) - 1}
    for members in sorted(paths.values(), key=len):
        take = min(len(members), max(8, most // (2 * len(paths))), max(most - len(picked), 0))
        picked.update(rng.choice(members, take, replace=False).tolist())
    rest = [i for i in range(len(asked)) if i not in picked]
    more = max(most - len(picked), 0)
    picked.update(rng.choice(rest, min(more, len(rest)), replace=False).tolist())
    return sorted(picked)
