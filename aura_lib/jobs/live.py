"""What a job lacks to trade on its account, and one slot of a job at a real broker, now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aura_lib.access import who
from aura_lib.core import (
    UNSETTLED,
    BrokerUnavailable,
    Calendar,
    DataError,
    InputError,
    Mode,
    NotPromoted,
    Order,
    OrderStatus,
    PermissionDenied,
    Run,
    Schedule,
    TimeInForce,
    WallClock,
    iso,
    utc,
)
from aura_lib.execution import DeskProcess, Terms, account_terms, acts, give_capital
from aura_lib.execution.service import PATIENCE
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.job import Job
from aura_lib.jobs.known import Known
from aura_lib.jobs.promotion import Candidate, objection, relative
from aura_lib.jobs.replay import run_slot
from aura_lib.jobs.runner import Runner, check_schedule
from aura_lib.ledger import AccountView

BACK = timedelta(days=400)  # in which a schedule has a slot


def missing(runner: Runner, job: Job, terms: Terms) -> tuple[acts.Missing, ...]:
    """Every act that a job lacks to trade on its account, the promotion to live among them; empty when it may."""
    found = acts.missing(job.mode, terms, who(), runner.settings)
    if Mode.LIVE not in (job.mode, terms.account_class):
        return found
    given = {**job.parameters, "mode": job.mode.value, "book": job.book}
    bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, runner.root)
    candidate = Candidate(relative(job.notebook, runner.root), bound)
    reason = objection(runner.ledger, runner.settings, candidate, Mode.LIVE)
    return (
        (*found, acts.Missing("promotion", f"{candidate.path} is not promoted to live: {reason}")) if reason else found
    )


def allowed(runner: Runner, job: Job, terms: Terms) -> None:
    """Return when a job may trade on its account; else raise PermissionDenied, or NotPromoted when only that lacks."""
    absent = missing(runner, job, terms)
    if not absent:
        return
    kind = NotPromoted if [one.rule for one in absent] == ["promotion"] else PermissionDenied
    raise kind(f"job {job.name} may not trade on {job.account}: {'; '.join(one.why for one in absent)}")


def unheard(view: AccountView, book: str, calendar: Calendar, slot: datetime) -> str:
    """Why a book is not known as it stood at a slot: the broker was not heard, or not of every order.

    What orders of a session that was over have filled is missing in the book, and a notebook would wish for it again.
    """
    if not view.compared:
        return f"ledger and broker of {view.name} were not compared since its desk began"
    open_yet = [o for o in view.live_orders(book) if o.intent.time_in_force is not TimeInForce.GTC]
    over = [o for o in open_yet if calendar.next_close(o.time) <= slot]
    if not over:
        return ""
    last, names = max(calendar.next_close(o.time) for o in over), ", ".join(o.client_id for o in over[:3])
    return (
        f"{len(over)} orders of book {book} were good until {iso(last)} at the latest, and the broker has not told yet "
        f"what became of them ({names}): the book is not known as it stands"
    )


# ---- one slot, now -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Ran:
    """A slot that was run at a real broker: its run, and its orders as they stood when the command went on."""

    run: Run
    slot: datetime
    until: datetime
    orders: tuple[Order, ...]


def due_slot(runner: Runner, job: Job, terms: Terms, now: datetime) -> tuple[datetime, datetime]:
    """The slot of a job whose orders can be sent now, and the close until which; InputError when there is none."""
    given = {**job.parameters, "mode": job.mode.value, "book": job.book}
    bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, runner.root)
    schedule = Schedule.parse(check_schedule(job, bound))
    last = utc(schedule.slots(now - BACK, now)[-1])
    ended = Calendar.of(terms.calendar).next_close(last)
    if now >= ended:
        coming = utc(schedule.slots(now + timedelta(microseconds=1), now + BACK)[0])
        raise InputError(
            f"no slot of job {job.name} is due: the session for the orders of {iso(last)} ended at {iso(ended)}, and "
            f"the next slot is {iso(coming)}"
        )
    return last, ended


def run_now(runner: Runner, job: Job, *, now: Callable[[], datetime] | None = None) -> Ran:
    """Run the slot of a job that is due at a real broker, once; its orders are sent before this returns.

    A slot that was run already is left alone. Raises InputError when no slot is due, PermissionDenied and NotPromoted
    when the job may not trade, DataError when the bars of the slot are not known yet, BrokerUnavailable when the
    broker does not tell what it has, RunFailed.
    """
    terms = account_terms(runner.ledger, job.account)
    if terms.simulated:
        raise InputError(f"account {job.account} is simulated: say which slots to replay, with --from and --to")
    allowed(runner, job, terms)
    moment = (now or WallClock().now)()
    slot, ended = due_slot(runner, job, terms, moment)
    if (end := Known(runner.settings).refresh(terms, moment)) < slot:
        raise DataError(f"{terms.source} has bars to {iso(end)} only, none of the slot {iso(slot)}: try again later")
    with DeskProcess(runner.settings, job.account) as desk:
        reason = f"opening capital of job {job.name}"
        give_capital(
            runner.ledger, job.account, job.book, job.capital, who=who(), reason=reason, at=slot, desk=desk,
            patience=PATIENCE,
        )  # fmt: skip
        _heard(runner, job, terms, slot)
        run = run_slot(runner, job, slot, desk)
        return Ran(run, slot, ended, _sent(runner, job, run))


def _heard(runner: Runner, job: Job, terms: Terms, slot: datetime) -> None:
    """Wait until the broker has told what became of earlier orders; BrokerUnavailable when it does not."""
    end = time.monotonic() + PATIENCE
    while why := unheard(runner.ledger.account(terms.decides_on), job.book, Calendar.of(terms.calendar), slot):
        if time.monotonic() > end:
            raise BrokerUnavailable(why)
        time.sleep(0.05)


def _sent(runner: Runner, job: Job, run: Run) -> tuple[Order, ...]:
    """The orders of a run, once the broker has told of each, or patience has run out: the next desk goes on then."""
    end = time.monotonic() + PATIENCE
    waiting = {*UNSETTLED, OrderStatus.APPROVED}
    while True:
        orders = tuple(o for o in runner.ledger.account(job.account).orders.values() if o.basket == run.basket)
        if time.monotonic() > end or not any(order.status in waiting for order in orders):
            return orders
        time.sleep(0.05)
