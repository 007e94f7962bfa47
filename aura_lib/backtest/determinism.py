"""Is a strategy a function? Asked again with what it saw, it must wish for the same; and it must leave that alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.backtest.desk import Desk
from aura_lib.backtest.replay import replay
from aura_lib.core import Bars, InputError, Intent, Mandate, iso
from aura_lib.core.market import Shared
from aura_lib.exchange import Exchange

if TYPE_CHECKING:
    from aura_lib.backtest.replay import Replay
    from aura_lib.plan import Decide


def repeats(
    decide: Decide, shared: Shared, mandate: Mandate, played: Replay, *, params: Mapping[str, Any]
) -> Iterator[str]:
    """What is different when a strategy is asked again at two slots of a replay: its first trade's, and the last.

    It gets the market and the account it had then. A whole second run would double the time of every backtest; two
    questions find what draws random numbers, reads a clock, or remembers. A strategy that only prints, prints again.
    """
    intents = {slot.slot: slot.intents for slot in played.slots if slot.slot in played.seen}
    exchange = Exchange.of(played.opening, played.costs, terms=played.terms, instruments=shared.bars.instruments)
    desk = Desk(shared, mandate, exchange, played.limits, played.opening.name)
    for moment, account in reversed(list(played.seen.items())):
        end = int(shared.bars.times.searchsorted(pd.Timestamp(moment), side="right"))
        wished = desk.propose(decide, shared.market(end, moment), account, params)
        if wished != intents[moment]:
            yield f"at {iso(moment)} it wished for {_told(intents[moment])}, asked again for {_told(wished)}"


def _told(intents: Sequence[Intent]) -> str:
    if not intents:
        return "nothing"
    legs = [f"{i.side.value} {i.quantity.normalize():f} {i.symbol}" for i in intents[:3]]
    return ", ".join(legs) + (f" and {len(intents) - 3} more" if len(intents) > 3 else "")


def deterministic(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    slots: Sequence[datetime] | pd.DatetimeIndex,
    params: Mapping[str, Any] | None = None,
    **more: Any,
) -> bool:
    """Whether two whole replays of a strategy are the same to the last order. `more` is handed on to `replay`."""
    one, other = (replay(decide, bars, mandate, slots=slots, params=params, **more) for _ in range(2))
    return (one.slots, one.fills, one.bookings) == (other.slots, other.fills, other.bookings)


class Untouched:
    """The parameters of a run, as they were handed in: what changes them is found afterwards."""

    def __init__(self, params: Mapping[str, Any] | None) -> None:
        self.given = dict(params or {})
        self._before = {name: copy.deepcopy(value) for name, value in self.given.items() if not _frozen(value)}

    def check(self) -> None:
        """Raise InputError when the strategy changed one of them."""
        changed = [name for name, value in self._before.items() if not _same(value, self.given[name])]
        if changed:
            raise InputError(
                f"decide changed its parameter {', '.join(changed)} while it ran: what it decides would depend on how "
                "often it was asked. Work on a copy inside decide"
            )


def _frozen(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | bytes | datetime | frozenset | type(None)) or callable(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, pd.DataFrame):
        return isinstance(other, pd.DataFrame) and one.equals(other)
    if isinstance(one, pd.Series):
        return isinstance(other, pd.Series) and one.equals(other)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or bool(one == other)
