"""The tax lots of an account: its events in order, by the methods that counted when each was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import merge
from itertools import accumulate
from typing import TYPE_CHECKING

from aura_lib.core import InputError, Transfer, utc
from aura_lib.ledger.accounting.lots import TaxLots
from aura_lib.ledger.accounting.pile import Method

if TYPE_CHECKING:
    from aura_lib.ledger.views import AccountView, Event


def tax_lots(
    view: AccountView,
    *,
    method: Method | str | None = None,
    as_of: datetime | None = None,
    wash_sales: bool = False,
    beside: Sequence[AccountView] = (),
) -> TaxLots:
    """The lots of an account as they stand, or stood at a moment, by its own method or another.

    An account's own method is what it was set to when each event was written (`aura account lots --method`), first in
    first out where nobody set it; lots chosen for single sales come before either. With `wash_sales` losses are
    deferred by what was bought in any book, also of the accounts `beside` it, which are the same owner's; InputError
    is raised where costs are averaged.
    """
    until = utc(as_of) if as_of is not None else None
    if wash_sales:
        return _washed(view, method, until, beside)
    lots = TaxLots(view.currency, Method(method) if method else Method.FIFO, view.chosen)
    turns = [] if method else list(view.methods)
    start = 0
    for place, name, told in [*turns, (len(view.events), "", "")]:
        lots.apply(e for e in view.events[start:place] if until is None or e.time <= until)
        start = place
        if told and name:
            lots.methods[name] = Method(told)
        elif told:
            lots.method = Method(told)
    return lots


def _washed(
    view: AccountView, method: Method | str | None, until: datetime | None, beside: Sequence[AccountView]
) -> TaxLots:
    told = {method} if method else {name for each in (view, *beside) for _, _, name in each.methods}
    if Method.AVERAGE in told:
        raise InputError(f"account {view.name}: wash sales go lot by lot, not with average costs: ask with method fifo")
    chosen = {order: lots for each in (*beside, view) for order, lots in each.chosen.items()}
    streams = [_in_time(view.events, lambda book: book)]
    streams += [_in_time(other.events, lambda book, account=other.name: f"{account}/{book}") for other in beside]  # type: ignore[misc]
    events = (event for moment, event in merge(*streams, key=lambda pair: pair[0]))
    lots = TaxLots(view.currency, Method.FIFO, chosen, wash=True)
    return lots.apply(event for event in events if until is None or event.time <= until)


def _in_time(events: Sequence[Event], named: Callable[[str], str]) -> list[tuple[datetime, Event]]:
    """Events with the latest time up to each, which never goes back, and their books under other names."""
    peaks = accumulate((event.time for event in events), max)
    return [(peak, _renamed(event, named)) for peak, event in zip(peaks, events, strict=True)]


def _renamed(event: Event, named: Callable[[str], str]) -> Event:
    if isinstance(event, Transfer):
        return replace(event, source=named(event.source), target=named(event.target))
    return event if named(event.book) == event.book else replace(event, book=named(event.book))
