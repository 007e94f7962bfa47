"""The blotter: one row for everything that happened to an account, with its own currency and its time in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aura_lib.core import Fill, Transfer, utc

if TYPE_CHECKING:
    from aura_lib.ledger.views import AccountView, Event

COLUMNS = (
    "time", "book", "what", "symbol", "quantity", "price", "value", "fee", "cash", "currency", "order", "id", "note",
)  # fmt: skip


def blotter(
    view: AccountView, book: str | None = None, *, after: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Trades, bookings and transfers with after < time ≤ until, in order of time; amounts are Decimals.

    `cash` is what it did to the balance in `currency`, signed; `value` is quantity × price × multiplier.
    """
    start, end = (utc(moment) if moment is not None else None for moment in (after, until))
    rows = [row for row in _rows(view.events) if book in (None, row["book"])]
    kept = [r for r in rows if (start is None or r["time"] > start) and (end is None or r["time"] <= end)]
    return sorted(kept, key=lambda row: row["time"])


def _rows(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    for event in events:
        if isinstance(event, Fill):
            yield _row(
                event.time, event.book, event.side.value, event.symbol, event.signed, event.price, event.value,
                event.fee, event.cash, event.instrument.currency, event.client_id, event.execution_id, "",
            )  # fmt: skip
        elif isinstance(event, Transfer):
            for book, sign in ((event.source, -1), (event.target, 1)):
                currency = event.instrument.currency if event.instrument else event.currency
                yield _row(
                    event.time, book, "transfer", event.symbol, sign * event.quantity, event.price, None, None,
                    sign * event.cash, currency, "", event.id, f"from {event.source or '-'} to {event.target or '-'}",
                )  # fmt: skip
        else:
            note = event.note or (f"{event.units} {event.delivered.symbol}" if event.delivered else "")
            yield _row(
                event.time, event.book, event.kind.value, event.symbol, event.quantity, event.price, None, None,
                event.cash, event.currency, "", event.id, note,
            )  # fmt: skip


def _row(*cells: datetime | Decimal | str | None) -> dict[str, Any]:
    return dict(zip(COLUMNS, cells, strict=True))
