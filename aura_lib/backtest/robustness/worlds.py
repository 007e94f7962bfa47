"""Other worlds: the same strategy a bar later, on prices with noise, and in another universe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case, Outcome, again, stamped
from aura_lib.core import Account, Bars, InputError, Mandate, Market, utc

if TYPE_CHECKING:
    from aura_lib.plan import Decide

NOISE = 0.25  # standard deviation of the noise, as a fraction of that of a bar's return


@dataclass(frozen=True, eq=False)
class Late:
    """A strategy whose answers reach the market a bar after it knew enough to give them."""

    decide: Decide
    bars: Bars
    knew: Mapping[datetime, datetime]

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        """The answer to what was known a bar ago."""
        then = Market.at(self.bars, self.knew[market.as_of])
        return stamped(self.decide(then, account, mandate, **params), market.as_of)


def delayed(case: Case, base: Outcome) -> Case:
    """The case in which every order is sent one bar later, on what was known then."""
    rows = case.bars.times.searchsorted(list(case.slots)) + 1
    times = [utc(time) for time in case.bars.times[rows[rows < len(case.bars)]]]
    pairs = list(zip(times, case.slots, strict=False))  # after the last bar there is no later one
    late = Late(again(case, base), case.bars, dict(pairs))
    return replace(case, decide=late, slots=tuple(slot for slot, _ in pairs), name="a bar later")


@dataclass(frozen=True, eq=False)
class Seeing:
    """A strategy that sees other prices than those it trades and is marked at."""

    decide: Decide
    bars: Bars = field(repr=False)

    def __call__(self, market: Market, account: Account, mandate: Mandate, **params: Any) -> Any:
        """The answer to the other prices."""
        return self.decide(Market.at(self.bars, market.as_of), account, mandate, **params)


def noisy(case: Case, seed: int, number: int) -> Case:
    """The case whose decisions rest on prices with noise; it trades, and is marked, at the true ones.

    Every bar of every symbol is scaled by exp(e), e normal with a quarter of the deviation of the symbol's returns:
    were the noisy prices traded, a strategy that fades moves would earn the noise.
    """
    random = np.random.default_rng([seed, 1, number])
    close = case.bars.close
    spread = close.ffill().pct_change().std().fillna(0.0).to_numpy()
    factor = np.exp(random.normal(size=close.shape) * spread * NOISE)
    fields = {name: frame if name == "volume" else frame * factor for name, frame in case.bars.fields.items()}
    return replace(case, decide=Seeing(case.decide, replace(case.bars, fields=fields)), name=f"noise {number + 1}")


def halves(case: Case, seed: int, pairs: int) -> list[Case]:
    """The case in random halves of its universe: each pair divides it, so that no name is left out.

    Raises InputError for a universe of fewer than four names: half of it is no universe.
    """
    universe = case.mandate.universe
    if len(universe) < 4:
        raise InputError(f"a universe of {len(universe)} has no halves worth the name")
    found = []
    for pair in range(pairs):
        order = np.random.default_rng([seed, 2, pair]).permutation(len(universe))
        middle = len(universe) // 2
        for side, part in (("A", order[:middle]), ("B", order[middle:])):
            names = tuple(universe[i] for i in sorted(part))
            found.append(_within(case, names, f"half {pair + 1}{side}"))
    return found


def _within(case: Case, names: tuple[str, ...], name: str) -> Case:
    gone = set(case.mandate.universe) - set(names)
    bars = case.bars.select([symbol for symbol in case.bars.symbols if symbol not in gone])
    return replace(case, bars=bars, mandate=replace(case.mandate, universe=names), name=name)
