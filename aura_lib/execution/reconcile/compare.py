"""Ledger against broker: a pure comparison, and what would mend each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from aura_lib.core import Booking, Fill, Order, Position, Side, decode, encode
from aura_lib.execution.reconcile import orders, positions
from aura_lib.execution.reconcile.differences import Difference, Kind, Reconciliation, Written
from aura_lib.execution.reconcile.told import Told, booked_since
from aura_lib.ledger import AccountView

NO_TIME = timedelta(0)
ZERO = Decimal(0)


def compare(
    view: AccountView,
    told: Told,
    *,
    now: datetime,
    recent_window: timedelta = NO_TIME,
    earlier: Reconciliation | None = None,
    ignore: frozenset[str] = frozenset(),
    cash_step: Decimal = ZERO,
) -> Reconciliation:
    """What ledger and broker tell differently.

    Nothing here assumes: an open listing proves nothing about what it does not list (N-I05), a question that failed
    is no answer (N-I08, N-I13), a closed order that is not listed is no difference (N-I09), and our own fills are the
    history, which the broker's only fills gaps of (N-W01 to N-W06).

    Args:
        view: the account as its journal tells it.
        told: the broker's answers.
        now: the moment, by the desk's clock.
        recent_window: how long an answer that is on its way may take; a difference that is younger only settles.
        earlier: the comparison before this one; it knows how long each difference has been there.
        ignore: symbols and client ids that are somebody else's business (N-S07); nothing is ignored by itself.
        cash_step: the smallest amount that the broker books (0.01: it rounds each trade to cents).
    """
    remarks: list[str] = []
    found = list(_differences(view, told, now - recent_window, ignore, cash_step, remarks))
    found = [d for d in found if d.subject not in ignore and d.symbol not in ignore]
    known = earlier.since if earlier else {}
    since = {d.id: known.get(d.id, now) for d in found}
    standing = tuple(d for d in found if d.automatic or now - since[d.id] >= recent_window)
    settling = tuple(d for d in found if d not in standing)
    return Reconciliation(now, standing, settling, dict(told.unanswered), tuple(remarks), since)


def _differences(
    view: AccountView,
    told: Told,
    before: datetime,
    ignore: frozenset[str],
    cash_step: Decimal,
    remarks: list[str],
) -> Iterator[Difference]:
    reports = orders.listed(told, remarks)
    found = [*orders.missed_fills(view, told, reports), *_missed_bookings(view, told)]
    fresh = [f for f in _entries(view, found, Kind.MISSED_FILL) if isinstance(f, Fill)]
    found += orders.parked(view)
    found += orders.orders(view, told, reports, fresh, before, lambda o, q: _price(view, told, o, q))
    yield from found
    yield from positions.unattributed(view)
    if told.snapshot is None or "fills" in told.unanswered or "bookings" in told.unanswered:
        return  # nobody can tell a trade that was not told from one that was not made
    if told.snapshot.blocked:
        remarks.append(f"the broker lets the account trade nothing: {told.snapshot.blocked}")
    moment = min(before, told.snapshot.taken)
    ours = positions.Ours(view, booked_since(view, moment))
    remarks += ours.take(_entries(view, found), moment)
    aligned: list[Fill] = []
    for difference, fill in positions.alignments(ours, told.snapshot, told.prices, ignore):
        yield difference
        if fill is not None:
            aligned.append(fill)
    remarks += ours.take(aligned, told.snapshot.taken)
    yield from positions.cash(ours, told.snapshot, cash_step, lambda: _purse(view, aligned))


def _price(view: AccountView, told: Told, order: Order, quantity: Decimal) -> Decimal | None:
    """What a fill that was not told may have cost: as for any missing trade, and else the order's own price."""
    symbol = order.intent.symbol
    holding = told.snapshot.holdings.get(symbol) if told.snapshot else None
    position = view.account().positions.get(symbol) or Position(order.intent.instrument)
    gap = quantity * order.intent.side.sign
    explained = holding is not None and position.quantity + gap == holding.quantity
    fair = positions.fair_price(position, holding if explained else None, gap, told.prices.get(symbol))
    own = order.intent.limit_price or order.intent.stop_price or order.intent.take_profit
    return (fair if explained else None) or told.prices.get(symbol) or own or fair


def _missed_bookings(view: AccountView, told: Told) -> Iterator[Difference]:
    known = {b.id for b in view.bookings} if told.bookings else set()
    for cursor, booking in told.bookings:
        if booking.id in known:
            continue
        known.add(booking.id)
        what = f"{booking.kind.value} {booking.cash} {booking.currency} {booking.symbol}".strip()
        body = {"booking": encode(booking), "cursor": cursor}
        yield Difference(
            Kind.MISSED_BOOKING, booking.id, "", what, ("N-S02",), f"the broker booked {what} and it is not here yet",
            symbol=booking.symbol, mending=(Written("booking", body, f"booking:{booking.id}"),), automatic=True,
        )  # fmt: skip


def _entries(view: AccountView, found: Iterable[Difference], *kinds: Kind) -> list[Fill | Booking]:
    """What is offered, as it would count: the fills and bookings, and for a bust its fill undone."""
    entries: list[Fill | Booking] = []
    for written in (w for d in found if not kinds or d.kind in kinds for w in d.mending):
        if written.kind == "fill":
            entries.append(decode(Fill, written.body["fill"]))
        elif written.kind == "booking":
            entries.append(decode(Booking, written.body["booking"]))
        elif written.kind == "bust":
            entries.append(_undone(next(f for f in view.fills if f.execution_id == written.body["execution_id"])))
    return entries


def _undone(fill: Fill) -> Fill:
    side = Side.SELL if fill.side is Side.BUY else Side.BUY
    return replace(fill, side=side, fee=-fill.fee)


def _purse(view: AccountView, aligned: Sequence[Fill]) -> str:
    """The book that unexplained money belongs to: the only one there is, and else none."""
    names = [book for book in view.books if book]
    outside = any(not fill.book for fill in aligned)
    return names[0] if len(names) == 1 and not outside else ""
