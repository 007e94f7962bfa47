"""All tests of robustness of one strategy, the replays they need spread over processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aura_lib.backtest.case import Case, Outcome
from aura_lib.backtest.robustness.neighbours import neighbours
from aura_lib.backtest.robustness.placebo import placebo
from aura_lib.backtest.robustness.stress import Stress, best_days, cost_doubling, retained
from aura_lib.backtest.robustness.worlds import delayed, halves, noisy
from aura_lib.backtest.validation.grid import Tried, words
from aura_lib.backtest.workers import Failure, outcomes
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars, Mandate, Progress
    from aura_lib.exchange import Costs
    from aura_lib.plan import Decide
    from aura_lib.risk import Limits

NOISES, PAIRS, PLACEBOS = 2, 2, 500


def check(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    schedule: str,
    params: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    warmup: int = 0,
    costs: Costs | None = None,
    limits: Limits | None = None,
    seed: int = 0,
    processes: int = 2,
    progress: Progress | None = None,
) -> dict[str, Stress]:
    """Every test of robustness, by name: each a number and the data of its figure.

    `neighbourhood`, `delay`, `price_noise` and `other_universe` are the median annual Sharpe ratio of the variants
    over that of the strategy as it is; `cost_doubling` and `best_days` annual returns; `placebo` a p-value. The
    arguments are those of `backtest.run`, `grid` as in `validation.walk_forward`; the same `seed` gives the same
    numbers. A variant that the strategy refuses is left out and named in the note.
    """
    case = Case.of(decide, bars, mandate, schedule=schedule, params=params, warmup=warmup, costs=costs, limits=limits)
    base = case.run()
    return stressed(case, base, None, grid, seed=seed, seconds=60, processes=processes, progress=progress)


def stressed(
    case: Case,
    base: Outcome,
    known: Tried | None,
    grid: Mapping[str, Sequence[Any]] | None,
    *,
    seed: int,
    seconds: float,
    processes: int,
    progress: Progress | None = None,
    replays: bool = True,
) -> dict[str, Stress]:
    """The tests of a case that was run; cells already tried are not run again; without `replays` only the cheap."""
    simple = (
        cost_doubling(base, case.periods),
        best_days(base.returns, case.periods),
        placebo(case, base.answers, seed=seed, draws=PLACEBOS),
    )
    found = {stress.name: stress for stress in simple}
    if not replays:
        return found
    groups, notes = _variants(case, base, known, grid, seed)
    asked = [one for group in groups.values() for one in group]
    made = iter(outcomes(asked, processes=processes, seconds=seconds * len(asked), progress=progress))
    for name, group in groups.items():
        done = [next(made) for _ in group]
        good = {one.name: one.returns for one in done if isinstance(one, Outcome)} | _tried(name, case, known, grid)
        stress = retained(name, base.returns, good, case.periods)
        said = "; ".join(text for text in (stress.note, _refused(done)) if text)
        left_out = {one.name: one.why for one in done if isinstance(one, Failure)}
        data = {**stress.data, "left_out": left_out} if left_out else stress.data
        found[name] = replace(stress, data=data, note=notes.get(name) or said)
    return found


def _refused(done: Sequence[Outcome | Failure]) -> str:
    """The variants that could not be replayed, and why the first could not."""
    failed = [one for one in done if isinstance(one, Failure)]
    why = failed[0].why if failed else ""
    return f"{', '.join(one.name for one in failed)}: {why[:160]}{'…' if len(why) > 160 else ''}" if failed else ""


def _variants(
    case: Case, base: Outcome, known: Tried | None, grid: Mapping[str, Sequence[Any]] | None, seed: int
) -> tuple[dict[str, list[Case]], dict[str, str]]:
    near = [p for p in neighbours(case.params, grid) if known is None or known.index(p) < 0]
    groups = {
        "neighbourhood": [replace(case, params=p, name=words(_changed(case, p))) for p in near],
        "delay": [delayed(case, base)],
        "price_noise": [noisy(case, seed, number) for number in range(NOISES)],
    }
    try:
        groups["other_universe"] = halves(case, seed, PAIRS)
    except InputError as error:
        return groups | {"other_universe": []}, {"other_universe": str(error)}
    return groups, {}


def _tried(
    name: str, case: Case, known: Tried | None, grid: Mapping[str, Sequence[Any]] | None
) -> dict[str, NDArray[Any]]:
    """Neighbours among the cells that were tried."""
    if name != "neighbourhood" or known is None:
        return {}
    cells = {words(_changed(case, p)): known.index(p) for p in neighbours(case.params, grid)}
    return {label: known.outcomes[number].returns for label, number in cells.items() if number >= 0}


def _changed(case: Case, params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if case.params.get(name) != value}
