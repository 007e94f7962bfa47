"""Which slots of a job are to be run now, and which were missed: a pure function of slots, policy and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aura_lib.jobs.job import Job, seconds

GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of slots that were not run when they came.

    A slot is on time for `grace` after its moment: so long may the data take. Later ones are missed, but for the
    newest one within `once_within`, and for all of them when `catch_up` is said. A slot that came while the job's
    run before it was at work is run after it when `queue` is said, else it is missed.
    """

    grace: timedelta = GRACE
    once_within: timedelta = timedelta(0)
    catch_up: bool = False
    queue: bool = False

    @staticmethod
    def of(job: Job, grace: timedelta = GRACE) -> Policy:
        """The policy of a job file: its `on_missed` and `on_overlap`."""
        _, once, within = job.on_missed.partition("once_within: ")
        once_within = timedelta(seconds=seconds(within)) if once else timedelta(0)
        return Policy(grace, once_within, job.on_missed == "all", job.on_overlap == "queue")


@dataclass(frozen=True, slots=True)
class Due:
    """Slots to run, in order, and slots that were missed with the reason."""

    run: tuple[datetime, ...] = ()
    missed: tuple[tuple[datetime, str], ...] = ()


def due(slots: Sequence[datetime], policy: Policy, now: datetime, busy: tuple[datetime, datetime] | None = None) -> Due:
    """What to do now about slots that nobody has run or given up.

    Args:
        slots: their moments, ascending; those after `now` are left for later.
        policy: what becomes of late ones.
        now: what time it is.
        busy: from when to when the job's last run was at work.
    """
    came = [slot for slot in slots if slot <= now]
    during = [slot for slot in came if busy is not None and busy[0] < slot <= busy[1]]
    rest = [slot for slot in came if slot not in during]
    run = set(rest) if policy.catch_up else {slot for slot in rest if now - slot <= policy.grace}
    if rest and now - rest[-1] <= policy.once_within:
        run.add(rest[-1])
    if policy.queue:
        run |= set(during)
    missed = [(slot, _why(slot, slot in during, policy, now)) for slot in came if slot not in run]
    return Due(tuple(sorted(run)), tuple(missed))


def _why(slot: datetime, overlapped: bool, policy: Policy, now: datetime) -> str:
    if overlapped:
        return "it came while the run before it was at work, and on_overlap is skip"
    if policy.once_within:
        told = f"only the newest is caught up with, within {policy.once_within}"
        return f"nobody ran it: seen {_rounded(now - slot)} late, and on_missed is once_within ({told})"
    return f"nobody ran it: seen {_rounded(now - slot)} late, and on_missed is skip"


def _rounded(late: timedelta) -> timedelta:
    return timedelta(seconds=round(late.total_seconds()))
