"""Parity: what a job's runs decided and traded, against one pass of the same notebook over the same slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from aura_lib.backtest import Parity, Replay, SlotRecord, SlotResult, parity
from aura_lib.core import TERMINAL, Account, Decision, Fill, InputError, Intent, Order, decode, fold, utc
from aura_lib.execution import Terms, account_terms
from aura_lib.jobs.context import Rehearsal
from aura_lib.jobs.job import Job
from aura_lib.jobs.runner import Runner
from aura_lib.ledger import AccountView

ZERO, ONE = Decimal(0), Decimal(1)


def job_parity(runner: Runner, job: Job) -> Parity:
    """Compare every basket a job wrote, the desk's decisions on it and the fills, with a replay.

    On a simulated account one pass over the same slots must give the same of all, prices and fees too. At a real broker
    fills and their prices are the market's: there every slot is decided anew on the book as it stood, and of fills only
    the quantity is compared, once an order has ended.

    Raises InputError when the job has not run yet.
    """
    terms = account_terms(runner.ledger, job.account)
    view = runner.ledger.account(job.account)
    verdicts = [v for v in view.verdicts.values() if v.basket.origin == job.name]
    if not verdicts:
        raise InputError(f"job {job.name} has no run to compare: `aura job run {job.name}` first")
    records = tuple(SlotRecord(v.basket.slot, v.basket.intents, v.decisions) for v in verdicts)
    if not terms.simulated:
        return _at_broker(runner, job, terms, view, records)
    clock = runner.ledger.control.clock(job.account)
    if clock is None or clock[1] is None:
        raise InputError(f"job {job.name} has no run to compare: `aura job run {job.name}` first")
    fills = tuple(f for f in view.fills if f.book == job.book)
    asked = Rehearsal(tuple(r.slot for r in records), view.opening(job.book).cash, terms.costs, terms.limits)
    return parity(records, _replay(runner.rehearse(job, clock[1], asked), asked, view.opening(job.book)), fills)


def _at_broker(runner: Runner, job: Job, terms: Terms, view: AccountView, records: Sequence[SlotRecord]) -> Parity:
    slots = tuple(record.slot for record in records)
    accounts = tuple(view.account(job.book, slot) for slot in slots)
    asked = Rehearsal(slots, view.opening(job.book).cash, terms.costs, terms.limits, accounts)
    told = _replay(runner.rehearse(job, slots[-1], asked), asked, view.opening(job.book))
    ended = [o for o in view.orders.values() if o.book == job.book and o.status in TERMINAL]
    ended = [o for o in ended if o.basket.rpartition("@")[0] == job.name]
    wished = tuple(_units(order, order.intent.quantity) for order in ended)
    return parity(records, replace(told, fills=wished), tuple(_units(o, o.filled) for o in ended if o.filled))


def _units(order: Order, quantity: Decimal) -> Fill:
    """So many units of an order as one fill behind its slot, without a price."""
    name, slot, intent = order.client_id, utc(order.basket.rpartition("@")[2]), order.intent
    return Fill(
        name, name, order.account, order.book, intent.instrument, intent.side, quantity, ONE, ZERO,
        slot + timedelta(seconds=1),
    )  # fmt: skip


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
