"""Workers: independent cases over processes, in order, with progress; in this process where that cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pickle import PicklingError

from aura_lib.backtest.case import Case, Outcome
from aura_lib.core import AuraError, Progress

PROCESSES = 2
FEW = 2.0  # seconds of work below which starting processes costs more than it saves


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that could not be run, and why."""

    name: str
    why: str


def outcomes(
    cases: Sequence[Case], *, processes: int = PROCESSES, seconds: float = 0.0, progress: Progress | None = None
) -> list[Outcome | Failure]:
    """What each case came to, in the order given; one that its strategy or data refuse is a Failure.

    Args:
        cases: what to replay; strategies written in a notebook cell are carried by value.
        processes: at most so many, and no more than there are processors.
        seconds: how long all of them are expected to take in one process; a short time is not spread.
        progress: told (done, total).
    """
    return begun(cases, processes=processes, seconds=seconds).collected(progress)


@dataclass(frozen=True)
class Begun:
    """Cases at work: other processes go on while this one does something else."""

    work: Iterator[Outcome | Failure]
    total: int

    def collected(self, progress: Progress | None = None) -> list[Outcome | Failure]:
        """What each came to, when all are done."""
        found: list[Outcome | Failure] = []
        for outcome in self.work:
            found.append(outcome)
            if progress is not None:
                progress(len(found), self.total)
        return found


def begun(cases: Sequence[Case], *, processes: int = PROCESSES, seconds: float = 0.0) -> Begun:
    """Start the cases of `outcomes`, and do not wait."""
    several = min(processes, os.cpu_count() or 1, len(cases))
    if several < 2 or seconds <= FEW:
        return Begun(map(_one, cases), len(cases))
    return Begun(_spread(cases, several), len(cases))


def _one(case: Case) -> Outcome | Failure:
    try:
        return case.run()
    except AuraError as error:
        return Failure(case.name, str(error))


def _spread(cases: Sequence[Case], processes: int) -> Iterator[Outcome | Failure]:
    """Over fresh processes (never a fork of a kernel and its threads); what they did not bring is done here."""
    from joblib import Parallel, delayed

    try:
        pool = Parallel(n_jobs=processes, backend="loky", return_as="generator", pre_dispatch="all", batch_size=1)
        done: Iterable[Outcome | Failure] = pool(delayed(_one)(case) for case in cases)
    except (PicklingError, TypeError) as error:
        if not _unfit(error):
            raise
        return map(_one, cases)
    return _brought(done, cases)


def _brought(done: Iterable[Outcome | Failure], cases: Sequence[Case]) -> Iterator[Outcome | Failure]:
    from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

    brought = 0
    try:
        for outcome in done:
            yield outcome
            brought += 1
    except (PicklingError, BrokenProcessPool, TerminatedWorkerError, TypeError) as error:
        if not _unfit(error):
            raise
        yield from map(_one, cases[brought:])


def _unfit(error: Exception) -> bool:
    """Whether it is about processes and what cannot be carried to them, not about the strategy."""
    return not isinstance(error, TypeError) or "pickle" in str(error)
