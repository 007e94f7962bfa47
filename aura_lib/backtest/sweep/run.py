"""One call from a rule and a grid to a Sweep."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.counting import Trial, counted
from aura_lib.backtest.sweep.chunk import CORES, Job, evaluate
from aura_lib.backtest.sweep.chunk import threads as use
from aura_lib.backtest.sweep.code import FILLS, LANES
from aura_lib.backtest.sweep.grid import Constraint, Grid
from aura_lib.backtest.sweep.kept import Kept
from aura_lib.backtest.sweep.metrics import DEFAULT
from aura_lib.backtest.sweep.result import Sweep
from aura_lib.backtest.watch import Stop
from aura_lib.core import InputError, Progress, watched

if TYPE_CHECKING:
    from aura_lib.backtest.folds import Fold
    from aura_lib.backtest.sweep.rule import Rule
    from aura_lib.core import Bars
    from aura_lib.exchange import Costs


NANOSECONDS = 2.0  # of one core for a bar and combination, to tell how long a sweep will take
PACE = 0.2  # seconds between two looks at progress and the keyboard, about
CELLS = 1_000_000  # combinations of which the ledger is told each, where not the whole product was tried


def sweep(
    rule: Rule,
    bars: Bars,
    grid: Mapping[str, Any],
    *,
    where: Constraint | str | None = None,
    costs: Costs | None = None,
    fill: str = FILLS[0],
    folds: Sequence[Fold] | None = None,
    metrics: Sequence[str] = DEFAULT,
    rank: str = "sharpe",
    keep: int = 0,
    max_combinations: int = 100_000_000,
    engine: str = "local",
    threads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    count: bool = True,
) -> Sweep:
    """Run every combination of a grid through a rule, and keep what was asked for.

    Args:
        rule: a Rule; see `rule` and `rules`.
        bars: prices; a symbol without a close at a bar neither trades nor is asked.
        grid: parameter → a list, range or array of ascending numbers, or one number.
        where: which combinations count: `"fast < slow"`, or a function of arrays by parameter name.
        costs: commission and slippage on the traded value; without it `Costs()`.
        fill: when a wish is traded: at the next bar's close (as `run` does), the next open, or the close it was
            formed on. Each symbol trades an equal share of the capital, as a portfolio of its own.
        folds: metrics come for train and test rows of each, from the same pass over the bars.
        metrics: names; `metrics.METRICS` has them all.
        rank: the metric that says which combinations stay: over all bars, or with folds the mean of their train parts.
        keep: how many stay; 0 keeps all where they fit (64 MB), else the best 1,000. Whatever stays, every combination
            enters the count, the mean, the variance and the histogram of Sharpe ratios.
        max_combinations: a larger grid is refused.
        engine: "local", all cores of this machine, or "dask".
        threads: at most so many.
        seed: of the sample of combinations whose return paths go to the trial ledger.
        progress: is told (done, total) a few times a second; without it a line shows a long sweep.
        count: whether this is a trial: everything a person tries is.

    Returns:
        a Sweep; after a keyboard interrupt what was done by then.

    Raises:
        InputError: a grid that is empty, too large (with an estimate of time and memory), or has wrong values.
        ModelError: a rule that does not compile, raises, or wants NaN, infinity or more than its limit.

    """
    began = perf_counter()
    job = Job.of(rule, bars, costs=costs, fill=fill, folds=folds or (), metrics=metrics)
    space = Grid.of(rule, grid, where)
    answers, total = _answers(engine, job, space), _counted(space, job, max_combinations)
    kept = Kept.of(job, total, keep, rank, seed)
    found = Sweep(job, space, kept)
    trial_of = _trial(rule, bars, space, where, job, total) if count else nullcontext(Trial("nothing", {}, {}))
    bar = watched(progress, f"sweep {rule.name}", "combinations")
    with trial_of as trial, use(threads), bar as told, Stop() as stop:
        tell = trial.watch(told)
        for rows, values in answers:
            kept.add(rows, values)
            tell(kept.count, total)
            if stop.wished:
                break
        found.seconds, found.interrupted = perf_counter() - began, kept.count < total
        if count and kept.count:
            _swept(trial, found)
    return found


def _answers(engine: str, job: Job, space: Grid) -> Iterator[tuple[Any, Any]]:
    """Chunks of the grid and their metrics, in the grid's order."""
    if engine == "local":
        return ((rows, evaluate(job, rows)) for rows in space.chunks(_chunk(job)))
    if engine == "dask":
        cluster = importlib.import_module("aura_lib.backtest.search.dask")
        found: Iterator[tuple[Any, Any]] = cluster.stream(job, space.chunks(cluster.rows(job)))
        return found
    raise InputError(f"engine={engine!r} must be 'local' (all cores of this machine) or 'dask' (a cluster)")


def _seconds(job: Job, combinations: int) -> float:
    return combinations * job.live.size * NANOSECONDS * 1e-9 / CORES


def _chunk(job: Job) -> int:
    """Combinations between two looks: whole blocks of lanes, so that chunked and unchunked is the same."""
    return int(np.clip(PACE / _seconds(job, LANES), 1, 256)) * LANES


def _counted(space: Grid, job: Job, most: int) -> int:
    """Combinations to run; refuses none, and more than `most` before anything is counted out."""
    total = space.size if space.size > most else space.count()
    if not total:
        raise InputError(f"the grid is empty: none of its {space.size:,} combinations meets the constraint")
    if total <= most:
        return total
    memory = total * (len(job.labels) * len(job.metrics) + len(space.names)) * 8 / 1e9
    axes = " × ".join(f"{name} {len(axis):,}" for name, axis in zip(space.names, space.axes, strict=True))
    raise InputError(
        f"the grid has {total:,} combinations ({axes}{', before its constraint' if space.where else ''}): about "
        f"{_duration(_seconds(job, total))} on {CORES} cores, and {memory:,.1f} GB if all results were kept; "
        f"at most {most:,} run unasked. Take coarser axes, a random or Bayesian search (`backtest.search`), or say "
        f"max_combinations={total}"
    )


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


def _trial(rule: Rule, bars: Bars, space: Grid, where: Constraint | str | None, job: Job, total: int) -> Any:
    """This sweep as the trial ledger tells it from others."""
    tried: dict[str, Any] = {name: axis.tolist() for name, axis in zip(space.names, space.axes, strict=True)}
    if where is not None:
        tried["where"] = [where if isinstance(where, str) else _text(where)]
    costs = {"fee": job.fee, "slippage": job.slippage, "fill": job.fill}
    return counted(
        rule.step, bars, window=(bars.start, bars.end), schedule="every bar", space=tried, costs=costs,
        periods=job.periods, code=rule.code, size=total,
    )  # fmt: skip


def _text(where: Constraint) -> str:
    try:
        return inspect.getsource(where).strip()
    except (OSError, TypeError):
        return repr(where)


def _swept(trial: Trial, found: Sweep) -> None:
    """Tell the trial what came of it."""
    partly = found.interrupted or (found.grid is not None and found.grid.where is not None)
    trial.swept(
        found.count,
        sharpe_mean=found.sharpe_mean,
        sharpe_variance=found.sharpe_variance,
        sharpe_best=found.kept.sharpe_best,
        paths=found.paths,
        times=found.job.times,
        parameters=found.tried() if partly and found.count <= CELLS else None,
        outcome="interrupted" if found.interrupted else "completed",
    )
