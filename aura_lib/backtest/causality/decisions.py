"""`causality.check`: does a decision move when what comes after it does?

Every decision of a replay is asked again, with the same account, on data that are the same up to its moment and
something else after it; by a twin of the strategy whose captured data are altered likewise, and whose loaders answer
likewise. Decisions are compared whether they trade or not. The idea: truncation replay; see López de Prado, Advances
in Financial Machine Learning (2018), ch. 7, for what leaks where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.causality import fingerprints, stage
from aura_lib.backtest.causality.answers import Raised, same, size, told
from aura_lib.backtest.causality.finding import CLOCK, LOOK_AHEAD, RANDOM, STATE, Causality, Finding
from aura_lib.backtest.causality.future import KINDS, NOT_DATA, WORDS, Future, NotData
from aura_lib.backtest.causality.indicator import first_moved
from aura_lib.backtest.causality.slots import Asked, Decide, ask, chosen, replayed, slots_of
from aura_lib.backtest.causality.twin import Reach, reach, twin
from aura_lib.backtest.counting import uncounted
from aura_lib.core import Bars, Calendar, InputError, Mandate, Market
from aura_lib.exchange import Costs

Moment = str | date | datetime
Built = tuple[Decide, Bars]


@dataclass(frozen=True, slots=True)
class Made:
    """A strategy that was made again: with what it is asked then. No mandate: the one of the call."""

    decide: Decide
    bars: Bars
    params: Mapping[str, Any]
    mandate: Mandate | None = None


Make = Callable[[Future | None, pd.Timestamp], Made | None]
QUICK, EVERY, SOME = ("changed", "cut off"), ("changed", "rising", "falling"), 8
FEW = 24  # decisions of a strategy that can reach nothing but its market: only the market could leak
OUTSIDE = {
    *stage.LOADERS, *stage.READERS, "open", "globals", "sys", "importlib", "eval", "exec", "gc", "inspect", "loads",
    "read_text", "read_bytes", "loadtxt", "genfromtxt", "fromfile", "environ", "__import__", "base",
}  # fmt: skip
ADVICE = {
    LOOK_AHEAD: "read only what `market` holds; cut captured data with `.loc[:market.as_of]` before anything else",
    RANDOM: "draw from np.random.default_rng(seed) made inside decide; iterate over sorted(...), not over sets",
    STATE: "compute from market and account what must be remembered: a paper run starts with an empty memory",
    CLOCK: "use market.as_of: a replay happens at another time than what it replays",
}


def check(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    params: Mapping[str, Any] | None = None,
    schedule: str,
    seed: int = 0,
    cuts: int = 250,
    start: Moment | None = None,
    end: Moment | None = None,
    warmup: int = 0,
    costs: Costs | None = None,
    build: Callable[[Bars], Built | Decide] | None = None,
    name: str = "book",
    make: Make | None = None,
) -> Causality:
    """Look for decisions that know the future, that cannot be repeated, or that hang on earlier calls.

    Args:
        decide: the strategy, as `backtest.run` takes it.
        bars: prices, time × symbol.
        mandate: universe and constraints.
        params: keyword arguments of `decide`.
        schedule: when it decides, such as "XNYS month-end close".
        seed: of the other futures, and of the choice of decisions.
        cuts: decisions asked again, each with the future cut right after it; of more, some of every path through the
            code are chosen, the rarest first.
        start: first day or moment of the slots that count, as in `backtest.run`.
        end: the last one.
        warmup: bars before the first slot.
        costs: of the replay that finds the accounts.
        build: makes the strategy from bars, `build(bars) -> decide` or `(decide, bars)`: what earlier cells did. With
            it what was computed before the call (features, fitted models, chosen parameters) is computed again on other
            futures.
        name: the book.
        make: as `build`, for `check_notebook`: given another future and its cut (None: none), what was made.

    Returns:
        Causality. The first findings come from few decisions; when there are some, the rest are not asked.

    Raises:
        InputError: no slot, or a strategy that raises at every one of them.
    """
    if not callable(decide):
        raise InputError(f"decide must be a function of (market, account, mandate, **params), not {decide!r}")
    began = perf_counter()
    slots = slots_of(bars, schedule, start, end, warmup)
    with uncounted():
        examined = _Examination(decide, bars, mandate, dict(params or {}), seed, slots, costs, name)
        examined.answers_repeat()
        steady = examined.steady()
        if steady:
            examined.futures(QUICK, examined.few(6))
        if steady and not examined.found(LOOK_AHEAD):
            examined.futures(EVERY[:1], examined.few(min(cuts, FEW) if examined.alone else cuts))
            examined.futures(EVERY[1:], examined.few(min(cuts, FEW) if examined.alone else max(cuts // 2, SOME)))
            examined.futures(tuple(k for k in KINDS if k not in EVERY), examined.few(examined.some))
            examined.sequences()
        examined.captured_statistics()
        make = make or (None if build is None else _maker(build, bars, examined.params))
        if steady and make is not None:
            examined.made_again(make)
        moves = examined.moves()
    return Causality(
        tuple(examined.findings), dict(examined.compared), moves, examined.unverified(make is not None),
        perf_counter() - began,
    )  # fmt: skip


@dataclass
class _Examination:
    decide: Decide
    bars: Bars
    mandate: Mandate
    params: dict[str, Any]
    seed: int
    slots: Sequence[datetime]
    costs: Costs | None
    name: str
    findings: list[Finding] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.zone = Calendar.of(self.bars.calendar).zone
        self.rng = np.random.default_rng(self.seed)
        self.loaders = stage.loaders()
        none = self._future("changed")
        self.reach: Reach = reach(self.decide, lambda value: _timed(none, value, self.bars.times[0]))
        if self.alone and len(self.slots) > 5 * FEW:
            self.slots = [self.slots[i] for i in np.linspace(0, len(self.slots) - 1, 5 * FEW).astype(int)]
        fresh = twin(self.decide)
        with stage.same_luck(self.seed):
            self.asked: list[Asked] = replayed(
                fresh, self.bars, self.mandate, self.slots, self.params, self.costs, self.name
            )
        if all(isinstance(one.answer, Raised) for one in self.asked):
            raise InputError(f"decide answered at none of {len(self.asked)} slots; first: {self.asked[0].answer}")
        self.base: dict[int, Any] = {}

    def _future(self, kind: str) -> Future:
        return Future(kind, self.bars.times, self.seed, self.zone, frozenset(self.mandate.universe))

    def few(self, most: int) -> list[int]:
        """Some decisions, of every path through the code; the same for the same number."""
        answered = [i for i, one in enumerate(self.asked) if not isinstance(one.answer, Raised)]
        picked = chosen([self.asked[i] for i in answered], most, np.random.default_rng([self.seed, most]))
        return [answered[i] for i in picked]

    @property
    def alone(self) -> bool:
        """Whether the strategy can reach nothing but what it is given."""
        return self.reach.nothing and not self.reach.names & OUTSIDE

    @property
    def some(self) -> int:
        return SOME // 2 if self.alone else SOME

    def found(self, kind: str) -> bool:
        """Whether something of a kind was found already."""
        return any(finding.kind == kind for finding in self.findings)

    # ---- asking ----------------------------------------------------------------------------------------------------
    def _ask(self, decide: Decide, bars: Bars, i: int, luck: int = 0) -> Any:
        one = self.asked[i]
        with stage.same_luck(self.seed + luck):
            return ask(decide, Market.at(bars, one.slot), one.account, self.mandate, self.params)

    def truth(self, i: int) -> Any:
        """The answer of a fresh twin on the data as they are."""
        if i not in self.base:
            self.base[i] = self._ask(self._twin(), self.bars, i)
        return self.base[i]

    def _twin(self, replace: Callable[[str, Any], Any] | None = None) -> Decide:
        if self.reach.nothing and replace is None:
            return self.decide
        return twin(self.decide, replace)

    def altered(self, future: Future, i: int, cut: pd.Timestamp, only: str | None = None) -> Any:
        """The answer at a slot when what follows `cut` is another future; `only` in what is reached by that path."""

        def alter(value: Any) -> Any:
            other = future.of(value, cut)
            return value if isinstance(other, NotData) else other

        def replace(path: str, value: Any) -> Any:
            if id(value) in self.loaders:
                return stage.altering(value, alter)
            if value is self.bars and only is None:
                return bars
            return future.of(value, cut) if only is None or path == only else NOT_DATA

        bars = future.bars(self.bars, cut) if only in (None, "market") else self.bars
        needed = not self.reach.nothing or self._loads
        decide = self._twin(replace) if needed else self.decide
        with stage.altered_loaders(alter) if self._loads and only is None else stage.nothing():
            return self._ask(decide, bars, i)

    @property
    def _loads(self) -> bool:
        """Whether the strategy speaks of a loader."""
        return bool(self.reach.names & {*stage.LOADERS, *stage.READERS})

    # ---- repeatable? -----------------------------------------------------------------------------------------------
    def answers_repeat(self) -> None:
        """Ask twice, with other luck, at another time, and without the calls before."""
        some = self.few(SOME)
        for i in some:
            if self._differs(RANDOM, i, self._ask(self._twin(), self.bars, i, luck=1), "asked twice on the same data"):
                break
        if not self.found(RANDOM):
            self._at_another_time(some[:3])
        if self.found(RANDOM) or self.found(CLOCK):
            return
        for i in self.few(SOME if self.alone else 2 * SOME):
            if self._differs(STATE, i, self.asked[i].answer, "asked alone, without the decisions before it"):
                break

    def steady(self) -> bool:
        """Whether answers repeat when the global generators stand alike: else no difference would tell anything."""
        if not self.found(RANDOM):
            return True
        return all(same(self.truth(i), self._ask(self._twin(), self.bars, i)) for i in self.few(SOME))

    def _at_another_time(self, some: list[int]) -> None:
        for days in (-1237, 400, -3001):
            with stage.moved_clock(timedelta(days=days, hours=5)) as replace:
                for i in some:
                    other = self._ask(twin(self.decide, replace), self.bars, i)
                    if self._differs(CLOCK, i, other, "asked at another time"):
                        return

    def _differs(self, kind: str, i: int, other: Any, when: str) -> bool:
        self.compared[kind] += 1
        true = self.truth(i)
        if same(true, other):
            return False
        what = f"another answer when {when}: {told(true)} against {told(other)}"
        self.findings.append(Finding(kind, _day(self.asked[i].slot), what, instead=ADVICE[kind]))
        return True

    # ---- other futures ---------------------------------------------------------------------------------------------
    def futures(self, kinds: Sequence[str], some: Sequence[int]) -> None:
        """Each of some decisions with another future right after it."""
        for kind in kinds:
            future = self._future(kind)
            moved = [i for i in some if self._moves(future, i)]
            if moved:
                self._tell(kind, future, moved, len(some))
                return

    def _moves(self, future: Future, i: int) -> bool:
        self.compared[future.kind] += 1
        return not same(self.truth(i), self.altered(future, i, pd.Timestamp(self.asked[i].slot)))

    def _tell(self, kind: str, future: Future, moved: Sequence[int], among: int) -> None:
        i = moved[0]
        slot = pd.Timestamp(self.asked[i].slot)
        other = self.altered(future, i, slot)
        paths = self._through(future, i)
        many = f"{len(moved)} of {among} decisions move" if len(moved) > 1 else "the decision moves"
        what = f"{many} when what follows {WORDS[kind]}: {told(self.truth(i))} becomes {told(other)}"
        why = f"through {', '.join(paths)}" if paths else "through what it loads, or through several things together"
        self.findings.append(
            Finding(LOOK_AHEAD, _day(slot), what, why, ADVICE[LOOK_AHEAD], reach=self._reach(future, i))
        )

    def _through(self, future: Future, i: int) -> list[str]:
        """The paths by which the future came in, each altered alone."""
        slot = pd.Timestamp(self.asked[i].slot)
        paths = [*self.reach.data, "market"]
        return [path for path in paths if not same(self.truth(i), self.altered(future, i, slot, only=path))]

    def _reach(self, future: Future, i: int) -> int | None:
        """How many bars ahead the decision reads: the farthest change that still moves it."""
        row = int(self.bars.times.searchsorted(pd.Timestamp(self.asked[i].slot)))
        low, high = 0, len(self.bars) - 1 - row  # changing what lies beyond `low` bars moves it, beyond `high` not
        while low + 1 < high:
            middle = (low + high) // 2
            moved = not same(self.truth(i), self.altered(future, i, self.bars.times[row + middle]))
            low, high = (middle, high) if moved else (low, middle)
        return high if high > 0 else None

    def sequences(self) -> None:
        """Strategies with a memory: all decisions up to a cut, in order, on another future after it."""
        if not self.found(STATE):  # decisions asked alone are those asked in a row: no memory carries a leak
            return
        last = [i for i in self.few(SOME) if i > 0][-2:]
        for kind in QUICK:
            future = self._future(kind)
            for cut in last:
                moved = self._sequence(future, cut)
                if moved is not None:
                    what = f"the decision moves when what follows {_day(self.asked[cut].slot)} {WORDS[kind]}"
                    where = _day(self.asked[moved].slot)
                    self.findings.append(Finding(LOOK_AHEAD, where, what, "in a row of decisions", ADVICE[LOOK_AHEAD]))
                    return

    def _sequence(self, future: Future, last: int) -> int | None:
        slot = pd.Timestamp(self.asked[last].slot)
        bars = future.bars(self.bars, slot)
        decide = twin(self.decide, lambda path, value: bars if value is self.bars else future.of(value, slot))
        plain = self._twin()
        for i in range(last + 1):
            self.compared["in a row"] += 1
            if not same(self._ask(plain, self.bars, i), self._ask(decide, bars, i)):
                return i
        return None

    # ---- what was computed before the call -------------------------------------------------------------------------
    def captured_statistics(self) -> None:
        """Captured numbers that are a statistic of the whole sample, captured series that are a later one."""
        row = int(self.bars.times.searchsorted(pd.Timestamp(self.asked[0].slot)))
        for path, what in fingerprints.whole_sample(self.reach, self.bars, row):
            self.findings.append(Finding(LOOK_AHEAD, path, what, "it was computed before the call", ADVICE[LOOK_AHEAD]))

    def made_again(self, make: Make) -> None:
        """Make the strategy again from other futures: whatever earlier cells computed is computed again."""
        some = self.few(self.some)
        first = make(None, self.bars.times[0])
        again = None if first is None else self._made_moves(first, some)
        if again is not None:
            what = "made again from the same data, the strategy decides otherwise"
            self.findings.append(Finding(RANDOM, again[0], what, again[1], ADVICE[RANDOM]))
            return
        captured = None if first is None else reach(first.decide, self._has_time)
        for kind, count in (("changed", 4), ("cut off", 1), ("falling", 1), ("delisted", 1)):
            for cut in some[:: -max(len(some) // count, 1)][:count]:
                if self._made_differs(make, captured, self._future(kind), cut, some):
                    return

    def _made_differs(self, make: Make, captured: Reach | None, future: Future, cut: int, some: Sequence[int]) -> bool:
        moment = pd.Timestamp(self.asked[cut].slot)
        made = make(future, moment)
        if made is None:
            return False
        found = self._made_moves(made, [i for i in some if i <= cut])
        if found is None and captured is not None and future.kind != "cut off":
            found = changed_before(captured, reach(made.decide, self._has_time), self.bars.times, moment)
        if found is None:
            return False
        where, detail = found
        what = f"what comes before {_day(moment)} moves when the cells see another future (it {WORDS[future.kind]})"
        advice = (
            "compute it in decide from market, or on rows up to each row (rolling, expanding, a fit before the start)"
        )
        self.findings.append(Finding(LOOK_AHEAD, where, f"{what}: {detail}", "it was computed before the call", advice))
        return True

    def _made_moves(self, made: Made, some: Sequence[int]) -> tuple[str, str] | None:
        """The first decision that another making changes, and how."""
        for i in some:
            self.compared["made again"] += 1
            one, true = self.asked[i], self.truth(i)
            with stage.same_luck(self.seed):
                market = Market.at(made.bars, one.slot)
                other = ask(twin(made.decide), market, one.account, made.mandate or self.mandate, made.params)
            if not same(true, other):
                return _day(one.slot), f"{told(true)} becomes {told(other)}"
        return None

    def _has_time(self, value: Any) -> bool:
        return _timed(self._future("changed"), value, self.bars.times[0])

    def unverified(self, rebuilt: bool) -> tuple[str, ...]:
        """Captured data that are not the bars' own, when nobody said how they are made."""
        return () if rebuilt else tuple(fingerprints.derived(self.reach, self.bars))

    # ---- the picture -----------------------------------------------------------------------------------------------
    def moves(self) -> pd.DataFrame:
        """Time × cut: how far each decision moves when everything after the cut changes."""
        some = self._around() if self.found(LOOK_AHEAD) else self.few(SOME // 2)
        future = self._future("changed")
        times = pd.DatetimeIndex([self.asked[i].slot for i in some])
        table = pd.DataFrame(np.nan, index=times, columns=times)
        for at, i in enumerate(some):
            for cut in range(at, len(some)):
                table.iat[at, cut] = size(self.truth(i), self.altered(future, i, times[cut]))
        return table

    def _around(self) -> list[int]:
        days = {finding.where for finding in self.findings}
        hit = next((i for i, one in enumerate(self.asked) if _day(one.slot) in days), 0)
        first = max(0, min(hit - SOME // 2, len(self.asked) - SOME))
        return list(range(first, min(first + SOME, len(self.asked))))


def _maker(build: Callable[[Bars], Built | Decide], bars: Bars, params: Mapping[str, Any]) -> Make:
    def make(future: Future | None, cut: pd.Timestamp) -> Made:
        given = bars if future is None else future.bars(bars, cut)
        built = build(given)
        return Made(*built, params) if isinstance(built, tuple) else Made(built, given, params)

    return make


def changed_before(true: Reach, other: Reach, times: pd.DatetimeIndex, cut: pd.Timestamp) -> tuple[str, str] | None:
    """The first captured thing that is not what it was at or before a cut: its path, and how."""
    for path, value in true.data.items():
        changed = other.data.get(path)
        if isinstance(value, pd.DataFrame | pd.Series) and isinstance(changed, pd.DataFrame | pd.Series):
            moved = first_moved(value, changed, times, cut)
            if moved is not None:
                return path, f"{path} is another at {moved:%Y-%m-%d}"
    for path, value in true.values.items():
        if path in other.values and not same(value, other.values[path]):
            return path, f"{path} is another"
    return None


def _timed(future: Future, value: Any, cut: pd.Timestamp) -> bool:
    return not isinstance(future.of(value, cut), NotData)


def _day(slot: datetime | pd.Timestamp) -> str:
    return f"{slot:%Y-%m-%d}" if (slot.hour, slot.minute) >= (18, 0) else f"{slot:%Y-%m-%d %H:%M}"
