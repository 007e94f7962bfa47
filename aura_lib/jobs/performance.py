"""What a book traded, as a Backtest: the same curve, figures and tables for paper as for research."""

from __future__ import annotations

from aura_lib import data
from aura_lib.backtest import Backtest, Replay, SlotResult
from aura_lib.core import InputError, Mandate, Settings
from aura_lib.execution import account_terms
from aura_lib.jobs.job import Job
from aura_lib.ledger import Ledger


def recorded(ledger: Ledger, job: Job, settings: Settings | None = None) -> Backtest:
    """A job's book from its first slot to where its clock stands, folded from the ledger alone.

    Raises InputError when the job has not run yet.
    """
    terms, view = account_terms(ledger, job.account), ledger.account(job.account)
    verdicts = [v for v in view.verdicts.values() if v.basket.origin == job.name]
    clock = ledger.control.clock(job.account)
    if not terms.simulated:
        raise InputError(
            f"job {job.name} trades at {terms.broker}, where fills come at the market's own times: `aura account "
            f"statement {job.account}` shows what became of its book"
        )
    if not verdicts or clock is None or clock[1] is None:
        raise InputError(f"job {job.name} has not run yet: `aura job run {job.name}`")
    fills = tuple(f for f in view.fills if f.book == job.book)
    orders = tuple(o for o in view.orders.values() if o.book == job.book)
    opening = view.opening(job.book)
    slots = tuple(SlotResult(v.basket.slot, v.basket.intents, v.decisions) for v in verdicts)
    replay = Replay(slots, fills, orders, opening, view.account(job.book), terms.costs, terms.limits)
    bars = data.load(source=terms.source, calendar=terms.calendar, as_of=clock[1], settings=settings).between(
        slots[0].slot, clock[1]
    )
    mandate = Mandate(bars.symbols, capital=opening.cash, currency=opening.currency)
    return Backtest(replay, bars, mandate, str(job.schedule or "as recorded"))
