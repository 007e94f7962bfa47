"""One call from a rule or a `decide` and a space to the best combination that may be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.case import Case
from aura_lib.backtest.counting import COMPLETED, INTERRUPTED, Trial, counted
from aura_lib.backtest.search.decisions import Decisions, Replays, sign
from aura_lib.backtest.search.draw import sampler
from aura_lib.backtest.search.result import Search
from aura_lib.backtest.search.space import Points, Space, Where
from aura_lib.backtest.sweep.chunk import Job, evaluate, returns
from aura_lib.backtest.sweep.code import FILLS
from aura_lib.backtest.sweep.kept import Kept, scores
from aura_lib.backtest.sweep.metrics import DEFAULT
from aura_lib.backtest.sweep.rule import Rule
from aura_lib.backtest.watch import Stop
from aura_lib.core import InputError, Progress, utc, watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.folds import Fold
    from aura_lib.core import Bars, Mandate
    from aura_lib.exchange import Costs
    from aura_lib.plan import Decide
    from aura_lib.risk import Limits

Answer = tuple[Points, "NDArray[np.float64]", "NDArray[np.float32] | None"]
Evaluate = Callable[[Points], Iterator[Answer]]  # points, their metrics, and returns where they cost a replay

BATCH = {"rule": 32, "decide": 8}  # points that a Bayesian search asks for together
CHUNK = 1 << 13  # combinations between two looks at progress and the keyboard
ROOM = 4 << 30  # bytes of results above which a search is refused


def search(
    strategy: Rule | Decide,
    bars: Bars,
    space: Mapping[str, Any],
    *,
    trials: int,
    method: str = "bayes",
    metric: str = "sharpe",
    where: Where | str | None = None,
    folds: Sequence[Fold] | None = None,
    metrics: Sequence[str] = DEFAULT,
    costs: Costs | None = None,
    seed: int = 0,
    batch: int | None = None,
    progress: Progress | None = None,
    fill: str | None = None,
    engine: str = "local",
    mandate: Mandate | None = None,
    schedule: str = "",
    params: Mapping[str, Any] | None = None,
    warmup: int = 0,
    limits: Limits | None = None,
    workers: int | None = None,
) -> Search:
    """Look for good parameters of a rule or of a Python `decide`, without trying all.

    `space` maps a parameter to a range or list of numbers, a list of words, `Between(low, high)`, or one value;
    `where` says which combinations count, as `lambda fast, slow: fast < slow` or "fast < slow". `method` is "bayes"
    (a tree-structured Parzen estimator), "random", "sobol" (evenly spread) or "grid" (in order). At most `trials`
    different combinations are evaluated; none twice, and fewer when the space has no more.

    With `folds` only their train parts are looked at (the mean of `metric` over them); the test parts are measured
    beside them and decide nothing. Without folds the search has seen all bars. The same `seed` and `batch` give the
    same search, however many processes work on it. Every combination counts as a trial. `progress(done, trials)` is
    told every batch; a keyboard interrupt gives back what was done.

    A rule takes `fill` and `engine` ("local" or "dask") as `sweep` does. A `decide` needs `mandate` and `schedule`, and
    takes `params` (what is not searched), `warmup` and `limits`, as `run` does; `workers` processes (default: all
    cores where that pays). A combination that strategy or data refuse has no number, and is told in `failures`.

    Raises InputError for a space that is empty, has unknown parameters or no allowed combination, for trials below 1,
    and for more results than fit into 4 GB.
    """
    began = perf_counter()
    plan = _Plan(_count("trials", trials), method, metric, seed, None if batch is None else _count("batch", batch))
    wanted = tuple(dict.fromkeys([*metrics, metric]))
    job: Job | Decisions
    if isinstance(strategy, Rule):
        _only(strategy.name, "a `decide`", mandate=mandate, schedule=schedule, params=params, warmup=warmup,
              limits=limits, workers=workers)  # fmt: skip
        chosen = Space.of(_ordered(strategy, space), where)
        job = rule = Job.of(strategy, bars, costs=costs, fill=fill or FILLS[0], folds=folds or (), metrics=wanted)
        trial = counted(
            strategy.step, bars, window=(bars.start, bars.end), schedule="every bar", space=_told(chosen, plan),
            costs={"fee": rule.fee, "slippage": rule.slippage, "fill": rule.fill}, periods=rule.periods,
            code=strategy.code, size=_asked(plan, chosen),
        )  # fmt: skip
        with (
            _swept(rule, chosen, engine) as answers,
            trial as tried,
            watched(progress, f"search {strategy.name}", "trials") as told,
        ):
            found = _look(plan, job, chosen, answers, tried.watch(told))
            _write(tried, found, chosen.columns(found["points"]), bars, lambda: returns(rule, found["kept"].sample))
    else:
        _only("a Python `decide`", "a rule", fill=fill, engine=engine if engine != "local" else None)
        chosen = Space.of(space, where)
        case = _case(strategy, bars, mandate, schedule, params, warmup, costs, limits)
        job = work = Decisions.of(case, chosen.names, folds or (), wanted)
        trial = counted(
            strategy, bars, window=(utc(bars.times[warmup]), bars.end), schedule=schedule, params=params,
            space=_told(chosen, plan), mandate=mandate, costs=(case.costs, case.limits), periods=work.periods,
            size=_asked(plan, chosen),
        )  # fmt: skip
        with (
            Replays(work, chosen, plan.trials, None if workers is None else _count("workers", workers)) as replays,
            trial as tried,
            watched(progress, f"search {work.rule.name}", "trials") as told,
        ):
            found = _look(plan, work, chosen, replays, tried.watch(told)) | {"failures": replays.failures}
            cells = _same(params or {}, found["kept"].count) | chosen.columns(found["points"])
            _write(tried, found, cells, bars, lambda: found["sampled"])
        _some(found, replays.failures)
    return Search(
        job=job, grid=None, seconds=perf_counter() - began, space=chosen, method=method, sought=metric, **found
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    trials: int
    method: str
    metric: str
    seed: int
    batch: int | None


def _look(plan: _Plan, job: Any, space: Space, answers: Evaluate, tell: Progress) -> dict[str, Any]:
    """Ask, evaluate, tell, until the trials are used up, the space is, or somebody stops it."""
    looker = sampler(plan.method, space, plan.seed)
    size = plan.batch or _batch(plan.method, job)
    total = _asked(plan, space)
    kept = _room(job, total, plan)
    points, sampled = [np.empty((0, len(space.names)))], []
    interrupted = exhausted = False
    try:
        with Stop() as stop:
            while kept.count < plan.trials and not exhausted and not stop.wished:
                asked = looker.ask(min(size, plan.trials - kept.count))
                exhausted = not len(asked)
                for rows, values, returned in answers(asked):
                    if returned is not None and kept.count in kept.sampled:
                        sampled.append(returned)
                    points.append(rows)
                    kept.add(space.codes(rows), values)
                    looker.tell(rows, sign(plan.metric) * scores(values, kept.judged, job.metrics.index(plan.metric)))
                    tell(kept.count, total)
                    if stop.wished:
                        break
            interrupted = stop.wished
    except KeyboardInterrupt:
        interrupted = True
    kept.settle()
    if not kept.count and not interrupted:
        raise InputError(f"where= leaves no combination of {', '.join(space.names)}: there is nothing to search")
    return {
        "kept": kept, "points": np.concatenate(points)[: kept.count], "interrupted": interrupted,
        "exhausted": exhausted or kept.count >= space.size,
        "sampled": np.concatenate(sampled, axis=1) if sampled else None,
    }  # fmt: skip


def _asked(plan: _Plan, space: Space) -> int:
    """How many combinations it will look at, at most."""
    return int(min(plan.trials, space.size))


def _told(space: Space, plan: _Plan) -> dict[str, Any]:
    """What is searched, for the trial ledger. Words, not lists: not every combination is tried."""
    kinds = {name: repr(kind) for name, kind in space.parameters.items()}
    return {**kinds, "search": f"{plan.method}, seed {plan.seed}, {plan.trials} trials, best {plan.metric}"}


def _same(params: Mapping[str, Any], count: int) -> dict[str, Any]:
    """What was not searched, as a column of every combination."""
    return {name: np.full(count, repr(value), dtype=object) for name, value in params.items()}


def _write(
    tried: Trial, found: Mapping[str, Any], cells: Mapping[str, Any], bars: Bars, paths: Callable[[], Any]
) -> None:
    """Tell the trial ledger every combination that was tried."""
    kept: Kept = found["kept"]
    if not kept.count:
        return
    tried.swept(
        kept.count,
        sharpe_mean=kept.sharpe_mean,
        sharpe_variance=kept.sharpe_variance,
        sharpe_best=kept.sharpe_best,
        paths=paths(),
        times=bars.times,
        parameters=cells,
        outcome=INTERRUPTED if found["interrupted"] else COMPLETED,
    )


def _batch(method: str, job: Any) -> int:
    if method != "bayes":
        return CHUNK
    return BATCH["rule" if isinstance(job, Job) else "decide"]


def _room(job: Any, total: int, plan: _Plan) -> Kept:
    """Room for every trial."""
    size = total * (len(job.labels) * len(job.metrics) + 2 * len(job.rule.parameters)) * 8
    if size > ROOM:
        raise InputError(
            f"{total:,} trials × {len(job.labels)} windows × {len(job.metrics)} metrics are {size / 1e9:,.1f} GB of "
            f"results: take fewer trials or folds, or `backtest.sweep`, which keeps the best only"
        )
    return Kept.of(job, total, total, plan.metric, plan.seed)


@contextmanager
def _swept(job: Job, space: Space, engine: str) -> Iterator[Evaluate]:
    """Points through the compiled kernel, here or on the cluster."""
    if engine == "local":

        def here(points: Points) -> Iterator[Answer]:
            for rows in _cut(points, CHUNK):
                yield rows, evaluate(job, space.matrix(rows)), None

        yield here
        return
    if engine != "dask":
        raise InputError(f"engine={engine!r} must be 'local' (all cores of this machine) or 'dask' (a cluster)")
    from aura_lib.backtest.search import dask

    with dask.connected() as client:
        session = dask.Session(client, job, evaluate)

        def there(points: Points) -> Iterator[Answer]:
            parts = _cut(points, dask.rows(job))
            answers = session.stream(space.matrix(rows) for rows in parts)
            for rows, (_, values) in zip(_cut(points, dask.rows(job)), answers, strict=True):
                yield rows, values, None

        yield there


def _cut(points: Points, size: int) -> Iterator[Points]:
    return (points[first : first + size] for first in range(0, len(points), size))


def _ordered(rule: Rule, given: Mapping[str, Any]) -> dict[str, Any]:
    """The space in the rule's order, defaults filled in."""
    if not isinstance(given, Mapping) or not given:
        return dict(Space.of(given).parameters)  # says what is wrong
    unknown = [name for name in given if name not in rule.parameters]
    missing = [name for name in rule.parameters if name not in given and name not in rule.defaults]
    if unknown or missing:
        said = [
            f"{what} {', '.join(map(str, names))}"
            for what, names in (("unknown", unknown), ("missing", missing))
            if names
        ]
        raise InputError(
            f"rule {rule.name!r} takes {', '.join(rule.parameters) or 'no parameters'}; "
            f"the space has {' and '.join(said)}"
        )
    return {name: given.get(name, rule.defaults.get(name)) for name in rule.parameters}


def _case(
    decide: Any, bars: Bars, mandate: Mandate | None, schedule: str, params: Mapping[str, Any] | None, warmup: int,
    costs: Costs | None, limits: Limits | None,
) -> Case:  # fmt: skip
    if not callable(decide):
        raise InputError(f"a search takes a Rule or a Python `decide`, not {decide!r}")
    if mandate is None or not schedule:
        raise InputError("a search over a Python `decide` needs mandate= and schedule=, as `backtest.run` does")
    return Case.of(decide, bars, mandate, schedule=schedule, params=params, warmup=warmup, costs=costs, limits=limits)


def _only(whose: str, others: str, **given: Any) -> None:
    """Refuse what belongs to the other kind of strategy."""
    strange = [name for name, value in given.items() if value]
    if strange:
        raise InputError(f"{', '.join(strange)} = … is for {others}; {whose} does not take it")


def _some(found: Mapping[str, Any], failures: Mapping[str, str]) -> None:
    """Where every combination was refused, the reason is the answer."""
    count = found["kept"].count
    if count and len(failures) == count:
        which, why = next(iter(failures.items()))
        raise InputError(f"all {count:,} combinations were refused; the first, {which}: {why}")


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InputError(f"{name}={value!r} must be a whole number from 1")
    return int(value)
