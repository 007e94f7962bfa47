"""Parity: what a job's runs decided and traded, against one pass of the same notebook over the same slots."""

from __future__ import annotations

from typing import Any

from aura_lib.backtest import Parity, SlotRecord, parity
from aura_lib.core import Decision, Fill, InputError, Intent, decode, utc
from aura_lib.execution import account_terms
from aura_lib.jobs.context import Rehearsal
from aura_lib.jobs.job import Job
from aura_lib.jobs.runner import Runner


def job_parity(runner: Runner, job: Job) -> Parity:
    """Compare every basket a job wrote, the desk's decisions on it and the fills, with a replay.

    Raises InputError when the job has not run yet.
    """
    terms = account_terms(runner.ledger, job.account)
    view = runner.ledger.account(job.account)
    verdicts = [v for v in view.verdicts.values() if v.basket.origin == job.name]
    clock = runner.ledger.control.clock(job.account)
    if not verdicts or clock is None or clock[1] is None:
        raise InputError(f"job {job.name} has no paper run to compare: `aura job run {job.name}` first")
    records = tuple(SlotRecord(v.basket.slot, v.basket.intents, v.decisions) for v in verdicts)
    fills = tuple(f for f in view.fills if f.book == job.book)
    asked = Rehearsal(tuple(r.slot for r in records), view.opening(job.book).cash, terms.costs, terms.limits)
    told = runner.rehearse(job, clock[1], asked)
    return parity(records, _slots(told), fills, tuple(decode(Fill, f) for f in told["fills"]))


def _slots(told: dict[str, Any]) -> tuple[SlotRecord, ...]:
    return tuple(
        SlotRecord(
            utc(s["slot"]),
            tuple(decode(Intent, i) for i in s["intents"]),
            tuple(decode(Decision, d) for d in s["decisions"]),
        )
        for s in told["slots"]
    )

