"""`aura.run`: the one call of a strategy notebook, the same in research, paper and live."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aura_lib.core import (
    Account,
    AuraError,
    Bars,
    Basket,
    Calendar,
    DataError,
    Examination,
    InputError,
    Intent,
    Mandate,
    Market,
    Mode,
    PermissionDenied,
    Schedule,
    Settings,
    TargetWeights,
    encode,
    iso,
)
from aura_lib.data import store
from aura_lib.data.quality import Policy, judge
from aura_lib.exchange import Costs
from aura_lib.jobs.context import Context, Preview, Rehearsal, current, secret
from aura_lib.risk import Limits

if TYPE_CHECKING:
    from aura_lib.backtest import Backtest, Replay
    from aura_lib.backtest.causality import Running
    from aura_lib.execution import Proposal

Decide = Callable[..., TargetWeights | list[Intent]]


def run(
    decide: Decide,
    bars: Bars,
    mandate: Mandate,
    *,
    schedule: str,
    as_of: str | datetime,
    params: Mapping[str, Any] | None = None,
    mode: str = "research",
    book: str = "",
    warmup: int = 0,
    costs: Costs | None = None,
    limits: Limits | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
) -> Backtest | Replay | Proposal:
    """Research, propose on paper, or propose live: the same call, told apart by `mode` alone.

    Args:
        decide: `decide(market, account, mandate, **params)` → TargetWeights or a list of Intents; sees only the past.
        bars: prices the decisions are made on; those after `as_of` are not looked at.
        mandate: universe, capital and constraints.
        schedule: when it decides, such as "XNYS month-end close".
        as_of: research: where history ends; paper and live: the slot to decide for (a session date or a moment).
        params: keyword arguments of `decide`.
        mode: research, paper or live.
        book: the book whose holdings are meant.
        warmup: research: bars to pass before the first decision.
        costs: research: what the simulated exchange charges (paper and live: the account's own).
        limits: research: risk limits (paper and live: the account's own).
        grid: research: parameter → values, the neighbourhood that `params` were chosen from. When `aura backtest`
            runs the notebook, the evidence validates the choice on it; paper and live do not look at it.

    Returns:
        research: a Backtest; paper and live: the Proposal with the desk's verdict on each intent.

    Raises:
        InputError: wrong arguments. DataError: paper and live: bars that the job's quality policy refuses, or fewer
            than the warm-up that was measured; nothing is proposed then. PermissionDenied: no run token, or live is not
            allowed.
    """
    try:
        chosen = Mode(mode)
    except ValueError:
        raise InputError(f"mode={mode!r} does not exist: use research, paper or live") from None
    if not callable(decide):
        raise InputError(f"decide must be a function, not {decide!r}")
    if not isinstance(bars, Bars) or not isinstance(mandate, Mandate):
        raise InputError(f"aura.run takes Bars and a Mandate, not {type(bars).__name__} and {type(mandate).__name__}")
    plan = Schedule.parse(schedule)
    moment = Calendar.of(plan.calendar).moment(as_of)
    context, given = current(), dict(params or {})
    if context is not None and context.preview is not None:
        return _preview(decide, bars, mandate, given, plan.check(moment), chosen, book, context.preview, context)
    if chosen is not Mode.RESEARCH:
        return _propose(decide, bars, mandate, given, plan.check(moment), chosen, book, context)
    if context is not None and context.rehearsal is not None:
        return _rehearse(decide, bars, mandate, given, context.rehearsal, context)
    return _research(decide, bars.until(moment), mandate, given, plan, warmup, costs, limits, grid, context)


# ---- research ------------------------------------------------------------------------------------------------------
def _research(
    decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], plan: Schedule, warmup: int,
    costs: Costs | None, limits: Limits | None, grid: Mapping[str, Sequence[Any]] | None, context: Context | None,
) -> Backtest:  # fmt: skip
    from aura_lib import backtest

    result = backtest.run(
        decide, bars, mandate, params=params, schedule=str(plan), warmup=warmup, costs=costs or Costs(),
        limits=limits or Limits(),
    )  # fmt: skip
    if context is not None:
        statistics = {name: float(value) for name, value in result.stats.items() if math.isfinite(value)}
        window = [iso(bars.start), iso(bars.end)]
        found = _examined(
            decide,
            bars,
            mandate,
            params=params,
            schedule=str(plan),
            warmup=warmup,
            costs=costs,
            limits=limits,
            grid=grid,
            notebook=_notebook(context),
        )
        needed = int((found.figures.get("warm_up") or {}).get("bars", 0))
        examined = {"examination": encode(found), "warmup_bars": needed}
        context.report({"statistics": statistics, "snapshot": bars.snapshot, "window": window, **examined})
    return result


def _notebook(context: Context) -> Running | None:
    """The notebook that the runner executes here, as it was laid out for the run."""
    from aura_lib.backtest.causality import Running

    source = context.results.parent / "input.ipynb"
    return Running.here(source) if source.is_file() else None


def _examined(decide: Decide, bars: Bars, mandate: Mandate, **asked: Any) -> Examination:
    """The evidence of a notebook that the runner executes; what cannot be examined is told, and stops nothing."""
    from aura_lib import backtest

    try:
        return backtest.evidence(decide, bars, mandate, **asked)
    except AuraError as error:
        return Examination((), f"Not examined: {error}")


# ---- parity --------------------------------------------------------------------------------------------------------
def _rehearse(
    decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], asked: Rehearsal, context: Context
) -> Replay:
    from aura_lib import backtest

    if asked.accounts:
        replay = _again(decide, bars, mandate, params, asked)
    else:
        account = Account(context.book, asked.capital, mandate.currency)
        replay = backtest.replay(
            decide, bars, mandate, params=params, slots=asked.slots, costs=asked.costs, limits=asked.limits,
            account=account,
        )  # fmt: skip
    slots = [
        {"slot": iso(s.slot), "intents": [encode(i) for i in s.intents], "decisions": [encode(d) for d in s.decisions]}
        for s in replay.slots
    ]
    context.report({"slots": slots, "fills": [encode(f) for f in replay.fills], "snapshot": bars.snapshot})
    return replay


def _again(decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], asked: Rehearsal) -> Replay:
    """Every slot decided anew, by the road of a run, on the book as it was recorded there."""
    from aura_lib import plan, risk
    from aura_lib.backtest import Replay, SlotResult

    slots = []
    for slot, account in zip(asked.slots, asked.accounts, strict=True):
        market = Market.at(bars, slot)
        intents = plan.propose(decide, market, account, mandate, params, costs=asked.costs)
        decisions = risk.check(intents, account, plan.prices_at(market), asked.limits)
        slots.append(SlotResult(slot, tuple(intents), tuple(decisions)))
    return Replay(tuple(slots), (), (), asked.accounts[0], asked.accounts[-1], asked.costs, asked.limits)


# ---- paper and live ------------------------------------------------------------------------------------------------
def _propose(
    decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], slot: datetime, mode: Mode, book: str,
    context: Context | None,
) -> Proposal:  # fmt: skip
    from aura_lib import plan
    from aura_lib.execution import account_terms, propose
    from aura_lib.execution.shadow import view_of
    from aura_lib.ledger import Ledger

    if mode is Mode.LIVE and not Settings.load().allow_live:
        raise PermissionDenied("mode='live' needs AURA_ALLOW_LIVE=1, a promotion to live and a live account")
    if context is None or not context.job or context.slot is None:
        raise PermissionDenied(
            f"mode={mode.value!r} works only in a run that `aura job run` started: this kernel holds no run token. "
            "Use mode='research' here"
        )
    market = _market(bars, slot, book, context)
    with Ledger.open() as ledger:
        terms = account_terms(ledger, context.account)
        if terms.account_class is not mode:
            raise PermissionDenied(f"account {context.account} is no {mode.value} account")
        account = view_of(ledger, terms, slot).account(book, slot)
        intents = plan.propose(decide, market, account, mandate, params, costs=terms.costs)
        basket = Basket(context.job, slot, context.account, book, slot, intents, bars.snapshot, context.run)
        proposal = propose(ledger, basket, secret())
    verdict = {"approved": proposal.approved, "rejected": len(proposal.rejected)}
    context.report({"basket": proposal.basket.id, "snapshot": bars.snapshot, **verdict})
    return proposal


def _market(bars: Bars, slot: datetime, book: str, context: Context) -> Market:
    """What was known at the slot of this run.

    Another slot or book than the run's is refused, and so are bars that end before it or that the job does not accept.
    """
    if (slot, book) != (context.slot, context.book):
        due = iso(context.slot) if context.slot else "no slot"
        raise InputError(f"this run is for {context.book} at {due}, not for {book} at {iso(slot)}")
    market = Market.at(bars, slot)
    if market.bars.end != slot:
        raise InputError(f"the bars end at {iso(market.bars.end)}, before the slot {iso(slot)}: fetch the data first")
    if len(market.bars) < context.warmup:
        raise DataError(
            f"these bars ({bars.source}) have {len(market.bars)} up to {iso(slot)}, and the evidence shows that the "
            f"strategy needs {context.warmup} to decide as it was tested: load a longer history (an earlier start)"
        )
    if context.quality is not None:
        _accept(market.bars, context.quality)
    return market


def _accept(bars: Bars, policy: Policy) -> None:
    """Refuse bars that the job's policy does not accept. Of prices as they traded, splits on record explain jumps."""
    settings = Settings.load()
    raw = bars.snapshot and not bars.adjustment
    actions = store.at(settings).actions(bars.snapshot, bars.symbols) if raw else None
    judge(bars, policy, home=settings.home, actions=actions)


# ---- preview -------------------------------------------------------------------------------------------------------
def _preview(
    decide: Decide, bars: Bars, mandate: Mandate, params: dict[str, Any], slot: datetime, mode: Mode, book: str,
    asked: Preview, context: Context,
) -> Proposal:  # fmt: skip
    """The road of `_propose` up to the inbox: the same plan on the same book, judged by the limits, and not sent."""
    from aura_lib import plan, risk
    from aura_lib.execution import Proposal

    if mode is Mode.RESEARCH:
        raise InputError("the notebook calls aura.run with mode='research' whatever the job says: write mode=mode")
    market = _market(bars, slot, book, context)
    intents = plan.propose(decide, market, asked.account, mandate, params, costs=asked.costs)
    decisions = risk.check(intents, asked.account, asked.prices, asked.limits, working=asked.working)
    context.report({"intents": [encode(i) for i in intents], "decisions": [encode(d) for d in decisions]})
    basket = Basket(context.job, slot, context.account, book, slot, intents, bars.snapshot, context.run)
    return Proposal(basket, tuple(decisions))
