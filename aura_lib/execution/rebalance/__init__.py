"""Rebalancing by hand: a plan with its lots, costs and verdicts to look at, and to propose when it is liked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aura_lib import plan
from aura_lib.core import Basket, InputError, Mandate, TargetWeights
from aura_lib.execution.rebalance.lots import Choice, Rates, Taken, choose
from aura_lib.execution.rebalance.sheet import Rebalance, inspected

if TYPE_CHECKING:
    from aura_lib.core import Settings
    from aura_lib.execution.present import Present
    from aura_lib.execution.propose import Proposal
    from aura_lib.ledger import Ledger

__all__ = ["Choice", "Rates", "Rebalance", "Taken", "by_hand", "choose", "inspected", "keep_lots", "preview", "propose"]


def preview(
    ledger: Ledger,
    targets: TargetWeights,
    mandate: Mandate,
    *,
    account: str,
    book: str,
    who: str,
    lots: Choice | str = Choice.LEAST_TAX,
    rates: Rates | None = None,
    settings: Settings | None = None,
    feed: Any = None,
) -> Rebalance:
    """The trades that bring a book to its targets, with lots, costs, taxes and what the desk would say. Sends nothing.

    Prices are those at the account's clock (`feed` when given). Raises InputError for an unknown account, book or way
    to choose lots; what `plan.rebalance` raises.
    """
    from aura_lib import data
    from aura_lib.execution.accounts import account_terms
    from aura_lib.execution.feed import Feed
    from aura_lib.execution.gate import TICKET, checked
    from aura_lib.execution.limits import Rulebook
    from aura_lib.ledger.accounting import tax_lots

    if lots not in set(Choice):
        raise InputError(f"lots are chosen by {', '.join(Choice)}, not {lots!r}")
    terms, view = account_terms(ledger, account), ledger.account(account)
    if book not in view.cash:
        raise InputError(f"account {account} has no book {book!r}; books: {', '.join(sorted(view.cash)) or 'none'}")
    now = _now(ledger, account)
    if feed is None:
        feed = Feed(data.load(source=terms.source, calendar=terms.calendar, as_of=now, settings=settings))
    prices = feed.prices(now)
    planned = plan.rebalance(targets, view.account(book), prices, mandate, feed.bars.instruments, terms.costs)
    basket = Basket(f"{TICKET}{who}", now, account, book, now, planned.intents)
    return inspected(
        planned,
        account=account,
        book=book,
        lots=tax_lots(view).open(book),
        decisions=checked(basket, terms, view, feed, Rulebook(ledger, terms), now),
        cash_buffer=mandate.cash_buffer,
        choice=Choice(lots),
        rates=rates,
    )


def by_hand(
    ledger: Ledger,
    present: Present,
    weights: Mapping[str, float],
    *,
    book: str,
    who: str,
    lots: Choice | str = Choice.LEAST_TAX,
    keep_others: bool = False,
    cash_buffer: float = 0.02,
    min_trade: Decimal = Decimal(100),
    settings: Settings | None = None,
) -> Rebalance:
    """The plan for weights that somebody wrote down: what is held besides is sold, unless `keep_others`."""
    held = present.view.account(book, present.as_of).holdings
    universe = tuple(dict.fromkeys((*weights, *held)))
    mandate = Mandate(universe, cash_buffer=cash_buffer, min_trade=min_trade, currency=present.terms.currency)
    targets = TargetWeights(weights, present.as_of, keep_others=keep_others)
    return preview(
        ledger, targets, mandate, account=present.terms.name, book=book, who=who, lots=lots, settings=settings,
        feed=present.feed,
    )  # fmt: skip


def propose(
    ledger: Ledger,
    rebalance: Rebalance,
    *,
    who: str,
    key: str = "",
    settings: Settings | None = None,
    patience: float | None = None,
) -> Proposal:
    """Send what a plan asks for, as one ticket, with its lots; the desk's verdict on each order.

    Raises what `execution.ticket` raises; InputError for a plan without orders.
    """
    from aura_lib.execution.service import PATIENCE
    from aura_lib.execution.ticket import ticket

    if not rebalance.intents:
        raise InputError(f"{rebalance.account}/{rebalance.book} is at its targets: there is nothing to send")
    proposal = ticket(
        ledger, rebalance.intents, account=rebalance.account, book=rebalance.book, who=who, key=key,
        patience=PATIENCE if patience is None else patience, settings=settings,
    )  # fmt: skip
    keep_lots(ledger, rebalance, proposal, who=who)
    return proposal


def keep_lots(ledger: Ledger, rebalance: Rebalance, proposal: Proposal, *, who: str) -> int:
    """Ask the desk to take the chosen lots for the approved sales of a proposal; how many sales that are.

    Buys that cover a short position are left to the account's method: lots are chosen for sales.
    """
    from aura_lib.execution.desk.take import client_id

    basket, kept = proposal.basket, 0
    for decision in proposal.decisions:
        chosen = rebalance.chosen(decision.leg)
        if decision.approved and chosen and basket.intents[decision.leg].signed < 0:
            name = client_id(basket.account, basket.origin, basket.slot, decision.leg)
            body = {"client_id": name, "lots": chosen, "who": who, "reason": "chosen in the rebalance plan"}
            ledger.inbox.ask(basket.account, "lots", body, f"lots:{name}")
            kept += 1
    return kept


def _now(ledger: Ledger, account: str) -> datetime:
    clock = ledger.control.clock(account)
    return datetime.now(UTC) if clock is None else clock[1] or clock[0]
