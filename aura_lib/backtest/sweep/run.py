"""One call from a rule and a grid to a Sweep."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aura_lib.backtest.sweep.chunk import Job, evaluate
from aura_lib.backtest.sweep.chunk import threads as use
from aura_lib.backtest.sweep.code import FILLS
from aura_lib.backtest.sweep.grid import Constraint, Grid
from aura_lib.backtest.sweep.kept import Kept
from aura_lib.backtest.sweep.metrics import DEFAULT
from aura_lib.backtest.sweep.result import Sweep
from aura_lib.core import InputError

if TYPE_CHECKING:
    from aura_lib.backtest.folds import Fold
    from aura_lib.backtest.sweep.rule import Rule
    from aura_lib.core import Bars
    from aura_lib.exchange import Costs

Progress = Callable[[int, int], None]

CHUNK = 1 << 13  # combinations between two looks at progress and the keyboard
NANOSECONDS = 1.5  # of one core for a bar and combination, to tell how long a sweep will take


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
) -> Sweep:
    """Run every combination of a grid through a rule, and keep what was asked for.

    `fill` says when a wish is traded: at the next bar's close (as `run` does), the next open, or at the close it was
    formed on. Costs are a commission and slippage on the traded value; each symbol trades an equal share of the capital
    as a portfolio of its own. With `folds`, metrics come for train and test of each, from the same pass. `keep` is how
    many combinations stay, the best by `rank`; 0 keeps all where they fit (64 MB), else the best 1,000. Whatever is
    kept, every combination enters the count, the mean and the variance of the Sharpe ratios, and their histogram.
    `progress(done, total)` is told every chunk; a keyboard interrupt gives back what was done.

    Raises InputError for a grid that is empty or larger than `max_combinations` (with an estimate of time and memory).
    """
    began = perf_counter()
    job = Job.of(rule, bars, costs=costs, fill=fill, folds=folds or (), metrics=metrics)
    space = Grid.of(rule, grid, where)
    total = _counted(space, job, max_combinations)
    kept = Kept.of(job, total, keep, rank, seed)
    work = _engine(engine)
    done, interrupted = 0, False
    with use(threads):
        try:
            for rows in space.chunks(CHUNK):
                kept.add(rows, work(job, rows))
                done += len(rows)
                if progress is not None:
                    progress(done, total)
        except KeyboardInterrupt:
            interrupted = True
    return Sweep(job, space, kept, bars.times, bars.symbols, interrupted, perf_counter() - began)


Engine = Callable[[Job, Any], Any]


def _engine(name: str) -> Engine:
    if name == "local":
        return evaluate
    if name == "dask":
        found: Engine = importlib.import_module("aura_lib.backtest.search.dask").evaluate
        return found
    raise InputError(f"engine={name!r} must be 'local' (all cores of this machine) or 'dask' (a cluster)")


def _counted(space: Grid, job: Job, most: int) -> int:
    """Combinations to run; refuses none, and more than `most` before anything is counted out."""
    total = space.size if space.size > most else space.count()
    if not total:
        raise InputError(f"the grid is empty: none of its {space.size:,} combinations meets the constraint")
    if total <= most:
        return total
    bars, cores = job.live.size, os.cpu_count() or 1
    seconds = total * bars * NANOSECONDS * 1e-9 / cores
    memory = total * (len(job.labels) * len(job.metrics) + len(space.names)) * 8 / 1e9
    axes = " × ".join(f"{name} {len(axis):,}" for name, axis in zip(space.names, space.axes, strict=True))
    raise InputError(
        f"the grid has {total:,} combinations ({axes}{', before its constraint' if space.where else ''}): about "
        f"{_duration(seconds)} on {cores} cores, and {memory:,.1f} GB if all results were kept; at most {most:,} run "
        "unasked. Take coarser axes, a random or Bayesian search (`backtest.search`), or say "
        f"max_combinations={total}"
    )


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
