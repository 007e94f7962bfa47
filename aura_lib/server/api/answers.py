"""What the API answers, as plain JSON values: money and quantities as text, times in ISO 8601 with their zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from aura_lib.core import DataError, Decision, Fill, Intent, NotFound, Order, Position, iso
from aura_lib.core.orders import PRICES
from aura_lib.execution import Preview
from aura_lib.execution.present import Present
from aura_lib.ledger import AccountView
from aura_lib.risk.pretrade import Use

T = TypeVar("T")


def text(value: Decimal | None) -> str | None:
    """A number as people write it, without an exponent."""
    return None if value is None else f"{value:f}"


def moment(value: datetime | None) -> str | None:
    """A moment in UTC."""
    return None if value is None else iso(value)


# ---- accounts ------------------------------------------------------------------------------------------------------
def heading(s: Present) -> dict[str, Any]:
    """What every account says of itself."""
    return {
        "name": s.terms.name,
        "class": s.terms.account_class.value,
        "broker": s.terms.broker,
        "currency": s.terms.currency,
        "owner": s.view.owner,
        "as_of": moment(s.as_of),
        "halted": s.halted,
        "drift": s.view.drift,
        "desk": {"alive": s.served, "silent_seconds": s.desk_silent},
        "open_orders": len(s.view.live),
    }


def account(s: Present) -> dict[str, Any]:
    """An account and its books: cash, positions, what they are worth, profit and loss."""
    books = [book(s, name) for name in sorted(s.view.cash)]
    return {**heading(s), **_worth(s, None), "books": books, "entries": s.view.n}


def book(s: Present, name: str) -> dict[str, Any]:
    """One book of an account."""
    held = s.view.account(name, s.as_of).positions
    positions = [_position(s, symbol, p) for symbol, p in sorted(held.items()) if p.quantity]
    return {"book": name, **_worth(s, name), "positions": positions}


def _worth(s: Present, name: str | None) -> dict[str, Any]:
    state = s.view.account(name, s.as_of)
    try:
        equity = text(state.equity(s.prices))
    except DataError:
        equity = None  # a holding or a currency without a price now
    return {
        "cash": text(state.cash),
        "balances": {currency: text(amount) for currency, amount in state.balances.items()},
        "equity": equity,
        "realised": text(sum((p.realised for p in state.positions.values()), Decimal(0))),
        "income": text(state.income),
        "fees": text(state.fees),
    }


def _position(s: Present, symbol: str, p: Position) -> dict[str, Any]:
    price = s.prices.get(symbol)
    value = None if price is None else p.value(price)
    return {
        "symbol": symbol,
        "quantity": text(p.quantity),
        "currency": p.instrument.currency,
        "average_cost": text(p.average_cost),
        "price": text(price),
        "value": text(value),
        "unrealised": None if value is None else text(value - p.value(p.average_cost)),
        "realised": text(p.realised),
    }


# ---- orders and fills ----------------------------------------------------------------------------------------------
def order(o: Order) -> dict[str, Any]:
    """An order and how far it is."""
    return {
        "client_id": o.client_id,
        "broker_id": o.broker_id,
        "parent": o.parent,
        "book": o.book,
        "basket": o.basket,
        **wish(o.intent),
        "status": o.status.value,
        "why": o.reason,
        "filled": text(o.filled),
        "remaining": text(o.remaining),
        "time": moment(o.time),
    }


def wish(i: Intent) -> dict[str, Any]:
    """What is wished."""
    return {
        "symbol": i.symbol,
        "side": i.side.value,
        "quantity": text(i.quantity),
        "type": i.type.value,
        **{name: text(value) for name in PRICES if (value := getattr(i, name)) is not None},
        "time_in_force": i.time_in_force.value,
        "extended_hours": i.extended_hours,
        "reason": i.reason,
    }


def fill(f: Fill) -> dict[str, Any]:
    """What the market did."""
    return {
        "execution_id": f.execution_id,
        "client_id": f.client_id,
        "book": f.book,
        "symbol": f.symbol,
        "side": f.side.value,
        "quantity": text(f.quantity),
        "price": text(f.price),
        "currency": f.instrument.currency,
        "fee": text(f.fee),
        "time": moment(f.time),
    }


def decision(d: Decision) -> dict[str, Any]:
    """A verdict on one order of a ticket."""
    return {"leg": d.leg, "symbol": d.symbol, "approved": d.approved, "rule": d.rule, "value": d.value,
            "limit": d.limit}  # fmt: skip


def preview(p: Preview) -> dict[str, Any]:
    """What an order would cost, and what the desk would say."""
    return {
        "order": wish(p.intent),
        "decision": decision(p.decision),
        "price": text(p.price),
        "value": text(p.value),
        "fee_at_most": text(p.fee),
        "cash": text(p.cash),
        "cash_after": text(p.cash_after),
        "held": text(p.held),
        "held_after": text(p.held_after),
    }


def use(u: Use) -> dict[str, Any]:
    """A limit, and what is taken of it."""
    limit = None if u.limit is None else repr(u.limit)
    return {"limit": u.name, "allowed": limit, "used": text(u.used), "by": u.by}


# ---- pages ---------------------------------------------------------------------------------------------------------
def page(
    rows: Sequence[T], name: Callable[[T], str], shown: Callable[[T], Mapping[str, Any]], *, limit: int, before: str
) -> dict[str, Any]:
    """The newest rows, or those before one of them; `next` is what to ask for after it, null at the end."""
    newest = rows[::-1]
    start = next((n + 1 for n, row in enumerate(newest) if name(row) == before), None) if before else 0
    if start is None:
        raise NotFound(f"there is no row {before!r} in this list")
    part = newest[start : start + limit]
    more = start + limit < len(newest)
    return {"rows": [shown(row) for row in part], "next": name(part[-1]) if more else None, "total": len(newest)}


def matching(rows: Iterable[T], book: str, symbol: str, of: Callable[[T], tuple[str, str]]) -> list[T]:
    """The rows of a book and a symbol; empty text stands for all."""
    return [row for row in rows if book in ("", of(row)[0]) and symbol.upper() in ("", of(row)[1])]


def of_basket(view: AccountView, basket: str) -> list[str]:
    """The orders that a basket became."""
    return [o.client_id for o in view.orders.values() if o.basket == basket and not o.parent]
