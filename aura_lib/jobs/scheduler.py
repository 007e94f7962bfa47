"""The scheduler: fires the slots of jobs by the wall clock, and follows their simulated accounts as bars become known.

One round, one method a step:

    _look        which slots of each job nobody has run yet: to run now, or missed by its policy and recorded
    _refresh     newer bars from the source, when a session has closed that it does not know
    _fire        the account's clock moves to the slot, the notebook runs
    _follow      the account's clock moves to the last bar known: what was ordered fills

Nothing is remembered that is not in the ledger: killed, or put to sleep with its laptop, it goes on from there. A slot
is claimed in the ledger, so that any number of schedulers fire it once. It never sleeps for long: a suspended machine
does not count sleep, only the wall clock does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aura_lib import data
from aura_lib.core import (
    AuraError,
    Calendar,
    Clock,
    InputError,
    NotPromoted,
    RunFailed,
    RunStatus,
    Schedule,
    WallClock,
    iso,
    utc,
)
from aura_lib.data import store
from aura_lib.execution import DeskProcess, Terms, account_terms, advance, find_terms
from aura_lib.jobs import anchor
from aura_lib.jobs import job as jobs
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.due import GRACE, Policy, due
from aura_lib.jobs.job import Job
from aura_lib.jobs.replay import fund, run_slot, source_of
from aura_lib.jobs.retention import prune
from aura_lib.jobs.runner import Runner, check_schedule
from aura_lib.ledger import Slot

log = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks at the clock
ROUND = timedelta(seconds=60)  # between two rounds at most
DAY = timedelta(days=1)  # between two anchors of the ledger and prunings of outputs
AHEAD = timedelta(days=370)


@dataclass(frozen=True, slots=True)
class Planned:
    """A job with its schedule and its next slot."""

    job: Job
    schedule: Schedule
    next: datetime


def check(runner: Runner, name: str) -> Terms:
    """The terms of a job's account, if the scheduler can run the job; else InputError says what to do."""
    job = jobs.load(name, runner.root)
    terms = account_terms(runner.ledger, job.account)
    if terms.clock != "wall":
        raise InputError(
            f"job {job.name} trades on account {job.account}, whose clock is simulated: `aura job run {job.name}` "
            "replays past slots there. For the wall clock open another account (`aura account open NAME --clock wall "
            "--source SOURCE`) and name it in the job"
        )
    if not terms.simulated:
        raise InputError(
            f"job {job.name} trades on account {job.account} at {terms.broker}: jobs trade on simulated accounts only "
            "in this version; people trade there by tickets, and `aura rehearse` shows how the job would fare"
        )
    source = source_of(runner, job)
    if source not in ("", terms.source):
        raise InputError(
            f"job {job.name} decides on the prices of {source}, its account {job.account} trades on those of "
            f"{terms.source}: open an account on the same source"
        )
    return terms


class Scheduler:
    """Runs the slots of some jobs as they come. `clock` says what time it is."""

    def __init__(
        self, runner: Runner, names: Sequence[str], *, clock: Clock | None = None, grace: timedelta = GRACE
    ) -> None:
        self._clock = clock or WallClock()
        for name in names:
            check(runner, name)
            runner.ledger.control.watch(Path(name).stem, self._clock.now())
        self._runner, self._ledger, self._names = runner, runner.ledger, tuple(names)
        self._grace = grace
        self._busy: dict[str, tuple[datetime, datetime]] = {}
        self._waited: set[tuple[str, datetime]] = set()  # slots that a bar was waited for
        self._ends: dict[tuple[str, str], datetime] = {}
        self._wake: datetime | None = None
        self._seen = self._clock.now()
        self._cared = self._seen - DAY

    def serve(self, going: Callable[[], bool], wait: Callable[[float], None] = time.sleep) -> None:
        """Work until told to stop."""
        while going():
            self.tick()
            wait(TICK)

    def tick(self) -> None:
        """Look at the clock: make a round when one is due, and when the clock has gone back."""
        now = self._clock.now()
        if self._wake is None or now >= self._wake or now < self._seen:
            if self._wake is not None and now - self._wake > ROUND:
                log.warning("the clock went on by %s since the last look: asleep, or set", now - self._seen)
            self._wake = self.round(now)
        self._seen = now

    def planned(self, now: datetime) -> list[Planned]:
        """Each job with the slot it waits for."""
        return [self._plan(name, now) for name in self._names]

    def bars_to(self, job: Job) -> datetime:
        """The last bar that is known to a job's account."""
        return self._end(account_terms(self._ledger, job.account))

    # ---- one round -------------------------------------------------------------------------------------------------
    def round(self, now: datetime) -> datetime:
        """Do all that is due now; when to look again."""
        waiting: dict[str, list[tuple[datetime, Job]]] = {}
        wake = now + ROUND
        for name in self._names:
            try:
                planned = self._plan(name, now)
                wake = min(wake, planned.next)
                self._ledger.control.beat(f"scheduler:{planned.job.name}", note=f"next slot {iso(planned.next)}")
                slots = self._look(planned, now)
                waiting.setdefault(planned.job.account, []).extend((slot, planned.job) for slot in slots)
            except (AuraError, OSError) as error:  # of one job: the others go on
                log.error("job %s: %s", name, error)
        for account, slots_of_jobs in sorted(waiting.items(), key=lambda one: self._shadows(one[0])):
            try:
                self._serve_account(account, sorted(slots_of_jobs, key=lambda one: one[0]), now)
            except (AuraError, OSError) as error:
                log.error("account %s: %s", account, error)
        self._runner.close()  # the warm parent of the kernels: months may pass until the next slot
        self._daily(now)
        return wake

    def _shadows(self, account: str) -> bool:
        """Whether an account is a shadow: served after the others, since it looks at one of them."""
        terms = find_terms(self._ledger, account)
        return terms is not None and bool(terms.shadow_of)

    def _daily(self, now: datetime) -> None:
        """Once a day: anchor the ledger, and remove the outputs of runs that are kept no longer."""
        if now - self._cared < DAY:
            return
        self._cared = now
        try:
            anchor.write(self._ledger, self._runner.settings)
        except AuraError as error:
            log.error("the ledger was not anchored: %s", error)
        try:
            prune(self._runner.settings, self._ledger)
        except (AuraError, OSError) as error:
            log.warning("outputs of runs could not be pruned: %s", error)

    def _plan(self, name: str, now: datetime) -> Planned:
        """A job as its file says now: what was edited or promoted since counts."""
        job = jobs.load(name, self._runner.root)
        given = {**job.parameters, "mode": job.mode.value, "book": job.book}
        bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, self._runner.root)
        schedule = Schedule.parse(check_schedule(job, bound))
        coming = schedule.slots(now + timedelta(microseconds=1), now + AHEAD)
        if not len(coming):
            raise InputError(f"'{schedule}' has no slot after {iso(now)}: upgrade exchange-calendars")
        return Planned(job, schedule, utc(coming[0]))

    def _look(self, planned: Planned, now: datetime) -> tuple[datetime, ...]:
        """The slots of a job to run now; those that were missed are recorded."""
        job, control = planned.job, self._ledger.control
        since = control.watch(job.name, now)
        taken = {slot.slot: slot for slot in control.slots(job.name)}
        came = [utc(slot) for slot in planned.schedule.slots(since, now) if utc(slot) > since]
        left = [slot for slot in came if not self._settled(job, taken.get(iso(slot)), now)]
        found = due(left, Policy.of(job, self._grace), now, self._busy.get(job.name))
        for slot, why in found.missed:
            self._miss(job, slot, self._no_bars(job, slot) or why, now)
        return found.run

    def _settled(self, job: Job, taken: Slot | None, now: datetime) -> bool:
        """Whether a slot needs nothing any more, or a living run has it."""
        if taken is None or taken.status == RunStatus.LOST:
            return False
        if taken.status == RunStatus.MISSED:  # one written later than now is of a clock that ran ahead, and is nothing
            return taken.at <= now.timestamp()
        if taken.status == RunStatus.RUNNING:
            return not self._ledger.control.claimable(taken)
        return taken.status != RunStatus.FAILED or taken.attempt > job.retries

    def _miss(self, job: Job, slot: datetime, why: str, now: datetime) -> None:
        if self._runner.missed(job, slot, why, now):
            log.warning("job %s missed its slot %s: %s", job.name, iso(slot), why)

    # ---- an account ------------------------------------------------------------------------------------------------
    def _serve_account(self, account: str, waiting: Sequence[tuple[datetime, Job]], now: datetime) -> None:
        """Fire what waits, as far as there are bars, then follow the market with the account."""
        terms = account_terms(self._ledger, account)
        end = self._refresh(terms, now)
        ready = [(slot, job) for slot, job in waiting if slot <= end]
        self._waited |= {(job.name, slot) for slot, job in waiting if slot > end}
        clock = self._ledger.control.clock(account)
        if not ready and (clock is None or (clock[1] or clock[0]) >= end):
            return
        with DeskProcess(self._runner.settings, account) as desk:
            for slot, job in ready:
                self._fire(job, slot, desk)
            advance(self._ledger, account, end, desk)

    def _fire(self, job: Job, slot: datetime, desk: DeskProcess) -> None:
        began = self._clock.now()
        fund(self._runner, job)
        try:
            run = run_slot(self._runner, job, slot, desk)
            log.info("job %s ran its slot %s: %s", job.name, iso(slot), run.id)
        except InputError as error:  # waiting mends nothing: its account has gone on, or the notebook does not fit
            self._miss(job, slot, str(error), began)
        except (RunFailed, NotPromoted) as error:  # recorded by the runner
            log.error("job %s, slot %s: %s", job.name, iso(slot), error)
        finally:
            self._busy[job.name] = (began, self._clock.now())

    # ---- data ------------------------------------------------------------------------------------------------------
    def _refresh(self, terms: Terms, now: datetime) -> datetime:
        """Up to when bars are known, after asking the source if a session has closed that the store does not have."""
        end, closed = self._end(terms), Calendar.of(terms.calendar).last_close(now)
        if end < closed and not data.files.is_file(terms.source):  # a file is as new as it is
            try:
                data.fetch(terms.source, settings=self._runner.settings)
            except AuraError as error:
                log.warning("no newer bars from %s: %s", terms.source, error)
            end = self._end(terms)
        return min(end, closed)  # a bar of a session that is still open is not known

    def _end(self, terms: Terms) -> datetime:
        """The last bar of an account's source; read again when the store has another snapshot, or the file changed."""
        version = self._version(terms.source)
        if not version or (terms.source, version) not in self._ends:
            end = data.load(source=terms.source, calendar=terms.calendar, settings=self._runner.settings).end
            version = version or self._version(terms.source)
            self._ends[terms.source, version] = end
        return self._ends[terms.source, version]

    def _version(self, source: str) -> str:
        """What changes when the bars of a source do; empty when the store has none yet."""
        if data.files.is_file(source):
            return str(Path(source).expanduser().stat().st_mtime_ns)
        versions = store.at(self._runner.settings).versions(source, "1d")
        return versions[-1].snapshot if versions else ""

    def _no_bars(self, job: Job, slot: datetime) -> str:
        """The reason, if it is the data: no bar of the slot in all the time that it was waited for."""
        if (job.name, slot) not in self._waited:
            return ""
        terms = account_terms(self._ledger, job.account)
        end = self._end(terms)
        if end >= slot:
            return ""
        return f"DataError: {terms.source} has bars to {iso(end)} only, none of the slot, though it was waited for"
