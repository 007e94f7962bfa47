"""An order as the venue's files keep it and its wire tells it; legs are tickets of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from aura_lib.core import iso, utc

ZERO = Decimal(0)
CLOSED = frozenset({"filled", "canceled", "expired", "rejected", "replaced", "done_for_day"})
_MONEY = ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent", "hwm", "ratio_qty")
_MONEY_KEPT = (*_MONEY, "size", "filled", "value")
_TIMES = (
    "created_at",
    "updated_at",
    "submitted_at",
    "filled_at",
    "expired_at",
    "canceled_at",
    "failed_at",
    "replaced_at",
)


@dataclass
class Ticket:
    """One order. `engine` is its name in the matching engine, which a chain of replacements shares.

    `waits` says that the engine does not have it yet: it comes with the first price from `due` on.
    """

    id: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    created_at: datetime
    number: int
    order_class: str = "simple"
    status: str = "accepted"
    qty: Decimal | None = None
    notional: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    hwm: Decimal | None = None
    ratio_qty: Decimal | None = None
    size: Decimal | None = None  # what a notional order came to
    extended_hours: bool = False
    position_intent: str = ""
    filled: Decimal = ZERO
    value: Decimal = ZERO  # of what was filled, quantity × price
    updated_at: datetime | None = None
    submitted_at: datetime | None = None
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str = ""
    replaces: str = ""
    parent: str = ""  # the id of the order that this is a leg of
    role: str = ""  # "take_profit", "stop_loss" or "leg"
    engine: str = ""
    waits: bool = False
    due: datetime | None = None
    legs: list[str] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether anything can still become of it."""
        return self.status not in CLOSED

    @property
    def left(self) -> Decimal:
        """What is not filled yet."""
        return self.asked - self.filled

    @property
    def asked(self) -> Decimal:
        """How much is wanted; zero while a notional order waits for its price."""
        return self.qty or self.size or ZERO

    @property
    def average(self) -> Decimal | None:
        """The price of what was filled."""
        return self.value / self.filled if self.filled else None

    def kept(self) -> dict[str, Any]:
        """As JSON, for the venue's own file."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Ticket:
        """The ticket that was kept."""
        words = dict(kept)
        for name in _MONEY_KEPT:
            words[name] = None if words[name] is None else Decimal(words[name])
        for name in (*_TIMES, "due"):
            words[name] = None if words[name] is None else utc(words[name], name)
        return Ticket(**words)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return iso(value) if isinstance(value, datetime) else value


def text(value: Decimal | None) -> str | None:
    """A number as the wire has it: plain digits, no exponent, no zeros behind."""
    if value is None:
        return None
    short = f"{value.quantize(Decimal('0.000000001')):f}"
    return short.rstrip("0").rstrip(".") if "." in short else short


def stamp(moment: datetime | None) -> str | None:
    """A moment as the wire has it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def told(ticket: Ticket, kind: str, asset: str, legs: list[dict[str, Any]] | None) -> dict[str, Any]:
    """As JSON, for the wire: prices and quantities as text."""
    average = ticket.average
    words: dict[str, Any] = {"id": ticket.id, "client_order_id": ticket.client_order_id}
    words |= {name: stamp(getattr(ticket, name)) for name in _TIMES}
    words |= {
        "replaced_by": ticket.replaced_by or None, "replaces": ticket.replaces or None,
        "asset_id": asset, "symbol": ticket.symbol, "asset_class": kind,
        "filled_qty": text(ticket.filled), "filled_avg_price": text(average),
        "order_class": ticket.order_class, "order_type": ticket.type, "type": ticket.type, "side": ticket.side,
        "time_in_force": ticket.time_in_force, "status": ticket.status, "extended_hours": ticket.extended_hours,
        "legs": legs, "subtag": None, "source": None,
    }  # fmt: skip
    words |= {name: text(getattr(ticket, name)) for name in _MONEY}
    if ticket.position_intent:
        words["position_intent"] = ticket.position_intent
    return words
