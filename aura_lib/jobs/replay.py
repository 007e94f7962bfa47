"""Replaying a job over past slots: one simulated clock drives the desk, the venue and the notebooks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from aura_lib.access import who
from aura_lib.core import Calendar, InputError, Run, RunFailed, RunStatus, Schedule, iso, utc
from aura_lib.execution import DeskProcess, account_terms, advance, find_terms, give_capital, paper_account
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.job import Job
from aura_lib.jobs.runner import Runner, check_schedule

OnSlot = Callable[[int, int, Run], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The runs of a replay, and up to when the venue was followed afterwards."""

    job: str
    runs: tuple[Run, ...]
    until: datetime


def slots_of(runner: Runner, job: Job, start: str, end: str) -> list[datetime]:
    """The slots of a job in [start, end] (session dates or moments), by its notebook's schedule."""
    data = job.notebook.read_bytes()
    given = {**job.parameters, "mode": job.mode.value, "as_of": start, "book": job.book}
    schedule = Schedule.parse(check_schedule(job, notebooks.bind(job.notebook, data, given, runner.root)))
    calendar = Calendar.of(schedule.calendar)
    first, last = calendar.moment(start, "start"), calendar.moment(end, "end")
    if first > last:
        raise InputError(f"the replay starts at {start}, after its end {end}")
    slots = [utc(s) for s in schedule.slots(first, last)]
    if not slots:
        raise InputError(f"'{schedule}' has no slot between {start} and {end}")
    return slots


def replay(
    runner: Runner, job: Job, start: str, end: str, *, until: str | None = None, desk: DeskProcess | None = None,
    on_slot: OnSlot | None = None,
) -> Replayed:  # fmt: skip
    """Run a job for each slot in [start, end], then follow the venue to `until` (default: the next close).

    Slots that are done are not run again, so a replay that was interrupted goes on where it stopped.
    Raises RunFailed at the first slot that fails: what follows it would decide on other holdings.
    """
    slots = slots_of(runner, job, start, end)
    if (known := find_terms(runner.ledger, job.account)) is not None and not known.simulated:
        raise InputError(
            f"account {job.account} is at {known.broker}, where the past cannot be traded. `aura job run {job.name}` "
            "without dates runs the slot that is due now; slots are replayed on a simulated account, and "
            f"`aura rehearse {job.name}` shows how the job fares at a broker that misbehaves"
        )
    terms = paper_account(runner.ledger, job.account, source_of(runner, job))
    if terms.clock != "replay":
        raise InputError(
            f"account {job.account} lives by the wall clock: `aura job schedule {job.name}` runs the job there; past "
            "slots are replayed on another account"
        )
    calendar = Calendar.of(terms.calendar)
    after = calendar.moment(until, "until") if until else calendar.next_close(slots[-1])
    fund(runner, job)
    runs = []
    with nullcontext(desk) if desk else DeskProcess(runner.settings, job.account) as server:
        for number, slot in enumerate(slots, start=1):
            run = run_slot(runner, job, slot, server)
            runs.append(run)
            if on_slot:
                on_slot(number, len(slots), run)
        advance(runner.ledger, job.account, after, server)
    return Replayed(job.name, tuple(runs), after)


def source_of(runner: Runner, job: Job) -> str:
    """Where the job's notebook takes its prices from, by its parameter `source`; "" when it has none."""
    given = {**job.parameters, "mode": job.mode.value, "book": job.book}
    bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, runner.root)
    return str(bound.parameters.get("source", ""))


def fund(runner: Runner, job: Job) -> None:
    """Ask the desk of a simulated account for the capital of the job's book, once; a shadow has none."""
    if account_terms(runner.ledger, job.account).shadow_of:
        return
    reason = f"opening capital of job {job.name}"
    give_capital(runner.ledger, job.account, job.book, job.capital, who=who(), reason=reason)


def run_slot(runner: Runner, job: Job, slot: datetime, desk: DeskProcess | None) -> Run:
    """One slot: on a simulated account the clock moves to it and what is due happens; then the notebook runs.

    Raises InputError when the clock has passed the slot, RunFailed when the last attempt failed.
    """
    for attempt in range(job.retries + 1):
        done = _done(runner, job, slot)
        if done is not None:
            return done
        if account_terms(runner.ledger, job.account).simulated:
            _not_past(runner, job, slot)
            advance(runner.ledger, job.account, slot, desk)
        try:
            run = runner.slot(job, slot)
        except RunFailed:
            if attempt == job.retries:
                raise
            continue
        if run is not None:
            return run
        _wait_for_other(runner, job, slot)
    return run_slot(runner, job, slot, desk)


def _done(runner: Runner, job: Job, slot: datetime) -> Run | None:
    claimed = runner.ledger.control.slot(job.name, slot)
    if claimed is None or claimed.status != RunStatus.SUCCEEDED:
        return None
    return next(r for r in runner.ledger.runs(job.name) if r.id == claimed.run)


def _not_past(runner: Runner, job: Job, slot: datetime) -> None:
    clock = runner.ledger.control.clock(job.account)
    if clock is not None and clock[0] > slot and runner.ledger.inbox.find(f"{job.name}@{iso(slot)}") is None:
        raise InputError(
            f"slot {iso(slot)} of {job.name} has passed: the clock of account {job.account} is at {iso(clock[0])} "
            "and does not go back. Replay on another account"
        )


def _wait_for_other(runner: Runner, job: Job, slot: datetime) -> None:
    """Another living run has the slot: wait until it is over."""
    deadline = time.monotonic() + job.timeout
    while time.monotonic() < deadline:
        claimed = runner.ledger.control.slot(job.name, slot)
        if claimed is None or claimed.status != "running" or runner.ledger.control.claimable(claimed):
            return
        time.sleep(0.05)
    raise RunFailed(f"slot {iso(slot)} of {job.name} is held by run {claimed.run if claimed else '?'} and did not end")
