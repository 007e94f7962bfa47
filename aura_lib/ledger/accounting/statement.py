"""The statement of a month: what was there, what came and went, what was gained, what is there; by currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aura_lib.core import INCOME, Booking, BookingKind, DataError, Fill, InputError, Transfer
from aura_lib.ledger.accounting.history import tax_lots
from aura_lib.ledger.accounting.lot import Closed, Lot
from aura_lib.ledger.accounting.lots import Currencies, TaxLots
from aura_lib.ledger.accounting.pile import EXACT, ZERO

if TYPE_CHECKING:
    from aura_lib.ledger.views import AccountView, Event

Prices = Callable[[datetime], Mapping[str, Decimal]]  # what each symbol was worth at a moment


@dataclass(slots=True)
class Sums:
    """One currency in one month. Every amount is signed by what it did to the cash, or to the value, of the account.

    Cash: opening + deposits + transfers + bought + sold + settled + converted + income + fees = closing.
    Value: opening value + what was paid in and brought + income + fees + realised + unrealised = closing value.
    """

    currency: str
    opening: Decimal = ZERO
    deposits: Decimal = ZERO
    transfers: Decimal = ZERO  # money from and to other books
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    settled: Decimal = ZERO  # exercise, assignment, mergers, cash in lieu
    converted: Decimal = ZERO  # into or from other currencies
    income: Decimal = ZERO
    fees: Decimal = ZERO  # of trades too
    closing: Decimal = ZERO
    held_before: Decimal = ZERO  # holdings at the prices of the start
    held: Decimal = ZERO
    brought: Decimal = ZERO  # what units cost that were imported, or came from other books
    realised: Decimal = ZERO  # before fees
    unrealised: Decimal = ZERO  # its change over the month

    @property
    def flows(self) -> Decimal:
        """All that happened to the cash."""
        paid = self.deposits + self.transfers + self.converted + self.income + self.fees
        return paid + self.bought + self.sold + self.settled

    @property
    def value_before(self) -> Decimal:
        """Cash and holdings at the start."""
        return self.opening + self.held_before

    @property
    def value(self) -> Decimal:
        """Cash and holdings at the end."""
        return self.closing + self.held

    @property
    def explained(self) -> Decimal:
        """The value at the end as what was there, came, and was gained; equal to `value` to the last digit."""
        came = self.deposits + self.transfers + self.converted + self.brought
        return self.value_before + came + self.income + self.fees + self.realised + self.unrealised


@dataclass(frozen=True, slots=True)
class Statement:
    """One account, or one book of it, over a month: from `start` (exclusive) to `end` (inclusive), in `zone`."""

    account: str
    book: str | None
    owner: str
    currency: str
    month: str
    zone: str
    start: datetime
    end: datetime
    sums: tuple[Sums, ...]
    lots: tuple[Lot, ...]
    closed: tuple[Closed, ...]
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether opening and flows come to the closing cash, and the value is explained, in every currency."""
        with localcontext(EXACT):
            return all(s.opening + s.flows == s.closing and s.explained == s.value for s in self.sums)


def month_of(month: str, zone: str = "UTC") -> tuple[datetime, datetime]:
    """The last moment before a month ("2024-03") and its last one, by the clock of a zone; in UTC."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(zone))
    except (ValueError, KeyError) as error:
        raise InputError(f"a month is told as 2024-03, in a zone such as America/New_York: {error}") from None
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    tick = timedelta(microseconds=1)
    return first.astimezone(UTC) - tick, following.astimezone(UTC) - tick


def statement(
    view: AccountView,
    month: str,
    prices: Prices,
    *,
    book: str | None = None,
    zone: str = "UTC",
    wash_sales: bool = False,
    beside: Sequence[AccountView] = (),
) -> Statement:
    """What an account, or one book of it, did in a month ("2024-03", by the clock of `zone`).

    `prices` tells what each symbol was worth at a moment; what is held then without a price raises DataError.
    `wash_sales` and `beside` are those of `tax_lots`: a loss stands until the month in which the same was bought again,
    which takes it back.
    """
    start, end = month_of(month, zone)
    before, after = (tax_lots(view, as_of=at, wash_sales=wash_sales, beside=beside) for at in (start, end))
    old, held = before.open(book), after.open(book)
    was, marks = prices(start) if old else {}, prices(end) if held else {}
    with localcontext(EXACT):
        sums = cash_flows(view, book, start, end)
        for sign, lots, open_lots, at in ((-1, before, old, was), (1, after, held, marks)):
            _value(sums, sign, lots, book, open_lots, at)
    worth = {lot.instrument.symbol: marks[lot.instrument.symbol] for lot in held}
    named = tuple(sums[c] for c in sorted(sums, key=lambda c: (c != view.currency, c)))
    return Statement(
        view.name, book, view.owner, view.currency, month, zone, start, end, named, tuple(held),
        tuple(after.gone(book, start)), worth,
    )  # fmt: skip


def cash_flows(
    view: AccountView, book: str | None = None, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Sums]:
    """Currency → what happened to the cash in (start, end], by what it was; all before is its opening.

    Values, gains and what was brought stay zero.
    """
    sums = {view.currency: Sums(view.currency)}
    known = Currencies(view.currency)
    with localcontext(EXACT):
        for event in view.events:
            for currency, name, amount in _legs(event, book, known):
                if end is None or event.time <= end:
                    row = sums.setdefault(currency, Sums(currency))
                    name = name if start is None or event.time > start else "opening"
                    setattr(row, name, getattr(row, name) + amount)
        for each in sums.values():
            each.closing = each.opening + each.flows
    return sums


def _legs(event: Event, book: str | None, known: Currencies) -> Iterator[tuple[str, str, Decimal]]:
    """What an event did to the cash: currency, under which name, how much."""
    if isinstance(event, Transfer):
        sign = (event.target == book) - (event.source == book)
        if event.cash and sign:
            yield event.currency, "transfers", sign * event.cash
    elif book not in (None, event.book):
        known.see(event)
    elif isinstance(event, Fill):
        instrument, value = event.instrument, -event.signed * event.price * event.instrument.multiplier
        money = known.see(event)
        yield instrument.currency, "converted" if money else "sold" if value > 0 else "bought", value
        yield instrument.currency, "fees", -event.fee
        if money:
            yield instrument.base, "converted", event.signed
    else:
        known.see(event)
        yield event.currency, _name_of(event), event.cash
        if event.kind is BookingKind.CONVERSION and event.instrument is not None:
            yield event.instrument.base, "converted", event.quantity


def _name_of(booking: Booking) -> str:
    named = {
        BookingKind.DEPOSIT: "deposits", BookingKind.FEE: "fees", BookingKind.CONVERSION: "converted",
        BookingKind.TRANSFER: "transfers",
    }  # fmt: skip
    return "income" if booking.kind in INCOME else named.get(booking.kind, "settled")


def _value(
    sums: dict[str, Sums],
    sign: int,
    lots: TaxLots,
    book: str | None,
    held: Iterable[Lot],
    prices: Mapping[str, Decimal],
) -> None:
    """Add (or, at the start of the month, take off) what is held and what was gained so far."""
    for lot in held:
        symbol, row = lot.instrument.symbol, sums.setdefault(lot.instrument.currency, Sums(lot.instrument.currency))
        if symbol not in prices:
            raise DataError(f"no price for {symbol}, of which {lot.quantity} are held: the statement needs one")
        worth = lot.quantity * prices[symbol] * lot.instrument.multiplier
        row.unrealised += sign * (worth - lot.cost)
        if sign > 0:
            row.held += worth
        else:
            row.held_before += worth
    for closed in lots.gone(book):
        sums[closed.instrument.currency].realised += sign * closed.realised
    for name, currency, cost in lots.brought:
        if book in (None, name):
            sums[currency].brought += sign * cost
