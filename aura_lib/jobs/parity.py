"""Parity: what a job's runs decided and traded, against one pass of the same notebook over the same slots."""

from __future__ import annotations

from typing import Any

from aura_lib.backtest import Parity, Replay, SlotRecord, SlotResult, parity
from aura_lib.core import Account, Decision, Fill, InputError, Intent, decode, fold, utc
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
    return parity(records, _replay(runner.rehearse(job, clock[1], asked), asked, view.opening(job.book)), fills)


def _replay(told: dict[str, Any], asked: Rehearsal, opening: Account) -> Replay:
    """What the kernel reported, as the Replay it came from."""
    slots = tuple(
        SlotResult(
            utc(s["slot"]),
            tuple(decode(Intent, i) for i in s["intents"]),
            tuple(decode(Decision, d) for d in s["decisions"]),
        )
        for s in told["slots"]
    )
    fills = tuple(decode(Fill, f) for f in told["fills"])
    return Replay(slots, fills, (), opening, fold(opening, fills), asked.costs, asked.limits)
