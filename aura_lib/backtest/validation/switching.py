"""Switching: one history that changes its parameters from fold to fold, traded through the event loop."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aura_lib.backtest.case import Case, Outcome, Told
from aura_lib.backtest.validation.grid import Choice
from aura_lib.core import Account, Mandate, Market, utc

if TYPE_CHECKING:
    from aura_lib.plan import Decide


@dataclass(frozen=True, eq=False)
class Switched:
    """A strategy that decides with the parameters of the stretch it is in."""

    decide: Decide
    starts: tuple[datetime, ...]  # ascending; a stretch begins at its start
    params: tuple[Mapping[str, Any], ...]

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        """The answer with the parameters known at the market's moment."""
        stretch = max(bisect_right(self.starts, market.as_of) - 1, 0)
        return self.decide(market, account, mandate, **self.params[stretch])


def switched(case: Case, rows: Sequence[int], chosen: Sequence[Choice], name: str) -> Case:
    """The case that trades each choice from its row of returns on.

    The last decision before the first row is taken too, so that the first stretch begins invested; later ones
    begin with what the stretch before them holds, and trade out of it at their first slot.
    Where no choice looked at the account their answers are used again instead of being computed again.
    """
    starts = [utc(case.bars.times[case.first + row]) for row in rows]  # the bar before the first return
    before = max(bisect_right(case.slots, starts[0]) - 1, 0)
    slots = case.slots[before:]
    params = tuple(choice.params for choice in chosen)
    decide: Decide = Switched(case.decide, tuple(starts), params)
    if not any(choice.outcome.reads_account for choice in chosen):
        decide = Told({slot: _at(slot, starts, chosen).outcome.answers[slot] for slot in slots})
    return replace(case, decide=decide, slots=slots, params={}, name=name)


def _at(slot: datetime, starts: Sequence[datetime], chosen: Sequence[Choice]) -> Choice:
    return chosen[max(bisect_right(starts, slot) - 1, 0)]


def through(case: Case, rows: Sequence[int], chosen: Sequence[Choice], name: str) -> Outcome:
    """What the switched case came to; a history that never switches is known already."""
    if len({id(choice.outcome) for choice in chosen}) == 1:
        return chosen[0].outcome
    return switched(case, rows, chosen, name).run()
