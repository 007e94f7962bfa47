"""Preview: what a job would do now. Its own notebook decides for one slot on the current book; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.access import who
from aura_lib.core import Account, Calendar, DataError, Decision, Intent, Schedule, WallClock, decode, iso, utc
from aura_lib.execution import Terms, acts, capital, find_terms
from aura_lib.execution.accounts import SAMPLE
from aura_lib.execution.feed import Feed
from aura_lib.execution.shadow import view_of
from aura_lib.jobs import notebook as notebooks
from aura_lib.jobs.context import Preview
from aura_lib.jobs.job import Job
from aura_lib.jobs.promotion import Candidate, objection, relative
from aura_lib.jobs.runner import OnCell, Runner, check_schedule

if TYPE_CHECKING:
    from aura_lib.core import Bars
    from aura_lib.ledger import AccountView

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Leg:
    """One intent with the verdict on it. Amounts in the book's currency, weights as fractions of its equity.

    `price` is the desk's at the slot; without one it is None, and so are the value, the weights and the cost.
    """

    intent: Intent
    decision: Decision
    price: Decimal | None = None
    value: Decimal | None = None
    before: Decimal | None = None
    after: Decimal | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a job would propose for a slot, and what its desk would say.

    `not_promoted` is why the desk would refuse all of it for lack of a promotion; empty when it stands promoted.
    `missing` are the other acts without which nothing trades on this account, `notes` what else stands between this
    preview and a run.
    """

    job: str
    slot: datetime
    book: Account
    equity: Decimal
    legs: tuple[Leg, ...]
    not_promoted: str
    notes: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def approved(self) -> tuple[Leg, ...]:
        """The legs that the limits would let pass."""
        return tuple(leg for leg in self.legs if leg.decision.approved)

    @property
    def cost(self) -> Decimal:
        """Commission and slippage of what would be approved, estimated."""
        return sum((leg.cost for leg in self.approved if leg.cost is not None), ZERO)

    @property
    def turnover(self) -> float:
        """Half the value of what would be approved, over equity."""
        traded = sum((leg.value for leg in self.approved if leg.value is not None), ZERO)
        return float(traded / self.equity / 2) if self.equity > 0 else 0.0


def preview(runner: Runner, job: Job, at: str | None = None, *, on_cell: OnCell | None = None) -> Previewed:
    """Let a job's notebook decide for one slot, and judge its wishes by the account's limits. Nothing is sent.

    `at` is a slot (a session date or a moment); by default the latest that the data reaches. The book is taken as
    it stood at the slot. Leaves no Run, no trial, no claim, no basket.

    Raises InputError when `at` is no slot, DataError when the data does not reach one, RunFailed when the notebook
    does not reach its end.
    """
    given = {**job.parameters, "mode": job.mode.value, "book": job.book}
    bound = notebooks.bind(job.notebook, job.notebook.read_bytes(), given, runner.root)
    source = str(bound.parameters.get("source", SAMPLE))
    terms = find_terms(runner.ledger, job.account) or Terms(job.account, source=source)
    feed = _feed(runner, terms)
    slot = _slot(Schedule.parse(check_schedule(job, bound)), feed.bars, at)
    view, clock = view_of(runner.ledger, terms, slot, 0.0), runner.ledger.control.clock(job.account)
    passed = clock[0] if clock is not None and clock[0] > slot else None
    book = view.account(job.book, slot) if job.book in view.cash else Account(job.book, job.capital, terms.currency)
    working = {} if passed else view.working(job.book)
    asked = Preview(book, feed.prices(slot), terms.costs, terms.limits, working)
    told = runner.preview(job, slot, asked, on_cell=on_cell)
    intents = [decode(Intent, intent) for intent in told["intents"]]
    decisions = [decode(Decision, decision) for decision in told["decisions"]]
    equity = _equity(asked)
    legs = tuple(_leg(i, d, asked, equity) for i, d in zip(intents, decisions, strict=True))
    candidate = Candidate(relative(job.notebook, runner.root), bound)
    reason = objection(runner.ledger, runner.settings, candidate, terms.account_class)
    absent = tuple(one.why for one in acts.missing(job.mode, terms, who(), runner.settings))
    notes = (*_notes(runner, job, slot, view, passed), *_at_broker(terms, job, slot, view))
    return Previewed(job.name, slot, book, equity, legs, reason, notes, absent)


def _feed(runner: Runner, terms: Terms) -> Feed:
    from aura_lib import data

    return Feed(data.load(source=terms.source, calendar=terms.calendar, settings=runner.settings))


def _slot(schedule: Schedule, bars: Bars, at: str | None) -> datetime:
    """The slot asked for, or the latest that the data reaches."""
    if at is None:
        slots = schedule.slots(bars.start, bars.end)
        if not len(slots):
            raise DataError(f"'{schedule}' has no slot in the data, {iso(bars.start)} to {iso(bars.end)}")
        return utc(slots[-1])
    slot = schedule.check(Calendar.of(schedule.calendar).moment(at, "at"))
    if not bars.start <= slot <= bars.end:
        raise DataError(
            f"{bars.source} has bars from {iso(bars.start)} to {iso(bars.end)}, none for the slot {iso(slot)}: "
            "fetch newer data, or preview another slot"
        )
    return slot


def _equity(asked: Preview) -> Decimal:
    """What the book is worth at the desk's prices; zero when something it holds has none."""
    held = asked.account.holdings
    return asked.account.equity(asked.prices) if held.keys() <= asked.prices.keys() else ZERO


def _leg(intent: Intent, decision: Decision, asked: Preview, equity: Decimal) -> Leg:
    price = asked.prices.get(intent.symbol)
    if price is None:
        return Leg(intent, decision)
    unit = price * intent.instrument.multiplier
    held = asked.account.quantity(intent.symbol)
    before, after = ((q * unit / equity if equity > 0 else ZERO) for q in (held, held + intent.signed))
    value = intent.quantity * unit
    paid = intent.quantity * asked.costs.price(price, intent.side) * intent.instrument.multiplier
    return Leg(intent, decision, price, value, before, after, abs(paid - value) + asked.costs.commission(paid))


def _notes(runner: Runner, job: Job, slot: datetime, view: AccountView, passed: datetime | None) -> Iterator[str]:
    control = runner.ledger.control
    claimed = control.slot(job.name, slot)
    if claimed is not None and claimed.status == "succeeded":
        yield f"this slot was run already, by {claimed.run}: a slot fires once"
    elif passed:
        yield f"this slot has passed: the clock of account {job.account} is at {iso(passed)} and does not go back"
    if passed:
        yield "the book is shown as it stood at the slot, not as it is now"
    elif orders := view.live_orders(job.book):
        yield f"{len(orders)} order(s) of the book are still open: what they fill changes the book before the slot"
    if job.book not in view.cash:
        yield f"book {job.book} is not open yet: its opening capital is taken, all in cash"
    if halted := control.halted(job.account):
        yield f"the desk would refuse everything: {halted}"
    if view.drift:
        yield f"the desk would refuse everything: ledger and broker differ, {view.drift}"


def _at_broker(terms: Terms, job: Job, slot: datetime, view: AccountView) -> Iterator[str]:
    """What a real broker adds: when the orders would trade, whether it is too late for them, and the money."""
    if terms.simulated:
        return
    calendar, now = Calendar.of(terms.calendar), WallClock().now()
    ends = calendar.next_close(slot)
    if now >= ends:
        yield f"its orders would be refused: the session that they were for ended at {iso(ends)}"
    else:
        yield f"at {terms.broker} its orders would trade until {iso(ends)}, from the next open on when it is closed"
    if job.book not in view.cash and (why := capital.short(view, terms, job.book, job.capital)):
        yield why


def rows(found: Previewed) -> list[Mapping[str, object]]:
    """The legs as plain rows, exact amounts as text, for machines."""
    names = ("price", "value", "before", "after", "cost")
    return [
        {
            "symbol": leg.intent.symbol,
            "side": leg.intent.side.value,
            "quantity": str(leg.intent.quantity),
            **{name: None if (amount := getattr(leg, name)) is None else str(amount) for name in names},
            "approved": leg.decision.approved,
            "verdict": str(leg.decision),
            "reason": leg.intent.reason,
        }
        for leg in found.legs
    ]
