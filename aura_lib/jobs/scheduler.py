"""The scheduler: fires the slots of jobs by the wall clock, as soon as the bars they decide on are known.

One round, one method a step:

    _stand       accounts at a real broker get a desk that stands as long as the scheduler, and their books money
    _look        which slots of each job nobody has run yet: to run now, or missed by its policy and recorded
    _simulate    a simulated account's clock moves to each slot, the notebook runs, then the clock moves to the last
                 bar known: what was ordered fills
    _trade       at a real broker the notebook runs, and the standing desk sends: orders that are made at a close wait
                 there for the next open, and fill while nothing here is at work but the desk

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
from types import TracebackType

from aura_lib.access import who
from aura_lib.core import (
    AuraError,
    BrokerUnavailable,
    Calendar,
    Clock,
    InputError,
    NotPromoted,
    PermissionDenied,
    RunFailed,
    RunStatus,
    Schedule,
    WallClock,
    iso,
    utc,
)
from aura_lib.execution import DeskProcess, Terms, account_terms, advance, find_terms, give_capital
from aura_lib.jobs import anchor
from aura_lib.jobs import job as jobs
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.due import GRACE, Policy, due
from aura_lib.jobs.job import Job
from aura_lib.jobs.known import Known
from aura_lib.jobs.live import allowed, unheard
from aura_lib.jobs.replay import fund, run_slot, source_of
from aura_lib.jobs.retention import prune
from aura_lib.jobs.runner import Runner, check_schedule
from aura_lib.ledger import AccountView, Slot

log = logging.getLogger(__name__)

TICK = 1.0  # seconds between two looks at the clock
ROUND = timedelta(seconds=60)  # between two rounds at most
DAY = timedelta(days=1)  # between two anchors of the ledger and prunings of outputs
AHEAD = timedelta(days=370)
SOON = timedelta(seconds=5)  # between two rounds while a book at a real broker has no money, or a slot has to wait


@dataclass(frozen=True, slots=True)
class Planned:
    """A job with its schedule and its next slot."""

    job: Job
    schedule: Schedule
    next: datetime


def check(runner: Runner, name: str) -> Terms:
    """The terms of a job's account, if the scheduler can run the job.

    Raises InputError for an account that it cannot serve, PermissionDenied and NotPromoted for a job that may not
    trade there: everything that is missing, each with what to do.
    """
    job = jobs.load(name, runner.root)
    terms = account_terms(runner.ledger, job.account)
    if terms.clock != "wall":
        raise InputError(
            f"job {job.name} trades on account {job.account}, whose clock is simulated: `aura job run {job.name}` "
            "replays past slots there. For the wall clock open another account (`aura account open NAME --clock wall "
            "--source SOURCE`) and name it in the job"
        )
    source = source_of(runner, job)
    if source not in ("", terms.source):
        raise InputError(
            f"job {job.name} decides on the prices of {source}, its account {job.account} trades on those of "
            f"{terms.source}: open an account on the same source"
        )
    allowed(runner, job, terms)
    return terms


class Scheduler:
    """Runs the slots of some jobs as they come. `clock` says what time it is.

    As a context it ends the desks that it let stand; `serve` does so by itself.
    """

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
        self._held: dict[tuple[str, datetime], str] = {}  # slots that could not be run yet, and why
        self._known = Known(runner.settings)
        self._desks: dict[str, DeskProcess] = {}  # of accounts at a real broker: they stand
        self._views: dict[str, AccountView] = {}  # and as they were last seen
        self._wake: datetime | None = None
        self._seen = self._clock.now()
        self._cared = self._seen - DAY

    def serve(self, going: Callable[[], bool], wait: Callable[[float], None] = time.sleep) -> None:
        """Work until told to stop."""
        with self:
            while going():
                self.tick()
                wait(TICK)

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for desk in self._desks.values():
            desk.stop()
        self._desks.clear()

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
        return self._known.end(account_terms(self._ledger, job.account))

    def desk_of(self, job: Job) -> str:
        """Who is responsible for the desk of a job's account."""
        if account_terms(self._ledger, job.account).simulated:
            return "at each slot"
        holder = self._ledger.control.holder(job.account)
        return f"process {holder.rsplit(':', 2)[1]}, and this one after it" if holder else "kept here"

    # ---- one round -------------------------------------------------------------------------------------------------
    def round(self, now: datetime) -> datetime:
        """Do all that is due now; when to look again."""
        waiting: dict[str, list[tuple[datetime, Job]]] = {}
        wake = now + ROUND
        for name in self._names:
            try:
                planned = self._plan(name, now)
                wake = min(wake, planned.next, self._stand(planned, now))
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
            self._miss(job, slot, self._in_the_way(job, slot) or why, now)
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
        self._held.pop((job.name, slot), None)
        if self._runner.missed(job, slot, why, now):
            log.warning("job %s missed its slot %s: %s", job.name, iso(slot), why)

    # ---- an account ------------------------------------------------------------------------------------------------
    def _serve_account(self, account: str, waiting: Sequence[tuple[datetime, Job]], now: datetime) -> None:
        """Fire what waits, as far as there are bars."""
        terms = account_terms(self._ledger, account)
        end = self._known.refresh(terms, now)
        ready = [(slot, job) for slot, job in waiting if slot <= end]
        self._waited |= {(job.name, slot) for slot, job in waiting if slot > end}
        if terms.simulated:
            self._simulate(account, ready, end)
        else:
            self._trade(terms, ready, now)

    def _simulate(self, account: str, ready: Sequence[tuple[datetime, Job]], end: datetime) -> None:
        """Run what is ready in simulated time, then follow the market with the account."""
        clock = self._ledger.control.clock(account)
        if not ready and (clock is None or (clock[1] or clock[0]) >= end):
            return
        with DeskProcess(self._runner.settings, account) as desk:
            for slot, job in ready:
                fund(self._runner, job)
                self._fire(job, slot, desk)
            advance(self._ledger, account, end, desk)

    def _fire(self, job: Job, slot: datetime, desk: DeskProcess | None) -> None:
        began = self._clock.now()
        try:
            run = run_slot(self._runner, job, slot, desk)
            log.info("job %s ran its slot %s: %s", job.name, iso(slot), run.id)
        except InputError as error:  # waiting mends nothing: its account has gone on, or the notebook does not fit
            self._miss(job, slot, str(error), began)
        except (RunFailed, NotPromoted, PermissionDenied) as error:  # recorded by the runner
            log.error("job %s, slot %s: %s", job.name, iso(slot), error)
        finally:
            self._busy[job.name] = (began, self._clock.now())

    # ---- an account at a real broker -------------------------------------------------------------------------------
    def _stand(self, planned: Planned, now: datetime) -> datetime:
        """See to it that an account at a real broker has a desk, and the job's book its capital; when to look again.

        Another desk may be at work already (`aura up`, `aura desk`): one of them has the lease, the other waits.
        """
        job, later = planned.job, now + ROUND
        if account_terms(self._ledger, job.account).simulated:
            return later
        if job.account not in self._desks:
            desk = DeskProcess(self._runner.settings, job.account)
            desk.start()
            self._desks[job.account] = desk
        waits = self._without_capital(job) or any(name == job.name for name, _ in self._held)
        return now + SOON if waits else later

    def _without_capital(self, job: Job, slot: datetime | None = None) -> str:
        """Why the book of a job at a real broker has no money yet; empty when it has."""
        if job.book in self._view(job.account).cash:
            return ""
        try:
            give_capital(
                self._ledger, job.account, job.book, job.capital, who=who(), at=slot,
                reason=f"opening capital of job {job.name}", desk=self._desks.get(job.account),
            )  # fmt: skip
        except (InputError, BrokerUnavailable) as error:
            return str(error)
        return ""

    def _view(self, account: str) -> AccountView:
        view = self._views[account] = self._ledger.account(account, self._views.get(account))
        return view

    def _trade(self, terms: Terms, ready: Sequence[tuple[datetime, Job]], now: datetime) -> None:
        """Run what is ready while its orders can still be sent; the desk that stands does the rest."""
        calendar = Calendar.of(terms.calendar)
        for slot, job in ready:
            if now >= (ended := calendar.next_close(slot)):
                self._miss(job, slot, f"the session that its orders were for ended at {iso(ended)}: none was made", now)
            elif why := self._without_capital(job, slot) or unheard(self._view(terms.name), job.book, calendar, slot):
                self._hold(job, slot, why)
            else:
                self._held.pop((job.name, slot), None)
                self._fire(job, slot, self._desks.get(terms.name))

    def _hold(self, job: Job, slot: datetime, why: str) -> None:
        """Leave a slot for later: it is tried again, as long as it is on time."""
        if self._held.get((job.name, slot)) != why:
            log.warning("job %s waits with its slot %s: %s", job.name, iso(slot), why)
        self._held[job.name, slot] = why

    def _in_the_way(self, job: Job, slot: datetime) -> str:
        """The reason, if it was waited for: no bar of the slot in all that time, or no money in its book."""
        if (job.name, slot) not in self._waited:
            return self._held.get((job.name, slot), "")
        terms = account_terms(self._ledger, job.account)
        end = self._known.end(terms)
        if end >= slot:
            return self._held.get((job.name, slot), "")
        return f"DataError: {terms.source} has bars to {iso(end)} only, none of the slot, though it was waited for"
