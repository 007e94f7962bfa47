"""What a shadow decided and what its account did, read back from their journals, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from aura_lib.core import Account, InputError, Order, OrderStatus, Settings, utc
from aura_lib.exchange import FillModel
from aura_lib.exchange import Terms as Allowed
from aura_lib.execution.accounts import Terms, account_terms
from aura_lib.execution.shadow.compare import Comparison, Judged, Traded, compare
from aura_lib.ledger import AccountView, Ledger

if TYPE_CHECKING:
    from aura_lib.core import Bars


def shadow_terms(ledger: Ledger, account: str) -> Terms:
    """The terms of a shadow; an account that is none raises InputError."""
    terms = account_terms(ledger, account)
    if not terms.shadow_of:
        raise InputError(
            f"account {account} is no shadow: `aura account open NAME --shadow-of {account}` opens one of it"
        )
    return terms


def judged(ledger: Ledger, account: str) -> list[Judged]:
    """Every decision of a shadow, in the order they were judged, each with the account as it was seen."""
    terms = shadow_terms(ledger, account)
    view = ledger.account(account)
    sights = {str(e.body["basket"]): e.body for e in ledger.journal.entries(account, kinds=("seen",))}
    withheld: dict[str, list[Order]] = {}
    for order in view.orders.values():
        if order.status is OrderStatus.WITHHELD:
            withheld.setdefault(order.basket, []).append(order)
    before = _accounts(ledger, terms.shadow_of, {name: int(body["n"]) for name, body in sights.items()})
    return [
        Judged(
            told.basket, told.decisions, tuple(withheld.get(name, ())), before.get(name),
            {symbol: Decimal(price) for symbol, price in sights.get(name, {}).get("prices", {}).items()},
        )
        for name, told in view.verdicts.items()
    ]  # fmt: skip


def _accounts(ledger: Ledger, account: str, places: dict[str, int]) -> dict[str, Account]:
    """Basket → the account after the entry up to which it was seen; the chain is read once."""
    waiting, found = sorted(places.items(), key=lambda item: item[1]), dict[str, Account]()
    view = AccountView(account)
    entries = ledger.journal.each(account) if waiting else iter(())
    for name, n in waiting:
        while view.n < n:
            view.apply([next(entries)])
        found[name] = view.account()
    return found


def traded(view: AccountView) -> Iterator[Traded]:
    """What an account really traded, each fill with when its decision was made: a leg's is that of its bracket."""
    for fill in view.fills:
        order = view.orders.get(fill.client_id)
        seen = set()
        while order is not None and order.parent in view.orders and order.client_id not in seen:
            seen.add(order.client_id)
            order = view.orders[order.parent]
        yield Traded(order.time if order is not None else fill.time, fill)


def reached(ledger: Ledger, terms: Terms, bars: Bars) -> datetime:
    """Up to when a comparison can look: the end of the bars or, by a replayed clock, how far the accounts have come."""
    if terms.clock != "replay":
        return bars.end
    clocks = [ledger.control.clock(name) for name in (terms.name, terms.shadow_of)]
    stands = [done for clock in clocks if clock is not None and (done := clock[1]) is not None]
    return min(bars.end, max(stands)) if stands else bars.end


def compared(
    ledger: Ledger,
    account: str,
    *,
    as_of: datetime | None = None,
    settings: Settings | None = None,
    bars: Bars | None = None,
) -> Comparison:
    """A shadow's decisions against the market, and against what the account it is of did, up to a moment.

    By default up to where the prices and the accounts have come. What the embedded venue would have done is told by
    its own rule (the close of the next bar); at a real broker a market order is taken to fill at the next bar's open.
    `bars` are those of the account's source, where they are at hand. Raises InputError for an account that is no
    shadow, DataError without prices.
    """
    terms = shadow_terms(ledger, account)
    if bars is None:
        from aura_lib.execution.connect import feed_of

        bars = feed_of(terms, settings).bars
    moment = reached(ledger, terms, bars) if as_of is None else utc(as_of)
    limits = terms.limits
    gross = max(Decimal(1), Decimal(repr(limits.max_gross)))
    allowed = Allowed() if terms.simulated else Allowed(short=limits.short, max_gross=gross)
    return compare(
        judged(ledger, account), bars, as_of=moment, traded=tuple(traded(ledger.account(terms.shadow_of))),
        costs=terms.costs, fills=FillModel("close" if terms.simulated else "open"), terms=allowed,
        whole=not terms.simulated,
    )  # fmt: skip
