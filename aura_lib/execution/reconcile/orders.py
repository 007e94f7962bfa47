"""Orders and fills: what the ledger says of each, and what the broker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from aura_lib.core import (
    LIVE,
    TERMINAL,
    TRANSITIONS,
    UNSETTLED,
    BrokerOrder,
    Fill,
    Order,
    OrderStatus,
    digest,
    encode,
    iso,
)
from aura_lib.execution.reconcile.differences import Difference, Halts, Kind, Written
from aura_lib.execution.reconcile.told import Told, at_the_broker, touched
from aura_lib.ledger import AccountView

ZERO = Decimal(0)


def listed(told: Told, remarks: list[str]) -> dict[str, BrokerOrder]:
    """Every order the broker told of, once each (N-S08): of two reports the one that is further on counts."""
    reports: dict[str, BrokerOrder] = {}
    for report in (*(told.orders or ()), *(o for o in told.found.values() if o is not None)):
        known = reports.get(report.client_id)
        if known is not None and report.client_id not in told.found:
            remarks.append(f"order {report.client_id} was told twice in one listing; the later state counts")
        if known is None or _further(report) >= _further(known):
            reports[report.client_id] = report
    return reports


def _further(report: BrokerOrder) -> tuple[bool, Decimal]:
    return report.status in TERMINAL, report.filled


def missed_fills(view: AccountView, told: Told, reports: Mapping[str, BrokerOrder]) -> Iterator[Difference]:
    """Executions that are not booked (N-S02, N-S03), and those that are, but otherwise (N-S06)."""
    wanted = {fill.execution_id for _, fill in told.fills}
    known = {f.execution_id: f for f in view.fills if f.execution_id in wanted} if wanted else {}
    seen = {*view.parked, *view.busted}
    for cursor, fill in told.fills:
        if fill.execution_id in seen:
            continue
        seen.add(fill.execution_id)
        booked = known.get(fill.execution_id)
        if booked is None:
            yield _missed(attributed(view, fill, reports), cursor)
        elif (booked.signed, booked.price, booked.symbol) != (fill.signed, fill.price, fill.symbol):
            yield _otherwise(booked, attributed(view, fill, reports), cursor)


def parked(view: AccountView) -> Iterator[Difference]:
    """Executions that were told, and whose order nobody knows: a person may book them, to no book."""
    for fill in view.parked.values():
        yield Difference(
            Kind.FILL_PARKED, fill.execution_id, "", f"{fill.side.value} {fill.quantity} {fill.symbol} at {fill.price}",
            ("N-I11", "N-S04"), "the broker executed an order that neither it nor the ledger knows by name; it is kept "
            "until the order is known, and a person may book it as traded outside Aura", Halts.ACCOUNT, fill.symbol,
            (Written("fill", {"fill": encode(replace(fill, account=view.name, book="")), "cursor": ""},
                     f"fill:{fill.execution_id}"),),
        )  # fmt: skip


def attributed(view: AccountView, fill: Fill, reports: Mapping[str, BrokerOrder]) -> Fill:
    """The fill with the account and book of its order: its own, its bracket's; book "" when placed outside Aura."""
    order = view.orders.get(fill.client_id)
    if order is None and (report := reports.get(fill.client_id)) is not None:
        order = view.orders.get(report.parent)
    return replace(fill, account=view.name, book=order.book if order else "")


def _missed(fill: Fill, cursor: str) -> Difference:
    entry = Written("fill", {"fill": encode(fill), "cursor": cursor}, f"fill:{fill.execution_id}")
    told = f"{fill.side.value} {fill.quantity} at {fill.price}"
    return Difference(
        Kind.MISSED_FILL, fill.execution_id, "", told, ("N-S02", "N-S03", "N-I11"),
        f"the broker executed {told} of {fill.symbol} and it is not booked yet", symbol=fill.symbol,
        mending=(entry,), automatic=True,
    )  # fmt: skip


def _otherwise(ours: Fill, theirs: Fill, cursor: str) -> Difference:
    corrected = replace(theirs, execution_id=f"{ours.execution_id}:{digest(encode(theirs))[:8]}", fee=ours.fee)
    bust = {"execution_id": ours.execution_id, "by": corrected.execution_id, "why": "the broker corrected it"}
    return Difference(
        Kind.FILL_DIFFERS, ours.execution_id, f"{ours.side.value} {ours.quantity} at {ours.price}",
        f"{theirs.side.value} {theirs.quantity} at {theirs.price}", ("N-S06",),
        "the broker tells an execution that is booked with another price or quantity; what is booked stays until a "
        "person says otherwise", Halts.NOTHING if ours.signed == theirs.signed else Halts.SYMBOL, ours.symbol,
        mending=(
            Written("bust", bust, bust_key(ours.execution_id)),
            Written("fill", {"fill": encode(corrected), "cursor": cursor}, f"fill:{corrected.execution_id}"),
        ),
    )  # fmt: skip


def orders(
    view: AccountView,
    told: Told,
    reports: Mapping[str, BrokerOrder],
    fresh: Sequence[Fill],
    before: datetime,
    price: Callable[[Order, Decimal], Decimal | None],
) -> Iterator[Difference]:
    """Every order that is open, or that the broker tells of, then the orders that only the broker knows.

    `fresh` are fills that the broker told and that are not booked yet, `price` what a fill it did not tell may have
    cost, by its order and quantity; orders that were touched after `before` are left alone (N-I06).
    """
    filled: dict[str, Decimal] = {}
    for fill in fresh:
        filled[fill.client_id] = filled.get(fill.client_id, ZERO) + fill.quantity
    young = touched(view, before)
    told_of = [view.orders[name] for name in reports if name in view.orders and name not in view.live]
    for order in [*view.live.values(), *told_of]:
        booked = order.filled + filled.get(order.client_id, ZERO)
        if (report := reports.get(order.client_id)) is not None:
            yield from _against(view, order, report, booked, price)
        elif order.status in UNSETTLED:
            if order.client_id not in young:
                yield _unsettled(order, order.client_id in told.found)
        elif order.status in LIVE and at_the_broker(order) and order.client_id in told.found:
            yield _not_there(order)
    for report in reports.values():
        if report.client_id not in view.orders:
            yield from _foreign(view, report)


def _against(
    view: AccountView,
    order: Order,
    report: BrokerOrder,
    booked: Decimal,
    price: Callable[[Order, Decimal], Decimal | None],
) -> Iterator[Difference]:
    if order.intent.legs:
        yield from _package(order, report)
        return
    status = _standing(order, report, booked)
    if order.status in LIVE and status is not order.status and status in TRANSITIONS[order.status]:
        yield _status(order, report, status)
    elif order.status in TERMINAL and report.status in LIVE and booked < order.intent.quantity:
        yield _still_open(order, report)
    if report.filled > booked:
        yield _not_told(view, order, report, booked, price(order, report.filled - booked))
    elif report.filled < booked and (report.filled or report.status in TERMINAL):
        yield _taken_back(view, order, report, booked)


def _package(order: Order, report: BrokerOrder) -> Iterator[Difference]:
    """A package has no fills of its own: what is missing of them its legs tell, and its end waits for that."""
    status = _standing(order, report, order.filled)
    whole = status is not OrderStatus.FILLED or not order.remaining
    if order.filled < report.filled or not whole or status is order.status:
        return
    if order.status in LIVE and status in TRANSITIONS[order.status]:
        yield _status(order, report, status)
    elif order.status in TERMINAL and report.status in LIVE:
        yield _still_open(order, report)


def _standing(order: Order, report: BrokerOrder, booked: Decimal) -> OrderStatus:
    """How the order stands: as the broker says, but never without what is filled."""
    if report.status in TERMINAL or report.status in UNSETTLED or not booked:
        return report.status
    return OrderStatus.FILLED if booked >= order.intent.quantity else OrderStatus.PARTIALLY_FILLED


_CASES = {
    OrderStatus.CANCELLED: ("N-C03", "N-S05", "N-C08"),
    OrderStatus.EXPIRED: ("N-C04",),
    OrderStatus.REJECTED: ("N-C05", "N-R01"),
    OrderStatus.FILLED: ("N-S02",),
}


def _status(order: Order, report: BrokerOrder, status: OrderStatus) -> Difference:
    body = {"client_id": order.client_id, "status": status.value, "reason": report.reason}
    key = f"status:{order.client_id}:{order.status.value}:{status.value}:{order.filled}"
    kept = f", and the {order.filled} that were filled stay booked" if order.filled and status in TERMINAL else ""
    cases = ("N-S01", "N-R05", *_CASES.get(status, ())) + (("N-R02",) if order.status in UNSETTLED else ())
    return Difference(
        Kind.STATUS, order.client_id, order.status.value, status.value, cases,
        f"the broker says that the order is {status.value}{kept}", symbol=order.intent.symbol,
        mending=(Written("status", body, key),), automatic=True,
    )  # fmt: skip


def _still_open(order: Order, report: BrokerOrder) -> Difference:
    return Difference(
        Kind.STILL_OPEN, order.client_id, order.status.value, report.status.value, ("N-S01",),
        f"the ledger holds the order {order.status.value} and the broker still works it: cancel it there, its fills "
        "will be booked", Halts.SYMBOL, order.intent.symbol,
    )  # fmt: skip


def _unsettled(order: Order, denied: bool) -> Difference:
    """An order that may or may not have arrived, for longer than an answer takes.

    Where the published design calls it rejected once its retries run out (N-R03, N-C01, N-Q01), it stays unknown here:
    running out of patience is no evidence. The broker's proof that it never had the id lets the desk send it again.
    """
    theirs = "never had it" if denied else ""
    return Difference(
        Kind.UNSETTLED, order.client_id, order.status.value, theirs, ("N-R02", "N-R03", "N-C01", "N-Q01", "N-I06"),
        "the order may or may not have arrived: it stays unknown, counts as exposure, and nothing new is sent in its "
        "symbol until the broker tells", Halts.SYMBOL, order.intent.symbol,
    )  # fmt: skip


def _not_there(order: Order) -> Difference:
    """An order that the broker accepted and then denies.

    Where the published design closes it by itself (N-C02, N-C09), a person does here: the broker has contradicted
    itself, and which of its two words counts is not ours to guess.
    """
    body = {"client_id": order.client_id, "status": "cancelled", "reason": "the broker says that it never had it"}
    return Difference(
        Kind.NOT_THERE, order.client_id, order.status.value, "never had it",
        ("N-C02", "N-C06", "N-C07", "N-C09", "N-R04", "N-I05", "N-I07"),
        "the broker had accepted the order and now, asked for it by name among open and closed ones, says that it "
        "never had it", Halts.SYMBOL, order.intent.symbol,
        (Written("status", body, f"status:{order.client_id}:{order.status.value}:cancelled:{order.filled}"),),
    )  # fmt: skip


def _not_told(
    view: AccountView, order: Order, report: BrokerOrder, booked: Decimal, price: Decimal | None
) -> Difference:
    gap = report.filled - booked
    fact = f"{order.client_id}:{booked}:{report.filled}"
    mending: tuple[Written, ...] = ()
    if price is not None:
        fill = Fill(
            f"told:{digest([view.name, fact])[:24]}", order.client_id, view.name, order.book, order.intent.instrument,
            order.intent.side, gap, price, ZERO, report.time or order.time,
        )  # fmt: skip
        mending = (Written("fill", {"fill": encode(fill), "cursor": ""}, f"fill:{fill.execution_id}"),)
    return Difference(
        Kind.FILL_NOT_TOLD, order.client_id, f"{booked} filled", f"{report.filled} filled", ("N-S02", "N-S03"),
        f"the broker counts {gap} more filled than it told executions of; they usually follow, else a person may book "
        "them", Halts.SYMBOL, order.intent.symbol, mending,
    )  # fmt: skip


def _taken_back(view: AccountView, order: Order, report: BrokerOrder, booked: Decimal) -> Difference:
    gap = booked - report.filled
    taken = [f for f in view.fills if f.client_id == order.client_id and f.quantity == gap][-1:]
    mending = tuple(
        Written(
            "bust",
            {"execution_id": f.execution_id, "by": "", "why": "the broker took it back"},
            bust_key(f.execution_id),
        )
        for f in taken
    )
    return Difference(
        Kind.FILL_TAKEN_BACK, order.client_id, f"{booked} filled", f"{report.filled} filled", ("N-S06",),
        f"the broker counts {gap} less filled than it told executions of: it took a trade back", Halts.ACCOUNT,
        order.intent.symbol, mending,
    )  # fmt: skip


def bust_key(execution_id: str) -> str:
    """The journal's key of a trade that was taken back: once, whoever told of it."""
    return f"bust:{execution_id}"


def _foreign(view: AccountView, report: BrokerOrder) -> Iterator[Difference]:
    """An order that was placed outside Aura, or the leg of one of ours: known from here on (N-S04)."""
    if report.status in TERMINAL and not report.filled:
        return
    if report.intent is None:
        yield Difference(
            Kind.FOREIGN_ORDER, report.client_id, "", report.status.value, ("N-S04",),
            "the broker works an order that is not in the ledger and does not say what it is", Halts.ACCOUNT,
        )  # fmt: skip
        return
    parent, intent = view.orders.get(report.parent), report.intent
    order = Order(
        report.client_id, view.name, parent.book if parent else "", parent.basket if parent else "", 0, 1, intent,
        report.time or (parent.time if parent else view.reconciled or _EPOCH), report.status, parent=report.parent,
        broker_id=report.broker_id,
    )  # fmt: skip
    whose = f"a leg of {parent.client_id}" if parent else "placed outside Aura"
    yield Difference(
        Kind.FOREIGN_ORDER, report.client_id, "", f"{intent.side.value} {intent.quantity} {intent.symbol}", ("N-S04",),
        f"the broker works an order that is not in the ledger: {whose}", symbol=intent.symbol,
        mending=(Written("adopted", {"order": encode(order), "at": iso(order.time)}, f"order:{report.client_id}"),),
        automatic=True,
    )  # fmt: skip


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
