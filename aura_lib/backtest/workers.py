"""Workers: independent cases over processes, in order, with progress; in this process where that cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pickle import PicklingError

from aura_lib.backtest.case import Case, Outcome
from aura_lib.backtest.replay import Progress
from aura_lib.core import AuraError

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
    several = min(processes, os.cpu_count() or 1, len(cases))
    found: list[Outcome | Failure] = []
    spread = several > 1 and seconds > FEW
    for outcome in _spread(cases, several) if spread else map(_one, cases):
        found.append(outcome)
        if progress is not None:
            progress(len(found), len(cases))
    return found


def _one(case: Case) -> Outcome | Failure:
    try:
        return case.run()
    except AuraError as error:
        return Failure(case.name, str(error))


def _spread(cases: Sequence[Case], processes: int) -> Iterator[Outcome | Failure]:
    """Over fresh processes (never a fork of a kernel and its threads); what they did not bring is done here."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

    brought = 0
    try:
        pool = Parallel(n_jobs=processes, backend="loky", return_as="generator", pre_dispatch="all", batch_size=1)
        done: Iterable[Outcome | Failure] = pool(delayed(_one)(case) for case in cases)
        for outcome in done:
            yield outcome
            brought += 1
    except (PicklingError, BrokenProcessPool, TerminatedWorkerError, TypeError) as error:
        if isinstance(error, TypeError) and "pickle" not in str(error):
            raise
        yield from map(_one, cases[brought:])
