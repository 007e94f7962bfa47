"""The warm-up of a strategy: the shortest history from which it decides as it does from all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.causality import stage
from aura_lib.backtest.causality.answers import Raised, same, size
from aura_lib.backtest.causality.future import NOT_DATA, moments
from aura_lib.backtest.causality.slots import Asked, Decide, replayed, slots_of
from aura_lib.backtest.causality.twin import twin
from aura_lib.backtest.counting import uncounted
from aura_lib.core import AuraError, Bars, InputError, Intent, Mandate, Market
from aura_lib.exchange import Costs
from aura_lib.plan import propose

Moment = str | date | datetime
ABOVE = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)  # bars above the shortest window at which it is confirmed


@dataclass(frozen=True, slots=True)
class Warmup:
    """How many bars a strategy needs before its decision is that of the whole history.

    `bars` counts the bar of the decision. `settled` is False when no shorter window than the whole history did: `bars`
    is then the history of the latest decision. `recursive` says that the answer converges (an exponential mean never
    forgets entirely): from `bars` on the differences are below what moves an order. `curve` has a row a window tried:
    `bars`, `equal` (share of decisions with equal intents) and `difference` (largest sum of absolute differences of
    weights; NaN when a window raised).
    """

    bars: int
    settled: bool
    recursive: bool
    slots: tuple[datetime, ...]
    curve: pd.DataFrame = field(compare=False)

    def __str__(self) -> str:
        if not self.settled:
            return f"no window shorter than the whole history ({self.bars} bars) decides alike"
        how = "; it converges, as a recursive indicator does" if self.recursive else ""
        return f"{self.bars} bars decide as the whole history does, at {len(self.slots)} slots{how}"


def shortest(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    params: Mapping[str, Any] | None = None,
    schedule: str,
    slots: int = 6,
    start: Moment | None = None,
    end: Moment | None = None,
    warmup: int = 0,
    costs: Costs | None = None,
    seed: int = 0,
    name: str = "book",
) -> Warmup:
    """The shortest history at which the decisions of several slots equal those of the full history.

    Equal means equal intents: instrument, side, quantity; and the same error where there is one. Windows are doubled
    until all slots agree, bisected, and confirmed above (agreement need not be monotone): where a longer window
    disagrees, the search goes on above it. Captured data are shortened like the bars.

    `slots` decisions are asked: the last one, and others of the later half at random (`seed`), with the accounts of a
    replay. The other arguments are those of `backtest.run`.

    Raises InputError when the strategy answers at none of them.
    """
    if slots < 1:
        raise InputError(f"slots={slots}: at least one decision must be compared")
    with uncounted():
        search = _Search(decide, bars, mandate, dict(params or {}), costs, seed)
        moments_ = slots_of(bars, schedule, start, end, warmup)
        search.choose(replayed(twin(decide), bars, mandate, moments_, search.params, costs, name), slots)
        return search.run()


class _Search:
    def __init__(
        self, decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], costs: Costs | None, seed: int
    ) -> None:
        self.decide, self.bars, self.mandate, self.params = decide, bars, mandate, params
        self.costs, self.seed = costs, seed
        self.asked: list[Asked] = []
        self.full: list[tuple[Any, Any]] = []
        self.known: dict[int, tuple[float, float]] = {}

    def choose(self, asked: Sequence[Asked], count: int) -> None:
        """The last decision and some of the later half, all answered."""
        answered = [one for one in asked if not isinstance(one.answer, Raised)]
        if not answered:
            raise InputError(f"decide answered at none of {len(asked)} slots; first: {asked[0].answer}")
        later = answered[len(answered) // 2 : -1]
        rng = np.random.default_rng(self.seed)
        picked = rng.choice(len(later), min(count - 1, len(later)), replace=False).tolist() if later else []
        self.asked = [*(later[i] for i in sorted(picked)), answered[-1]]
        self.full = [self._decide(one, None) for one in self.asked]

    @property
    def longest(self) -> int:
        """Bars of history at the latest of the decisions."""
        return max(self._row(one) + 1 for one in self.asked)

    @property
    def least(self) -> int:
        """Bars of history at the earliest: a longer window says nothing there."""
        return min(self._row(one) + 1 for one in self.asked)

    def _row(self, one: Asked) -> int:
        return int(self.bars.times.searchsorted(pd.Timestamp(one.slot)))

    def run(self) -> Warmup:
        """Double, bisect, confirm."""
        low, high = 0, 1  # `low` disagrees, `high` is tried
        while high < self.longest:
            if not self._equal(high):
                low, high = high, min(high * 2, self.longest)
                continue
            low, high = self._bisect(low, high)
            above = self._disagreement(high)
            if above is None:
                break
            low, high = above, min(above * 2, self.longest)
        settled = high < self.longest
        self._fill(high)
        curve = pd.DataFrame([(w, *self.known[w]) for w in sorted(self.known)], columns=["bars", "equal", "difference"])
        slots = tuple(one.slot for one in self.asked)
        return Warmup(high, settled, settled and self._converges(curve, high), slots, curve)

    def _bisect(self, low: int, high: int) -> tuple[int, int]:
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._equal(middle) else (middle, high)
        return low, high

    def _disagreement(self, window: int) -> int | None:
        """The longest of some windows above that disagrees; None when all agree."""
        steps = {window + step for step in ABOVE} | {int(window * f) for f in (1.25, 1.5, 2, 3, 4, 6, 8)}
        wrong = [w for w in sorted(steps) if window < w < self.longest and not self._equal(w)]
        return wrong[-1] if wrong else None

    def _fill(self, found: int) -> None:
        """Some more windows for the curve."""
        for part in (0.25, 0.5, 0.75, 0.9):
            self._equal(max(1, int(found * part)))

    def _converges(self, curve: pd.DataFrame, found: int) -> bool:
        """Whether a difference is left at and above the window that no order shows, and it shrinks."""
        left = curve.loc[curve["bars"] >= found, "difference"]
        return bool((left > 1e-12).any())

    # ---- one window ------------------------------------------------------------------------------------------------
    def _equal(self, window: int) -> bool:
        if window not in self.known:
            pairs = [(one, full) for one, full in zip(self.asked, self.full, strict=True) if window <= self._row(one)]
            outcomes = [self._compared(one, full, window) for one, full in pairs]
            equal = float(np.mean([alike for alike, _ in outcomes])) if outcomes else 1.0
            self.known[window] = (equal, max((apart for _, apart in outcomes), default=0.0))
        return self.known[window][0] == 1.0

    def _compared(self, one: Asked, full: tuple[Any, Any], window: int) -> tuple[bool, float]:
        answer, intents = self._decide(one, window)
        apart = float("nan") if isinstance(answer, Raised) else size(answer, full[0])
        return _alike(intents, full[1]), apart

    def _decide(self, one: Asked, window: int | None) -> tuple[Any, Any]:
        """The answer and its intents at a slot, from the last `window` bars."""
        row = self._row(one)
        first = 0 if window is None else max(row + 1 - window, 0)
        begin = self.bars.times[first]
        bars = self.bars._rows(first, len(self.bars))
        decide = twin(self.decide, lambda path, value: _since(value, begin, self.bars.times))
        answers: list[Any] = []

        def kept(market: Market, account: Any, mandate: Mandate, **params: Any) -> Any:
            answers.append(decide(market, account, mandate, **params))
            return answers[-1]

        errors = (ArithmeticError, AuraError, LookupError, TypeError, ValueError, AttributeError)
        try:
            with stage.same_luck(self.seed):
                intents: Any = propose(
                    kept, Market.at(bars, one.slot), one.account, self.mandate, self.params, costs=self.costs
                )
        except errors as error:
            intents = Raised(type(error).__name__, str(error))
        return (answers[-1] if answers else intents), intents


def _alike(one: Any, other: Any) -> bool:
    """Equal instruments, sides and quantities; or the same error."""
    if isinstance(one, Raised) or isinstance(other, Raised):
        return same(one, other)
    return [_order(intent) for intent in one] == [_order(intent) for intent in other]


def _order(intent: Intent) -> tuple[Any, ...]:
    return intent.instrument, intent.side, intent.quantity


def _since(value: Any, begin: pd.Timestamp, times: pd.DatetimeIndex) -> Any:
    """Captured data from a moment on; NOT_DATA for what has no time in it."""
    if isinstance(value, Bars):
        return value._rows(int(value.times.searchsorted(begin)), len(value))
    if isinstance(value, pd.DataFrame | pd.Series):
        stamps = moments(value, times)
        if stamps is None:
            return NOT_DATA
        return value[np.asarray(stamps >= (begin if stamps.tz is not None else begin.tz_localize(None).normalize()))]
    if isinstance(value, np.ndarray) and value.ndim and len(value) == len(times):
        return value[int(times.searchsorted(begin)) :]
    return NOT_DATA
